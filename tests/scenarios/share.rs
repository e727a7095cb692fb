//! The shared folder as others see it: what is offered, by which name, and how soon.

use crate::common::{DEADLINE, Swarm, downloaded, noise, share};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    time::{Duration, Instant, SystemTime},
};

/// How soon a change must be seen by a node that is asked from then on.
const SOON: Duration = Duration::from_secs(15);

fn listed(swarm: &Swarm) -> BTreeSet<(String, u64)> {
    let rows = swarm.run("watcher", &["list", "--json"]).json();
    let row = |row: &serde_json::Value| {
        let name = row["name"].as_str().unwrap().to_owned();
        (name, row["size"].as_u64().unwrap())
    };
    rows.iter().map(row).collect()
}

/// Waits until exactly this is listed.
#[track_caller]
fn wait_for(swarm: &Swarm, wanted: &[(&str, u64)]) {
    let wanted: BTreeSet<_> = wanted
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect();
    let begun = Instant::now();
    loop {
        let listed = listed(swarm);
        if listed == wanted {
            return;
        }
        assert!(
            begun.elapsed() < SOON,
            "listed {listed:?} instead of {wanted:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_in_the_folder_is_offered_and_what_must_not_be_is_not() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let shared = home.join("shared");
    share(&home, "top.txt", b"top");
    share(&home, "a/b/c/deep.txt", b"deep");
    share(&home, "a/e\u{301}te\u{301}.txt", b"decomposed");
    share(&home, ".sprat-abc.tmp", b"own");
    share(&home, ".sprat/identity.key", b"own");
    share(&home, ".hidden", b"a file like others");
    fs::write(home.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", shared.join("leaves")).unwrap();
    std::os::unix::fs::symlink("../..", shared.join("up")).unwrap();
    std::os::unix::fs::symlink("top.txt", shared.join("stays")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(shared.join("pipe"))
        .status();
    assert!(pipe.unwrap().success());
    let alice = swarm.serve_scanned("alice", &[]);
    let wanted = [
        (".hidden", 18),
        ("a/b/c/deep.txt", 4),
        ("a/\u{e9}t\u{e9}.txt", 10),
        ("stays", 3),
        ("top.txt", 3),
    ];
    wait_for(&swarm, &wanted);
    assert!(
        alice.seen.iter().any(|line| line.contains("leaves")),
        "{:?}",
        alice.seen
    );

    // Either form of the name means it.
    for (name, form) in [
        ("bob", "a/\u{e9}t\u{e9}.txt"),
        ("carol", "a/e\u{301}te\u{301}.txt"),
    ] {
        swarm.run(name, &["download", form]).succeeds();
        assert_eq!(
            downloaded(&swarm.home(name), "a/\u{e9}t\u{e9}.txt"),
            b"decomposed"
        );
    }
    drop(alice);

    // The second start reads nothing, even after a kill.
    for _ in 0..2 {
        let mut alice = swarm.serve("alice", &[]);
        let scanned = alice.event("scanned");
        assert_eq!(
            (&scanned["files"], &scanned["read"]),
            (&5.into(), &0.into())
        );
    }
    wait_for_restart(&swarm, &wanted);
}

fn wait_for_restart(swarm: &Swarm, wanted: &[(&str, u64)]) {
    let _alice = swarm.serve_scanned("alice", &[]);
    wait_for(swarm, wanted);
}

#[test]
fn changes_are_seen_by_others_within_seconds() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let shared = home.join("shared");
    let _alice = swarm.serve_scanned("alice", &[]);
    let _bob = swarm.serve_scanned("bob", &[]);
    share(&home, "new.txt", b"1");
    share(&home, "folder/deep/x.txt", b"22");
    wait_for(&swarm, &[("folder/deep/x.txt", 2), ("new.txt", 1)]);
    share(&home, "new.txt", b"333");
    wait_for(&swarm, &[("folder/deep/x.txt", 2), ("new.txt", 3)]);
    fs::rename(shared.join("folder"), shared.join("moved")).unwrap();
    wait_for(&swarm, &[("moved/deep/x.txt", 2), ("new.txt", 3)]);
    fs::rename(shared.join("new.txt"), shared.join("moved/new.txt")).unwrap();
    wait_for(&swarm, &[("moved/deep/x.txt", 2), ("moved/new.txt", 3)]);
    fs::remove_file(shared.join("moved/new.txt")).unwrap();
    wait_for(&swarm, &[("moved/deep/x.txt", 2)]);
    fs::remove_dir_all(&shared).unwrap();
    share(&home, "again.txt", b"4444");
    wait_for(&swarm, &[("again.txt", 4)]);
}

#[test]
fn a_file_that_is_being_written_is_offered_once_it_is_whole() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve_scanned("alice", &[]);
    let mut file = File::create(swarm.home("alice").join("shared/growing")).unwrap();
    let bytes = noise(1, 30_000);
    for part in bytes.chunks(1000) {
        file.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(60)); // A writer's pace, for longer than a file takes to settle.
    }
    drop(file);
    assert_eq!(alice.event("offered")["size"], 30_000);
    swarm.run("bob", &["download", "growing"]).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "growing"), bytes);
    assert!(!alice.seen.iter().any(|line| line.contains("withdrawn")));
}

#[test]
fn what_is_indexed_is_served_while_the_rest_is_read() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    share(&home, "a.txt", b"small");
    // Holes take no room, but have to be read.
    let big = File::create(home.join("shared/z.bin")).unwrap();
    big.set_len(40 << 30).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for name in ["a.txt", "z.bin"] {
        let file = File::options()
            .write(true)
            .open(home.join("shared").join(name))
            .unwrap();
        file.set_modified(hour_ago).unwrap();
    }
    let begun = Instant::now();
    let mut alice = swarm.serve("alice", &[]);
    let scanning = alice.event("scanning");
    assert_eq!(scanning["total"], (40u64 << 30) + 5, "{scanning}");
    swarm.run("bob", &["download", "a.txt"]).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "a.txt"), b"small");
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    assert!(
        !alice
            .seen
            .iter()
            .any(|line| line.contains(r#""event":"scanned""#))
    );
    assert!(begun.elapsed() < DEADLINE);
}

#[test]
fn a_copy_of_an_own_file_that_is_made_and_removed_withdraws_nothing() {
    let swarm = Swarm::new();
    let home = swarm.home("anna");
    for name in ["first", "second"] {
        share(&home, name, &noise(3, 40_000));
    }
    let serving = swarm.serve_scanned("anna", &[]);
    wait_for(&swarm, &[("first", 40_000), ("second", 40_000)]);
    let copies = home.join("copies");
    fs::create_dir(&copies).unwrap();
    let into = format!("{}/", copies.display());
    swarm
        .run("anna", &["download", "first", "-o", &into])
        .succeeds();
    fs::remove_dir_all(&copies).unwrap();
    // What came after it was noticed comes after that was told.
    fs::remove_file(home.join("shared/second")).unwrap();
    wait_for(&swarm, &[("first", 40_000)]);
    swarm.run("anna", &["download", "first"]).succeeds();
    fs::remove_file(home.join("shared/first")).unwrap();
    share(&home, "third", b"3");
    wait_for(&swarm, &[("first", 40_000), ("third", 1)]);
    serving.leave();
}
