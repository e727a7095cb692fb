//! Files spread before anyone asks, and outlive the machine that they came from.

use crate::common::{Running, Swarm, downloaded, kept, noise, share, until};
use serde_json::Value;
use std::{fs, time::Instant};

/// What `list` shows of `name`; `Null` when it is not there.
fn listed(swarm: &Swarm, name: &str) -> Value {
    let rows = swarm.run("watcher", &["list", "--json"]).json();
    rows.into_iter()
        .find(|row| row["name"] == name)
        .unwrap_or_default()
}

#[track_caller]
fn wait_for_copies(swarm: &Swarm, name: &str, copies: u64) {
    until("copies", || {
        listed(swarm, name)["copies"].as_u64() >= Some(copies)
    });
}

fn nodes(swarm: &Swarm, names: &[&str], more: &[&str]) -> Vec<Running> {
    let mut arguments = vec!["--replicas", "3"];
    arguments.extend(more);
    names
        .iter()
        .map(|name| swarm.serve_scanned(name, &arguments))
        .collect()
}

#[test]
fn a_file_outlives_its_origin_and_one_more() {
    let swarm = Swarm::new();
    let bytes = noise(1, 48 << 20);
    share(&swarm.home("origin"), "film.mkv", &bytes);
    let names = ["b", "c", "d", "e", "f"];
    let mut others = nodes(&swarm, &names, &[]);
    let origin = swarm.serve_scanned("origin", &["--replicas", "3"]);
    let started = Instant::now();
    wait_for_copies(&swarm, "film.mkv", 3);
    println!("three copies after {:?}", started.elapsed());
    // Spread out: nobody has all of it, and nothing lies there more often than asked for.
    let shares: Vec<u64> = names.iter().map(|name| kept(&swarm.home(name))).collect();
    assert_eq!(
        shares.iter().sum::<u64>(),
        2 * bytes.len() as u64,
        "{shares:?}"
    );
    assert!(
        shares.iter().all(|&share| share < bytes.len() as u64),
        "{shares:?}"
    );

    // Both at once, and without a word.
    drop(origin);
    drop(others.pop());
    until("the origin to be gone", || {
        let row = listed(&swarm, "film.mkv");
        row["replica"] == true
    });
    let got = swarm
        .run("newcomer", &["download", "film.mkv", "--json"])
        .succeeds();
    assert_eq!(got.done()["fetched"], bytes.len());
    assert!(downloaded(&swarm.home("newcomer"), "film.mkv") == bytes);
}

/// More than are followed while nobody has room.
#[test]
fn of_thousands_each_is_copied_once_there_is_room() {
    const FILES: u64 = 4500;
    let swarm = Swarm::new();
    for at in 0..FILES {
        let name = format!("{}/{at}.txt", at % 50);
        share(&swarm.home("origin"), &name, at.to_string().as_bytes());
    }
    // Half of it is for one origin, and each file counts for 8 KiB.
    let little = ["--replica-quota", "800KiB"];
    let _small = swarm.serve_scanned("small", &little);
    let _origin = swarm.serve_scanned("origin", &["--replicas", "2"]);
    let safe = || {
        let told = swarm.run("origin", &["status", "--json"]).json();
        told[0]["safe"].clone()
    };
    until("a few copies", || safe()["elsewhere"].as_u64() >= Some(40));
    let some = safe();
    assert_eq!(some["files"], FILES);
    assert!(some["to_leave"] == false && some["elsewhere"].as_u64() < Some(60));
    let _large = swarm.serve_scanned("large", &[]);
    until("all copies", || safe()["to_leave"] == true);
    assert_eq!(safe()["elsewhere"], FILES);
}

#[test]
fn many_small_files_are_copied_in_a_few_rounds() {
    let swarm = Swarm::new();
    for at in 0..400 {
        share(&swarm.home("origin"), &format!("{at}.txt"), &noise(at, 700));
    }
    let _others = nodes(&swarm, &["b", "c"], &[]);
    let _origin = swarm.serve_scanned("origin", &["--replicas", "3"]);
    let here = |name: &str| kept(&swarm.home(name));
    until("the copies", || here("b") + here("c") == 2 * 400 * 700);
    until("that all know of them", || {
        let rows = swarm.run("watcher", &["list", "--json"]).json();
        let copies = rows.iter().filter(|row| row["copies"] == 3);
        copies.count() == 400
    });
}

#[test]
fn what_a_node_that_leaves_kept_is_kept_by_others_then_and_nothing_else_moves() {
    let swarm = Swarm::new();
    let bytes = noise(2, 12 << 20);
    share(&swarm.home("origin"), "a.bin", &bytes);
    let names = ["b", "c", "d", "e"];
    let mut others = nodes(&swarm, &names, &[]);
    let _origin = swarm.serve_scanned("origin", &["--replicas", "3"]);
    wait_for_copies(&swarm, "a.bin", 3);
    let before: Vec<u64> = names.iter().map(|name| kept(&swarm.home(name))).collect();
    others.pop().unwrap().leave();
    until("the copies to be made again", || {
        let now: u64 = names[..3].iter().map(|name| kept(&swarm.home(name))).sum();
        now == 2 * bytes.len() as u64
    });
    wait_for_copies(&swarm, "a.bin", 3);
    for (name, before) in names.iter().zip(&before).take(3) {
        assert!(
            kept(&swarm.home(name)) >= *before,
            "{name} gave something up"
        );
    }
}

