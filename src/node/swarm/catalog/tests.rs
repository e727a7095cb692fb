use super::{
    theirs::{FLOOR, MAX_OFFERS},
    *,
};
use crate::core::id::NodeId;

fn offer(size: u64) -> Offer {
    Offer {
        size,
        mtime: 0,
        executable: false,
        mode: None,
        media: "text/plain".into(),
        held: Held::Shared,
        parts: None,
    }
}

fn name(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn follow(peer: &mut PeerCatalog, own: &OwnCatalog) -> usize {
    let mut pages = 0;
    loop {
        let (epoch, since) = peer.position();
        let page = own.page(epoch, since);
        let more = page.more;
        peer.apply(page, MAX_CATALOGS);
        pages += 1;
        if !more {
            return pages;
        }
    }
}

#[test]
fn a_new_name_or_no_room_any_more_is_news_though_nothing_else_changed() {
    let mut own = OwnCatalog::new("me".into(), 5, true).with(true, false);
    let mut peer = PeerCatalog::default();
    follow(&mut peer, &own);
    let (_, before) = own.version();
    own.rename("anna".into());
    own.set_keeps(false);
    assert_eq!(own.version(), (5, before + 2));
    own.set_keeps(false);
    assert_eq!(own.version(), (5, before + 2), "nothing changed");
    let (epoch, since) = peer.position();
    let page = own.page(epoch, since);
    assert_eq!((page.name.as_str(), page.unchosen), ("anna", false));
    follow(&mut peer, &own);
    assert!(!peer.keeps());
}

#[test]
fn a_peer_that_follows_knows_the_same() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    let mut peer = PeerCatalog::default();
    for at in 0..1300 {
        own.set(&name(&format!("f{at}")), FileId([1; 32]), Some(offer(at)));
    }
    assert_eq!(follow(&mut peer, &own), 3);
    assert_eq!(peer.offers().count(), 1300);
    own.set(&name("f7"), FileId([1; 32]), None);
    own.set(&name("f8"), FileId([1; 32]), Some(offer(99)));
    assert!(
        !own.set(&name("f8"), FileId([1; 32]), Some(offer(99))),
        "nothing changed"
    );
    assert!(peer.is_behind(5, own.version().1));
    assert_eq!(follow(&mut peer, &own), 1);
    assert_eq!(peer.offers().count(), 1299);
    assert!(
        peer.offers()
            .any(|(name, _, offer)| name == "f8" && offer.size == 99)
    );
}

#[test]
fn what_is_counted_is_what_is_there() {
    let mut own = OwnCatalog::new("me".into(), 5, true).with(false, true);
    let mut peer = PeerCatalog::default();
    let counted = |peer: &PeerCatalog| {
        let held = |held| {
            peer.offers()
                .filter(|(.., offer)| offer.held == held)
                .count()
        };
        let whole = held(Held::Shared) + held(Held::Fetched);
        assert_eq!(peer.own_names() as usize, whole);
        assert_eq!(peer.is_visiting(), held(Held::Shared) == 0);
        whole
    };
    follow(&mut peer, &own);
    assert_eq!(counted(&peer), 0);
    let with = |held| Some(Offer { held, ..offer(1) });
    for (at, held) in [Held::Shared, Held::Fetched, Held::Partial, Held::Replica]
        .into_iter()
        .enumerate()
    {
        own.set(&name(&format!("f{at}")), FileId([1; 32]), with(held));
        follow(&mut peer, &own);
        counted(&peer);
    }
    assert_eq!(counted(&peer), 2);
    own.set(&name("f2"), FileId([1; 32]), with(Held::Fetched));
    own.set(&name("f0"), FileId([1; 32]), None);
    follow(&mut peer, &own);
    assert_eq!(counted(&peer), 2);
    let anew = OwnCatalog::new("me".into(), 6, true).with(false, true);
    follow(&mut peer, &anew);
    assert_eq!(counted(&peer), 0);
}

#[test]
fn a_restart_makes_everyone_start_anew() {
    let mut peer = PeerCatalog::default();
    let mut own = OwnCatalog::new("me".into(), 5, true);
    own.set(&name("old"), FileId([1; 32]), Some(offer(1)));
    follow(&mut peer, &own);
    let mut own = OwnCatalog::new("me".into(), 6, true);
    own.set(&name("new"), FileId([1; 32]), Some(offer(1)));
    follow(&mut peer, &own);
    assert_eq!(
        peer.offers().map(|(name, ..)| name).collect::<Vec<_>>(),
        ["new"]
    );
}

#[test]
fn forgotten_removals_make_the_laggard_start_anew() {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    let mut peer = PeerCatalog::default();
    own.set(&name("gone"), FileId([0; 32]), Some(offer(1)));
    follow(&mut peer, &own);
    own.set(&name("gone"), FileId([0; 32]), None);
    for at in 0..=MAX_REMOVALS {
        let name = name(&format!("x{at}"));
        own.set(&name, FileId([1; 32]), Some(offer(1)));
        own.set(&name, FileId([1; 32]), None);
    }
    own.set(&name("kept"), FileId([2; 32]), Some(offer(1)));
    follow(&mut peer, &own);
    assert_eq!(
        peer.offers().map(|(name, ..)| name).collect::<Vec<_>>(),
        ["kept"]
    );
}

