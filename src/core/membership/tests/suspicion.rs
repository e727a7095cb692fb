//! Rooms in which silence says little.

use super::{crowd::*, *};

const MANY: u64 = 300;

fn suspicion(reporter: u64, seq: u64, of: &[NodeId]) -> MembershipEvent {
    let suspect = |node: &NodeId| Suspect {
        node: *node,
        last: BeaconNumber { epoch: 1, seq: 1 },
    };
    let beacon = Beacon {
        suspects: of.iter().map(suspect).collect(),
        ..beacon(Kind::Suspect, one(reporter), seq)
    };
    let (from, room) = (place(reporter), 512);
    MembershipEvent::Heard { beacon, from, room }
}

/// A room in which nobody but its neighbours is connected with this node.
fn room(count: u64) -> Membership {
    let (mut it, _) = crowd(count, ms(0));
    // Among many a choice of neighbours is a while after the one before.
    run(&mut it, ms(2_000));
    for n in resting(&it, count) {
        let node = one(n);
        it.handle(MembershipEvent::Disconnected { node }, ms(2_000));
    }
    it
}

fn resting(it: &Membership, count: u64) -> Vec<u64> {
    (1..=count).filter(|n| it.rests(&one(*n))).collect()
}

fn neighbour(it: &Membership) -> NodeId {
    it.connected().next().unwrap()
}

/// What was said of others, and when.
fn reports(done: &[(Now, MembershipAction)]) -> Vec<(Now, Vec<NodeId>)> {
    let report = |(at, action): &(Now, MembershipAction)| match action {
        MembershipAction::Suspect { of } => {
            Some((*at, of.iter().map(|suspect| suspect.node).collect()))
        }
        _ => None,
    };
    done.iter().filter_map(report).collect()
}

#[test]
fn in_a_large_room_silence_is_borne_for_minutes_and_all_together_say_as_much_as_few() {
    for count in [300, 1_000, 3_000] {
        let mut it = room(count);
        run(&mut it, ms(10_000));
        let mut said = Vec::new();
        for _ in 0..20 {
            let at = it.next_tick().max(it.announcing.next);
            let done = it.handle(MembershipEvent::Tick, at);
            said.extend(
                done.contains(&MembershipAction::Announce(Kind::Ping))
                    .then_some(at),
            );
        }
        let each = said.last().unwrap().saturating_sub(said[0]) / (said.len() as u32 - 1);
        let datagrams = 3.0 * (count + 1) as f64 / each.as_secs_f64();
        assert!((9.5..14.5).contains(&datagrams), "{count}: {datagrams}");
        let mut it = room(count);
        run(&mut it, ms(100 * count));
        assert_eq!(it.known() as u64, count, "nobody is gone yet");
    }
}

#[test]
fn those_who_begin_together_speak_at_times_of_their_own() {
    let mut said: Vec<Now> = (0..40)
        .map(|seed| {
            let mut it = Membership::new(ME, seed, ms(0));
            for n in 1..=MANY {
                it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(0));
                let (node, address) = (one(n), listens(n));
                it.handle(MembershipEvent::Connected { node, address }, ms(0));
            }
            let done = run(&mut it, ms(120_000));
            let late = |(at, action): &(Now, MembershipAction)| {
                *action == MembershipAction::Announce(Kind::Ping) && *at > ms(9_000)
            };
            done.iter().find(|one| late(one)).map_or(ms(0), |one| one.0)
        })
        .collect();
    said.sort_unstable();
    assert!(said[9] < ms(45_000) && said[30] > ms(45_000), "{said:?}");
    let gaps = said.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(gaps.max() < Some(ms(20_000)), "{said:?}");
}

