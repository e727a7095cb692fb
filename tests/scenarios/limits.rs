//! `--upload-limit` and `--download-limit`, measured over five seconds on loopback.

use crate::common::{DEADLINE, Swarm, downloaded, noise, share};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// Bytes a second of a download of `size` bytes, from the first that are here to nearly the last:
/// what comes before and after (looking around, a sync) is not the limit's doing.
fn rate(serve: &[&str], download: &[&str], size: usize) -> f64 {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "big", &noise(3, size));
    let _alice = swarm.serve_scanned("alice", serve);
    let arguments = [&["download", "big", "--json"], download].concat();
    let mut bob = swarm.start("bob", &arguments);
    let first = bob.has(1);
    let begun = Instant::now();
    let last = bob.has((size - MIB / 2) as u64);
    let elapsed = begun.elapsed();
    assert_eq!(bob.end(), 0);
    assert_eq!(
        downloaded(&swarm.home("bob"), "big").len(),
        size,
        "all of it came"
    );
    (last - first) as f64 / elapsed.as_secs_f64()
}

#[track_caller]
fn is_within_five_percent(rate: f64, limit: usize) {
    let share = rate / limit as f64;
    assert!(
        (0.95..=1.05).contains(&share),
        "{share:.3} of the limit: {rate}"
    );
}

#[test]
fn a_download_limit_holds_over_five_seconds() {
    let rate = rate(&[], &["--download-limit", "16M"], 80 * MIB);
    is_within_five_percent(rate, 16 * MIB);
}

#[test]
fn an_upload_limit_holds_over_five_seconds() {
    let rate = rate(&["--upload-limit", "16M"], &[], 80 * MIB);
    is_within_five_percent(rate, 16 * MIB);
}

#[test]
fn an_upload_limit_is_shared_by_all_who_ask() {
    let swarm = Swarm::new();
    let size = 12 * MIB;
    share(&swarm.home("alice"), "one", &noise(1, size));
    share(&swarm.home("alice"), "two", &noise(2, size));
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", "5M"]);
    // Different files: neither can help the other.
    let start = |name, what| swarm.start(name, &["download", what, "--json"]);
    let (mut bob, mut carol) = (start("bob", "one"), start("carol", "two"));
    bob.has(1);
    let begun = Instant::now();
    assert_eq!((bob.end(), carol.end()), (0, 0));
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_secs(4), "{elapsed:?}");
}

/// Downloads a file that is a single chunk, which takes longer than a body may without a limit.
fn a_long_chunk(serve: &[&str], download: &[&str]) {
    let swarm = Swarm::new();
    let bytes = vec![7; 500 << 10];
    share(&swarm.home("alice"), "small", &bytes);
    let _alice = swarm.serve_scanned("alice", serve);
    let arguments = [&["download", "small", "--json"], download].concat();
    let begun = Instant::now();
    let bob = swarm.run("bob", &arguments).succeeds();
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_secs(30), "{elapsed:?}");
    assert!(elapsed < DEADLINE, "{elapsed:?}");
    assert_eq!(bob.done()["fetched"], bytes.len(), "no byte came twice");
    assert!(downloaded(&swarm.home("bob"), "small") == bytes);
}

#[test]
fn a_tiny_upload_limit_is_slow_but_nobody_gives_up() {
    a_long_chunk(&["--upload-limit", "15K"], &[]);
}

#[test]
fn a_tiny_download_limit_is_slow_but_nobody_gives_up() {
    // Not even one who is told to give up after less than the chunk takes.
    a_long_chunk(&[], &["--download-limit", "15K", "--timeout", "5"]);
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let swarm = Swarm::new();
    for limit in ["0", "12", "fast", "-1M"] {
        let argument = format!("--upload-limit={limit}");
        assert_eq!(swarm.run("bob", &["list", &argument]).code(), 2, "{limit}");
    }
}
