//! What is kept for the swarm: which files, which of their chunks, and on whose account.
//!
//! Two trees: `replica_files` file id → record; `replicas` chunk id, file id → position u32, length
//! u32, payer. One small key a chunk, so a batch costs what it adds. Crash rule: a file's record is
//! written, with its manifest, before its chunks' and removed after them.

use super::{Index, key};
use crate::{
    core::{
        id::{ChunkId, FileId, NodeId},
        manifest::Manifest,
    },
    store::StoreError,
    wire::{cbor, manifest},
};
use serde::{Deserialize, Serialize};

/// What is known of a replicated file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct ReplicaRecord {
    pub name: String,
    pub size: u64,
    pub mtime: i64,
    pub executable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u16>,
    pub media: String,
    pub chunks: u32,
    /// Whether a chunk stands in it more than once.
    pub repeats: bool,
    /// On whose account the manifest is.
    pub payer: NodeId,
    pub origins: Vec<NodeId>,
    pub unwanted_since: Option<u64>,
    pub seen: u64,
}

/// For what a chunk is kept of which no file is known: the index was lost, or its files' manifests
/// were.
pub(in crate::store) const NO_FILE: FileId = FileId([0; 32]);

/// One chunk that is kept for one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct ReplicaChunk {
    pub id: ChunkId,
    pub file: FileId,
    /// Its first position in the file; with [`NO_FILE`], when it was found: seconds since 1970.
    pub at: u32,
    pub len: u32,
    /// On whose account it is.
    pub payer: NodeId,
}

impl ReplicaChunk {
    fn key(&self) -> Vec<u8> {
        key(&[self.id.as_bytes(), self.file.as_bytes()])
    }

    fn value(&self) -> Vec<u8> {
        key(&[
            &self.at.to_be_bytes(),
            &self.len.to_be_bytes(),
            self.payer.as_bytes(),
        ])
    }

    fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
        Some(Self {
            id: ChunkId::from_slice(key.get(..32)?)?,
            file: FileId::from_slice(key.get(32..)?)?,
            at: number(value.get(..4)?)?,
            len: number(value.get(4..8)?)?,
            payer: NodeId::from_slice(value.get(8..)?)?,
        })
    }
}

impl Index {
    /// Notes a replicated file, and its manifest when it is new.
    pub(in crate::store) fn put_replica_file(
        &self,
        file: &FileId,
        record: &ReplicaRecord,
        manifest: Option<&Manifest>,
    ) -> Result<(), StoreError> {
        let _writing = self.writing();
        if let Some(manifest) = manifest
            && self.root(file)?.is_none()
        {
            self.add_manifest(&manifest::encode(manifest.entries()))?;
        }
        let put = self
            .0
            .replica_files
            .insert(file.as_bytes(), cbor::encode(record));
        put.map(drop).map_err(|e| self.error(e))
    }

    /// Forgets a replicated file, and its manifest unless something else here needs it. Its chunks'
    /// records go first.
    pub(in crate::store) fn remove_replica_file(&self, file: &FileId) -> Result<(), StoreError> {
        let _writing = self.writing();
        let gone = self.0.replica_files.remove(file.as_bytes());
        gone.map_err(|e| self.error(e))?;
        self.drop_unused_manifest(file)
    }

    /// Whether the file is replicated here.
    pub(in crate::store) fn is_replica(&self, file: &FileId) -> Result<bool, StoreError> {
        let known = self.0.replica_files.contains_key(file.as_bytes());
        known.map_err(|e| self.error(e))
    }

    /// The replicated files; `None` for a record that cannot be read.
    pub(in crate::store) fn replica_files(
        &self,
    ) -> Result<Vec<(FileId, Option<ReplicaRecord>)>, StoreError> {
        let mut files = Vec::new();
        for item in &self.0.replica_files {
            let (key, value) = item.map_err(|e| self.error(e))?;
            if let Some(file) = FileId::from_slice(&key) {
                files.push((file, cbor::decode(&value).ok()));
            }
        }
        Ok(files)
    }

    /// The records of the chunks whose ids begin with `prefix`: by chunk, then by file.
    pub(in crate::store) fn replica_chunks(
        &self,
        prefix: &[u8],
    ) -> Result<Vec<ReplicaChunk>, StoreError> {
        let mut chunks = Vec::new();
        for item in self.0.replicas.scan_prefix(prefix) {
            let (key, value) = item.map_err(|e| self.error(e))?;
            chunks.extend(ReplicaChunk::decode(&key, &value));
        }
        Ok(chunks)
    }

    /// One chunk's record for one file.
    pub(in crate::store) fn replica_chunk(
        &self,
        id: &ChunkId,
        file: &FileId,
    ) -> Result<Option<ReplicaChunk>, StoreError> {
        let key = key(&[id.as_bytes(), file.as_bytes()]);
        let value = self.0.replicas.get(&key).map_err(|e| self.error(e))?;
        Ok(value.and_then(|value| ReplicaChunk::decode(&key, &value)))
    }

    /// Claims chunks, whose bytes are synced.
    pub(in crate::store) fn add_replica_chunks(
        &self,
        chunks: &[ReplicaChunk],
    ) -> Result<(), StoreError> {
        let each = chunks.iter();
        self.apply(
            &self.0.replicas,
            each.map(|chunk| (chunk.key(), Some(chunk.value()))),
        )
    }

    /// Claims chunks no more. Their bytes go after this.
    pub(in crate::store) fn remove_replica_chunks(
        &self,
        chunks: &[ReplicaChunk],
    ) -> Result<(), StoreError> {
        let each = chunks.iter();
        self.apply(&self.0.replicas, each.map(|chunk| (chunk.key(), None)))
    }
}
