//! Files that wait to be read, in the form in which the index keeps them: a million of them take
//! less room than they do there.

use super::{
    packs::{Reader, pack},
    record::{Content, FileRecord},
};
use std::collections::VecDeque;

/// Records that are written into a block together.
const BLOCK: usize = 64;

/// See the module. What goes in comes out in the same order, but for the contents of files.
#[derive(Default)]
pub struct Queue {
    first: VecDeque<FileRecord>,
    blocks: VecDeque<(u64, Vec<u8>)>,
    last: Vec<FileRecord>,
    files: usize,
    bytes: u64,
}

impl Queue {
    /// How many files wait.
    pub fn len(&self) -> usize {
        self.files
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds one at the end.
    pub fn push(&mut self, record: FileRecord) {
        self.files += 1;
        self.bytes += record.stamp.size;
        self.last.push(record);
        if self.last.len() < BLOCK {
            return;
        }
        let records = (0..).zip(&self.last);
        let records = records.map(|(at, record)| (at, record, Content::Small(None)));
        for (at, mut block) in pack(records) {
            block.shrink_to_fit();
            self.blocks.push_back((at, block));
        }
        self.last.clear();
    }
}

impl Iterator for Queue {
    type Item = FileRecord;

    fn next(&mut self) -> Option<FileRecord> {
        if self.first.is_empty() {
            match self.blocks.pop_front() {
                Some((at, block)) => {
                    let mut reader = Reader::of(at, &block);
                    while let Some(packed) = reader.next() {
                        let record = reader.record(&packed);
                        self.first.extend(record.map(|(record, _)| record));
                    }
                }
                None => self.first.extend(self.last.drain(..)),
            }
        }
        let next = self.first.pop_front()?;
        self.files -= 1;
        self.bytes -= next.stamp.size;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{id::FileId, rights::Rights},
        store::{Kind, Stamp},
    };

    fn record(at: u64) -> FileRecord {
        let path = format!("d{}/folder{}/note-{at:07}.txt", at / 300, at / 100);
        FileRecord {
            kind: Kind::Shared,
            path: path.clone().into(),
            stamp: Stamp {
                size: at * 7,
                mtime: 1_700_000_000 + at.cast_signed(),
                mtime_ns: at as u32 * 1_000_001,
                device: 2049,
                inode: 1_000_000 + at * 3,
            },
            rights: Rights::of(if at.is_multiple_of(5) { 0o755 } else { 0o644 }),
            file: FileId([0; 32]),
            name: if at.is_multiple_of(9) {
                format!("other/{at}")
            } else {
                path
            },
            media: "text/plain".into(),
        }
    }

    #[test]
    fn files_come_out_as_they_went_in_and_take_little_room_meanwhile() {
        let mut queue = Queue::default();
        for at in 0..1000 {
            queue.push(record(at));
            assert_eq!(queue.len() as u64, at + 1);
        }
        let blocks = queue.blocks.iter().map(|(_, block)| block.capacity());
        let each = blocks.sum::<usize>() / 960;
        assert!(each <= 48, "{each} bytes a file");
        assert_eq!(queue.bytes(), (0..1000).map(|at| at * 7).sum::<u64>());
        // What the contents are is not known yet.
        let next = |queue: &mut Queue| {
            let mut record = queue.next()?;
            record.file = FileId([0; 32]);
            Some(record)
        };
        for at in 0..1000 {
            if at == 500 {
                queue.push(record(1000));
            }
            assert_eq!(next(&mut queue), Some(record(at)));
        }
        assert_eq!(next(&mut queue), Some(record(1000)));
        assert_eq!((queue.next(), queue.len(), queue.bytes()), (None, 0, 0));
    }
}
