use super::{
    simulation::{FILE, Fault, Simulation, list, node},
    *,
};
use crate::core::score::score;
use proptest::prelude::*;
use std::time::Instant;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(60);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_chunk_gets_its_copies_and_then_there_is_peace(
        seed: u64, nodes in 1u64..9, origins in 1u64..3, chunks in 1u32..300, wanted in 0u32..5, lossy in 0usize..60,
    ) {
        let mut sim = Simulation::of(seed, nodes, origins.min(nodes), chunks, Copies::Some(wanted));
        sim.lossy = lossy;
        sim.run(LONG);
        let goal = u64::from(wanted).min(nodes).max(origins.min(nodes)) as u32;
        let counts = sim.counts();
        // A node that hears late may push what another one pushed.
        prop_assert!(counts.iter().all(|&count| count >= goal));
        let extra: u32 = counts.iter().map(|count| count - goal).sum();
        prop_assert!(lossy > 0 || extra == 0, "{extra} of {chunks} too many");
        prop_assert!(extra <= chunks, "{extra} of {chunks} too many");
        prop_assert!(sim.wasted <= chunks as usize);
        for member in sim.members.values().filter(|member| member.knows_file) {
            prop_assert_eq!(member.placement.copies(&FILE), counts.iter().min().copied().unwrap_or(origins.min(nodes) as u32));
            prop_assert_eq!(member.placement.safe(&FILE), goal > 1 || chunks == 0);
        }
        let before = sim.pushed.len();
        sim.run(LONG);
        prop_assert_eq!(sim.pushed.len(), before);
    }

    #[test]
    fn nodes_come_and_go_and_nothing_is_lost_that_somebody_kept(
        seed: u64, goes in proptest::collection::vec((0u64..8, 1u64..40), 1..6),
    ) {
        let mut sim = Simulation::of(seed, 8, 1, 120, Copies::Some(3));
        sim.run(SHORT);
        for (tag, seconds) in goes {
            if sim.members.contains_key(&node(tag)) {
                let gone = sim.leave(node(tag));
                sim.run(Duration::from_secs(seconds));
                // Some come back with what they had.
                if tag % 2 == 0 {
                    sim.come(node(tag), gone.holds, gone.origin, gone.room);
                }
            } else {
                sim.join(node(tag), false, Some(u32::MAX));
            }
            sim.run(SHORT);
        }
        sim.run(LONG);
        let nodes = sim.members.len() as u32;
        prop_assert!(sim.counts().iter().all(|&count| count >= nodes.min(3)));
        let before = sim.pushed.len();
        sim.run(LONG);
        prop_assert_eq!(sim.pushed.len(), before);
    }
}

#[test]
fn the_chunks_are_spread_evenly_and_nobody_has_to_hold_all() {
    let mut sim = Simulation::of(1, 8, 1, 1400, Copies::Some(3));
    sim.run(SHORT);
    assert!(sim.counts().iter().all(|&count| count == 3));
    assert_eq!(sim.wasted, 0);
    for (id, member) in &sim.members {
        // 1400 chunks, two copies each, seven nodes.
        let count = member.holds.count();
        assert!(*id == node(0) || (300..500).contains(&count), "{count}");
    }
    // All by the origin: no other needs to.
    assert!(sim.pushed.iter().all(|(_, by, ..)| *by == node(0)));
}

#[test]
fn they_go_where_the_ranking_says() {
    let mut sim = Simulation::of(2, 6, 1, 50, Copies::Some(3));
    sim.run(SHORT);
    for at in 0..50u32 {
        let id = crate::core::id::ChunkId(*blake3::hash(&at.to_be_bytes()).as_bytes());
        let mut ranked: Vec<NodeId> = (1..6).map(node).collect();
        ranked.sort_by_key(|node| std::cmp::Reverse(score(&id, node)));
        for (rank, node) in ranked.iter().enumerate() {
            assert_eq!(sim.members[node].holds.has(at), rank < 2);
        }
    }
}

