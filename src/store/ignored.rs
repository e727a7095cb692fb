//! What a person does not want to share: `.spratignore`, with the rules of gitignore.
//!
//! A file of that name counts for its folder and all below; deeper ones come first. Some names that
//! only file managers make are left out unless a rule says otherwise (`!Thumbs.db`).

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// The file that has the rules.
pub(super) const RULES: &str = ".spratignore";
/// What file managers leave behind.
const DEFAULTS: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// The rules below one folder. They are read once: to be used for one walk, and let go.
pub(super) struct Ignored {
    root: PathBuf,
    /// Those of a folder below the root, where there are any.
    rules: HashMap<PathBuf, Option<Gitignore>>,
    /// A folder for which there are none, not even above it: a walk goes through one after the
    /// other.
    free: Option<PathBuf>,
    problems: Vec<(PathBuf, String)>,
}

impl Ignored {
    /// The rules for what lies below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            rules: HashMap::new(),
            free: None,
            problems: Vec::new(),
        }
    }

    /// Whether `path`, relative to the root, is left out, itself or with a folder that it lies in.
    pub fn ignores(&mut self, path: &Path, is_folder: bool) -> bool {
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.pop(); // The root itself was named by a person.
        folders
            .into_iter()
            .rev()
            .any(|part| self.ignores_one(part, is_folder || part != path))
    }

    /// Whether `path` is left out when all folders on the way are not.
    pub fn ignores_one(&mut self, path: &Path, is_folder: bool) -> bool {
        let name = path.file_name();
        if name.is_some_and(|name| name == RULES) {
            return true;
        }
        let by_default = name.is_some_and(|name| DEFAULTS.iter().any(|one| name == *one));
        // Compared as text, which costs far less than as paths.
        let folder = path.parent().map(Path::as_os_str);
        if folder.is_some() && folder == self.free.as_deref().map(Path::as_os_str) {
            return by_default;
        }
        let full = self.root.join(path);
        let mut free = true;
        for folder in path.ancestors().skip(1) {
            let Some(rules) = self.rules_of(folder) else {
                continue;
            };
            free = false;
            match rules.matched(&full, is_folder) {
                Match::None => {}
                decided => return decided.is_ignore(),
            }
        }
        if free {
            self.free = path.parent().map(Path::to_owned);
        }
        by_default
    }

    fn rules_of(&mut self, folder: &Path) -> Option<&Gitignore> {
        if !self.rules.contains_key(folder) {
            let read = self.read(folder);
            self.rules.insert(folder.to_owned(), read);
        }
        self.rules.get(folder)?.as_ref()
    }

    fn read(&mut self, folder: &Path) -> Option<Gitignore> {
        let full = self.root.join(folder);
        let path = full.join(RULES);
        if !path.is_file() {
            return None;
        }
        let mut builder = GitignoreBuilder::new(&full);
        // A rule that makes no sense is left out, the others hold.
        let wrong = builder.add(&path);
        let built = builder.build();
        let wrong = wrong.map(|error| error.to_string());
        let wrong = wrong.or_else(|| built.as_ref().err().map(ToString::to_string));
        self.problems
            .extend(wrong.map(|why| (folder.join(RULES), why)));
        built.ok()
    }

    /// What is wrong with the rules that were read; nothing is, afterwards.
    pub fn problems(&mut self) -> Vec<(PathBuf, String)> {
        std::mem::take(&mut self.problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn what_file_managers_leave_behind_is_left_out_unless_it_is_wanted() {
        let folder = tree(&[]);
        let mut ignored = Ignored::below(folder.path());
        for name in DEFAULTS {
            assert!(ignored.ignores(Path::new(name), false), "{name}");
            assert!(ignored.ignores(&Path::new("deep/er").join(name), false));
        }
        assert!(!ignored.ignores(Path::new("photo.jpg"), false));
        let folder = tree(&[(RULES, "!Thumbs.db\n")]);
        let mut ignored = Ignored::below(folder.path());
        assert!(!ignored.ignores(Path::new("a/Thumbs.db"), false));
        assert!(ignored.ignores(Path::new("a/.DS_Store"), false));
    }

    #[test]
    fn rules_are_those_of_gitignore() {
        let folder = tree(&[
            (RULES, "*.tmp\n/build/\n# a comment\ndocs/*.pdf\n"),
            ("keep/.spratignore", "!wanted.tmp\nsecret\n"),
        ]);
        let mut ignored = Ignored::below(folder.path());
        for (path, is_folder, out) in [
            ("a.tmp", false, true),
            ("deep/a.tmp", false, true),
            ("build", true, true),
            ("build/x/y.o", false, true),
            ("sub/build/y.o", false, false),
            ("docs/a.pdf", false, true),
            ("docs/b/a.pdf", false, false),
            ("keep/wanted.tmp", false, false),
            ("keep/other.tmp", false, true),
            ("keep/secret", false, true),
            ("secret", false, false),
            (RULES, false, true),
            ("keep/.spratignore", false, true),
        ] {
            assert_eq!(ignored.ignores(Path::new(path), is_folder), out, "{path}");
        }
        assert!(ignored.problems().is_empty());
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_told_and_the_others_hold() {
        let folder = tree(&[(RULES, "a{b\n*.tmp\n")]);
        let mut ignored = Ignored::below(folder.path());
        assert!(ignored.ignores(Path::new("x.tmp"), false));
        let problems = ignored.problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].0, Path::new(RULES));
    }
}
