//! A pusher's room: from the promise to the claim.
//!
//! Invariant: what is pending is named in `State::pending`, so no task removes the file of a chunk
//! that is about to be claimed.

use super::{Replicas, State, path_of, sync};
use crate::{
    core::{
        chunk::VerifiedChunk,
        id::{ChunkId, FileId, NodeId},
    },
    store::{StoreError, index::ReplicaChunk, layout::Layout},
};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, atomic::Ordering},
};

/// Room that was promised to a pusher, and what came for it so far. Counts against the quota until
/// it is dropped; what was written and not committed goes with it.
#[derive(Debug)]
pub struct Reservation {
    replicas: Replicas,
    origin: NodeId,
    /// Bytes that may still come.
    left: u64,
    /// Bytes of `pieces`.
    taken: u64,
    pieces: Vec<Piece>,
    /// Chunks that were claimed before.
    already: Vec<(FileId, ChunkId)>,
}

#[derive(Debug)]
struct Piece {
    chunk: ReplicaChunk,
    layout: Arc<Layout>,
    /// False when the bytes were here for another file.
    written: bool,
}

impl Reservation {
    pub(super) fn new(replicas: Replicas, origin: NodeId, bytes: u64) -> Self {
        Self {
            replicas,
            origin,
            left: bytes,
            taken: 0,
            pieces: Vec::new(),
            already: Vec::new(),
        }
    }

    /// Bytes that may still be kept with it.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Writes chunks of `file`, which are not claimed before [`Reservation::commit`]. One
    /// reservation may keep chunks of several files. A chunk that is here already for this file
    /// costs nothing.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] when the disk is full, or the chunks are more than was reserved;
    /// [`StoreError::Corrupt`] when one is not of this file, or the file was never
    /// [set](Replicas::set_file). Drop the reservation then.
    pub fn keep(&mut self, file: &FileId, batch: &[VerifiedChunk<'_>]) -> Result<(), StoreError> {
        let replicas = self.replicas.clone();
        let known = replicas.state().files.contains_key(file);
        let layout = if known { replicas.layout(file)? } else { None };
        let layout =
            layout.ok_or_else(|| StoreError::Corrupt(format!("{} is not kept", file.short())))?;
        batch
            .iter()
            .try_for_each(|chunk| self.keep_one(file, &layout, chunk))
    }

    fn keep_one(
        &mut self,
        file: &FileId,
        layout: &Arc<Layout>,
        chunk: &VerifiedChunk<'_>,
    ) -> Result<(), StoreError> {
        let inner = &*self.replicas.0;
        let (id, len) = (chunk.id(), chunk.bytes().len() as u64);
        let Some(&at) = layout.places(&id).first() else {
            return Err(StoreError::Corrupt(format!(
                "chunk {} is not one of {}",
                id.short(),
                file.short()
            )));
        };
        let same = |piece: &Piece| piece.chunk.id == id && piece.chunk.file == *file;
        if self.pieces.iter().any(same) {
            return Ok(());
        }
        if inner.index.replica_chunk(&id, file)?.is_some() {
            self.already.push((*file, id));
            return Ok(());
        }
        if len > self.left {
            return Err(StoreError::NoSpace {
                needed: len - self.left,
                at: inner.dir.clone(),
            });
        }
        let path = path_of(&inner.dir, &id);
        let here = {
            let mut state = self.replicas.state();
            let here = !inner.index.replica_chunks(id.as_bytes())?.is_empty() && path.exists();
            *state.pending.entry(id).or_default() += 1;
            state.accounts.wrote(len);
            here
        };
        self.left -= len;
        self.taken += len;
        self.pieces.push(Piece {
            chunk: ReplicaChunk {
                id,
                file: *file,
                at,
                len: len as u32,
                payer: self.origin,
            },
            layout: Arc::clone(layout),
            written: !here,
        });
        if !here {
            let number = inner.numbers.fetch_add(1, Ordering::Relaxed);
            let new = inner.dir.join("new").join(number.to_string());
            if let Err(error) = write(&new, &path, chunk.bytes()) {
                let _ = fs::remove_file(&new);
                return Err(StoreError::of("write", &path, len, error));
            }
        }
        Ok(())
    }

    /// Makes what was written last, then claims it: gives the positions by file, all places of a
    /// repeated chunk among them, and those that were here already.
    ///
    /// # Errors
    /// When the disk refuses: nothing is claimed, and what was written is removed.
    pub fn commit(mut self) -> Result<Vec<(FileId, Vec<u32>)>, StoreError> {
        let inner = Arc::clone(&self.replicas.0);
        let written = self.pieces.iter().filter(|piece| piece.written);
        let paths: Vec<_> = written
            .map(|one| path_of(&inner.dir, &one.chunk.id))
            .collect();
        sync::sync(&inner.dir, &paths)?;
        let mut claimed: BTreeMap<FileId, Vec<u32>> = BTreeMap::new();
        {
            let mut state = self.replicas.state();
            // What was evicted, or claimed by another round, while this was on its way.
            let valid = |piece: &Piece, state: &State| -> Result<bool, StoreError> {
                let ReplicaChunk { id, file, .. } = &piece.chunk;
                Ok(state.files.contains_key(file)
                    && inner.index.replica_chunk(id, file)?.is_none()
                    && (piece.written || path_of(&inner.dir, id).exists()))
            };
            let mut new = Vec::new();
            for piece in &self.pieces {
                let ReplicaChunk { id, file, .. } = piece.chunk;
                if valid(piece, &state)? {
                    new.push(piece.chunk);
                } else {
                    self.already.push((file, id));
                }
            }
            inner.index.add_replica_chunks(&new)?;
            let places: BTreeMap<_, _> = self
                .pieces
                .iter()
                .map(|piece| ((piece.chunk.file, piece.chunk.id), &piece.layout))
                .collect();
            for chunk in &new {
                let len = u64::from(chunk.len);
                state.accounts.claim(len);
                self.taken -= len;
                let places = places.get(&(chunk.file, chunk.id));
                let places = places.map_or(&[][..], |layout| layout.places(&chunk.id));
                if let Some(entry) = state.files.get_mut(&chunk.file) {
                    entry.insert(chunk.at, places);
                }
                claimed.entry(chunk.file).or_default().extend(places);
            }
        }
        if let Err(error) = inner.index.flush() {
            for (file, chunks) in &claimed {
                let _ = self.replicas.remove(file, Some(chunks));
            }
            return Err(error);
        }
        for (file, id) in std::mem::take(&mut self.already) {
            if inner.index.replica_chunk(&id, &file)?.is_some()
                && let Some(layout) = self.replicas.layout(&file)?
            {
                let places = layout.places(&id);
                claimed.entry(file).or_default().extend(places);
            }
        }
        for places in claimed.values_mut() {
            places.sort_unstable();
            places.dedup();
        }
        Ok(claimed.into_iter().collect())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let inner = Arc::clone(&self.replicas.0);
        let mut state = self.replicas.state();
        for piece in &self.pieces {
            let id = &piece.chunk.id;
            if let Some(count) = state.pending.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    state.pending.remove(id);
                }
            }
            inner.unlink_unless_needed(&state, id);
        }
        let all = self.left + self.taken;
        state.accounts.release(&self.origin, all, self.left);
    }
}

/// Writes the bytes beside the others, and gives them their name when they are whole.
fn write(new: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = crate::store::modes::private(&mut options).open(new)?;
    file.write_all(bytes)?;
    drop(file);
    match fs::rename(new, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path);
            fs::create_dir_all(folder)?;
            fs::rename(new, path)
        }
        done => done,
    }
}
