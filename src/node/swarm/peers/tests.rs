use super::*;
use crate::{
    core::id::FileId,
    node::{api::Missing, swarm::catalog::MAX_CATALOGS},
    wire::control::{CatalogEntry, CatalogPage, Scan},
};
use std::net::Ipv4Addr;

/// Long after everybody came.
const LATER: Now = Duration::from_secs(60);

fn node(id: u8) -> NodeId {
    NodeId([id; 32])
}

fn offer(held: Held, mtime: i64) -> Offer {
    Offer {
        size: 10,
        mtime,
        executable: false,
        mode: None,
        media: "text/plain".into(),
        held,
        parts: None,
    }
}

fn own(offers: &[(&str, u8, Held)]) -> OwnCatalog {
    let mut own = OwnCatalog::new("me".into(), 1, true);
    for (name, file, held) in offers {
        let name = RelPath::parse(name).unwrap();
        own.set(&name, FileId([*file; 32]), Some(offer(*held, 0)));
    }
    own
}

fn page(offers: &[(&str, u8, Held)], more: bool, scan: Option<Scan>) -> CatalogPage {
    let entry = |(at, (name, file, held)): (usize, &(&str, u8, Held))| CatalogEntry {
        revision: at as u64 + 1,
        name: (*name).into(),
        file: FileId([*file; 32]),
        offer: Some(offer(*held, i64::from(*file))),
    };
    CatalogPage {
        name: "n".into(),
        keeps: true,
        unchosen: false,
        visiting: false,
        epoch: 1,
        revision: 1 << 20,
        reset: true,
        more,
        through: None,
        names: None,
        entries: offers.iter().enumerate().map(entry).collect(),
        scan,
        holds: Vec::new(),
    }
}

/// A name, its contents, and how they are held.
type Told<'a> = (&'a str, u8, Held);

/// Peers with these names, of ids 1, 2, …, and what they offer.
fn peers(offers: &[(&str, &[Told])]) -> Peers {
    let mut peers = Peers::default();
    for (id, (name, offers)) in (1..).zip(offers) {
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        peers.connected(node(id), (*name).into(), address, Via::Lan, Now::ZERO);
        let page = page(offers, false, None);
        peers.take_in(&node(id), page).unwrap();
    }
    peers
}

fn ask(what: &[&str]) -> Question {
    Question {
        what: what.iter().map(|word| (*word).to_owned()).collect(),
        ..Question::default()
    }
}

/// What is found: where it is to lie, and its contents.
fn found(resolution: &Resolution) -> Vec<(&str, u8)> {
    let found = resolution.found.iter();
    found.map(|one| (one.name(), one.id.0[0])).collect()
}

