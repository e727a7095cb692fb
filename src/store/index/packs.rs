//! Many file records in one value: for small files some sixty bytes each, and one entry of the
//! tree for dozens of them.
//!
//! A value is [`VERSION`] and its records, in ascending order of their numbers, each told by how it
//! differs from the one before: neighbours in a folder have most of a path, and times and inodes
//! that are near. Integers are LEB128, differences zigzag. What a record of one chunk says is its
//! whole manifest. Invariant: the key is at most the lowest number in the value, and the next key
//! is above the highest.

use super::{
    Stamp,
    record::{Content, FileRecord, Kind},
};
use crate::{
    core::{
        id::{ChunkId, FileId},
        manifest::Entry,
        rights::Rights,
    },
    store::modes,
    wire::manifest,
};
use std::sync::LazyLock;

/// Begins a value.
const VERSION: u8 = 1;
/// Records of one value, and bytes after which it takes no further one. When one of them goes, the
/// others are written again; and sled puts sixteen values into a leaf, and one of more than 128 KiB
/// into a file of its own, unsynced.
const RECORDS: usize = 64;
const BYTES: usize = 4 << 10;

/// The contents of a file of no bytes.
static EMPTY: LazyLock<FileId> = LazyLock::new(|| manifest::encode(&[]).file);

/// How permissions are told, in the third and fourth lowest bit of a record's marks.
const PLAIN: u8 = 0;
const EXECUTABLE: u8 = 1;
const SAME_MODE: u8 = 2;
const MODE: u8 = 3;
/// How contents are told, in the next two: nothing, a chunk as long as the file, a chunk and its
/// length, the file's id.
const NOTHING: u8 = 0;
const CHUNK: u8 = 1;
const CHUNK_LEN: u8 = 2;
const LARGE: u8 = 3;
/// The name is written out; else it is an end of the path.
const NAME: u8 = 1 << 6;

/// What a record differs from.
#[derive(Default)]
struct Last {
    number: u64,
    path: Vec<u8>,
    mode: u16,
    stamp: Stamp,
    media: Vec<String>,
}

/// A file of a pack: all of it but what it shares with its neighbours.
pub struct Packed<'a> {
    pub number: u64,
    pub kind: Kind,
    stamp: Stamp,
    rights: Rights,
    id: Option<[u8; 32]>,
    /// Of its only chunk.
    len: Option<u32>,
    name: Name<'a>,
    media: usize,
}

enum Name<'a> {
    EndOfPath(usize),
    Written(&'a [u8]),
}

/// Reads a pack from its beginning.
pub struct Reader<'a> {
    rest: &'a [u8],
    last: Last,
}

impl<'a> Reader<'a> {
    /// The records in the value under `key`.
    pub fn of(key: u64, value: &'a [u8]) -> Self {
        let rest = value.strip_prefix(&[VERSION]).unwrap_or_default();
        let last = Last {
            number: key,
            ..Last::default()
        };
        Self { rest, last }
    }

    /// The next one. What does not make sense ends the pack.
    pub fn next(&mut self) -> Option<Packed<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_none() {
            self.rest = &[];
        }
        read
    }

    fn read(&mut self) -> Option<Packed<'a>> {
        let rest = &mut self.rest;
        let last = &mut self.last;
        last.number = last.number.checked_add(integer(rest)?)?;
        let [marks] = *array(rest)?;
        let kind = Kind::ALL[usize::from(marks & 3)];
        let rights = match (marks >> 2) & 3 {
            PLAIN => false.into(),
            EXECUTABLE => true.into(),
            told => {
                if told == MODE {
                    last.mode = integer(rest)?.try_into().ok()?;
                }
                Rights::of(last.mode.into())
            }
        };
        let kept = short(rest)?;
        if kept > last.path.len() {
            return None;
        }
        last.path.truncate(kept);
        let more = short(rest)?;
        last.path.extend_from_slice(bytes(rest, more)?);
        let stamp = &mut last.stamp;
        stamp.size = integer(rest)?;
        stamp.mtime = stamp.mtime.wrapping_add(difference(rest)?);
        stamp.mtime_ns = integer(rest)?.try_into().ok()?;
        stamp.device = stamp.device.wrapping_add_signed(difference(rest)?);
        stamp.inode = stamp.inode.wrapping_add_signed(difference(rest)?);
        let content = (marks >> 4) & 3;
        let id = match content {
            NOTHING => None,
            _ => Some(*array(rest)?),
        };
        let len = match content {
            CHUNK => Some(stamp.size.try_into().ok()?),
            CHUNK_LEN => Some(integer(rest)?.try_into().ok()?),
            _ => None,
        };
        let length = short(rest)?;
        let name = if marks & NAME == 0 {
            Name::EndOfPath(last.path.len().checked_sub(length)?)
        } else {
            Name::Written(bytes(rest, length)?)
        };
        let media = short(rest)?;
        if media == last.media.len() {
            let len = short(rest)?;
            let new = String::from_utf8(bytes(rest, len)?.to_vec()).ok()?;
            last.media.push(new);
        }
        (media < last.media.len()).then_some(Packed {
            number: last.number,
            kind,
            stamp: last.stamp,
            rights,
            id,
            len,
            name,
            media,
        })
    }

    /// The path of the record that was read last.
    pub fn path(&self) -> &[u8] {
        &self.last.path
    }

    /// All of the record that was read last.
    pub fn record(&self, packed: &Packed<'_>) -> Option<(FileRecord, Content)> {
        let name = match packed.name {
            Name::EndOfPath(from) => &self.last.path[from..],
            Name::Written(name) => name,
        };
        let record = FileRecord {
            kind: packed.kind,
            path: modes::path_of(self.last.path.clone()),
            stamp: packed.stamp,
            rights: packed.rights,
            file: packed.file(),
            name: String::from_utf8(name.to_vec()).ok()?,
            media: self.last.media.get(packed.media)?.clone(),
        };
        Some((record, packed.content()))
    }
}

