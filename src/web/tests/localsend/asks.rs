//! Asks that end otherwise than by an answer.

use super::*;

#[tokio::test]
async fn a_session_that_is_never_finished_ends_and_leaves_nothing() {
    let near = near(Accepting::All).await;
    let files = [file("a", b"hello", false), file("b", b"hello", false)];
    let ask = prepare(&near.app, "x", files);
    let answer = near.ask(&ask).await.json();
    let session = Session {
        near: &near,
        answer,
    };
    assert_eq!(session.put("0", b"hello").await, 200);
    // The other one breaks off, and nobody comes back.
    let head = format!(
        "POST /api/localsend/v2/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe",
        session.path("1")
    );
    let connector = near.app.connector(near.pinned).unwrap();
    let stream = TcpStream::connect(near.at).await.unwrap();
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    until("its end", || {
        near.node.jobs()[0].state.has_ended().then_some(())
    })
    .await;
    assert!(near.here("a").is_some() && near.here("b").is_none());
    until("an empty spool", || (near.left_behind() == 0).then_some(())).await;
    assert_eq!(session.put("1", b"hello").await, 403);
    near.end().await;
}

#[tokio::test]
async fn who_goes_away_or_cancels_takes_the_ask_back() {
    let near = near(Accepting::Person).await;
    let mut events = near.node.events();
    let ask = prepare(&near.app, "x", [file("a", b"hello", false)]);
    let gone = async |events: &mut tokio::sync::broadcast::Receiver<NodeEvent>| {
        let gone =
            async { while !matches!(events.recv().await.unwrap(), NodeEvent::AskGone { .. }) {} };
        timeout(DEADLINE, gone).await.expect("it is gone");
    };
    tokio::select! {
        _ = near.ask(&ask) => panic!("nobody answered"),
        () = near.asked(|_| ()) => {}
    }
    gone(&mut events).await;
    assert!(near.node.asks().is_empty());
    // Without a session, what is asked from there ends; with one, that.
    let (answer, ()) = tokio::join!(near.ask(&ask), async {
        near.asked(|_| ()).await;
        assert_eq!(near.post(true, "cancel", b"").await.status, 200);
    });
    assert_eq!(answer.status, 403);
    gone(&mut events).await;
    let session = near.accepted(&ask).await;
    let path = format!("cancel?sessionId={}", session.id());
    assert_eq!(near.post(true, &path, b"").await.status, 200);
    assert_eq!(session.put("0", b"hello").await, 403);
    until("its end", || {
        near.node.jobs()[0].state.has_ended().then_some(())
    })
    .await;
    // A no is one.
    let (answer, ()) = tokio::join!(near.ask(&ask), async {
        let number = near.asked(|ask| ask.number).await;
        near.node.refuse(number).unwrap();
    });
    assert_eq!(answer.status, 403);
    near.end().await;
}

#[tokio::test]
async fn one_place_has_one_ask_open_and_is_told_so() {
    let near = near(Accepting::Person).await;
    let ask = prepare(&near.app, "x", [file("a", b"hello", false)]);
    tokio::select! {
        _ = near.ask(&ask) => panic!("nobody answered"),
        () = async {
            near.asked(|_| ()).await;
            assert_eq!(near.ask(&ask).await.status, 409);
        } => {}
    }
    near.end().await;
}
