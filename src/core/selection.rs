//! Peer selection: of all who have or download a file, whom a job asks and whom it follows.
//!
//! In a small room that is everybody. Among thousands who fetch one file at once, a seed that all
//! ask has room for few, sends many the same and none of them soon; who follows all hears more news
//! than file, and who is followed by many has a full line. So each follows its neighbours on a few
//! rings in which hashes put all downloaders: a random graph in which all have as many (C. Law,
//! K.-Y. Siu, "Distributed construction of random expander networks", 2003). A holder is asked by
//! a share of them, about [`ASKERS`]: each draws that lot by itself, from names and from how many
//! download, and knows who else has it, so that they ask for different chunks. Whoever has no luck
//! gets it from those who do.
//!
//! Nobody's word is needed for it, and nobody's is trusted for long: a job to which nothing comes
//! (`HUNGER`) takes twice the share, and again, until it asks all. So forged downloaders delay
//! an honest one by seconds.
//!
//! Invariants: at most [`HOLDERS`] and [`FEW`] are chosen; where at most [`FEW`] download all of
//! these are, and all holders if they are no more than [`HOLDERS`].

use super::{Now, id::NodeId, picker::distance, score::Weight};
use std::time::Duration;

/// Up to so many who download follow each other, and ask all holders.
pub const FEW: usize = 20;
/// Of more, downloaders that a job follows. With more, most of what is said is said for nothing.
pub const FOLLOWED: usize = 14;
/// Rings that are looked at until enough are found.
const RINGS: u64 = 64;
/// Holders of all of it that a job asks: with more it is no faster.
pub const HOLDERS: usize = 64;
/// Downloaders by whom a holder is asked then, about.
pub const ASKERS: usize = 16;
/// Holders whose other askers are told apart: of the first few there are.
const SHARED: usize = 4;
/// Without a chunk for so long the share is too small.
const HUNGER: Duration = Duration::from_secs(2);
/// To look through one of many candidates is not worth more often than this.
const LOOK_EACH: Duration = Duration::from_micros(50);
/// The longest pause between two looks.
const LOOK_MOST: Duration = Duration::from_millis(500);

/// How a job has to do with somebody already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Not at all.
    New,
    /// It is asked as one that has all of it.
    Asked,
    /// It is followed, or was until it had all of it.
    Followed,
}

/// Somebody who has something of a file.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Who.
    pub node: NodeId,
    /// Whether it is downloading, too.
    pub downloads: bool,
    /// What this job has to do with it.
    pub standing: Standing,
}

/// Whom a job asks and follows.
#[derive(Debug)]
pub struct Chosen {
    /// Their places among the candidates: holders first, the nearest first.
    pub sources: Vec<usize>,
    /// Which downloaders ask the same holders; `None` when all do, or this node does not.
    pub askers: Option<Vec<NodeId>>,
}

/// The choice of one job for one file.
#[derive(Debug)]
pub struct Selection {
    me: NodeId,
    /// The share is doubled so often.
    hunger: u32,
    /// When something came, or the share was doubled.
    fed: Now,
    /// There are holders that it did not choose.
    leaves: bool,
    /// Not to be looked at again before.
    next: Now,
}

impl Selection {
    /// Nobody yet, at `now`; `me` is this node.
    #[must_use]
    pub fn new(me: NodeId, now: Now) -> Self {
        Self {
            me,
            hunger: 0,
            fed: now,
            leaves: false,
            next: now,
        }
    }

    /// A chunk came.
    pub fn came(&mut self, now: Now) {
        self.fed = now;
    }

    /// Not to be chosen anew before.
    #[must_use]
    pub fn next(&self) -> Now {
        self.next
    }

