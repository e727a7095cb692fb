//! Who goes by which name: the first key seen for a name is the one that counts, until a person
//! says otherwise.
//!
//! Owns the memory of names and what a word means among those who are here. Never reads a clock or
//! a disk. Invariants: at most [`MAX`] names; those with whom one had to do (`met`) go last; one
//! key claims at most [`MAX_OF_ONE`] names by itself, so that a node that renames itself all day
//! takes no others' names away. A name that no person chose (*unchosen*: a program made it up) says
//! little, so another key with the same made-up name is no alarm; but what a person sends to such a
//! name goes to the key that it went to before, or nowhere.

#[cfg(test)]
mod tests;

use super::{id::NodeId, path::deceives};
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization as _;

/// Names remembered.
pub const MAX: usize = 10_000;
/// Names that one key holds without a person's doing.
pub const MAX_OF_ONE: usize = 8;
/// Seeing a person again is written down once a day.
const DAY: u64 = 86_400;
/// Characters of a node's text form that mean it: at its end, where ids differ…
const LAST: usize = 6;
/// …or at its beginning, the first eight of which all ids share.
const FIRST: usize = 12;

/// What is remembered of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// As it was written when it was first seen.
    pub name: String,
    /// The key that goes by it.
    pub key: NodeId,
    /// Whether something was sent to it by a person here.
    pub met: bool,
    /// Whether a person here added it: then the name means this key and no other, and this key has
    /// no other name.
    pub added: bool,
    /// Whether no person chose the name: a program made it up.
    pub unchosen: bool,
    /// When it was last here: seconds since 1970.
    pub seen: u64,
}

/// A person who is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PresentPerson {
    /// Who.
    pub node: NodeId,
    /// What it is called.
    pub name: String,
    /// Whether no person chose that name.
    pub unchosen: bool,
}

struct Entry {
    person: Person,
    /// It was first seen in this run and not met: another one who says the same is as good.
    fresh: bool,
}

/// Why a word means no person to whom something may be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhoError {
    /// No person of that name is here.
    Nobody,
    /// It could be any of these.
    Ambiguous(Vec<NodeId>),
    /// A person of that name is here, with another key than before.
    NewKey {
        /// The name, as it came: to be escaped.
        name: String,
        /// The key that was known.
        known: NodeId,
        /// The key that is here.
        now: NodeId,
    },
}

/// The memory.
#[derive(Default)]
pub struct People {
    names: BTreeMap<String, Entry>,
    /// Those that were not met, the least recently seen first…
    strangers: BTreeSet<(u64, String)>,
    /// …and how many of them each key has.
    of_key: BTreeMap<NodeId, usize>,
    /// The names of those who were added.
    added: BTreeMap<NodeId, String>,
    /// Changed since they were last taken.
    news: BTreeSet<String>,
    /// Records written since all of them were.
    written: usize,
}

/// Names that look alike are one name: neither case, form, width nor what takes no room tells them
/// apart.
#[must_use]
pub fn fold(name: &str) -> String {
    let shown: String = name.nfkc().filter(|&c| !deceives(c)).collect();
    shown.trim().to_lowercase()
}

/// Whether two names are one: a person may write it in another case or form than its owner does.
#[must_use]
pub fn is_name_of(who: &str, name: &str) -> bool {
    let folded = fold(who);
    !folded.is_empty() && folded == fold(name)
}

/// Whether `who` is (enough of) this node's text form.
#[must_use]
pub fn is_id_of(who: &str, node: &NodeId) -> bool {
    let id = node.to_string();
    (who.len() >= LAST && id.ends_with(who)) || (who.len() >= FIRST && id.starts_with(who))
}

impl People {
    /// Takes back what an earlier run wrote, in the order in which it did.
    pub fn recall(&mut self, person: Person) {
        self.written += 1;
        let folded = fold(&person.name);
        let fresh = false;
        self.put(folded, Entry { person, fresh });
    }

