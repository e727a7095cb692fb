//! Whose a name is at a rendezvous server, and who is told.
//!
//! Owns the names, who is present and in which swarm. Never checks a signature, and reads no clock: times are seconds
//! since 1970 as the server sees them. Invariants: a name belongs to one key until it is released or was unused for
//! [`Limits::expiry`]; names that look alike are one name; whoever has not entered a swarm is told nothing of it, except of
//! names that he already knows.

use super::{id::NodeId, people::fold};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Names of one key.
    pub per_key: usize,
    /// Names in all.
    pub total: usize,
    /// Seconds after which a name is free that nobody used.
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

/// Times are written down when they are off by more than this, so that coming and going costs no writes.
const COARSE: u64 = 86_400;

/// A name and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<C> {
    /// As the owner writes it.
    pub name: String,
    /// Whose it is.
    pub node: NodeId,
    /// In which swarm it is shown.
    pub swarm: [u8; 32],
    /// When the owner was last here.
    pub seen: u64,
    /// What he signed.
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
    names: BTreeMap<String, Name<C>>,
    of: BTreeMap<NodeId, BTreeSet<String>>,
    /// Who is connected, and the swarm he entered.
    present: HashMap<NodeId, Option<[u8; 32]>>,
    /// Changed since they were last taken.
    changed: BTreeSet<String>,
    /// What is written of `seen`.
    written: HashMap<String, u64>,
}

impl<C: Clone> Directory<C> {
    /// Nobody has a name.
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
    pub fn recall(&mut self, name: Name<C>) -> bool {
        let key = fold(&name.name);
        if key.is_empty() || self.names.contains_key(&key) || self.names.len() >= self.limits.total
        {
            return false;
        }
        self.written.insert(key.clone(), name.seen);
        self.keep(key, name);
        true
    }