#[test]
fn whom_a_peer_suspects_is_gone_unless_it_is_heard() {
    let mut it = room(MANY);
    let resting = resting(&it, MANY);
    let [dead, alive, reporter] = [resting[0], resting[1], resting[2]];
    let near = neighbour(&it);
    let now = ms(20_000);
    it.handle(suspicion(reporter, 5, &[one(dead), one(alive), near]), now);
    assert!(
        it.announced().all(|(node, _)| node != one(dead)),
        "not told of on"
    );
    it.handle(heard(Kind::Ping, one(alive), 9, place(alive)), ms(30_000));
    run(&mut it, ms(34_900));
    assert!(it.knows(&one(dead)));
    run(&mut it, ms(35_100));
    assert!(!it.knows(&one(dead)));
    assert!(it.knows(&one(alive)) && it.knows(&near) && it.knows(&one(reporter)));
    // A node that comes to it is there, too.
    it.handle(suspicion(reporter, 6, &[one(alive)]), ms(40_000));
    let (node, address) = (one(alive), listens(alive));
    it.handle(MembershipEvent::Connected { node, address }, ms(41_000));
    run(&mut it, ms(60_000));
    assert!(it.knows(&one(alive)));
}

#[test]
fn among_few_and_by_strangers_nobody_is_suspected() {
    let mut few = room(50);
    let here = resting(&few, 50);
    let [dead, reporter] = [here[0], here[1]];
    for n in here {
        few.handle(heard(Kind::Ping, one(n), 2, place(n)), ms(19_000));
    }
    few.handle(suspicion(reporter, 5, &[one(dead)]), ms(20_000));
    run(&mut few, ms(36_000));
    assert!(few.knows(&one(dead)));
    let mut it = room(MANY);
    let dead = resting(&it, MANY)[0];
    it.handle(suspicion(900, 5, &[one(dead)]), ms(20_000));
    // Nor in an earlier life than the one that is here.
    let beacon = Beacon {
        epoch: 2,
        ..beacon(Kind::Ping, one(dead), 1)
    };
    let (from, room) = (place(dead), 512);
    it.handle(MembershipEvent::Heard { beacon, from, room }, ms(21_000));
    let reporter = resting(&it, MANY)[1];
    it.handle(suspicion(reporter, 6, &[one(dead)]), ms(22_000));
    run(&mut it, ms(60_000));
    assert!(it.knows(&one(dead)));
}

#[test]
fn a_neighbour_that_is_lost_is_told_of_unless_enough_others_have_done_so() {
    let [mut alone, mut late, mut back] = [(); 3].map(|()| room(MANY));
    let lost = neighbour(&alone);
    let node = lost;
    for it in [&mut alone, &mut late, &mut back] {
        it.handle(MembershipEvent::Disconnected { node }, ms(20_000));
        it.handle(MembershipEvent::Tick, ms(20_300));
        it.handle(MembershipEvent::DialFailed { node }, ms(20_301));
    }
    let said = reports(&run(&mut alone, ms(30_000)));
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].1, [lost]);
    assert!((ms(23_000)..ms(24_600)).contains(&said[0].0), "{said:?}");
    let others = resting(&late, MANY);
    let mut some = room(MANY);
    some.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    some.handle(MembershipEvent::DialFailed { node }, ms(20_001));
    let enough = super::super::suspicion::enough;
    assert_eq!([100, 300, 1_000].map(enough), [2, 3, 4]);
    let enough = usize::from(enough(MANY as usize));
    for (n, reporter) in others[..enough].iter().enumerate() {
        let at = ms(21_000 + n as u64);
        late.handle(suspicion(*reporter, 5, &[lost]), at);
        if n + 1 < enough {
            some.handle(suspicion(*reporter, 5, &[lost]), at);
        }
    }
    assert_eq!(reports(&run(&mut late, ms(30_000))), []);
    assert_eq!(reports(&run(&mut some, ms(30_000))).len(), 1);
    let n = (1..=MANY).find(|n| one(*n) == lost).unwrap();
    back.handle(heard(Kind::Ping, lost, 9, place(n)), ms(21_500));
    assert_eq!(reports(&run(&mut back, ms(30_000))), []);
    // Nor of one that says itself that it goes, nor among few.
    let mut it = room(MANY);
    it.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    it.handle(heard(Kind::Leave, lost, 9, place(n)), ms(20_010));
    assert_eq!(reports(&run(&mut it, ms(30_000))), []);
    let mut few = room(50);
    let node = neighbour(&few);
    few.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    assert_eq!(reports(&run(&mut few, ms(30_000))), []);
}