#[test]
fn who_leaves_costs_its_share_and_who_joins_nothing() {
    let mut sim = Simulation::of(3, 8, 1, 700, Copies::Some(3));
    sim.run(SHORT);
    sim.pushed.clear();
    sim.join(node(8), false, Some(u32::MAX));
    sim.run(SHORT);
    assert_eq!(sim.pushed, []);
    let gone = sim.leave(node(3));
    sim.run(Duration::from_secs(3));
    assert_eq!(sim.pushed, [], "a restart costs nothing");
    sim.come(node(3), gone.holds, false, gone.room);
    sim.run(SHORT);
    assert_eq!(sim.pushed, []);
    let gone = sim.leave(node(3));
    sim.run(SHORT);
    assert_eq!(sim.pushed.len(), gone.holds.count() as usize);
    assert!(sim.pushed.iter().all(|(.., at)| gone.holds.has(*at)));
    assert!(sim.counts().iter().all(|&count| count == 3));
}

#[test]
fn holders_repair_when_all_origins_are_gone() {
    let mut sim = Simulation::of(4, 9, 2, 400, Copies::Some(3));
    sim.run(SHORT);
    sim.pushed.clear();
    sim.leave(node(0));
    sim.leave(node(1));
    // Each chunk had one copy besides.
    assert!(sim.counts().iter().all(|&count| count == 1));
    sim.run(SHORT);
    assert!(sim.counts().iter().all(|&count| count == 3));
    assert_eq!(sim.pushed.len(), 800);
    let pushers: BTreeSet<NodeId> = sim.pushed.iter().map(|(_, by, ..)| *by).collect();
    assert_eq!(pushers.len(), 7);
}

#[test]
fn all_means_everything_to_everyone_who_is_willing() {
    let mut sim = Simulation::of(5, 5, 1, 200, Copies::All);
    sim.join(node(5), false, None);
    sim.run(SHORT);
    for (id, member) in &sim.members {
        assert_eq!(member.holds.is_full(), *id != node(5));
    }
    assert_eq!((sim.pushed.len(), sim.wasted), (800, 0));
    sim.join(node(6), false, Some(u32::MAX));
    sim.run(SHORT);
    assert!(sim.members[&node(6)].holds.is_full());
    assert_eq!(sim.wasted, 0);
}

#[test]
fn who_refuses_is_passed_over_and_asked_again_a_minute_later() {
    let mut sim = Simulation::of(6, 1, 1, 300, Copies::Some(3));
    sim.join(node(1), false, Some(0));
    sim.join(node(2), false, Some(u32::MAX));
    sim.join(node(3), false, Some(u32::MAX));
    sim.join(node(4), false, None);
    sim.run(Duration::from_secs(30));
    assert!(sim.counts().iter().all(|&count| count == 3));
    assert_eq!(sim.refusals.len(), 1);
    sim.leave(node(3));
    sim.run(Duration::from_secs(15 * 60));
    // Two are left who may have them, and one of them has no room.
    assert_eq!(sim.members[&node(0)].placement.copies(&FILE), 2);
    // By the origin each minute; and by the other holder, which cannot know that the origin tried.
    for (tag, least) in [(0, 13), (2, 5)] {
        let by = sim
            .refusals
            .iter()
            .filter(|(by, _)| *by == node(tag))
            .count();
        assert!((least..=16).contains(&by), "{by}");
    }
    sim.members.get_mut(&node(1)).unwrap().room = Some(u32::MAX);
    sim.run(Duration::from_secs(90));
    assert!(sim.counts().iter().all(|&count| count == 3));
}

