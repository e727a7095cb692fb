//! Whole downloads against peers of every kind, in simulated time.

mod paused;
mod peers;
mod turns;
mod urgent;

use super::simulation::*;
use super::*;
use proptest::prelude::*;

fn manners() -> impl Strategy<Value = Manners> {
    let odds = || prop_oneof![3 => Just(0u8), 1 => 1u8..=100];
    (
        prop::sample::select(vec![100 << 10, 1 << 20, 20 << 20, 500 << 20]),
        0u64..300,
        prop::bool::weighted(0.2),
        odds(),
        odds(),
        odds(),
        prop::option::weighted(0.2, 1u32..20),
        prop_oneof![Just(100u8), Just(0), 0u8..100],
    )
        .prop_map(
            |(bytes_per_second, rtt, silent, misses, fails, corrupts, vanishes, has)| Manners {
                bytes_per_second,
                rtt: ms(rtt),
                silent,
                misses,
                fails,
                corrupts,
                vanishes,
                has,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn with_one_honest_peer_among_any_others_it_completes(
        chunks in 1u32..120, repeats in 1u32..120, others in prop::collection::vec(manners(), 0..8), at in 0usize..9, seed: u64,
    ) {
        let mut peers = others;
        peers.insert(at.min(peers.len()), HONEST);
        let entries: Vec<Entry> = (0..chunks).map(|at| entry(at % repeats)).collect();
        let unique = u64::from(chunks.min(repeats));
        let mut sim = Simulation::new(entries, peers, seed);
        sim.run(Duration::from_secs(600));
        prop_assert!(sim.completed_at.is_some());
        prop_assert_eq!(sim.job.missing_bytes(), 0);
        prop_assert!(sim.tickets.is_empty());
        // Each fetch stored a chunk, was cancelled for a second one, or was answered with an
        // excuse.
        prop_assert!(sim.fetch_count <= unique + sim.excuses + sim.cancels);
        let all: u64 = sim.job.delivered().map(|(_, bytes)| bytes).sum();
        prop_assert_eq!(all, unique * u64::from(CHUNK));
    }

    #[test]
    fn without_an_honest_peer_it_claims_nothing_it_lacks(
        chunks in 1u32..40, peers in prop::collection::vec(manners(), 0..4), seed: u64,
    ) {
        let mut sim = Simulation::new(file(chunks), peers, seed);
        sim.run(Duration::from_secs(120));
        prop_assert_eq!(sim.completed_at.is_some(), sim.job.missing_bytes() == 0);
    }
}

#[test]
fn a_peer_that_claims_everything_and_sends_nothing_delays_nobody_beyond_ten_seconds() {
    for liars in [1, 5] {
        let mut peers = vec![SILENT; liars];
        peers.push(HONEST);
        let mut sim = Simulation::new(file(400), peers, 7);
        sim.run(Duration::from_secs(60));
        // 100 MiB at 50 MiB/s take two seconds by themselves.
        let took = sim.completed_at.unwrap();
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn lying_have_updates_delay_nobody_beyond_ten_seconds() {
    let silent = Manners { has: 99, ..SILENT };
    let denies = Manners {
        has: 99,
        misses: 100,
        ..HONEST
    };
    for liar in [silent, denies] {
        // Downloaders, they say: those are asked before a seed is.
        let mut peers = vec![liar; 5];
        peers.push(HONEST);
        let mut sim = Simulation::new(file(400), peers, 7);
        sim.run(Duration::from_secs(60));
        let took = sim.completed_at.unwrap();
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn a_chunk_that_a_downloader_got_is_taken_back_from_the_seed_unless_it_has_begun() {
    let (seed, other) = (node(0), node(1));
    let mut job = Download::new(ME);
    job.add(&file(20), &HaveSet::empty(20));
    let source = |peer, have: HaveSet| TransferEvent::Source {
        peer,
        rtt: ms(1),
        at: Position(0),
        downloading: !have.is_full(),
        have,
    };
    let mut first = HaveSet::empty(20);
    first.insert(19);
    job.handle(source(other, first), ms(1));
    let of_seed = |actions: &[TransferAction]| -> Vec<UniqueChunk> {
        let fetches = actions.iter().filter_map(|action| match action {
            TransferAction::Fetch { peer, chunk } if *peer == seed => Some(*chunk),
            _ => None,
        });
        fetches.collect()
    };
    let asked = of_seed(&job.handle(source(seed, HaveSet::full(20)), ms(1)));
    let (chunk, bytes, elapsed) = (UniqueChunk(19), CHUNK, ms(5));
    let has = |chunks: Vec<UniqueChunk>| TransferEvent::Has {
        peer: other,
        chunks: chunks.into_iter().map(UniqueChunk::position).collect(),
    };
    // Nothing is taken back for one that never delivered.
    assert_eq!(job.handle(has(vec![asked[1]]), ms(5)), []);
    let stored = TransferEvent::Stored {
        peer: other,
        chunk,
        bytes,
        elapsed,
    };
    let cancel = |chunk| TransferAction::Cancel { peer: seed, chunk };
    let fetch = |chunk| TransferAction::Fetch { peer: other, chunk };
    let actions = job.handle(stored, ms(6));
    assert!(actions.contains(&cancel(asked[1])) && actions.contains(&fetch(asked[1])));
    // The seed is asked for another one instead.
    let next = of_seed(&actions)[0];
    let begun = TransferEvent::Started {
        peer: seed,
        chunk: asked[0],
    };
    assert_eq!(job.handle(begun, ms(7)), []);
    let actions = job.handle(has(vec![asked[0], next]), ms(8));
    assert!(actions.contains(&cancel(next)) && actions.contains(&fetch(next)));
    assert!(!actions.contains(&cancel(asked[0])));
    assert!(!of_seed(&actions).is_empty());
    job.check();
}

#[test]
fn a_peer_that_falls_silent_in_the_middle_is_left_within_ten_seconds() {
    let mut sim = Simulation::new(file(2000), vec![HONEST, HONEST], 7);
    sim.run(ms(500));
    sim.peers[0].silent = true;
    sim.queue
        .retain(|(_, serial)| !matches!(sim.what[serial], What::Answer { peer: 0, .. }));
    sim.run(Duration::from_secs(60));
    // 500 MiB, most of it at 50 MiB/s.
    let took = sim.completed_at.unwrap();
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[test]
fn a_fast_and_a_slow_peer_both_do_what_they_can() {
    let slow = Manners {
        bytes_per_second: 5 << 20,
        ..HONEST
    };
    let mut sim = Simulation::new(file(800), vec![slow, HONEST], 7);
    sim.run(Duration::from_secs(60));
    // 200 MiB at 55 MiB/s are 3.64 s.
    let took = sim.completed_at.unwrap();
    assert!(took < ms(4000), "{took:?}");
    assert!(sim.fetch_count < 820, "{}", sim.fetch_count);
}

#[test]
fn a_long_line_is_kept_full() {
    let far = Manners {
        rtt: ms(200),
        ..HONEST
    };
    let mut sim = Simulation::new(file(2000), vec![far], 7);
    sim.run(Duration::from_secs(200));
    // 500 MiB at 50 MiB/s are 10 s.
    let took = sim.completed_at.unwrap();
    assert!(took < ms(13_000), "{took:?}");
}

#[test]
fn two_downloaders_of_one_seed_ask_for_different_chunks_first() {
    let seed = NodeId([5; 32]);
    let ids = [NodeId([1; 32]), NodeId([2; 32])];
    let first_fetches = ids.map(|me| {
        let other = if me == ids[0] { ids[1] } else { ids[0] };
        let mut job = Download::new(me);
        job.add(&file(100), &HaveSet::empty(100));
        let source = |peer, have: HaveSet| TransferEvent::Source {
            peer,
            rtt: ms(1),
            at: Position(0),
            downloading: !have.is_full(),
            have,
        };
        job.handle(source(other, HaveSet::empty(100)), ms(1));
        let mut todo = job.handle(source(seed, HaveSet::full(100)), ms(1));
        let mut asked = Vec::new();
        while asked.len() < 40 {
            let TransferAction::Fetch { peer, chunk } = todo.remove(0) else {
                continue;
            };
            asked.push(chunk);
            let stored = TransferEvent::Stored {
                peer,
                chunk,
                bytes: CHUNK,
                elapsed: ms(5),
            };
            todo.extend(job.handle(stored, ms(5 * asked.len() as u64)));
        }
        asked.into_iter().collect::<BTreeSet<UniqueChunk>>()
    });
    assert!(first_fetches[0].is_disjoint(&first_fetches[1]));
}

#[test]
fn the_last_chunk_is_asked_of_two_and_the_loser_is_cancelled() {
    let mut job = Download::new(ME);
    job.add(&file(1), &HaveSet::empty(1));
    let source = |at| TransferEvent::Source {
        peer: node(at),
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(1),
        downloading: false,
    };
    let fetch = |at| TransferAction::Fetch {
        peer: node(at),
        chunk: UniqueChunk(0),
    };
    assert_eq!(job.handle(source(0), ms(0)), [fetch(0)]);
    assert_eq!(job.handle(source(1), ms(1)), [fetch(1)]);
    assert_eq!(job.handle(source(2), ms(1)), []);
    let stored = |at| TransferEvent::Stored {
        peer: node(at),
        chunk: UniqueChunk(0),
        bytes: CHUNK,
        elapsed: ms(5),
    };
    assert_eq!(
        job.handle(stored(1), ms(5)),
        [
            TransferAction::Cancel {
                peer: node(0),
                chunk: UniqueChunk(0)
            },
            TransferAction::Complete
        ]
    );
    // It was on its way.
    assert_eq!(job.handle(stored(0), ms(6)), []);
    assert!(job.delivered().eq([(node(1), u64::from(CHUNK))]));
}

#[test]
fn a_repeated_chunk_is_fetched_once() {
    let mut job = Download::new(ME);
    let one: Vec<Entry> = [1, 2, 1].map(entry).into();
    let two: Vec<Entry> = [3, 1].map(entry).into();
    let first = job.add(&one, &HaveSet::empty(3));
    let second = job.add(&two, &HaveSet::empty(2));
    assert_eq!((first.start, first.end()), (Position(0), second.start));
    assert_eq!(job.missing_bytes(), 5 * u64::from(CHUNK));
    // It has the second file only, and with it the first one's repeated chunk.
    let source = TransferEvent::Source {
        peer: node(0),
        rtt: ms(1),
        at: Position(3),
        have: HaveSet::full(2),
        downloading: false,
    };
    let fetch = |chunk| TransferAction::Fetch {
        peer: node(0),
        chunk,
    };
    let actions = job.handle(source, ms(0));
    assert!(
        actions.contains(&fetch(UniqueChunk(3)))
            && actions.contains(&fetch(UniqueChunk(0)))
            && actions.len() == 2
    );
    let stored = TransferEvent::Stored {
        peer: node(0),
        chunk: UniqueChunk(0),
        bytes: CHUNK,
        elapsed: ms(5),
    };
    job.handle(stored, ms(5));
    let missing = |job: &Download| {
        (0..5)
            .filter(|&at| job.chunks.find(Position(at)).is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(&job), [1, 3]);
    // The file that began with it fails, the rest goes on.
    job.remove(first, ms(6));
    assert_eq!(job.missing_bytes(), u64::from(CHUNK));
    let stored = TransferEvent::Stored {
        peer: node(0),
        chunk: UniqueChunk(3),
        bytes: CHUNK,
        elapsed: ms(5),
    };
    assert_eq!(job.handle(stored, ms(7)), [TransferAction::Complete]);
}

#[test]
fn a_false_length_is_not_asked_of_who_holds_the_true_chunk() {
    let mut job = Download::new(ME);
    let false_one = Entry {
        len: CHUNK - 1,
        ..entry(1)
    };
    let false_span = job.add(&[false_one], &HaveSet::empty(1));
    job.add(&[entry(1)], &HaveSet::empty(1));
    let source = |peer, at| TransferEvent::Source {
        peer: node(peer),
        rtt: ms(1),
        at: Position(at),
        have: HaveSet::full(1),
        downloading: false,
    };
    let fetch = |peer, chunk| TransferAction::Fetch {
        peer: node(peer),
        chunk,
    };
    // The honest one has the second file, the other one made up the first.
    assert_eq!(job.handle(source(0, 1), ms(0)), [fetch(0, UniqueChunk(1))]);
    assert_eq!(job.handle(source(1, 0), ms(0)), [fetch(1, UniqueChunk(0))]);
    job.remove(false_span, ms(1));
    let stored = TransferEvent::Stored {
        peer: node(0),
        chunk: UniqueChunk(1),
        bytes: CHUNK,
        elapsed: ms(5),
    };
    assert_eq!(job.handle(stored, ms(5)), [TransferAction::Complete]);
}

#[test]
fn a_chunk_that_two_files_share_survives_the_failure_of_one() {
    let mut job = Download::new(ME);
    let both = job.add(&[entry(1), entry(2)], &HaveSet::empty(2));
    job.add(&[entry(1)], &HaveSet::empty(1));
    let source = TransferEvent::Source {
        peer: node(0),
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(2),
        downloading: false,
    };
    job.handle(source, ms(0));
    assert_eq!(
        job.remove(both, ms(1)),
        [TransferAction::Cancel {
            peer: node(0),
            chunk: UniqueChunk(1)
        }]
    );
    job.check();
    let stored = TransferEvent::Stored {
        peer: node(0),
        chunk: UniqueChunk(0),
        bytes: CHUNK,
        elapsed: ms(5),
    };
    assert_eq!(job.handle(stored, ms(5)), [TransferAction::Complete]);
    assert_eq!(job.missing_bytes(), 0);
}

#[test]
fn among_many_peers_little_waits_at_all_of_them() {
    let small = |tag| Entry {
        len: 24 * KIB,
        ..entry(tag)
    };
    let entries: Vec<Entry> = (0..4_000).map(small).collect();
    let mut job = Download::new(ME);
    job.add(&entries, &HaveSet::empty(4_000));
    let mut waiting = std::collections::VecDeque::new();
    let mut act = |waiting: &mut std::collections::VecDeque<_>, event, now| {
        for action in job.handle(event, now) {
            if let TransferAction::Fetch { peer, chunk } = action {
                waiting.push_back((peer, chunk, now));
            }
        }
    };
    for peer in 0..20 {
        let source = TransferEvent::Source {
            peer: node(peer),
            rtt: ms(1),
            at: Position(0),
            have: HaveSet::full(4_000),
            downloading: false,
        };
        act(&mut waiting, source, ms(0));
    }
    // A line that all of them fill: a chunk each millisecond.
    for now in 1..2_000 {
        let (peer, chunk, since) = waiting.pop_front().unwrap();
        let stored = TransferEvent::Stored {
            peer,
            chunk,
            bytes: 24 * KIB,
            elapsed: ms(now).saturating_sub(since),
        };
        act(&mut waiting, stored, ms(now));
    }
    let bytes = (waiting.len() * 24) << 10;
    assert!(((512 << 10)..(2 << 20)).contains(&bytes), "{bytes}");
}
