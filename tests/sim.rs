//! Swarms in virtual time, small ones: the same model as `benches/sim`, with limits that are loose.

#[allow(dead_code, reason = "the benchmark prints all of it")]
#[path = "../benches/sim/swarm.rs"]
mod swarm;

use std::time::Duration;
use swarm::{Scenario, Swarm};

const LIMIT: Duration = Duration::from_secs(600);

fn scenario(nodes: usize) -> Scenario {
    Scenario {
        name: "test",
        nodes,
        chunks: 256,
        rate: 25_000_000,
        delay: Duration::from_millis(1),
        slow: None,
        churn: 0,
        spread: Duration::from_millis(50),
        batch: Duration::from_millis(100),
        seed: 7,
    }
}

#[test]
fn eight_end_nearly_when_one_would() {
    let report = Swarm::new(scenario(8)).run(LIMIT);
    assert_eq!(report.unfinished, 0);
    assert!(report.last < 1.3 && report.seed_sent < 1.3, "{report:?}");
    // A few dozen bytes for each chunk and follower.
    assert!(report.news < 100.0 && report.twice < 0.05, "{report:?}");
}

#[test]
fn sixty_take_little_longer_and_nobody_is_left_over() {
    let report = Swarm::new(scenario(60)).run(LIMIT);
    assert_eq!(report.unfinished, 0);
    assert!(report.last < 1.8 && report.seed_sent < 1.8, "{report:?}");
}

#[test]
fn slow_links_slow_nobody_else_down() {
    let slow = Some(10);
    let report = Swarm::new(Scenario {
        slow,
        ..scenario(30)
    })
    .run(LIMIT);
    assert_eq!(report.unfinished, 0);
    assert!(report.last < 2.0, "{report:?}");
}

#[test]
fn the_same_seed_gives_the_same_swarm() {
    let twice = [(); 2].map(|()| format!("{:?}", Swarm::new(scenario(12)).run(LIMIT)));
    assert_eq!(twice[0], twice[1]);
}