#[test]
fn a_node_that_never_manages_does_not_keep_its_share_from_others() {
    let mut sim = Simulation::of(7, 4, 1, 300, Copies::Some(3));
    sim.members.get_mut(&node(1)).unwrap().fault = Some(Fault::Broken);
    sim.run(SHORT);
    assert!(sim.counts().iter().all(|&count| count == 3));
    let tries = sim.pushed.iter().filter(|(_, _, to, _)| *to == node(1));
    assert!(tries.count() <= 6 * MAX_PUSH_CHUNKS);
}

#[test]
fn one_that_only_claims_to_have_it_stops_nobody() {
    // Two origins; the one that should push does not.
    let mut sim = Simulation::of(8, 6, 2, 200, Copies::Some(4));
    sim.members.get_mut(&node(0)).unwrap().fault = Some(Fault::Lazy);
    sim.run(SHORT * 2);
    assert!(sim.counts().iter().all(|&count| count == 4));
}

#[test]
fn what_may_go_is_what_enough_others_hold_and_not_all_let_it_go_at_once() {
    let mut sim = Simulation::of(9, 5, 1, 300, Copies::Some(3));
    sim.run(SHORT);
    let surplus = |sim: &Simulation, tag| sim.members[&node(tag)].placement.surplus(&FILE, false);
    assert!((0..5).all(|tag| surplus(&sim, tag).is_empty()));
    // Two download the whole file.
    for tag in [1, 2] {
        let gone = sim.leave(node(tag));
        sim.come(node(tag), HaveSet::full(300), false, gone.room);
    }
    sim.run(SHORT);
    let before = sim.counts();
    for tag in 0..5 {
        for at in surplus(&sim, tag) {
            sim.members.get_mut(&node(tag)).unwrap().holds.remove(at);
        }
    }
    assert!(before.iter().any(|&count| count > 3));
    assert!(sim.counts().iter().all(|&count| count == 3));
    assert!(surplus(&sim, 0).is_empty());
    let unwanted = sim.members[&node(0)].placement.surplus(&FILE, true);
    assert_eq!(unwanted.len(), 300);
    let most: Vec<u32> = unwanted.iter().map(|&at| before[at as usize]).collect();
    assert!(most.is_sorted_by(|a, b| a >= b));
}

#[test]
fn it_is_safe_to_leave_once_every_chunk_is_elsewhere() {
    let mut sim = Simulation::of(10, 1, 1, 100, Copies::Some(2));
    let me = |sim: &Simulation| {
        let placement = &sim.members[&node(0)].placement;
        (placement.copies(&FILE), placement.safe(&FILE))
    };
    sim.run(SHORT);
    assert_eq!(me(&sim), (1, false));
    sim.join(node(1), false, Some(64));
    sim.run(SHORT);
    assert_eq!(me(&sim), (1, false));
    sim.join(node(2), false, Some(64));
    sim.run(SHORT);
    assert_eq!(me(&sim), (2, true));
    sim.leave(node(1));
    assert_eq!(me(&sim), (1, false));
    assert_eq!(sim.members[&node(0)].placement.copies(&FileId([1; 32])), 0);
}

#[test]
fn a_repeated_chunk_is_pushed_once() {
    use crate::core::{
        id::ChunkId,
        manifest::{Entry, Manifest},
    };
    let entry = |tag| Entry {
        id: ChunkId([tag; 32]),
        len: 10,
    };
    let entries = vec![entry(5), entry(1), entry(5), entry(5)];
    let chunks = Arc::new(ChunkList::of(&Manifest::new(FILE, entries).unwrap()));
    let mut placement = Placement::new(node(0));
    let room = PlacementEvent::Peer {
        node: node(1),
        offers_room: true,
    };
    placement.handle(room, Now::ZERO);
    let file = PlacementEvent::File {
        file: FILE,
        origin_here: true,
        copies: Copies::Some(2),
        chunks,
        mine: HaveSet::full(4),
    };
    assert_eq!(placement.handle(file, Now::ZERO), []);
    let push = PlacementAction::Push {
        file: FILE,
        node: node(1),
        chunks: vec![0, 1],
    };
    assert_eq!(placement.next_tick(), Some(GATHER));
    assert_eq!(placement.handle(PlacementEvent::Tick, GATHER), [push]);
    let kept = PlacementEvent::Kept {
        file: FILE,
        node: node(1),
        chunks: vec![0, 1],
    };
    assert_eq!(placement.handle(kept, GATHER), []);
    assert!(placement.safe(&FILE));
    assert_eq!(placement.next_tick(), None);
}

