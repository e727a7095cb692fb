//! What is known of the others' catalogs.
//!
//! A catalog that has no room here is *cut*: what is read of it stops at some revision, and no more
//! is asked for but what becomes of the names that are known. When there is room again it is read
//! on from there. Invariants: whatever a peer sends, its catalog weighs no more than
//! [`MAX_CATALOG`]; one that was cut counts as complete only when it was read to its end.

use super::{Position, packed::Packed, told::Told};
use crate::{
    core::{id::FileId, path::RelPath},
    wire::{
        MAX_CATALOG_PAGE,
        control::{CatalogEntry, CatalogPage, Held, ReplicaParts, Scan},
    },
};
use std::ops::Range;

/// Bytes, about, that one peer's catalog may take: more than 400,000 names of 50 letters.
pub const MAX_CATALOG: usize = 64 << 20;
/// The same of all peers together.
pub const MAX_CATALOGS: usize = 256 << 20;
/// What each peer may have all the same when others have taken all of that: some hundred names…
pub(super) const FLOOR: usize = 128 << 10;
/// …but less where there are more of them than have this together.
const FLOORS: usize = 64 << 20;
/// Pages in a row after which a catalog is read slowly: twice as many as the largest one has that
/// fits.
pub(super) const MAX_PAGES: u32 = (2 * MAX_CATALOG / super::packed::ROW / MAX_CATALOG_PAGE) as u32;

/// How much more there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Of all catalogs together.
    pub all: usize,
    /// What each may weigh, whatever the others do.
    pub each: usize,
}

impl Room {
    /// Among so many peers whose catalogs weigh so much.
    #[must_use]
    pub fn among(peers: usize, taken: usize) -> Self {
        Self {
            all: MAX_CATALOGS.saturating_sub(taken),
            each: FLOOR.min(FLOORS / peers.max(1)),
        }
    }
}

impl From<usize> for Room {
    fn from(all: usize) -> Self {
        Self { all, each: FLOOR }
    }
}

/// What is known of a peer's catalog.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its page")]
pub struct PeerCatalog {
    epoch: u64,
    /// What was offered up to this revision is known…
    filled: u64,
    /// …and up to this one, at least as far, what became of that.
    heard: u64,
    /// All of it came, and there was room for it.
    complete: bool,
    /// What the first name would weigh for which there was no room.
    cut: Option<usize>,
    /// Though it was cut, it is read on.
    filling: bool,
    offers: Packed,
    /// Names that the node offers, if it says so.
    of: Option<u64>,
    /// Pages that came since the last rest.
    pages: u32,
    /// Of the contents that are looked for, so many were asked for.
    asked_for: usize,
    /// Whether the node keeps replicas.
    keeps: bool,
    /// How far the node is with reading its folder.
    scan: Option<Scan>,
    /// Its name, if it says that nobody chose it.
    unchosen: Option<String>,
    /// Whether it says that it only looks or fetches.
    visiting: bool,
}

impl PeerCatalog {
    /// What to ask for next.
    #[must_use]
    pub fn position(&self) -> Position {
        let only_news = self.hears_only();
        Position {
            epoch: self.epoch,
            since: if only_news { self.heard } else { self.filled },
            until: only_news.then_some(self.filled),
            heard: self.filling.then_some(self.heard),
        }
    }

    /// Whether what is asked for is only what became of the known names.
    fn hears_only(&self) -> bool {
        self.cut.is_some() && !self.filling
    }

    /// Whether a hint of this version means that there is something new.
    #[must_use]
    pub fn is_behind(&self, epoch: u64, revision: u64) -> bool {
        (epoch, revision) != (self.epoch, self.heard)
    }

