//! Where readers are in files that are still coming, and who is told that more of one is here.
//!
//! Between the readers and the jobs, which need not know each other. Owns the windows; decides
//! nothing. Invariant: a window goes with its reader.

use crate::core::id::FileId;
use parking_lot::Mutex;
use std::{collections::HashMap, ops::Range, sync::Arc};
use tokio::sync::watch;

/// The table. Clones are handles to the same one.
#[derive(Clone)]
pub struct Windows(Arc<Inner>);

struct Inner {
    files: Mutex<HashMap<FileId, Read>>,
    moved: watch::Sender<u64>,
}

/// A file that is read while it comes.
struct Read {
    last: u64,
    /// The chunks that each reader needs, from where it is.
    windows: Vec<(u64, Range<u32>)>,
    arrived: watch::Sender<u64>,
}

/// A reader's place in a file.
pub struct Window {
    windows: Windows,
    file: FileId,
    number: u64,
    arrived: watch::Receiver<u64>,
}

impl Default for Windows {
    fn default() -> Self {
        let (files, moved) = (Mutex::default(), watch::channel(0).0);
        Self(Arc::new(Inner { files, moved }))
    }
}

impl Windows {
    /// A reader of `file` that needs nothing yet.
    #[must_use]
    pub fn open(&self, file: FileId) -> Window {
        let mut files = self.0.files.lock();
        let read = files.entry(file).or_insert_with(|| Read {
            last: 0,
            windows: Vec::new(),
            arrived: watch::channel(0).0,
        });
        read.last += 1;
        read.windows.push((read.last, 0..0));
        Window {
            windows: self.clone(),
            file,
            number: read.last,
            arrived: read.arrived.subscribe(),
        }
    }

    /// The chunks of `file` that are waited for: a window for each reader.
    #[must_use]
    pub fn of(&self, file: &FileId) -> Vec<Range<u32>> {
        let files = self.0.files.lock();
        let windows = files.get(file).map(|read| read.windows.iter());
        let windows = windows.into_iter().flatten().map(|(_, chunks)| chunks);
        windows
            .filter(|chunks| !chunks.is_empty())
            .cloned()
            .collect()
    }

    /// Whether anything is read while it comes.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.0.files.lock().is_empty()
    }

    /// Grows when a window opens, moves or closes.
    #[must_use]
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.0.moved.subscribe()
    }

    /// More of `file` is here, or its download ended.
    pub fn arrived(&self, file: &FileId) {
        if let Some(read) = self.0.files.lock().get(file) {
            read.arrived.send_modify(|times| *times += 1);
        }
    }

    fn note_move(&self) {
        self.0.moved.send_modify(|times| *times += 1);
    }
}

impl Window {
    /// The reader needs these chunks now.
    pub fn slide(&self, chunks: Range<u32>) {
        let differs = {
            let mut files = self.windows.0.files.lock();
            let windows = files
                .get_mut(&self.file)
                .map(|read| read.windows.iter_mut());
            let mut windows = windows.into_iter().flatten();
            match windows.find(|(number, _)| *number == self.number) {
                Some((_, before)) if *before != chunks => {
                    *before = chunks;
                    true
                }
                _ => false,
            }
        };
        if differs {
            self.windows.note_move();
        }
    }

    /// What has arrived up to now is seen: [`Self::more`] waits for what comes after this.
    pub fn look(&mut self) {
        self.arrived.mark_unchanged();
    }

    /// Waits until more of the file is here.
    pub async fn more(&mut self) {
        // The sender lives as long as this window.
        let _ = self.arrived.changed().await;
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        {
            let mut files = self.windows.0.files.lock();
            if let Some(read) = files.get_mut(&self.file) {
                read.windows.retain(|(number, _)| *number != self.number);
                if read.windows.is_empty() {
                    files.remove(&self.file);
                }
            }
        }
        self.windows.note_move();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_window_moves_with_its_reader_and_goes_with_it() {
        let (windows, file) = (Windows::default(), FileId([1; 32]));
        let moved = windows.moved();
        let (mut one, other) = (windows.open(file), windows.open(file));
        assert!(windows.of(&file).is_empty() && !moved.has_changed().unwrap());
        one.slide(0..4);
        other.slide(7..9);
        assert_eq!(windows.of(&file), [0..4, 7..9]);
        one.slide(1..5);
        assert_eq!(windows.of(&file), [1..5, 7..9]);
        assert!(moved.has_changed().unwrap());
        one.look();
        windows.arrived(&file);
        one.more().await;
        drop(one);
        assert_eq!(windows.of(&file), std::slice::from_ref(&(7..9)));
        drop(other);
        assert!(!windows.any());
        windows.arrived(&file); // Nobody hears it.
    }
}
