//! Many peers, each of whom has others to answer as well.

use super::*;

fn whole(at: usize, chunks: u32) -> TransferEvent {
    TransferEvent::Source {
        peer: node(at),
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(chunks),
        downloading: false,
    }
}

fn asked(actions: &[TransferAction]) -> Vec<(NodeId, UniqueChunk)> {
    let fetches = actions.iter().filter_map(|action| match action {
        TransferAction::Fetch { peer, chunk } => Some((*peer, *chunk)),
        _ => None,
    });
    fetches.collect()
}

#[test]
fn of_eight_busy_peers_each_is_asked_for_one_chunk_at_a_time() {
    let mut job = Download::new(ME);
    job.add(&file(200), &HaveSet::empty(200));
    let mut open = Vec::new();
    for at in 0..8 {
        open.extend(asked(&job.handle(whole(at, 200), ms(1))));
    }
    // Each takes a second for a chunk, as one does who has seven others to answer.
    for turn in 1..60 {
        let (peer, chunk) = open.remove(0);
        let stored = TransferEvent::Stored {
            peer,
            chunk,
            bytes: CHUNK,
            elapsed: ms(1000),
        };
        open.extend(asked(&job.handle(stored, ms(turn * 125))));
    }
    let most = (0..8).map(|at| open.iter().filter(|(peer, _)| *peer == node(at)).count());
    assert_eq!(most.max(), Some(1), "{open:?}");
    job.check();
}

#[test]
fn an_answer_that_waited_for_its_turn_is_not_late_once_it_comes() {
    let mut job = Download::new(ME);
    job.add(&file(1), &HaveSet::empty(1));
    let (peer, chunk) = asked(&job.handle(whole(0, 1), ms(0)))[0];
    job.handle(TransferEvent::Started { peer, chunk }, ms(2500));
    job.check();
    assert_eq!(job.handle(TransferEvent::Tick, ms(3500)), []);
    assert!(job.overdue.is_empty());
    // It may trickle: then it is late after all.
    job.handle(TransferEvent::Tick, ms(6600));
    assert!(job.overdue.contains(&chunk));
    job.check();
}

#[test]
fn what_comes_is_not_asked_of_another_who_would_take_longer() {
    for since in [None, Some(50), Some(450)] {
        let mut job = Download::new(ME);
        job.add(&file(3), &HaveSet::empty(3));
        let first = asked(&job.handle(whole(0, 3), ms(0)));
        let mut one = Vec::new();
        for now in [50, 100, 450] {
            if now == 100 {
                one = asked(&job.handle(whole(1, 3), ms(now)));
            } else if since == Some(now) {
                for &(peer, chunk) in &first {
                    job.handle(TransferEvent::Started { peer, chunk }, ms(now));
                }
            }
        }
        let (peer, chunk) = one[0];
        // One that takes 0.4 s for a chunk has nothing else to do.
        let stored = TransferEvent::Stored {
            peer,
            chunk,
            bytes: CHUNK,
            elapsed: ms(400),
        };
        let again = asked(&job.handle(stored, ms(500)));
        assert_eq!(again.is_empty(), since == Some(450), "{since:?}: {again:?}");
        job.check();
    }
}
