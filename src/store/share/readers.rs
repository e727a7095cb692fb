//! Many small files, read by several threads: each takes a group in turn and gives it back in turn.
//!
//! What a group of files costs is mostly the system's opening and closing of them, so that one
//! thread alone leaves the other processors idle. At most two groups a thread are under way, and
//! groups come back in the order in which they were given.

use super::read::{Reading, read_file};
use crate::store::{FileRecord, StoreError};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Files, and bytes, of a group.
const FILES: usize = 128;
const BYTES: u64 = 4 << 20;
/// Groups of a thread that are under way: one that it reads, one that waits.
const AHEAD: usize = 2;
/// Threads, at most.
const THREADS: usize = 4;
/// For fewer files no thread is begun.
const FEW: usize = 2 * FILES;

type Group = Vec<FileRecord>;
/// Files, and how reading each ended.
pub type Read = Vec<(FileRecord, Result<Reading, StoreError>)>;

/// What says that reading is to end.
type Flags = [Arc<AtomicBool>; 2];

/// See the module. The threads end when it is dropped.
pub struct Readers {
    threads: Vec<(SyncSender<Group>, Receiver<Read>)>,
    open: Group,
    bytes: u64,
    /// Groups that were given, and taken back.
    given: usize,
    taken: usize,
}

impl Readers {
    /// Threads for so many files below `root`; none for few.
    pub fn start(root: &Path, files: usize, until: &Flags) -> Self {
        let processors = thread::available_parallelism().map_or(1, Into::into);
        let count = if files < FEW {
            0
        } else {
            processors.min(THREADS)
        };
        let thread = |_| {
            let (to, groups) = sync_channel::<Group>(AHEAD);
            let (back, from) = sync_channel(AHEAD);
            let (root, until) = (root.to_owned(), until.clone());
            let run = move || run(&root, &until, &groups, &back);
            let name = "share reader".into();
            // Without room for a thread the others do.
            let begun = thread::Builder::new().name(name).spawn(run);
            begun.ok().map(|_| (to, from))
        };
        Self {
            threads: (0..count).filter_map(thread).collect(),
            open: Vec::new(),
            bytes: 0,
            given: 0,
            taken: 0,
        }
    }

    /// Whether a file of that size is for them.
    pub fn take(&self, size: u64) -> bool {
        !self.threads.is_empty() && size < BYTES / 2
    }

    /// Gives a file. What comes back is a group that was read, when it is the turn of one.
    pub fn give(&mut self, file: FileRecord) -> Read {
        self.bytes += file.stamp.size;
        self.open.push(file);
        if self.open.len() < FILES && self.bytes < BYTES {
            return Read::new();
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Read {
        let group = std::mem::take(&mut self.open);
        self.bytes = 0;
        let full = self.given - self.taken == self.threads.len() * AHEAD;
        let read = if full { self.receive() } else { Read::new() };
        let at = self.given % self.threads.len();
        // There is room: no more than two groups of a thread are under way.
        let _ = self.threads[at].0.send(group);
        self.given += 1;
        read
    }

    fn receive(&mut self) -> Read {
        let at = self.taken % self.threads.len();
        self.taken += 1;
        // A panic there was reported when it happened.
        self.threads[at].1.recv().unwrap_or_default()
    }

    /// The next group that was given and not taken back; `None` when there is none.
    pub fn rest(&mut self) -> Option<Read> {
        if !self.open.is_empty() {
            return Some(self.hand_over());
        }
        (self.taken < self.given).then(|| self.receive())
    }
}

fn run(root: &Path, until: &Flags, groups: &Receiver<Group>, back: &SyncSender<Read>) {
    let mut spare = Vec::new();
    let go_on = || until.iter().all(|flag| !flag.load(Ordering::Acquire));
    while let Ok(group) = groups.recv() {
        let read = group.into_iter().map(|file| {
            let read = if go_on() {
                read_file(&root.join(&file.path), file.stamp, &mut spare, |_| go_on())
            } else {
                Ok(Reading::Stopped)
            };
            (file, read)
        });
        if back.send(read.collect()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{id::FileId, rights::Rights},
        store::{Kind, Stamp},
    };
    use std::fs;

    fn file(root: &Path, at: usize) -> FileRecord {
        let path = format!("f{at}");
        FileRecord {
            kind: Kind::Shared,
            stamp: Stamp::of(&fs::metadata(root.join(&path)).unwrap()),
            name: path.clone(),
            path: path.into(),
            rights: Rights::of(0o644),
            file: FileId([0; 32]),
            media: String::new(),
        }
    }

    #[test]
    fn groups_come_back_in_order_and_what_is_stopped_says_so() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let many = 40 * FILES + 7;
        for at in 0..many {
            fs::write(root.join(format!("f{at}")), at.to_string()).unwrap();
        }
        let until: Flags = Default::default();
        let mut readers = Readers::start(root, many, &until);
        assert!(readers.take(1000) && !readers.take(BYTES));
        assert!(!Readers::start(root, FEW - 1, &until).take(1000));
        let mut all = Read::new();
        for at in 0..many {
            let under_way = readers.given - readers.taken;
            assert!(under_way <= readers.threads.len() * AHEAD);
            all.extend(readers.give(file(root, at)));
        }
        while let Some(read) = readers.rest() {
            all.extend(read);
        }
        assert_eq!(all.len(), many);
        for (at, (file, read)) in all.iter().enumerate() {
            assert_eq!(file.name, format!("f{at}"));
            let Ok(Reading::Whole(entries)) = read else {
                panic!("{at} was not read");
            };
            assert_eq!(
                entries[0].id.0,
                *blake3::hash(at.to_string().as_bytes()).as_bytes()
            );
        }
        until[1].store(true, Ordering::Release);
        readers.give(file(root, 1));
        let read = std::iter::from_fn(|| readers.rest()).flatten();
        let read: Vec<_> = read.collect();
        assert!(matches!(read[..], [(_, Ok(Reading::Stopped))]));
    }
}
