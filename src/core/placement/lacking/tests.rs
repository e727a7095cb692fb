use super::*;
use crate::core::{
    have::HaveSet,
    id::NodeId,
    placement::{
        Copies, GATHER, PlacementAction, PlacementEvent, PlacementRefusal, REFUSED,
        simulation::{Simulation, list, node},
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

fn id(tag: u32) -> FileId {
    FileId(*blake3::hash(&tag.to_be_bytes()).as_bytes())
}

fn peer(tag: u64, offers_room: bool) -> PlacementEvent {
    PlacementEvent::Peer {
        node: node(tag),
        offers_room,
    }
}

/// A node with so many files of one chunk, of which two copies are wanted.
fn with_files(count: u32) -> Placement {
    let mut placement = Placement::new(node(0));
    let chunks = list(1);
    for tag in 0..count {
        let file = PlacementEvent::File {
            file: id(tag),
            origin_here: true,
            copies: Copies::Some(2),
            chunks: Arc::clone(&chunks),
            mine: HaveSet::full(1),
        };
        placement.handle(file, Now::ZERO);
    }
    placement
}

fn whole(tag: u32, of: u64) -> PlacementEvent {
    PlacementEvent::Holder {
        file: id(tag),
        node: node(of),
        have: HaveSet::full(1),
        origin: false,
        lasting: true,
    }
}

/// Answers that, and all that is pushed until that moment. Gives how much was pushed.
fn answer(
    placement: &mut Placement,
    mut under_way: Vec<PlacementAction>,
    (mut now, until): (Now, Now),
    reply: impl Fn(FileId, NodeId, Vec<u32>) -> PlacementEvent,
) -> usize {
    let mut pushed = 0;
    loop {
        let event = match under_way.pop() {
            Some(PlacementAction::Push { file, node, chunks }) => {
                pushed += 1;
                reply(file, node, chunks)
            }
            None => match placement.next_tick().filter(|at| *at <= until) {
                Some(at) => {
                    now = now.max(at);
                    PlacementEvent::Tick
                }
                None => return pushed,
            },
        };
        under_way.extend(placement.handle(event, now));
    }
}

fn no_room(file: FileId, node: NodeId, _: Vec<u32>) -> PlacementEvent {
    let why = PlacementRefusal::NoRoom;
    PlacementEvent::Refused { file, node, why }
}

fn kept(file: FileId, node: NodeId, chunks: Vec<u32>) -> PlacementEvent {
    PlacementEvent::Kept { file, node, chunks }
}

#[test]
fn a_node_without_room_costs_a_few_files_a_minute_however_many_lack_copies() {
    let mut placement = with_files(20_000);
    placement.handle(peer(1, true), Now::ZERO);
    answer(&mut placement, Vec::new(), (Now::ZERO, GATHER * 4), no_room);
    let before = placement.plans;
    let hour = 60 * REFUSED;
    let pushed = answer(&mut placement, Vec::new(), (GATHER * 4, hour), no_room);
    assert!((59..=60 * MAX_BATCH).contains(&pushed), "{pushed}");
    let plans = placement.plans - before;
    assert!(plans <= 60 * 3 * MAX_BATCH as u64, "{plans} plans");
    // With room at last it gets everything, and nobody has to ask a second time.
    let pushed = answer(&mut placement, Vec::new(), (hour, hour + 2 * REFUSED), kept);
    assert_eq!(pushed, 20_000);
    assert!((0..20_000).all(|tag| placement.copies(&id(tag)) == 2));
    assert_eq!(placement.next_tick(), None);
}

#[test]
fn whoever_gets_another_chance_gets_what_only_it_can_take() {
    let mut placement = with_files(3_000);
    placement.handle(peer(1, true), Now::ZERO);
    answer(&mut placement, Vec::new(), (Now::ZERO, GATHER * 4), no_room);
    // Another one has all but the last by now.
    placement.handle(peer(2, false), GATHER * 4);
    let mut last = (0..3_000).map(id).collect::<Vec<_>>();
    last.sort_unstable();
    for tag in 0..3_000 {
        if id(tag) != *last.last().unwrap() {
            placement.handle(whole(tag, 2), GATHER * 4);
        }
    }
    let pushed = answer(&mut placement, Vec::new(), (GATHER * 4, 2 * REFUSED), kept);
    assert_eq!(pushed, 1);
}

#[test]
fn more_files_are_wanted_while_there_is_room_for_them() {
    let mut placement = with_files(AHEAD as u32 - 1);
    assert!(placement.wants_files() && !placement.has_room());
    let one = |tag| PlacementEvent::File {
        file: id(tag),
        origin_here: true,
        copies: Copies::Some(2),
        chunks: list(1),
        mine: HaveSet::full(1),
    };
    placement.handle(one(AHEAD as u32), Now::ZERO);
    assert!(!placement.wants_files(), "nobody has room");
    // Where there is room, as soon as what is known is on its way.
    placement.handle(peer(1, true), Now::ZERO);
    answer(&mut placement, Vec::new(), (Now::ZERO, GATHER * 4), kept);
    let now = GATHER * 4;
    for tag in 0..AHEAD as u32 {
        placement.handle(one(10_000 + tag), now);
    }
    assert!(!placement.wants_files(), "all of them are to be planned");
    let first = placement.handle(PlacementEvent::Tick, now + GATHER);
    answer(
        &mut placement,
        first,
        (now + GATHER, now + 3 * GATHER),
        kept,
    );
    assert!(placement.wants_files() && placement.has_room());
    // It has said that it has no more.
    let now = now + 3 * GATHER;
    for tag in 0..AHEAD as u32 {
        placement.handle(one(20_000 + tag), now);
    }
    answer(&mut placement, Vec::new(), (now, now + GATHER * 4), no_room);
    assert!(!placement.wants_files() && !placement.has_room());
    // Until it takes something.
    let later = now + 2 * REFUSED;
    answer(&mut placement, Vec::new(), (now + GATHER * 4, later), kept);
    assert!(placement.wants_files() && placement.has_room());
}

#[test]
fn a_newcomer_gets_its_share_in_portions() {
    let mut placement = with_files(50_000);
    answer(&mut placement, Vec::new(), (Now::ZERO, GATHER), kept);
    let before = placement.plans;
    placement.handle(peer(1, true), GATHER);
    let first = placement.handle(PlacementEvent::Tick, 2 * GATHER);
    let planned = placement.plans - before + placement.due.len() as u64;
    assert!((1..=1024).contains(&planned), "{planned} at once");
    assert!(placement.next_tick().is_some());
    let pushed = answer(&mut placement, first, (2 * GATHER, 3 * GATHER), kept);
    assert!(pushed > 49_000, "{pushed}");
    assert!((0..50_000).all(|tag| placement.copies(&id(tag)) == 2));
}

/// How long it takes to hear that a node is gone that held one of so many files.
fn going(count: u32) -> Duration {
    let mut placement = with_files(count);
    let goings = (1..31).map(|tag| {
        placement.handle(peer(tag, false), Now::ZERO);
        placement.handle(whole(7, tag), Now::ZERO);
        let begun = Instant::now();
        placement.handle(PlacementEvent::Gone { node: node(tag) }, Now::ZERO);
        begun.elapsed()
    });
    goings.min().unwrap()
}

#[test]
fn who_goes_costs_what_it_held() {
    let (few, many) = (going(100), going(50_000));
    let bound = 20 * few.max(Duration::from_micros(10));
    assert!(
        many < bound,
        "{few:?} among 100 files, {many:?} among 50,000"
    );
}

/// What is noted beside the files is what the files say.
fn is_consistent(placement: &Placement) {
    let lacking = placement.files.iter();
    let lacking = lacking.filter(|(_, file)| file.wants_plans());
    assert!(lacking.map(|(id, _)| id).eq(&placement.lacking.files));
    let mut held_by = BTreeMap::<NodeId, BTreeSet<FileId>>::new();
    for (id, file) in &placement.files {
        for node in file.holders.keys() {
            held_by.entry(*node).or_default().insert(*id);
        }
    }
    assert_eq!(placement.held_by, held_by);
}

fn event() -> impl Strategy<Value = PlacementEvent> {
    let file = |tag: u32, have: u32, wanted| PlacementEvent::File {
        file: id(tag),
        origin_here: tag.is_multiple_of(2),
        copies: Copies::Some(wanted),
        chunks: list(2),
        mine: part(have),
    };
    let holder = |tag: u32, of: u64, have: u32| PlacementEvent::Holder {
        file: id(tag),
        node: node(of),
        have: part(have),
        origin: false,
        lasting: true,
    };
    let (files, nodes) = (0u32..4, 0u64..4);
    prop_oneof![
        (nodes.clone(), any::<bool>()).prop_map(|(tag, room)| peer(tag, room)),
        nodes
            .clone()
            .prop_map(|tag| PlacementEvent::Gone { node: node(tag) }),
        (files.clone(), 0u32..3, 0u32..4)
            .prop_map(move |(tag, have, wanted)| file(tag, have, wanted)),
        files
            .clone()
            .prop_map(|tag| PlacementEvent::FileGone { file: id(tag) }),
        (files.clone(), nodes.clone(), 0u32..3)
            .prop_map(move |(tag, of, have)| holder(tag, of, have)),
        (files.clone(), nodes.clone()).prop_map(|(tag, of)| PlacementEvent::NotHolder {
            file: id(tag),
            node: node(of)
        }),
        (files.clone(), nodes.clone(), 0u32..3).prop_map(|(tag, of, count)| kept(
            id(tag),
            node(of),
            (0..count).collect()
        )),
        (files.clone(), nodes).prop_map(|(tag, of)| no_room(id(tag), node(of), Vec::new())),
        (files, 0u32..3).prop_map(|(tag, have)| PlacementEvent::Mine {
            file: id(tag),
            have: part(have)
        }),
        Just(PlacementEvent::Tick),
    ]
}

/// The first ones of two chunks.
fn part(count: u32) -> HaveSet {
    let mut have = HaveSet::empty(2);
    for at in 0..count {
        have.insert(at);
    }
    have
}

proptest! {
    #[test]
    fn what_is_noted_of_files_is_true_after_whatever_happens(events in proptest::collection::vec((event(), 0u64..3_000), 1..80)) {
        let (mut placement, mut now) = (Placement::new(node(0)), Now::ZERO);
        for (event, later) in events {
            now += Duration::from_millis(later);
            placement.handle(event, now);
            is_consistent(&placement);
        }
    }

    #[test]
    fn it_is_true_in_a_swarm(seed: u64) {
        let mut sim = Simulation::of(seed, 5, 1, 20, Copies::Some(3));
        for tag in [1, 2] {
            sim.run(Duration::from_secs(20));
            sim.leave(node(tag));
        }
        sim.run(Duration::from_secs(20));
        for member in sim.members.values() {
            is_consistent(&member.placement);
        }
    }
}