#[test]
fn who_gives_no_room_gets_nothing_and_all_means_everyone_else() {
    let swarm = Swarm::new();
    let bytes = noise(3, 6 << 20);
    share(&swarm.home("origin"), "a.bin", &bytes);
    let _none = swarm.serve("none", &["--replica-quota", "0", "--replicas", "3"]);
    let _others = nodes(&swarm, &["b", "c", "d"], &[]);
    let _origin = swarm.serve_scanned("origin", &["--replicas", "all"]);
    wait_for_copies(&swarm, "a.bin", 4);
    assert_eq!(
        listed(&swarm, "a.bin")["holders"],
        4,
        "whole replicas are whole"
    );
    assert_eq!(kept(&swarm.home("none")), 0);
    for name in ["b", "c", "d"] {
        assert_eq!(kept(&swarm.home(name)), bytes.len() as u64);
    }
}

#[test]
fn a_quota_holds_and_the_rest_goes_elsewhere() {
    let swarm = Swarm::new();
    let bytes = noise(4, 16 << 20);
    share(&swarm.home("origin"), "a.bin", &bytes);
    // Half of a quota is for one origin.
    let _small = swarm.serve("small", &["--replica-quota", "8M", "--replicas", "3"]);
    let _large = swarm.serve("large", &["--replica-quota", "1G", "--replicas", "3"]);
    let _other = swarm.serve("other", &["--replica-quota", "1G", "--replicas", "3"]);
    let _origin = swarm.serve_scanned("origin", &["--replicas", "3"]);
    wait_for_copies(&swarm, "a.bin", 3);
    assert!(kept(&swarm.home("small")) <= 4 << 20);
}

#[test]
fn what_is_no_longer_shared_is_forgotten_but_not_at_a_restart() {
    let swarm = Swarm::new();
    for (seed, name) in [(5, "stays.bin"), (6, "goes.bin")] {
        share(&swarm.home("origin"), name, &noise(seed, 2 << 20));
    }
    let arguments = ["--replicas", "2", "--replica-grace", "2"];
    let _keeper = swarm.serve("keeper", &arguments);
    let origin = swarm.serve_scanned("origin", &arguments);
    wait_for_copies(&swarm, "stays.bin", 2);
    wait_for_copies(&swarm, "goes.bin", 2);
    assert_eq!(kept(&swarm.home("keeper")), 4 << 20);
    origin.leave();
    until("its leaving", || {
        listed(&swarm, "goes.bin")["replica"] == true
    });
    // It comes back with one of them.
    fs::remove_file(swarm.home("origin").join("shared/goes.bin")).unwrap();
    let _origin = swarm.serve_scanned("origin", &arguments);
    until("the other to be forgotten", || {
        kept(&swarm.home("keeper")) == 2 << 20
    });
    until("it not to be listed", || {
        listed(&swarm, "goes.bin").is_null()
    });
    assert_eq!(listed(&swarm, "stays.bin")["copies"], 2);
}

#[test]
fn a_keeper_that_restarts_has_still_what_it_kept() {
    let swarm = Swarm::new();
    let bytes = noise(7, 4 << 20);
    share(&swarm.home("origin"), "a.bin", &bytes);
    let keeper = swarm.serve("keeper", &["--replicas", "2"]);
    let origin = swarm.serve_scanned("origin", &["--replicas", "2"]);
    wait_for_copies(&swarm, "a.bin", 2);
    drop(keeper); // Killed.
    origin.leave();
    let _keeper = swarm.serve("keeper", &["--replicas", "2"]);
    swarm.run("newcomer", &["download", "a.bin"]).succeeds();
    assert!(downloaded(&swarm.home("newcomer"), "a.bin") == bytes);
    // Who keeps parts of a file needs not fetch them.
    let row = listed(&swarm, "a.bin");
    assert_eq!(
        (&row["replica"], &row["holders"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn it_is_told_when_it_is_safe_to_leave() {
    let swarm = Swarm::new();
    share(&swarm.home("origin"), "a.bin", &noise(8, 3 << 20));
    let mut origin = swarm.start("origin", &["--json", "--replicas", "2"]);
    let mut status = || {
        origin.type_line("status");
        let line = origin.wait("status", |line| line.contains(r#""safe""#));
        serde_json::from_str::<Value>(&line).unwrap()
    };
    until("alone", || status()["safe"]["files"] == 1);
    assert_eq!(status()["safe"]["to_leave"], false);
    let _keeper = swarm.serve("keeper", &["--replicas", "2"]);
    until("safe", || status()["safe"]["to_leave"] == true);
    assert_eq!(status()["safe"]["elsewhere"], 1);
}
