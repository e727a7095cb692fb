use super::*;
use crate::{core::id::NodeId, wire::control::Held};

pub fn offer(size: u64) -> Offer {
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

pub fn name(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn follow(peer: &mut PeerCatalog, own: &OwnCatalog) -> usize {
    let mut pages = 0;
    while peer.apply(own.page(&peer.position()), MAX_CATALOGS).next == Next::Now {
        pages += 1;
    }
    pages + 1
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
    let page = own.page(&peer.position());
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
fn a_question_for_what_became_of_old_names_looks_at_some_changes_a_page() {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    let file = FileId([1; 32]);
    for at in 0..2 * LOOK as u64 {
        own.set(&name(&at.to_string()), file, Some(offer(at)));
    }
    own.set(&name("3"), file, None);
    let from = |since| Position {
        epoch: 1,
        since,
        until: Some(10),
        heard: None,
    };
    let page = own.page(&from(10));
    assert_eq!((page.entries.len(), page.more), (0, true));
    let through = page.through.unwrap();
    assert_eq!(through, 10 + LOOK as u64);
    let page = own.page(&from(through));
    assert_eq!((page.entries.len(), page.more), (1, false));
    assert_eq!(page.entries[0].name, "3");
    assert_eq!(page.names, Some(2 * LOOK as u64 - 1));
    // Of a revision that is not there yet, or of another life, nothing can be told.
    assert!(own.page(&from(1 << 40)).reset);
    let other = Position {
        epoch: 2,
        ..from(10)
    };
    let page = own.page(&other);
    assert!(page.reset && page.through.is_none());
    assert_eq!(page.entries.len(), MAX_CATALOG_PAGE);
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
            through: None,
            names: None,
            entries,
            scan: None,
            holds: Vec::new(),
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

#[test]
fn what_is_of_this_nodes_own_user_is_counted_as_it_changes() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..400u64 {
        let size = at * 37 % 91;
        let held = match at % 5 {
            0 => Held::Partial,
            1 => Held::Replica,
            2 => Held::Fetched,
            _ => Held::Shared,
        };
        let offer = Offer {
            held,
            ..offer(size)
        };
        let offer = (at % 7 > 0).then_some(offer);
        let file = FileId([(at % 3) as u8; 32]);
        own.set(&name(&format!("f{}", at * 13 % 20)), file, offer);
        let of_user = own.offers();
        let of_user =
            of_user.filter(|(.., offer)| matches!(offer.held, Held::Shared | Held::Fetched));
        let of_user = of_user.fold((0, 0), |(names, bytes), (.., offer)| {
            (names + 1, bytes + offer.size)
        });
        assert_eq!(own.of_user(), of_user, "after {at}");
    }
    assert!(own.of_user().0 > 5);
}

#[test]
fn a_name_of_this_nodes_own_costs_little_beside_its_letters_and_is_found_again() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    let text = |at: u32| {
        format!(
            "d{:02}/folder{:04}/note-{at:07}.txt",
            at / 40_000,
            at / 1000
        )
    };
    let file = |at: u32| FileId(*blake3::hash(&at.to_le_bytes()).as_bytes());
    // More than would fill a table to the half that costs most.
    let many = 60_000;
    for at in 0..many {
        own.set(&name(&text(at)), file(at), Some(offer(at.into())));
    }
    let taken = |own: &OwnCatalog| {
        own.offers.allocated() + own.revisions.capacity() * 8 + own.log.allocated()
    };
    let each = taken(&own) / many as usize - text(0).len();
    assert!(each <= 128, "{each} bytes beside its letters");
    assert!(own.born.is_empty() && own.removals.len() == 0);
    // What goes takes its place with it, and is told in its turn.
    for at in 0..9000 {
        own.set(&name(&text(at * 2)), file(at * 2), None);
    }
    own.set(&name(&text(1)), file(1), Some(offer(7)));
    own.set(&name(&text(2)), file(2), Some(offer(8)));
    let left = taken(&own) / (many as usize - 9000) - text(0).len();
    assert!(left <= 150, "{left} bytes beside its letters");
    let told: Vec<_> = own.changes(u64::from(many) + 8990, None).collect();
    let told: Vec<_> = told
        .iter()
        .map(|one| (one.revision, one.born, one.told.map(|told| told.size)))
        .collect();
    let withdrawn = (8991..=9000).map(|at| (u64::from(many) + at, 2 * at - 1, None));
    let mut expected: Vec<_> = withdrawn.collect();
    expected.push((u64::from(many) + 9001, 2, Some(7)));
    expected.push((u64::from(many) + 9002, 3, Some(8)));
    assert_eq!(told, expected);
}

proptest::proptest! {
    /// Whoever follows knows what a plain map has, however the rows move.
    #[test]
    fn the_history_leads_to_what_is_offered(
        steps in proptest::collection::vec((0..12u32, 0..3u8, 0..4u64), 1..200),
    ) {
        let mut own = OwnCatalog::new("me".into(), 5, true);
        let mut plain = std::collections::BTreeMap::new();
        let mut born = std::collections::BTreeMap::new();
        let mut peer = PeerCatalog::default();
        for (at, (text, file, size)) in steps.into_iter().enumerate() {
            let (text, file) = (format!("n{text}"), FileId([file; 32]));
            let offer = (size > 0).then(|| offer(size));
            let key = (text.clone(), file);
            let before = plain.get(&key).copied();
            let changed = own.set(&name(&text), file, offer);
            proptest::prop_assert_eq!(changed, before != Some(size).filter(|size| *size > 0));
            if size > 0 {
                plain.insert(key.clone(), size);
                let now = own.version().1;
                born.entry(key).or_insert(now);
            } else {
                plain.remove(&key);
            }
            if at % 5 == 0 {
                follow(&mut peer, &own);
            }
        }
        follow(&mut peer, &own);
        let own_rows = own.offers().map(|(name, file, told)| ((name.to_owned(), file), told.size));
        let theirs = peer.offers().map(|(name, file, told)| ((name.to_owned(), file), told.size));
        proptest::prop_assert_eq!(own_rows.collect::<std::collections::BTreeMap<_, _>>(), plain.clone());
        proptest::prop_assert_eq!(theirs.collect::<std::collections::BTreeMap<_, _>>(), plain.clone());
        let mut last = 0;
        for change in own.changes(0, None) {
            proptest::prop_assert!(change.revision > last);
            last = change.revision;
            let key = (change.name.to_owned(), change.file);
            proptest::prop_assert_eq!(born.get(&key), Some(&change.born));
            proptest::prop_assert_eq!(change.told.is_some(), plain.contains_key(&key));
        }
        let history = own.changes(0, None).count();
        proptest::prop_assert_eq!(history, born.len());
    }
}

proptest::proptest! {
    #[test]
    fn a_part_is_found_in_any_case(
        name in "[aAbBkKéÉß\u{212a}ı]{0,9}",
        part in "[aAbBkKéÉß\u{212a}ı]{0,3}",
    ) {
        let part = part.to_lowercase();
        let plain = name.to_lowercase().contains(&part);
        proptest::prop_assert_eq!(Pattern::Part(part).matches(&name), plain);
    }
}
