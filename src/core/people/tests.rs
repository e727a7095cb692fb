use super::*;

fn node(n: u32) -> NodeId {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    NodeId(bytes)
}

fn one(n: NodeId, name: &str, unchosen: bool) -> PresentPerson {
    PresentPerson {
        node: n,
        name: name.to_owned(),
        unchosen,
    }
}

fn here(rows: &[(u32, &str)]) -> Vec<PresentPerson> {
    let row = |&(n, name): &(u32, &str)| one(node(n), name, false);
    rows.iter().map(row).collect()
}

/// The same, with names that no person chose.
fn made_up(rows: &[(u32, &str)]) -> Vec<PresentPerson> {
    let row = |&(n, name): &(u32, &str)| one(node(n), name, true);
    rows.iter().map(row).collect()
}

fn person(n: u32, name: &str) -> Person {
    Person {
        name: name.into(),
        key: node(n),
        met: false,
        added: false,
        unchosen: false,
        seen: 1,
    }
}

#[test]
fn the_first_key_of_a_name_counts_and_another_is_refused_until_it_is_trusted() {
    let mut people = People::default();
    people.recall(person(1, "alice"));
    people.see("alice", node(2), false, 5);
    assert_eq!(people.changed("alice", &node(2), false), Some(node(1)));
    let now = here(&[(2, "alice")]);
    let refused = people.find("alice", &now, false);
    assert_eq!(
        refused,
        Err(WhoError::NewKey {
            name: "alice".into(),
            known: node(1),
            now: node(2)
        })
    );
    // Part of an id is no way around it, the whole one says which key is meant.
    assert_eq!(people.find(&node(2).short(), &now, false), refused.clone());
    let whole = node(2).to_string();
    assert_eq!(people.find(&whole, &now, false), Ok(node(2)));
    assert_eq!(people.find("alice", &now, true), Ok(node(2)));
    people.meet("alice", node(2), false, 6);
    assert_eq!(people.find("alice", &now, false), Ok(node(2)));
    assert_eq!(people.changed("alice", &node(1), false), Some(node(2)));
}

#[test]
fn of_two_with_one_name_the_known_one_is_meant() {
    let mut people = People::default();
    people.recall(person(1, "alice"));
    let both = here(&[(2, "alice"), (1, "alice")]);
    assert_eq!(people.find("alice", &both, false), Ok(node(1)));
    // Both are new in this run: who came first means nothing.
    let mut people = People::default();
    people.see("alice", node(2), false, 5);
    people.see("alice", node(1), false, 5);
    let ambiguous = Err(WhoError::Ambiguous(vec![node(2), node(1)]));
    assert_eq!(people.find("alice", &both, false), ambiguous);
    assert_eq!(people.find("alice", &both, true), ambiguous);
    assert_eq!(people.find(&node(1).to_string(), &both, true), Ok(node(1)));
    people.meet("alice", node(1), false, 6);
    assert_eq!(people.find("alice", &both, false), Ok(node(1)));
}

#[test]
fn who_was_added_is_meant_by_that_name_for_good_and_nobody_else() {
    let mut people = People::default();
    people.add("Anna", node(1), false, 5).unwrap();
    assert_eq!(people.added(&node(1)), Some("Anna"));
    // She may call herself as she likes; others who take her name are not meant.
    let now = here(&[(2, "anna"), (1, "zoe")]);
    assert_eq!(people.find("anna", &now, false), Ok(node(1)));
    let impostor = here(&[(2, "anna")]);
    for trust_new in [false, true] {
        let found = people.find("anna", &impostor, trust_new);
        assert_eq!(found, Err(WhoError::Nobody));
    }
    people.meet("anna", node(2), false, 6);
    people.see("anna", node(2), false, 7);
    people.see("zoe", node(1), false, 7);
    assert_eq!(people.changed("ANNA", &node(2), false), Some(node(1)));
    assert!(people.known("zoe").is_none());
    // Another key takes the name only when a person says so.
    assert_eq!(people.add("anna", node(3), false, 8), Err(node(1)));
    assert_eq!(people.add("anna", node(3), true, 8), Ok(()));
    assert_eq!(people.added(&node(1)), None);
    assert_eq!(people.find("anna", &here(&[(3, "x")]), false), Ok(node(3)));
    // One that no person here had to do with stands in no one's way.
    people.see("bob", node(4), false, 9);
    assert_eq!(people.add("bob", node(5), false, 10), Ok(()));
}