    /// The life and revision up to which all changes are known that are asked for.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.epoch, self.heard)
    }

    /// Whether the node says that nobody chose this name.
    #[must_use]
    pub fn is_unchosen(&self, name: &str) -> bool {
        self.unchosen.as_deref() == Some(name)
    }

    /// Whether the node only looks or fetches. What offers a folder is no visitor, whatever it
    /// says.
    #[must_use]
    pub fn is_visiting(&self) -> bool {
        self.visiting && self.offers.names()[0] == 0
    }

    /// Whether all of it is known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether all of it is known for which there is room.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.complete || self.hears_only()
    }

    /// Whether some of its names have no room here.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Whether each of its names is known, by its own word.
    #[must_use]
    pub fn knows_all(&self) -> bool {
        self.complete && self.of == Some(self.offers.len() as u64)
    }

    /// For how many of the contents that are looked for it was asked.
    #[must_use]
    pub fn asked_for(&self) -> usize {
        self.asked_for
    }

    /// It was asked for so many, and answers.
    pub fn was_asked_for(&mut self, files: usize) {
        self.asked_for = files;
    }

    /// How far the node is with reading its shared folder; `None` when it is not reading.
    #[must_use]
    pub fn scan(&self) -> Option<Scan> {
        self.scan
    }

    /// Names that are known of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offers.len()
    }

    /// Names that it has by its own word, if it says so.
    #[must_use]
    pub fn of(&self) -> Option<u64> {
        self.of
    }

    /// Bytes that it takes here, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.offers.weight()
    }

    /// What it may weigh when there is `room` for all.
    fn most(&self, room: Room) -> usize {
        let most = self.weight().saturating_add(room.all);
        MAX_CATALOG.min(room.each.max(most))
    }

    /// Whether it was cut and goes on now, with so much room: it is to be asked. Not to be called
    /// while it is.
    pub fn goes_on(&mut self, room: impl Into<Room>) -> bool {
        let most = self.most(room.into());
        self.filling |= self.cut.is_some_and(|lacks| self.weight() + lacks <= most);
        self.filling
    }

    /// Takes in a page that was asked for at [`Self::position`], and no more than `room` bytes of
    /// it. Names that may not become paths are left out.
    pub fn apply(&mut self, page: CatalogPage, room: impl Into<Room>) -> Applied {
        let room = room.into();
        let mut changed = !self.is_told();
        let weight = self.weight();
        let entries = page.entries.iter().chain(&page.holds);
        let mut files: Vec<FileId> = entries.map(|entry| entry.file).collect();
        if page.reset || page.epoch != self.epoch {
            changed |= !self.offers.is_empty();
            files.extend(self.offers.files());
            self.offers = Packed::default();
            (self.filled, self.heard) = (0, 0);
            (self.cut, self.filling, self.complete) = (None, false, false);
            self.asked_for = 0;
        }
        self.epoch = page.epoch;
        changed |= self.scan.is_some() != page.scan.is_some();
        self.scan = page.scan;
        self.keeps = page.keeps;
        self.unchosen = page.unchosen.then_some(page.name);
        self.visiting = page.visiting;
        self.of = page.names;
        let only_news = self.hears_only();
        let before = self.position().since;
        if before == 0 && !only_news {
            // Whatever changes while all is read comes after this.
            self.heard = page.revision;
        }
        let (most, mut read, mut full) = (self.most(room), before, None);
        for entry in page.entries {
            match (RelPath::parse(&entry.name), entry.offer) {
                (Ok(name), Some(offer)) if name.as_str() == entry.name => {
                    if self.offers.change(&entry.name, entry.file, &offer) {
                        changed = true;
                    } else if !only_news {
                        let cost = self.offers.cost(&entry.name, entry.file, &offer.media);
                        if self.weight() + cost > most {
                            full = Some(cost);
                            break;
                        }
                        self.offers.add(&entry.name, entry.file, &offer);
                        changed = true;
                    }
                }
                (_, None) => changed |= self.offers.remove(&entry.name, entry.file),
                _ => {}
            }
            read = read.max(entry.revision);
        }
        if full.is_none() {
            read = read.max(page.through.unwrap_or_default());
            if !page.more {
                read = page.revision;
            }
        }
        for entry in page.holds {
            changed |= self.holds(entry, most);
        }
        self.heard = self.heard.max(read);
        if !only_news {
            self.filled = read;
        }
        let all = page.names == Some(self.offers.len() as u64);
        if full.is_some() {
            changed |= self.cut.is_none();
            (self.cut, self.filling, self.complete) = (full, false, false);
        } else if !page.more && (all || !only_news) {
            (self.cut, self.filling, self.complete) = (None, false, true);
            self.filled = read;
        }
        self.pages += 1;
        let leads_on = full.is_some() || !page.more || read > before;
        Applied {
            changed,
            next: if leads_on && self.pages <= MAX_PAGES {
                let left = most.saturating_sub(self.weight());
                let left = Room { all: left, ..room };
                self.next(page.more && full.is_none(), page.revision, left)
            } else {
                Next::Later
            },
            freed: self.weight() < weight,
            files,
        }
    }

    /// Takes in what was asked for by its contents, if there is room. True when it was not known.
    fn holds(&mut self, entry: CatalogEntry, most: usize) -> bool {
        let (name, file) = (&entry.name, entry.file);
        let valid = RelPath::parse(name).is_ok_and(|path| path.as_str() == name);
        let Some(offer) = entry.offer.filter(|_| valid) else {
            return false;
        };
        if self.offers.get(name, file) == Some(Told::from(&offer)) {
            return false;
        }
        if self.offers.change(name, file, &offer) {
            return true;
        }
        let fits = self.weight() + self.offers.cost(name, file, &offer.media) <= most;
        if fits {
            self.offers.add(name, file, &offer);
        }
        fits
    }

    fn next(&mut self, more: bool, newest: u64, left: Room) -> Next {
        let behind = self.hears_only() && self.heard < newest;
        if more || behind || self.goes_on(left) {
            return Next::Now;
        }
        self.pages = 0;
        Next::Nothing
    }

    /// How many names stand for something that the peer's own user has all of.
    #[must_use]
    pub fn own_names(&self) -> u32 {
        let [shared, fetched, ..] = self.offers.names();
        shared + fetched
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        self.offers.iter()
    }

    /// Some of them, by number; what goes meanwhile changes the numbers of others.
    pub fn part(&self, rows: Range<usize>) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        self.offers.part(rows)
    }

    /// The offer of `file` under `name`.
    #[must_use]
    pub fn get(&self, name: &str, file: FileId) -> Option<Told<'_>> {
        self.offers.get(name, file)
    }

    /// How much of `file` this peer has, under whatever name. A replica of all of it is as good as
    /// a fetched file.
    #[must_use]
    pub fn held(&self, file: FileId) -> Option<Held> {
        let [shared, fetched, partial, part, whole] = self.offers.names_of_file(file)?;
        [
            (shared, Held::Shared),
            (fetched + whole, Held::Fetched),
            (partial, Held::Partial),
            (part, Held::Replica),
        ]
        .into_iter()
        .find_map(|(count, held)| (count > 0).then_some(held))
    }

    /// Whether the peer has all of `file` for its own user.
    #[must_use]
    pub fn offers_own(&self, file: FileId) -> bool {
        let names = self.offers.names_of_file(file);
        names.is_some_and(|[shared, fetched, ..]| shared + fetched > 0)
    }

    /// Whether the peer has all of `file` otherwise than as a download, which its user may delete
    /// at any time.
    #[must_use]
    pub fn lasts(&self, file: FileId) -> bool {
        let names = self.offers.names_of_file(file);
        names.is_some_and(|[shared, _, _, _, whole]| shared + whole > 0)
    }

    /// How much of `file` this peer keeps as a replica.
    #[must_use]
    pub fn parts(&self, file: FileId) -> Option<ReplicaParts> {
        self.offers.parts(file)
    }

    /// The names that `file` goes by here.
    pub fn names_of(&self, file: FileId) -> impl Iterator<Item = (&str, Told<'_>)> {
        self.offers.of_file(file)
    }

    /// Whether the peer keeps replicas.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.keeps
    }
}

/// What became of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// Something is known that was not.
    pub changed: bool,
    /// Whether to ask on.
    pub next: Next,
    /// It takes less room than before.
    pub freed: bool,
    /// The files that it may be about.
    pub files: Vec<FileId>,
}

/// Whether there is more to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// No more for now.
    Nothing,
    /// Another page.
    Now,
    /// The same, but this peer does not get on: slowly.
    Later,
}

#[cfg(test)]
mod tests;
