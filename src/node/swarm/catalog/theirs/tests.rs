use super::*;
use crate::{
    core::id::NodeId,
    node::swarm::catalog::{
        MAX_REMOVALS, Offering, OwnCatalog, Pattern, listings,
        tests::{name, offer},
    },
    wire::control::{CatalogEntry, Offer},
};
use proptest::prelude::*;
use std::time::{Duration, Instant};

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
        through: None,
        names: None,
        entries: entries.collect(),
        scan: None,
        holds: Vec::new(),
    }
}

#[test]
fn of_a_catalog_without_end_no_more_is_asked_for_than_has_room() {
    let mut peer = PeerCatalog::default();
    let mut pages = 0;
    while peer
        .apply(flood(1 + pages * 512, 512, true), MAX_CATALOGS)
        .next
        == Next::Now
        && !peer.is_cut()
    {
        pages += 1;
    }
    assert!(peer.is_cut() && peer.is_told() && !peer.is_complete());
    assert!(peer.weight() <= MAX_CATALOG && peer.weight() > MAX_CATALOG - 1000);
    // What it asks now is what became of these.
    assert_eq!(peer.position().until, Some(peer.len() as u64));
    // A page that leads nowhere, and the next of endlessly many changes, are not asked for at once,
    // and are no end of the catalog either.
    let mut peer = PeerCatalog::default();
    assert_eq!(
        peer.apply(flood(1, 0, true), MAX_CATALOGS).next,
        Next::Later
    );
    assert!(!peer.is_told());
    let same = |revision| {
        let mut page = flood(revision, 1, true);
        page.entries[0].name = "a".into();
        page
    };
    let mut peer = PeerCatalog::default();
    for at in 1..=u64::from(MAX_PAGES) {
        assert_eq!(peer.apply(same(at), MAX_CATALOGS).next, Next::Now);
    }
    let next = peer.apply(same(1 + u64::from(MAX_PAGES)), MAX_CATALOGS);
    assert_eq!(next.next, Next::Later);
    assert!(!peer.is_told());
}

#[test]
fn who_comes_when_there_is_no_room_is_known_in_part() {
    let mut peer = PeerCatalog::default();
    peer.apply(flood(1, 512, false), 0);
    let known = peer.len();
    assert!(known > 100 && known < 512, "{known}");
    assert!(peer.weight() <= FLOOR && peer.is_cut());
    // What is known may change, and what goes makes room.
    let mut page = flood(u64::MAX - 1, 1, false);
    page.entries[0].name = format!("{:0>250}", 1);
    page.entries[0].offer = Some(offer(7));
    assert!(peer.apply(page.clone(), 0).changed);
    page.entries[0].offer = None;
    let applied = peer.apply(page, 0);
    assert!(applied.changed && applied.freed);
    assert_eq!(applied.next, Next::Now);
    let from = peer.position();
    assert_eq!((from.since, from.until), (known as u64, None));
    peer.apply(flood(from.since + 1, 1, false), 0);
    assert_eq!(peer.len(), known);
}

fn file(at: u64) -> FileId {
    FileId([at as u8; 32])
}

/// Names of 250 letters with contents of their own, which `FLOOR` is too small for.
fn large(own: &mut OwnCatalog, names: std::ops::Range<u64>) {
    for at in names {
        let long = name(&format!("{at:0>250}"));
        own.set(&long, file(at), Some(offer(at)));
    }
}

/// All that is asked for until there is no more, with so much room. Gives the pages and the names
/// in them.
fn ask_all(peer: &mut PeerCatalog, own: &OwnCatalog, room: usize) -> (usize, usize) {
    let (mut pages, mut names) = (0, 0);
    loop {
        let page = own.page(&peer.position());
        pages += 1;
        names += page.entries.len();
        assert!(pages < 100, "it comes to an end");
        if peer.apply(page, room).next == Next::Nothing {
            return (pages, names);
        }
    }
}

fn known(peer: &PeerCatalog, at: u64) -> Option<u64> {
    let name = format!("{at:0>250}");
    let told = peer.get(&name, file(at));
    told.map(|told| told.size)
}