#[test]
fn names_that_look_alike_are_one() {
    let mut people = People::default();
    people.recall(person(1, "Alice"));
    for name in ["alice", "ALICE ", "al\u{200b}ice", "\u{ff21}lice"] {
        assert_eq!(
            people.changed(name, &node(2), false),
            Some(node(1)),
            "{name:?} passes"
        );
    }
    let now = here(&[(1, "Alice")]);
    assert_eq!(people.find("alice", &now, false), Ok(node(1)));
    assert_eq!(people.find("", &now, false), Err(WhoError::Nobody));
    assert_eq!(people.find("\u{200b}", &now, false), Err(WhoError::Nobody));
}

#[test]
fn a_word_said_beforehand_means_whom_it_would_find() {
    let mut people = People::default();
    people.recall(person(1, "Alice"));
    let (alice, id) = (one(node(1), "Alice", false), node(1).to_string());
    for who in ["Alice", "alice", "\u{ff21}LICE ", &id, &id[..FIRST]] {
        assert!(people.means(who, &alice), "{who}");
    }
    assert!(people.means(&id[id.len() - LAST..], &alice));
    // Too little of an id, another case of it, or another name.
    let little = [&id[..FIRST - 1], &id[id.len() - LAST + 1..], "bob", ""];
    for who in little.into_iter().chain([&*id.to_lowercase()]) {
        assert!(!people.means(who, &alice), "{who}");
    }
    // The name alone does not let another key in; its own id does, whatever it is called.
    let other = one(node(2), "alice", false);
    assert!(!people.means("alice", &other));
    assert!(people.means(&node(2).short(), &other));
    // A person's own word for a key counts, not what that key calls itself.
    people.add("Anna", node(3), false, 5).unwrap();
    assert!(people.means("anna", &one(node(3), "zoe", false)));
    assert!(!people.means("anna", &one(node(4), "anna", false)));
    // Nor does a name that a program made up mean another key than the one that was sent something.
    people.meet("root@vm", node(5), true, 6);
    assert!(people.means("root@vm", &one(node(5), "root@vm", true)));
    assert!(!people.means("root@vm", &one(node(6), "root@vm", true)));
}

#[test]
fn another_name_of_a_key_is_news_once() {
    let mut people = People::default();
    assert_eq!(people.see("Bob", node(1), false, 1), None);
    assert_eq!(people.see("bob", node(1), false, 2), None);
    assert_eq!(people.see("robert", node(1), false, 3), Some("Bob".into()));
    assert_eq!(people.see("robert", node(1), false, 4), None);
    assert_eq!(people.see("bob", node(1), false, 5), None);
    assert_eq!(people.see("rob", node(1), false, 6), Some("Bob".into()));
    // Another person's name is no new one of this key.
    assert_eq!(people.see("alice", node(2), false, 7), None);
    assert_eq!(people.see("alice", node(1), false, 8), None);
    assert_eq!(people.changed("alice", &node(1), false), Some(node(2)));
    // Of a person who was added the other name counts for nothing.
    people.add("anna", node(3), false, 9).unwrap();
    assert_eq!(people.see("anni", node(3), false, 10), None);
}

#[test]
fn an_id_is_meant_by_its_end_and_by_a_long_beginning() {
    let people = People::default();
    let (one, two) = (node(1), node(2));
    // Two calls itself what one's id ends in.
    let now = here(&[(1, "x"), (2, "y")]);
    assert_eq!(people.find(&one.short(), &now, false), Ok(one));
    assert_eq!(people.find(&one.to_string()[..20], &now, false), Ok(one));
    assert_eq!(
        people.find(&one.to_string()[..8], &now, false),
        Err(WhoError::Nobody)
    );
    let now = here(&[(1, "x"), (2, &one.short())]);
    let either = people.find(&one.short(), &now, false);
    assert_eq!(either, Err(WhoError::Ambiguous(vec![one, two])));
    let now = here(&[(1, "x"), (2, &one.to_string())]);
    assert_eq!(people.find(&one.to_string(), &now, false), Ok(one));
}

