//! Scenarios in virtual time.

use super::*;

fn id(n: usize) -> NodeId {
    NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

fn ms(n: u64) -> Now {
    Now::from_millis(n)
}

const FAR: (bool, Duration) = (false, Duration::from_secs(1));
const NEAR: (bool, Duration) = (true, Duration::from_secs(1));

fn asked(actions: &[CardAction]) -> Vec<(NodeId, usize)> {
    let ask = |action: &CardAction| match action {
        CardAction::Ask { teller, of } => Some((*teller, of.len())),
        CardAction::Catalog { .. } | CardAction::Everybody { .. } => None,
    };
    actions.iter().filter_map(ask).collect()
}

#[test]
fn a_newcomer_asks_one_for_all() {
    let mut it = Cards::new(1);
    for n in 0..150 {
        it.news(id(n), ((1, 1), (0, 0)), FAR, ms(0));
    }
    let connected = [id(500)];
    let now = it.next_tick().unwrap();
    assert!(now <= ROUND);
    assert_eq!(asked(&it.due(&connected, now)), [(id(500), 150)]);
    // Those that the other had are not asked for again, nor is anybody before the round is over.
    for n in 0..140 {
        it.came(id(n), (1, 1));
    }
    let of: Vec<_> = (0..150).map(id).collect();
    assert_eq!(it.told(id(500), &of, now), None);
    assert_eq!(it.due(&connected, now), []);
    assert_eq!(it.next_tick(), Some(now + ROUND));
    assert_eq!(asked(&it.due(&connected, now + ROUND)), [(id(500), 10)]);
}

#[test]
fn who_has_a_large_catalog_is_asked_for_that_from_then_on() {
    let mut it = Cards::new(1);
    let node = id(1);
    it.news(node, ((1, 5), (0, 0)), NEAR, ms(0));
    assert_eq!(asked(&it.due(&[node], ms(0))), [(node, 1)]);
    assert_eq!(
        it.told(node, &[node], ms(20_000)),
        Some(CardAction::Catalog { node })
    );
    it.news(node, ((1, 6), (0, 0)), FAR, ms(1_000));
    let at = it.next_tick().unwrap();
    assert!(at <= ms(2_000));
    assert_eq!(it.due(&[id(2)], at), [CardAction::Catalog { node }]);
    assert_eq!(it.next_tick(), None);
}

#[test]
fn news_that_come_while_their_node_is_asked_are_asked_for_next() {
    let mut it = Cards::new(1);
    let node = id(1);
    it.news(node, ((1, 1), (0, 0)), NEAR, ms(0));
    assert_eq!(asked(&it.due(&[node], ms(0))), [(node, 1)]);
    it.news(node, ((1, 2), (0, 0)), NEAR, ms(1));
    assert_eq!(it.due(&[node], ms(1)), []);
    it.came(node, (1, 1));
    assert_eq!(it.told(node, &[node], ms(2)), None);
    assert_eq!(asked(&it.due(&[node], ms(2))), [(node, 1)]);
    it.came(node, (1, 2));
    assert_eq!(it.told(node, &[node], ms(3)), None);
    assert_eq!(it.next_tick(), None);
}

#[test]
fn who_knows_no_cards_is_not_asked_for_any_and_who_does_not_answer_later() {
    let mut it = Cards::new(1);
    let (old, slow, absent) = (id(1), id(2), id(3));
    it.news(old, ((1, 1), (0, 0)), NEAR, ms(0));
    assert_eq!(asked(&it.due(&[old], ms(0))), [(old, 1)]);
    let usual = CardAction::Catalog { node: old };
    assert_eq!(it.untold(old, &[old], true, ms(0)), Some(usual.clone()));
    it.news(old, ((1, 2), (0, 0)), NEAR, ms(10));
    assert_eq!(it.due(&[old], ms(10)), [usual]);
    // Nor for those of others, though nobody else is here: the others are asked themselves.
    it.news(absent, ((1, 1), (0, 0)), FAR, ms(20));
    assert_eq!(asked(&it.due(&[old], ms(400))), [(absent, 1)]);
    assert_eq!(
        it.untold(absent, &[absent], false, ms(400)),
        Some(CardAction::Catalog { node: absent })
    );
    it.news(slow, ((1, 1), (0, 0)), NEAR, ms(500));
    assert_eq!(asked(&it.due(&[slow], ms(500))), [(slow, 1)]);
    assert_eq!(it.due(&[slow], ms(5_000)), []);
}

#[test]
fn before_anybody_is_connected_nobody_is_asked_and_who_had_no_card_is_asked_when_it_is() {
    let mut it = Cards::new(1);
    let node = id(1);
    it.news(node, ((1, 1), (0, 0)), FAR, ms(0));
    let mut now = ms(0);
    while now < ms(5_000) {
        now = it.next_tick().unwrap();
        assert_eq!(it.due(&[], now), []);
    }
    let mut questions = Vec::new();
    while let Some(now) = it.next_tick() {
        for (teller, count) in asked(&it.due(&[id(9)], now)) {
            questions.push(teller);
            assert_eq!(count, 1);
            it.untold(teller, &[node], false, now);
        }
    }
    let last = questions.pop();
    assert_eq!(last, Some(node));
    assert_eq!(questions, vec![id(9); ROUNDS as usize]);
    // Its next beacon changes nothing, its connection does.
    it.news(node, ((1, 1), (0, 0)), FAR, ms(9_000));
    assert_eq!(it.next_tick(), None);
    it.news(node, ((1, 1), (0, 0)), NEAR, ms(10_000));
    assert_eq!(asked(&it.due(&[node], ms(10_000))), [(node, 1)]);
    it.came(node, (1, 1));
    assert_eq!(it.told(node, &[node], ms(20_000)), None);
    it.news(node, ((1, 1), (1, 1)), NEAR, ms(11_000));
    assert_eq!(it.next_tick(), None);
}

#[test]
fn a_card_that_nobody_had_is_asked_for_again_after_a_while_without_its_node() {
    let mut it = Cards::new(1);
    let (node, connected) = (id(1), [id(2), id(3)]);
    // Says it each second; nobody has its card, and it has no room for a connection.
    let (mut others, mut itself) = (Vec::new(), Vec::new());
    for second in 0..300 {
        it.news(node, ((1, 1), (0, 0)), FAR, ms(second * 1000));
        while let Some(at) = it.next_tick().filter(|at| *at < ms(second * 1000 + 1000)) {
            for (teller, _) in asked(&it.due(&connected, at)) {
                let asked = if teller == node {
                    &mut itself
                } else {
                    &mut others
                };
                asked.push(at.as_secs());
                if teller == node {
                    it.untold(teller, &[node], false, at);
                } else {
                    it.told(teller, &[node], at);
                }
            }
        }
    }
    assert!((4..=6).contains(&itself.len()), "{itself:?}");
    assert!(
        itself.windows(3).all(|it| it[2] - it[1] > it[1] - it[0]),
        "{itself:?}"
    );
    assert_eq!(others.len(), 16 + 4 * (itself.len() - 1));
    it.came(node, (1, 1));
    it.news(node, ((1, 1), (1, 1)), FAR, ms(400_000));
    assert_eq!(it.next_tick(), None);
    assert!(
        it.nodes.is_empty(),
        "who is known as they are takes no room"
    );
}

#[test]
fn whatever_is_claimed_few_questions_are_under_way() {
    let mut it = Cards::new(1);
    let connected: Vec<_> = (0..100).map(id).collect();
    let mut under_way = 0;
    for n in 0..1_000u64 {
        for node in 0..100 {
            it.news(id(node), ((1, n), (0, 0)), NEAR, ms(n));
        }
        under_way += asked(&it.due(&connected, ms(n))).len();
        assert!(under_way <= MAX_ASKING);
    }
    // What nobody has ends with its own node.
    let mut it = Cards::new(2);
    it.news(id(7), ((1, 1), (0, 0)), FAR, ms(0));
    let mut questions = 0;
    while let Some(now) = it.next_tick() {
        for (teller, _) in asked(&it.due(&connected[8..], now)) {
            questions += 1;
            it.told(teller, &[id(7)], now);
        }
    }
    assert_eq!(questions, ROUNDS as usize + 1);
}

/// How long it takes until all of `count` nodes know of one's news, in milliseconds, and how many
/// had to ask it though they were not connected with it.
fn spread(count: usize, degree: usize) -> (u64, usize) {
    let mut chance = Chance::new(count as u64);
    let mut joined = vec![BTreeSet::new(); count];
    for n in 0..count {
        for _ in 0..degree / 2 {
            let other = chance.below(count);
            if other != n {
                joined[n].insert(other);
                joined[other].insert(n);
            }
        }
    }
    let places: BTreeMap<NodeId, usize> = (0..count).map(|n| (id(n), n)).collect();
    let ids: Vec<NodeId> = (0..count).map(id).collect();
    let mut nodes: Vec<_> = (0..count).map(|n| Cards::new(n as u64)).collect();
    let (mut has, mut direct) = (vec![false; count], 0);
    has[0] = true;
    for n in 1..count {
        let near = joined[n].contains(&0);
        // The beacon, or a word over the connection.
        nodes[n].news(
            ids[0],
            ((1, 1), (0, 0)),
            (near, Duration::from_secs(1)),
            ms(0),
        );
    }
    for step in 0.. {
        let now = ms(step * 10);
        let had = has.clone();
        for n in 1..count {
            if nodes[n].next_tick().is_none_or(|at| at > now) {
                continue;
            }
            let connected: Vec<_> = joined[n].iter().map(|other| ids[*other]).collect();
            for action in nodes[n].due(&connected, now) {
                let CardAction::Ask { teller, of } = action else {
                    unreachable!();
                };
                direct += usize::from(teller == ids[0] && !joined[n].contains(&0));
                if had[places[&teller]] {
                    nodes[n].came(ids[0], (1, 1));
                    has[n] = true;
                }
                let of: Vec<_> = of.into_iter().map(|(node, _)| node).collect();
                nodes[n].told(teller, &of, now);
            }
        }
        if has.iter().all(|has| *has) {
            return (now.as_millis() as u64, direct);
        }
        assert!(step < 1_000, "it does not get through");
    }
    unreachable!()
}

#[test]
fn news_are_with_all_in_a_few_rounds_and_their_node_is_asked_by_few() {
    for (count, degree, most) in [(100, 14, 2_000), (1_000, 18, 2_500), (10_000, 20, 3_000)] {
        let (time, direct) = spread(count, degree);
        println!("{count} nodes: all know after {time} ms, {direct} asked it though not connected");
        assert!(time <= most, "{count}: {time}");
        assert!(direct <= count / 20, "{count}: {direct}");
    }
}

fn for_everybody(actions: &[CardAction]) -> Vec<NodeId> {
    let ask = |action: &CardAction| match action {
        CardAction::Everybody { teller } => Some(*teller),
        _ => None,
    };
    actions.iter().filter_map(ask).collect()
}

#[test]
fn who_begins_asks_two_for_everybody_and_in_a_crowd_two_more_later() {
    for crowd in [false, true] {
        let mut it = Cards::new(1);
        assert_eq!(it.next_tick(), None);
        let all: Vec<_> = (0..9).map(id).collect();
        it.connected(&all[0], ms(10));
        let first = for_everybody(&it.due(&all[..1], ms(10)));
        assert_eq!(first, [all[0]]);
        assert!(it.expects_everybody());
        it.connected(&all[1], ms(11));
        assert_eq!(it.due(&all[..2], ms(11)), []);
        it.introduced((crowd.then_some(100), false), ms(20));
        let second = for_everybody(&it.due(&all[..2], ms(20)));
        assert_eq!(second, [all[1]]);
        assert!(it.expects_everybody());
        it.introduced((crowd.then_some(100), false), ms(30));
        assert!(!it.expects_everybody());
        let mut tellers = BTreeSet::from([all[0], all[1]]);
        while let Some(at) = it.next_tick() {
            assert!(at >= ms(30) + LATER);
            tellers.extend(for_everybody(&it.due(&all, at)));
            it.introduced((crowd.then_some(100), false), at);
        }
        assert_eq!(tellers.len(), if crowd { LATER_TELLERS } else { TELLERS });
        // Others who come are not asked.
        it.connected(&id(77), ms(90_000));
        assert_eq!(it.next_tick(), None);
    }
}

#[test]
fn the_second_is_asked_when_it_comes_and_who_does_not_answer_is_asked_a_few_times() {
    let mut it = Cards::new(1);
    let (one, other) = (id(1), id(2));
    it.connected(&one, ms(0));
    assert_eq!(for_everybody(&it.due(&[one], ms(0))), [one]);
    it.introduced((None, false), ms(1));
    assert_eq!(it.due(&[one], ms(1)), []);
    assert!(!it.expects_everybody() && it.next_tick().is_none());
    it.connected(&other, ms(500));
    assert_eq!(for_everybody(&it.due(&[one, other], ms(500))), [other]);
    let mut asked = 0;
    it.alone(other, false, ms(600));
    while let Some(at) = it.next_tick() {
        assert!(at >= ms(600) + SLOW);
        let again = for_everybody(&it.due(&[one, other], at));
        assert!(!it.expects_everybody());
        asked += again.len();
        for teller in &again {
            it.alone(*teller, false, at);
        }
    }
    assert_eq!(asked, TRIES as usize - 2);
    // One that knows no such question is left alone, and the next one asked at once.
    let mut it = Cards::new(1);
    it.connected(&one, ms(0));
    it.due(&[one], ms(0));
    it.alone(one, true, ms(1));
    assert_eq!(for_everybody(&it.due(&[one, other], ms(1))), [other]);
}

#[test]
fn where_all_are_slow_questions_are_not_repeated_before_they_are_answered() {
    let mut it = Cards::new(1);
    let tellers: Vec<_> = (500..510).map(id).collect();
    for n in 0..150 {
        it.news(id(n), ((1, 1), (0, 0)), FAR, ms(0));
    }
    let (mut questions, mut now) = (Vec::new(), ms(0));
    while now < ms(1_900) {
        now += ms(10);
        questions.extend(asked(&it.due(&tellers, now)));
    }
    assert_eq!(questions.iter().map(|(_, count)| count).sum::<usize>(), 150);
    // A teller that never answers holds nothing up for long.
    questions.clear();
    while now < ms(2_500) {
        now += ms(10);
        questions.extend(asked(&it.due(&tellers, now)));
    }
    assert_eq!(questions.iter().map(|(_, count)| count).sum::<usize>(), 150);
}

#[test]
fn a_newcomers_card_is_asked_for_when_it_has_settled_and_with_those_of_others() {
    let mut it = Cards::new(1);
    let old = id(500);
    it.connected(&old, ms(0));
    it.introduced((None, true), ms(0));
    let far = (false, SETTLED);
    // This node begins, and all others may.
    it.news(id(1), ((1, 1), (0, 0)), far, ms(9_000));
    assert!(it.next_question().unwrap() < ms(9_200));
    it.came(id(1), (1, 1));
    // Two come, and each has another file soon: of both one question is asked.
    it.news(id(2), ((1, 1), (0, 0)), far, ms(20_000));
    it.news(id(3), ((1, 1), (0, 0)), far, ms(20_100));
    it.news(id(2), ((1, 2), (0, 0)), far, ms(20_400));
    let at = it.next_question().unwrap();
    assert!((ms(20_800)..ms(21_300)).contains(&at), "{at:?}");
    let mut told = Vec::new();
    for at in (20_400..22_000).step_by(10).map(ms) {
        let actions = it.due(&[old], at);
        told.extend(asked(&actions).into_iter().filter(|(_, of)| *of > 0));
    }
    let of: Vec<usize> = told.iter().map(|(_, of)| *of).collect();
    assert!(of == [2] || of == [1, 1], "{told:?}");
    // News of one that is known are asked for soon.
    it.news(id(4), ((1, 2), (1, 1)), far, ms(30_000));
    assert!(it.next_question().unwrap() <= ms(30_200).max(ms(22_800)));
}

#[test]
fn where_nodes_compare_a_newcomer_asks_more_for_everybody_only_while_it_lacks_many() {
    for (lacked, asks) in [(2, false), (3, true)] {
        let mut it = Cards::new(1);
        it.connected(&id(1), ms(0));
        let connected: Vec<NodeId> = (1..9).map(id).collect();
        for new in [100, lacked] {
            assert_eq!(it.due(&connected, ms(30)).len(), 1);
            it.lacked(new);
            it.introduced((Some(100), true), ms(20));
        }
        assert_eq!(it.next_tick().is_some(), asks, "{lacked}");
    }
}
