//! Swarms that no machine here can hold, in virtual time: `cargo bench --bench sim [-- NAME…]`.
//!
//! `-- membership [NODES…]` is about who is here and what they offer, without any file on its way;
//! 1,000 nodes take five minutes and half a GB. `-- fanout [NODES…] [short] [coarse] [long]` is one
//! file to many at once.
//!
//! Prints, for each scenario: completion over the bound (the time that the file takes on one link),
//! what the seed sent over the size of the file and the part of its line that it
//! used, and what a node spent on questions and news.

mod crowd;
mod room;
mod swarm;

use std::time::{Duration, Instant};
use swarm::{Scenario, Swarm};

fn scenarios() -> Vec<Scenario> {
    let eight = Scenario {
        mib: 64,
        delay: Duration::from_micros(500),
        spread: Duration::from_millis(30),
        ..Scenario::lab("eight", 8, 200)
    };
    let many = Scenario {
        name: "equal",
        nodes: 500,
        mib: 260,
        delay: Duration::from_millis(2),
        spread: Duration::from_millis(300),
        ..eight.clone()
    };
    let slow = Scenario {
        name: "slow",
        nodes: 200,
        slow: Some(10),
        ..many.clone()
    };
    let churn = Scenario {
        name: "churn",
        nodes: 200,
        rate: 2_500_000,
        churn: 30,
        ..many.clone()
    };
    // A class with a short film: few chunks for so many.
    let class = Scenario {
        name: "class",
        nodes: 20,
        mib: 32,
        rate: 6_250_000,
        ..eight.clone()
    };
    // What the lab can show without its processors being full.
    let lab = [("lab 8", 8, 50), ("lab 20", 20, 20)];
    let lab = lab.map(|(name, nodes, rate)| Scenario::lab(name, nodes, rate));
    let one_slow = Scenario {
        links: vec![(4, 2_500_000)],
        ..Scenario::lab("one slow", 8, 200)
    };
    lab.into_iter()
        .chain([one_slow, eight, class, many, slow, churn])
        .collect()
}

/// One file to so many at once: a short one at 50 Mbit/s, and longer ones.
fn fanouts(sizes: &[usize]) -> Vec<Scenario> {
    let of = |&nodes: &usize| {
        let short = Scenario {
            mib: 64,
            delay: Duration::from_millis(2),
            spread: Duration::from_secs(3),
            piece: 32 << 10,
            ..Scenario::lab("short", nodes, 50)
        };
        let long = Scenario {
            name: "long",
            mib: 260,
            rate: 25_000_000,
            piece: 64 << 10,
            ..short.clone()
        };
        // The fewest chunks for the most nodes: just too long to be cut finely.
        let coarse = Scenario {
            name: "coarse",
            mib: 65,
            piece: 64 << 10,
            ..short.clone()
        };
        [short, coarse, long]
    };
    sizes.iter().flat_map(of).collect()
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if wanted.iter().any(|name| name == "membership") {
        let sizes: Vec<usize> = wanted.iter().filter_map(|word| word.parse().ok()).collect();
        return crowd::memberships(if sizes.is_empty() {
            &[24, 100, 1_000]
        } else {
            &sizes
        });
    }
    let mut fanout = wanted.iter().skip_while(|name| *name != "fanout");
    let chosen = if fanout.next().is_some() {
        let sizes: Vec<usize> = fanout
            .clone()
            .filter_map(|word| word.parse().ok())
            .collect();
        let names: Vec<&String> = fanout
            .filter(|word| word.parse::<usize>().is_err())
            .collect();
        let mut scenarios = fanouts(if sizes.is_empty() { &[100] } else { &sizes });
        scenarios.retain(|one| names.is_empty() || names.iter().any(|name| *name == one.name));
        scenarios
    } else {
        let mut scenarios = scenarios();
        scenarios.retain(|one| wanted.is_empty() || wanted.iter().any(|name| name == one.name));
        scenarios
    };
    println!(
        "{:<8} {:>5} {:>6} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9} {:>11} {:>10} {:>6} {:>5} {:>8} {:>6}",
        "scenario",
        "nodes",
        "MiB",
        "last",
        "median",
        "slow",
        "late",
        "seed sent",
        "its line",
        "control KiB",
        "B/news",
        "twice",
        "open",
        "refused",
        "took s"
    );
    for scenario in chosen {
        let (name, nodes, mib) = (scenario.name, scenario.nodes, scenario.mib);
        let began = Instant::now();
        let report = Swarm::new(scenario).run(Duration::from_secs(1200));
        println!(
            "{name:<8} {nodes:>5} {:>6} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>9.2} {:>9.2} {:>11.0} {:>10.1} {:>6.3} {:>5} {:>8.1} {:>6.1}",
            mib,
            report.last,
            report.median,
            report.slow,
            report.late,
            report.seed_sent,
            report.seeds[0],
            report.control / 1024.0,
            report.news,
            report.twice,
            report.unfinished,
            report.refused,
            began.elapsed().as_secs_f64()
        );
    }
}
