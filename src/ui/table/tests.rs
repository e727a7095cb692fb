use super::*;
use crate::{
    core::id::{FileId, NodeId},
    node::{Owner, Via},
};
use std::time::Duration;

fn listing(name: &str) -> Listing {
    Listing {
        name: name.into(),
        id: FileId([0xab; 32]),
        size: 3_355_443,
        media: "image/jpeg".into(),
        mtime: 951_782_400,
        owners: Vec::new(),
        at: Vec::new(),
        shared: false,
        others: 2,
        holders: 2,
        copies: 3,
        keepers: 0,
        replica: false,
        mine: false,
        older: false,
    }
}

#[test]
fn columns_are_aligned_and_names_are_whole_without_a_width() {
    let long = "photos/".repeat(30);
    let text = listings(&[listing("a.jpg"), listing(&long)], false, None);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[2].starts_with(&long));
    let at = lines[0].find("ID").expect("a header");
    assert!(
        lines[1..].iter().all(|line| line[at..] == *"ababababab"),
        "{text}"
    );
}

#[test]
fn a_short_table_looks_like_this() {
    assert_eq!(
        listings(&[listing("a.jpg")], false, Some(80)),
        "NAME      SIZE  TYPE        HOLDERS  COPIES  ID\n\
             a.jpg  3.2 MiB  image/jpeg        2       3  ababababab"
    );
}

#[test]
fn what_lives_on_as_copies_only_is_marked() {
    let kept = Listing {
        holders: 0,
        copies: 2,
        replica: true,
        ..listing("b.jpg")
    };
    assert_eq!(
        listings(&[listing("a.jpg"), kept], false, Some(80)),
        "NAME      SIZE  TYPE        HOLDERS    COPIES  ID\n\
             a.jpg  3.2 MiB  image/jpeg        2         3  ababababab\n\
             b.jpg  3.2 MiB  image/jpeg        0  2 (kept)  ababababab"
    );
}

#[test]
fn a_long_table_shows_whose_it_is_and_what_is_ones_own() {
    let person = |name: &str| Owner {
        node: NodeId([7; 32]),
        name: name.into(),
    };
    let rows = [
        Listing {
            owners: vec![person("anna"), person("bob")],
            ..listing("a.jpg")
        },
        Listing {
            shared: true,
            mine: true,
            ..listing("b.jpg")
        },
        Listing {
            older: true,
            at: vec![person("carl")],
            ..listing("b.jpg")
        },
        listing("c.jpg"),
    ];
    assert_eq!(
        listings(&rows, true, Some(100)),
        "NAME   OWNER           CHANGED                  SIZE  HOLDERS  COPIES  ID\n\
             a.jpg  anna, bob       2000-02-29 00:00 UTC  3.2 MiB        2       3  ababababab\n\
             b.jpg  you             2000-02-29 00:00 UTC  3.2 MiB  2 (you)       3  ababababab\n\
             b.jpg  older, at carl  2000-02-29 00:00 UTC  3.2 MiB        2       3  ababababab\n\
             c.jpg  -               2000-02-29 00:00 UTC  3.2 MiB        2       3  ababababab"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let names = [
        "x".repeat(300),
        "漢字".repeat(100),
        "a\u{1b}[31m".repeat(50),
    ];
    let rows: Vec<_> = names.iter().map(|name| listing(name)).collect();
    for width in [40, 50, 70, 80, 81, 120] {
        let text = listings(&rows, width % 20 == 0, Some(width));
        for line in text.lines() {
            assert!(line.width() <= width, "{} > {width}: {line}", line.width());
        }
        assert!(!text.contains('\u{1b}'));
    }
}

#[test]
fn a_narrow_terminal_shows_fewer_columns() {
    let text = listings(&[listing("holiday-in-norway.jpg")], false, Some(42));
    assert_eq!(
        text,
        "NAME             SIZE  HOLDERS  ID\n\
             holida…y.jpg  3.2 MiB        2  ababababab"
    );
}

#[test]
fn a_cut_name_keeps_both_ends() {
    assert_eq!(cut_middle("holiday-in-norway.jpg", 11), "holid…y.jpg");
    assert_eq!(cut_middle("a.jpg", 5), "a.jpg");
    assert_eq!(cut_middle("漢字漢字", 5), "漢…字");
    assert_eq!(cut_middle("abc", 1), "…");
}

#[test]
fn peers_show_what_is_not_known_as_a_dash() {
    let peer = PeerInfo {
        node: NodeId([7; 32]),
        name: "alice".into(),
        key_changed: false,
        visiting: false,
        unproven: false,
        via: Via::Lan,
        address: "192.0.2.1:4000".into(),
        rtt: None,
        offers: 12,
    };
    let measured = PeerInfo {
        rtt: Some(Duration::from_micros(420)),
        ..peer.clone()
    };
    let neighbour = PeerInfo {
        node: NodeId::localsend(&[0xab; 32]),
        name: "LocalSend: Nice Orange".into(),
        via: Via::LocalSend,
        unproven: true,
        ..peer.clone()
    };
    let shown = peers(&[neighbour], None);
    assert!(
        shown.contains("LocalSend: Nice Orange  ABABABAB (unproven)  localsend"),
        "{shown}"
    );
    let text = peers(&[peer, measured], Some(80));
    let short = NodeId([7; 32]).short();
    assert_eq!(
        text,
        format!(
            "NAME   ID        VIA  ADDRESS            RTT  OFFERS\n\
                 alice  {short}  lan  192.0.2.1:4000       -      12\n\
                 alice  {short}  lan  192.0.2.1:4000  0.4 ms      12"
        )
    );
}
