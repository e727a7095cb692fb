//! What was said, and with whom: `.sprat/chat/`, a log for each peer, a line of JSON each.
//!
//! Owns that folder. Invariants: logs are appended to, and cut at the front when they grow beyond
//! [`LINES`] lines or [`BYTES`] bytes; of those who only wrote to us (`.stranger`) at most
//! [`STRANGERS`] logs of [`STRANGER_BYTES`] are kept, so that many identities cannot fill the disk;
//! everything is private to its owner.

use super::{StoreError, failed, home::write_durably, modes};
use crate::core::id::NodeId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The most lines of a log.
pub const LINES: usize = 10_000;
/// The most bytes of a log.
pub const BYTES: u64 = 1 << 20;
/// Logs of peers to whom nothing was ever written.
pub const STRANGERS: usize = 256;
/// The most bytes of such a log.
pub const STRANGER_BYTES: u64 = 64 << 10;
/// No line is shorter: below this there cannot be too many.
const SHORTEST: u64 = 33;

/// One thing that was said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChatLine {
    /// When: seconds since 1970.
    pub time: u64,
    /// By the person here, and not by the peer.
    pub mine: bool,
    /// What, as it came.
    pub text: String,
}

/// The logs of a home. Clones are handles to the same ones.
#[derive(Clone, Debug)]
pub struct Chats {
    folder: PathBuf,
    /// One writer at a time.
    writing: Arc<Mutex<()>>,
}

impl Chats {
    /// Those of the home at `root`. Reading needs no lock of it.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            folder: root.join(".sprat/chat"),
            writing: Arc::default(),
        }
    }

    /// Adds a line to the log of `peer`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&self, peer: &NodeId, said: &ChatLine) -> Result<(), StoreError> {
        let _writing = self.writing.lock();
        match modes::create_private_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("create", &self.folder)(error));
            }
            _ => {}
        }
        let path = self.log_for(peer, said.mine)?;
        // Strings and numbers: it cannot fail.
        let line = serde_json::to_string(said).unwrap_or_default();
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file = modes::private(&mut options).open(&path);
        let mut file = file.map_err(failed("open", &path))?;
        // The line end before it ends what a crash may have cut off.
        file.write_all(format!("\n{line}").as_bytes())
            .map_err(failed("write", &path))?;
        let size = file.metadata().map_err(failed("look at", &path))?.len();
        drop(file);
        let most = if is_strangers(&path) {
            STRANGER_BYTES
        } else {
            BYTES
        };
        if size > most.min(LINES as u64 * SHORTEST) {
            cut(&path, most).map_err(failed("shorten", &path))?;
        }
        Ok(())
    }

    /// The last `count` lines of the log of `peer`, oldest first.
    ///
    /// # Errors
    /// When the disk refuses; there being no log is none.
    pub fn read(&self, peer: &NodeId, count: usize) -> Result<Vec<ChatLine>, StoreError> {
        for path in [self.log(peer), self.strangers_log(peer)] {
            match contents(&path) {
                Ok(text) => {
                    let lines = text.split(|byte| *byte == b'\n');
                    let mut said: Vec<ChatLine> = lines
                        .filter_map(|line| serde_json::from_slice(line).ok())
                        .collect();
                    said.drain(..said.len().saturating_sub(count));
                    return Ok(said);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("read", &path)(error)),
            }
        }
        Ok(Vec::new())
    }

    /// With whom there is a log.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn peers(&self) -> Result<Vec<NodeId>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list", &self.folder)(error)),
        };
        let mut peers = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("list", &self.folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let (name, ending) = name
                .and_then(|name| name.split_once('.'))
                .unwrap_or_default();
            if matches!(ending, "log" | "stranger") {
                peers.extend(NodeId::parse(name));
            }
        }
        Ok(peers)
    }

    fn log(&self, peer: &NodeId) -> PathBuf {
        self.folder.join(format!("{peer}.log"))
    }

    fn strangers_log(&self, peer: &NodeId) -> PathBuf {
        self.folder.join(format!("{peer}.stranger"))
    }

    /// Where a line goes. An answer makes a stranger's log a real one; a new stranger's takes the
    /// place of the oldest.
    fn log_for(&self, peer: &NodeId, mine: bool) -> Result<PathBuf, StoreError> {
        let (log, new) = (self.log(peer), self.strangers_log(peer));
        if log.exists() {
            return Ok(log);
        }
        if mine {
            match fs::rename(&new, &log) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("rename", &new)(error));
                }
                _ => return Ok(log),
            }
        }
        if !new.exists() {
            self.make_room()?;
        }
        Ok(new)
    }

    fn make_room(&self) -> Result<(), StoreError> {
        let mut strangers = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed("list", &self.folder))? {
            let entry = entry.map_err(failed("list", &self.folder))?;
            if is_strangers(&entry.path()) {
                let written = entry.metadata().and_then(|meta| meta.modified()).ok();
                strangers.push((written, entry.path()));
            }
        }
        strangers.sort();
        let most = STRANGERS - 1;
        for (_, path) in &strangers[..strangers.len().saturating_sub(most)] {
            fs::remove_file(path).map_err(failed("remove", path))?;
        }
        Ok(())
    }
}

fn is_strangers(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "stranger")
}

/// What a log holds: never more than twice what it may.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = fs::File::open(path)?;
    file.take(2 * BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// Cuts a log that is too long to three quarters of what it may be, so that this is seldom done.
fn cut(path: &Path, most: u64) -> io::Result<()> {
    let text = contents(path)?;
    let count = text.split(|byte| *byte == b'\n').count();
    if text.len() as u64 <= most && count <= LINES {
        return Ok(());
    }
    let (most, lines) = (most as usize * 3 / 4, LINES * 3 / 4);
    let (mut start, mut kept) = (text.len(), 0);
    for (at, _) in text.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
        // The line end before the first line that stays.
        if text.len() - at > most || kept > lines {
            break;
        }
        (start, kept) = (at + 1, kept + 1);
    }
    write_durably(path, &text[start..])
}

#[cfg(test)]
mod tests;
