use super::{super::everybody::tests::teller, *};
use crate::core::{
    id::NodeId,
    membership::{Beacon, Kind},
};
use std::{collections::BTreeSet, net::SocketAddr};

const ASKER: NodeId = NodeId([0xff; 32]);

/// A node that knows so many, and one who asks.
fn room(count: u16) -> State {
    let mut state = teller(count);
    let beacon = Beacon {
        kind: Kind::Ping,
        node: ASKER,
        name: String::new(),
        tcp: 4000,
        udp: 4000,
        epoch: 1,
        revision: 1,
        seq: 1,
        suspects: Vec::new(),
    };
    let (from, room) = (SocketAddr::from(([10, 0, 0, 1], 4000)), 512);
    let heard = MembershipEvent::Heard { beacon, from, room };
    state.membership.handle(heard, Now::ZERO);
    state
}

/// Has a node without anything compare with a teller: whom it is introduced to, and in how many
/// questions.
fn compare(state: &State, knows: &[NodeId]) -> (BTreeSet<NodeId>, usize) {
    struct Known<'a>(&'a State, &'a [NodeId]);
    impl crate::core::reconcile::Held for Known<'_> {
        fn from(&self, node: NodeId) -> impl Iterator<Item = crate::core::reconcile::Item> {
            let known = self.1.iter().filter(move |it| **it >= node);
            known.filter_map(|it| Some((*it, self.0.membership.catalog_of(it)?)))
        }
    }
    let mine = Known(state, knows);
    let (mut it, mut comparing) = (Reconcile::new(1), Comparing::new(2));
    let teller = NodeId([0; 32]);
    it.due(true, &[teller], &mine, Now::ZERO);
    let mut step = it.due(true, &[teller], &mine, Now::from_secs(60));
    let mut questions = 0;
    while let Some(Step::Compare { salt, of, .. }) = step {
        questions += 1;
        let of = range_prints(&of);
        let asked = Request::Compare {
            salt,
            of: of.clone(),
        };
        assert!(asked.check().is_ok());
        let answer = comparing.answer(state, ASKER, salt, &of);
        assert!(answer.check().is_ok());
        let Response::Compared { parts } = answer else {
            panic!("{answer:?}")
        };
        let parts = parts.into_iter();
        let parts = parts.map(|part| (part.at.into(), part.into_difference()));
        step = it.answered(&teller, parts.collect(), &mine);
    }
    let Some(Step::Introduce { of, .. }) = step else {
        return (BTreeSet::new(), questions);
    };
    let Response::Everybody { cards, others, .. } = introduced_to(state, ASKER, &of) else {
        panic!("no answer")
    };
    let told: BTreeSet<NodeId> = cards.iter().map(|card| card.node).collect();
    assert!(others.iter().all(|one| told.contains(&one.node)));
    (told, questions)
}

#[test]
fn one_that_lacks_some_is_introduced_to_them_and_one_that_knows_all_asks_once() {
    let state = room(900);
    let all: Vec<NodeId> = state
        .membership
        .nodes()
        .filter(|node| *node != ASKER)
        .collect();
    assert!(all.len() >= 900);
    assert_eq!(compare(&state, &all), (BTreeSet::new(), 1));
    let lacking: BTreeSet<NodeId> = all.iter().copied().step_by(90).collect();
    let some: Vec<NodeId> = all
        .iter()
        .filter(|it| !lacking.contains(it))
        .copied()
        .collect();
    let (told, questions) = compare(&state, &some);
    assert_eq!(told, lacking);
    assert!(questions <= 6, "{questions}");
}

#[test]
fn who_is_not_heard_is_not_answered_and_who_asks_without_end_is_put_off() {
    let state = room(300);
    let mut comparing = Comparing::new(1);
    let all = [(0, 0, 7)];
    let stranger = NodeId([0x77; 32]);
    assert_eq!(
        comparing.answer(&state, stranger, 1, &all),
        Response::Missing
    );
    // Nor is what would have all gone through again and again.
    let twice = [(0, 0, 7), (0, 0, 8)];
    assert!(
        Request::Compare {
            salt: 1,
            of: twice.to_vec()
        }
        .check()
        .is_err()
    );
    assert_eq!(
        comparing.answer(&state, ASKER, 1, &twice),
        Response::Missing
    );
    let answered = (0..1_000).filter(|_| {
        let answer = comparing.answer(&state, ASKER, 1, &all);
        matches!(answer, Response::Compared { .. })
    });
    assert_eq!(answered.count(), OF_ONE.burst as usize);
}
