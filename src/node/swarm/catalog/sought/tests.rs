use super::*;
use crate::{
    core::id::NodeId,
    node::swarm::{
        OwnCatalog,
        catalog::{
            BESIDE, FEW, MAX_CATALOGS, Next, Offering, PeerCatalog, Position, listings,
            tests::{name, offer},
        },
    },
    wire::control::Held,
};
use proptest::prelude::*;

fn id(at: usize) -> FileId {
    FileId(*blake3::hash(&at.to_le_bytes()).as_bytes())
}

/// Asks until there is no more; gives the pages that it took.
fn follow(peer: &mut PeerCatalog, own: &OwnCatalog, words: &str) -> usize {
    let sought = Sought::listed(words);
    let mut pages = 1;
    loop {
        let page = own.page_of(&peer.position(), Some(&sought));
        let looked = page.through.unwrap();
        assert!(looked <= page.revision);
        if peer.apply(page, MAX_CATALOGS).next != Next::Now {
            return pages;
        }
        pages += 1;
    }
}

fn known(peer: &PeerCatalog) -> Vec<&str> {
    let mut names: Vec<&str> = peer.offers().map(|(name, ..)| name).collect();
    names.sort_unstable();
    names
}

#[test]
fn of_many_names_those_come_that_are_sought_and_what_becomes_of_them() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..20_000 {
        own.set(&name(&format!("dir/{at}.bin")), id(at), Some(offer(1)));
    }
    own.set(&name("last.txt"), id(20_000), Some(offer(1)));
    let mut peer = PeerCatalog::default();
    let pages = follow(&mut peer, &own, "TXT");
    assert_eq!(pages, 1, "some ten thousands are looked at for a page");
    assert!(peer.is_complete() && !peer.is_cut());
    assert_eq!(known(&peer), ["last.txt"]);
    assert_eq!(peer.of(), Some(20_001));
    own.set(&name("last.txt"), id(20_000), None);
    own.set(&name("new.bin"), id(20_001), Some(offer(1)));
    own.set(&name("new.txt"), id(20_002), Some(offer(1)));
    assert_eq!(follow(&mut peer, &own, "TXT"), 1);
    assert_eq!(known(&peer), ["new.txt"]);
    assert!(!peer.is_behind(5, own.version().1));
}

#[test]
fn of_very_many_names_a_usual_question_takes_a_page() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..100_000 {
        let text = format!("d00/folder{:04}/note-{at:07}.txt", at / 1000);
        own.set(&name(&text), id(at), Some(offer(1)));
    }
    let whole = id(12_345).to_string();
    for (words, count) in [("NOTE-00123", 100), ("*-0012345.txt", 1), (&whole, 1)] {
        let mut peer = PeerCatalog::default();
        assert_eq!(follow(&mut peer, &own, words), 1, "{words}");
        assert_eq!(peer.len(), count, "{words}");
        assert!(peer.is_complete() && !peer.knows_all());
    }
    // What very many have comes page by page, none in vain.
    let mut peer = PeerCatalog::default();
    let pages = follow(&mut peer, &own, "*5.txt");
    assert_eq!(peer.len(), 10_000);
    assert!((20..40).contains(&pages), "{pages}");
}

#[test]
fn a_search_that_takes_long_goes_on_after_each_look_and_fills_a_page() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..40_000 {
        let text = format!("{at:05}-{}", "b".repeat(200));
        own.set(&name(&text), id(at), Some(offer(1)));
    }
    // Each name may match, and three of them do.
    let sought = Sought::listed("{*1234-*b,*12345-*b,*b*a}");
    let from = Position::default();
    let mut page = own.page_of(&from, Some(&sought));
    let mut looks = 1;
    while own.look_on(&mut page, &from, &sought) {
        looks += 1;
    }
    assert!(looks > 5, "{looks} looks");
    let names = page.entries.iter().map(|entry| &entry.name[..5]);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["01234", "11234", "12345", "21234", "31234"]
    );
    assert!(!page.more && page.reset && page.through == Some(page.revision));
    let mut peer = PeerCatalog::default();
    assert_eq!(peer.apply(page, MAX_CATALOGS).next, Next::Nothing);
    assert!(peer.is_complete());
    // A page that is full stays as it is.
    let all = Sought::listed("b");
    let mut page = own.page_of(&from, Some(&all));
    let before = page.clone();
    assert!(!own.look_on(&mut page, &from, &all) && page.more);
    assert_eq!(page, before);
}

