//! Reading what is kept, and letting it go: evicted, or found damaged.
//!
//! Invariant: a record goes before the bytes that it promises.

use super::{Entry, Inner, Replicas, State, path_of};
use crate::{
    core::{
        chunk::VerifiedChunk,
        id::{ChunkId, FileId},
        manifest::MAX_CHUNK,
    },
    store::{StoreError, failed, index::ReplicaChunk, reader::Kept},
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    sync::Arc,
};

impl Kept for Inner {
    fn read(self: Arc<Self>, id: &ChunkId, buf: &mut Vec<u8>) -> Result<bool, StoreError> {
        if self.index.replica_chunks(id.as_bytes())?.is_empty() {
            return Ok(false);
        }
        let path = path_of(&self.dir, id);
        buf.clear();
        let read =
            File::open(&path).and_then(|file| file.take(u64::from(MAX_CHUNK) + 1).read_to_end(buf));
        match read {
            Ok(_) if VerifiedChunk::check(*id, buf).is_ok() => return Ok(true),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("read", &path)(error));
            }
            _ => {}
        }
        Replicas(self).forget(id)?;
        Ok(false)
    }
}

impl Inner {
    /// Removes the file of a chunk that is not needed.
    pub(super) fn unlink_unless_needed(&self, state: &State, id: &ChunkId) {
        let needed = state.pending.contains_key(id)
            || !matches!(self.index.replica_chunks(id.as_bytes()), Ok(records) if records.is_empty());
        if !needed {
            // What cannot be removed is found at the next start.
            let _ = fs::remove_file(path_of(&self.dir, id));
        }
    }
}

impl Replicas {
    /// Evicts chunks of a file, or all of it. Gives the bytes that this takes off the quota. When
    /// nothing is left, the file is forgotten.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove(&self, file: &FileId, chunks: Option<&[u32]>) -> Result<u64, StoreError> {
        let mut state = self.state();
        let Some(entry) = state.files.get(file) else {
            return Ok(0);
        };
        let layout = self.layout(file)?;
        let mut records = Vec::new();
        if let Some(layout) = layout {
            let all = || entry.firsts.iter().collect();
            let positions: Vec<u32> = chunks.map_or_else(all, <[u32]>::to_vec);
            let ids = positions.iter().filter_map(|&at| layout.id(at));
            for id in ids.collect::<BTreeSet<ChunkId>>() {
                records.extend(self.0.index.replica_chunk(&id, file)?);
            }
        } else {
            // Its manifest is damaged: what it has can only be found by looking at everything.
            records = self.0.index.replica_chunks(&[])?;
            records.retain(|record| record.file == *file);
        }
        let before = state.accounts.used();
        self.drop_records(&mut state, &records)?;
        self.forget_if_empty(&mut state, file)?;
        Ok(before - state.accounts.used())
    }

    /// Forgets a chunk whose bytes are not what they were, for all files, and tells.
    pub(super) fn forget(&self, id: &ChunkId) -> Result<(), StoreError> {
        let mut lost = Vec::new();
        {
            let mut state = self.state();
            // It may have been replaced since it was read.
            let path = path_of(&self.0.dir, id);
            if fs::read(&path).is_ok_and(|bytes| VerifiedChunk::check(*id, &bytes).is_ok()) {
                return Ok(());
            }
            let records = self.0.index.replica_chunks(id.as_bytes())?;
            for record in &records {
                if let Ok(Some(layout)) = self.layout(&record.file) {
                    lost.push((record.file, layout.places(id).to_vec()));
                }
            }
            self.drop_records(&mut state, &records)?;
        }
        let on_lost = self.0.on_lost.lock();
        if let Some(tell) = &*on_lost {
            for (file, places) in lost {
                tell(file, &places);
            }
        }
        Ok(())
    }

    /// Removes records, then the bytes that no other file needs, then what is known of files of
    /// which nothing is left.
    pub(super) fn drop_records(
        &self,
        state: &mut State,
        records: &[ReplicaChunk],
    ) -> Result<(), StoreError> {
        self.0.index.remove_replica_chunks(records)?;
        for record in records {
            let layout = self.layout(&record.file)?;
            let places = layout
                .as_ref()
                .map_or(&[][..], |one| one.places(&record.id));
            state.accounts.remove(&record.payer, u64::from(record.len));
            if let Some(entry) = state.files.get_mut(&record.file) {
                entry.remove(record.at, places);
            }
            self.0.unlink_unless_needed(state, &record.id);
        }
        let files: BTreeSet<FileId> = records.iter().map(|record| record.file).collect();
        files
            .iter()
            .try_for_each(|file| self.forget_if_empty(state, file))
    }

    /// Forgets a file of which nothing is left.
    fn forget_if_empty(&self, state: &mut State, file: &FileId) -> Result<(), StoreError> {
        let empty = |entry: &&Entry| entry.firsts.count() == 0;
        let Some(entry) = state.files.get(file).filter(empty) else {
            return Ok(());
        };
        self.0.index.remove_replica_file(file)?;
        let (payer, chunks) = (entry.record.payer, entry.record.chunks);
        state.accounts.remove_manifest(&payer, chunks);
        state.files.remove(file);
        Ok(())
    }
}
