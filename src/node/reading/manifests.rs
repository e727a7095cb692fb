//! The manifests of files that are being read: each is in memory once, however many read it.

use crate::core::{id::FileId, manifest::Manifest};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

/// Clones are handles to the same.
#[derive(Clone, Default)]
pub struct Manifests(Arc<Mutex<HashMap<FileId, Weak<Manifest>>>>);

impl Manifests {
    /// That of `file`, if somebody reads it.
    pub fn get(&self, file: &FileId) -> Option<Arc<Manifest>> {
        self.0.lock().get(file)?.upgrade()
    }

    /// Shares one; gives the one that is shared already, if somebody was faster.
    pub fn put(&self, manifest: Arc<Manifest>) -> Arc<Manifest> {
        let mut all = self.0.lock();
        all.retain(|_, one| one.strong_count() > 0);
        if let Some(known) = all.get(&manifest.file()).and_then(Weak::upgrade) {
            return known;
        }
        all.insert(manifest.file(), Arc::downgrade(&manifest));
        manifest
    }
}
