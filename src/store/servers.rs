//! Which key each rendezvous server had: `.sprat/servers`, a line each, `host:port KEY`.
//!
//! Owns that file. Never decides whether a key is right (`core::meeting` does). Invariants:
//! replaced as a whole, and synced; a line that cannot be read is skipped; bounded, the oldest
//! lines go first.

use super::{StoreError, failed, home::write_durably};
use crate::core::id::NodeId;
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Servers remembered.
const MAX: usize = 256;
/// No file is longer: a host name has at most 255 bytes.
const LONGEST: u64 = 512 * MAX as u64;

/// The file. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct ServersFile {
    path: PathBuf,
    /// One writer at a time.
    writing: Arc<Mutex<()>>,
}

impl ServersFile {
    /// That of the home at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            path: root.join(".sprat/servers"),
            writing: Arc::default(),
        }
    }

    /// What was written: each server (`host:port`) and its key, the longest unchanged first.
    ///
    /// # Errors
    /// When the disk refuses; there being no file is none.
    pub fn read(&self) -> Result<Vec<(String, NodeId)>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.path)(error)),
        };
        let mut bytes = Vec::new();
        let read = file.take(LONGEST).read_to_end(&mut bytes);
        read.map_err(failed("read", &self.path))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().filter_map(parse).take(MAX).collect())
    }

    /// Remembers a server's key, in place of the one that it had.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remember(&self, server: &str, key: NodeId) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.read()?;
        if all.iter().any(|known| *known == (server.to_owned(), key)) {
            return Ok(());
        }
        all.retain(|(known, _)| known != server);
        all.push((server.to_owned(), key));
        let skipped = all.len().saturating_sub(MAX);
        let mut text = String::new();
        for (server, key) in &all[skipped..] {
            // Writing to memory cannot fail.
            let _ = writeln!(text, "{server} {key}");
        }
        write_durably(&self.path, text.as_bytes()).map_err(failed("write", &self.path))
    }
}

fn parse(line: &str) -> Option<(String, NodeId)> {
    let (server, key) = line.trim().split_once(' ')?;
    let fits = !server.is_empty() && server.len() < 300;
    fits.then_some(())?;
    Some((server.to_owned(), NodeId::parse(key.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Home;

    #[test]
    fn keys_come_back_and_damage_costs_only_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let file = ServersFile::of(home.root());
        assert_eq!(file.read().unwrap(), []);
        let (one, two) = (NodeId([1; 32]), NodeId([2; 32]));
        file.remember("a:1", one).unwrap();
        let mut text = std::fs::read(&file.path).unwrap();
        text.extend(b"torn:1 12D3\xff\n\n");
        std::fs::write(&file.path, text).unwrap();
        file.remember("b:1", one).unwrap();
        file.remember("a:1", two).unwrap();
        let expected = [("b:1".to_owned(), one), ("a:1".to_owned(), two)];
        assert_eq!(file.read().unwrap(), expected);
    }

    #[test]
    fn the_file_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let file = ServersFile::of(home.root());
        let line = |n: usize| format!("host{n}:1 {}\n", NodeId([7; 32]));
        let text: String = (0..MAX).map(line).collect();
        std::fs::write(&file.path, text).unwrap();
        file.remember("new:1", NodeId([1; 32])).unwrap();
        let all = file.read().unwrap();
        assert_eq!(all.len(), MAX);
        assert_eq!(all.last().unwrap().0, "new:1");
        assert_eq!(all[0].0, "host1:1");
    }
}
