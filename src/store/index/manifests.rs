//! Manifests in the index, in their canonical bytes: what is stored is what is sent.
//!
//! That of one chunk is what the records of its files say, and is stored only while there is no
//! such file and a download or a replica needs it. Invariants: a root is written after all its
//! pages, and removed before them; what nothing here needs is removed at the next start at the
//! latest ([`Index::sweep`]).

use super::{Index, PART, Tree, Trees, key, record::Content};
use crate::{
    core::{id::FileId, manifest::Manifest},
    store::StoreError,
    wire::manifest::{self, Encoded},
};
use parking_lot::MutexGuard;
use std::{collections::HashSet, iter::Peekable, sync::Arc};

/// Manifests that came in this run and may have no user yet; `None` once the sweep is over.
pub(super) type Fresh = Option<HashSet<FileId>>;

/// A root, and the page kept with it.
type Stored = (Vec<u8>, Vec<u8>);

/// Bytes of the longest page that is kept with its root.
const INLINE: usize = 1024;

impl Index {
    /// Stores a manifest.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add_manifest(&self, encoded: &Encoded) -> Result<(), StoreError> {
        self.is_fresh(encoded.file);
        self.add_manifests(std::iter::once(encoded))
    }

    /// Stores one page of a manifest whose root comes after all of them ([`Index::add_root`]).
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add_page(&self, file: &FileId, page: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.is_fresh(*file);
        let mut batch = sled::Batch::default();
        for (part, bytes) in (0u16..).zip(bytes.chunks(PART)) {
            batch.insert(page_key(file, page, part), bytes);
        }
        // As a whole: one part tells that all are here.
        self.0.pages.apply_batch(batch).map_err(|e| self.error(e))
    }

    /// Whether a page is here, whatever became of its root.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has_page(&self, file: &FileId, page: u32) -> Result<bool, StoreError> {
        let known = self.0.pages.contains_key(page_key(file, page, 0));
        known.map_err(|e| self.error(e))
    }

    /// Stores the root of a manifest whose pages are here.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add_root(&self, file: &FileId, root: &[u8]) -> Result<(), StoreError> {
        let put = self.0.roots.insert(file.as_bytes(), root_value(root, &[]));
        put.map(drop).map_err(|e| self.error(e))
    }

    /// Whether the lengths of a manifest's chunks add up to what its root says, looked at page by
    /// page; false when a page is missing.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn adds_up(&self, file: &FileId, root: &manifest::Root) -> Result<bool, StoreError> {
        let mut size = 0;
        for at in 0..root.pages.len() {
            let page = self.page(file, at as u32)?.unwrap_or_default();
            let Ok(page) = root.decode_page(at, &page) else {
                return Ok(false);
            };
            size += page.iter().map(|one| u64::from(one.len)).sum::<u64>();
        }
        Ok(size == root.size)
    }

    /// Removes a manifest, or the pages of one, unless something here needs it.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_manifest(&self, file: &FileId) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.drop_unused_manifest(file)
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.0.fresh.lock()
    }

    fn is_fresh(&self, file: FileId) {
        if let Some(fresh) = &mut *self.fresh() {
            fresh.insert(file);
        }
    }

    /// Removes the manifests that an earlier run left behind and nothing here needs; gives their
    /// number. Ends early when no other task holds this index any more. To be called once, at any
    /// time: what comes meanwhile stays.
    ///
    /// # Errors
    /// When the index cannot be read or written.
    pub fn sweep(&self) -> Result<usize, StoreError> {
        let Trees {
            have,
            replica_files,
            ..
        } = &self.0.trees;
        let mut removed = 0;
        for tree in [&self.0.roots, &self.0.pages] {
            let mut needed = [have, replica_files].map(Needed::of);
            let mut last = None;
            for item in tree.iter().keys() {
                let item = item.map_err(|e| self.error(e))?;
                let Some(file) = item.get(..32).and_then(FileId::from_slice) else {
                    continue;
                };
                if last.replace(file) == Some(file) || Arc::strong_count(&self.0) == 1 {
                    continue;
                }
                let mut used = self.content_of(&file)?.is_some();
                for tree in &mut needed {
                    used |= tree.has(&file).map_err(|e| self.error(e))?;
                }
                if used {
                    continue;
                }
                // It may have found a user since: that is looked at again.
                let _writing = self.writing();
                let new = matches!(&*self.fresh(), Some(fresh) if fresh.contains(&file));
                if !new {
                    self.drop_unused_manifest(&file)?;
                    removed += 1;
                }
            }
        }
        *self.fresh() = None;
        Ok(removed)
    }

    pub(super) fn add_manifests<'a>(
        &self,
        encoded: impl Iterator<Item = &'a Encoded> + Clone,
    ) -> Result<(), StoreError> {
        let pages = encoded.clone().filter(|one| inline(one).is_empty());
        let pages = pages.flat_map(|one| {
            (0u32..).zip(&one.pages).flat_map(move |(at, page)| {
                (0u16..)
                    .zip(page.chunks(PART))
                    .map(move |(part, bytes)| (page_key(&one.file, at, part), Some(bytes.to_vec())))
            })
        });
        self.apply(&self.0.pages, pages)?;
        let roots = encoded.map(|one| {
            let value = root_value(&one.root, inline(one));
            (one.file.as_bytes().to_vec(), Some(value))
        });
        self.apply(&self.0.roots, roots)
    }

    /// Stores the manifest that a file's record says, which is about to go, for a download or a
    /// replica that needs it.
    pub(super) fn outlive(&self, file: &FileId, content: Content) -> Result<(), StoreError> {
        let Content::Small(entry) = content else {
            return Ok(());
        };
        for tree in [&self.0.have, &self.0.replica_files] {
            if tree.scan_prefix(file.as_bytes()).next().is_some() {
                return self.add_manifests(std::iter::once(&manifest::encode(entry.as_slice())));
            }
        }
        Ok(())
    }

    /// The root of a file's manifest, and its page if that is kept beside it.
    fn stored(&self, file: &FileId) -> Result<Option<Stored>, StoreError> {
        if let Some(Content::Small(entry)) = self.content_of(file)? {
            let mut one = manifest::encode(entry.as_slice());
            return Ok(Some((one.root, one.pages.pop().unwrap_or_default())));
        }
        let value = self.0.roots.get(file.as_bytes());
        let value = value.map_err(|e| self.error(e))?;
        let Some(value) = value else {
            return Ok(None);
        };
        Ok(value.split_first_chunk().and_then(|(len, rest)| {
            let (root, page) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            Some((root.to_vec(), page.to_vec()))
        }))
    }

    /// The root of a file's manifest, as [`crate::wire::manifest::Root::decode`] takes it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn root(&self, file: &FileId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.stored(file)?.map(|(root, _)| root))
    }

    /// One page of a file's manifest.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn page(&self, file: &FileId, page: u32) -> Result<Option<Vec<u8>>, StoreError> {
        if page == 0
            && let Some((_, page)) = self.stored(file)?
            && !page.is_empty()
        {
            return Ok(Some(page));
        }
        let mut bytes = Vec::new();
        let prefix = key(&[file.as_bytes(), &page.to_be_bytes()]);
        for item in self.0.pages.scan_prefix(prefix) {
            bytes.extend_from_slice(&item.map_err(|e| self.error(e))?.1);
        }
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// A file's whole manifest; `None` when it is not here, or not whole.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn manifest(&self, file: &FileId) -> Result<Option<Manifest>, StoreError> {
        if let Some(Content::Small(entry)) = self.content_of(file)? {
            return Ok(Manifest::new(*file, entry.into_iter().collect()).ok());
        }
        let Some(bytes) = self.root(file)? else {
            return Ok(None);
        };
        let Ok(root) = manifest::Root::decode(*file, &bytes) else {
            return Ok(None);
        };
        let mut entries = Vec::with_capacity(root.chunks as usize);
        for at in 0..root.pages.len() {
            let page = self.page(file, at as u32)?.unwrap_or_default();
            let Ok(page) = root.decode_page(at, &page) else {
                return Ok(None);
            };
            entries.extend(page);
        }
        Ok(root.assemble(*file, entries).ok())
    }

    /// Removes a manifest that no file, no download and no replica here needs.
    pub(super) fn drop_unused_manifest(&self, file: &FileId) -> Result<(), StoreError> {
        if self.content_of(file)?.is_some() {
            return Ok(());
        }
        for tree in [&self.0.have, &self.0.replica_files] {
            if tree.scan_prefix(file.as_bytes()).next().is_some() {
                return Ok(());
            }
        }
        let gone = self.0.roots.remove(file.as_bytes());
        gone.map_err(|e| self.error(e))?;
        for item in self.0.pages.scan_prefix(file.as_bytes()).keys() {
            item.and_then(|key| self.0.pages.remove(key))
                .map_err(|e| self.error(e))?;
        }
        Ok(())
    }
}

