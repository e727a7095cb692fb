//! Looking whether what is kept still lies where it was put: a node may be about to leave because
//! of it.

use super::{Replicas, path_of};
use crate::{
    core::id::FileId,
    store::{StoreError, failed},
};
use std::{
    fs, io,
    time::{Duration, Instant},
};

/// A look counts for so long, so that those who ask often cost little.
const FRESH: Duration = Duration::from_secs(5);

impl Replicas {
    /// Looks whether the chunks of a file lie there, at their lengths, and forgets those that do
    /// not. Does nothing when the last look was a moment ago.
    ///
    /// # Errors
    /// When the folder or the index cannot be read.
    pub fn verify(&self, file: &FileId) -> Result<(), StoreError> {
        let kept = {
            let mut state = self.state();
            let Some(entry) = state.files.get_mut(file) else {
                return Ok(());
            };
            if entry.looked.is_some_and(|at| at.elapsed() < FRESH) {
                return Ok(());
            }
            entry.looked = Some(Instant::now());
            entry.firsts.clone()
        };
        let Some(layout) = self.layout(file)? else {
            return Ok(());
        };
        for at in kept.iter() {
            let Some(chunk) = layout.manifest().entries().get(at as usize) else {
                break;
            };
            let path = path_of(&self.0.dir, &chunk.id);
            match fs::metadata(&path) {
                Ok(found) if found.len() == u64::from(chunk.len) => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("read", &path)(error));
                }
                _ => self.forget(&chunk.id)?,
            }
        }
        Ok(())
    }
}