#[test]
fn who_loses_all_is_cut_off_itself_and_who_loses_some_says_so_at_once() {
    let mut it = room(MANY);
    let near: Vec<NodeId> = it.connected().collect();
    for node in &near[1..] {
        it.handle(MembershipEvent::Disconnected { node: *node }, ms(20_000));
    }
    let said = reports(&run(&mut it, ms(30_000)));
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].1.len(), near.len() - 1);
    let mut it = room(MANY);
    for node in &near {
        it.handle(MembershipEvent::Disconnected { node: *node }, ms(20_000));
    }
    assert_eq!(reports(&run(&mut it, ms(30_000))), []);
}

#[test]
fn who_is_suspected_says_that_it_is_here_before_others_give_it_up_and_not_oftener() {
    let mut it = room(1_000);
    run(&mut it, ms(20_000));
    let reporters = resting(&it, 1_000);
    let mut said = Vec::new();
    let mut seq = 10;
    // A liar says it each 100 ms, for two minutes.
    for n in 0..1_200 {
        let now = ms(20_000 + n * 100);
        seq += 1;
        let before = run(&mut it, now);
        let done = it.handle(suspicion(reporters[0], seq, &[ME]), now);
        let done = before.into_iter().map(|(_, action)| action).chain(done);
        let word = |action: &MembershipAction| matches!(action, MembershipAction::Announce(_));
        said.extend(done.filter(word).map(|_| now));
    }
    // Whenever it is said, those who believe it hear of it within their patience.
    assert!(said[0] < ms(22_200), "{said:?}");
    let gaps = said.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(gaps.clone().all(|gap| gap < ms(15_000)), "{said:?}");
    // And what it costs is a beacon each ten seconds, twice at first.
    assert!((11..=16).contains(&said.len()), "{said:?}");
}

#[test]
fn what_liars_say_is_believed_of_a_few() {
    let mut it = room(1_000);
    let resting = resting(&it, 1_000);
    let now = ms(20_000);
    // All that one address names, with as many identities as it has.
    let mut seq = 10;
    for chunk in resting[100..].chunks(MAX_SUSPECTS) {
        seq += 1;
        let nodes: Vec<NodeId> = chunk.iter().map(|n| one(*n)).collect();
        it.handle(suspicion(resting[0], seq, &nodes), now);
    }
    let before = it.known();
    run(&mut it, ms(36_000));
    let gone = before - it.known();
    assert!((1..=48).contains(&gone), "{gone}");
    // Minutes of it: a node each two seconds.
    let left = it.known();
    for n in 0..250u64 {
        let at = ms(40_000 + n * 1_000);
        seq += 1;
        let nodes: Vec<NodeId> = resting[100..].iter().map(|n| one(*n)).collect();
        let some = (n as usize * 7) % (nodes.len() - MAX_SUSPECTS);
        it.handle(
            suspicion(resting[0], seq, &nodes[some..some + MAX_SUSPECTS]),
            at,
        );
    }
    assert!(left - it.known() <= 140, "{}", left - it.known());
}

#[test]
fn who_is_said_to_be_gone_by_one_that_was_asked_is_looked_for_and_gone_if_it_is_not_there() {
    let mut it = room(MANY);
    let resting = resting(&it, MANY);
    let [dead, alive, fresh] = [resting[0], resting[1], resting[2]];
    let now = ms(30_000);
    it.handle(heard(Kind::Ping, one(fresh), 9, place(fresh)), ms(29_000));
    let mut dials = Vec::new();
    for n in [dead, alive, fresh] {
        let (node, epoch) = (one(n), 1);
        dials.extend(dialled(
            &it.handle(MembershipEvent::SaidGone { node, epoch }, now),
        ));
    }
    assert_eq!(dials, [one(dead), one(alive)]);
    let (node, address) = (one(alive), listens(alive));
    it.handle(MembershipEvent::Connected { node, address }, ms(30_100));
    it.handle(MembershipEvent::DialFailed { node: one(dead) }, ms(30_200));
    run(&mut it, ms(33_000));
    assert!(!it.knows(&one(dead)) && it.knows(&one(alive)) && it.rests(&one(alive)));
    // A liar has few of them dialled.
    let mut dials = 0;
    for n in &resting[3..] {
        let (node, epoch) = (one(*n), 1);
        dials += dialled(&it.handle(MembershipEvent::SaidGone { node, epoch }, ms(34_000))).len();
    }
    assert!((1..=9).contains(&dials), "{dials}");
    // Nor is anybody in a smaller room.
    let mut few = room(50);
    let node = one(super::suspicion::resting(&few, 50)[0]);
    let done = few.handle(MembershipEvent::SaidGone { node, epoch: 1 }, ms(30_000));
    assert_eq!(dialled(&done), []);
}

