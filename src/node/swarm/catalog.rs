//! Catalogs: this node's own, with its history, and what is known of the others'.
//!
//! Invariants: revisions only grow; the own catalog's history holds each `(name, file)` once, at its latest change; a
//! peer's catalog never has more than [`MAX_OFFERS`] entries, and comes to an end, whatever it sends.

mod listing;
mod meaning;
#[cfg(test)]
mod tests;

pub use listing::{Offering, Pattern, is_id, listings};
pub use meaning::{Meaning, labelled, mark_older, meaning};

use crate::{
    core::{id::FileId, path::RelPath},
    wire::{
        MAX_CATALOG_PAGE, MAX_PATH,
        control::{CatalogEntry, CatalogPage, Held, Offer, Parts, Scan},
    },
};
use std::collections::{BTreeMap, HashMap};

/// Entries that are remembered of one peer's catalog.
pub const MAX_OFFERS: usize = 100_000;
/// Bytes, about, that all peers' catalogs together may take.
pub const MAX_CATALOGS: usize = 256 << 20;
/// What each peer may have all the same when others have taken all of that: some hundred names.
const FLOOR: usize = 128 << 10;
/// What an entry takes besides its name, about.
const ENTRY: usize = 300;
/// Pages of one catalog in a row: twice what the largest honest catalog has.
const MAX_PAGES: u32 =
    2 * (MAX_OFFERS + MAX_REMOVALS) as u32 / (PAGE_BYTES / (MAX_PATH + 128)) as u32;
/// Removals that are remembered; whoever knows less starts anew.
const MAX_REMOVALS: usize = 10_000;
/// Bytes of names in one page, so that a page of long names still fits a response.
const PAGE_BYTES: usize = 256 << 10;

type Key = (String, FileId);

/// How many names stand for a content of this node's own user.
#[derive(Debug, Default)]
struct Own {
    shared: u32,
    fetched: u32,
}

impl Own {
    fn count(&mut self, held: Held) -> Option<&mut u32> {
        match held {
            Held::Shared => Some(&mut self.shared),
            Held::Fetched => Some(&mut self.fetched),
            Held::Partial | Held::Replica => None,
        }
    }
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
    log: BTreeMap<u64, (Key, Option<Offer>)>,
    latest: HashMap<Key, u64>,
    /// How many names stand for each content of which all is here.
    whole: HashMap<FileId, u32>,
    own: HashMap<FileId, Own>,
    removals: usize,
    /// Removals up to this revision are forgotten.
    forgotten: u64,
    scan: Option<Scan>,
}

impl OwnCatalog {
    /// An empty catalog of the node called `name`, in its life `epoch`; `keeps` tells whether it keeps replicas.
    #[must_use]
    pub fn new(name: String, epoch: u64, keeps: bool) -> Self {
        Self {
            name,
            keeps,
            unchosen: false,
            visiting: false,
            epoch,
            revision: 0,
            log: BTreeMap::new(),
            latest: HashMap::new(),
            whole: HashMap::new(),
            own: HashMap::new(),
            removals: 0,
            forgotten: 0,
            scan: None,
        }
    }

    /// How far the shared folder is read, for the others; `None` when it is. A change with `news` is a revision of its own.
    pub fn set_scan(&mut self, scan: Option<Scan>, news: bool) {
        self.scan = scan;
        self.revision += u64::from(news);
    }

    /// The same, which says of itself whether nobody chose its name, and whether its node only looks or fetches.
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

    /// Offers, changes or (with `None`) withdraws a name with its contents. True when that changed anything.
    pub fn set(&mut self, name: &RelPath, file: FileId, offer: Option<Offer>) -> bool {
        let key = (name.as_str().to_owned(), file);
        let before = self
            .latest
            .get(&key)
            .and_then(|at| self.log.get(at))
            .and_then(|(_, offer)| offer.as_ref());
        if before == offer.as_ref() {
            return false;
        }
        let (old, new) = (
            before.map(|offer| offer.held),
            offer.as_ref().map(|offer| offer.held),
        );
        let own = self.own.entry(file).or_default();
        if let Some(count) = old.and_then(|held| own.count(held)) {
            *count -= 1;
        }
        if let Some(count) = new.and_then(|held| own.count(held)) {
            *count += 1;
        }
        if own.shared + own.fetched == 0 {
            self.own.remove(&file);
        }
        if before.is_some_and(Offer::is_whole)
            && let Some(names) = self.whole.get_mut(&file)
        {
            *names -= 1;
            if *names == 0 {
                self.whole.remove(&file);
            }
        }
        if offer.as_ref().is_some_and(Offer::is_whole) {
            *self.whole.entry(file).or_default() += 1;
        }
        if let Some((_, None)) = self.latest.get(&key).and_then(|at| self.log.remove(at)) {
            self.removals -= 1;
        }
        self.revision += 1;
        self.removals += usize::from(offer.is_none());
        self.latest.insert(key.clone(), self.revision);
        self.log.insert(self.revision, (key, offer));
        if self.removals > MAX_REMOVALS {
            self.forget_removals();
        }
        true
    }

