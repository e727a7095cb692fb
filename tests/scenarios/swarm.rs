//! The main job: nodes find each other, list, and download from several at once.

use crate::common::{Swarm, downloaded, noise, share};

#[test]
fn a_file_comes_from_both_holders_and_is_the_same() {
    let swarm = Swarm::new();
    let bytes = noise(1, 24 << 20);
    for name in ["alice", "bob"] {
        share(&swarm.home(name), "big.bin", &bytes);
    }
    let _alice = swarm.serve_scanned("alice", &[]);
    let _bob = swarm.serve_scanned("bob", &[]);
    let listed = swarm.run("carol", &["list", "--json"]).succeeds().json();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["holders"]),
        (&"big.bin".into(), &2.into())
    );

    let events = swarm
        .run("carol", &["download", "big.bin", "--json"])
        .succeeds()
        .json();
    assert_eq!(downloaded(&swarm.home("carol"), "big.bin"), bytes);
    let done = events
        .iter()
        .find(|event| event["event"] == "done")
        .unwrap();
    assert_eq!(done["fetched"], bytes.len());
    let sources = done["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{done}");
    let given: u64 = sources
        .iter()
        .map(|source| source["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(given, bytes.len() as u64);
}

#[test]
fn sizes_at_the_edges_come_across() {
    // Nothing; one byte; the smallest chunk less one, exact, and one more; the largest chunk, exact
    // and one more.
    let sizes = [
        0,
        1,
        (64 << 10) - 1,
        64 << 10,
        (64 << 10) + 1,
        1 << 20,
        (1 << 20) + 1,
    ];
    let swarm = Swarm::new();
    for size in sizes {
        share(
            &swarm.home("alice"),
            &format!("sizes/{size}.bin"),
            &noise(size as u64, size),
        );
    }
    // The same chunk many times over.
    share(&swarm.home("alice"), "sizes/zeros.bin", &vec![0; 9 << 20]);
    let _alice = swarm.serve_scanned("alice", &[]);
    swarm.run("bob", &["download", "sizes/"]).succeeds();
    for size in sizes {
        assert_eq!(
            downloaded(&swarm.home("bob"), &format!("sizes/{size}.bin")),
            noise(size as u64, size)
        );
    }
    assert_eq!(
        downloaded(&swarm.home("bob"), "sizes/zeros.bin"),
        vec![0; 9 << 20]
    );
}

#[test]
fn two_who_download_at_once_give_each_other_what_comes() {
    let swarm = Swarm::new();
    let bytes = noise(12, 8 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", "2M"]);
    let mut both =
        ["bob", "carol"].map(|name| (name, swarm.start(name, &["download", "big.bin", "--json"])));
    for (at, other) in [(0, "carol"), (1, "bob")] {
        let (name, job) = &mut both[at];
        let done = job.wait("it is done", |line| line.contains(r#""event":"done""#));
        let done: serde_json::Value = serde_json::from_str(&done).unwrap();
        let sources = done["sources"].as_array().unwrap();
        let given = sources.iter().find(|source| source["name"] == other);
        let given = given.and_then(|source| source["bytes"].as_u64());
        // Half of it, nearly; without news of what comes next to nothing.
        assert!(given > Some(2 << 20), "{name}: {done}");
        assert_eq!(job.end(), 0);
        assert_eq!(downloaded(&swarm.home(name), "big.bin"), bytes);
    }
}
