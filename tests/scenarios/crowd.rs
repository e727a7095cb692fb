//! More nodes than are all connected with one another.

use crate::common::{DEADLINE, Running, Swarm, downloaded, share};
use std::time::Instant;

/// The id of a node that is ready.
fn id(node: &Running) -> String {
    let ready = node.seen.iter().find(|line| line.contains(r#""ready""#));
    let ready: serde_json::Value = serde_json::from_str(ready.unwrap()).unwrap();
    ready["peer"].as_str().unwrap().to_owned()
}

#[test]
fn in_a_crowd_a_newcomer_lists_all_fetches_from_any_and_news_get_around() {
    const COUNT: usize = 32;
    let swarm = Swarm::new();
    let names: Vec<String> = (0..COUNT).map(|n| format!("node{n}")).collect();
    let mut nodes = Vec::new();
    for name in &names {
        share(&swarm.home(name), &format!("{name}.txt"), name.as_bytes());
        nodes.push(swarm.serve_scanned(name, &["--no-mdns"]));
    }
    let listed = swarm
        .run("newcomer", &["list", "--json", "--no-mdns"])
        .succeeds()
        .json();
    let shown = |name: &String| {
        listed
            .iter()
            .any(|row| row["name"] == format!("{name}.txt"))
    };
    assert!(names.iter().all(shown), "{} of {COUNT}", listed.len());
    for name in [&names[0], &names[COUNT / 2], &names[COUNT - 1]] {
        let file = format!("{name}.txt");
        swarm
            .run("newcomer", &["download", &file, "--no-mdns"])
            .succeeds();
        assert_eq!(downloaded(&swarm.home("newcomer"), &file), name.as_bytes());
    }
    // With most of them the one that has news is not connected.
    let sharer = id(&nodes[0]);
    share(&swarm.home(&names[0]), "late.txt", b"late");
    let begun = Instant::now();
    for name in &names[1..] {
        let knows = || {
            let listed = swarm.run(name, &["list", "late.txt", "--json"]);
            listed.out().contains("late.txt")
        };
        while !knows() {
            assert!(begun.elapsed() < DEADLINE, "{name} does not hear of it");
        }
    }
    // A goodbye is heard by all.
    nodes.remove(0).leave();
    for node in &mut nodes {
        node.wait("the goodbye", |line| {
            line.contains(r#""event":"left""#) && line.contains(&sharer)
        });
    }
}