#[test]
fn a_flood_of_names_does_not_drive_out_those_one_knows() {
    let mut people = People::default();
    people.meet("alice", node(1), false, 1);
    for n in 0..MAX as u32 + 500 {
        people.see(&format!("n{n}"), node(100 + n), false, 10 + u64::from(n));
    }
    assert_eq!(people.names.len(), MAX);
    assert!(people.known("alice").is_some());
    assert!(people.known("n0").is_none() && people.known("n10499").is_some());
    // One who renames itself all the time has only its last names.
    for n in 0..100 {
        people.see(&format!("mallory{n}"), node(5), false, 20_000 + n);
    }
    let own = people.names.values().filter(|e| e.person.key == node(5));
    assert_eq!(own.count(), MAX_OF_ONE);
    assert!(people.known("mallory99").is_some());
}

#[test]
fn what_is_written_down_stays_bounded_and_is_recalled() {
    let mut people = People::default();
    let (mut file, mut longest) = (Vec::new(), 0);
    let last = (MAX + MAX / 4) as u32 - 1;
    for n in 0..=last {
        people.see(&format!("n{n}"), node(n), false, u64::from(n));
        if n % 100 == 99 {
            let (records, all) = people.take_news().expect("news");
            if all {
                file.clear();
            }
            file.extend(records);
            longest = longest.max(file.len());
        }
    }
    assert!(longest <= 2 * MAX, "{longest}");
    assert!(people.take_news().is_none());
    let (name, now) = (format!("n{last}"), u64::from(last) + 1);
    people.see(&name, node(last), false, now);
    assert!(people.take_news().is_none(), "not each time");
    people.see(&name, node(last), false, now + DAY);
    assert_eq!(people.take_news().map(|(new, _)| new.len()), Some(1));
    let mut again = People::default();
    for person in file {
        again.recall(person);
    }
    assert_eq!(again.names.len(), MAX);
    assert!(again.known(&name).is_some());
}

#[test]
fn names_that_nobody_chose_raise_no_alarm_and_still_mean_whom_they_meant() {
    let name = "root@vm/peer1";
    let mut people = People::default();
    people.see(name, node(1), true, 1);
    people.see(name, node(2), true, 1);
    assert_eq!(people.changed(name, &node(2), true), None);
    // A person who chose that name did so for a reason.
    assert_eq!(people.changed(name, &node(2), false), Some(node(1)));
    let both = made_up(&[(1, name), (2, name)]);
    let ambiguous = Err(WhoError::Ambiguous(vec![node(1), node(2)]));
    assert_eq!(people.find(name, &both, false), ambiguous);
    for n in [1, 2] {
        assert_eq!(people.find(&node(n).short(), &both, false), Ok(node(n)));
        let whole = node(n).to_string();
        assert_eq!(people.find(&whole, &both, false), Ok(node(n)));
    }
    // After a restart the one that was written down first is no better than the other.
    let mut again = People::default();
    for person in people.take_news().expect("news").0 {
        again.recall(person);
    }
    assert_eq!(again.find(name, &both, false), ambiguous);
    assert_eq!(again.find(name, &made_up(&[(2, name)]), false), Ok(node(2)));
    // Once something was sent to one of them, its name is not another's.
    again.meet(name, node(1), true, 2);
    assert_eq!(again.find(name, &both, false), Ok(node(1)));
    let refused = again.find(name, &made_up(&[(2, name)]), false);
    assert!(
        matches!(refused, Err(WhoError::NewKey { .. })),
        "{refused:?}"
    );
    assert_eq!(again.find(&node(2).short(), &both, false), Ok(node(2)));
    assert_eq!(again.changed(name, &node(2), true), None);
    // A name that is given by hand, though it is the same, counts from then on.
    again.see(name, node(1), false, 2);
    assert_eq!(again.changed(name, &node(2), true), Some(node(1)));
}
