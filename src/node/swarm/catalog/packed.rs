//! What a node offers, packed: a name takes some hundred bytes beside its letters.
//!
//! Pure. Rows lie side by side, names in one text; a row is found by its name and contents, and all
//! rows of the same contents by these. Invariants: the rows of a file are a chain in both
//! directions; the rows are numbered without a gap, and only when one goes does another, the last,
//! get its number; without those that did, the rows are in the order of their names in the text;
//! [`Packed::weight`] is what is allocated, but for a third of it.

mod search;

use super::told::{Names, Told};
use crate::{
    core::id::FileId,
    wire::{
        MAX_PATH,
        control::{Held, Offer, ReplicaParts},
    },
};
use hashbrown::HashTable;
use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::Arc,
};

/// What a name weighs beside its letters: its row, and its places in two tables.
pub(super) const ROW: usize = 104;
/// What contents with more than one name weigh beside these.
const SEVERAL: usize = 112;
/// What a media type weighs beside its letters.
const TYPE: usize = 64;
/// Media types that are told apart; an honest node has some dozens. Further ones count as the
/// first.
const MAX_TYPES: usize = 1024;
const ANY_TYPE: &str = "application/octet-stream";

/// The end of a chain.
const END: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Row {
    file: FileId,
    size: u64,
    mtime: i64,
    /// Where its name begins.
    name: u32,
    /// Other names of the same contents.
    before: u32,
    after: u32,
    parts: ReplicaParts,
    /// Of name and contents.
    hash: u32,
    length: u16,
    media: u16,
    mode: u16,
    marks: u8,
}

const _: () = assert!(size_of::<Row>() == 80 && MAX_PATH <= u16::MAX as usize);

/// The marks of a row; its two lowest bits are how it is held.
const EXECUTABLE: u8 = 4;
const MODE: u8 = 8;
const PARTS: u8 = 16;
const HELD: [Held; 4] = [Held::Shared, Held::Fetched, Held::Partial, Held::Replica];

/// What is known of contents with more than one name.
#[derive(Clone, Copy, Debug, Default)]
struct Several {
    names: Names,
    /// What was said last of how much of it is there.
    parts: Option<ReplicaParts>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Packed {
    rows: Vec<Row>,
    text: String,
    /// Bytes of the text that no row needs any more.
    waste: usize,
    /// Rows that took the place of one that went.
    moved: BTreeSet<u32>,
    /// Names that are not all ASCII.
    foreign: u32,
    /// Rows by their hash.
    by_name: HashTable<u32>,
    /// The first row of each chain, by its file.
    by_file: HashTable<u32>,
    several: HashMap<FileId, Several>,
    types: Vec<Arc<str>>,
    type_of: HashMap<Arc<str>, u16>,
    /// How many names there are of each kind.
    names: Names,
    weight: usize,
    /// Of this catalog alone, so that nobody can choose names that collide.
    hasher: RandomState,
}

/// The table wants its highest bits, too.
fn spread(hash: u32) -> u64 {
    (u64::from(hash) << 32) | u64::from(hash)
}

fn file_hash(hasher: &RandomState, file: FileId) -> u64 {
    hasher.hash_one(file.0)
}

impl Packed {
    /// How many names.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that all of it takes, about.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// How many names there are of each kind.
    pub fn names(&self) -> Names {
        self.names
    }

    /// The same of one file.
    pub fn names_of_file(&self, file: FileId) -> Option<Names> {
        let first = self.first(file)?;
        if let Some(several) = self.several.get(&file) {
            return Some(several.names);
        }
        let mut names = Names::default();
        names[self.told(first).kind()] = 1;
        Some(names)
    }

    /// How much of a file is there as a replica.
    pub fn parts(&self, file: FileId) -> Option<ReplicaParts> {
        match self.several.get(&file) {
            Some(several) => several.parts,
            None => self.told(self.first(file)?).parts,
        }
    }

    /// All offers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        self.part(0..self.rows.len())
    }

