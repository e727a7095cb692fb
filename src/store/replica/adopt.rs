//! Chunks that lie here and that no file claims: a crash left them, or the index was lost, and with
//! it who they were for.
//!
//! They are named by their contents, so what they are can be seen by looking. Owns the *strays*:
//! chunks of which no file is known, on an account of their own. They are served like all others,
//! and go to the first file whose manifest names them. Invariants: what hashes right is removed
//! only for room, or after a month; strays count against the quota like everything else, so losing
//! the index again and again makes nothing grow; a stray is never a reason to refuse what a node
//! wants kept.

use super::{Replicas, State, path_of};
use crate::{
    core::{
        chunk::VerifiedChunk,
        id::{ChunkId, NodeId},
        manifest::{MAX_CHUNK, Manifest},
        retention::AWAY,
    },
    store::{
        Index, StoreError,
        clock::unix_now,
        failed,
        index::{NO_FILE, ReplicaChunk},
    },
};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::Read,
    path::Path,
};

/// On whose account strays are: no node's.
const NOBODY: NodeId = NodeId([0; 32]);
/// Records that are written together.
const BATCH: usize = 128;

fn now() -> u32 {
    unix_now().try_into().unwrap_or(u32::MAX)
}

/// Whether the record is of a stray that has not waited too long for its file. A clock that went
/// back makes nothing old.
pub(super) fn is_young(record: &ReplicaChunk) -> bool {
    u64::from(now().saturating_sub(record.at)) < AWAY.as_secs()
}

/// What a file whose path says that it is a chunk turned out to be.
enum Found {
    Chunk(ReplicaChunk),
    /// Half a chunk, or none.
    Junk,
    /// It cannot be read now.
    Unknown,
}

fn examine(path: &Path, prefix: u8, name: &str, buffer: &mut Vec<u8>) -> Found {
    let Some(id) = ChunkId::from_hex(&format!("{prefix:02x}{name}")) else {
        return Found::Junk;
    };
    buffer.clear();
    let opened = File::open(path);
    let limit = u64::from(MAX_CHUNK) + 1;
    match opened.and_then(|file| file.take(limit).read_to_end(buffer)) {
        Err(_) => Found::Unknown,
        Ok(_) if VerifiedChunk::check(id, buffer).is_err() => Found::Junk,
        Ok(len) => Found::Chunk(ReplicaChunk {
            id,
            file: NO_FILE,
            at: now(),
            len: len as u32,
            payer: NOBODY,
        }),
    }
}

/// Takes in what lies in the folder of `prefix`, all of whose names are `names`, and no record
/// claims. What is no chunk is removed.
pub(super) fn adopt(
    dir: &Path,
    index: &Index,
    prefix: u8,
    names: &HashSet<String>,
    state: &mut State,
) -> Result<(), StoreError> {
    let claimed = index.replica_chunks(&[prefix])?;
    let claimed: HashSet<String> = claimed
        .iter()
        .map(|chunk| chunk.id.to_string().split_off(2))
        .collect();
    let folder = dir.join(format!("{prefix:02x}"));
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for name in names.difference(&claimed) {
        let path = folder.join(name);
        match examine(&path, prefix, name, &mut buffer) {
            Found::Chunk(chunk) => found.push(chunk),
            Found::Junk => fs::remove_file(&path).map_err(failed("remove", &path))?,
            Found::Unknown => {}
        }
    }
    for some in found.chunks(BATCH) {
        index.add_replica_chunks(some)?;
        for chunk in some {
            state.accounts.add(&NOBODY, u64::from(chunk.len));
            state.strays += 1;
        }
    }
    Ok(())
}

/// Gives a file the strays that are its chunks. Its entry is in the state already.
pub(super) fn claim(
    index: &Index,
    state: &mut State,
    manifest: &Manifest,
    payer: &NodeId,
) -> Result<(), StoreError> {
    if state.strays == 0 {
        return Ok(());
    }
    let file = manifest.file();
    let (mut seen, mut new, mut gone) = (HashSet::new(), Vec::new(), Vec::new());
    for (at, entry) in (0..).zip(manifest.entries()) {
        let Some(stray) = index.replica_chunk(&entry.id, &NO_FILE)? else {
            continue;
        };
        if stray.len == entry.len && seen.insert(entry.id) {
            let payer = *payer;
            if index.replica_chunk(&entry.id, &file)?.is_none() {
                new.push(ReplicaChunk {
                    file,
                    at,
                    payer,
                    ..stray
                });
            }
            gone.push(stray);
        }
    }
    // In this order: a crash between the two leaves it claimed twice, not lost.
    index.add_replica_chunks(&new)?;
    index.remove_replica_chunks(&gone)?;
    for chunk in &gone {
        state.accounts.remove(&NOBODY, u64::from(chunk.len));
        state.strays = state.strays.saturating_sub(1);
    }
    for chunk in &new {
        state.accounts.add(payer, u64::from(chunk.len));
    }
    if let Some(entry) = state.files.get_mut(&file) {
        entry.all = None;
        for chunk in &new {
            entry.firsts.insert(chunk.at);
        }
    }
    Ok(())
}

impl Replicas {
    /// Removes chunks of which no file is known until `bytes` more fit, or none is left. For when
    /// nothing else makes room.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn evict_strays(&self, bytes: u64) -> Result<(), StoreError> {
        // Strays are on no node's account, so it is as if a node that has nothing here asked for
        // the room: at most one's share.
        let bytes = bytes.min(self.limits().quota / 2);
        for prefix in 0..=255u8 {
            let mut state = self.state();
            if state.strays == 0 {
                break;
            }
            let mut some = self.0.index.replica_chunks(&[prefix])?;
            some.retain(|chunk| chunk.file == NO_FILE);
            for chunk in some {
                if self.fits(&state, &NodeId([0xff; 32]), bytes) {
                    return Ok(());
                }
                self.0.index.remove_replica_chunks(&[chunk])?;
                state.accounts.remove(&NOBODY, u64::from(chunk.len));
                state.strays = state.strays.saturating_sub(1);
                self.0.unlink_unless_needed(&state, &chunk.id);
            }
        }
        Ok(())
    }

    /// Chunks of which no file is known.
    #[must_use]
    pub fn strays(&self) -> usize {
        self.state().strays
    }
}

/// Removes the files of strays that waited too long; their records are gone.
pub(super) fn remove_old(dir: &Path, void: &[ReplicaChunk], names: &mut HashSet<String>) {
    for chunk in void.iter().filter(|chunk| chunk.file == NO_FILE) {
        if names.remove(&chunk.id.to_string().split_off(2)) {
            let _ = fs::remove_file(path_of(dir, &chunk.id)); // It is looked at again at the next start.
        }
    }
}
