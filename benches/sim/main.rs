//! Swarms that no machine here can hold, in virtual time: `cargo bench --bench sim [-- NAME…]`.
//!
//! `-- membership [NODES…]` is about who is here and what they offer, without any file on its way;
//! 1,000 nodes take ten minutes and 2 GB.
//!
//! Prints, for each scenario: completion over the bound (the time that the file takes on one link),
//! what the seed sent over the size of the file and the part of its line that it
//! used, and what a node spent on questions and news.

mod room;
mod swarm;

use room::Room;
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

/// A room of so many: how they get to know one another, what that costs, and what becomes of it
/// when a third is replaced a minute, when the network is cut in two, and when it loses datagrams.
fn membership(nodes: usize) {
    let began = Instant::now();
    let second = Duration::from_secs(1);
    let mut room = Room::new(room::Scenario {
        loss: 0.05,
        ..room::Scenario::room(nodes)
    });
    let joined = room.until_known(99, 120 * second);
    let joined = joined.saturating_sub(room.scenario.spread);
    let most = room.most_connections();
    // What was made to get acquainted is closed by then.
    room.run(room.now + 60 * second, |_| false);
    let then = (room.now, room.totals);
    room.run(room.now + 30 * second, |_| false);
    let (idle, said) = (room.bytes_since(then), room.datagrams_since(then));
    let (connections, lacks) = (room.connections(), room.lacks());
    let looked: Vec<_> = (0..5).map(|_| room.look(second)).collect();
    let slowest = looked.iter().map(|it| it.took).max().unwrap_or_default();
    let short = looked.iter().filter(|it| it.rows < nodes).count();
    let unsaid = looked
        .iter()
        .filter(|it| it.rows < nodes && it.settled)
        .count();
    let news = room.news(0, 60 * second);
    let dead = room.deaths((nodes / 100).max(2), 180 * second);
    // Three in ten are replaced each minute: half of them say goodbye.
    let then = (room.now, room.totals);
    let churn = room.churn(0.3, 60 * second);
    let (cost, lost) = (room.bytes_since(then), room.totals.lost);
    let news_in_churn = room.news(churn, 60 * second);
    // A third is cut off for half a minute.
    room.cut(|n| u8::from(n % 3 == 0));
    room.run(room.now + 30 * second, |_| false);
    room.cut(|_| 0);
    let healed = room.until_known(99, 120 * second);
    println!(
        "{nodes:>6} {:>8.1} {:>6} {:>8.0} {said:>6.1} {:>8.1} {lacks:>6.2} {:>10.2} {short:>3} / {unsaid:<3} {:>8.2} {:>6.1} {:>9.0} {:>8.2} {lost:>5} {:>8.1} {:>8.1}",
        joined.as_secs_f64(),
        most,
        idle,
        2.0 * connections as f64 / nodes as f64,
        slowest.as_secs_f64(),
        news.as_secs_f64(),
        dead.as_secs_f64(),
        cost,
        news_in_churn.as_secs_f64(),
        healed.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
}

fn memberships(sizes: &[usize]) {
    println!(
        "{:>6} {:>8} {:>6} {:>8} {:>6} {:>8} {:>6} {:>10} {:>9} {:>8} {:>6} {:>9} {:>8} {:>5} {:>8} {:>8}",
        "nodes",
        "joined s",
        "most",
        "B/node/s",
        "said/s",
        "each has",
        "lacks",
        "newcomer s",
        "short/mum",
        "news s",
        "dead s",
        "churn B/s",
        "news s",
        "lost",
        "healed s",
        "took s"
    );
    for nodes in sizes {
        membership(*nodes);
    }
    println!("all on two processors, begun at once:");
    for nodes in [80, 150] {
        let mut room = Room::new(room::Scenario::lab(nodes));
        room.run(Duration::from_secs(120), Room::all_know_all);
        println!(
            "{nodes:>6} {:>8.1} s until all know {}, {} dials, {} taken for gone though here",
            room.now.as_secs_f64(),
            room.least_known(),
            room.totals.dials,
            room.totals.lost
        );
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if wanted.iter().any(|name| name == "membership") {
        let sizes: Vec<usize> = wanted.iter().filter_map(|word| word.parse().ok()).collect();
        return memberships(if sizes.is_empty() {
            &[24, 100, 1_000]
        } else {
            &sizes
        });
    }
    println!(
        "{:<8} {:>5} {:>6} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9} {:>11} {:>10} {:>6} {:>5} {:>6}",
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
        "took s"
    );
    for scenario in scenarios() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == scenario.name) {
            continue;
        }
        let (name, nodes, mib) = (scenario.name, scenario.nodes, scenario.mib);
        let began = Instant::now();
        let report = Swarm::new(scenario).run(Duration::from_secs(1200));
        println!(
            "{name:<8} {nodes:>5} {:>6} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>9.2} {:>9.2} {:>11.0} {:>10.1} {:>6.3} {:>5} {:>6.1}",
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
            began.elapsed().as_secs_f64()
        );
    }
}
