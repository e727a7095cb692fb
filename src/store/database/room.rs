//! Room on the disk for what a sled writes next.
//!
//! A write that fails for want of space breaks a sled, and may tear its log. So the blocks of the
//! next writes are taken before they begin: behind the end of the log where the system can do that,
//! else by a look at how much is free. Invariant: when [`Room::before`] said yes, at least
//! [`AHEAD`] bytes more than the write needs are there for it.

use parking_lot::Mutex;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Bytes beyond a write: what sled moves about in its own time, and writers that ask at the same
/// moment. Two of its segments.
const AHEAD: u64 = 1 << 20;
/// Taken in steps of so much, so that few writes have to ask the system.
const STEP: u64 = 1 << 20;
/// What a byte to be stored may cost: itself, and the leaf that is written anew around it.
const COST: u64 = 2;

/// The room of the database in a folder.
pub(super) struct Room(Mutex<State>);

struct State {
    dir: PathBuf,
    /// `None` when it could not be opened: the look at the free space has to do.
    log: Option<File>,
    /// The log's length when it was last looked at.
    len: u64,
    /// Up to here the blocks are there.
    until: u64,
}

impl Room {
    pub fn of(dir: &Path) -> Self {
        Self(Mutex::new(State::of(dir)))
    }

    /// The folder has another log now.
    pub fn renew(&self, dir: &Path) {
        *self.0.lock() = State::of(dir);
    }

    /// Takes the room for a write of `bytes`.
    pub fn before(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.0.lock();
        state.before(bytes as u64 * COST + AHEAD)
    }
}

impl State {
    fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            log: File::options().write(true).open(dir.join("db")).ok(),
            len: 0,
            until: 0,
        }
    }

    fn before(&mut self, needed: u64) -> io::Result<()> {
        let Some(log) = &self.log else {
            return is_free(&self.dir, needed);
        };
        let len = log.metadata()?.len();
        if len < self.len {
            self.until = len; // Cut, and the blocks behind its end with it.
        }
        self.len = len;
        if len + needed <= self.until {
            return Ok(());
        }
        for until in [len + needed + STEP, len + needed] {
            match allocate(log, until) {
                Ok(()) => {
                    self.until = until;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
                Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {}
                // It cannot be asked for here.
                Err(_) => return is_free(&self.dir, needed),
            }
        }
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// Where the free space cannot be asked for either, the writes will tell.
fn is_free(dir: &Path, needed: u64) -> io::Result<()> {
    match fs4::available_space(dir) {
        Ok(free) if free < needed => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

/// Takes blocks for the first `until` bytes of a file; its length stays.
#[cfg(target_os = "linux")]
fn allocate(file: &File, until: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, 0, until).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_ahead_and_the_log_stays_as_long_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("db"), [1; 1000]).unwrap();
        let room = Room::of(folder.path());
        room.before(100).unwrap();
        let meta = std::fs::metadata(folder.path().join("db")).unwrap();
        assert_eq!(meta.len(), 1000);
        #[cfg(target_os = "linux")]
        assert!(crate::store::modes::allocated(&meta) >= AHEAD);
        // More than any disk has.
        let error = room.before(1 << 55).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        room.before(100).unwrap();
    }

    #[test]
    fn without_a_log_the_free_space_decides() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path());
        room.before(100).unwrap();
        assert!(room.before(1 << 55).is_err());
    }
}
