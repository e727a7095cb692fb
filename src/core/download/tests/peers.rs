//! Peers that fail, crowd, go and come back.

use super::*;

#[test]
fn it_says_once_that_it_waits_and_once_that_it_goes_on() {
    let mut job = Download::new(ME);
    assert_eq!(job.handle(TransferEvent::Tick, ms(0)), []);
    job.add(&file(2), &HaveSet::empty(2));
    assert!(job.next_tick().is_some());
    assert_eq!(
        job.handle(TransferEvent::Tick, ms(0)),
        [TransferAction::Waiting]
    );
    assert_eq!(job.handle(TransferEvent::Tick, ms(1)), []);
    assert_eq!(job.next_tick(), None);
    let mut have = HaveSet::empty(2);
    have.insert(1);
    let source = TransferEvent::Source {
        peer: node(0),
        rtt: ms(1),
        at: Position(0),
        have,
        downloading: false,
    };
    let fetch = |chunk| TransferAction::Fetch {
        peer: node(0),
        chunk,
    };
    assert_eq!(
        job.handle(source, ms(2)),
        [fetch(UniqueChunk(1)), TransferAction::Resumed]
    );
    assert_eq!(job.sources(), 1);
    let missing = TransferEvent::Missing {
        peer: node(0),
        chunk: UniqueChunk(1),
    };
    assert_eq!(job.handle(missing, ms(3)), [TransferAction::Waiting]);
    assert_eq!(job.sources(), 0);
    let has = TransferEvent::Has {
        peer: node(0),
        chunks: [0, 1, 2, u32::MAX].map(Position).into(),
    };
    assert_eq!(
        job.handle(has, ms(4)),
        [
            fetch(UniqueChunk(0)),
            fetch(UniqueChunk(1)),
            TransferAction::Resumed
        ]
    );
}

#[test]
fn what_is_held_already_is_not_fetched() {
    let mut job = Download::new(ME);
    job.add(&file(3), &HaveSet::full(3));
    assert_eq!(
        job.handle(TransferEvent::Tick, ms(0)),
        [TransferAction::Complete]
    );
    assert_eq!(job.handle(TransferEvent::Tick, ms(1)), []);
    job.add(&[], &HaveSet::empty(0));
    assert_eq!(
        job.handle(TransferEvent::Tick, ms(2)),
        [TransferAction::Complete]
    );
}

#[test]
fn a_peer_that_keeps_failing_is_asked_ever_more_rarely() {
    let fails = Manners {
        fails: 100,
        ..HONEST
    };
    let mut sim = Simulation::new(file(10), vec![fails], 7);
    sim.run(Duration::from_secs(60));
    assert!(sim.completed_at.is_none());
    assert!((40..=80).contains(&sim.fetch_count), "{}", sim.fetch_count);
}

#[test]
fn strangers_and_crowds_do_not_make_it_grow() {
    let mut job = Download::new(ME);
    job.add(&file(10), &HaveSet::empty(10));
    let crowd = |at: u32| {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&at.to_be_bytes());
        NodeId(id)
    };
    for at in 0..2000 {
        let peer = crowd(at);
        job.handle(
            TransferEvent::Has {
                peer,
                chunks: vec![Position(1), Position(2)],
            },
            ms(0),
        );
        job.handle(
            TransferEvent::Corrupt {
                peer,
                chunk: UniqueChunk(1),
            },
            ms(0),
        );
        job.handle(
            TransferEvent::Missing {
                peer,
                chunk: UniqueChunk(99),
            },
            ms(0),
        );
    }
    assert_eq!((job.peers.len(), job.index.len()), (0, 0));
    let source = |peer| TransferEvent::Source {
        peer,
        rtt: ms(1),
        at: Position(u32::MAX - 5),
        have: HaveSet::full(100),
        downloading: true,
    };
    for at in 0..2000 {
        job.handle(source(crowd(at)), ms(0));
    }
    assert_eq!((job.peers.len(), job.index.len()), (MAX_PEERS, MAX_PEERS));
    // A peer that leaves makes room.
    job.handle(TransferEvent::Gone { peer: crowd(3) }, ms(1));
    job.handle(source(crowd(1999)), ms(1));
    assert!(job.connected(crowd(1999)).is_some());
    job.check();
}

#[test]
fn who_comes_back_is_asked_at_once_whatever_failed_with_the_last_connection() {
    let mut job = Download::new(ME);
    job.add(&file(8), &HaveSet::empty(8));
    let peer = node(1);
    let source = || TransferEvent::Source {
        peer,
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(8),
        downloading: false,
    };
    let mut asked = job.handle(source(), ms(0));
    for n in 0..20 {
        let chunks = asked.iter().filter_map(|action| match action {
            TransferAction::Fetch { chunk, .. } => Some(*chunk),
            _ => None,
        });
        let chunks = chunks.collect();
        job.handle(TransferEvent::Failed { peer, chunks }, ms(n * 10_000));
        asked = job.handle(TransferEvent::Tick, ms(n * 10_000 + 9_000));
        assert!(!asked.is_empty());
    }
    job.handle(
        TransferEvent::Failed {
            peer,
            chunks: vec![UniqueChunk(0)],
        },
        ms(300_000),
    );
    job.handle(TransferEvent::Gone { peer }, ms(300_100));
    let asked = job.handle(source(), ms(300_200));
    assert!(
        asked
            .iter()
            .any(|action| matches!(action, TransferAction::Fetch { .. }))
    );
    job.check();
}

#[test]
fn an_own_limit_is_nobodys_fault() {
    let mut job = Download::new(ME).limited_to(Some(32 << 10));
    job.add(&file(8), &HaveSet::empty(8));
    let mut actions = Vec::new();
    for at in 0..2 {
        let source = TransferEvent::Source {
            peer: node(at),
            rtt: ms(1),
            at: Position(0),
            have: HaveSet::full(8),
            downloading: false,
        };
        actions.extend(job.handle(source, ms(0)));
    }
    // One chunk takes eight seconds: more at a time would only wait here.
    let [TransferAction::Fetch { peer, chunk }] = actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(job.handle(TransferEvent::Tick, ms(8500)), []);
    let stored = TransferEvent::Stored {
        peer,
        chunk,
        bytes: CHUNK,
        elapsed: ms(8500),
    };
    let actions = job.handle(stored, ms(8500));
    assert!(
        matches!(actions[..], [TransferAction::Fetch { .. }]),
        "{actions:?}"
    );
    // A peer that is silent for far longer than that is late all the same.
    let actions = job.handle(TransferEvent::Tick, ms(60_000));
    assert!(
        matches!(actions[..], [TransferAction::Fetch { .. }]),
        "{actions:?}"
    );
    job.check();
}