    fn keep(&mut self, key: String, name: Name<C>) {
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

    /// Somebody connected.
    pub fn arrived(&mut self, node: NodeId, now: u64) {
        self.present.entry(node).or_default();
        self.saw(node, now);
    }

    /// His last connection is gone.
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

    /// He says which swarm he is of.
    pub fn enter(&mut self, node: NodeId, swarm: [u8; 32]) {
        if let Some(present) = self.present.get_mut(&node) {
            *present = Some(swarm);
        }
    }

    /// Binds a name to its node, or renews that.
    pub fn sign_up(&mut self, name: Name<C>) -> Verdict {
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

    /// Names of the swarm that `asker` entered, in order, after that name, with `pattern` in them; and whether there are
    /// more. `None` when he entered none.
    #[must_use]
    pub fn people(
        &self,
        asker: NodeId,
        pattern: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Option<(Vec<&Name<C>>, bool)> {
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
    pub fn person(&self, name: &str) -> Option<&Name<C>> {
        self.names.get(&fold(name))
    }

    /// Whether he is connected.
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
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn is_over(&self, name: &Name<C>, now: u64) -> bool {
        !self.present.contains_key(&name.node) && now.saturating_sub(name.seen) > self.limits.expiry
    }

    /// Frees the names that nobody used.
    pub fn expire(&mut self, now: u64) {
        let over = self
            .names
            .iter()
            .filter(|(_, name)| self.is_over(name, now));
        let over: Vec<String> = over.map(|(key, _)| key.clone()).collect();
        for key in over {
            self.forget(&key);
        }
        // Who is here all the time uses his names, too.
        let here: Vec<NodeId> = self.present.keys().copied().collect();
        for node in here {
            self.saw(node, now);
        }
    }

    /// What to write down: the key of each record that changed, and the record, unless it is gone.
    pub fn take_changes(&mut self) -> Vec<(String, Option<Name<C>>)> {
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
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;
    const DAY: u64 = 86_400;

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn name(text: &str, n: u8) -> Name<u8> {
        Name {
            name: text.into(),
            node: node(n),
            swarm: [n % 2; 32],
            seen: NOW,
            claim: n,
        }
    }

    fn directory() -> Directory<u8> {
        Directory::new(Limits {
            total: 5,
            ..Limits::default()
        })
    }

    #[test]
    fn the_first_has_the_name_and_what_looks_like_it() {
        let mut directory = directory();
        assert_eq!(directory.sign_up(name("Anna", 1)), Verdict::Done);
        for alike in ["anna", "ANNA ", "\u{200b}anna", "\u{ff21}nna"] {
            assert_eq!(directory.sign_up(name(alike, 2)), Verdict::Taken, "{alike}");
        }
        assert_eq!(directory.sign_up(name("\u{200b}", 2)), Verdict::Unknown);
        assert_eq!(directory.release(node(2), "anna"), Verdict::Unknown);
        assert_eq!(directory.release(node(1), "anna"), Verdict::Done);
        assert_eq!(directory.sign_up(name("anna", 2)), Verdict::Done);
        let changes = directory.take_changes();
        assert_eq!(changes, [("anna".into(), Some(name("anna", 2)))]);
        assert!(directory.take_changes().is_empty());
        directory.release(node(2), "anna");
        assert_eq!(directory.take_changes(), [("anna".into(), None)]);
    }

    #[test]
    fn a_key_has_three_names_and_the_directory_is_bounded() {
        let mut directory = directory();
        for text in ["a", "b", "c"] {
            assert_eq!(directory.sign_up(name(text, 1)), Verdict::Done);
        }
        assert_eq!(directory.sign_up(name("d", 1)), Verdict::Full);
        assert_eq!(directory.sign_up(name("a", 1)), Verdict::Done);
        assert_eq!(directory.sign_up(name("d", 2)), Verdict::Done);
        assert_eq!(directory.sign_up(name("e", 3)), Verdict::Done);
        assert_eq!(directory.sign_up(name("f", 4)), Verdict::Full);
        assert_eq!(directory.sign_up(name("e", 3)), Verdict::Done);
        assert!(!directory.recall(name("g", 9)));
    }

    #[test]
    fn a_name_is_free_after_ninety_days_without_its_owner() {
        let mut directory = directory();
        directory.sign_up(name("anna", 1));
        directory.arrived(node(1), NOW);
        directory.expire(NOW + 200 * DAY);
        directory.left(node(1), NOW + 200 * DAY);
        directory.expire(NOW + 290 * DAY);
        assert!(directory.person("anna").is_some());
        let mut later = name("anna", 2);
        later.seen = NOW + 291 * DAY;
        assert_eq!(directory.sign_up(later), Verdict::Done);
        directory.expire(NOW + 400 * DAY);
        assert!(directory.is_empty());
        // A clock that went back frees nothing.
        directory.sign_up(name("anna", 1));
        directory.expire(5);
        assert_eq!(directory.len(), 1);
    }

    #[test]
    fn only_those_of_a_swarm_see_it_and_only_in_pages() {
        let mut directory = directory();
        for (text, n) in [("ann", 1), ("bob", 3), ("cleo", 5), ("dan", 2)] {
            directory.sign_up(name(text, n));
        }
        assert!(directory.people(node(9), None, None, 9).is_none());
        directory.arrived(node(9), NOW);
        assert!(directory.people(node(9), None, None, 9).is_none());
        directory.enter(node(9), [1; 32]);
        let names = |pattern, after, most| {
            let (found, more) = directory.people(node(9), pattern, after, most).unwrap();
            let names: Vec<_> = found.iter().map(|name| name.name.as_str()).collect();
            (names, more)
        };
        assert_eq!(names(None, None, 2), (vec!["ann", "bob"], true));
        assert_eq!(names(None, Some("bob"), 2), (vec!["cleo"], false));
        assert_eq!(names(Some("O"), None, 9), (vec!["bob", "cleo"], false));
        // A name that one knows is told across swarms; where somebody is, is not.
        assert_eq!(directory.person("DAN").unwrap().node, node(2));
        directory.arrived(node(2), NOW);
        directory.enter(node(2), [0; 32]);
        assert!(!directory.may_know(&node(9), &node(2)));
        directory.enter(node(2), [1; 32]);
        assert!(directory.may_know(&node(9), &node(2)));
        directory.left(node(2), NOW);
        assert!(!directory.may_know(&node(9), &node(2)) && !directory.is_present(&node(2)));
    }

    #[test]
    fn coming_and_going_is_written_down_once_a_day() {
        let mut directory = directory();
        directory.recall(name("anna", 1));
        for hour in 0..48 {
            directory.arrived(node(1), NOW + hour * 3600);
            directory.left(node(1), NOW + hour * 3600);
            let written = directory.take_changes().len();
            assert_eq!(written, usize::from(hour == 25), "{hour}");
        }
    }
}
