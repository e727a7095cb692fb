//! One file of a guest: from what comes to its place.

use super::Shared;
use crate::{
    core::path::RelPath,
    node::{
        api::{Fetched, GuestError},
        consent::exact::Exact,
    },
    store::{Spool, StoreError, put_beside},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

/// Bytes after which what is written is synced while more comes: a quarter of the time that a large
/// file took was the sync after its last byte.
const SYNC: u64 = 32 << 20;

/// Writes it into the spool; gives its path.
fn write(spool: &Spool, name: &RelPath, from: impl Read, size: u64) -> Result<PathBuf, StoreError> {
    if size <= SYNC {
        return spool.filler().fill(name, from);
    }
    let path = spool.folder().join(name.as_str());
    let (pulse, pulses) = sync_channel(1);
    thread::scope(|scope| {
        let syncing = scope.spawn(|| sync(&path, pulses));
        let since = 0;
        let filled = spool.filler().fill(name, Pulsing { from, since, pulse });
        // Whoever syncs next would not hear of a failure any more.
        let synced = syncing.join().unwrap_or(Ok(()));
        synced.map_err(|source| StoreError::Io {
            what: "sync",
            path: path.clone(),
            source,
        })?;
        filled
    })
}

/// Syncs a file at each pulse, until there are no more.
fn sync(path: &Path, pulses: Receiver<()>) -> io::Result<()> {
    let mut file = None;
    for () in pulses {
        let file = match &mut file {
            Some(file) => file,
            none => none.insert(File::open(path)?),
        };
        // Where that takes more rights than to read, the last sync does it all.
        if let Err(error) = file.sync_data()
            && error.kind() != io::ErrorKind::PermissionDenied
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Reads from `from`, and gives a pulse now and then.
struct Pulsing<R> {
    from: R,
    since: u64,
    pulse: SyncSender<()>,
}

impl<R: Read> Read for Pulsing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since >= SYNC {
            self.since = 0;
            let _ = self.pulse.try_send(()); // One waits already: fine.
        }
        let read = self.from.read(out)?;
        self.since += read as u64;
        Ok(read)
    }
}

impl Shared {
    /// Writes a file beside the home's, and then gives it its place. Blocks.
    pub(super) fn fill(&self, number: usize, from: impl Read) -> Result<(), GuestError> {
        let (asked, begun) = (&self.info.files[number], Instant::now());
        let (sum, times) = self.said[number];
        let name = RelPath::parse(&asked.name).map_err(|_| GuestError::NotAsked)?;
        let home = &self.consent.0.services.home;
        let spool = Spool::new(home)?;
        let (counted, wrong) = (AtomicU64::new(0), AtomicBool::new(false));
        let exact = Exact {
            from,
            left: asked.size,
            over: &self.over,
            counted: [&counted, &self.done],
            sum: sum.map(|sum| (Sha256::new(), sum)),
            wrong: &wrong,
        };
        let take_back = || {
            let counted = counted.load(Ordering::Relaxed);
            self.done.fetch_sub(counted, Ordering::Relaxed);
        };
        let placed = write(&spool, &name, exact, asked.size).and_then(|path| {
            let landing = self.landing.lock().clone();
            let into = landing.into.unwrap_or_else(|| home.downloads());
            put_beside(&into, &name, &path, times)
        });
        let path = placed.inspect_err(|_| take_back());
        if wrong.into_inner() {
            return Err(GuestError::Sum);
        }
        let path = path?;
        self.received.lock().push(Fetched {
            name: asked.name.clone(),
            id: asked.file,
            path,
            size: asked.size,
            fetched: asked.size,
            reused: 0,
            resumed: 0,
            elapsed: begun.elapsed(),
            sources: Vec::new(),
            already: false,
        });
        Ok(())
    }
}