    /// Whether to choose anew though nothing is known to have changed: nothing comes, and there are
    /// others to ask.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.leaves && now >= self.fed + HUNGER
    }

    /// Whom of `candidates` to ask and follow. Costs O(n).
    pub fn choose(&mut self, candidates: &[Candidate], now: Now) -> Chosen {
        self.next = now;
        if candidates.len() > FEW {
            let looks = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
            self.next += LOOK_EACH.saturating_mul(looks).min(LOOK_MOST);
        }
        if self.is_due(now) {
            self.hunger = (self.hunger + 1).min(32);
            self.fed = now;
        }
        let downloaders = candidates.iter().filter(|one| one.downloads).count();
        let share = Self::share(downloaders, self.hunger);
        let (mut holders, mut others) = (Vec::new(), Vec::new());
        for (at, one) in candidates.iter().enumerate() {
            if one.downloads {
                others.push(at);
                continue;
            }
            let near = distance(&self.me, &one.node);
            let grown = one.standing == Standing::Followed;
            if near <= share || grown {
                holders.push((one.standing == Standing::New, near, at));
            }
        }
        self.leaves = holders.len() < candidates.len() - downloaders;
        nearest(&mut holders, HOLDERS);
        let others = self.neighbours(candidates, others);
        let mut sources: Vec<usize> = holders.iter().map(|&(.., at)| at).collect();
        let askers = Self::askers(candidates, &sources, downloaders);
        sources.extend(others);
        Chosen { sources, askers }
    }

    /// Of these downloaders, the next ones on each of some rings, both ways.
    fn neighbours(&self, candidates: &[Candidate], of: Vec<usize>) -> Vec<usize> {
        if of.len() <= FEW {
            return of;
        }
        let me = Weight::of(self.me);
        let weights: Vec<Weight> = of
            .iter()
            .map(|&at| Weight::of(candidates[at].node))
            .collect();
        let mut chosen = Vec::new();
        let rings = 1..=RINGS; // Any words that differ.
        for ring in rings.map(|ring: u64| ring.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            if chosen.len() >= FOLLOWED {
                break;
            }
            let mine = me.score(ring);
            let (mut after, mut before) = ((u64::MAX, 0), (u64::MAX, 0));
            for (at, weight) in weights.iter().enumerate() {
                let ahead = weight.score(ring).wrapping_sub(mine);
                after = after.min((ahead, at));
                before = before.min((ahead.wrapping_neg(), at));
            }
            for (_, at) in [after, before] {
                if !chosen.contains(&of[at]) {
                    chosen.push(of[at]);
                }
            }
        }
        chosen
    }

    /// Who else asks the first of these holders: each drew the same lots.
    fn askers(
        candidates: &[Candidate],
        holders: &[usize],
        downloaders: usize,
    ) -> Option<Vec<NodeId>> {
        if downloaders <= FEW || holders.is_empty() {
            return None;
        }
        let share = Self::share(downloaders, 0);
        let holders = holders.iter().take(SHARED).map(|&at| candidates[at].node);
        let holders: Vec<NodeId> = holders.collect();
        let asks = |one: &&Candidate| {
            let mut holders = holders.iter();
            one.downloads && holders.any(|holder| distance(&one.node, holder) <= share)
        };
        let askers = candidates.iter().filter(asks).map(|one| one.node);
        Some(askers.collect())
    }

    /// How near a holder has to be that this job asks it, where so many others download.
    fn share(downloaders: usize, hunger: u32) -> u64 {
        let of = downloaders as u64 + 1;
        let askers = (ASKERS as u64) << hunger;
        if downloaders <= FEW || askers >= of {
            u64::MAX
        } else {
            u64::MAX / of * askers
        }
    }
}

