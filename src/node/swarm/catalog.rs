//! Catalogs: this node's own, with its history; what is known of the others' is in [`theirs`].
//!
//! Invariants: revisions only grow; the history holds each `(name, file)` once, at its latest
//! change.

mod listing;
mod meaning;
mod own;
mod packed;
mod sought;
#[cfg(test)]
mod tests;
mod theirs;
mod told;

pub use listing::{Offering, Pattern, is_id, listings};
pub use meaning::{Meaning, labelled, mark_older, meaning};
pub use sought::Sought;
#[cfg(test)]
pub use theirs::MAX_CATALOGS;
pub use theirs::{Applied, Next, PeerCatalog, Room};
pub use told::Told;

use crate::{
    core::{ascending::Ascending, id::FileId, path::RelPath, tags::Tags},
    wire::{
        MAX_CATALOG_PAGE,
        control::{CatalogEntry, CatalogPage, Offer, Scan},
    },
};
use own::{Change, Kept, Own, Types, of_user};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// Removals that are remembered; a peer that knows less starts anew.
const MAX_REMOVALS: usize = 10_000;
/// Changes that are looked at for one page.
const LOOK: usize = 8192;
/// Bytes of names in one page, so that a page of long names still fits a response.
const PAGE_BYTES: usize = 256 << 10;

/// From where a catalog is asked for, in its life `epoch`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// See [`Request::Catalog`].
    ///
    /// [`Request::Catalog`]: crate::wire::control::Request::Catalog
    pub epoch: u64,
    /// What is wanted comes after this revision.
    pub since: u64,
    /// Only what became of names that were there by then.
    pub until: Option<u64>,
    /// Withdrawals up to this one are known.
    pub heard: Option<u64>,
}

/// What this node offers, as a log of changes.
#[derive(Debug)]
pub struct OwnCatalog {
    name: String,
    keeps: bool,
    unchosen: bool,
    visiting: bool,
    epoch: u64,
    revision: u64,
    log: Ascending<Change>,
    types: Types,
    /// The revisions of the names, which are in the log.
    latest: Tags,
    own: HashMap<FileId, Own>,
    /// Names that stand for something of this node's own user, and the bytes behind them.
    of_user: (u64, u64),
    /// Of this node alone, so that nobody can choose names that collide.
    hasher: RandomState,
    removals: usize,
    /// Removals up to this revision are forgotten.
    forgotten: u64,
    scan: Option<Scan>,
}

impl OwnCatalog {
    /// An empty catalog of the node called `name`, in its life `epoch`; `keeps` tells whether it
    /// keeps replicas.
    #[must_use]
    pub fn new(name: String, epoch: u64, keeps: bool) -> Self {
        Self {
            name,
            keeps,
            unchosen: false,
            visiting: false,
            epoch,
            revision: 0,
            log: Ascending::default(),
            types: Types::default(),
            latest: Tags::default(),
            own: HashMap::new(),
            of_user: (0, 0),
            hasher: RandomState::new(),
            removals: 0,
            forgotten: 0,
            scan: None,
        }
    }

    /// How far the shared folder is read, for the others; `None` when it is. A change with `news`
    /// is a revision of its own.
    pub fn set_scan(&mut self, scan: Option<Scan>, news: bool) {
        self.scan = scan;
        self.revision += u64::from(news);
    }

    /// Its node is called so from now on, since somebody chose that.
    pub fn rename(&mut self, name: String) {
        self.name = name;
        self.unchosen = false;
        self.revision += 1;
    }

    /// Whether its node keeps replicas from now on.
    pub fn set_keeps(&mut self, keeps: bool) {
        if self.keeps != keeps {
            self.keeps = keeps;
            self.revision += 1;
        }
    }

    /// The same, which says of itself whether nobody chose its name, and whether its node only
    /// looks or fetches.
    #[must_use]
    pub fn with(mut self, unchosen: bool, visiting: bool) -> Self {
        (self.unchosen, self.visiting) = (unchosen, visiting);
        self
    }

