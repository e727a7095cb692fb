use super::*;

const MIB: u64 = 1 << 20;

/// A board on which these paths deliver so many MiB a second.
fn measured(paths: &[(u8, u64)]) -> Board<u8> {
    let mut board = Board::default();
    for (path, rate) in paths {
        board.came(*path, MIB, Duration::from_secs_f64(1.0 / *rate as f64));
    }
    board
}

#[test]
fn each_lane_has_a_path_of_its_own_and_keeps_it() {
    let mut board = measured(&[]);
    assert_eq!(board.wanted(0, &[]), None);
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[5])),
        [Some(5), Some(5)]
    );
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[5, 7])),
        [Some(5), Some(7)]
    );
    let mut board = measured(&[(5, 6), (7, 24)]);
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[7, 5])),
        [Some(5), Some(7)]
    );
}

#[test]
fn a_path_that_only_holds_up_is_left_alone() {
    let mut board = measured(&[(5, 1), (7, 24)]);
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[5, 7])),
        [Some(7), Some(7)]
    );
    // A third one is tried beside the best.
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[5, 7, 9])),
        [Some(7), Some(9)]
    );
    let mut board = measured(&[(5, 10), (7, 24), (9, 20)]);
    assert_eq!(
        [0, 1].map(|lane| board.wanted(lane, &[5, 7, 9])),
        [Some(7), Some(9)]
    );
    // It is not remembered longer than it stands.
    board.wanted(0, &[5]);
    assert_eq!(board.measures.len(), 1);
}

#[test]
fn orders_go_to_the_lane_that_is_done_with_them_first() {
    let mut board = measured(&[(5, 6), (7, 24)]);
    board.moved(0, Some(5));
    board.wanted(0, &[5]);
    assert_eq!(board.next([0, 0]), None);
    let mut board = measured(&[(5, 6), (7, 24)]);
    board.moved(0, Some(5));
    board.wanted(0, &[5, 7]);
    // The other one has something to do now, so it takes the other path.
    assert_eq!(board.next([1, 0]), Some(1));
    board.moved(1, Some(5));
    assert_eq!(board.next([1, 0]), Some(1));
    board.moved(1, Some(7));
    let mut loads = [0, 0];
    for _ in 0..10 {
        loads[board.next(loads).unwrap()] += 1;
    }
    assert_eq!(loads, [2, 8]);
    // Of a path of which nothing is known little is asked at first.
    board.moved(0, Some(9));
    let mut loads = [0, 0];
    for _ in 0..10 {
        loads[board.next(loads).unwrap()] += 1;
    }
    assert_eq!(loads, [2, 8]);
}

#[test]
fn what_lies_on_a_path_that_hardly_moves_is_not_waited_for() {
    let mut board = measured(&[(5, 24)]);
    assert_eq!(board.wanted(1, &[5, 7]), Some(7));
    board.owed(7, MIB, GRACE);
    assert_eq!(board.wanted(1, &[5, 7]), Some(7));
    board.owed(7, MIB, GRACE * 2);
    assert_eq!(board.wanted(1, &[5, 7]), Some(5));
    // Where nothing better is known, it is.
    let mut board = measured(&[]);
    board.owed(7, MIB, GRACE * 100);
    assert_eq!(board.wanted(0, &[7]), Some(7));
    assert!(board.measures.is_empty());
}

#[test]
fn what_a_path_did_long_ago_is_forgotten() {
    let mut board = measured(&[(5, 1)]);
    for _ in 0..40 {
        board.came(5, MIB, Duration::from_millis(10));
    }
    assert!(board.rate(5).unwrap() > 50.0 * MIB as f64);
}