#[test]
fn contents_are_told_by_whatever_name_and_what_becomes_of_it() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..1000 {
        own.set(&name(&format!("{at}.bin")), id(at), Some(offer(1)));
    }
    let mut partial = offer(1);
    partial.held = Held::Partial;
    own.set(&name("begun"), id(7), Some(partial));
    let ask = |own: &OwnCatalog, peer: &mut PeerCatalog, files: &[usize]| {
        let files: Vec<FileId> = files.iter().map(|at| id(*at)).collect();
        let words = vec!["1.bin".to_owned()];
        let count = files.len();
        let sought = Sought::wanted(&Wanted { words, files });
        let applied = peer.apply(own.page_of(&peer.position(), Some(&sought)), MAX_CATALOGS);
        peer.was_asked_for(count);
        applied
    };
    let mut peer = PeerCatalog::default();
    assert_eq!(ask(&own, &mut peer, &[]).next, Next::Nothing);
    assert_eq!(known(&peer), ["1.bin"]);
    // That it has it wholly counts, under whatever name.
    let applied = ask(&own, &mut peer, &[7, 5000]);
    assert!(applied.changed && applied.files.contains(&id(7)));
    assert_eq!(peer.held(id(7)), Some(Held::Shared));
    assert_eq!(
        (known(&peer), peer.asked_for()),
        (vec!["1.bin", "7.bin"], 2)
    );
    assert!(!ask(&own, &mut peer, &[7, 5000]).changed);
    own.set(&name("7.bin"), id(7), None);
    own.set(&name("8.bin"), id(8), None);
    own.set(&name("other"), id(5000), Some(offer(2)));
    ask(&own, &mut peer, &[7, 5000]);
    assert_eq!(known(&peer), ["1.bin", "begun", "other"]);
    assert_eq!(peer.held(id(7)), Some(Held::Partial));
    // Another life: it is to be asked for all again.
    let mut own = OwnCatalog::new("me".into(), 6, true);
    own.set(&name("1.bin"), id(1), Some(offer(1)));
    peer.apply(own.page(&peer.position()), MAX_CATALOGS);
    assert_eq!((known(&peer), peer.asked_for()), (vec!["1.bin"], 0));
}

#[test]
fn who_offers_little_tells_all_of_it_and_others_a_few_namesakes() {
    let wanted = |word: &str| {
        Sought::wanted(&Wanted {
            words: vec![word.into()],
            files: Vec::new(),
        })
    };
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..FEW {
        own.set(&name(&format!("{at}/x.bin")), id(at), Some(offer(1)));
    }
    let page = own.page_of(&Position::default(), Some(&wanted("1/x.bin")));
    assert_eq!((page.entries.len(), page.more), (FEW, false));
    own.set(&name("more"), id(FEW), Some(offer(1)));
    let page = own.page_of(&Position::default(), Some(&wanted("1/x.bin")));
    assert_eq!((page.entries.len(), page.more), (BESIDE + 1, false));
    // Of what `list` shows only that is told.
    let page = own.page_of(&Position::default(), Some(&Sought::listed("mor")));
    assert_eq!(page.entries.len(), 1);
}

