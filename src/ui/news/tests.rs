use super::*;
use tokio::sync::broadcast;

fn came(node: u8, key_changed: bool, visiting: bool) -> NodeEvent {
    NodeEvent::PeerJoined {
        node: NodeId([node; 32]),
        name: format!("n{node}"),
        before: None,
        key_changed,
        visiting,
    }
}

fn joined(node: u8) -> NodeEvent {
    came(node, false, false)
}

fn left(node: u8) -> NodeEvent {
    went(node, false)
}

fn went(node: u8, visiting: bool) -> NodeEvent {
    NodeEvent::PeerLeft {
        node: NodeId([node; 32]),
        name: format!("n{node}"),
        announced: true,
        visiting,
    }
}

async fn told(news: &mut News) -> String {
    match tokio::time::timeout(STAY * 2, news.next()).await {
        Ok(Ok(NodeEvent::PeerJoined { name, .. })) => format!("{name} joined"),
        Ok(Ok(NodeEvent::PeerLeft { name, .. })) => format!("{name} left"),
        Ok(Ok(NodeEvent::CatalogChanged { .. })) => "catalog".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_at_once_is_not_mentioned_and_who_stays_is() {
    let (events, receiver) = broadcast::channel(16);
    let mut news = News::new(receiver, false);
    for event in [joined(1), joined(2), left(1)] {
        drop(events.send(event));
    }
    assert_eq!(told(&mut news).await, "catalog");
    assert_eq!(told(&mut news).await, "n2 joined");
    drop(events.send(left(2)));
    assert_eq!(told(&mut news).await, "n2 left");
    assert!(told(&mut news).await.contains("Elapsed"));
}

#[tokio::test(start_paused = true)]
async fn who_says_that_it_only_looks_is_not_mentioned_however_long_it_takes() {
    let (events, receiver) = broadcast::channel(16);
    let mut news = News::new(receiver, false);
    drop(events.send(came(1, false, true)));
    assert_eq!(told(&mut news).await, "catalog");
    assert!(told(&mut news).await.contains("Elapsed"));
    drop(events.send(went(1, true)));
    assert_eq!(told(&mut news).await, "catalog");
    // Who begins to offer something after all is told of, and so is who bears a known name with
    // another key.
    for event in [came(2, false, true), came(2, false, false)] {
        drop(events.send(event));
    }
    assert_eq!(told(&mut news).await, "catalog");
    assert_eq!(told(&mut news).await, "n2 joined");
    drop(events.send(came(3, true, true)));
    assert_eq!(told(&mut news).await, "n3 joined");
}

#[tokio::test(start_paused = true)]
async fn programs_hear_everything_at_once() {
    let (events, receiver) = broadcast::channel(16);
    let mut news = News::new(receiver, true);
    for event in [joined(1), left(1)] {
        drop(events.send(event));
    }
    assert_eq!(told(&mut news).await, "n1 joined");
    assert_eq!(told(&mut news).await, "n1 left");
}
