//! The number of a file in a download, and lists that have an entry for each file: no other number
//! reaches into them.

use std::ops::{Index, IndexMut};

/// Which file of a download, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileIndex(u32);

impl FileIndex {
    /// As a plain number, for rooms that know nothing of downloads.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Something for each file of a download.
#[derive(Debug)]
pub struct PerFile<T>(Vec<T>);

impl<T> PerFile<T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub fn indices(&self) -> impl Iterator<Item = FileIndex> + use<T> {
        (0..self.0.len() as u32).map(FileIndex)
    }

    /// The same for something else.
    pub fn map<U>(&self, each: impl FnMut(&T) -> U) -> PerFile<U> {
        self.iter().map(each).collect()
    }
}

impl<T> FromIterator<T> for PerFile<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T> Index<FileIndex> for PerFile<T> {
    type Output = T;

    fn index(&self, file: FileIndex) -> &T {
        &self.0[file.0 as usize]
    }
}

impl<T> IndexMut<FileIndex> for PerFile<T> {
    fn index_mut(&mut self, file: FileIndex) -> &mut T {
        &mut self.0[file.0 as usize]
    }
}
