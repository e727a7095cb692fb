//! The graph that the choices of all make: how dense it is, whether it hangs together in a churn
//! and in an attack, in virtual time.

use super::*;
use crate::core::chance::Chance;
use ::core::net::Ipv4Addr;
use std::collections::HashMap;

fn id(n: u64) -> NodeId {
    NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

fn ip(n: u64) -> IpAddr {
    Ipv4Addr::from_bits(0x0A00_0000 + n as u32).into()
}

fn candidate(n: u64, address: u64, seconds: u64) -> Candidate {
    Candidate {
        node: id(n),
        source: ip(address),
        since: Now::from_secs(seconds),
    }
}

fn chooser(n: u64) -> Neighbours {
    Neighbours::new(&id(n), mix(0x00C0_FFEE, n))
}

/// Who is joined to whom, whichever end chose it, of those of whom both ends are in `live`.
fn degrees(choices: &HashMap<NodeId, BTreeSet<NodeId>>) -> HashMap<NodeId, BTreeSet<NodeId>> {
    let mut joined: HashMap<NodeId, BTreeSet<NodeId>> = HashMap::new();
    for (node, chosen) in choices {
        joined.entry(*node).or_default();
        for other in chosen.iter().filter(|other| choices.contains_key(other)) {
            joined.entry(*node).or_default().insert(*other);
            joined.entry(*other).or_default().insert(*node);
        }
    }
    joined
}

/// How many of them are reached from the first.
fn reached(joined: &HashMap<NodeId, BTreeSet<NodeId>>) -> usize {
    let mut seen: BTreeSet<NodeId> = joined.keys().take(1).copied().collect();
    let mut next: Vec<NodeId> = seen.iter().copied().collect();
    while let Some(node) = next.pop() {
        next.extend(joined[&node].iter().filter(|other| seen.insert(**other)));
    }
    seen.len()
}

#[test]
fn few_are_all_neighbours_and_of_more_a_few() {
    let known: Vec<_> = (1..=MESH as u64 + 1).map(|n| candidate(n, n, 0)).collect();
    assert_eq!(chooser(0).of(&known[..MESH]).len(), MESH);
    assert_eq!(chooser(0).of(&known).len(), 2 + 2 + 2);
    assert_eq!(
        [random(25), random(256), random(257), random(1024)],
        [2, 4, 4, 5]
    );
}

#[test]
fn where_all_know_one_another_the_ring_joins_all_and_nobody_has_many() {
    for (count, addresses) in [(26, 26), (100, 100), (100, 1), (300, 300)] {
        let all: Vec<_> = (0..count).map(|n| candidate(n, n % addresses, 0)).collect();
        let choose = |n: u64| {
            let others = all.iter().filter(|one| one.node != id(n));
            chooser(n).of(&others.copied().collect::<Vec<_>>())
        };
        let choices: HashMap<_, _> = (0..count).map(|n| (id(n), choose(n))).collect();
        let joined = degrees(&choices);
        assert_eq!(reached(&joined) as u64, count);
        let most = joined.values().map(BTreeSet::len).max().unwrap();
        let sum: usize = joined.values().map(BTreeSet::len).sum();
        let bound = 8.0 + (count as f64).log2();
        assert!(sum as f64 / count as f64 <= bound, "{count}: {sum}");
        assert!(most as f64 <= 2.0 * bound, "{count}: {most}");
        // By the ring alone it hangs together.
        let ring = |n: u64| {
            let others: Vec<_> = all
                .iter()
                .filter(|one| one.node != id(n))
                .copied()
                .collect();
            chooser(n).successors(&others)
        };
        let rings: HashMap<_, _> = (0..count).map(|n| (id(n), ring(n))).collect();
        assert_eq!(reached(&degrees(&rings)) as u64, count);
    }
}

#[test]
fn who_comes_or_goes_changes_little() {
    let all: Vec<_> = (0..300).map(|n| candidate(n, n, n)).collect();
    let choose = |n: u64, from: &[Candidate]| {
        let others: Vec<_> = from
            .iter()
            .filter(|one| one.node != id(n))
            .copied()
            .collect();
        chooser(n).of(&others)
    };
    let mut changes = 0;
    for n in 0..299 {
        let (before, after) = (choose(n, &all[..299]), choose(n, &all));
        changes += after.difference(&before).count();
    }
    // The newcomer is chosen by about half of its degree, and who makes room for it goes; the older
    // half shifts by one.
    assert!((4..40).contains(&changes), "{changes}");
}

/// Nodes that come and go; who is older hears of it late, and of one in twenty later still.
struct Churn {
    chance: Chance,
    born: Vec<u64>,
    died: Vec<Option<u64>>,
}

impl Churn {
    /// `count` nodes, of which three tenths are replaced each minute, for so many seconds.
    fn new(count: u64, seconds: u64) -> Self {
        let mut it = Self {
            chance: Chance::new(count),
            born: vec![0; count as usize],
            died: vec![None; count as usize],
        };
        let mut due = 0.0;
        for now in 1..=seconds {
            due += count as f64 * 0.3 / 60.0;
            while due >= 1.0 {
                due -= 1.0;
                let victim = loop {
                    let victim = it.chance.below(it.born.len());
                    if it.died[victim].is_none() {
                        break victim;
                    }
                };
                it.died[victim] = Some(now);
                it.born.push(now);
                it.died.push(None);
            }
        }
        it
    }

    /// How long it takes until `who` hears what became of `whom`, in seconds.
    fn late(who: usize, whom: usize, death: bool) -> u64 {
        let draw = mix(who as u64, whom as u64 * 2 + u64::from(death));
        let lost = draw.is_multiple_of(20);
        let most = if death { 25 } else { 9 };
        (draw >> 8) % most + if lost { most } else { 0 }
    }

    fn knows(&self, who: usize, whom: usize, now: u64) -> bool {
        let heard = if self.born[who] > self.born[whom] {
            self.born[who] + 1
        } else {
            self.born[whom] + Self::late(who, whom, false)
        };
        let missed = self.died[whom].map(|at| at + Self::late(who, whom, true));
        // Who came after its death never heard of it.
        let before = self.died[whom].is_none_or(|at| at > self.born[who]);
        who != whom && heard <= now && before && missed.is_none_or(|at| at > now)
    }

    /// The graph of those that live, at the end. Each knows `table` at most.
    fn graph(&self, now: u64, table: usize) -> HashMap<NodeId, BTreeSet<NodeId>> {
        let live = |n: &usize| self.died[*n].is_none() && self.born[*n] + 3 <= now;
        let all = 0..self.born.len();
        let mut choices = HashMap::new();
        let mut chance = self.chance.clone();
        for who in all.clone().filter(live) {
            let mut known = Vec::new();
            if self.born.len() <= 4 * table {
                known.extend(all.clone().filter(|whom| self.knows(who, *whom, now)));
                while known.len() > table {
                    known.swap_remove(chance.below(known.len()));
                }
            } else {
                while known.len() < table {
                    let whom = chance.below(self.born.len());
                    if self.knows(who, whom, now) && !known.contains(&whom) {
                        known.push(whom);
                    }
                }
            }
            let known: Vec<_> = known
                .into_iter()
                .map(|n| candidate(n as u64, n as u64, self.born[n].max(self.born[who])))
                .collect();
            choices.insert(id(who as u64), chooser(who as u64).of(&known));
        }
        degrees(&choices)
    }
}

#[test]
fn in_a_churn_all_that_live_stay_joined_and_nobody_has_many() {
    // (nodes, known to each at most): of 10,000 nodes each knows one in eighty.
    for (count, table, seconds) in [(100, 512, 120), (1_000, 512, 120), (10_000, 128, 60)] {
        let churn = Churn::new(count, seconds);
        let joined = churn.graph(seconds, table);
        assert!(joined.len() as u64 >= count * 9 / 10);
        assert_eq!(reached(&joined), joined.len(), "{count}");
        let most = joined.values().map(BTreeSet::len).max().unwrap();
        let sum: usize = joined.values().map(BTreeSet::len).sum();
        let mean = sum as f64 / joined.len() as f64;
        let bound = 8.0 + (count as f64).log2();
        println!("{count} nodes: {mean:.1} neighbours each, {most} at most");
        assert!(
            mean <= bound && most as f64 <= 3.0 * bound,
            "{count}: {mean} {most}"
        );
    }
}

#[test]
fn ten_thousand_forged_identities_do_not_crowd_out_the_honest() {
    const HONEST: u64 = 150;
    // From eight addresses, and later than the others. Each node is shown those that are nearest to
    // it on the ring, as many as a table has room for.
    let mut forged: Vec<_> = (0..10_000)
        .map(|n| candidate(1_000_000 + n, 10_000 + n % 8, 600))
        .collect();
    let mut choices = HashMap::new();
    let mut kept = Vec::new();
    for n in 0..HONEST {
        let here = ring(&id(n));
        forged.sort_by_cached_key(|one| ring(&one.node).wrapping_sub(here));
        let others = (0..HONEST).filter(|other| *other != n);
        let mut known: Vec<_> = others.map(|n| candidate(n, n, 0)).collect();
        known.extend(&forged[..512 - HONEST as usize]);
        let chosen = chooser(n).of(&known);
        let mut honest = chosen.clone();
        honest.retain(|node| (0..HONEST).any(|n| id(n) == *node));
        kept.push((honest.len(), chosen.len()));
        choices.insert(id(n), honest);
    }
    let joined = degrees(&choices);
    // Those by the ring are lost. Of the others the forged have what their addresses are worth.
    assert!(kept.iter().all(|(honest, _)| *honest >= 2), "{kept:?}");
    let honest: usize = kept.iter().map(|(honest, _)| honest).sum();
    let all: usize = kept.iter().map(|(_, all)| all - SUCCESSORS).sum();
    assert!(honest * 10 >= all * 8, "{honest} of {all}");
    assert_eq!(reached(&joined) as u64, HONEST);
}

/// What `draw` does, with a list of each address and all in order.
fn drawn_from_all(
    it: &Neighbours,
    from: &[&Candidate],
    count: usize,
    chosen: &BTreeSet<NodeId>,
) -> BTreeSet<NodeId> {
    let mut places = std::collections::BTreeMap::<IpAddr, Vec<(u64, NodeId)>>::new();
    for one in from.iter().filter(|one| !chosen.contains(&one.node)) {
        let rank = mix(it.secret, score::word(one.node.as_bytes()));
        let place = places.entry(origin(one.source)).or_default();
        place.push((rank, one.node));
    }
    let mut order = Vec::new();
    for (ip, mut nodes) in places {
        nodes.sort_unstable();
        let address = mix(it.secret.rotate_left(32), bits(ip));
        let nodes = nodes.into_iter().enumerate();
        order.extend(nodes.map(|(round, (_, node))| (round, address, node)));
    }
    order.sort_unstable();
    order.into_iter().take(count).map(|it| it.2).collect()
}

#[test]
fn who_keeps_the_first_alone_draws_those_who_come_first_of_all() {
    let mut chance = Chance::new(5);
    for round in 0..200 {
        let it = chooser(round);
        let addresses = 1 + chance.below(if round % 2 == 0 { 6 } else { 300 }) as u64;
        let known = (0..30 + chance.below(200) as u64)
            .map(|n| candidate(n, chance.bits() % addresses, n))
            .collect::<Vec<_>>();
        let from: Vec<&Candidate> = known.iter().collect();
        let before: BTreeSet<NodeId> = known[..3].iter().map(|one| one.node).collect();
        for count in [1, OLD, 7] {
            let mut chosen = before.clone();
            it.draw(&from, count, &mut chosen);
            let fresh: BTreeSet<NodeId> = chosen.difference(&before).copied().collect();
            assert_eq!(fresh, drawn_from_all(&it, &from, count, &before), "{round}");
        }
    }
}
