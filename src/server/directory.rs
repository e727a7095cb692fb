//! Whose a name is at a rendezvous server, and who is told.
//!
//! Owns the names, who is present and in which swarm. Never checks a signature, and reads no clock:
//! times are seconds since 1970 as the server sees them. Invariants: a name belongs to one key
//! until it is released or was unused for [`Limits::expiry`]; names that look alike are one name; a
//! node that has not entered a swarm is told nothing of it, except of names that it already knows.

use crate::core::{id::NodeId, people::fold};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Names of one key.
    pub per_key: usize,
    /// Names in all.
    pub total: usize,
    /// Seconds after which an unused name is free.
    pub expiry: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_key: 3,
            total: 100_000,
            expiry: 90 * 86_400,
        }
    }
}

/// Times are written down when they are off by more than this, so that coming and going costs no
/// writes.
const COARSE: u64 = 86_400;

/// A name and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignUp<C> {
    /// As the owner writes it.
    pub name: String,
    /// Whose it is.
    pub node: NodeId,
    /// In which swarm it is shown.
    pub swarm: [u8; 32],
    /// When the owner was last here.
    pub seen: u64,
    /// What the owner signed.
    pub claim: C,
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Done,
    /// Another key has the name.
    Taken,
    /// There is no such name, or it is another's.
    Unknown,
    /// There is no room.
    Full,
}

/// See the module; `C` is what owners sign.
#[derive(Debug)]
pub struct Directory<C> {
    limits: Limits,
    names: BTreeMap<String, SignUp<C>>,
    of: BTreeMap<NodeId, BTreeSet<String>>,
    /// Who is connected, and the swarm that each entered.
    present: HashMap<NodeId, Option<[u8; 32]>>,
    /// Changed since they were last taken.
    changed: BTreeSet<String>,
    /// What is written of `seen`.
    written: HashMap<String, u64>,
}