    fn forget_removals(&mut self) {
        self.forgotten = self.revision;
        self.log.retain(|_, (_, offer)| offer.is_some());
        let log = &self.log;
        self.latest.retain(|_, at| log.contains_key(at));
        self.removals = 0;
    }

    /// The offer of `file` under `name`.
    #[must_use]
    pub fn get(&self, name: &str, file: FileId) -> Option<&Offer> {
        let revision = self.latest.get(&(name.to_owned(), file))?;
        self.log.get(revision)?.1.as_ref()
    }

    /// Whether all of `file` is here, under whatever name.
    #[must_use]
    pub fn has_whole(&self, file: FileId) -> bool {
        self.whole.contains_key(&file)
    }

    /// Whether all of `file` is here for this node's own user, as shared or downloaded.
    #[must_use]
    pub fn is_own(&self, file: FileId) -> bool {
        self.own.contains_key(&file)
    }

    /// Whether `file` lies in the shared folder.
    #[must_use]
    pub fn is_shared(&self, file: FileId) -> bool {
        self.own.get(&file).is_some_and(|own| own.shared > 0)
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = (&str, FileId, &Offer)> {
        self.log
            .values()
            .filter_map(|((name, file), offer)| Some((name.as_str(), *file, offer.as_ref()?)))
    }

    /// The changes after `since` of the life `epoch`, as many as fit a page.
    #[must_use]
    pub fn page(&self, epoch: u64, since: u64) -> CatalogPage {
        let reset =
            epoch != self.epoch || since > self.revision || (since > 0 && since < self.forgotten);
        let since = if reset { 0 } else { since };
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        for (&revision, ((name, file), offer)) in self.log.range(since + 1..) {
            if since == 0 && offer.is_none() {
                continue; // Nobody who starts from nothing needs to hear what was withdrawn.
            }
            bytes += name.len() + 128;
            if entries.len() == MAX_CATALOG_PAGE || bytes > PAGE_BYTES {
                more = true;
                break;
            }
            entries.push(CatalogEntry {
                revision,
                name: name.clone(),
                file: *file,
                offer: offer.clone(),
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
            entries,
            scan: self.scan,
        }
    }
}

/// What is known of a peer's catalog.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its page")]
pub struct PeerCatalog {
    epoch: u64,
    /// The last revision that is known.
    known: u64,
    /// All of it came at least once.
    complete: bool,
    offers: HashMap<Key, Offer>,
    /// How many names each content goes by: shared, fetched, partial, a part as replica, all of it as replica.
    holds: HashMap<FileId, Holds>,
    /// Bytes, about.
    weight: usize,
    /// Pages that came since the last end.
    pages: u32,
    /// Whether the node keeps replicas.
    keeps: bool,
    /// How far the node is with reading its folder.
    scan: Option<Scan>,
    /// There was no room for some of its names.
    cut: bool,
    /// Its name, if it says that nobody chose it.
    unchosen: Option<String>,
    /// Whether it says that it only looks or fetches.
    visiting: bool,
}

#[derive(Debug, Default)]
struct Holds {
    names: [u32; 5],
    /// How much of it is a replica.
    parts: Option<Parts>,
}

/// Where `holds` counts an offer.
fn kind(offer: &Offer) -> usize {
    match offer.held {
        Held::Replica if offer.is_whole() => 4,
        held => held as usize,
    }
}

impl PeerCatalog {
    /// What to ask for next: `(epoch, since)`.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        (self.epoch, self.known)
    }

    /// Whether a hint of this version means that there is something new.
    #[must_use]
    pub fn is_behind(&self, epoch: u64, revision: u64) -> bool {
        (epoch, revision) != (self.epoch, self.known)
    }

    /// Whether the node says that nobody chose this name.
    #[must_use]
    pub fn is_unchosen(&self, name: &str) -> bool {
        self.unchosen.as_deref() == Some(name)
    }

    /// Whether the node only looks or fetches. What offers a folder is no visitor, whatever it says.
    #[must_use]
    pub fn is_visiting(&self) -> bool {
        self.visiting && self.holds.values().all(|holds| holds.names[0] == 0)
    }

    /// Whether all of it came at least once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// How far the node is with reading its shared folder; `None` when it is not reading.
    #[must_use]
    pub fn scan(&self) -> Option<Scan> {
        self.scan
    }

    /// Whether some of its names had no room here.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Names that are known of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offers.len()
    }

    /// Bytes that it takes here, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Takes in a page, and no more than `room` bytes of it. Names that may not become paths are left out.
    pub fn apply(&mut self, page: CatalogPage, room: usize) -> Applied {
        let mut changed = !self.complete;
        let mut files: Vec<FileId> = page.entries.iter().map(|entry| entry.file).collect();
        if page.reset || page.epoch != self.epoch {
            changed |= !self.offers.is_empty();
            files.extend(self.holds.keys());
            self.offers.clear();
            self.holds.clear();
            self.weight = 0;
            self.known = 0;
            self.cut = false;
        }
        self.epoch = page.epoch;
        changed |= self.scan.is_some() != page.scan.is_some();
        self.scan = page.scan;
        self.keeps = page.keeps;
        self.unchosen = page.unchosen.then_some(page.name);
        self.visiting = page.visiting;
        let (before, most) = (self.known, FLOOR.max(self.weight.saturating_add(room)));
        for entry in page.entries {
            self.known = self.known.max(entry.revision);
            match (RelPath::parse(&entry.name), entry.offer) {
                (Ok(name), Some(offer)) if name.as_str() == entry.name => {
                    changed |= self.insert(entry.name, entry.file, offer, most);
                }
                (_, None) => changed |= self.remove(&entry.name, entry.file),
                _ => {}
            }
        }
        self.pages += 1;
        // A page that leads nowhere would be asked for, and come, for ever; so would the next of endlessly many.
        let more = page.more && self.known > before && self.pages < MAX_PAGES;
        if !more {
            self.known = page.revision;
            self.complete = true;
            self.pages = 0;
        }
        Applied {
            changed,
            more,
            files,
        }
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = (&str, FileId, &Offer)> {
        self.offers
            .iter()
            .map(|((name, file), offer)| (name.as_str(), *file, offer))
    }

    /// The offer of `file` under `name`.
    #[must_use]
    pub fn get(&self, name: &str, file: FileId) -> Option<&Offer> {
        self.offers.get(&(name.to_owned(), file))
    }

    /// How much of `file` this peer has, under whatever name. A replica of all of it is as good as a fetched file.
    #[must_use]
    pub fn held(&self, file: FileId) -> Option<Held> {
        let [shared, fetched, partial, part, whole] = self.holds.get(&file)?.names;
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
        let holds = self.holds.get(&file);
        holds.is_some_and(|holds| holds.names[0] + holds.names[1] > 0)
    }

    /// Whether the peer has all of `file` otherwise than as a download, which its user may delete at any time.
    #[must_use]
    pub fn lasts(&self, file: FileId) -> bool {
        let holds = self.holds.get(&file);
        holds.is_some_and(|holds| holds.names[0] + holds.names[4] > 0)
    }

    /// How much of `file` this peer keeps as a replica.
    #[must_use]
    pub fn parts(&self, file: FileId) -> Option<Parts> {
        self.holds.get(&file)?.parts
    }

    /// The names that `file` goes by here.
    pub fn names_of(&self, file: FileId) -> impl Iterator<Item = (&str, &Offer)> {
        self.offers()
            .filter(move |(_, id, _)| *id == file)
            .map(|(name, _, offer)| (name, offer))
    }

    /// Whether the peer keeps replicas.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// True when it was taken: a new entry needs room.
    fn insert(&mut self, name: String, file: FileId, offer: Offer, most: usize) -> bool {
        let key = (name, file);
        if let Some(known) = self.offers.get_mut(&key) {
            let holds = self.holds.entry(file).or_default();
            holds.names[kind(known)] -= 1;
            holds.names[kind(&offer)] += 1;
            holds.parts = offer.parts.or(holds.parts);
            *known = offer;
            return true;
        }
        let weight = ENTRY + key.0.len();
        if self.offers.len() >= MAX_OFFERS || self.weight + weight > most {
            self.cut = true;
            return false;
        }
        self.weight += weight;
        let holds = self.holds.entry(file).or_default();
        holds.names[kind(&offer)] += 1;
        holds.parts = offer.parts.or(holds.parts);
        self.offers.insert(key, offer);
        true
    }

    fn remove(&mut self, name: &str, file: FileId) -> bool {
        let Some(offer) = self.offers.remove(&(name.to_owned(), file)) else {
            return false;
        };
        self.weight -= ENTRY + name.len();
        if let Some(holds) = self.holds.get_mut(&file) {
            holds.names[kind(&offer)] -= 1;
            if holds.names == [0; 5] {
                self.holds.remove(&file);
            }
        }
        true
    }
}

/// What became of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// Something is known that was not.
    pub changed: bool,
    /// There is another page to ask for.
    pub more: bool,
    /// The files that it may be about.
    pub files: Vec<FileId>,
}
