use super::*;
use crate::{
    core::{
        Now,
        membership::{Beacon, Kind, MembershipEvent},
    },
    wire::{cbor, signer::SIGNATURE},
};
use std::{collections::BTreeSet, net::Ipv4Addr};

const ASKER: NodeId = NodeId([0xff; 32]);

fn node(n: u16) -> NodeId {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(bytes)
}

/// A node that knows so many others by their beacons, and has a card of each.
pub fn teller(count: u16) -> State {
    let mut state = State::of(NodeId([0; 32]));
    let address =
        |n: u16| SocketAddr::from((Ipv4Addr::from_bits(0x0A00_0001 + u32::from(n)), 4000));
    state
        .peers
        .connected(ASKER, String::new(), address(0), Via::Lan, Now::ZERO);
    for n in 1..=count {
        let (node, from) = (node(n), address(n));
        let beacon = Beacon {
            kind: Kind::Ping,
            node,
            name: String::new(),
            tcp: 4000,
            udp: 4000,
            epoch: 1,
            revision: 1,
            seq: 1,
            suspects: Vec::new(),
        };
        let heard = MembershipEvent::Heard {
            beacon,
            from,
            room: 512,
        };
        state.membership.handle(heard, Now::ZERO);
        let address = from;
        let connected = MembershipEvent::Connected { node, address };
        state.membership.handle(connected, Now::ZERO);
        state
            .peers
            .connected(node, String::new(), from, Via::Lan, Now::ZERO);
        state.peers.keep_card(Card {
            node,
            version: (1, 1),
            page: vec![0; 200].into(),
            signature: vec![0; SIGNATURE].into(),
        });
    }
    state
}

/// What an answer holds.
fn parts(answer: Response) -> (Vec<Card>, Vec<PeerAddress>, Option<NodeId>) {
    match answer {
        Response::Everybody {
            cards,
            others,
            through,
        } => (cards, others, through),
        other => panic!("another answer: {other:?}"),
    }
}

/// What became of a walk: who was told of, and by how many answers.
fn walk(state: &State, known: &[NodeId]) -> (BTreeSet<NodeId>, usize) {
    let (mut next, mut told, mut answers) = (Some(Walk::new()), BTreeSet::new(), 0);
    while let Some(mut walk) = next {
        let begin = walk.after;
        let after = known.iter().filter(|node| **node > begin);
        let but = walk.named(after.copied());
        let range = (Some(walk.after), walk.until);
        let answer = everybody_but(state, ASKER, &but, range);
        answer.check().unwrap();
        assert!(cbor::encode(&answer).len() < crate::wire::MAX_RESPONSE);
        let (cards, others, through) = parts(answer);
        assert_eq!(cards.len(), others.len());
        assert!(others.iter().all(|one| !known.contains(&one.node)));
        told.extend(others.iter().map(|one| one.node));
        (next, answers) = (walk.next(through), answers + 1);
    }
    (told, answers)
}

#[test]
fn a_newcomer_is_told_of_thousands_range_by_range_and_of_those_it_lacks_alone() {
    let state = teller(1_500);
    let all: Vec<NodeId> = (1..=1_500).map(node).collect();
    let (told, answers) = walk(&state, &[]);
    assert_eq!((told.len(), answers), (1_500, 6));
    // One that knows all but a few is told of these.
    let lacks = [node(3), node(700), node(1_500)];
    let known = all.into_iter().filter(|node| !lacks.contains(node));
    let known: Vec<NodeId> = known.collect();
    let (told, answers) = walk(&state, &known);
    assert_eq!((told, answers), (lacks.into_iter().collect(), 3));
}

#[test]
fn an_older_asker_is_told_as_before() {
    let state = teller(600);
    let answer = everybody_but(&state, ASKER, &[node(1)], (None, None));
    let (cards, others, through) = parts(answer);
    assert_eq!((cards.len(), others.len(), through), (256, 512, None));
    assert!(others.iter().all(|one| one.node != node(1)));
}
