//! A walk through everybody: range by range in the order of ids, since a message holds some hundred
//! nodes and a room thousands.
//!
//! The asker names whom it knows in a range, the teller answers with the others there, and says up to
//! whom it has looked when there is more: so what both know costs a name, and what one lacks its
//! card. Pure. Invariant: a walk gets on with each answer and ends after [`MAX_PAGES`] of them,
//! whatever a teller says.

use crate::core::id::NodeId;

/// Nodes named in a question.
pub const NAMED: usize = 512;
/// Answers of one walk: twice what so many nodes take as are known at the most.
const MAX_PAGES: usize = 2 * crate::core::membership::MAX_KNOWN / super::MAX_WANTED;

/// Where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// All up to this one are known.
    pub after: NodeId,
    /// Asked for are those up to this one: further ones could not be named.
    pub until: Option<NodeId>,
    pages: usize,
}

impl Walk {
    /// At its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            after: NodeId([0; 32]),
            until: None,
            pages: 0,
        }
    }

    /// Whom to name of those who are known after [`Self::after`], in the order of their ids.
    pub fn named(&mut self, known: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
        let mut named: Vec<NodeId> = known.take(NAMED + 1).collect();
        let more = named.len() > NAMED;
        named.truncate(NAMED);
        self.until = named.last().copied().filter(|_| more);
        named
    }

    /// How it goes on after an answer that has looked `through` to somebody, or to the end of what was
    /// asked. `None`: it is over.
    #[must_use]
    pub fn next(self, through: Option<NodeId>) -> Option<Self> {
        let within = |node: &NodeId| self.until.is_none_or(|until| *node < until);
        let after = through.filter(within).or(self.until)?;
        let pages = self.pages + 1;
        let goes_on = after > self.after && pages < MAX_PAGES;
        goes_on.then_some(Self {
            after,
            until: None,
            pages,
        })
    }
}

impl Default for Walk {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::ops::Bound::{Excluded, Included, Unbounded};

    fn node(n: u32) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&(n + 1).to_be_bytes());
        NodeId(bytes)
    }

    /// What a teller that knows `all` answers with `page` nodes at most.
    fn told(
        all: &BTreeSet<NodeId>,
        walk: &Walk,
        but: &[NodeId],
        page: usize,
    ) -> (Vec<NodeId>, Option<NodeId>) {
        let end = walk.until.map_or(Unbounded, Included);
        let range = all.range((Excluded(walk.after), end));
        let mut others: Vec<NodeId> = range.filter(|it| !but.contains(it)).copied().collect();
        let more = others.len() > page;
        others.truncate(page);
        let through = others.last().copied().filter(|_| more);
        (others, through)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn who_walks_knows_all_that_both_knew_and_asks_as_often_as_that_takes(
            known in prop::collection::btree_set(0..20_000u32, 0..1_500),
            theirs in prop::collection::btree_set(0..20_000u32, 0..1_500),
        ) {
            let mut known: BTreeSet<_> = known.into_iter().map(node).collect();
            let theirs: BTreeSet<_> = theirs.into_iter().map(node).collect();
            let all: BTreeSet<_> = known.union(&theirs).copied().collect();
            let most = 1 + known.len().div_ceil(NAMED) + theirs.len().div_ceil(256);
            let (mut walk, mut asked) = (Some(Walk::new()), 0);
            while let Some(mut it) = walk {
                let after = known.range((Excluded(it.after), Unbounded)).copied();
                let but = it.named(after);
                let (others, through) = told(&theirs, &it, &but, 256);
                prop_assert!(others.iter().all(|one| !known.contains(one)));
                known.extend(others);
                walk = it.next(through);
                asked += 1;
            }
            prop_assert_eq!(known, all);
            prop_assert!(asked <= most, "{} of {}", asked, most);
        }
    }

    #[test]
    fn a_teller_that_never_ends_or_goes_back_is_asked_no_more() {
        let (mut walk, mut asked) = (Walk::new(), 0);
        while let Some(next) = walk.next(Some(node(asked))) {
            (walk, asked) = (next, asked + 1);
        }
        assert!(asked < 200, "{asked}");
        let first = Walk::new().next(Some(node(7))).unwrap();
        assert_eq!(first.next(Some(node(7))), None);
        assert_eq!(first.next(Some(node(3))), None);
        // Nor can it skip those whom it was not asked for.
        let mut walk = Walk::new();
        walk.named((0..600).map(node));
        assert_eq!(walk.until, Some(node(511)));
        assert_eq!(walk.next(Some(node(5_000))).unwrap().after, node(511));
        assert_eq!(walk.next(None).unwrap().after, node(511));
    }
}