#[test]
fn a_name_with_what_makes_a_glob_is_a_name_first() {
    let names = [
        ("Song [Live].mp3", 1, Held::Shared),
        ("Song L.mp3", 2, Held::Shared),
        ("a{b}.txt", 3, Held::Shared),
        ("ab.txt", 4, Held::Shared),
        ("why?.txt", 5, Held::Shared),
        ("whyX.txt", 6, Held::Shared),
        ("x[*].txt", 7, Held::Shared),
        ("[2024]/one", 8, Held::Shared),
    ];
    let (peers, own) = (peers(&[("anna", &names)]), own(&[]));
    let meant = |word: &str| {
        let resolution = peers.resolve(&own, &ask(&[word]), None, LATER);
        let ids = found(&resolution).into_iter().map(|(_, id)| id);
        (ids.collect::<Vec<_>>(), resolution.firm)
    };
    for (word, id) in [
        ("Song [Live].mp3", 1),
        ("a{b}.txt", 3),
        ("why?.txt", 5),
        ("x[*].txt", 7),
    ] {
        assert_eq!(meant(word), (vec![id], true), "{word}");
    }
    assert_eq!(meant("why[X?].txt").0, [5, 6], "a glob all the same");
    assert_eq!(meant("[2024]/").0, [8]);
    assert_eq!(meant("[2024]").0, [8], "a folder without its /");
    let listed = |pattern| {
        let rows = peers.list(&own, Some(pattern));
        rows.iter().map(|row| row.id.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(listed("Song [Live].mp3"), [1]);
    assert_eq!(listed("a{b}.txt"), [3]);
    assert_eq!(
        listed("[live]"),
        [1],
        "a part of a name, when it is no glob of any"
    );
    assert_eq!(listed("Song [L].mp3"), [2]);
}

#[test]
fn who_calls_a_file_a_star_hides_nobodys() {
    let eve: &[_] = &[("*", 1, Held::Shared)];
    let anna: &[_] = &[("a.txt", 2, Held::Shared)];
    let (peers, own) = (peers(&[("eve", eve), ("anna", anna)]), own(&[]));
    let resolution = peers.resolve(&own, &ask(&["*"]), None, LATER);
    assert_eq!(found(&resolution), [("*", 1), ("a.txt", 2)]);
}

#[test]
fn what_somebody_fetched_before_the_owner_changed_it_makes_nothing_ambiguous() {
    let new: &[_] = &[("doc.txt", 2, Held::Shared)];
    let old: &[_] = &[("doc.txt", 9, Held::Fetched)];
    let peers = peers(&[("anna", new), ("bob", old), ("carl", old)]);
    for own in [own(&[]), own(&[("doc.txt", 9, Held::Fetched)])] {
        for word in ["doc.txt", "*.txt"] {
            let resolution = peers.resolve(&own, &ask(&[word]), None, LATER);
            assert_eq!(found(&resolution), [("doc.txt", 2)]);
            assert!(resolution.ambiguous.is_empty());
        }
        let rows = peers.list(&own, Some("doc"));
        let older: Vec<_> = rows.iter().map(|row| (row.id.0[0], row.older)).collect();
        assert_eq!(older, [(2, false), (9, true)]);
        let at: Vec<_> = rows[1].at.iter().map(|one| &*one.name).collect();
        assert_eq!(at, ["bob", "carl"]);
    }
    let owned = peers.owned(&[("doc.txt".to_owned(), FileId([9; 32]))]);
    let shared = owned.shared[0].iter();
    let shared: Vec<_> = shared.map(|(node, id, _)| (*node, id.0[0])).collect();
    assert_eq!(
        (shared, &owned.whole[..]),
        (vec![(node(1), 2)], &[true][..])
    );
    // The old one is still there: by its id, or by the name of the node that has it.
    let id = FileId([9; 32]).to_string();
    let resolution = peers.resolve(&own(&[]), &ask(&[&id[..8]]), None, LATER);
    assert_eq!(found(&resolution), [("doc.txt", 9)]);
    let resolution = peers.resolve(&own(&[]), &ask(&["doc.txt"]), Some(node(2)), LATER);
    assert_eq!(found(&resolution), [("doc.txt", 9)]);
}

#[test]
fn what_this_node_shares_itself_is_not_replaced_by_what_others_fetched_of_it() {
    let old: &[_] = &[("doc.txt", 9, Held::Fetched)];
    let peers = peers(&[("bob", old)]);
    let own = own(&[("doc.txt", 2, Held::Shared)]);
    let resolution = peers.resolve(&own, &ask(&["doc.txt"]), None, LATER);
    assert_eq!(found(&resolution), [("doc.txt", 2)]);
    let rows = peers.list(&own, None);
    assert_eq!((rows[0].older, rows[0].mine), (false, true));
    assert_eq!((rows[0].holders, rows[0].others), (1, 0));
    assert!(rows[1].older);
}

#[test]
fn of_what_several_people_share_one_is_chosen_by_owner_or_all_are_taken() {
    let homework = |id| [("h/homework.pdf", id, Held::Shared)];
    let (one, two, three) = (homework(1), homework(2), homework(3));
    let dave = [("h/homework.pdf", 9, Held::Fetched), ("z", 5, Held::Shared)];
    let peers = peers(&[
        ("anna", &one),
        ("bob", &two),
        ("carl", &three),
        ("dave", &dave),
    ]);
    let own = own(&[]);
    for word in ["h/homework.pdf", "*", "h/"] {
        let resolution = peers.resolve(&own, &ask(&[word]), None, LATER);
        let (name, versions) = &resolution.ambiguous[0];
        assert_eq!(name, "h/homework.pdf");
        let owners: Vec<_> = versions.iter().map(|one| &*one.owners[0].name).collect();
        assert_eq!(owners, ["anna", "bob", "carl"]);
        assert_eq!(versions[1].mtime, 2);
    }
    let resolution = peers.resolve(&own, &ask(&["*"]), Some(node(2)), LATER);
    assert_eq!(found(&resolution), [("h/homework.pdf", 2)]);
    assert!(resolution.ambiguous.is_empty());
    let all = Question {
        all_versions: true,
        ..ask(&["*"])
    };
    let resolution = peers.resolve(&own, &all, None, LATER);
    assert_eq!(
        found(&resolution),
        [
            ("h/homework (anna).pdf", 1),
            ("h/homework (bob).pdf", 2),
            ("h/homework (carl).pdf", 3),
            ("z", 5)
        ]
    );
    assert_eq!(
        resolution.found[0].offered, "h/homework.pdf",
        "the name it is offered by"
    );
}

#[test]
fn the_same_contents_of_several_owners_are_one() {
    let same: &[_] = &[("a", 1, Held::Shared)];
    let peers = peers(&[("anna", same), ("bob", same)]);
    let resolution = peers.resolve(&own(&[]), &ask(&["a"]), None, LATER);
    assert_eq!(found(&resolution), [("a", 1)]);
    assert!(resolution.firm);
    assert_eq!(peers.list(&own(&[]), Some("a"))[0].owners.len(), 2);
}

#[test]
fn a_folder_has_no_meaning_while_pages_of_it_still_come() {
    let some: &[_] = &[("f/a", 1, Held::Shared)];
    let (mut peers, own) = (peers(&[("anna", some)]), own(&[]));
    let anna = peers.get_mut(&node(1)).unwrap();
    anna.catalog = PeerCatalog::default();
    anna.catalog.apply(page(some, true, None), MAX_CATALOGS);
    let resolution = peers.resolve(&own, &ask(&["f/"]), None, LATER);
    assert!(found(&resolution).is_empty() && !resolution.firm);
    assert_eq!(
        (resolution.sight.telling, resolution.sight.is_settled()),
        (1, false)
    );
    assert_eq!(peers.gaps().catalogs[0].why, Missing::Rest);
    assert_eq!(peers.gaps().catalogs[0].known, 1);
    // When waiting did not help, what is there is.
    let in_full = Question {
        in_full: true,
        ..ask(&["f/"])
    };
    assert_eq!(
        found(&peers.resolve(&own, &in_full, None, LATER)),
        [("f/a", 1)]
    );
    let anna = peers.get_mut(&node(1)).unwrap();
    anna.catalog.apply(page(some, false, None), MAX_CATALOGS);
    let resolution = peers.resolve(&own, &ask(&["f/"]), None, LATER);
    assert_eq!(found(&resolution), [("f/a", 1)]);
    assert!(resolution.sight.is_settled() && peers.gaps().is_empty());
}

#[test]
fn who_is_reading_says_so_until_it_is_done() {
    let (mut peers, some) = (peers(&[("anna", &[])]), [("a", 1, Held::Shared)]);
    let scan = Scan {
        files: 1,
        bytes: 5,
        of_files: Some(2),
        of_bytes: Some(9),
    };
    let anna = peers.get_mut(&node(1)).unwrap();
    assert!(
        anna.catalog
            .apply(page(&[], false, Some(scan)), MAX_CATALOGS)
            .changed
    );
    assert_eq!(peers.sight(LATER).reading, 1);
    let gaps = peers.gaps();
    assert_eq!(
        (&*gaps.scanning[0].0.name, gaps.scanning[0].1),
        ("anna", scan)
    );
    let anna = peers.get_mut(&node(1)).unwrap();
    assert!(
        anna.catalog
            .apply(page(&some, false, None), MAX_CATALOGS)
            .changed
    );
    assert!(peers.sight(LATER).is_settled() && peers.gaps().is_empty());
}

#[test]
fn names_that_have_no_room_here_are_missing_and_said_to_be() {
    let mut peers = peers(&[("anna", &[])]);
    let names: Vec<String> = (0..512).map(|at| format!("{at:0>250}")).collect();
    let offers: Vec<_> = names
        .iter()
        .map(|name| (&**name, 1, Held::Shared))
        .collect();
    let anna = peers.get_mut(&node(1)).unwrap();
    anna.catalog.apply(page(&offers, false, None), 0);
    assert_eq!(peers.gaps().catalogs[0].why, Missing::Room);
}

#[test]
fn what_peers_offer_and_signed_is_counted_and_what_each_may_take_gets_less_among_thousands() {
    let some: &[_] = &[("a", 1, Held::Shared), ("b", 2, Held::Shared)];
    let mut here = peers(&[("anna", some), ("bert", some)]);
    let weight = here.get(&node(1)).unwrap().catalog.weight();
    assert_eq!(here.room().all, MAX_CATALOGS - 2 * weight);
    here.take_in(&node(1), page(&some[..1], false, None))
        .unwrap();
    here.remove(&node(2));
    let weight = here.get(&node(1)).unwrap().catalog.weight();
    assert_eq!(here.room().all, MAX_CATALOGS - weight);
    // Signed ones are kept up to a bound of all together, whoever they are of.
    let who = |id: u64| {
        let mut bytes = [0xee; 32];
        bytes[..8].copy_from_slice(&id.to_be_bytes());
        NodeId(bytes)
    };
    let card = |id: u64, revision| Card {
        node: who(id),
        version: (1, revision),
        page: vec![0; 8 << 10].into(),
        signature: vec![0; 64].into(),
    };
    let address = (Ipv4Addr::LOCALHOST, 1).into();
    for id in 1..=6_000 {
        here.connected(who(id), String::new(), address, Via::Lan, Now::ZERO);
        here.keep_card(card(id, 1));
        here.keep_card(card(id, 2));
    }
    let kept = |here: &Peers| {
        let cards = (1..=6_000).filter_map(|id| here.get(&who(id))?.card.as_ref());
        cards.map(Card::weight).sum::<usize>()
    };
    assert!(
        (31 << 20..=32 << 20).contains(&kept(&here)),
        "{}",
        kept(&here)
    );
    assert_eq!(here.get(&who(1)).unwrap().card, Some(card(1, 2)));
    assert_eq!(here.room().each, (64 << 20) / 6_001);
    // Who goes leaves room.
    here.remove(&who(1));
    here.keep_card(card(6_000, 3));
    assert_eq!(here.get(&who(6_000)).unwrap().card, Some(card(6_000, 3)));
}

#[test]
fn who_does_not_answer_is_waited_for_and_named() {
    let mut peers = peers(&[("anna", &[])]);
    peers.get_mut(&node(1)).unwrap().failed = true;
    assert_eq!(peers.sight(LATER).failing, 1);
    assert!(!peers.sight(LATER).is_settled());
    assert_eq!(peers.gaps().catalogs[0].why, Missing::Answer);
}