#[test]
fn at_the_bound_no_more_is_asked_for_than_what_became_of_the_known_names() {
    let (mut own, mut peer) = (
        OwnCatalog::new("me".into(), 1, true),
        PeerCatalog::default(),
    );
    large(&mut own, 0..5000);
    let (pages, names) = ask_all(&mut peer, &own, 0);
    assert_eq!((pages, names), (1, 512));
    let here = peer.len() as u64;
    assert!(here < 400 && peer.is_cut() && !peer.is_complete());
    assert_eq!(peer.of(), Some(5000));
    assert!(!peer.is_behind(1, own.version().1));
    // New names are not sent at all, changes of the known ones are.
    large(&mut own, 5000..9000);
    own.set(&name(&format!("{:0>250}", 3)), file(3), Some(offer(77)));
    own.set(
        &name(&format!("{:0>250}", 4999)),
        file(4999),
        Some(offer(78)),
    );
    assert!(peer.is_behind(1, own.version().1));
    assert_eq!(ask_all(&mut peer, &own, 0), (1, 1));
    assert_eq!((known(&peer, 3), known(&peer, 4999)), (Some(77), None));
    assert_eq!(peer.len() as u64, here);
    assert!(!peer.is_behind(1, own.version().1));
    assert_eq!(peer.of(), Some(9000));
}

#[test]
fn a_name_that_goes_makes_room_for_the_next_and_no_change_is_missed() {
    let (mut own, mut peer) = (
        OwnCatalog::new("me".into(), 1, true),
        PeerCatalog::default(),
    );
    large(&mut own, 0..1000);
    ask_all(&mut peer, &own, 0);
    let here = peer.len() as u64;
    let first_unknown = here;
    assert_eq!(known(&peer, first_unknown), None);
    own.set(&name(&format!("{:0>250}", 5)), file(5), None);
    own.set(&name(&format!("{:0>250}", 6)), file(6), Some(offer(66)));
    ask_all(&mut peer, &own, 0);
    assert_eq!((known(&peer, 5), known(&peer, 6)), (None, Some(66)));
    assert_eq!(known(&peer, first_unknown), Some(first_unknown));
    assert_eq!(peer.len() as u64, here);
    // More withdrawals than are remembered do not make it start anew: they were heard.
    let reset = own.page(&peer.position()).reset;
    for at in 0..=MAX_REMOVALS as u64 {
        let passing = name(&format!("x{at}"));
        own.set(&passing, FileId([1; 32]), Some(offer(at)));
        own.set(&passing, FileId([1; 32]), None);
        if at % 5000 == 0 {
            ask_all(&mut peer, &own, 0);
        }
    }
    ask_all(&mut peer, &own, 0);
    assert!(!reset && peer.goes_on(usize::MAX));
    assert!(!own.page(&peer.position()).reset);
    // With room all of it is known, and again like any other.
    ask_all(&mut peer, &own, MAX_CATALOGS);
    assert!(peer.is_complete() && !peer.is_cut());
    assert_eq!(peer.len(), 999);
    own.set(&name("new"), FileId([9; 32]), Some(offer(9)));
    assert_eq!(ask_all(&mut peer, &own, MAX_CATALOGS), (1, 1));
}

#[test]
fn a_rename_at_the_bound_loses_no_name() {
    let (mut own, mut peer) = (
        OwnCatalog::new("me".into(), 1, true),
        PeerCatalog::default(),
    );
    let mut next = 0;
    while !peer.is_cut() {
        large(&mut own, next..next + 1);
        next += 1;
        ask_all(&mut peer, &own, 0);
    }
    // One too many is there; when another one is withdrawn, all fit.
    own.set(&name(&format!("{:0>250}", 0)), file(0), None);
    ask_all(&mut peer, &own, 0);
    assert!(peer.is_complete());
    for at in 1..50 {
        let (old, new) = (format!("{at:0>250}"), format!("{:0>250}", at + 100_000));
        let contents = file(at);
        // The new name is told before the old one is withdrawn: for a moment there is no room.
        own.set(&name(&new), contents, Some(offer(at)));
        ask_all(&mut peer, &own, 0);
        assert!(peer.is_cut(), "{at}");
        own.set(&name(&old), contents, None);
        ask_all(&mut peer, &own, 0);
        assert!(peer.is_complete(), "{at}");
        assert!(peer.get(&new, contents).is_some() && peer.get(&old, contents).is_none());
    }
}

#[test]
fn a_restart_of_a_catalog_that_was_cut_is_no_whole_one_until_it_is_read() {
    let mut peer = PeerCatalog::default();
    let mut own = OwnCatalog::new("me".into(), 1, true);
    large(&mut own, 0..600);
    ask_all(&mut peer, &own, MAX_CATALOGS);
    assert!(peer.is_complete());
    let mut own = OwnCatalog::new("me".into(), 2, true);
    large(&mut own, 0..600);
    let page = own.page(&peer.position());
    assert!(page.reset && page.more);
    assert_eq!(peer.apply(page, MAX_CATALOGS).next, Next::Now);
    assert!(!peer.is_told(), "only a part of it is here");
    ask_all(&mut peer, &own, MAX_CATALOGS);
    assert!(peer.is_complete());
}