    /// Its life and newest revision.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.epoch, self.revision)
    }

    /// Offers, changes or (with `None`) withdraws a name with its contents. True when that changed
    /// anything.
    pub fn set(&mut self, name: &RelPath, file: FileId, offer: Option<Offer>) -> bool {
        let at = self.revision_of(name.as_str(), file);
        let last = at.and_then(|at| self.log.get(at));
        let before = last.and_then(Change::told);
        let after = offer.as_ref().map(Told::from);
        if before == after {
            return false;
        }
        let own = self.own.entry(file).or_default();
        if let Some(count) = before.and_then(|told| own.count(told.held)) {
            *count -= 1;
        }
        if let Some(count) = after.and_then(|told| own.count(told.held)) {
            *count += 1;
        }
        let (names, bytes) = self.of_user;
        let (fewer, more) = (of_user(before), of_user(after));
        self.of_user = (names - fewer.0 + more.0, bytes - fewer.1 + more.1);
        own.whole -= u32::from(before.is_some_and(Told::is_whole));
        own.whole += u32::from(after.is_some_and(Told::is_whole));
        if !own.is_of_user() && own.whole == 0 {
            self.own.remove(&file);
        }
        self.revision += 1;
        let tag = self.tag(name.as_str(), file);
        let mut born = self.revision;
        if let Some(at) = at
            && let Some(last) = self.log.remove(at)
        {
            self.latest.remove(tag, at);
            born = last.born;
            self.removals -= usize::from(last.kept.is_none());
        }
        self.removals += usize::from(offer.is_none());
        self.latest.add(tag, self.revision);
        let change = Change {
            name: name.as_str().into(),
            file,
            kept: offer.map(|offer| Kept::of(&offer, &mut self.types)),
            born,
        };
        self.log.push(self.revision, change);
        if self.removals > MAX_REMOVALS {
            self.forget_removals();
        }
        true
    }

    fn forget_removals(&mut self) {
        self.forgotten = self.revision;
        self.log.retain(|change| change.kept.is_some());
        let log = &self.log;
        self.latest.retain(|at| log.get(at).is_some());
        self.removals = 0;
    }

    /// The offer of `file` under `name`.
    #[must_use]
    pub fn get(&self, name: &str, file: FileId) -> Option<Told<'_>> {
        let revision = self.revision_of(name, file)?;
        self.log.get(revision)?.told()
    }

    fn tag(&self, name: &str, file: FileId) -> u32 {
        self.hasher.hash_one((name, file)) as u32
    }

    /// The revision of the latest change of a name.
    fn revision_of(&self, name: &str, file: FileId) -> Option<u64> {
        let is = |at: &u64| {
            let change = self.log.get(*at);
            change.is_some_and(|change| &*change.name == name && change.file == file)
        };
        self.latest.find(self.tag(name, file)).find(is)
    }

    /// Whether all of `file` is here, under whatever name.
    #[must_use]
    pub fn has_whole(&self, file: FileId) -> bool {
        self.own.get(&file).is_some_and(|own| own.whole > 0)
    }

    /// Whether all of `file` is here for this node's own user, as shared or downloaded.
    #[must_use]
    pub fn is_own(&self, file: FileId) -> bool {
        self.own.get(&file).is_some_and(Own::is_of_user)
    }

    /// Whether `file` lies in the shared folder.
    #[must_use]
    pub fn is_shared(&self, file: FileId) -> bool {
        self.own.get(&file).is_some_and(|own| own.shared > 0)
    }

    /// How many different files lie in the shared folder.
    #[must_use]
    pub fn shared_contents(&self) -> u64 {
        self.own.values().filter(|own| own.shared > 0).count() as u64
    }

    /// How many names stand for something of this node's own user, and the bytes behind them.
    #[must_use]
    pub fn of_user(&self) -> (u64, u64) {
        self.of_user
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        let each = self.log.iter();
        each.filter_map(|(_, change)| Some((&*change.name, change.file, change.told()?)))
    }

    /// The changes that are asked for, as many as fit a page.
    #[must_use]
    pub fn page(&self, from: &Position) -> CatalogPage {
        self.page_of(from, None)
    }

    /// The same of those whose names are sought.
    #[must_use]
    pub fn page_of(&self, from: &Position, sought: Option<&Sought>) -> CatalogPage {
        let heard = from.since.max(from.heard.unwrap_or_default());
        let reset = from.epoch != self.epoch
            || heard > self.revision
            || (from.since > 0 && heard < self.forgotten);
        let (since, until) = if reset {
            (0, None)
        } else {
            (from.since, from.until)
        };
        let (mut entries, mut bytes, mut more, mut through) = (Vec::new(), 0, false, since);
        let mut steps = 0;
        for (looked, (revision, change)) in self.log.after(since).enumerate() {
            if (until.is_some() && looked == LOOK) || steps >= sought::STEPS {
                more = true;
                break;
            }
            steps += sought.map_or(0, |sought| sought.steps(&change.name));
            if until.is_some_and(|until| change.born > until)
                || (since == 0 && change.kept.is_none())
                || sought.is_some_and(|sought| !sought.matches(&change.name, change.file))
            {
                // Not what is asked for; and nobody who starts from nothing needs to hear what was
                // withdrawn.
                through = revision;
                continue;
            }
            bytes += change.name.len() + 128;
            if entries.len() == MAX_CATALOG_PAGE || bytes > PAGE_BYTES {
                more = true;
                break;
            }
            through = revision;
            entries.push(CatalogEntry {
                revision,
                name: change.name.to_string(),
                file: change.file,
                offer: change.told().map(Told::offer),
            });
        }
        CatalogPage {
            name: self.name.clone(),
            keeps: self.keeps,
            unchosen: self.unchosen,
            visiting: self.visiting,
            epoch: self.epoch,
            revision: self.revision,
            reset,
            more,
            through: (until.is_some() || sought.is_some()).then_some(through),
            names: Some((self.log.len() - self.removals) as u64),
            entries,
            scan: self.scan,
        }
    }
}
