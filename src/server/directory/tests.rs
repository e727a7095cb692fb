use super::*;

const NOW: u64 = 1_700_000_000;
const DAY: u64 = 86_400;

fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn name(text: &str, n: u8) -> SignUp<u8> {
    SignUp {
        name: text.into(),
        node: node(n),
        swarm: [n % 2; 32],
        seen: NOW,
        claim: n,
    }
}

fn directory() -> Directory<u8> {
    Directory::new(Limits {
        total: 5,
        ..Limits::default()
    })
}

#[test]
fn the_first_has_the_name_and_what_looks_like_it() {
    let mut directory = directory();
    assert_eq!(directory.sign_up(name("Anna", 1)), Verdict::Done);
    for alike in ["anna", "ANNA ", "\u{200b}anna", "\u{ff21}nna"] {
        assert_eq!(directory.sign_up(name(alike, 2)), Verdict::Taken, "{alike}");
    }
    assert_eq!(directory.sign_up(name("\u{200b}", 2)), Verdict::Unknown);
    for (text, free) in [
        ("anna", Some(false)),
        ("ben", Some(true)),
        ("\u{200b}", None),
    ] {
        assert_eq!(directory.is_free(text, 0), free, "{text}");
    }
    assert_eq!(directory.release(node(2), "anna"), Verdict::Unknown);
    assert_eq!(directory.release(node(1), "anna"), Verdict::Done);
    assert_eq!(directory.sign_up(name("anna", 2)), Verdict::Done);
    let changes = directory.take_changes();
    assert_eq!(changes, [("anna".into(), Some(name("anna", 2)))]);
    assert!(directory.take_changes().is_empty());
    directory.release(node(2), "anna");
    assert_eq!(directory.take_changes(), [("anna".into(), None)]);
}

#[test]
fn a_key_has_three_names_and_the_directory_is_bounded() {
    let mut directory = directory();
    for text in ["a", "b", "c"] {
        assert_eq!(directory.sign_up(name(text, 1)), Verdict::Done);
    }
    assert_eq!(directory.sign_up(name("d", 1)), Verdict::Full);
    assert_eq!(directory.sign_up(name("a", 1)), Verdict::Done);
    assert_eq!(directory.sign_up(name("d", 2)), Verdict::Done);
    assert_eq!(directory.sign_up(name("e", 3)), Verdict::Done);
    assert_eq!(directory.sign_up(name("f", 4)), Verdict::Full);
    assert_eq!(directory.sign_up(name("e", 3)), Verdict::Done);
    assert!(!directory.recall(name("g", 9)));
}

#[test]
fn a_name_is_free_after_ninety_days_without_its_owner() {
    let mut directory = directory();
    directory.sign_up(name("anna", 1));
    directory.arrived(node(1), NOW);
    directory.expire(NOW + 200 * DAY);
    directory.left(node(1), NOW + 200 * DAY);
    directory.expire(NOW + 290 * DAY);
    assert!(directory.person("anna").is_some());
    let mut later = name("anna", 2);
    later.seen = NOW + 291 * DAY;
    assert_eq!(directory.sign_up(later), Verdict::Done);
    directory.expire(NOW + 400 * DAY);
    assert_eq!(directory.count(), 0);
    // A clock that went back frees nothing.
    directory.sign_up(name("anna", 1));
    directory.expire(5);
    assert_eq!(directory.count(), 1);
}

#[test]
fn only_those_of_a_swarm_see_it_and_only_in_pages() {
    let mut directory = directory();
    for (text, n) in [("ann", 1), ("bob", 3), ("cleo", 5), ("dan", 2)] {
        directory.sign_up(name(text, n));
    }
    assert!(directory.people(node(9), None, None, 9).is_none());
    directory.arrived(node(9), NOW);
    assert!(directory.people(node(9), None, None, 9).is_none());
    directory.enter(node(9), [1; 32]);
    let names = |pattern, after, most| {
        let (found, more) = directory.people(node(9), pattern, after, most).unwrap();
        let names: Vec<_> = found.iter().map(|name| name.name.as_str()).collect();
        (names, more)
    };
    assert_eq!(names(None, None, 2), (vec!["ann", "bob"], true));
    assert_eq!(names(None, Some("bob"), 2), (vec!["cleo"], false));
    assert_eq!(names(Some("O"), None, 9), (vec!["bob", "cleo"], false));
    // A name that one knows is told across swarms; where a node is, is not.
    assert_eq!(directory.person("DAN").unwrap().node, node(2));
    directory.arrived(node(2), NOW);
    directory.enter(node(2), [0; 32]);
    assert!(!directory.may_know(&node(9), &node(2)));
    directory.enter(node(2), [1; 32]);
    assert!(directory.may_know(&node(9), &node(2)));
    directory.left(node(2), NOW);
    assert!(!directory.may_know(&node(9), &node(2)) && !directory.is_present(&node(2)));
}

#[test]
fn coming_and_going_is_written_down_once_a_day() {
    let mut directory = directory();
    directory.recall(name("anna", 1));
    for hour in 0..48 {
        directory.arrived(node(1), NOW + hour * 3600);
        directory.left(node(1), NOW + hour * 3600);
        let written = directory.take_changes().len();
        assert_eq!(written, usize::from(hour == 25), "{hour}");
    }
}
