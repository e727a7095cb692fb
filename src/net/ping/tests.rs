use super::*;
use proptest::prelude::*;
use std::{sync::atomic::AtomicU32, task::Wake};
use tokio::time::advance;

/// One end: when to ping, whether it is calm, and when it heard of the other end.
struct End {
    pace: Pace,
    calm: bool,
    pings: u32,
    heard: Vec<Instant>,
    answers: u32,
}

impl End {
    fn new(dialled: bool, calm: bool) -> Self {
        Self {
            pace: Pace::new(dialled),
            calm,
            pings: 0,
            heard: Vec::new(),
            answers: 0,
        }
    }

    /// The longest time without a sign of life.
    fn longest(&self, from: Instant, to: Instant) -> Duration {
        let ends = [from].into_iter().chain(self.heard.iter().copied());
        let next = self.heard.iter().copied().chain([to]);
        let pauses = ends.zip(next).map(|(one, other)| other - one);
        pauses.max().unwrap()
    }
}

/// Two ends for so many seconds, a message taking so many milliseconds; the second one begins
/// later. After `change` the first end is as calm as that says.
fn run(
    ends: &mut [End; 2],
    seconds: u64,
    delay: u64,
    later: u64,
    change: Option<(u64, bool)>,
) -> Duration {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut under_way: Vec<(u64, usize, bool)> = Vec::new();
    for ms in 0..seconds * 1000 {
        if let Some((_, calm)) = change.filter(|(when, _)| *when * 1000 == ms) {
            ends[0].calm = calm;
        }
        let (came, rest) = under_way.into_iter().partition(|(when, ..)| *when <= ms);
        under_way = rest;
        let came: Vec<(u64, usize, bool)> = came;
        for (_, to, is_ping) in came {
            if to == 1 && ms < later {
                continue;
            }
            let end = &mut ends[to];
            end.heard.push(at(ms));
            end.pace.heard(at(ms), is_ping);
            if is_ping {
                under_way.push((ms + delay, 1 - to, false));
            } else {
                end.answers += 1;
            }
        }
        for (n, end) in ends.iter_mut().enumerate() {
            if (n == 0 || ms >= later) && end.pace.due(end.calm, at(ms)) <= at(ms) {
                end.pace.tried = Some(at(ms));
                end.pings += 1;
                under_way.push((ms + delay, 1 - n, true));
            }
        }
    }
    ends[0]
        .longest(begun, at(seconds * 1000))
        .max(ends[1].longest(begun, at(seconds * 1000)))
}

#[test]
fn one_end_pings_and_both_hear_of_one_another_as_often_as_before() {
    let mut ends = [End::new(true, false), End::new(false, false)];
    let longest = run(&mut ends, 600, 1, 0, None);
    assert!(
        longest <= INTERVAL * 5 / 4 + Duration::from_millis(10),
        "{longest:?}"
    );
    let (one, other) = (ends[0].pings, ends[1].pings);
    assert!((130..=151).contains(&one), "{one}");
    // It measures the round trip, seldom.
    assert!((10..=20).contains(&other), "{other}");
    assert!(ends[1].answers >= other - 1);
}

#[test]
fn between_calm_ends_there_is_little_and_one_that_is_not_calm_asks_itself() {
    let mut calm = [End::new(true, true), End::new(false, true)];
    let longest = run(&mut calm, 600, 1, 0, None);
    assert!(
        longest <= CALM * 5 / 4 + Duration::from_millis(10),
        "{longest:?}"
    );
    assert!(calm[0].pings + calm[1].pings <= 48);
    for dialled in [true, false] {
        let mut mixed = [End::new(dialled, true), End::new(!dialled, false)];
        run(&mut mixed, 600, 1, 0, None);
        let longest = mixed[1].longest(mixed[1].heard[0], *mixed[1].heard.last().unwrap());
        assert!(
            longest <= INTERVAL * 5 / 4 + Duration::from_millis(10),
            "{longest:?}"
        );
        assert!(mixed[0].pings < 10, "{}", mixed[0].pings);
    }
}

#[test]
fn one_that_does_not_answer_is_asked_again_each_time() {
    let begun = Instant::now();
    for calm in [false, true] {
        let (mut pace, mut pings) = (Pace::new(false), 0);
        for ms in 0..60_000 {
            let now = begun + Duration::from_millis(ms);
            if pace.due(calm, now) <= now {
                pace.tried = Some(now);
                pings += 1;
            }
        }
        assert_eq!(pings, if calm { 4 } else { 15 });
    }
}

#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn between_pings_a_calm_connection_sleeps_until_it_is_calm_no_more() {
    let mut behaviour = Behaviour::default();
    let id = ConnectionId::new_unchecked(1);
    let mut handler = behaviour.handler(id, true);
    let wakes = Arc::new(Wakes::default());
    let task = wakes.clone().into();
    let woken = || wakes.0.swap(0, Ordering::Relaxed) > 0;
    // How often its task runs in a second.
    let mut second = async || {
        advance(Duration::from_secs(1)).await;
        let runs = woken();
        if runs {
            while handler.poll(&mut Context::from_waker(&task)).is_ready() {}
        }
        runs
    };
    behaviour.set_calm(id, true);
    wakes.0.store(1, Ordering::Relaxed);
    second().await;
    let mut runs = 0;
    for _ in 0..60 {
        runs += u32::from(second().await);
    }
    assert!((4..=8).contains(&runs), "{runs}");
    while !second().await {}
    behaviour.set_calm(id, false);
    assert!(second().await, "it is told");
    runs = 0;
    for _ in 0..12 {
        runs += u32::from(second().await);
    }
    assert!(runs >= 3, "{runs}");
}

proptest! {
    #[test]
    fn whoever_begins_and_whenever_it_changes_nobody_is_left_without_a_sign(
        dialled: bool, calm: [bool; 2], delay in 1u64..400, later in 0u64..6_000, when in 20u64..60, turns: bool,
    ) {
        let mut ends = [End::new(dialled, calm[0]), End::new(!dialled, calm[1])];
        let change = turns.then_some((when, !calm[0]));
        run(&mut ends, 120, delay, later, change);
        for (n, end) in ends.iter().enumerate() {
            let sometimes = calm[n] || (n == 0 && change.is_some());
            let pause = if sometimes { CALM } else { INTERVAL };
            let most = pause * 5 / 4 + Duration::from_millis(3 * delay + 50);
            let longest = end.longest(end.heard[0], *end.heard.last().unwrap());
            prop_assert!(longest <= most, "{n}: {longest:?}");
            let least = if sometimes { 6 } else { 18 };
            prop_assert!(end.heard.len() >= least, "{n}: {}", end.heard.len());
        }
    }
}
