//! What is to be sent to people once they come: `.sprat/later`, a line of JSON each.
//!
//! Owns that file and its bounds. Never decides when anything is sent (`node::later` does).
//! Invariants: replaced as a whole and synced; private to its owner; a line that cannot be read is
//! skipped; a home keeps at most [`MAX_ERRANDS`].

use super::{StoreError, failed, home::write_durably};
use crate::core::id::NodeId;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

/// Errands that a home keeps.
pub const MAX_ERRANDS: usize = 100;
/// Files and folders of one.
pub const MAX_PATHS: usize = 100;
/// Bytes of a path.
const LONGEST_PATH: usize = 4096;
/// Bytes of the file that are read: more than the largest that is written.
const LONGEST: u64 = (MAX_ERRANDS * MAX_PATHS * LONGEST_PATH * 6) as u64;

/// Files that wait for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Errand {
    /// Its number, for one who wants to take it back.
    pub number: u32,
    /// For whom.
    pub to: NodeId,
    /// What they were called.
    pub name: String,
    /// Files and folders, by absolute path.
    pub files: Vec<PathBuf>,
    /// Since when: seconds since 1970.
    pub since: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    number: u32,
    peer: String,
    name: String,
    files: Vec<String>,
    since: u64,
}

/// Why files cannot wait for a person. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LaterError {
    /// There is nothing of that name.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It could not be written down.
    #[error("{} has a name that cannot be remembered; rename it first", .0.display())]
    Name(PathBuf),
    /// More than are kept of one.
    #[error("at most {MAX_PATHS} files and folders can wait together: put them into a folder")]
    TooManyPaths,
    /// More than are kept in all.
    #[error("{MAX_ERRANDS} sends wait already: take one back with `cancel later N`")]
    TooMany,
    /// The node is about to leave.
    #[error("the node is stopping")]
    Stopping,
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Errand {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// [`LaterError`], which says why not.
    pub fn check(&self) -> Result<(), LaterError> {
        if self.files.is_empty() || self.files.len() > MAX_PATHS {
            return Err(LaterError::TooManyPaths);
        }
        for path in &self.files {
            let text = path.to_str().filter(|text| text.len() <= LONGEST_PATH);
            if text.is_none() {
                return Err(LaterError::Name(path.clone()));
            }
            if !path.exists() {
                return Err(LaterError::Missing(path.clone()));
            }
        }
        Ok(())
    }
}

/// The file. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct LaterFile(PathBuf);

impl LaterFile {
    /// That of the home at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self(root.join(".sprat/later"))
    }

    /// What was written.
    ///
    /// # Errors
    /// When the disk refuses; there being no file is none.
    pub fn read(&self) -> Result<Vec<Errand>, StoreError> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.0)(error)),
        };
        let lines = BufReader::new(file.take(LONGEST)).split(b'\n');
        let mut errands = Vec::new();
        for line in lines.take(MAX_ERRANDS) {
            errands.extend(parse(&line.map_err(failed("read", &self.0))?));
        }
        Ok(errands)
    }

    /// Puts these in place of what was there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, errands: &[Errand]) -> Result<(), StoreError> {
        let mut text = String::new();
        for errand in errands {
            let files = errand.files.iter();
            let line = Line {
                number: errand.number,
                peer: errand.to.to_string(),
                name: errand.name.clone(),
                files: files
                    .map(|path| path.to_string_lossy().into_owned())
                    .collect(),
                since: errand.since,
            };
            // Strings and numbers: it cannot fail.
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        write_durably(&self.0, text.as_bytes()).map_err(failed("write", &self.0))
    }
}

fn parse(line: &[u8]) -> Option<Errand> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let errand = Errand {
        number: line.number,
        to: NodeId::parse(&line.peer)?,
        name: line.name,
        files: line.files.into_iter().map(PathBuf::from).collect(),
        since: line.since,
    };
    (1..=MAX_PATHS)
        .contains(&errand.files.len())
        .then_some(errand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Home;

    fn errand(number: u32, files: &[&Path]) -> Errand {
        Errand {
            number,
            to: NodeId([number as u8; 32]),
            name: "a\n\u{202e}\"".into(),
            files: files.iter().map(|path| path.to_path_buf()).collect(),
            since: 9,
        }
    }

    #[test]
    fn errands_come_back_and_damage_costs_only_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let file = LaterFile::of(home.root());
        assert_eq!(file.read().unwrap(), []);
        let here = folder.path();
        let all = [errand(1, &[here]), errand(7, &[here, here])];
        file.write(&all).unwrap();
        assert_eq!(file.read().unwrap(), all);
        let mut text = std::fs::read(&file.0).unwrap();
        text.splice(0..0, *b"{\"number\":1,\xff\n");
        std::fs::write(&file.0, text).unwrap();
        assert_eq!(file.read().unwrap(), all);
        file.write(&[]).unwrap();
        assert_eq!(file.read().unwrap(), []);
    }

    #[test]
    fn what_cannot_be_kept_says_why() {
        let here = Path::new("/");
        assert!(errand(1, &[here]).check().is_ok());
        let missing = errand(1, &[Path::new("/nowhere/at all")]).check();
        assert!(matches!(missing, Err(LaterError::Missing(_))));
        let many = errand(1, &vec![here; MAX_PATHS + 1]).check();
        assert!(matches!(many, Err(LaterError::TooManyPaths)));
        assert!(matches!(
            errand(1, &[]).check(),
            Err(LaterError::TooManyPaths)
        ));
        let long = PathBuf::from("/".to_owned() + &"x".repeat(LONGEST_PATH));
        assert!(matches!(
            errand(1, &[&long]).check(),
            Err(LaterError::Name(_))
        ));
    }

    #[test]
    fn more_than_a_home_keeps_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let file = LaterFile::of(home.root());
        let many: Vec<Errand> = (0..2 * MAX_ERRANDS as u32)
            .map(|n| errand(n, &[folder.path()]))
            .collect();
        file.write(&many).unwrap();
        assert_eq!(file.read().unwrap().len(), MAX_ERRANDS);
    }
}
