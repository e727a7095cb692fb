//! What is known of the others' catalogs.
//!
//! Invariants: no more than [`MAX_OFFERS`] entries of a peer, which come to an end, whatever it
//! sends; the counts are those of the entries.

use super::{Key, MAX_REMOVALS, PAGE_BYTES};
use crate::{
    core::{id::FileId, path::RelPath},
    wire::{
        MAX_PATH,
        control::{CatalogPage, Held, Offer, ReplicaParts, Scan},
    },
};
use std::collections::HashMap;

/// Entries that are remembered of one peer's catalog.
pub const MAX_OFFERS: usize = 100_000;
/// Bytes, about, that all peers' catalogs together may take.
pub const MAX_CATALOGS: usize = 256 << 20;
/// What each peer may have all the same when others have taken all of that: some hundred names.
pub(super) const FLOOR: usize = 128 << 10;
/// What an entry takes besides its name, about.
const ENTRY: usize = 300;
/// Pages of one catalog in a row: twice what the largest honest catalog has.
const MAX_PAGES: u32 =
    2 * (MAX_OFFERS + MAX_REMOVALS) as u32 / (PAGE_BYTES / (MAX_PATH + 128)) as u32;
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
    /// How many names each content goes by: shared, fetched, partial, a part as replica, all of it
    /// as replica.
    holds: HashMap<FileId, Holds>,
    /// The same over all contents.
    names: [u32; 5],
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
    parts: Option<ReplicaParts>,
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

    /// Whether the node only looks or fetches. What offers a folder is no visitor, whatever it
    /// says.
    #[must_use]
    pub fn is_visiting(&self) -> bool {
        self.visiting && self.names[0] == 0
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

    /// Takes in a page, and no more than `room` bytes of it. Names that may not become paths are
    /// left out.
    pub fn apply(&mut self, page: CatalogPage, room: usize) -> Applied {
        let mut changed = !self.complete;
        let mut files: Vec<FileId> = page.entries.iter().map(|entry| entry.file).collect();
        if page.reset || page.epoch != self.epoch {
            changed |= !self.offers.is_empty();
            files.extend(self.holds.keys());
            self.offers.clear();
            self.holds.clear();
            self.names = [0; 5];
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
        // A page that leads nowhere would be asked for, and come, for ever; so would the next of
        // endlessly many.
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

    /// How many names stand for something that the peer's own user has all of.
    #[must_use]
    pub fn own_names(&self) -> u32 {
        self.names[0] + self.names[1]
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

    /// How much of `file` this peer has, under whatever name. A replica of all of it is as good as
    /// a fetched file.
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

    /// Whether the peer has all of `file` otherwise than as a download, which its user may delete
    /// at any time.
    #[must_use]
    pub fn lasts(&self, file: FileId) -> bool {
        let holds = self.holds.get(&file);
        holds.is_some_and(|holds| holds.names[0] + holds.names[4] > 0)
    }

    /// How much of `file` this peer keeps as a replica.
    #[must_use]
    pub fn parts(&self, file: FileId) -> Option<ReplicaParts> {
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
            let (before, now) = (kind(known), kind(&offer));
            for names in [&mut holds.names, &mut self.names] {
                names[before] -= 1;
                names[now] += 1;
            }
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
        self.names[kind(&offer)] += 1;
        holds.parts = offer.parts.or(holds.parts);
        self.offers.insert(key, offer);
        true
    }

    fn remove(&mut self, name: &str, file: FileId) -> bool {
        let Some(offer) = self.offers.remove(&(name.to_owned(), file)) else {
            return false;
        };
        self.weight -= ENTRY + name.len();
        self.names[kind(&offer)] -= 1;
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
