//! Who can be met under which namespace: what a rendezvous server keeps of those who are connected.
//!
//! Owns the table and its quotas. Never looks into a record, and never reads a clock. Invariants:
//! each node has each namespace once, at most [`Limits::per_node`] of them and only while it is
//! connected; while all places are taken, an address ([`origin`](crate::core::origin)) that has more
//! of them than the newcomer's gives up its oldest; `order` has exactly the entries of `entries`, so what is asked costs by what is
//! answered, not by what is kept.

use crate::core::{
    Now,
    id::NodeId,
    shares::{Room, Shares},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Namespaces of one node.
    pub per_node: usize,
    /// Entries in all.
    pub total: usize,
    /// The shortest time that may be asked for.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_node: 16,
            total: 20_000,
            least: Duration::from_secs(60),
            most: Duration::from_secs(7200),
        }
    }
}

/// Why an entry is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The time asked for is out of bounds.
    Time,
    /// The node has too many, or everyone together, and no address has more than this one.
    Entries,
}

/// What is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// As it came.
    pub bytes: Arc<[u8]>,
    /// In which of the two forms that there are; askers are given their own only.
    pub form: u8,
    /// What tells whether a renewed one says anything new.
    pub mark: [u8; 32],
}

#[derive(Debug)]
struct Entry {
    number: u64,
    origin: IpAddr,
    record: Record,
    until: Now,
}

/// See the module.
#[derive(Debug)]
pub struct Register {
    limits: Limits,
    /// By node first, so that those of one node lie together.
    entries: BTreeMap<NodeId, BTreeMap<String, Entry>>,
    /// Each namespace's, the oldest first.
    order: HashMap<String, BTreeMap<u64, NodeId>>,
    shares: Shares,
    next: u64,
}

/// A record, and the time that is left to it.
pub type Left = (Arc<[u8]>, Duration);

impl Register {
    /// Empty. Numbers begin after `first`, which must not be less than any that an earlier run
    /// gave.
    #[must_use]
    pub fn new(limits: Limits, first: u64) -> Self {
        Self {
            shares: Shares::new(limits.total),
            limits,
            entries: BTreeMap::new(),
            order: HashMap::new(),
            next: first,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shares.taken()
    }

    /// Keeps, or renews, an entry. One that says nothing new keeps its number, so that no client is
    /// told twice.
    ///
    /// # Errors
    /// [`Full`].
    pub fn put(
        &mut self,
        (node, origin): (NodeId, IpAddr),
        namespace: &str,
        record: Record,
        ttl: Duration,
        now: Now,
    ) -> Result<(), Full> {
        if ttl < self.limits.least || ttl > self.limits.most {
            return Err(Full::Time);
        }
        let until = now.saturating_add(ttl);
        let of = self.entries.get_mut(&node);
        if let Some(entry) = of.and_then(|of| of.get_mut(namespace))
            && (entry.record.mark, entry.record.form) == (record.mark, record.form)
        {
            entry.record = record;
            entry.until = until;
            return Ok(());
        }
        self.remove(node, namespace);
        let has = self.entries.get(&node).map_or(0, BTreeMap::len);
        if has >= self.limits.per_node || !self.make_room(origin) {
            return Err(Full::Entries);
        }
        self.next += 1;
        let number = self.next;
        let entry = Entry {
            number,
            origin,
            record,
            until,
        };
        let of = self.entries.entry(node).or_default();
        of.insert(namespace.to_owned(), entry);
        let order = self.order.entry(namespace.to_owned()).or_default();
        order.insert(number, node);
        self.shares.enter(origin);
        Ok(())
    }

    /// Whether there is a place for one more from there, if need be another address's.
    fn make_room(&mut self, origin: IpAddr) -> bool {
        let fullest = match self.shares.room(origin) {
            Room::Free => return true,
            Room::InPlaceOf(fullest) => fullest,
            Room::None => return false,
        };
        let each = self.entries.iter().flat_map(|(node, of)| {
            let theirs = of.iter().filter(|(_, entry)| entry.origin == fullest);
            theirs.map(|(name, entry)| (entry.number, *node, name))
        });
        let oldest = each.min_by_key(|(number, ..)| *number);
        let Some((node, name)) = oldest.map(|(_, node, name)| (node, name.clone())) else {
            return false;
        };
        self.remove(node, &name);
        true
    }

    /// Forgets an entry.
    pub fn remove(&mut self, node: NodeId, namespace: &str) {
        let Some(of) = self.entries.get_mut(&node) else {
            return;
        };
        let Some(entry) = of.remove(namespace) else {
            return;
        };
        if of.is_empty() {
            self.entries.remove(&node);
        }
        self.shares.leave(entry.origin);
        if let Some(order) = self.order.get_mut(namespace) {
            order.remove(&entry.number);
            if order.is_empty() {
                self.order.remove(namespace);
            }
        }
    }

    /// Forgets a node that is gone.
    pub fn leave(&mut self, node: NodeId) {
        let names = self.entries.get(&node);
        let names: Vec<String> = names
            .into_iter()
            .flat_map(|of| of.keys().cloned())
            .collect();
        for name in names {
            self.remove(node, &name);
        }
    }

    /// Forgets what was not renewed.
    pub fn expire(&mut self, now: Now) {
        let each = self.entries.iter().flat_map(|(node, of)| {
            let old = of.iter().filter(|(_, entry)| entry.until <= now);
            old.map(|(name, _)| (*node, name.clone()))
        });
        let gone: Vec<_> = each.collect();
        for (node, name) in gone {
            self.remove(node, &name);
        }
    }

    /// Those of a namespace after number `after`, in order, as long as `fits` says so, with the
    /// time that is left to each; and the number after which to go on.
    pub fn find(
        &self,
        namespace: &str,
        form: u8,
        after: u64,
        now: Now,
        mut fits: impl FnMut(&[u8]) -> bool,
    ) -> (Vec<Left>, u64) {
        // A number of another server, or of a clock that went back, is as good as none.
        let after = if after > self.next { 0 } else { after };
        let (mut found, mut last) = (Vec::new(), after);
        let order = self.order.get(namespace);
        let later = order.map(|order| order.range(after.saturating_add(1)..));
        for (number, node) in later.into_iter().flatten() {
            let entry = self.entries.get(node).and_then(|of| of.get(namespace));
            let Some(entry) = entry.filter(|entry| entry.until > now) else {
                continue;
            };
            if entry.record.form == form {
                if !fits(&entry.record.bytes) {
                    return (found, last);
                }
                let left = entry.until.saturating_sub(now);
                found.push((entry.record.bytes.clone(), left));
            }
            last = *number;
        }
        (found, last)
    }
}

#[cfg(test)]
mod tests;
