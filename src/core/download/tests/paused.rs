//! A paused job asks for nothing, loses nothing, and goes on where it stopped.

use super::*;

fn fetched(actions: &[TransferAction]) -> Vec<UniqueChunk> {
    let chunks = actions.iter().filter_map(|action| match action {
        TransferAction::Fetch { chunk, .. } => Some(*chunk),
        _ => None,
    });
    chunks.collect()
}

#[test]
fn a_paused_job_asks_for_nothing_until_it_goes_on() {
    let peer = NodeId([9; 32]);
    let mut job = Download::new(NodeId([1; 32]));
    job.add(&file(100), &HaveSet::empty(100));
    let source = TransferEvent::Source {
        peer,
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(100),
        downloading: false,
    };
    let first = fetched(&job.handle(source, ms(0)));
    assert!(!first.is_empty());
    job.pause(true);
    for (at, &chunk) in (1..).zip(&first) {
        let stored = TransferEvent::Stored {
            peer,
            chunk,
            bytes: CHUNK,
            elapsed: ms(1),
        };
        let actions = job.handle(stored, ms(at));
        assert!(fetched(&actions).is_empty(), "{actions:?}");
        assert!(
            !actions.contains(&TransferAction::Waiting),
            "nobody is waited for"
        );
    }
    // Time that passes is nobody's fault.
    let later = Duration::from_secs(600);
    assert!(job.handle(TransferEvent::Tick, later).is_empty());
    job.pause(false);
    assert!(job.next_tick().is_some_and(|at| at <= later));
    let next = fetched(&job.handle(TransferEvent::Tick, later));
    assert!(!next.is_empty() && next.iter().all(|chunk| !first.contains(chunk)));
}
