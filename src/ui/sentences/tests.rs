//! What people read, word for word.

use super::*;
use crate::core::{changes::Change, id::NodeId};

#[test]
fn people_come_and_go() {
    let node = NodeId([7; 32]);
    let left = |announced| NodeEvent::PeerLeft {
        node,
        name: "alice".into(),
        announced,
        visiting: false,
    };
    let joined = NodeEvent::PeerJoined {
        node,
        name: "ali\u{1b}ce".into(),
        before: None,
        key_changed: false,
        visiting: false,
    };
    assert_eq!(
        event(&joined).as_deref(),
        Some(&*format!("ali\\u{{1b}}ce joined ({})", node.short()))
    );
    let other = NodeEvent::PeerJoined {
        node,
        name: "alice".into(),
        before: None,
        key_changed: true,
        visiting: false,
    };
    assert!(event(&other).is_some_and(|text| text.contains("NOT the key known")));
    let again = NodeEvent::PeerJoined {
        node,
        name: "alicia".into(),
        before: Some("ali\u{1b}ce".into()),
        key_changed: false,
        visiting: false,
    };
    assert!(event(&again).is_some_and(|text| text.ends_with("who was called ali\\u{1b}ce before")));
    let renamed = |key_changed| NodeEvent::PeerRenamed {
        node,
        name: "alicia".into(),
        before: "alice".into(),
        key_changed,
    };
    assert_eq!(
        event(&renamed(false)),
        Some(format!("alice is called alicia now ({})", node.short()))
    );
    assert!(event(&renamed(true)).is_some_and(|text| text.contains("NOT the key known")));
    assert_eq!(event(&left(true)).as_deref(), Some("alice left"));
    assert_eq!(event(&left(false)).as_deref(), Some("alice went silent"));
    assert_eq!(event(&NodeEvent::CatalogChanged { node }), None);
}

#[test]
fn files_are_offered_and_withdrawn() {
    let (name, size) = ("a\rb".to_owned(), 1024);
    let offered = NodeEvent::Offered {
        name: name.clone(),
        size,
    };
    // Programs hear of each file, people of what they do.
    assert_eq!(event(&offered), None);
    let offered = NodeEvent::Files(Change::New { name, size });
    let scanned = |files| NodeEvent::Scanned {
        files,
        bytes: 2048,
        read: 0,
    };
    assert_eq!(event(&offered).as_deref(), Some("offering a\\rb, 1.0 KiB"));
    assert_eq!(
        event(&scanned(1)).as_deref(),
        Some("offering 1 file, 2.0 KiB")
    );
    assert!(event(&scanned(0)).is_some_and(|text| text.contains("nothing yet")));
}
