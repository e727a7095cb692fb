//! Catalogs: this node's own, with its history; what is known of the others' is in [`theirs`].
//!
//! Invariants: revisions only grow; the history holds each `(name, file)` once, at its latest
//! change; what is offered lies packed, like what others offer, and the history has its rows.

mod listing;
mod meaning;
mod own;
mod packed;
mod sought;
#[cfg(test)]
mod tests;
mod theirs;
mod told;

pub use listing::{Offering, Pattern, is_id, listings, rows};
pub use meaning::{Meaning, labelled, mark_older, meaning};
use sought::Fit;
pub use sought::Sought;
#[cfg(test)]
pub use theirs::MAX_CATALOGS;
pub use theirs::{Applied, Next, PeerCatalog, Room};
pub use told::Told;

use crate::{
    core::{ascending::Ascending, id::FileId, path::RelPath},
    wire::{
        MAX_CATALOG_PAGE,
        control::{CatalogEntry, CatalogPage, Offer, Scan},
    },
};
use own::{Change, Removals, of_user};
use packed::Packed;
use std::{collections::HashMap, ops::Range};

/// Removals that are remembered; a peer that knows less starts anew.
const MAX_REMOVALS: usize = 10_000;
/// Changes that are looked at for one page.
const LOOK: usize = 8192;
/// With no more names than a page has, all are told to who fetches some of them.
const FEW: usize = MAX_CATALOG_PAGE;
/// Names that only end like a sought one, of one page.
const BESIDE: usize = 32;
/// Names of the same contents that are looked at for the one that tells most.
const NAMES: usize = 64;
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
    offers: Packed,
    /// The latest revision of each row…
    revisions: Vec<u64>,
    /// …and the rows by these.
    log: Ascending<u32>,
    /// With which revision a name came, when that is not its latest: by its latest.
    born: HashMap<u64, u64>,
    removals: Removals,
    /// Names that stand for something of this node's own user, and the bytes behind them.
    of_user: (u64, u64),
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
            offers: Packed::default(),
            revisions: Vec::new(),
            log: Ascending::default(),
            born: HashMap::new(),
            removals: Removals::default(),
            of_user: (0, 0),
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
    /// anything; it does not when there are more names than can be numbered.
    pub fn set(&mut self, name: &RelPath, file: FileId, offer: Option<Offer>) -> bool {
        let name = name.as_str();
        let row = self.offers.position(name, file);
        let before = row.map(|row| self.offers.at(row).2);
        let after = offer.as_ref().map(Told::from);
        // What was withdrawn, or never offered, is not withdrawn again.
        if before == after || (row.is_none() && self.offers.is_full(name)) {
            return false;
        }
        let (names, bytes) = self.of_user;
        let (fewer, more) = (of_user(before), of_user(after));
        self.of_user = (names - fewer.0 + more.0, bytes - fewer.1 + more.1);
        self.revision += 1;
        let born = match row {
            Some(row) => Some(self.end(row)),
            None => self.removals.take(name, file),
        };
        match (row, offer) {
            (Some(row), Some(offer)) => {
                self.offers.change_at(row, &offer);
                self.begin(row, born);
            }
            (None, Some(offer)) => {
                self.offers.add(name, file, &offer);
                if self.revisions.len() == self.revisions.capacity() {
                    // Doubling would leave half of them empty.
                    self.revisions
                        .reserve_exact((self.revisions.len() / 8).max(64));
                }
                self.revisions.push(self.revision);
                self.begin(self.revisions.len() as u32 - 1, born);
            }
            (Some(row), None) => {
                self.take_out(row);
                let born = born.unwrap_or(self.revision);
                self.removals.add(self.revision, name, file, born);
                if self.removals.len() > MAX_REMOVALS {
                    self.forgotten = self.revision;
                    self.removals = Removals::default();
                }
            }
            (None, None) => {}
        }
        true
    }

    /// Takes what was said of a row out of the history; gives the revision that its name came with.
    fn end(&mut self, row: u32) -> u64 {
        let revision = self.revisions[row as usize];
        self.log.remove(revision);
        self.born.remove(&revision).unwrap_or(revision)
    }

    /// What a row says is said from this revision on.
    fn begin(&mut self, row: u32, born: Option<u64>) {
        self.revisions[row as usize] = self.revision;
        self.log.push(self.revision, row);
        if let Some(born) = born {
            self.born.insert(self.revision, born);
        }
    }

    /// Takes out a row that is in the history no longer.
    fn take_out(&mut self, row: u32) {
        self.offers.remove_at(row);
        self.revisions.swap_remove(row as usize);
        let moved = self.revisions.get(row as usize);
        if let Some(at) = moved.and_then(|revision| self.log.get_mut(*revision)) {
            *at = row;
        }
    }

    /// The offer of `file` under `name`.
    #[must_use]
    pub fn get(&self, name: &str, file: FileId) -> Option<Told<'_>> {
        self.offers.get(name, file)
    }

    /// Whether all of `file` is here, under whatever name.
    #[must_use]
    pub fn has_whole(&self, file: FileId) -> bool {
        let names = self.offers.names_of_file(file);
        names.is_some_and(|[shared, fetched, _, _, replica]| shared + fetched + replica > 0)
    }

    /// Whether all of `file` is here for this node's own user, as shared or downloaded.
    #[must_use]
    pub fn is_own(&self, file: FileId) -> bool {
        let names = self.offers.names_of_file(file);
        names.is_some_and(|[shared, fetched, ..]| shared + fetched > 0)
    }

    /// Whether `file` lies in the shared folder.
    #[must_use]
    pub fn is_shared(&self, file: FileId) -> bool {
        let names = self.offers.names_of_file(file);
        names.is_some_and(|[shared, ..]| shared > 0)
    }

    /// How many different files lie in the shared folder.
    #[must_use]
    pub fn shared_contents(&self) -> u64 {
        let files = self.offers.files();
        files.filter(|file| self.is_shared(*file)).count() as u64
    }

    /// How many names stand for something of this node's own user, and the bytes behind them.
    #[must_use]
    pub fn of_user(&self) -> (u64, u64) {
        self.of_user
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offers.len()
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        self.offers.iter()
    }

    /// Some of them, by number; what goes meanwhile changes the numbers of others.
    pub fn part(&self, rows: Range<usize>) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        self.offers.part(rows)
    }

    /// The latest change of each name after a revision, in their order; of those that are offered
    /// only `some`, which are revisions with their rows.
    fn changes<'a>(
        &'a self,
        since: u64,
        some: Option<Vec<(u64, u32)>>,
    ) -> impl Iterator<Item = Change<'a>> {
        let here: Box<dyn Iterator<Item = (u64, u32)> + 'a> = match some {
            Some(some) => Box::new(some.into_iter()),
            None => Box::new(self.log.after(since).map(|(at, row)| (at, *row))),
        };
        let mut here = here.peekable();
        let mut gone = self.removals.after(since).peekable();
        std::iter::from_fn(move || {
            let next = here.peek().map(|(revision, _)| *revision);
            if gone
                .peek()
                .is_some_and(|gone| next.is_none_or(|next| gone.revision < next))
            {
                return gone.next();
            }
            let (revision, row) = here.next()?;
            let (name, file, told) = self.offers.at(row);
            Some(Change {
                revision,
                name,
                file,
                told: Some(told),
                born: self.born.get(&revision).copied().unwrap_or(revision),
            })
        })
    }

    /// The names of a long history that are sought, with the revisions of their latest changes, in
    /// their order; `None` when the history is better gone through.
    fn found(&self, since: u64, sought: &Sought) -> Option<Vec<(u64, u32)>> {
        if self.revision - since <= LOOK as u64 {
            return None;
        }
        let fits = |name: &str, file| sought.look(name, file).0 != Fit::No;
        let rows = self.offers.search(&sought.keys()?, fits)?;
        let rows = rows.into_iter();
        let rows = rows.map(|row| (self.revisions[row as usize], row));
        let mut found: Vec<(u64, u32)> = rows.filter(|(at, _)| *at > since).collect();
        found.sort_unstable();
        Some(found)
    }

    /// Of each of these contents that are offered the name that tells most of them.
    fn holds(&self, files: &[FileId]) -> Vec<CatalogEntry> {
        let best = |file: &FileId| {
            let rows = self.offers.rows_of(*file).take(NAMES);
            let row = rows.min_by_key(|row| {
                let told = self.offers.at(*row).2;
                (!told.is_whole(), told.held as u8)
            })?;
            let (name, file, told) = self.offers.at(row);
            Some(CatalogEntry {
                revision: self.revisions[row as usize],
                name: name.to_owned(),
                file,
                offer: Some(told.offer()),
            })
        };
        files.iter().filter_map(best).collect()
    }

    /// The changes that are asked for, as many as fit a page.
    #[must_use]
    pub fn page(&self, from: &Position) -> CatalogPage {
        self.page_of(from, None)
    }

    /// The same of those whose names are sought.
    #[must_use]
    pub fn page_of(&self, from: &Position, sought: Option<&Sought>) -> CatalogPage {
        self.page_by(from, sought, true)
    }

    /// Whether much of the history is asked for.
    #[must_use]
    pub fn is_far(&self, from: &Position) -> bool {
        let known = from.epoch == self.epoch && from.since <= self.revision;
        self.revision - if known { from.since } else { 0 } > LOOK as u64
    }

    /// Looks on for what is sought, from where a page ended. False when there is no more, or no more
    /// room in it.
    pub fn look_on(&self, page: &mut CatalogPage, from: &Position, sought: &Sought) -> bool {
        let Some(since) = page.through.filter(|_| page.more) else {
            return false;
        };
        let heard = from.heard.filter(|_| !page.reset);
        let from = Position {
            epoch: page.epoch,
            since,
            heard,
            ..*from
        };
        let next = self.page_by(&from, Some(sought), false);
        let bytes = |page: &CatalogPage| {
            let entries = page.entries.iter();
            entries.map(|entry| entry.name.len() + 128).sum::<usize>()
        };
        let fits = page.entries.len() + next.entries.len() <= MAX_CATALOG_PAGE
            && bytes(page) + bytes(&next) <= PAGE_BYTES;
        if next.reset || !fits {
            return false; // The next question begins there.
        }
        let entries = std::mem::take(&mut page.entries);
        let reset = page.reset;
        *page = CatalogPage { reset, ..next };
        page.entries.splice(0..0, entries);
        page.more
    }

    fn page_by(&self, from: &Position, sought: Option<&Sought>, search: bool) -> CatalogPage {
        let heard = from.since.max(from.heard.unwrap_or_default());
        let reset = from.epoch != self.epoch
            || heard > self.revision
            || (from.since > 0 && heard < self.forgotten);
        let (since, until) = if reset {
            (0, None)
        } else {
            (from.since, from.until)
        };
        let sought = sought.filter(|sought| !sought.fetches() || self.offers.len() > FEW);
        let some = sought.filter(|_| search && until.is_none());
        let some = some.and_then(|sought| self.found(since, sought));
        let (mut entries, mut bytes, mut more, mut through) = (Vec::new(), 0, false, since);
        let (mut steps, mut beside) = (0, 0);
        for (looked, change) in self.changes(since, some).enumerate() {
            let revision = change.revision;
            if (until.is_some() && looked == LOOK) || steps >= sought::STEPS {
                more = true;
                break;
            }
            let (fit, cost) = sought.map_or((Fit::Yes, 0), |sought| {
                sought.look(change.name, change.file)
            });
            steps += cost;
            beside += usize::from(fit == Fit::Beside);
            if until.is_some_and(|until| change.born > until)
                || (since == 0 && change.told.is_none())
                || fit == Fit::No
                || (fit == Fit::Beside && beside > BESIDE)
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
                offer: change.told.map(Told::offer),
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
            names: Some(self.offers.len() as u64),
            entries,
            scan: self.scan,
            holds: sought.map_or_else(Vec::new, |sought| self.holds(sought.files())),
        }
    }
}