/// Leaves the first few, in order.
fn nearest<T: Ord>(list: &mut Vec<T>, most: usize) {
    if list.len() > most {
        list.select_nth_unstable(most);
        list.truncate(most);
    }
    list.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(tag: u32) -> NodeId {
        NodeId(*blake3::hash(&tag.to_le_bytes()).as_bytes())
    }

    fn candidates(holders: u32, downloaders: u32) -> Vec<Candidate> {
        let one = |tag| Candidate {
            node: node(tag),
            downloads: tag >= holders,
            standing: Standing::New,
        };
        (0..holders + downloaders).map(one).collect()
    }

    /// Whom node `me` of these asks as holders, and how many it follows.
    fn choose(all: &[Candidate], me: usize, now: Now) -> (Vec<usize>, usize) {
        let others: Vec<usize> = (0..all.len()).filter(|&at| at != me).collect();
        let list: Vec<Candidate> = others.iter().map(|&at| all[at]).collect();
        let chosen = Selection::new(all[me].node, Duration::ZERO)
            .choose(&list, now)
            .sources;
        let (follows, asks): (Vec<usize>, Vec<usize>) =
            chosen.into_iter().partition(|&at| list[at].downloads);
        (
            asks.into_iter().map(|at| others[at]).collect(),
            follows.len(),
        )
    }

    #[test]
    fn in_a_small_room_all_are_asked_and_followed() {
        let all = candidates(3, 20);
        for me in 3..23 {
            let (asks, follows) = choose(&all, me, Duration::ZERO);
            assert_eq!((asks.len(), follows), (3, 19));
        }
    }

    #[test]
    fn among_thousands_a_seed_is_asked_by_some_and_all_follow_as_many() {
        for downloaders in [100, 1_000, 3_000] {
            let all = candidates(2, downloaders);
            let mut askers = [0; 2];
            for me in 2..all.len() {
                let (asks, follows) = choose(&all, me, Duration::ZERO);
                for at in asks {
                    askers[at] += 1;
                }
                assert!((FOLLOWED..=FOLLOWED + 1).contains(&follows));
            }
            for asked in askers {
                assert!((ASKERS / 2..=ASKERS * 2).contains(&asked), "{askers:?}");
            }
        }
    }

    #[test]
    fn of_thousands_of_holders_some_are_asked() {
        let all = candidates(3_000, 10);
        let (asks, follows) = choose(&all, 3_005, Duration::ZERO);
        assert_eq!((asks.len(), follows), (HOLDERS, 9));
    }

    #[test]
    fn ten_thousand_forged_downloaders_keep_nobody_from_a_seed_for_long() {
        let all = candidates(1, 10_000);
        let mut hungry = Selection::new(node(77_777), Duration::ZERO);
        let mut now = Duration::ZERO;
        while hungry.choose(&all, now).sources.first() != Some(&0) {
            now += HUNGER;
            assert!(hungry.is_due(now));
            assert!(now <= Duration::from_secs(22), "{now:?}");
        }
        // What it hears of them does not take the seed away again.
        assert_eq!(hungry.choose(&all, now).sources.first(), Some(&0));
    }

    #[test]
    fn all_are_followed_by_as_many() {
        let all = candidates(1, 2_000);
        let mut followers = vec![0; all.len()];
        for me in 1..all.len() {
            let others = (0..all.len()).filter(|&at| at != me);
            let others: Vec<usize> = others.collect();
            let list: Vec<Candidate> = others.iter().map(|&at| all[at]).collect();
            let mut selection = Selection::new(all[me].node, Duration::ZERO);
            for at in selection.choose(&list, Duration::ZERO).sources {
                followers[others[at]] += usize::from(list[at].downloads);
            }
        }
        let alike = |&of: &usize| (FOLLOWED - 2..=FOLLOWED + 3).contains(&of);
        assert!(followers[1..].iter().all(alike), "{followers:?}");
    }

    #[test]
    fn who_was_followed_stays_a_source_when_it_has_all() {
        let mut all = candidates(1, 5_000);
        let choose = |all: &[Candidate]| {
            let mut selection = Selection::new(node(99_999), Duration::ZERO);
            selection.choose(all, Duration::ZERO).sources
        };
        let before = choose(&all);
        for &at in &before {
            all[at].standing = Standing::Followed;
            all[at].downloads = false;
        }
        let after = choose(&all);
        assert!(before.iter().all(|at| after.contains(at)));
        assert!(after.len() >= before.len() + FOLLOWED);
    }

    #[test]
    fn who_asks_a_seed_knows_who_else_does() {
        let all = candidates(1, 500);
        let chosen = (1..all.len()).map(|me| {
            let mut list = all.clone();
            list.remove(me);
            let chosen = Selection::new(all[me].node, Duration::ZERO).choose(&list, Duration::ZERO);
            (all[me].node, chosen)
        });
        let asks = chosen.filter(|(_, chosen)| chosen.sources.first() == Some(&0));
        let asks: Vec<(NodeId, Option<Vec<NodeId>>)> =
            asks.map(|(me, chosen)| (me, chosen.askers)).collect();
        for (me, others) in &asks {
            let all = asks.iter().map(|(asker, _)| *asker);
            let all: Vec<NodeId> = all.filter(|asker| asker != me).collect();
            assert_eq!(others.as_ref(), Some(&all));
        }
    }
}
