//! Times, in virtual time.

use super::*;
use proptest::prelude::*;

const START: Now = Duration::from_secs(50);

fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn seek(servers: bool, published: bool) -> Seek {
    let seed = 7;
    let config = SeekConfig {
        servers,
        published,
        seed,
    };
    Seek::new(config, START)
}

/// Everything that is done from `now` on for so long, with what comes of it.
fn run(seek: &mut Seek, mut now: Now, time: Duration, good: bool) -> Vec<(Now, Sought)> {
    let (end, mut done) = (now + time, Vec::new());
    let mut input = SeekInput::Tick;
    for _ in 0..10_000 {
        if let Some(sought) = seek.handle(input, now) {
            done.push((now, sought));
            now += Duration::from_secs(3);
            input = SeekInput::Done(sought, good);
            continue;
        }
        input = SeekInput::Tick;
        match seek.next_tick() {
            Some(at) if at < end => now = now.max(at),
            _ => return done,
        }
    }
    panic!("it never rests");
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn nothing_is_looked_up_while_the_network_nearby_suffices() {
    let mut seek = seek(true, false);
    seek.handle(SeekInput::Here(node(1)), START);
    seek.handle(SeekInput::Wanted(node(1)), START);
    assert_eq!(run(&mut seek, START, DAY, true), []);
    assert_eq!(seek.next_tick(), None);
    // Somebody who is not here is looked for, and then their servers.
    seek.handle(SeekInput::Wanted(node(2)), START + DAY);
    let sought = run(&mut seek, START + DAY, DAY, false);
    assert_eq!(sought[0], (START + DAY + GRACE, Sought::Node(node(2))));
    assert_eq!(sought[1].1, Sought::Servers);
    let people = sought.iter().filter(|(_, one)| *one != Sought::Servers);
    assert!(people.count() <= 3, "{sought:?}");
    let last = sought.last().unwrap().0;
    assert!(last < START + DAY + 2 * WANTED, "not for ever: {sought:?}");
}

#[test]
fn who_comes_in_the_grace_is_not_looked_for() {
    let mut seek = seek(true, true);
    assert_eq!(seek.handle(SeekInput::Wanted(node(1)), START), None);
    let soon = START + GRACE / 2;
    assert_eq!(seek.handle(SeekInput::Here(node(1)), soon), None);
    assert_eq!(run(&mut seek, soon, DAY, true), []);
}

#[test]
fn servers_are_looked_for_when_nobody_is_here_with_growing_pauses() {
    let mut seek = seek(true, false);
    let sought = run(&mut seek, START, DAY, false);
    assert_eq!(sought[0], (START + GRACE, Sought::Servers));
    assert!((20..40).contains(&sought.len()), "{}", sought.len());
    let apart = |pair: &[(Now, Sought)]| pair[1].0.saturating_sub(pair[0].0);
    let apart: Vec<Duration> = sought.windows(2).map(apart).collect();
    assert!(apart[0] >= Duration::from_secs(15) && apart[10] >= HOUR);
    // With a server, no more; without it again, once it had time to come back.
    let later = START + DAY;
    seek.handle(SeekInput::Joined(1), later);
    assert_eq!(run(&mut seek, later, DAY, true), []);
    let lost = later + DAY;
    seek.handle(SeekInput::Joined(0), lost);
    let sought = run(&mut seek, lost, 2 * JOINING, true);
    assert_eq!(sought, [(lost + JOINING, Sought::Servers)]);
}

#[test]
fn a_node_at_found_servers_looks_each_three_hours_who_writes_there() {
    let mut seek = seek(true, true);
    seek.handle(SeekInput::Here(node(1)), START);
    seek.handle(SeekInput::Joined(2), START);
    seek.handle(SeekInput::Found(2), START);
    let sought = run(&mut seek, START, DAY, true);
    assert!((6..=8).contains(&sought.len()), "{sought:?}");
    let apart = |pair: &[(Now, Sought)]| pair[1].0.saturating_sub(pair[0].0) >= AFRESH;
    assert!(sought.windows(2).all(apart) && sought[0].0 >= START + AFRESH);
    assert!(sought.iter().all(|(_, one)| *one == Sought::Servers));
    // Nobody waits for that.
    let due = seek.next_tick().unwrap();
    assert_eq!(seek.handle(SeekInput::Tick, due), Some(Sought::Servers));
    assert!(!seek.expects());
    seek.handle(SeekInput::Done(Sought::Servers, false), due);
    seek.handle(SeekInput::Found(0), due);
    assert_eq!(seek.next_tick(), None);
    // Nor does a command look, which ends soon.
    let mut seek = self::seek(true, false);
    seek.handle(SeekInput::Joined(2), START);
    seek.handle(SeekInput::Found(2), START);
    assert_eq!(run(&mut seek, START, DAY, true), []);
}

#[test]
fn found_servers_have_time_to_be_joined() {
    let mut seek = seek(true, false);
    let sought = run(&mut seek, START, Duration::from_secs(40), true);
    let [(first, _), (second, _)] = sought[..] else {
        panic!("{sought:?}");
    };
    assert!(second >= first + JOINING);
}

#[test]
fn a_node_publishes_once_an_hour_and_not_before_there_is_something() {
    let mut seek = seek(false, true);
    assert_eq!(run(&mut seek, START, HOUR, true), []);
    let later = START + HOUR;
    seek.handle(SeekInput::Reachable(true), later);
    let done = run(&mut seek, later, DAY, true);
    assert_eq!(done[0], (later + SETTLE, Sought::Publish));
    assert!((20..=24).contains(&done.len()), "{}", done.len());
    // Whatever comes and goes, it is not more.
    let mut now = later + DAY;
    let mut published = Vec::new();
    for step in 0..2000 {
        let input = SeekInput::Reachable(step % 4 != 0);
        if let Some(sought) = seek.handle(input, now) {
            published.push(now);
            seek.handle(SeekInput::Done(sought, true), now);
        }
        now += Duration::from_secs(10);
    }
    assert!(published.windows(2).all(|pair| pair[1] >= pair[0] + HOUR));
    assert!(published.len() >= 4);
}

#[test]
fn a_command_that_only_looks_publishes_nothing() {
    let mut seek = seek(false, false);
    seek.handle(SeekInput::Reachable(true), START);
    assert_eq!(run(&mut seek, START, DAY, true), []);
}

#[test]
fn what_is_lost_holds_up_nothing_for_ever() {
    let mut seek = seek(true, false);
    let now = START + GRACE;
    assert_eq!(seek.handle(SeekInput::Tick, now), Some(Sought::Servers));
    assert!(seek.expects());
    assert_eq!(seek.handle(SeekInput::Wanted(node(1)), now), None);
    let later = seek.next_tick().unwrap();
    assert_eq!(later, now + LOST);
    let before = now + LOST.saturating_sub(GRACE);
    seek.handle(SeekInput::Wanted(node(1)), before);
    assert_eq!(
        seek.handle(SeekInput::Tick, later),
        Some(Sought::Node(node(1)))
    );
}

proptest! {
    /// Whatever happens: one thing at a time, no more than a few a minute, and a bounded memory.
    #[test]
    fn it_stays_seldom(steps in proptest::collection::vec((0..8u8, any::<u8>(), 0..30_000u64), 1..300)) {
        let mut seek = seek(true, true);
        let mut now = START;
        let mut begun = Vec::new();
        let mut under_way = None;
        for (kind, which, pause) in steps {
            now += Duration::from_millis(pause);
            let input = match kind {
                0 => SeekInput::Here(node(which)),
                1 => SeekInput::Gone(node(which)),
                2 => SeekInput::Joined(usize::from(which % 3)),
                3 => SeekInput::Wanted(node(which)),
                4 => SeekInput::Reachable(which % 2 == 0),
                5 => SeekInput::Found(usize::from(which % 3)),
                6 if which % 8 == 0 => SeekInput::Asked,
                _ => under_way.take().map_or(SeekInput::Tick, |sought| {
                    SeekInput::Done(sought, which % 2 == 0)
                }),
            };
            if let Some(sought) = seek.handle(input, now) {
                begun.push((now, sought));
                under_way = Some(sought);
            }
            prop_assert!(seek.wanted.len() <= MAX_SOUGHT);
        }
        for (at, sought) in &begun {
            let apart = match sought {
                Sought::Node(_) => AGAIN,
                Sought::Servers | Sought::Publish => PAUSES[0],
                // As often as a person asks.
                Sought::Look => continue,
            };
            let again = begun.iter().filter(|(other, one)| {
                one == sought && *other > *at && *other < *at + apart
            });
            prop_assert_eq!(again.count(), 0);
        }
    }
}

#[test]
fn a_person_who_asks_has_it_looked_at_once_whatever_there_is_to_look_for() {
    let mut seek = seek(false, false);
    seek.handle(SeekInput::Here(node(1)), START);
    assert_eq!(seek.handle(SeekInput::Asked, START), Some(Sought::Look));
    assert_eq!(seek.handle(SeekInput::Asked, START), None);
    assert!(!seek.expects());
    let next = seek.handle(SeekInput::Done(Sought::Look, true), START);
    assert_eq!(next, Some(Sought::Look), "who asked meanwhile");
    seek.handle(SeekInput::Done(Sought::Look, false), START);
    assert_eq!(run(&mut seek, START, DAY, true), []);
    // What is due anyway answers that, too.
    let mut seek = self::seek(true, false);
    let now = START + GRACE;
    assert_eq!(seek.handle(SeekInput::Asked, now), Some(Sought::Servers));
    seek.handle(SeekInput::Joined(1), now);
    assert_eq!(
        seek.handle(SeekInput::Done(Sought::Servers, true), now),
        None
    );
}