#[test]
fn a_cut_catalog_follows_a_node_that_knows_nothing_of_such() {
    let (mut own, mut peer) = (
        OwnCatalog::new("me".into(), 1, true),
        PeerCatalog::default(),
    );
    large(&mut own, 0..1000);
    let old = |own: &OwnCatalog, from: Position| {
        let page = own.page(&Position {
            until: None,
            heard: None,
            ..from
        });
        CatalogPage {
            through: None,
            names: None,
            ..page
        }
    };
    let ask = |peer: &mut PeerCatalog, own: &OwnCatalog, room| {
        while peer.apply(old(own, peer.position()), room).next != Next::Nothing {}
    };
    ask(&mut peer, &own, 0);
    let here = peer.len();
    assert!(peer.is_cut() && peer.of().is_none());
    large(&mut own, 1000..2000);
    own.set(&name(&format!("{:0>250}", 3)), file(3), None);
    ask(&mut peer, &own, 0);
    assert_eq!((peer.len(), known(&peer, 3)), (here, None));
    assert!(peer.goes_on(usize::MAX));
    ask(&mut peer, &own, MAX_CATALOGS);
    assert!(peer.is_complete());
    assert_eq!(peer.len(), 1999);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Whatever changes between two pages, and however much room there is: what is known is
    /// offered as it is known, and with room all of it.
    #[test]
    fn what_is_known_of_a_cut_catalog_is_true(
        steps in proptest::collection::vec(
            (0..900u64, 0..4u8, 0..30u64, any::<bool>(), any::<bool>()),
            1..120,
        ),
    ) {
        let mut own = OwnCatalog::new("me".into(), 1, true);
        large(&mut own, 0..700);
        let mut peer = PeerCatalog::default();
        for (first, what, count, asks, roomy) in steps {
            for at in first..first + count {
                let long = name(&format!("{at:0>250}"));
                let size = if what == 1 { at + 7 } else { at };
                let offer = (what > 0).then(|| offer(size));
                own.set(&long, file(at), offer);
            }
            let room = if roomy { 40 << 10 } else { 0 };
            if asks {
                peer.apply(own.page(&peer.position()), room);
            } else {
                ask_all(&mut peer, &own, room);
                for (name, file, told) in peer.offers() {
                    prop_assert_eq!(own.get(name, file), Some(told));
                }
                let all = own.offers().count();
                prop_assert_eq!(peer.is_complete(), peer.len() == all);
            }
        }
        ask_all(&mut peer, &own, 0);
        peer.goes_on(usize::MAX);
        ask_all(&mut peer, &own, MAX_CATALOGS);
        prop_assert!(peer.is_complete());
        prop_assert_eq!(peer.len(), own.offers().count());
    }
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
#[ignore = "measures"]
fn what_300_000_names_cost() {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    for at in 0..300_000_u64 {
        let name = name(&format!(
            "folder {:0>3}/an ordinary name of a file {at:0>11}.txt",
            at % 300
        ));
        own.set(
            &name,
            FileId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
            Some(offer(at)),
        );
    }
    let mut peer = PeerCatalog::default();
    let (mut apply, mut longest) = (Duration::ZERO, Duration::ZERO);
    while !peer.is_told() {
        let page = own.page(&peer.position());
        let begun = Instant::now();
        peer.apply(page, MAX_CATALOGS);
        apply += begun.elapsed();
        longest = longest.max(begun.elapsed());
    }
    assert!(peer.is_complete());
    let each = peer.weight() as f64 / peer.len() as f64;
    println!("applied in {apply:?}, longest page {longest:?}, {each:.0} bytes a name");
    let nobody = OwnCatalog::new("x".into(), 1, true);
    for text in [
        None,
        Some("name of a file 00000299999"),
        Some("*299999.txt"),
    ] {
        let pattern = Pattern::for_list(text);
        let peers = [Offering {
            node: NodeId([1; 32]),
            name: "n",
            catalog: &peer,
        }];
        let begun = Instant::now();
        let rows = listings(&nobody, &peers, |name, _| pattern.matches(name));
        println!(
            "list {text:?}: {} rows in {:?}",
            rows.len(),
            begun.elapsed()
        );
    }
    let begun = Instant::now();
    let held = own
        .offers()
        .filter(|(_, file, _)| peer.held(*file).is_some());
    println!("held of {} files in {:?}", held.count(), begun.elapsed());
}
