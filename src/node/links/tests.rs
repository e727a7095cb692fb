//! Links of a node that nobody serves guests for, but for what the test says.

use super::*;
use crate::node::{Node, api::Accepting};
use bytes::Bytes;
use futures::TryStreamExt as _;
use std::{fs, net::Ipv4Addr, path::Path};

async fn node(home: &Path, accepting: Accepting) -> Node {
    Node::start(Settings {
        name: "anna".into(),
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        share: false,
        accepting,
        ..Settings::new(home)
    })
    .await
    .unwrap()
}

fn open(node: &Node) {
    node.guests().opened(Entrance::Open {
        port: 4567,
        fingerprint: "AA:BB".into(),
    });
}

#[tokio::test]
async fn a_link_leads_to_its_files_alone_and_can_be_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("photos");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.jpg"), "hello").unwrap();
    fs::write(folder.join("b.txt"), vec![7; 600_000]).unwrap();
    let node = node(home.path(), Accepting::Nobody).await;
    open(&node);
    let request = LinkRequest {
        paths: vec![folder.clone()],
        tls: true,
        pin: Some(String::new()),
        uses: Some(1),
        expires: Some(Duration::from_secs(60)),
        ..LinkRequest::default()
    };
    let wanted = node.guests().wanted();
    let (info, left) = node.add_link(request).await.unwrap();
    assert!(left.is_empty() && *wanted.borrow());
    assert_eq!(
        (info.files, info.size, &*info.name),
        (2, 600_005, "photos/")
    );
    let start = "https://127.0.0.1:4567/";
    let token = info.address.strip_prefix(start).unwrap();
    let token = Token::parse(token.strip_suffix('/').unwrap()).unwrap();
    assert_eq!(info.pin.as_ref().unwrap().len(), 6);
    assert_eq!(info.fingerprint.as_deref(), Some("AA:BB"));
    let link = node.guests().find(token).unwrap();
    assert!(link.named("photos/../photos/a.jpg").is_none());
    let file = link.named("photos/b.txt").unwrap();
    let open = file.open().await.unwrap();
    let bytes: Vec<Bytes> = open.stream(10..599_990).try_collect().await.unwrap();
    let all = bytes.concat();
    assert!(all.len() == 599_980 && all.iter().all(|byte| *byte == 7));
    let (a, b) = (link.pass(Place(1)), link.pass(Place(2)));
    assert!(a != b && a.len() == 32);
    assert_eq!(node.links(), [info]);
    let over = link.over();
    node.remove_link(1).unwrap();
    over.await;
    assert!(node.guests().find(token).is_none() && !*wanted.borrow());
    assert!(matches!(node.remove_link(1), Err(LinkError::Unknown(1))));
    node.leave().await;
}

#[tokio::test]
async fn what_makes_no_link_is_refused_with_a_reason() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a"), "").unwrap();
    let node = node(home.path(), Accepting::Nobody).await;
    let a = LinkRequest {
        paths: vec![home.path().join("a")],
        ..LinkRequest::default()
    };
    let upload = LinkRequest {
        upload: true,
        ..LinkRequest::default()
    };
    let wrong = [
        LinkRequest::default(),
        LinkRequest {
            upload: true,
            ..a.clone()
        },
        LinkRequest {
            uses: Some(0),
            ..a.clone()
        },
        LinkRequest {
            uses: Some(1001),
            ..a.clone()
        },
        LinkRequest {
            expires: Some(Duration::ZERO),
            ..a.clone()
        },
        LinkRequest {
            pin: Some("x".repeat(65)),
            ..a.clone()
        },
        LinkRequest {
            paths: vec![home.path().join("b")],
            ..LinkRequest::default()
        },
        upload,
    ];
    for request in wrong {
        assert!(node.add_link(request.clone()).await.is_err(), "{request:?}");
    }
    node.guests()
        .opened(Entrance::Failed("the port is taken".into()));
    let error = node.add_link(a.clone()).await.unwrap_err().to_string();
    assert!(error.contains("the port is taken"), "{error}");
    assert!(node.links().is_empty() && !*node.guests().wanted().borrow());
    open(&node);
    for _ in 0..MAX_LINKS {
        node.add_link(a.clone()).await.unwrap();
    }
    let full = node.add_link(a).await;
    assert!(matches!(full, Err(LinkError::TooMany(MAX_LINKS))));
    node.leave().await;
}