    /// A person of this name is here. The first key of a name is remembered; what a person who was
    /// added is called counts for nothing. Gives the name by which this key was last known, the
    /// first time it comes with another one that no person has.
    pub fn see(&mut self, name: &str, key: NodeId, unchosen: bool, now: u64) -> Option<String> {
        let folded = fold(name);
        if self.added.get(&key).is_some_and(|added| *added != folded) {
            return None;
        }
        if let Some(entry) = self.names.get(&folded) {
            let since = now.saturating_sub(entry.person.seen);
            let chosen_now = entry.person.unchosen && !unchosen;
            if entry.person.key == key && (since > 0 || chosen_now) {
                let (mut person, fresh) = (entry.person.clone(), entry.fresh);
                person.seen = person.seen.max(now);
                person.unchosen &= unchosen;
                self.put(folded.clone(), Entry { person, fresh });
                if since >= DAY || chosen_now {
                    self.news.insert(folded);
                }
            }
            return None;
        }
        let theirs = self.names.values().map(|entry| &entry.person);
        let last = theirs.filter(|person| person.key == key);
        let last = last.max_by_key(|person| person.seen);
        let before = last.map(|person| person.name.clone());
        let person = Person {
            name: name.to_owned(),
            key,
            met: false,
            added: false,
            unchosen,
            seen: now,
        };
        self.news.insert(folded.clone());
        let fresh = true;
        self.put(folded, Entry { person, fresh });
        before
    }

    /// A person sent something to it, or said that this key is the right one: from now on it is.
    pub fn meet(&mut self, name: &str, key: NodeId, unchosen: bool, now: u64) {
        let folded = fold(name);
        let person = Person {
            name: name.to_owned(),
            key,
            met: true,
            added: false,
            unchosen,
            seen: now,
        };
        let known = self.names.get(&folded).map(|entry| &entry.person);
        if known.is_some_and(|known| known.added) {
            return;
        }
        if known.is_some_and(|known| known.key == key && known.met) {
            return;
        }
        self.news.insert(folded.clone());
        let fresh = false;
        self.put(folded, Entry { person, fresh });
    }

    /// A person added another one: from now on this name means this key.
    ///
    /// # Errors
    /// The key that was known for the name, if a person here had to do with it. With `trust_new` it
    /// is replaced.
    pub fn add(
        &mut self,
        name: &str,
        key: NodeId,
        trust_new: bool,
        now: u64,
    ) -> Result<(), NodeId> {
        let folded = fold(name);
        if let Some(known) = self.names.get(&folded).map(|entry| &entry.person)
            && known.key != key
            && known.met
            && !trust_new
        {
            return Err(known.key);
        }
        let person = Person {
            name: name.to_owned(),
            key,
            met: true,
            added: true,
            unchosen: false,
            seen: now,
        };
        self.news.insert(folded.clone());
        let fresh = false;
        self.put(folded, Entry { person, fresh });
        Ok(())
    }

    /// By which name this key was added.
    #[must_use]
    pub fn added(&self, key: &NodeId) -> Option<&str> {
        let folded = self.added.get(key)?;
        Some(self.names.get(folded)?.person.name.as_str())
    }

    /// Whether a person here had to do with the one who has this key: sent it something, or added
    /// it.
    #[must_use]
    pub fn is_friend(&self, key: &NodeId) -> bool {
        let theirs = |entry: &Entry| entry.person.key == *key && entry.person.met;
        self.added.contains_key(key) || self.names.values().any(theirs)
    }

    /// The key that was known for this name, if this one is another and that is worth an alarm: not
    /// when no person chose the name for either.
    #[must_use]
    pub fn changed(&self, name: &str, key: &NodeId, unchosen: bool) -> Option<NodeId> {
        let known = self.known(name)?;
        (known.key != *key && !(known.unchosen && unchosen)).then_some(known.key)
    }

    /// The key that a person here means by this name, if this one is another.
    fn stands_for_another(&self, one: &PresentPerson) -> Option<NodeId> {
        let met = self.known(&one.name).filter(|known| known.met);
        let met = met.map(|known| known.key).filter(|key| *key != one.node);
        met.or_else(|| self.changed(&one.name, &one.node, one.unchosen))
    }