impl Packed<'_> {
    /// How it looked.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    pub fn content(&self) -> Content {
        match (self.id, self.len) {
            (None, _) => Content::Small(None),
            (Some(id), Some(len)) => Content::Small(Some(Entry {
                id: ChunkId(id),
                len,
            })),
            (Some(_), None) => Content::Large,
        }
    }

    /// Its contents: reckoned, since one chunk says all of them.
    pub fn file(&self) -> FileId {
        match (self.content(), self.id) {
            (Content::Small(None), _) => *EMPTY,
            (Content::Small(entry), _) => manifest::encode(entry.as_slice()).file,
            (Content::Large, id) => FileId(id.unwrap_or_default()),
        }
    }
}

/// Writes a pack whose key is `at`.
struct Writer {
    value: Vec<u8>,
    count: usize,
    last: Last,
}

impl Writer {
    fn at(key: u64) -> Self {
        let last = Last {
            number: key,
            ..Last::default()
        };
        Self {
            value: vec![VERSION],
            count: 0,
            last,
        }
    }

    fn push(&mut self, number: u64, record: &FileRecord, content: Content) {
        let (out, last) = (&mut self.value, &mut self.last);
        put(out, number.saturating_sub(last.number));
        last.number = number;
        let rights = match record.rights.mode() {
            None if record.rights.executable() => EXECUTABLE,
            None => PLAIN,
            Some(mode) if mode == last.mode => SAME_MODE,
            Some(_) => MODE,
        };
        let entry = match content {
            Content::Small(entry) => entry,
            Content::Large => None,
        };
        let told = match (content, entry) {
            (Content::Large, _) => LARGE,
            (_, None) => NOTHING,
            (_, Some(entry)) if u64::from(entry.len) == record.stamp.size => CHUNK,
            _ => CHUNK_LEN,
        };
        let path = modes::path_bytes(&record.path);
        let name = record.name.as_bytes();
        let written = !path.ends_with(name);
        let marks = record.kind as u8 | (rights << 2) | (told << 4);
        out.push(marks | if written { NAME } else { 0 });
        if let Some(mode) = record.rights.mode() {
            if rights == MODE {
                put(out, mode.into());
            }
            last.mode = mode;
        }
        let same = path.iter().zip(&last.path).take_while(|(a, b)| a == b);
        let kept = same.count();
        put(out, kept as u64);
        put(out, (path.len() - kept) as u64);
        out.extend_from_slice(&path[kept..]);
        last.path = path;
        let (stamp, before) = (record.stamp, last.stamp);
        put(out, stamp.size);
        put_difference(out, stamp.mtime.wrapping_sub(before.mtime));
        put(out, stamp.mtime_ns.into());
        let apart = |now: u64, before: u64| now.wrapping_sub(before).cast_signed();
        put_difference(out, apart(stamp.device, before.device));
        put_difference(out, apart(stamp.inode, before.inode));
        last.stamp = stamp;
        match entry {
            Some(entry) => out.extend_from_slice(entry.id.as_bytes()),
            None if told == LARGE => out.extend_from_slice(record.file.as_bytes()),
            None => {}
        }
        if let Some(entry) = entry
            && told == CHUNK_LEN
        {
            put(out, entry.len.into());
        }
        put(out, name.len() as u64);
        if written {
            out.extend_from_slice(name);
        }
        let known = last.media.iter().position(|one| *one == record.media);
        let media = known.unwrap_or(last.media.len());
        put(out, media as u64);
        if known.is_none() {
            put(out, record.media.len() as u64);
            out.extend_from_slice(record.media.as_bytes());
            last.media.push(record.media.clone());
        }
        self.count += 1;
    }

    fn is_full(&self) -> bool {
        self.count >= RECORDS || self.value.len() >= BYTES
    }
}

/// Keys and values for records in ascending order of their numbers.
pub fn pack<'a>(
    files: impl IntoIterator<Item = (u64, &'a FileRecord, Content)>,
) -> Vec<(u64, Vec<u8>)> {
    let mut packs = Vec::new();
    let mut open: Option<(u64, Writer)> = None;
    for (number, record, content) in files {
        let (_, writer) = open.get_or_insert_with(|| (number, Writer::at(number)));
        writer.push(number, record, content);
        if writer.is_full() {
            packs.extend(open.take().map(|(at, writer)| (at, writer.value)));
        }
    }
    packs.extend(open.map(|(at, writer)| (at, writer.value)));
    packs
}

/// What is left of a value without some of its records; `None` when nothing is.
pub fn without(key: u64, value: &[u8], gone: &[u64]) -> Option<Vec<u8>> {
    let mut reader = Reader::of(key, value);
    let mut writer = Writer::at(key);
    while let Some(packed) = reader.next() {
        if !gone.contains(&packed.number)
            && let Some((record, content)) = reader.record(&packed)
        {
            writer.push(packed.number, &record, content);
        }
    }
    (writer.count > 0).then_some(writer.value)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_difference(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn integer(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn difference(rest: &mut &[u8]) -> Option<i64> {
    let told = integer(rest)?;
    Some((told >> 1).cast_signed() ^ -(told & 1).cast_signed())
}

fn short(rest: &mut &[u8]) -> Option<usize> {
    integer(rest)?.try_into().ok()
}

fn bytes<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (these, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(these)
}

fn array<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (these, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(these)
}

#[cfg(test)]
mod tests;