/// An origin of so many chunks alone with nodes that take everything at once, until there are
/// enough copies. Gives the events that took.
fn spread(nodes: u64, chunks: u32, copies: Copies, goal: u32) -> u32 {
    let mut placement = Placement::new(node(0));
    let mut now = Now::ZERO;
    for tag in 1..nodes {
        let room = PlacementEvent::Peer {
            node: node(tag),
            offers_room: true,
        };
        placement.handle(room, now);
    }
    let file = PlacementEvent::File {
        file: FILE,
        origin_here: true,
        copies,
        chunks: list(chunks),
        mine: HaveSet::full(chunks),
    };
    let mut under_way = placement.handle(file, now);
    let (mut events, mut slowest) = (0, Duration::ZERO);
    let started = Instant::now();
    while placement.copies(&FILE) < goal {
        let event = match under_way.pop() {
            Some(PlacementAction::Push { file, node, chunks }) => {
                PlacementEvent::Kept { file, node, chunks }
            }
            None => {
                now = placement.next_tick().unwrap().max(now);
                PlacementEvent::Tick
            }
        };
        let before = Instant::now();
        under_way.extend(placement.handle(event, now));
        slowest = slowest.max(before.elapsed());
        events += 1;
    }
    let mean = started.elapsed() / events;
    println!("{events} events, {mean:?} each, {slowest:?} the slowest");
    assert!(mean < Duration::from_millis(10));
    events
}

#[test]
fn a_hundred_thousand_chunks_and_fifty_nodes_cost_little() {
    assert!(spread(50, 100_000, Copies::Some(3), 3) < 6000);
}

#[test]
fn what_is_longer_than_a_queue_is_planned_in_parts() {
    let pushes = 2 * 20_000 / MAX_PUSH_CHUNKS as u32;
    assert!(spread(3, 20_000, Copies::All, 3) < pushes + 100);
}

/// A file of one chunk that this node shares.
fn small(tag: u32, wanted: u32) -> PlacementEvent {
    PlacementEvent::File {
        file: FileId(*blake3::hash(&tag.to_be_bytes()).as_bytes()),
        origin_here: true,
        copies: Copies::Some(wanted),
        chunks: list(1),
        mine: HaveSet::full(1),
    }
}

/// So many small files and one node that takes copies; what is pushed first.
fn small_files(count: u32) -> (Placement, Vec<PlacementAction>) {
    let mut placement = Placement::new(node(0));
    let room = PlacementEvent::Peer {
        node: node(1),
        offers_room: true,
    };
    placement.handle(room, Now::ZERO);
    for tag in 0..count {
        assert_eq!(placement.handle(small(tag, 2), Now::ZERO), []);
    }
    let first = placement.handle(PlacementEvent::Tick, GATHER);
    (placement, first)
}

fn kept(action: &PlacementAction) -> PlacementEvent {
    let PlacementAction::Push { file, node, chunks } = action.clone();
    PlacementEvent::Kept { file, node, chunks }
}

fn busy(action: &PlacementAction) -> PlacementEvent {
    let PlacementAction::Push { file, node, .. } = *action;
    let why = PlacementRefusal::Busy;
    PlacementEvent::Refused { file, node, why }
}