    /// What is remembered of a name.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<&Person> {
        self.names.get(&fold(name)).map(|entry| &entry.person)
    }

    /// Whom a name or (part of) an id means among those who are `here`. A whole id means that key,
    /// whatever anybody is called. A person with a new key is meant only with `trust_new`.
    ///
    /// # Errors
    /// [`WhoError`], when it is not one person, or not the one who was known.
    pub fn find(
        &self,
        who: &str,
        here: &[PresentPerson],
        trust_new: bool,
    ) -> Result<NodeId, WhoError> {
        if let Some(exact) = here.iter().find(|one| one.node.to_string() == who) {
            return Ok(exact.node);
        }
        let folded = fold(who);
        let named = |name: &str| is_name_of(who, name);
        // Another person of that name is not the one who was added.
        if let Some(entry) = self.names.get(&folded).filter(|entry| entry.person.added) {
            let key = entry.person.key;
            let is_here = here.iter().any(|one| one.node == key);
            return is_here.then_some(key).ok_or(WhoError::Nobody);
        }
        let meant = here.iter();
        let meant = meant.filter(|one| named(&one.name) || is_id_of(who, &one.node));
        let mut meant: Vec<&PresentPerson> = meant.collect();
        // Of two with a name that no person chose, the one that came first is not the better one.
        let tells = |entry: &&Entry| !entry.fresh && (entry.person.met || !entry.person.unchosen);
        if meant.len() > 1
            && meant.iter().all(|one| named(&one.name))
            && let Some(entry) = self.names.get(&folded).filter(tells)
            && let Some(one) = meant.iter().find(|one| one.node == entry.person.key)
        {
            meant = vec![one];
        }
        match meant[..] {
            [] => Err(WhoError::Nobody),
            [one] => {
                let another = if named(&one.name) {
                    self.stands_for_another(one)
                } else {
                    self.changed(&one.name, &one.node, one.unchosen)
                };
                match another.filter(|_| !trust_new) {
                    Some(known) => Err(WhoError::NewKey {
                        name: one.name.clone(),
                        known,
                        now: one.node,
                    }),
                    None => Ok(one.node),
                }
            }
            _ => Err(WhoError::Ambiguous(
                meant.iter().map(|one| one.node).collect(),
            )),
        }
    }

    /// Whether a word that was said beforehand means this one: an id, or enough of one, is that key
    /// whatever it is called; a name is meant with the key that goes with it.
    #[must_use]
    pub fn means(&self, who: &str, one: &PresentPerson) -> bool {
        is_id_of(who, &one.node) || self.find(who, std::slice::from_ref(one), false).is_ok()
    }

    /// What is to be written down, if there is anything: some records to add, or (`true`) all of
    /// them in place of what was written.
    pub fn take_news(&mut self) -> Option<(Vec<Person>, bool)> {
        if self.news.is_empty() {
            return None;
        }
        let news = std::mem::take(&mut self.news);
        if self.written + news.len() > 2 * MAX {
            let all: Vec<Person> = self.names.values().map(|e| e.person.clone()).collect();
            self.written = all.len();
            return Some((all, true));
        }
        self.written += news.len();
        let changed = news.iter().filter_map(|name| self.names.get(name));
        Some((changed.map(|entry| entry.person.clone()).collect(), false))
    }

    fn put(&mut self, folded: String, entry: Entry) {
        if self.take(&folded).is_none() {
            self.make_room(&entry.person.key);
        }
        if entry.person.added {
            self.added.insert(entry.person.key, folded.clone());
        }
        if !entry.person.met {
            self.strangers.insert((entry.person.seen, folded.clone()));
            *self.of_key.entry(entry.person.key).or_default() += 1;
        }
        self.names.insert(folded, entry);
    }

    fn take(&mut self, folded: &str) -> Option<Entry> {
        let entry = self.names.remove(folded)?;
        if self
            .added
            .get(&entry.person.key)
            .is_some_and(|name| name == folded)
        {
            self.added.remove(&entry.person.key);
        }
        if !entry.person.met {
            self.strangers
                .remove(&(entry.person.seen, folded.to_owned()));
            if let Some(count) = self.of_key.get_mut(&entry.person.key) {
                *count -= 1;
                if *count == 0 {
                    self.of_key.remove(&entry.person.key);
                }
            }
        }
        Some(entry)
    }

    /// Makes room for a new name of `key`.
    fn make_room(&mut self, key: &NodeId) {
        let own = self.of_key.get(key).copied().unwrap_or(0);
        let victim = if own >= MAX_OF_ONE {
            let theirs = |(_, name): &&(u64, String)| self.names[name].person.key == *key;
            self.strangers.iter().find(theirs).cloned()
        } else if self.names.len() >= MAX {
            let met = || {
                let names = self.names.iter();
                names
                    .map(|(name, entry)| (entry.person.added, entry.person.seen, name.clone()))
                    .min()
                    .map(|(_, seen, name)| (seen, name))
            };
            self.strangers.first().cloned().or_else(met)
        } else {
            None
        };
        if let Some((_, name)) = victim {
            self.take(&name);
            self.news.remove(&name);
        }
    }
}
