//! Manifests in the index, in their canonical bytes: what is stored is what is sent.
//!
//! Invariant: a root is written after all its pages, and removed before them.

use super::{Index, PART, key};
use crate::{
    core::{id::FileId, manifest::Manifest},
    store::StoreError,
    wire::manifest::{self, Encoded},
};

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
        self.add_manifests(std::iter::once(encoded))
    }

    pub(super) fn add_manifests<'a>(
        &self,
        encoded: impl Iterator<Item = &'a Encoded> + Clone,
    ) -> Result<(), StoreError> {
        let pages = encoded.clone().filter(|one| inline(one).is_empty());
        let pages = pages.flat_map(|one| {
            (0u32..).zip(&one.pages).flat_map(move |(at, page)| {
                (0u16..).zip(page.chunks(PART)).map(move |(part, bytes)| {
                    let at = at.to_be_bytes();
                    let key = key(&[one.file.as_bytes(), &at, &part.to_be_bytes()]);
                    (key, Some(bytes.to_vec()))
                })
            })
        });
        self.apply(&self.0.pages, pages)?;
        let roots = encoded.map(|one| {
            let len = (one.root.len() as u32).to_be_bytes();
            let value = key(&[&len, &one.root, inline(one)]);
            (one.file.as_bytes().to_vec(), Some(value))
        });
        self.apply(&self.0.roots, roots)
    }

    /// The root of a file's manifest, and its page if that is kept beside it.
    fn stored(&self, file: &FileId) -> Result<Option<Stored>, StoreError> {
        let value = self.0.roots.get(file.as_bytes());
        let Some(value) = value.map_err(|e| self.error(e))? else {
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
        for tree in [&self.0.users, &self.0.have, &self.0.replica_files] {
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

/// The only page of a small manifest: kept with the root, which saves a record for each of many small files.
fn inline(one: &Encoded) -> &[u8] {
    match &one.pages[..] {
        [page] if page.len() <= INLINE => page,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{
            id::ChunkId,
            manifest::{Entry, PAGE_ENTRIES},
        },
        store::Home,
    };

    #[test]
    fn manifests_come_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let (index, _) = Index::open(&home).unwrap();
        // No page; one that is kept with the root; one that is not; one full, of several parts; one more entry.
        for count in [0, 1, 100, PAGE_ENTRIES, PAGE_ENTRIES + 1] {
            let entries: Vec<Entry> = (0..count as u32)
                .map(|at| Entry {
                    id: ChunkId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
                    len: 100_000,
                })
                .collect();
            let encoded = manifest::encode(&entries);
            assert_eq!(index.manifest(&encoded.file).unwrap(), None);
            index.add_manifest(&encoded).unwrap();
            assert_eq!(
                index.root(&encoded.file).unwrap().as_ref(),
                Some(&encoded.root)
            );
            for (at, page) in (0..).zip(&encoded.pages) {
                assert_eq!(index.page(&encoded.file, at).unwrap().as_ref(), Some(page));
            }
            let manifest = index.manifest(&encoded.file).unwrap().unwrap();
            assert_eq!(manifest.entries(), entries);
            index.remove_partial(&encoded.file).unwrap();
        }
        assert!(index.0.pages.is_empty() && index.0.roots.is_empty());
    }
}