#[test]
fn small_files_go_in_batches_and_the_next_waits_for_all_of_one() {
    let (mut placement, mut batch) = small_files(300);
    let mut batches = Vec::new();
    while !batch.is_empty() {
        batches.push(batch.len());
        let (last, others) = batch.split_last().unwrap();
        for one in others {
            assert_eq!(placement.handle(kept(one), GATHER), []);
        }
        batch = placement.handle(kept(last), GATHER);
    }
    assert_eq!(batches, [MAX_BATCH, MAX_BATCH, 300 - 2 * MAX_BATCH]);
    assert_eq!(placement.next_tick(), None);
}

#[test]
fn a_large_file_goes_alone_and_a_batch_has_few_chunks() {
    let (mut placement, first) = small_files(2);
    for one in &first {
        placement.handle(kept(one), GATHER);
    }
    let of = |tag: u8, chunks| PlacementEvent::File {
        file: FileId([tag; 32]),
        origin_here: true,
        copies: Copies::Some(2),
        chunks: list(chunks),
        mine: HaveSet::full(chunks),
    };
    for event in [of(1, 20), of(2, MAX_BATCH_CHUNKS), of(3, 10), of(4, 20)] {
        placement.handle(event, GATHER);
    }
    let mut batch = placement.handle(PlacementEvent::Tick, GATHER * 2);
    let mut pushed = Vec::new();
    while !batch.is_empty() {
        let files = batch
            .iter()
            .map(|PlacementAction::Push { file, .. }| file.0[0]);
        pushed.push(files.collect::<Vec<_>>());
        let answers: Vec<_> = batch.iter().map(kept).collect();
        batch = answers
            .into_iter()
            .flat_map(|answer| placement.handle(answer, GATHER * 2))
            .collect();
    }
    let alone = vec![2];
    assert_eq!(pushed[0], [1]);
    assert!(
        pushed[1..pushed.len() - 1]
            .iter()
            .all(|files| *files == alone)
    );
    assert_eq!(pushed.last().unwrap(), &[3, 4]);
}

#[test]
fn a_busy_node_is_asked_again_in_a_moment_and_passed_over_after_some_seconds() {
    let (mut placement, mut batch) = small_files(3);
    let (mut now, mut tries) = (GATHER, 0);
    let mut waits = Vec::new();
    while placement.peers[&node(1)].passed_until.is_none() {
        tries += 1;
        assert!(tries < 20 && batch.len() == 3);
        for one in &batch {
            assert_eq!(placement.handle(busy(one), now), []);
        }
        let tick = placement.next_tick().unwrap();
        waits.push(tick.saturating_sub(now));
        now = tick;
        if placement.peers[&node(1)].passed_until.is_none() {
            batch = placement.handle(PlacementEvent::Tick, now);
        }
    }
    // However many files a batch has, it is one word.
    assert_eq!(waits[0], Duration::from_millis(50));
    assert!(
        waits.is_sorted() && (6..12).contains(&waits.len()),
        "{waits:?}"
    );
    let asked: Duration = waits[..waits.len() - 1].iter().sum();
    assert!(asked >= Duration::from_secs(6) && asked < Duration::from_secs(8));
}

#[test]
fn one_file_that_is_not_taken_does_not_hold_up_the_others() {
    let (mut placement, first) = small_files(300);
    let mut now = GATHER;
    let mut batch = first.clone();
    let PlacementAction::Push { file: bad, .. } = first[0];
    let (mut tries, mut good) = (0, BTreeSet::new());
    while good.len() < 299 {
        let mut next = Vec::new();
        for one in &batch {
            let PlacementAction::Push { file, .. } = *one;
            let answer = if file == bad { busy(one) } else { kept(one) };
            tries += usize::from(file == bad);
            good.extend(Some(file).filter(|file| *file != bad));
            next.extend(placement.handle(answer, now));
        }
        while next.is_empty() && good.len() < 299 {
            now = placement.next_tick().unwrap();
            next = placement.handle(PlacementEvent::Tick, now);
        }
        batch = next;
    }
    assert!(now <= GATHER + Duration::from_millis(200), "{now:?}");
    assert!(tries <= 3, "{tries}");
}
