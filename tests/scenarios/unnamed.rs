//! Nodes that nobody gave a name, homes that were copied, and visitors who are no news.

use crate::common::{Running, Swarm, unnamed};
use serde_json::Value;
use std::{collections::BTreeSet, fs, time::Duration};

/// A node that nobody gave a name, with what it said when it was ready.
fn start(swarm: &Swarm, home: &str) -> (Running, Value) {
    let mut node = Running::of(unnamed(&swarm.command(home, &["serve", "--json"])));
    let ready = node.event("ready");
    (node, ready)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn homes_without_a_name_are_told_apart_and_an_id_means_its_key() {
    let swarm = Swarm::new();
    let homes = ["peer1", "peer2", "other/peer1"];
    let mut nodes = homes.map(|home| start(&swarm, home));
    let (mut watch, _) = start(&swarm, "watch");
    let joined: Vec<Value> = nodes.iter().map(|_| watch.event("joined")).collect();
    let mut prompt = Running::of(unnamed(&swarm.command("peer3", &["--json"])));
    for one in &joined {
        assert!(one.get("key_changed").is_none(), "{one}");
    }
    let names: BTreeSet<&str> = joined.iter().map(|one| text(&one["name"])).collect();
    // Two homes have folders of the same name.
    assert_eq!(names.len(), 2, "{names:?}");
    let second = text(&nodes[1].1["name"]).to_owned();
    assert!(second.ends_with("/peer2"), "{second}");
    prompt.type_line(&format!("msg {second} 'by name'"));
    assert_eq!(nodes[1].0.event("message")["text"], "by name");
    prompt.event("delivered");
    // Their name is no way to tell these two, their ids are, from the first message to the last.
    let twins = text(&nodes[0].1["name"]).to_owned();
    prompt.type_line(&format!("msg {twins} which?"));
    let error = prompt.event("error");
    assert!(
        text(&error["error"]).contains("choose one by its id"),
        "{error}"
    );
    for round in ["one", "two"] {
        for at in [0, 2] {
            let id = text(&nodes[at].1["peer"]).to_owned();
            let end: String = id.chars().skip(id.len() - 8).collect();
            for who in [id, end] {
                prompt.type_line(&format!("msg {who} '{round} {at}'"));
                let heard = nodes[at].0.event("message");
                assert_eq!(heard["text"], format!("{round} {at}"));
                assert!(heard.get("key_changed").is_none(), "{heard}");
                prompt.event("delivered");
            }
        }
    }
    prompt.type_line("peers");
    for _ in 0..=homes.len() {
        let row = prompt.wait("a row", |line| line.contains(r#""rtt_ms""#));
        assert!(!row.contains("key_changed"), "{row}");
    }
}

#[test]
fn both_ends_of_a_copied_home_are_told_and_a_new_key_ends_it() {
    let swarm = Swarm::new();
    let (first, _) = start(&swarm, "one");
    first.leave();
    let (one, two) = (swarm.home("one"), swarm.home("two"));
    fs::create_dir_all(two.join(".sprat")).unwrap();
    let key = ".sprat/identity.key";
    fs::copy(one.join(key), two.join(key)).unwrap();
    let (mut first, ready_one) = start(&swarm, "one");
    let (mut second, ready_two) = start(&swarm, "two");
    assert_eq!(ready_one["peer"], ready_two["peer"]);
    let address = |ready: &Value| ready["addresses"][0].clone();
    let told = second.event("samekey");
    assert_eq!(
        (&told["name"], &told["address"]),
        (&ready_one["name"], &address(&ready_one))
    );
    let told = first.event("samekey");
    assert_eq!(
        (&told["name"], &told["address"]),
        (&ready_two["name"], &address(&ready_two))
    );

    let refused = swarm.run("two", &["new-key"]);
    assert_ne!(refused.code(), 0, "{}", refused.out());
    assert!(refused.err().contains("another sprat"), "{}", refused.err());
    second.leave();
    let made = swarm.run("two", &["new-key", "--json"]).succeeds().json();
    assert_eq!(made[0]["before"], ready_two["peer"]);
    assert_ne!(made[0]["peer"], ready_two["peer"]);
    let kept = fs::read(two.join(".sprat/identity.key.1")).unwrap();
    assert_eq!(kept, fs::read(one.join(key)).unwrap());
    let (mut second, ready) = start(&swarm, "two");
    assert_eq!(ready["peer"], made[0]["peer"]);
    second.event("joined");
    first.event("joined");
    let copies = |node: &Running| {
        node.seen
            .iter()
            .filter(|line| line.contains("samekey"))
            .count()
    };
    assert_eq!((copies(&first), copies(&second)), (1, 0));
}

#[test]
fn a_command_that_looks_or_fetches_is_no_news_to_people() {
    let swarm = Swarm::new();
    let mut bob = swarm.start_all("bob", &[]);
    bob.wait("bob", |line| line.contains("offering nothing"));
    let mut dave = swarm.serve("dave", &[]);
    bob.wait("dave", |line| line.starts_with("dave joined"));
    // Longer than a node must stay to be no visitor by that alone.
    let looked = swarm.run("carol", &["download", "nothing", "--wait", "3"]);
    assert_eq!(looked.code(), 5, "{}", looked.err());
    assert!(looked.elapsed > Duration::from_secs(2));
    let _alice = swarm.serve("alice", &[]);
    bob.wait("alice", |line| line.starts_with("alice joined"));
    let mentioned = |line: &String| line.contains("carol");
    assert!(!bob.seen.iter().any(mentioned), "{:?}", bob.seen);
    // Programs hear of everybody, and of what kind they are.
    let came = dave.wait("carol", |line| line.contains("carol"));
    assert!(came.contains(r#""visiting":true"#), "{came}");
    dave.wait("carol's end", |line| {
        line.contains(r#""event":"left""#) && line.contains("carol")
    });
    // She is no secret while she is here.
    let _carol = swarm.start("carol", &["download", "nothing", "--wait", "30"]);
    crate::common::until("carol among the peers", || {
        bob.type_line("peers");
        bob.wait("a row", |line| line.contains("alice"));
        bob.seen
            .iter()
            .any(|line| line.contains("carol") && line.contains("lan"))
    });
}
