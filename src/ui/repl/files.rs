//! The files of this machine that a word may mean: for completion, in the editor's own thread.
//!
//! Reads one folder, and no more of it than helps. A folder that cannot be read has nothing in it.

use crate::ui::send::expand;
use std::path::Path;

/// Entries of a folder that are looked at.
const LOOK: usize = 10_000;

/// The paths that begin with `word`, as they would be typed; folders end in a slash.
#[must_use]
pub fn begin_so(word: &str) -> Vec<String> {
    let (folder, prefix) = match word.rfind('/') {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    let path = match folder {
        "" => Path::new(".").to_owned(),
        folder => expand(folder),
    };
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .take(LOOK)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !prefix.starts_with('.');
            if hidden || !name.starts_with(prefix) {
                return None;
            }
            // As the link's target is.
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{folder}{name}{slash}"))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn one_folder_is_looked_into_and_what_is_hidden_stays_so() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("photos")).unwrap();
        for name in ["plan.txt", "photos/a.jpg", ".phidden"] {
            fs::write(home.path().join(name), "").unwrap();
        }
        let at = |word: &str| {
            let word = format!("{}/{word}", home.path().display());
            let from = word.rfind('/').unwrap() + 1;
            let found = begin_so(&word);
            assert!(found.iter().all(|path| path.starts_with(&word)));
            let cut = |path: String| path[from..].to_owned();
            found.into_iter().map(cut).collect::<Vec<_>>()
        };
        assert_eq!(at("p"), ["photos/", "plan.txt"]);
        assert_eq!(at("photos/"), ["a.jpg"]);
        assert_eq!(at("."), [".phidden"]);
        assert!(at("nowhere/x").is_empty());
    }
}
