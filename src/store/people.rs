//! Where the names and keys of people are written down: `.sprat/people`, a line of JSON each, the
//! last one of a name counts.
//!
//! Owns that file. Never decides what is remembered (`core::people` does). It is no part of the
//! index, because that may be thrown away and made again, and who had which key may not.
//! Invariants: appended to and synced, or replaced as a whole; private to its owner; a line that
//! cannot be read is skipped.

use super::{StoreError, failed, home::write_durably, modes};
use crate::core::{
    id::NodeId,
    people::{MAX, Person},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// No record is longer: a name has at most 64 bytes, each six in JSON at worst.
const LONGEST: u64 = 1024;

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    peer: String,
    met: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    added: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unchosen: bool,
    seen: u64,
}

/// The file. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct PeopleFile {
    path: PathBuf,
    /// One writer at a time.
    writing: Arc<Mutex<()>>,
}

impl PeopleFile {
    /// That of the home at `root`. Reading needs no lock of it.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            path: root.join(".sprat/people"),
            writing: Arc::default(),
        }
    }

    /// What was written, oldest first.
    ///
    /// # Errors
    /// When the disk refuses; there being no file is none.
    pub fn read(&self) -> Result<Vec<Person>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.path)(error)),
        };
        // Twice what is ever written, whatever lies there.
        let mut lines = BufReader::new(file.take(4 * MAX as u64 * LONGEST));
        let (mut people, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            if read.map_err(failed("read", &self.path))? == 0 {
                return Ok(people);
            }
            if people.len() < 4 * MAX {
                people.extend(parse(&line));
            }
        }
    }

    /// Adds records, or puts them in place of all. With none to add it only waits for the one that
    /// writes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, people: &[Person], all: bool) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if people.is_empty() && !all {
            return Ok(());
        }
        let mut text = String::new();
        for person in people {
            let line = Line {
                name: person.name.clone(),
                peer: person.key.to_string(),
                met: person.met,
                added: person.added,
                unchosen: person.unchosen,
                seen: person.seen,
            };
            // Strings and numbers: it cannot fail.
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        let written = if all {
            write_durably(&self.path, text.as_bytes())
        } else {
            self.append(&text)
        };
        written.map_err(failed("write", &self.path))
    }

    fn append(&self, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let mut file = modes::private(&mut options).open(&self.path)?;
        // The blank line ends one that a crash cut off.
        file.write_all(format!("\n{text}").as_bytes())?;
        file.sync_data()
    }
}

fn parse(line: &[u8]) -> Option<Person> {
    let line: Line = serde_json::from_slice(line).ok()?;
    Some(Person {
        key: NodeId::parse(&line.peer)?,
        name: line.name,
        met: line.met,
        added: line.added,
        unchosen: line.unchosen,
        seen: line.seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Home;

    #[test]
    fn people_come_back_and_damage_costs_only_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let file = PeopleFile::of(home.root());
        assert_eq!(file.read().unwrap(), []);
        let person = |n, name: &str| Person {
            name: name.into(),
            key: NodeId([n; 32]),
            met: n == 1,
            added: n == 1,
            unchosen: n == 2,
            seen: 9,
        };
        let (one, two) = (person(1, "a\n\u{202e}\""), person(2, "b"));
        file.write(std::slice::from_ref(&one), false).unwrap();
        let mut text = std::fs::read(&file.path).unwrap();
        text.extend(b"{\"name\":\"torn\xff");
        std::fs::write(&file.path, text).unwrap();
        file.write(std::slice::from_ref(&two), false).unwrap();
        assert_eq!(file.read().unwrap(), [one, two.clone()]);
        file.write(std::slice::from_ref(&two), true).unwrap();
        assert_eq!(file.read().unwrap(), [two]);
    }
}