fn page_key(file: &FileId, page: u32, part: u16) -> Vec<u8> {
    key(&[file.as_bytes(), &page.to_be_bytes(), &part.to_be_bytes()])
}

fn root_value(root: &[u8], page: &[u8]) -> Vec<u8> {
    key(&[&(root.len() as u32).to_be_bytes(), root, page])
}

/// The files in a tree, whose keys begin with their ids, looked for in ascending order.
struct Needed<I: Iterator>(Peekable<I>);

impl Needed<std::iter::Empty<sled::Result<sled::IVec>>> {
    fn of(tree: &Tree) -> Needed<impl Iterator<Item = sled::Result<sled::IVec>> + use<>> {
        Needed(tree.iter().keys().peekable())
    }
}

impl<I: Iterator<Item = sled::Result<sled::IVec>>> Needed<I> {
    fn has(&mut self, file: &FileId) -> sled::Result<bool> {
        let before = |key: &sled::Result<sled::IVec>| {
            let key = key.as_ref();
            key.is_ok_and(|key| key.get(..32).is_none_or(|id| id < &file.as_bytes()[..]))
        };
        while self.0.next_if(before).is_some() {}
        match self.0.peek() {
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(key)) => Ok(key.starts_with(file.as_bytes())),
            None => Ok(false),
        }
    }
}

/// The only page of a small manifest: kept with the root, which saves a record for each of many
/// small files.
fn inline(one: &Encoded) -> &[u8] {
    match &one.pages[..] {
        [page] if page.len() <= INLINE => page,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
