use super::*;

fn id(at: u8) -> ChunkId {
    ChunkId([at; 32])
}

fn queue(chunks: &[u8]) -> Arc<Queue> {
    let queue = Queue::default();
    for (tag, &at) in (0..).zip(chunks) {
        queue.push(tag, id(at));
    }
    Arc::new(queue)
}

/// All slots but none, taken.
async fn full(line: &Line) -> Vec<Slot> {
    let mut slots = Vec::new();
    for _ in 0..SLOTS {
        slots.push(line.wait(&queue(&[])).await.unwrap());
    }
    assert!(line.spare().is_none());
    slots
}

#[tokio::test]
async fn what_nobody_was_sent_goes_first() {
    let line = Line::default();
    let mut slots = full(&line).await;
    let (old, new) = (queue(&[1, 2]), queue(&[1, 3]));
    for at in [1, 2] {
        line.pick(&queue(&[at]));
    }
    let mut first = Box::pin(line.wait(&old));
    let mut second = Box::pin(line.wait(&new));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    slots.pop();
    assert!(futures::poll!(&mut first).is_pending());
    let slot = second.await.unwrap();
    assert_eq!(line.pick(&new), Some((1, id(3))));
    drop(slot);
    first.await.unwrap();
    assert_eq!(line.pick(&old), Some((0, id(1))));
}

#[tokio::test]
async fn a_peer_that_goes_away_frees_its_slot() {
    let line = Line::default();
    let mut slots = full(&line).await;
    let some = queue(&[1]);
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(line.wait(&some))).collect();
    for wait in &mut waiting {
        assert!(futures::poll!(wait).is_pending());
    }
    drop(waiting.remove(0));
    slots.pop();
    // It has been given a slot, and goes without having looked.
    drop(waiting.remove(0));
    drop(waiting.remove(0).await);
    slots.clear();
    assert_eq!(line.lock().taken, 0);
}

#[tokio::test]
async fn a_second_wave_gets_each_chunk_once_before_any_twice() {
    let line = Line::default();
    for at in [1, 2, 3] {
        line.pick(&queue(&[at]));
    }
    line.pick(&queue(&[1]));
    assert_eq!(line.pick(&queue(&[1, 2, 3])), Some((1, id(2))));
    assert_eq!(line.pick(&queue(&[1, 2, 3])), Some((2, id(3))));
}

#[test]
fn a_slow_line_lets_each_hold_its_place_for_longer_within_bounds() {
    let line = Line::default();
    for _ in 0..100 {
        line.took(Duration::from_millis(2));
    }
    assert_eq!(line.hold(), MIN_HOLD);
    assert_eq!(line.lock().patience(), MIN_PATIENCE);
    for _ in 0..100 {
        line.took(Duration::from_secs(60));
    }
    assert_eq!(line.hold(), MAX_HOLD);
    assert_eq!(line.lock().patience(), MAX_PATIENCE);
    // A few that went fast, and nobody slow holds a slot for long.
    for _ in 0..40 {
        line.took(Duration::from_millis(2));
    }
    assert!(line.hold() < MIN_HOLD * 2, "{:?}", line.hold());
}

#[tokio::test]
async fn closing_waits_for_those_who_have_a_place_and_gives_none() {
    let line = Line::default();
    let mut slots = full(&line).await;
    let some = queue(&[1]);
    let mut waiting = Box::pin(line.wait(&some));
    assert!(futures::poll!(&mut waiting).is_pending());
    let mut close = Box::pin(line.close());
    assert!(futures::poll!(&mut close).is_pending());
    assert!(waiting.await.is_none());
    slots.pop();
    assert!(line.spare().is_none() && line.wait(&some).await.is_none());
    assert!(futures::poll!(&mut close).is_pending());
    slots.clear();
    close.await;
}

#[tokio::test(start_paused = true)]
async fn it_is_quiet_once_nobody_asks_any_more_or_if_nobody_ever_did() {
    let (line, begun) = (Line::default(), tokio::time::Instant::now());
    line.quiet().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let some = queue(&[1, 2]);
    let slot = line.wait(&some).await.unwrap();
    line.pick(&some);
    let mut quiet = Box::pin(line.quiet());
    assert!(futures::poll!(&mut quiet).is_pending());
    drop(slot);
    assert!(futures::poll!(&mut quiet).is_pending());
    // The next question comes within the moment.
    let slot = line.wait(&some).await.unwrap();
    tokio::time::advance(MOMENT * 2).await;
    assert!(futures::poll!(&mut quiet).is_pending());
    drop(slot);
    let begun = tokio::time::Instant::now();
    quiet.await;
    assert_eq!(begun.elapsed(), MOMENT);
}

#[tokio::test]
async fn a_withdrawn_question_is_not_answered_with_a_chunk() {
    let (line, some) = (Line::default(), queue(&[1, 2]));
    some.withdraw(0);
    assert_eq!(line.pick(&some), Some((1, id(2))));
    assert_eq!(some.pop_withdrawn(), Some(0));
    assert_eq!(line.pick(&some), None);
    assert!(some.is_empty());
}

#[tokio::test]
async fn what_went_to_those_before_is_forgotten() {
    let line = Line::default();
    line.pick(&queue(&[1]));
    let both = queue(&[1, 2]);
    assert_eq!(line.lock().rarest(&both.lock()), Some((0, 1)));
    line.forget();
    assert_eq!(line.lock().rarest(&both.lock()), Some((0, 0)));
}
