//! What became of a file that was being downloaded and that no node has all of any more.
//!
//! Decides from what its owners offer by its name now: to wait, to go on with the owner's new
//! version, or to give it up. Never asks anybody. Invariants: only who offered these contents as
//! its own file is an owner; while one of them still has them, or is away and may come back with
//! them, it waits.

use super::{Now, id::NodeId};
use std::time::Duration;

/// Owners that are remembered of one file: more are as good as these.
const OWNERS: usize = 8;
/// How long an owner may offer nothing by the name before it counts as gone: a file that is written
/// anew is away until it has settled and been read…
const GRACE: Duration = Duration::from_secs(10);
/// …which takes a second for so many bytes, on a slow disk.
const READ: u64 = 32 << 20;

/// What an owner offers by the file's name now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The same contents.
    Same,
    /// Other contents.
    Other,
    /// Nothing.
    Nothing,
    /// It is not here, or what it offers is not known.
    Away,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Wait,
    /// This owner has another version.
    Replaced(NodeId),
    /// No owner offers it any longer; this was one.
    Gone(NodeId),
}

/// The owners of one file.
#[derive(Clone, Default, Debug)]
pub struct Succession {
    owners: Vec<NodeId>,
    /// Since when none of them offers anything by its name.
    gone_since: Option<Now>,
}

impl Succession {
    /// Notes that `node` offers these contents as its own file.
    pub fn owner(&mut self, node: NodeId) {
        if self.owners.len() < OWNERS && !self.owners.contains(&node) {
            // Most files have one, and a job may have 100,000 files.
            self.owners.reserve_exact(1);
            self.owners.push(node);
        }
    }

    /// What to do about a file of `size` bytes, now that no node has all of it.
    pub fn judge(&mut self, size: u64, standing: impl Fn(NodeId) -> Standing, now: Now) -> Verdict {
        let stand: Vec<Standing> = self.owners.iter().map(|&node| standing(node)).collect();
        let find = |wanted| stand.iter().position(|&standing| standing == wanted);
        let gone = find(Standing::Same).is_none()
            && find(Standing::Other).is_none()
            && find(Standing::Away).is_none();
        let since = *self.gone_since.get_or_insert(now);
        if !gone {
            self.gone_since = None;
        }
        if find(Standing::Same).is_some() {
            return Verdict::Wait;
        }
        if let Some(at) = find(Standing::Other) {
            return Verdict::Replaced(self.owners[at]);
        }
        let grace = GRACE.saturating_add(Duration::from_secs(size / READ));
        match self.owners.first() {
            Some(&owner) if gone && now.saturating_sub(since) >= grace => Verdict::Gone(owner),
            _ => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::*;

    const A: NodeId = NodeId([1; 32]);
    const B: NodeId = NodeId([2; 32]);

    fn owned_by(owners: &[NodeId]) -> Succession {
        let mut succession = Succession::default();
        for &owner in owners {
            succession.owner(owner);
        }
        succession
    }

    fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_owners_new_version_takes_its_place_at_once() {
        let mut file = owned_by(&[A, B]);
        let standing = |node| if node == B { Other } else { Nothing };
        assert_eq!(file.judge(1, standing, at(0)), Verdict::Replaced(B));
        // A node that never offered it says nothing about it.
        let mut file = owned_by(&[A]);
        assert_eq!(
            file.judge(1, |node| if node == A { Away } else { Other }, at(0)),
            Verdict::Wait
        );
        assert_eq!(owned_by(&[]).judge(1, |_| Other, at(99)), Verdict::Wait);
    }

    #[test]
    fn while_an_owner_has_it_or_may_come_back_with_it_it_waits() {
        let mut file = owned_by(&[A, B]);
        for second in 0..1000 {
            let standing = |node| if node == A { Same } else { Other };
            assert_eq!(file.judge(1, standing, at(second)), Verdict::Wait);
        }
        for second in 1000..2000 {
            let standing = |node| if node == A { Away } else { Nothing };
            assert_eq!(file.judge(1, standing, at(second)), Verdict::Wait);
        }
    }

    #[test]
    fn what_is_deleted_is_given_up_after_the_time_that_a_new_version_may_take() {
        let mut file = owned_by(&[A]);
        assert_eq!(file.judge(1, |_| Nothing, at(0)), Verdict::Wait);
        assert_eq!(file.judge(1, |_| Nothing, at(9)), Verdict::Wait);
        assert_eq!(file.judge(1, |_| Nothing, at(10)), Verdict::Gone(A));
        // A large one takes longer to read, and a short absence in between begins anew.
        let mut file = owned_by(&[A]);
        assert_eq!(file.judge(1 << 30, |_| Nothing, at(0)), Verdict::Wait);
        assert_eq!(file.judge(1 << 30, |_| Nothing, at(41)), Verdict::Wait);
        assert_eq!(file.judge(1 << 30, |_| Away, at(41)), Verdict::Wait);
        assert_eq!(file.judge(1 << 30, |_| Nothing, at(42)), Verdict::Wait);
        assert_eq!(file.judge(1 << 30, |_| Nothing, at(83)), Verdict::Wait);
        assert_eq!(file.judge(1 << 30, |_| Nothing, at(84)), Verdict::Gone(A));
    }

    #[test]
    fn owners_are_bounded() {
        let mut file = Succession::default();
        for n in 0..=255 {
            file.owner(NodeId([n; 32]));
        }
        assert_eq!(file.owners.len(), OWNERS);
    }
}
