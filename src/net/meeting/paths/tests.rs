use super::*;
use tokio::sync::oneshot;

const NODE: NodeId = NodeId([1; 32]);
const SERVER: NodeId = NodeId([2; 32]);

fn id(number: usize) -> ConnectionId {
    ConnectionId::new_unchecked(number)
}

#[test]
fn bulk_waits_while_there_is_hope_and_no_longer() {
    let (start, mut circuits) = (Instant::now(), Circuits::default());
    circuits.stands(NODE, id(1), SERVER, true, start);
    assert!(circuits.hopeful(NODE, start));
    let (opened, _opening) = oneshot::channel();
    let (node, protocol) = (NODE, crate::wire::chunk::PROTOCOL);
    let waiting = Waiting {
        node,
        protocol,
        on: None,
        opened,
    };
    assert!(circuits.wait(waiting).is_ok());
    assert!(circuits.ready(start).is_empty());
    assert_eq!(circuits.ready(start + HOPE).len(), 1);
    circuits.failed(NODE);
    assert!(!circuits.hopeful(NODE, start));
}

#[test]
fn after_a_circuit_that_ran_out_bulk_does_not_wait_again() {
    let (start, mut circuits) = (Instant::now(), Circuits::default());
    circuits.stands(NODE, id(1), SERVER, true, start);
    circuits.failed(NODE);
    assert!(circuits.end(NODE, start));
    circuits.stands(NODE, id(2), SERVER, true, start + HOPE);
    assert!(!circuits.hopeful(NODE, start + HOPE));
    // Nor after another one; later there is hope again, and so there is after a straight path.
    circuits.end(NODE, start + HOPE);
    circuits.stands(NODE, id(3), SERVER, true, start + HOPE + PAUSE);
    assert!(circuits.hopeful(NODE, start + HOPE + PAUSE));
    circuits.failed(NODE);
    circuits.end(NODE, start);
    circuits.straight(NODE);
    circuits.stands(NODE, id(4), SERVER, true, start);
    assert!(circuits.hopeful(NODE, start));
    // What was over before an attempt ended says nothing.
    circuits.end(NODE, start);
    circuits.stands(NODE, id(5), SERVER, true, start);
    assert!(circuits.hopeful(NODE, start));
    for n in 0..=255 {
        let node = NodeId([n; 32]);
        for number in 0..4 {
            circuits.stands(node, id(number), SERVER, true, start);
            circuits.failed(node);
            circuits.end(node, start);
        }
    }
    assert!(circuits.barren.len() <= MAX_BARREN);
}

#[test]
fn a_node_that_has_straight_paths_dialled_all_the_time_is_found_out() {
    let (start, mut circuits) = (Instant::now(), Circuits::default());
    assert!(!circuits.is_too_much(NODE, start));
    circuits.stands(NODE, id(1), SERVER, false, start);
    for _ in 0..MAX_DIALS {
        assert!(!circuits.is_too_much(NODE, start));
    }
    assert!(circuits.is_too_much(NODE, start));
    assert!(!circuits.is_too_much(NODE, start + PAUSE));
}

#[test]
fn a_straight_path_is_tried_again_with_growing_pauses_by_the_end_that_dialled() {
    let (start, mut circuits) = (Instant::now(), Circuits::default());
    circuits.stands(NODE, id(1), SERVER, true, start);
    circuits.stands(NodeId([3; 32]), id(2), SERVER, false, start);
    circuits.failed(NODE);
    assert!(circuits.retries(start).is_empty());
    assert_eq!(circuits.retries(start + PAUSE), [(NODE, SERVER)]);
    assert!(circuits.retries(start + 2 * PAUSE).is_empty());
    let mut at = start + 3 * PAUSE;
    for _ in 0..8 {
        assert_eq!(circuits.retries(at), [(NODE, SERVER)]);
        at += MAX_PAUSE;
    }
    // What was made for the attempt goes when that fails; the first circuit stays.
    circuits.stands(NODE, id(5), SERVER, true, start);
    assert_eq!(circuits.failed(NODE), Some(id(5)));
    assert_eq!(circuits.failed(NODE), None);
}
