//! Zip archives whose files are stored as they are, written from the first byte to the last. Pure.
//!
//! Owns the layout. Never holds contents: sizes are known before, sums come as each file ends, so
//! an archive of any size takes a few hundred bytes a file. Invariants: [`Archive::size`] is what
//! all the pieces together have; what needs 64 bits (4 GiB, 65,536 files) has them, and nothing
//! else does. Layout: APPNOTE.TXT 6.3.10 by PKWARE, its sections 4.3 and 4.5.3.

use super::date::Moment;

/// A file of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name, `/` between the parts.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
}

/// Sizes, offsets and counts from here on need 64 bits.
const LARGE: u64 = 0xffff_ffff;
const MANY: usize = 0xffff;
/// Sums follow the contents; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// Extra fields: 64-bit sizes, and a time in seconds.
const ZIP64: u16 = 1;
const TIME: u16 = 0x5455;
const PLAIN: u16 = 20;
const WITH_ZIP64: u16 = 45;
/// Made on Unix, an ordinary file that its owner may write.
const UNIX: u16 = 3 << 8;
const MODE: u32 = 0o100_644 << 16;

/// An archive with these files. See the module.
#[derive(Clone, Debug)]
pub struct Archive {
    entries: Vec<Entry>,
    /// Where each begins.
    offsets: Vec<u64>,
    /// Where the directory begins, and its length.
    directory: (u64, u64),
}

impl Archive {
    /// Its layout.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut archive = Self {
            offsets: Vec::with_capacity(entries.len()),
            entries,
            directory: (0, 0),
        };
        let mut at = 0_u64;
        for number in 0..archive.entries.len() {
            archive.offsets.push(at);
            let head = archive.head(number).len() + archive.tail(number, 0).len();
            at = at.saturating_add(head as u64);
            at = at.saturating_add(archive.entries[number].size);
        }
        let rows = 0..archive.entries.len();
        let length = rows.map(|number| archive.row(number, 0).len() as u64).sum();
        archive.directory = (at, length);
        archive
    }

    /// Its files.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of all of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        let (at, length) = self.directory;
        at.saturating_add(length)
            .saturating_add(self.end().len() as u64)
    }

    /// What stands before the contents of a file.
    #[must_use]
    pub fn head(&self, number: usize) -> Vec<u8> {
        let entry = &self.entries[number];
        let mut extra = Vec::new();
        let (version, size) = if entry.size >= LARGE {
            field(&mut extra, ZIP64, &[entry.size, entry.size]);
            (WITH_ZIP64, LARGE as u32)
        } else {
            (PLAIN, entry.size as u32)
        };
        time(&mut extra, entry.mtime);
        let mut out = b"PK\x03\x04".to_vec();
        short(&mut out, version);
        common(&mut out, entry, 0, size, extra.len());
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&extra);
        out
    }

    /// What stands after them, with their CRC-32.
    #[must_use]
    pub fn tail(&self, number: usize, crc: u32) -> Vec<u8> {
        let size = self.entries[number].size;
        let mut out = b"PK\x07\x08".to_vec();
        long(&mut out, crc);
        for _ in 0..2 {
            if size >= LARGE {
                out.extend_from_slice(&size.to_le_bytes());
            } else {
                long(&mut out, size as u32);
            }
        }
        out
    }

    /// Its row in the directory, which comes after all files.
    #[must_use]
    pub fn row(&self, number: usize, crc: u32) -> Vec<u8> {
        let (entry, offset) = (&self.entries[number], self.offsets[number]);
        let mut large = Vec::new();
        if entry.size >= LARGE {
            large.extend([entry.size, entry.size]);
        }
        if offset >= LARGE {
            large.push(offset);
        }
        let version = if large.is_empty() { PLAIN } else { WITH_ZIP64 };
        let mut extra = Vec::new();
        if !large.is_empty() {
            field(&mut extra, ZIP64, &large);
        }
        time(&mut extra, entry.mtime);
        let mut out = b"PK\x01\x02".to_vec();
        short(&mut out, UNIX | version);
        short(&mut out, version);
        common(
            &mut out,
            entry,
            crc,
            entry.size.min(LARGE) as u32,
            extra.len(),
        );
        for _ in 0..3 {
            short(&mut out, 0); // No comment, the first disk, nothing internal.
        }
        long(&mut out, MODE);
        long(&mut out, offset.min(LARGE) as u32);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&extra);
        out
    }

    /// What stands at the end.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        let (count, (at, length)) = (self.entries.len(), self.directory);
        let mut out = Vec::new();
        if count >= MANY || at >= LARGE || length >= LARGE {
            out.extend_from_slice(b"PK\x06\x06");
            out.extend_from_slice(&44_u64.to_le_bytes());
            short(&mut out, UNIX | WITH_ZIP64);
            short(&mut out, WITH_ZIP64);
            long(&mut out, 0);
            long(&mut out, 0);
            for value in [count as u64, count as u64, length, at] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            out.extend_from_slice(b"PK\x06\x07");
            long(&mut out, 0);
            out.extend_from_slice(&at.saturating_add(length).to_le_bytes());
            long(&mut out, 1);
        }
        out.extend_from_slice(b"PK\x05\x06");
        short(&mut out, 0);
        short(&mut out, 0);
        short(&mut out, count.min(MANY) as u16);
        short(&mut out, count.min(MANY) as u16);
        long(&mut out, length.min(LARGE) as u32);
        long(&mut out, at.min(LARGE) as u32);
        short(&mut out, 0);
        out
    }
}

