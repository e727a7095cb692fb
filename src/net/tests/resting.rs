//! Nodes with which no connection is kept.

use super::*;

async fn answered(node: &mut Node) {
    node.until(|event| match event {
        NetEvent::Request { reply, .. } => {
            reply.send(Response::Done);
            Some(())
        }
        _ => None,
    })
    .await;
}

fn question() -> Request {
    Request::CatalogChanged {
        epoch: 1,
        revision: 1,
    }
}

#[tokio::test]
async fn who_rests_is_dialled_when_something_is_asked() {
    let (a, mut b) = (Node::new(1), Node::new(2));
    let unknown = a.net.request(b.id(), question()).await;
    assert_eq!(unknown, Err(RequestError::NotConnected));
    a.net.rest(b.id(), b.net.addresses());
    // Two at once are one dial.
    let id = b.id();
    let asking =
        async { tokio::join!(a.net.request(id, question()), a.net.request(id, question())) };
    let answering = async {
        answered(&mut b).await;
        answered(&mut b).await;
    };
    let (both, ()) = tokio::join!(asking, answering);
    assert_eq!(both, (Ok(Response::Done), Ok(Response::Done)));
    assert_eq!(a.net.connections_to(b.id()).await, 1);
}

#[tokio::test]
async fn paths_and_streams_to_who_rests_are_made_as_well() {
    let (a, mut b) = (Node::new(1), Node::new(2));
    a.net.rest(b.id(), b.net.addresses());
    let paths = a.net.paths(b.id()).await;
    assert_eq!(paths.len(), 1);
    a.net.disconnect(b.id()).await;
    b.disconnected().await;
    let mut stream = a
        .net
        .chunk_stream(b.id())
        .await
        .expect("it was not dialled");
    stream.write_all(b"x").await.unwrap();
    stream.flush().await.unwrap();
    b.stream().await;
}

#[tokio::test]
async fn who_rests_and_is_not_there_is_said_to_be_away() {
    let (mut a, b) = (Node::new(1), Node::new(2));
    let (id, addresses) = (b.id(), b.net.addresses());
    b.net.shutdown().await;
    a.net.rest(id, addresses.clone());
    assert_eq!(
        a.net.request(id, question()).await,
        Err(RequestError::NotConnected)
    );
    a.dial_failed().await;
    assert!(a.net.paths(id).await.is_empty());
    assert!(matches!(
        a.net.chunk_stream(id).await,
        Err(StreamError::NotConnected)
    ));
    // One that does not rest any more is not even tried.
    let b = Node::new(2);
    a.net.rest(id, b.net.addresses());
    a.net.rest(id, Vec::new());
    assert_eq!(
        a.net.request(id, question()).await,
        Err(RequestError::NotConnected)
    );
}