#[test]
fn the_slowest_glob_is_looked_for_in_few_names_at_a_time_and_gets_on() {
    let mut own = OwnCatalog::new("me".into(), 5, true);
    for at in 0..200 {
        let long = format!("{}{at}", "a/".repeat(480));
        own.set(&name(&long), id(at), Some(offer(1)));
    }
    let words = "*a".repeat(crate::wire::MAX_PATTERN / 2);
    let page = own.page_of(&Position::default(), Some(&Sought::listed(&words)));
    let looked = page.through.unwrap() as usize;
    assert!(page.more && page.entries.is_empty());
    assert!((1..10).contains(&looked), "{looked}");
    let mut peer = PeerCatalog::default();
    follow(&mut peer, &own, &words);
    assert!(peer.is_complete() && known(&peer).is_empty());
}

proptest! {
    #[test]
    fn whatever_is_listed_was_sought(
        names in proptest::collection::btree_set("[abAB.*\\[{]{1,3}(/[ab.]{1,2})?", 1..12),
        words in "[abAB.*?{,}\\[\\]/]{1,6}|[0-9a-f]{6}",
        by_id in proptest::option::of(0usize..12),
    ) {
        let words = by_id.map_or(words, |at| id(at).to_string()[..8].to_owned());
        let mut own = OwnCatalog::new("me".into(), 5, true);
        for (at, text) in names.iter().enumerate() {
            if let Ok(path) = crate::core::path::RelPath::parse(text) {
                own.set(&path, id(at), Some(offer(1)));
            }
        }
        let (mut all, mut some) = (PeerCatalog::default(), PeerCatalog::default());
        while all.apply(own.page(&all.position()), MAX_CATALOGS).next == Next::Now {}
        follow(&mut some, &own, &words);
        let none = OwnCatalog::new("us".into(), 1, true);
        let rows = |catalog: &PeerCatalog, shown: &dyn Fn(&str, FileId) -> bool| {
            let here = [Offering { node: NodeId([1; 32]), name: "me", catalog }];
            let rows = listings(&none, &here, shown);
            rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
        };
        let matcher = Pattern::for_list(Some(&words));
        let exact = matcher.literal(&words);
        let part = Pattern::Part(words.to_lowercase());
        for pattern in [Some(matcher), exact, Some(part)].into_iter().flatten() {
            let shown = |name: &str, file: FileId| {
                pattern.matches(name) || (is_id(&words) && file.starts_with(&words))
            };
            prop_assert_eq!(rows(&all, &shown), rows(&some, &shown));
        }
    }

    #[test]
    fn whatever_a_download_means_was_wanted(
        names in proptest::collection::btree_set("[abA\u{e9}.*\\[{]{1,3}(/[ab.]{1,2})?", 1..12),
        word in "[abA\u{e9}.*?{,}\\[\\]/]{1,6}|[0-9a-f]{6}|e\u{301}",
        by_id in proptest::option::of(0usize..12),
    ) {
        let word = by_id.map_or(word, |at| id(at).to_string()[..8].to_owned());
        prop_assume!(word.chars().any(|c| c != '/'));
        let words = vec!["other".to_owned(), word.clone()];
        let sought = Sought::wanted(&Wanted { words, files: Vec::new() });
        let meant = Pattern::for_download(&word);
        let exact = meant.literal(&word);
        let folder = Pattern::for_download(&format!("{word}/"));
        for (at, text) in names.iter().enumerate() {
            let by_name = [Some(&meant), exact.as_ref(), Some(&folder)];
            let means = by_name.into_iter().flatten().any(|one| one.matches(text))
                || (is_id(&word) && id(at).starts_with(&word));
            let (fit, _) = sought.look(text, id(at));
            prop_assert!(!means || fit == Fit::Yes, "{} {}", word, text);
        }
    }

    /// By a matcher's own word.
    #[test]
    fn what_matches_a_glob_has_its_longest_run(
        glob in "([ab]|\\[[ab!-]{1,3}\\]|\\{[ab]{1,2},[ab]\\}|\\*|\\?|/|\\\\[ab*]){1,4}",
        name in "[ab/]{1,4}",
    ) {
        if let (Pattern::Glob(glob), Some(run)) = (Pattern::for_list(Some(&glob)), longest_run(&glob)) {
            prop_assert!(!glob.is_match(&name) || name.contains(run), "{} {}", run, name);
        }
    }
}