#[test]
fn who_was_heard_by_another_one_after_it_was_taken_for_gone_is_here_again() {
    let mut it = room(MANY);
    let n = resting(&it, MANY)[0];
    let (node, address) = (one(n), listens(n));
    let reporter = resting(&it, MANY)[1];
    it.handle(suspicion(reporter, 5, &[node]), ms(20_000));
    run(&mut it, ms(36_000));
    assert!(!it.knows(&node));
    let introduced = |age| MembershipEvent::Introduced {
        node,
        address,
        epoch: 1,
        revision: 1,
        age: ms(age),
    };
    // At 100 s: heard 90 s ago, before it went; 50 s ago, after that.
    assert!(it.handle(introduced(90_000), ms(100_000)).is_empty());
    let done = it.handle(introduced(50_000), ms(100_000));
    assert!(done.contains(&MembershipAction::Joined { node }));
    // It is told of on, with that age, and is gone when nobody can have heard it any more.
    assert_eq!(it.age_of(&node), Some(ms(50_000)));
    assert!(it.announced().any(|(told, _)| told == node));
    assert_eq!(it.age_of(&one(reporter)), Some(ms(80_000)));
    // It would have been heard by then, as the others are.
    for (second, known) in [(105, true), (200, true), (290, true), (302, false)] {
        run(&mut it, ms(second * 1_000));
        for n in (1..=MANY).filter(|it| *it != n) {
            it.handle(
                heard(Kind::Ping, one(n), 10 + second, place(n)),
                ms(second * 1_000),
            );
        }
        run(&mut it, ms(second * 1_000));
        assert_eq!(it.knows(&node), known, "{second}");
    }
}

#[test]
fn when_most_go_those_that_are_left_speak_sooner_and_are_not_taken_for_gone_before() {
    let mut it = room(1_000);
    run(&mut it, ms(60_000));
    assert!(it.announcing.next > ms(100_000), "{:?}", it.announcing.next);
    for n in 41..=1_000 {
        it.handle(heard(Kind::Leave, one(n), 9, place(n)), ms(60_000));
    }
    assert!(it.announcing.next <= ms(71_500), "{:?}", it.announcing.next);
    // The others do likewise, but may be heard a pause later.
    let done = run(&mut it, ms(85_000));
    let left =
        |(_, action): &(Now, MembershipAction)| matches!(action, MembershipAction::Left { .. });
    assert!(!done.iter().any(left) && it.known() == 40);
    let silent = run(&mut it, ms(120_000));
    assert!(silent.iter().any(left));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is said of whom, nobody who is heard each ten seconds goes, and what is kept in order
    /// is what one would file.
    #[test]
    fn who_speaks_is_not_gone_whatever_others_say(
        lies in prop::collection::vec((0..40u64, 0..250u64, 0..120_000u64), 1..200),
    ) {
        let mut it = room(250);
        let mut lies: Vec<_> = lies;
        lies.sort_by_key(|lie| lie.2);
        let mut lies = lies.into_iter().peekable();
        let mut seq = 100;
        for second in 0..12 {
            let now = 10_000 + second * 10_000;
            for n in 1..=250 {
                it.handle(heard(Kind::Ping, one(n), now, place(n)), ms(now));
            }
            while let Some((reporter, suspect, at)) = lies.next_if(|lie| lie.2 < second * 10_000) {
                seq += 1;
                let at = ms((at + 10_000).max(now));
                let (reporter, suspect) = (reporter + 1, one(suspect + 1));
                it.handle(suspicion(reporter, now + seq, &[suspect]), at);
                let node = suspect;
                it.handle(MembershipEvent::SaidGone { node, epoch: 1 }, at);
            }
            run(&mut it, ms(now + 9_999));
            prop_assert_eq!(it.known(), 250);
            prop_assert!(it.peers.is_in_order());
        }
    }
}
