//! Two nodes that dialled each other at once.

use super::*;

/// Waits until both ends count so many connections.
async fn counted(a: &Node, b: &Node, wanted: usize) {
    let search = async {
        loop {
            let there = a.net.connections_to(b.id()).await;
            let back = b.net.connections_to(a.id()).await;
            if (there, back) == (wanted, wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(DEADLINE, search).await;
    found.expect("another number of connections");
}

#[tokio::test]
async fn one_of_two_connections_is_closed_and_questions_on_it_are_answered() {
    let (mut a, mut b) = (Node::new(1), Node::new(2));
    a.dial(&b).await;
    a.connected().await;
    b.connected().await;
    // Without a name, as by an address that a person gave: connected or not.
    b.net.dial(None, a.net.addresses()).await;
    counted(&a, &b, 2).await;
    // What is asked all the while is answered, on whichever it goes.
    let (net, other) = (a.net.clone(), b.id());
    let asking = tokio::spawn(async move {
        let request = Request::CatalogChanged {
            epoch: 1,
            revision: 1,
        };
        loop {
            if net.request(other, request.clone()).await.is_err() {
                return;
            }
        }
    });
    let answering = async {
        loop {
            b.until(|event| match event {
                NetEvent::Request { reply, .. } => {
                    reply.send(Response::Done);
                    Some(())
                }
                NetEvent::Disconnected { .. } => panic!("the last one was closed"),
                _ => None,
            })
            .await;
        }
    };
    let closed = async {
        while a.net.connections_to(other).await != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = answering => {}
        found = tokio::time::timeout(DEADLINE, closed) => found.expect("both stayed"),
    }
    assert!(!asking.is_finished(), "a question was lost");
    asking.abort();
}
