//! A class: twenty who type one code, on links of equal rate both ways.

use crate::{
    common::{downloaded, noise},
    hosts::Lab,
};
use std::{
    fs,
    time::{Duration, Instant},
};

const SIZE: usize = 32 << 20;
const RECEIVERS: usize = 20;
/// The file takes 5.4 s on one link.
const MEGABITS: u32 = 50;

#[test]
fn a_group_that_has_one_code_gives_one_another_what_the_sender_sends_it() {
    let Some(lab) = Lab::new(RECEIVERS + 1) else {
        return;
    };
    for host in lab.hosts() {
        host.link(0, MEGABITS);
    }
    let sender = lab.host(0);
    let bytes = noise(7, SIZE);
    let file = sender.home("sender").join("film.mp4");
    fs::write(&file, &bytes).unwrap();
    let arguments = ["send", "--group", file.to_str().unwrap(), "--json"];
    let mut sending = sender.start("sender", &arguments);
    let code = sending.event("code")["code"].as_str().unwrap().to_owned();
    let before = sender.sent(0);
    let began = Instant::now();
    let names: Vec<String> = (1..=RECEIVERS).map(|at| format!("get{at}")).collect();
    let mut receivers: Vec<_> = (1..)
        .zip(&names)
        .map(|(at, name)| lab.host(at).start(name, &["receive", &code, "--json"]))
        .collect();
    for _ in 0..RECEIVERS {
        sending.event_within("done", Duration::from_secs(300));
    }
    let took = began.elapsed();
    let sent = (sender.sent(0) - before) as f64 / SIZE as f64;
    let bound = SIZE as f64 * 8.0 / f64::from(MEGABITS) / 1e6;
    println!(
        "the last one had it after {took:?}, {:.2} times what one link takes, and the sender sent {sent:.2} times the file",
        took.as_secs_f64() / bound
    );
    for (at, name) in (1..).zip(&names) {
        let receiver = &mut receivers[at - 1];
        assert_eq!(receiver.end(), 0);
        assert!(downloaded(&lab.host(at).home(name), "film.mp4") == bytes);
    }
    sending.signal("INT");
    assert_eq!(sending.end(), 0);
    // From the sender alone it would take twenty times as long, and twenty times the bytes. How
    // near it comes to once is what benches/compare/fanout.sh measures: it depends on the
    // processors that all share.
    assert!(sent < 8.0, "{sent}");
}
