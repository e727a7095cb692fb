//! What a node asks the others for that only looks or fetches, in place of all names.
//!
//! Invariant: what is looked for only grows, so what a peer was asked for stays asked for.

use super::catalog::PeerCatalog;
use crate::{
    core::id::FileId,
    node::api::LooksFor,
    wire::{MAX_PATTERN, MAX_WANTED_FILES, MAX_WANTED_WORDS, control::Wanted},
};
use std::collections::HashSet;

/// Contents that are looked for by whatever name; of a download of more files those beyond are looked
/// for by what the words mean alone.
const MAX_FILES: usize = 16 << 10;

/// See the module.
#[derive(Debug)]
pub struct Looking {
    what: LooksFor,
    files: Vec<FileId>,
    known: HashSet<FileId>,
}

impl Looking {
    /// `None` when all names are to be asked for.
    #[must_use]
    pub fn new(what: LooksFor) -> Option<Self> {
        let fits = |words: &String| (1..=MAX_PATTERN).contains(&words.len());
        // Longer words, and more of them, are looked for in all that there is.
        let some = match &what {
            LooksFor::List(words) => fits(words),
            LooksFor::Download(words) => {
                // A bare `/` means everything.
                let some = |word: &String| fits(word) && word.chars().any(|c| c != '/');
                (1..=MAX_WANTED_WORDS).contains(&words.len()) && words.iter().all(some)
            }
        };
        some.then(|| Self {
            what,
            files: Vec::new(),
            known: HashSet::new(),
        })
    }

    /// Whether it is for a download.
    #[must_use]
    pub fn fetches(&self) -> bool {
        matches!(self.what, LooksFor::Download(_))
    }

    /// The words of `list`.
    #[must_use]
    pub fn matching(&self) -> Option<&str> {
        match &self.what {
            LooksFor::List(words) => Some(words),
            LooksFor::Download(_) => None,
        }
    }

    /// These contents are looked for, too. False when that is nothing new.
    pub fn add(&mut self, files: &[FileId]) -> bool {
        let before = self.files.len();
        for file in files {
            if self.files.len() < MAX_FILES && self.known.insert(*file) {
                self.files.push(*file);
            }
        }
        self.files.len() > before
    }

    /// Whether a peer is still to be asked for some contents.
    #[must_use]
    pub fn lacks(&self, peer: &PeerCatalog) -> bool {
        peer.asked_for() < self.files.len() && !peer.knows_all()
    }

    /// What to ask a peer for, and for how many of the contents it was asked then.
    #[must_use]
    pub fn wanted(&self, peer: &PeerCatalog) -> Option<(Wanted, usize)> {
        let LooksFor::Download(words) = &self.what else {
            return None;
        };
        let all = self.files.len();
        // All of a few are named each time, so that what becomes of them is told.
        let from = if all <= MAX_WANTED_FILES {
            0
        } else {
            peer.asked_for().min(all)
        };
        let until = all.min(from + MAX_WANTED_FILES);
        let wanted = Wanted {
            words: words.clone(),
            files: self.files[from..until].to_vec(),
        };
        Some((wanted, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(words: &[&str]) -> Option<Looking> {
        let words = words.iter().map(|word| (*word).to_owned());
        Looking::new(LooksFor::Download(words.collect()))
    }

    #[test]
    fn what_does_not_fit_a_question_is_looked_for_among_all_names() {
        assert!(download(&["a", "b/", "*.txt"]).is_some());
        let long = "x".repeat(MAX_PATTERN + 1);
        let many = vec!["a"; MAX_WANTED_WORDS + 1];
        for words in [&[][..], &["a", "/"], &["//"], &[""], &[&long], &many] {
            assert!(download(words).is_none(), "{words:?}");
        }
        assert!(Looking::new(LooksFor::List(String::new())).is_none());
        assert!(Looking::new(LooksFor::List("/".into())).is_some());
    }

    #[test]
    fn contents_are_asked_for_once_page_by_page_and_a_few_each_time() {
        let files: Vec<FileId> = (0..600u32)
            .map(|at| FileId(*blake3::hash(&at.to_le_bytes()).as_bytes()))
            .collect();
        let mut looking = download(&["a"]).unwrap();
        let mut peer = PeerCatalog::default();
        assert!(!looking.lacks(&peer));
        assert!(looking.add(&files[..2]) && !looking.add(&files[..2]));
        for _ in 0..2 {
            let (wanted, until) = looking.wanted(&peer).unwrap();
            assert_eq!((&wanted.files[..], until), (&files[..2], 2));
            peer.was_asked_for(until);
            assert!(!looking.lacks(&peer));
        }
        assert!(looking.add(&files));
        let mut asked = files[..2].to_vec();
        while looking.lacks(&peer) {
            let (wanted, until) = looking.wanted(&peer).unwrap();
            asked.extend(wanted.files);
            peer.was_asked_for(until);
        }
        assert_eq!(asked, files);
        assert!(looking.wanted(&peer).unwrap().0.files.is_empty());
        let many: Vec<FileId> = (0..2 * MAX_FILES as u64)
            .map(|at| FileId(*blake3::hash(&at.to_be_bytes()).as_bytes()))
            .collect();
        looking.add(&many);
        assert_eq!(looking.files.len(), MAX_FILES);
    }
}