impl<C: Clone> Directory<C> {
    /// No name is taken.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            names: BTreeMap::new(),
            of: BTreeMap::new(),
            present: HashMap::new(),
            changed: BTreeSet::new(),
            written: HashMap::new(),
        }
    }

    /// What an earlier run wrote down. False, and nothing is kept, when that makes no sense.
    pub fn recall(&mut self, name: SignUp<C>) -> bool {
        let key = fold(&name.name);
        if key.is_empty() || self.names.contains_key(&key) || self.names.len() >= self.limits.total
        {
            return false;
        }
        self.written.insert(key.clone(), name.seen);
        self.keep(key, name);
        true
    }

    fn keep(&mut self, key: String, name: SignUp<C>) {
        self.of.entry(name.node).or_default().insert(key.clone());
        self.names.insert(key, name);
    }

    fn forget(&mut self, key: &str) {
        if let Some(name) = self.names.remove(key) {
            if let Some(of) = self.of.get_mut(&name.node) {
                of.remove(key);
                if of.is_empty() {
                    self.of.remove(&name.node);
                }
            }
            self.changed.insert(key.to_owned());
        }
    }

    /// A node connected.
    pub fn arrived(&mut self, node: NodeId, now: u64) {
        self.present.entry(node).or_default();
        self.saw(node, now);
    }

    /// Its last connection is gone.
    pub fn left(&mut self, node: NodeId, now: u64) {
        self.present.remove(&node);
        self.saw(node, now);
    }

    fn saw(&mut self, node: NodeId, now: u64) {
        for key in self.of.get(&node).into_iter().flatten() {
            if let Some(name) = self.names.get_mut(key) {
                name.seen = name.seen.max(now);
                let written = self.written.get(key).copied().unwrap_or_default();
                if name.seen.abs_diff(written) > COARSE {
                    self.changed.insert(key.clone());
                }
            }
        }
    }

    /// It says which swarm it is of.
    pub fn enter(&mut self, node: NodeId, swarm: [u8; 32]) {
        if let Some(present) = self.present.get_mut(&node) {
            *present = Some(swarm);
        }
    }

    /// Binds a name to its node, or renews that.
    pub fn sign_up(&mut self, name: SignUp<C>) -> Verdict {
        let key = fold(&name.name);
        if key.is_empty() {
            return Verdict::Unknown;
        }
        match self.names.get(&key) {
            Some(other) if other.node != name.node && !self.is_over(other, name.seen) => {
                return Verdict::Taken;
            }
            Some(other) if other.node == name.node => {}
            _ => {
                let has = self.of.get(&name.node).map_or(0, BTreeSet::len);
                let room = self.names.len() < self.limits.total || self.names.contains_key(&key);
                if has >= self.limits.per_key || !room {
                    return Verdict::Full;
                }
            }
        }
        self.forget(&key);
        self.changed.insert(key.clone());
        self.keep(key, name);
        Verdict::Done
    }

    /// Gives a name back.
    pub fn release(&mut self, node: NodeId, name: &str) -> Verdict {
        let key = fold(name);
        if self.names.get(&key).is_some_and(|name| name.node == node) {
            self.forget(&key);
            Verdict::Done
        } else {
            Verdict::Unknown
        }
    }

    /// Names of the swarm that `asker` entered, in order, after that name, with `pattern` in them;
    /// and whether there are more. `None` when it entered none.
    #[must_use]
    pub fn people(
        &self,
        asker: NodeId,
        pattern: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Option<(Vec<&SignUp<C>>, bool)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let swarm = (*self.present.get(&asker)?)?;
        let pattern = pattern.map(fold);
        let after = after.map(fold);
        let from = after.as_deref().map_or(Unbounded, Excluded);
        let mut found: Vec<_> = self
            .names
            .range::<str, _>((from, Unbounded))
            .filter(|(key, name)| {
                name.swarm == swarm && pattern.as_ref().is_none_or(|part| key.contains(part))
            })
            .map(|(_, name)| name)
            .take(most + 1)
            .collect();
        let more = found.len() > most;
        found.truncate(most);
        Some((found, more))
    }

    /// Who has this name.
    #[must_use]
    pub fn person(&self, name: &str) -> Option<&SignUp<C>> {
        self.names.get(&fold(name))
    }

    /// Whether that node has this name, as far as this server knows.
    #[must_use]
    pub fn is_theirs(&self, name: &str, node: &NodeId) -> bool {
        self.person(name).is_some_and(|name| name.node == *node)
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_present(&self, node: &NodeId) -> bool {
        self.present.contains_key(node)
    }

    /// Whether `asker` may know where `node` is: both entered the same swarm.
    #[must_use]
    pub fn may_know(&self, asker: &NodeId, node: &NodeId) -> bool {
        let swarm = |node| self.present.get(node).copied().flatten();
        swarm(asker).is_some() && swarm(asker) == swarm(node)
    }

    /// How many names there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Whether a key that has none could have this name; `None` when it is no name.
    #[must_use]
    pub fn is_free(&self, name: &str, now: u64) -> Option<bool> {
        let key = fold(name);
        let owner = self.names.get(&key);
        (!key.is_empty()).then(|| owner.is_none_or(|owner| self.is_over(owner, now)))
    }

    fn is_over(&self, name: &SignUp<C>, now: u64) -> bool {
        !self.present.contains_key(&name.node) && now.saturating_sub(name.seen) > self.limits.expiry
    }

    /// Frees the unused names.
    pub fn expire(&mut self, now: u64) {
        let over = self
            .names
            .iter()
            .filter(|(_, name)| self.is_over(name, now));
        let over: Vec<String> = over.map(|(key, _)| key.clone()).collect();
        for key in over {
            self.forget(&key);
        }
        // A node that is here all the time uses its names, too.
        let here: Vec<NodeId> = self.present.keys().copied().collect();
        for node in here {
            self.saw(node, now);
        }
    }

    /// What to write down: the key of each record that changed, and the record, unless it is gone.
    pub fn take_changes(&mut self) -> Vec<(String, Option<SignUp<C>>)> {
        let changed = std::mem::take(&mut self.changed);
        let each = changed.into_iter().map(|key| {
            let name = self.names.get(&key).cloned();
            match &name {
                Some(name) => self.written.insert(key.clone(), name.seen),
                None => self.written.remove(&key),
            };
            (key, name)
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests;
