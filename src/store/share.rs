//! The shared folder, and what is shared where it lies: what is in them, from the start of the node
//! to its end.
//!
//! Owns one thread that walks them, indexes what is new, and then follows their changes. Never
//! writes into them. Files that look as the index says are not read. A file is read only
//! after it has settled, and it is offered only after the index has all of it; one that changes is
//! withdrawn at once. One that grows after it was read has to settle for longer. Links to files
//! that stay inside the folder are followed; links that leave it, and links to folders, are not.

mod elsewhere;
mod indexing;
mod known;
pub(in crate::store) mod names;
mod read;
mod readers;
mod scan;
mod walk;
mod watch;
mod worker;

pub(super) use read::{Reading, read_file};
pub(super) use worker::send;

use super::{
    ChunkReader, Home, HomeError, Index, SharedPath, SharedPaths, Stamp, StoreError, failed,
    placing::media_of,
};
use crate::{
    core::{id::FileId, path::RelPath, rights::Rights},
    wire::control::Scan,
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::sync_channel,
    },
    thread::{self, JoinHandle},
};
use tokio::sync::mpsc::Sender;
use watch::{Message, Teller};

/// Touched paths that wait for the thread while it reads a file. More than that, and it looks at
/// everything.
const QUEUE: usize = 4096;

/// A name in the shared folder and the contents it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Its path below the folder.
    pub name: RelPath,
    /// Its contents.
    pub file: FileId,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Its permissions.
    pub rights: Rights,
    /// Its media type, guessed from the name.
    pub media: String,
}

/// What is told about a file in the index.
fn offered(name: RelPath, file: FileId, stamp: Stamp, rights: Rights) -> Offered {
    Offered {
        file,
        size: stamp.size,
        mtime: stamp.mtime,
        rights,
        media: media_of(name.file_name()),
        name,
    }
}

/// What happens in the shared folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShareEvent {
    /// Files are being read, and it takes a while; at most ten a second.
    Progress(Scan),
    /// They are read now: comes after the last `Progress`.
    Read,
    /// A file is offered from now on; its manifest and its chunks are in the index.
    Offered(Offered),
    /// A name no longer stands for these contents: one of the shared folder, or a finished
    /// download's.
    Withdrawn {
        /// Its path below the folder.
        name: RelPath,
        /// What it stood for.
        file: FileId,
    },
    /// One of several files that stood for a name with these contents is gone; another one still
    /// does.
    Remains {
        /// That one.
        offered: Offered,
        /// Whether it is shared, and not a finished download.
        shared: bool,
    },
    /// The first look at the folder is complete. Comes once.
    Scanned {
        /// Files that are offered.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// How many of them had to be read.
        read: u64,
    },
    /// Something is not offered, or not as it should be. Comes once for each reason and name.
    Problem {
        /// The path below the folder; unescaped.
        name: String,
        /// Why, for a person.
        why: String,
    },
}

/// The running share. Dropping it stops the thread, and waits for that: some milliseconds.
#[derive(Debug)]
pub struct Share {
    stop: Arc<AtomicBool>,
    /// Something is shared no longer: what is being read can wait.
    removed: Arc<AtomicBool>,
    wake: std::sync::mpsc::SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Share {
    /// Scans the shared folder of `home` (creating it when there is none) and watches it, telling
    /// `events` in order. The thread waits while `events` is full. Files that `reader` finds
    /// changed are looked at again, and downloads that it finds changed are no longer offered.
    ///
    /// # Errors
    /// When the folder cannot be created or opened.
    pub fn start(
        home: &Home,
        index: &Index,
        reader: &ChunkReader,
        events: Sender<ShareEvent>,
    ) -> Result<Self, StoreError> {
        let shared = home.ensure_shared().map_err(|error| match error {
            HomeError::Io { what, path, source } => StoreError::of(what, &path, 0, source),
            HomeError::NoSpace(at) => StoreError::NoSpace { needed: 0, at },
            other => StoreError::Name {
                path: home.shared(),
                why: other.to_string(),
            },
        })?;
        // Links are compared with this: it has none itself.
        let root = fs::canonicalize(&shared).map_err(failed("open", &shared))?;
        let (wake, inbox) = sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let teller = Teller::new(wake.clone());
        let stale = teller.clone();
        reader.on_stale(Some(Box::new(move |number, damaged| {
            stale.tell(Message::Stale { number, damaged });
        })));
        let removed = Arc::new(AtomicBool::new(false));
        let paths = SharedPaths::of(home).read()?;
        let mut worker = worker::Worker::new(
            root,
            (index.clone(), reader.clone(), events),
            Arc::clone(&stop),
            inbox,
            teller,
        );
        (worker.paths, worker.removed) = (paths, Arc::clone(&removed));
        let thread = thread::Builder::new()
            .name("share".into())
            .spawn(move || worker.run())
            .map_err(failed("watch", &shared))?;
        Ok(Self {
            stop,
            removed,
            wake,
            thread: Some(thread),
        })
    }
}

impl Share {
    /// These are shared where they lie from now on, and nothing else is. Waits while the thread has
    /// much to do; when something was `removed`, it stops reading for that.
    pub fn set_paths(&self, paths: Vec<SharedPath>, removed: bool) {
        self.removed.store(removed, Ordering::Release);
        let _ = self.wake.send(Message::Paths(paths)); // It has ended, then.
    }

    /// The index was opened again: what it no longer knows is read again. Waits while the thread
    /// has much to do.
    pub fn recheck(&self) {
        let _ = self.wake.send(Message::Reopened); // It has ended, then.
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.wake.try_send(Message::Wake);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