#[test]
fn names_that_would_leave_the_folder_are_left_out() {
    let mut peer = PeerCatalog::default();
    let entry = |revision, name: &str| CatalogEntry {
        revision,
        name: name.into(),
        file: FileId([1; 32]),
        offer: Some(offer(1)),
    };
    let entries = vec![
        entry(1, "../x"),
        entry(2, "/etc/passwd"),
        entry(3, "ok"),
        entry(4, "a\u{0}b"),
    ];
    let name = "n".into();
    peer.apply(
        CatalogPage {
            name,
            keeps: true,
            unchosen: false,
            visiting: false,
            epoch: 1,
            revision: 4,
            reset: false,
            more: false,
            entries,
            scan: None,
        },
        MAX_CATALOGS,
    );
    assert_eq!(
        peer.offers().map(|(name, ..)| name).collect::<Vec<_>>(),
        ["ok"]
    );
}

#[test]
fn the_same_name_with_other_contents_is_another_row() {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    own.set(&name("a"), FileId([1; 32]), Some(offer(1)));
    let mut peer = PeerCatalog::default();
    follow(&mut peer, &own);
    let mut other = OwnCatalog::new("you".into(), 1, true);
    other.set(&name("a"), FileId([2; 32]), Some(offer(2)));
    other.set(&name("b"), FileId([1; 32]), Some(offer(1)));
    let mut second = PeerCatalog::default();
    follow(&mut second, &other);
    let offering = |node, catalog| Offering {
        node: NodeId([node; 32]),
        name: "n",
        catalog,
    };
    let peers = [offering(1, &peer), offering(2, &second)];
    let nobody = OwnCatalog::new("x".into(), 1, true);
    let rows = listings(&nobody, &peers, |_, _| true);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.id.0[0], row.holders))
        .collect();
    assert_eq!(seen, [("a", 1, 2), ("a", 2, 1), ("b", 1, 2)]);
}

#[test]
fn patterns_mean_what_people_expect() {
    assert!(Pattern::for_list(Some("*.JPG")).matches("a/b.JPG"));
    assert!(Pattern::for_list(Some("rep")).matches("My Report.pdf"));
    assert!(!Pattern::for_download("rep").matches("report"));
    assert!(Pattern::for_download("photos/").matches("photos/a/b.jpg"));
    assert!(!Pattern::for_download("photos/").matches("photosx/a"));
    assert!(Pattern::for_download("photos/*.jpg").matches("photos/a.jpg"));
    assert!(!Pattern::for_download("photos/*.jpg").matches("photos/b/a.jpg"));
    assert!(
        Pattern::for_download("[").matches("["),
        "a broken glob is a name"
    );
    assert!(is_id("00ff00ff00") && !is_id("00ff0") && !is_id("photos"));
}

fn flood(from: u64, count: u64, more: bool) -> CatalogPage {
    let entries = (from..from + count).map(|revision| CatalogEntry {
        revision,
        name: format!("{revision:0>250}"),
        file: FileId([1; 32]),
        offer: Some(offer(1)),
    });
    CatalogPage {
        name: "n".into(),
        keeps: true,
        unchosen: false,
        visiting: false,
        epoch: 1,
        revision: u64::MAX,
        reset: false,
        more,
        entries: entries.collect(),
        scan: None,
    }
}

#[test]
fn a_catalog_without_end_comes_to_one() {
    let mut peer = PeerCatalog::default();
    let mut pages = 0;
    while peer
        .apply(flood(1 + pages * 512, 512, true), MAX_CATALOGS)
        .more
    {
        pages += 1;
    }
    assert!(peer.is_complete() && peer.offers().count() <= MAX_OFFERS);
    assert!(peer.weight() <= MAX_CATALOGS + FLOOR);
    let mut peer = PeerCatalog::default();
    assert!(
        !peer.apply(flood(1, 0, true), MAX_CATALOGS).more,
        "a page that leads nowhere"
    );
}

#[test]
fn who_comes_when_there_is_no_room_is_known_in_part() {
    let mut peer = PeerCatalog::default();
    peer.apply(flood(1, 512, false), 0);
    let known = peer.offers().count();
    assert!(known > 100 && known < 512, "{known}");
    // What is known may change, and what goes makes room.
    let mut page = flood(u64::MAX - 1, 1, false);
    page.entries[0].name = format!("{:0>250}", 1);
    page.entries[0].offer = Some(offer(7));
    assert!(peer.apply(page.clone(), 0).changed);
    page.entries[0].offer = None;
    assert!(peer.apply(page, 0).changed);
    assert!(peer.apply(flood(512, 1, false), 0).changed);
}

#[test]
fn what_is_held_follows_every_change_of_a_name() {
    let mut peer = PeerCatalog::default();
    let file = FileId([1; 32]);
    let mut revision = 0;
    let mut tell = |name: &str, held: Option<Held>| {
        revision += 1;
        let mut page = flood(revision, 1, false);
        page.entries[0].name = name.into();
        page.entries[0].offer = held.map(|held| Offer { held, ..offer(1) });
        peer.apply(page, MAX_CATALOGS);
        peer.held(file)
    };
    assert_eq!(tell("a", Some(Held::Partial)), Some(Held::Partial));
    assert_eq!(tell("b", Some(Held::Fetched)), Some(Held::Fetched));
    assert_eq!(tell("b", None), Some(Held::Partial));
    assert_eq!(tell("a", Some(Held::Shared)), Some(Held::Shared));
    assert_eq!(tell("a", None), None);
}

#[test]
fn the_own_catalog_knows_what_is_here_as_a_whole() {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    let file = FileId([1; 32]);
    let partial = Offer {
        held: Held::Partial,
        ..offer(1)
    };
    own.set(&name("a"), file, Some(partial));
    assert!(!own.has_whole(file));
    own.set(&name("a"), file, Some(offer(1)));
    own.set(&name("b"), file, Some(offer(1)));
    own.set(&name("a"), file, None);
    assert!(own.has_whole(file));
    own.set(&name("b"), file, None);
    assert!(!own.has_whole(file));
}
