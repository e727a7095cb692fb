//! The files of which chunks are kept: what they are called, who wants them, which chunks are here.

use super::{Entry, ReplicaFile, ReplicaOffer, Replicas, adopt, manifest_bytes};
use crate::{
    core::{
        have::HaveSet,
        id::{FileId, NodeId},
        manifest::Manifest,
        rights::Rights,
    },
    store::{StoreError, index::ReplicaRecord},
};
use std::sync::Arc;

/// Origins of one file that are remembered.
const MAX_ORIGINS: usize = 16;
/// Seconds by which the record of when a file was last wanted may be behind.
const SEEN_STEP: u64 = 60;

impl Replicas {
    /// Begins to keep a file, or notes what it is called now; to be called before the first
    /// `Reservation::keep`. The manifest stays in the index from now on, and counts against the
    /// quota and `origin`'s share. `now` is seconds since 1970.
    ///
    /// A file of which nothing was kept is forgotten at the next start; [`Replicas::remove`] it
    /// when nothing comes.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] when the manifest does not fit the quota.
    pub fn set_file(
        &self,
        manifest: &Arc<Manifest>,
        offer: &ReplicaOffer,
        origin: &NodeId,
        now: u64,
    ) -> Result<(), StoreError> {
        let file = manifest.file();
        let mut state = self.state();
        let known = state.files.get(&file).map(|entry| &entry.record);
        let cost = manifest_bytes(manifest.len());
        if known.is_none() && !self.fits_manifest(&state, origin, manifest.len()) {
            return Err(StoreError::NoSpace {
                needed: cost,
                at: self.0.dir.clone(),
            });
        }
        let mut record = ReplicaRecord {
            name: offer.name.clone(),
            size: manifest.size(),
            mtime: offer.mtime,
            executable: offer.rights.executable(),
            mode: offer.rights.mode(),
            media: offer.media.clone(),
            chunks: manifest.len(),
            repeats: match known {
                Some(record) => record.repeats,
                // Made now: the first chunks will ask for it.
                None => self.remember(Arc::clone(manifest)).repeats(),
            },
            payer: known.map_or(*origin, |record| record.payer),
            origins: known.map_or_else(Vec::new, |record| record.origins.clone()),
            unwanted_since: None,
            seen: now,
        };
        add_origin(&mut record, origin);
        let new = known.is_none();
        self.0
            .index
            .put_replica_file(&file, &record, new.then_some(&**manifest))?;
        if let Some(entry) = state.files.get_mut(&file) {
            entry.record = record;
            entry.saved = now;
        } else {
            state.accounts.add_manifest(origin, manifest.len());
            state.files.insert(file, Entry::new(record));
        }
        adopt::claim(&self.0.index, &mut state, manifest, origin)
    }

    /// An origin wants the file still (or again). False when nothing of it is kept. Cheap to call
    /// often.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn touch(&self, file: &FileId, origin: &NodeId, now: u64) -> Result<bool, StoreError> {
        self.change(file, |record| {
            record.seen = now;
            record.unwanted_since = None;
            add_origin(record, origin);
        })
    }

    /// A node offers the file no longer. When it was the last one, the file is unwanted from `now`
    /// on.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn drop_origin(&self, file: &FileId, origin: &NodeId, now: u64) -> Result<(), StoreError> {
        let changed = self.change(file, |record| {
            record.origins.retain(|one| one != origin);
            if record.origins.is_empty() {
                record.unwanted_since.get_or_insert(now);
            }
        });
        changed.map(drop)
    }

    /// Sets since when no node wants the file.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_unwanted(&self, file: &FileId, since: Option<u64>) -> Result<(), StoreError> {
        self.change(file, |record| record.unwanted_since = since)
            .map(drop)
    }

    /// Changes a record, and writes it unless nothing but `seen` changed, and that little. False
    /// when there is none.
    fn change(
        &self,
        file: &FileId,
        change: impl FnOnce(&mut ReplicaRecord),
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(entry) = state.files.get_mut(file) else {
            return Ok(false);
        };
        let mut record = entry.record.clone();
        change(&mut record);
        let seen = record.seen;
        entry.record.seen = seen;
        if record != entry.record || seen.abs_diff(entry.saved) >= SEEN_STEP {
            self.0.index.put_replica_file(file, &record, None)?;
            entry.record = record;
            entry.saved = seen;
        }
        Ok(true)
    }

    /// The files of which something is kept, by id.
    #[must_use]
    pub fn files(&self) -> Vec<ReplicaFile> {
        let mut state = self.state();
        let files = state.files.iter_mut();
        files
            .map(|(file, entry)| self.described(file, entry))
            .collect()
    }

    /// Those of them of which something is kept; costs nothing for the others that are kept.
    #[must_use]
    pub fn files_among<'a>(&self, files: impl IntoIterator<Item = &'a FileId>) -> Vec<ReplicaFile> {
        let mut state = self.state();
        let one = |file| Some(self.described(file, state.files.get_mut(file)?));
        files.into_iter().filter_map(one).collect()
    }

    fn described(&self, file: &FileId, entry: &mut Entry) -> ReplicaFile {
        // A manifest that cannot be read hides repeats, nothing worse.
        let all = self.expand(file, entry);
        let here = all.map_or(entry.firsts.count(), |all| all.count());
        let record = entry.record.clone();
        ReplicaFile {
            file: *file,
            offer: ReplicaOffer {
                name: record.name,
                mtime: record.mtime,
                rights: Rights::told(record.executable, record.mode),
                media: record.media,
            },
            size: record.size,
            origins: record.origins,
            chunks: record.chunks,
            here,
            unwanted_since: record.unwanted_since,
            seen: record.seen,
        }
    }

    /// The positions of the file's manifest that are kept, all places of a repeated chunk among
    /// them. `None` when nothing is known of it.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn have(&self, file: &FileId) -> Result<Option<HaveSet>, StoreError> {
        let mut state = self.state();
        let Some(entry) = state.files.get_mut(file) else {
            return Ok(None);
        };
        self.expand(file, entry).map(Some)
    }

    fn expand(&self, file: &FileId, entry: &mut Entry) -> Result<HaveSet, StoreError> {
        if !entry.record.repeats {
            return Ok(entry.firsts.clone());
        }
        if let Some(all) = &entry.all {
            return Ok(all.clone());
        }
        let Some(layout) = self.layout(file)? else {
            return Err(StoreError::Corrupt(format!("the manifest of {file}")));
        };
        let all = layout.expand(&entry.firsts);
        entry.all = Some(all.clone());
        Ok(all)
    }
}

fn add_origin(record: &mut ReplicaRecord, origin: &NodeId) {
    if record.origins.len() < MAX_ORIGINS && !record.origins.contains(origin) {
        record.origins.push(*origin);
    }
}
