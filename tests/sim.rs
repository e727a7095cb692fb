//! Swarms in virtual time, small ones: the same model as `benches/sim`, with limits that are loose.

#[allow(dead_code, reason = "the benchmark prints all of it")]
#[path = "../benches/sim/swarm.rs"]
mod swarm;

#[allow(dead_code, reason = "the benchmark prints all of it")]
#[path = "../benches/sim/room.rs"]
mod room;

use room::Room;
use std::time::Duration;
use swarm::{Scenario, Swarm};

const LIMIT: Duration = Duration::from_secs(600);

fn scenario(nodes: usize) -> Scenario {
    Scenario {
        name: "test",
        nodes,
        mib: 84,
        rate: 25_000_000,
        delay: Duration::from_millis(1),
        slow: None,
        seeds: 1,
        links: Vec::new(),
        churn: 0,
        spread: Duration::from_millis(50),
        piece: 16 << 10,
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
fn among_many_each_is_told_as_much_as_among_few_and_nobody_is_left_over() {
    let crowd = |nodes| {
        let crowd = Scenario {
            mib: 66,
            spread: Duration::from_secs(1),
            ..scenario(nodes)
        };
        Swarm::new(crowd).run(LIMIT)
    };
    let (few, many) = (crowd(40), crowd(120));
    assert_eq!((few.unfinished, many.unfinished), (0, 0));
    let (median, control) = (many.median / few.median, many.control / few.control);
    assert!(control < 1.2 && median < 1.2, "{few:?}, {many:?}");
    assert!(many.seed_sent < 2.0 && many.twice < 0.05, "{many:?}");
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

/// The last one of `count` swarms that differ by chance alone, on average.
fn last(scenario: &Scenario, count: u64) -> f64 {
    let runs = (1..=count).map(|seed| {
        let scenario = Scenario {
            seed,
            ..scenario.clone()
        };
        Swarm::new(scenario).run(LIMIT).last
    });
    runs.sum::<f64>() / count as f64
}

#[test]
fn eight_and_twenty_take_what_the_lab_measures() {
    // Without the time of processes to start and end, and with 7 % for headers.
    let eight = last(&Scenario::lab("eight", 8, 50), 4);
    assert!((1.1..1.25).contains(&eight), "{eight}");
    let twenty = last(&Scenario::lab("twenty", 20, 20), 2);
    assert!((1.15..1.35).contains(&twenty), "{twenty}");
}

#[test]
fn one_slow_link_among_eight_delays_nobody_else() {
    let equal = Scenario::lab("equal", 8, 200);
    let slow = Scenario {
        links: vec![(4, 2_500_000)],
        ..equal.clone()
    };
    let (equal, slow) = (last(&equal, 4), last(&slow, 4));
    assert!(
        slow < equal * 1.1 && slow < 1.3,
        "{equal} alone, {slow} with a slow one"
    );
}

#[test]
fn two_seeds_of_unlike_rate_are_both_full_to_the_end() {
    let one = Scenario {
        seeds: 2,
        links: vec![(0, 2_500_000), (1, 6_250_000)],
        ..Scenario::lab("two", 1, 200)
    };
    let report = Swarm::new(one).run(LIMIT);
    assert!(report.seeds.iter().all(|&used| used > 0.9), "{report:?}");
}

#[test]
fn the_same_seed_gives_the_same_swarm() {
    let twice = [(); 2].map(|()| format!("{:?}", Swarm::new(scenario(12)).run(LIMIT)));
    assert_eq!(twice[0], twice[1]);
}

/// A second.
const S: Duration = Duration::from_secs(1);

#[test]
fn sixty_who_begin_at_once_on_two_processors_know_one_another_and_lose_nobody() {
    let mut room = Room::new(room::Scenario::lab(60));
    assert!(
        room.run(30 * S, Room::all_know_all),
        "{}",
        room.least_known()
    );
    // They are no full mesh meanwhile, and nobody is taken for gone.
    let dials = room.totals.dials as usize;
    assert!(dials < 60 * 59 / 2, "{dials}");
    room.run(room.now + 60 * S, |_| false);
    assert_eq!(room.totals.lost, 0);
    assert!(room.connections() <= 60 * 8, "{}", room.connections());
}

#[test]
fn a_newcomer_to_a_crowd_lists_all_or_knows_that_it_does_not() {
    for loss in [0.0, 0.05] {
        let mut room = Room::new(room::Scenario {
            loss,
            ..room::Scenario::room(60)
        });
        assert!(room.run(60 * S, Room::all_know_all));
        room.run(room.now + 40 * S, |_| false);
        // Where datagrams are lost one of a hundred waits for as long as it may.
        let mut waited = 0;
        for _ in 0..5 {
            let looked = room.look(S);
            assert!(looked.rows == 60 || !looked.settled, "{looked:?}");
            assert!(looked.rows == 60 && looked.took < 2 * S, "{looked:?}");
            waited += usize::from(looked.took >= S);
            room.run(room.now + 3 * S, |_| false);
        }
        assert!(waited <= usize::from(loss > 0.0), "{waited}");
        let news = room.news(0, 20 * S);
        assert!(news < 3 * S, "{news:?}");
    }
}

/// Forty that may have so many connections, and so many that others made, after their beginning;
/// and how often they dial in half an idle minute.
fn capped(caps: (usize, usize)) -> (Room, u64) {
    let mut room = Room::new(room::Scenario {
        caps: Some(caps),
        ..room::Scenario::room(40)
    });
    room.run(60 * S, Room::all_know_all);
    room.run(room.now + 40 * S, |_| false);
    let before = room.totals.dials;
    room.run(room.now + 30 * S, |_| false);
    let dials = room.totals.dials - before;
    (room, dials)
}

#[test]
fn at_the_caps_all_is_known_by_neighbours_and_nobody_dials_for_ever() {
    // A twentieth of what a node may have, and less than each would have by itself.
    for caps in [(30, 25), (14, 8)] {
        let (mut room, dials) = capped(caps);
        assert!(
            dials <= 10,
            "{caps:?}: {dials} dials in half an idle minute"
        );
        assert!(room.all_know_all(), "{caps:?}: {}", room.least_known());
        for _ in 0..3 {
            let looked = room.look(S);
            assert!(
                looked.rows == 40 && looked.took < 2 * S,
                "{caps:?}: {looked:?}"
            );
            room.run(room.now + 3 * S, |_| false);
        }
        let news = room.news(0, 20 * S);
        assert!(news < 3 * S, "{caps:?}: {news:?}");
    }
}

#[test]
fn with_room_for_hardly_anybody_what_is_missing_is_said() {
    let caps = (8, 5);
    let (mut room, dials) = capped(caps);
    assert!(dials < 120, "{dials} dials in half an idle minute");
    for _ in 0..6 {
        let looked = room.look(S);
        assert!(looked.rows >= 40 || !looked.settled, "{looked:?}");
        room.run(room.now + 3 * S, |_| false);
    }
}

#[test]
fn a_cut_network_that_heals_is_one_again() {
    let mut room = Room::new(room::Scenario::room(40));
    assert!(room.run(60 * S, Room::all_know_all));
    room.run(room.now + 10 * S, |_| false);
    room.cut(|n| u8::from(n % 3 == 0));
    room.run(room.now + 30 * S, |_| false);
    assert!(!room.all_know_all());
    room.cut(|_| 0);
    let healed = room.now;
    assert!(
        room.run(healed + 30 * S, Room::all_know_all),
        "{}",
        room.least_known()
    );
}

#[test]
fn the_same_seed_gives_the_same_room() {
    let run = || {
        let mut room = Room::new(room::Scenario::lab(30));
        room.run(20 * S, |_| false);
        format!("{:?} {}", room.totals, room.connections())
    };
    assert_eq!(run(), run());
}