/// What a head and a row have in common, from the flags to the length of the extra fields.
fn common(out: &mut Vec<u8>, entry: &Entry, crc: u32, size: u32, extra: usize) {
    short(out, FLAGS);
    short(out, 0); // Stored.
    let (date, of_day) = dos(entry.mtime);
    short(out, of_day);
    short(out, date);
    long(out, crc);
    long(out, size);
    long(out, size);
    // The longest name is far below that (`core::path`).
    short(out, entry.name.len().min(MANY) as u16);
    short(out, extra as u16);
}

fn short(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn long(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn field(out: &mut Vec<u8>, id: u16, values: &[u64]) {
    short(out, id);
    short(out, (values.len() * 8) as u16);
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn time(out: &mut Vec<u8>, mtime: i64) {
    short(out, TIME);
    short(out, 5);
    out.push(1); // The time of the last change alone.
    let clipped = mtime.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    long(out, (clipped as i32).cast_unsigned());
}

/// A date and a time as DOS had them, in UTC: from 1980 to 2107, in steps of two seconds.
fn dos(mtime: i64) -> (u16, u16) {
    const FIRST: i64 = 315_532_800;
    const LAST: i64 = 4_354_819_198;
    let seconds = mtime.clamp(FIRST, LAST);
    let at = Moment::of(seconds.unsigned_abs());
    let date = ((at.year - 1980) << 9) | (at.month << 5) | at.day;
    let time = (at.hour << 11) | (at.minute << 5) | (at.second / 2);
    (date as u16, time as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, size: u64) -> Entry {
        Entry {
            name: name.into(),
            size,
            mtime: 1_700_000_001,
        }
    }

    fn long_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn an_archive_is_as_long_as_it_says() {
        for entries in [
            vec![],
            vec![entry("a", 0)],
            vec![entry("photos/ä.jpg", 5), entry("photos/b", 70_000)],
        ] {
            let archive = Archive::new(entries);
            let mut all = Vec::new();
            for (at, entry) in archive.entries().iter().enumerate() {
                assert_eq!(all.len() as u64, archive.offsets[at]);
                all.extend(archive.head(at));
                all.extend(vec![7; entry.size as usize]);
                all.extend(archive.tail(at, 9));
            }
            let directory = all.len();
            for at in 0..archive.entries().len() {
                all.extend(archive.row(at, 9));
            }
            all.extend(archive.end());
            assert_eq!(all.len() as u64, archive.size());
            let end = &all[all.len() - 22..];
            assert_eq!(&end[..4], b"PK\x05\x06");
            assert_eq!(long_at(end, 16) as usize, directory);
        }
    }

    #[test]
    fn what_needs_64_bits_has_them_and_nothing_else_does() {
        let at = |size| Archive::new(vec![entry("a", size), entry("b", 1)]);
        let small = at(LARGE - 1);
        assert_eq!(long_at(&small.head(0), 18), 0xffff_fffe);
        assert_eq!(small.tail(0, 0).len(), 16);
        // The second file begins beyond 4 GiB.
        assert_eq!(long_at(&small.row(1, 0), 42), 0xffff_ffff);
        let large = at(LARGE);
        assert_eq!(long_at(&large.head(0), 18), 0xffff_ffff);
        assert_eq!(large.tail(0, 0).len(), 24);
        assert_eq!(&large.end()[..4], b"PK\x06\x06");
        assert_eq!(&Archive::new(vec![entry("a", 1)]).end()[..4], b"PK\x05\x06");
        let many: Vec<Entry> = (0..MANY).map(|n| entry(&n.to_string(), 0)).collect();
        assert_eq!(&Archive::new(many[1..].to_vec()).end()[..4], b"PK\x05\x06");
        let end = Archive::new(many).end();
        assert_eq!(u64::from_le_bytes(end[32..40].try_into().unwrap()), 65_535);
    }

    #[test]
    fn times_are_dates_of_dos() {
        // 2023-11-14 22:13:20 UTC.
        assert_eq!(
            dos(1_700_000_000),
            (43 * 512 + 11 * 32 + 14, 22 * 2048 + 13 * 32 + 10)
        );
        assert_eq!(dos(0), (32 + 1, 0));
        assert_eq!(dos(i64::MAX).0, 127 * 512 + 12 * 32 + 31);
    }
}
