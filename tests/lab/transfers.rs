//! Downloads that are interrupted from outside.

use crate::{
    common::{Running, downloaded, noise, share},
    hosts::{Host, Lab},
};
use std::time::{Duration, Instant};

const SIZE: usize = 16 << 20;
/// So that a transfer takes some seconds.
const MEGABITS: u32 = 40;

fn is(event: &'static str) -> impl Fn(&str) -> bool {
    move |line| line.contains(&format!(r#""event":"{event}""#))
}

/// A seed on one host, a download on the other with a part of the file.
fn begun(seed: Host, fetcher: Host) -> (Vec<u8>, Running, Running) {
    let bytes = noise(1, SIZE);
    share(&seed.home("seed"), "big.bin", &bytes);
    seed.rate(0, MEGABITS);
    let serving = seed.serve("seed", &[]);
    let asked = ["download", "big.bin", "--json", "--wait", "30"];
    let mut download = fetcher.start("fetcher", &asked);
    download.wait("a part", |line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["event"] == "progress" && event["done"].as_u64().unwrap() > 1 << 20
    });
    (bytes, serving, download)
}

#[test]
fn a_seed_that_is_killed_and_started_again_is_used_again() {
    let Some(lab) = Lab::new(2) else { return };
    let (seed, fetcher) = (lab.host(0), lab.host(1));
    let (bytes, serving, mut download) = begun(seed, fetcher);
    serving.signal("KILL");
    download.wait("it waits", is("waiting"));
    drop(serving);
    let _again = seed.serve("seed", &[]);
    download.wait("it goes on", is("resumed"));
    let done = download.wait("it is done", is("done"));
    assert_eq!(download.end(), 0, "{done}");
    assert!(downloaded(&fetcher.home("fetcher"), "big.bin") == bytes);
    // What was there was kept.
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    let moved = done["fetched"].as_u64().unwrap();
    assert!(moved <= bytes.len() as u64 + (4 << 20), "{done}");
}

#[test]
fn a_download_waits_for_a_network_that_heals_and_says_so() {
    let Some(lab) = Lab::new(2) else { return };
    let (seed, fetcher) = (lab.host(0), lab.host(1));
    let (bytes, _serving, mut download) = begun(seed, fetcher);
    seed.cable(0, false);
    let since = Instant::now();
    download.wait("it waits", is("waiting"));
    let after = since.elapsed();
    println!("it said so after {after:?}");
    // A dead host is gone within 15 s; the download gives its sources another second to come back.
    assert!(after < Duration::from_secs(17), "{after:?}");
    seed.cable(0, true);
    download.wait("it goes on", is("resumed"));
    download.wait("it is done", is("done"));
    assert_eq!(download.end(), 0);
    assert!(downloaded(&fetcher.home("fetcher"), "big.bin") == bytes);
}

#[test]
fn a_folder_of_many_names_comes_whole_over_a_slow_link() {
    let Some(lab) = Lab::new(2) else { return };
    let (alice, bob) = (lab.host(0), lab.host(1));
    for at in 0..2000 {
        let name = format!("pictures/picture-number-{at:04}.jpg");
        share(&alice.home("alice"), &name, &noise(at, 100));
    }
    let _serving = alice.serve("alice", &[]);
    for host in lab.hosts() {
        host.link(0, 1);
    }
    // Their names alone take longer than is waited for.
    let list = bob.run("bob", &["list", "*.jpg", "--json", "--wait", "1"]);
    let ended = (list.code(), list.json().len());
    println!("listed after {:?}", list.elapsed);
    assert_eq!(ended, (0, 2000), "{}", list.err());
    let ran = bob.run("bob", &["download", "pictures/", "--wait", "1"]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    println!("fetched after {:?}", ran.elapsed);
    let files = std::fs::read_dir(bob.home("bob").join("downloads/pictures"));
    assert_eq!(files.unwrap().count(), 2000);
}