    /// Those in some rows, as far as there are such.
    pub fn part(&self, rows: Range<usize>) -> impl Iterator<Item = (&str, FileId, Told<'_>)> {
        let rows = rows.start..rows.end.min(self.rows.len());
        rows.map(move |row| self.at(row as u32))
    }

    /// The contents that there are.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        let first = self.by_file.iter();
        first.map(move |&first| self.row(first).file)
    }

    /// The names of a file.
    pub fn of_file(&self, file: FileId) -> impl Iterator<Item = (&str, Told<'_>)> {
        let rows = self.rows_of(file);
        rows.map(move |at| (self.name(at), self.told(at)))
    }

    /// The rows of a file.
    pub fn rows_of(&self, file: FileId) -> impl Iterator<Item = u32> {
        let after = move |&at: &u32| Some(self.row(at).after).filter(|&after| after != END);
        std::iter::successors(self.first(file), after)
    }

    /// What is offered as this.
    pub fn get(&self, name: &str, file: FileId) -> Option<Told<'_>> {
        Some(self.told(self.position(name, file)?))
    }

    /// The row of a name.
    pub fn position(&self, name: &str, file: FileId) -> Option<u32> {
        self.find(self.hash(name, file), name, file)
    }

    /// What a row says.
    pub fn at(&self, row: u32) -> (&str, FileId, Told<'_>) {
        (self.name(row), self.row(row).file, self.told(row))
    }

    /// Whether there is no number left for a row, or for where its name lies in the text: with
    /// some hundred million names.
    pub fn is_full(&self, name: &str) -> bool {
        let most = END as usize - 1;
        self.rows.len() >= most || self.text.len() + name.len() > most
    }

    /// What a name would weigh that is not here yet.
    pub fn cost(&self, name: &str, file: FileId, media: &str) -> usize {
        let second = self.first(file).is_some() && !self.several.contains_key(&file);
        let several = if second { SEVERAL } else { 0 };
        ROW + name.len() + several + self.cost_of_type(media)
    }

    fn cost_of_type(&self, media: &str) -> usize {
        let new = self.types.len() < MAX_TYPES && !self.type_of.contains_key(media);
        if new { TYPE + media.len() } else { 0 }
    }

    /// What is known by this name is from now on this. False when the name is not known.
    pub fn change(&mut self, name: &str, file: FileId, offer: &Offer) -> bool {
        let at = self.position(name, file);
        at.map(|at| self.change_at(at, offer)).is_some()
    }

    /// A row says this from now on.
    pub fn change_at(&mut self, at: u32, offer: &Offer) {
        let file = self.row(at).file;
        let (before, now) = (self.told(at).kind(), Told::from(offer).kind());
        let several = self.several.get_mut(&file);
        if let Some(several) = several {
            several.names[before] -= 1;
            several.names[now] += 1;
            several.parts = offer.parts.or(several.parts);
        }
        self.names[before] -= 1;
        self.names[now] += 1;
        let media = self.type_of(&offer.media);
        self.rows[at as usize].describe(offer, media);
    }

    /// Adds a name that is not known yet, when there is a number for it ([`Packed::is_full`]), as
    /// the last row.
    pub fn add(&mut self, name: &str, file: FileId, offer: &Offer) {
        let hash = self.hash(name, file);
        debug_assert!(self.find(hash, name, file).is_none() && !self.is_full(name));
        self.weight += ROW + name.len();
        let media = self.type_of(&offer.media);
        let at = self.rows.len() as u32;
        if self.text.capacity() - self.text.len() < name.len() {
            let more = name.len().max(self.text.len() / 8).max(256);
            self.text.reserve_exact(more);
        }
        let mut row = Row {
            file,
            size: 0,
            mtime: 0,
            name: self.text.len() as u32,
            before: END,
            after: END,
            parts: ReplicaParts { here: 0, of: 0 },
            hash,
            length: name.len() as u16,
            media: 0,
            mode: 0,
            marks: 0,
        };
        row.describe(offer, media);
        self.text.push_str(name);
        self.foreign += u32::from(!name.is_ascii());
        if self.rows.len() == self.rows.capacity() {
            self.rows.reserve_exact((at as usize / 8).max(8));
        }
        self.rows.push(row);
        self.names[Told::from(offer).kind()] += 1;
        let rows = &self.rows;
        let again = |&at: &u32| spread(rows[at as usize].hash);
        self.by_name.insert_unique(spread(hash), at, again);
        self.link(at, offer);
    }

    /// Puts a new row first in its chain.
    fn link(&mut self, at: u32, offer: &Offer) {
        let file = self.row(at).file;
        let hash = file_hash(&self.hasher, file);
        let (rows, hasher) = (&mut self.rows, &self.hasher);
        let same = |&first: &u32| rows[first as usize].file == file;
        let Some(first) = self.by_file.find_mut(hash, same) else {
            let again = |&at: &u32| file_hash(hasher, rows[at as usize].file);
            self.by_file.insert_unique(hash, at, again);
            return;
        };
        let second = std::mem::replace(first, at);
        rows[second as usize].before = at;
        rows[at as usize].after = second;
        let one = self.told(second);
        let (kind, parts) = (one.kind(), one.parts);
        let several = self.several.entry(file).or_insert_with(|| {
            self.weight += SEVERAL;
            let mut names = Names::default();
            names[kind] = 1;
            Several { names, parts }
        });
        several.names[Told::from(offer).kind()] += 1;
        several.parts = offer.parts.or(several.parts);
    }

    /// Takes a name out. False when it was not known.
    pub fn remove(&mut self, name: &str, file: FileId) -> bool {
        let at = self.position(name, file);
        at.map(|at| self.remove_at(at)).is_some()
    }

    /// Takes a row out; the last one has its number from then on.
    pub fn remove_at(&mut self, at: u32) {
        let kind = self.told(at).kind();
        let &Row {
            file, hash, length, ..
        } = self.row(at);
        self.names[kind] -= 1;
        self.weight -= ROW + usize::from(length);
        if let Ok(entry) = self.by_name.find_entry(spread(hash), |&row| row == at) {
            entry.remove();
        }
        let Row { before, after, .. } = self.rows[at as usize];
        self.relink(at, before, after);
        if let Some(several) = self.several.get_mut(&file) {
            several.names[kind] -= 1;
            if several.names.iter().sum::<u32>() == 1 {
                self.several.remove(&file);
                self.weight -= SEVERAL;
            }
        }
        self.waste += usize::from(length);
        self.foreign -= u32::from(!self.name(at).is_ascii());
        self.rows.swap_remove(at as usize);
        let last = self.rows.len() as u32;
        self.moved.remove(&last);
        if last == at {
            self.moved.remove(&at);
        } else {
            self.moved.insert(at);
            self.moved(last, at);
        }
        self.shrink();
    }

    /// Takes a row out of its chain, between these.
    fn relink(&mut self, at: u32, before: u32, after: u32) {
        if after != END {
            self.rows[after as usize].before = before;
        }
        if before != END {
            self.rows[before as usize].after = after;
            return;
        }
        let hash = file_hash(&self.hasher, self.row(at).file);
        if let Ok(mut entry) = self.by_file.find_entry(hash, |&first| first == at) {
            if after == END {
                entry.remove();
            } else {
                *entry.get_mut() = after;
            }
        }
    }

    /// The last row fills a gap.
    fn moved(&mut self, from: u32, to: u32) {
        let Row {
            hash,
            file,
            before,
            after,
            ..
        } = self.rows[to as usize];
        if let Some(row) = self.by_name.find_mut(spread(hash), |&row| row == from) {
            *row = to;
        }
        if after != END {
            self.rows[after as usize].before = to;
        }
        if before == END {
            let hash = file_hash(&self.hasher, file);
            if let Some(first) = self.by_file.find_mut(hash, |&first| first == from) {
                *first = to;
            }
        } else {
            self.rows[before as usize].after = to;
        }
    }

    /// Gives back what is not needed. Each step costs as much as some part of all names, and comes
    /// when as many are gone.
    fn shrink(&mut self) {
        let count = self.rows.len();
        if self.rows.capacity() > count + count / 6 + 64 {
            self.rows.shrink_to(count + count / 16);
        }
        if self.waste > (self.text.len() - self.waste) / 8 + 4096 {
            let needed = self.text.len() - self.waste;
            let mut text = String::with_capacity(needed + needed / 16);
            for row in &mut self.rows {
                let start = row.name as usize;
                row.name = text.len() as u32;
                text.push_str(&self.text[start..start + usize::from(row.length)]);
            }
            (self.text, self.waste) = (text, 0);
            self.moved.clear();
        }
        let (rows, hasher) = (&self.rows, &self.hasher);
        let loose = |count: usize, places: usize| count < places / 16 * 7;
        if loose(self.by_name.len(), self.by_name.capacity()) {
            let again = |&at: &u32| spread(rows[at as usize].hash);
            self.by_name.shrink_to(self.by_name.len(), again);
        }
        if loose(self.by_file.len(), self.by_file.capacity()) {
            let again = |&at: &u32| file_hash(hasher, rows[at as usize].file);
            self.by_file.shrink_to(self.by_file.len(), again);
        }
        if loose(self.several.len(), self.several.capacity()) {
            self.several.shrink_to(self.several.len());
        }
    }

    fn hash(&self, name: &str, file: FileId) -> u32 {
        self.hasher.hash_one((name, file.0)) as u32
    }

    fn find(&self, hash: u32, name: &str, file: FileId) -> Option<u32> {
        let same = |&at: &u32| {
            let row = self.row(at);
            row.hash == hash && row.file == file && self.name(at) == name
        };
        self.by_name.find(spread(hash), same).copied()
    }

    fn first(&self, file: FileId) -> Option<u32> {
        let same = |&at: &u32| self.row(at).file == file;
        let first = self.by_file.find(file_hash(&self.hasher, file), same);
        first.copied()
    }

    fn row(&self, at: u32) -> &Row {
        &self.rows[at as usize]
    }

    fn name(&self, at: u32) -> &str {
        let row = self.row(at);
        let start = row.name as usize;
        &self.text[start..start + usize::from(row.length)]
    }

    fn told(&self, at: u32) -> Told<'_> {
        let row = self.row(at);
        let marked = |mark| row.marks & mark != 0;
        Told {
            size: row.size,
            mtime: row.mtime,
            executable: marked(EXECUTABLE),
            mode: marked(MODE).then_some(row.mode),
            media: &self.types[usize::from(row.media)],
            held: HELD[usize::from(row.marks & 3)],
            parts: marked(PARTS).then_some(row.parts),
        }
    }

    /// The number of a media type.
    fn type_of(&mut self, media: &str) -> u16 {
        if let Some(&known) = self.type_of.get(media) {
            return known;
        }
        // The first stands for all for which there is no place.
        if self.types.is_empty() && media != ANY_TYPE {
            self.type_of(ANY_TYPE);
        }
        if self.types.len() >= MAX_TYPES {
            return 0;
        }
        self.weight += TYPE + media.len();
        let (new, text) = (self.types.len() as u16, Arc::<str>::from(media));
        self.types.push(text.clone());
        self.type_of.insert(text, new);
        new
    }
}

impl Row {
    fn describe(&mut self, offer: &Offer, media: u16) {
        (self.size, self.mtime, self.media) = (offer.size, offer.mtime, media);
        self.marks = offer.held as u8;
        self.marks |= if offer.executable { EXECUTABLE } else { 0 };
        self.marks |= if offer.mode.is_some() { MODE } else { 0 };
        self.marks |= if offer.parts.is_some() { PARTS } else { 0 };
        self.mode = offer.mode.unwrap_or_default();
        self.parts = offer.parts.unwrap_or(ReplicaParts { here: 0, of: 0 });
    }
}

#[cfg(test)]
mod tests;
