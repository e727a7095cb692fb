//! Many who download one file from one seed at once, on links of equal rate both ways.

use crate::{
    common::{downloaded, noise, share},
    hosts::Lab,
};
use std::time::{Duration, Instant};

const SIZE: usize = 32 << 20;
const DOWNLOADERS: usize = 8;
/// The file takes 5.4 s on one link.
const MEGABITS: u32 = 50;

#[test]
fn downloaders_give_one_another_what_the_seed_sends_them() {
    let Some(lab) = Lab::new(DOWNLOADERS + 1) else {
        return;
    };
    for host in lab.hosts() {
        host.link(0, MEGABITS);
    }
    let seed = lab.host(0);
    let bytes = noise(3, SIZE);
    share(&seed.home("seed"), "big.bin", &bytes);
    let _serving = seed.serve("seed", &[]);
    let before = seed.sent(0);
    let began = Instant::now();
    let names: Vec<String> = (1..=DOWNLOADERS).map(|at| format!("get{at}")).collect();
    let asked = ["download", "big.bin", "--json", "--wait", "30"];
    let downloads: Vec<_> = (1..)
        .zip(&names)
        .map(|(at, name)| lab.host(at).start(name, &asked))
        .collect();
    for mut download in downloads {
        assert_eq!(download.end(), 0);
    }
    let took = began.elapsed();
    let sent = (seed.sent(0) - before) as f64 / SIZE as f64;
    println!("the last one had it after {took:?}, and the seed sent {sent:.2} times the file");
    for (at, name) in (1..).zip(&names) {
        assert!(downloaded(&lab.host(at).home(name), "big.bin") == bytes);
    }
    // From the seed alone all of it would take eight times as long, and eight times the bytes
    // (benches/compare/fanout.sh measures how near it comes to once).
    assert!(sent < 4.0, "{sent}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}
