//! The buffers of one stream, used again and again: a fresh one for each chunk would have to be
//! cleared by the system first.
//!
//! Invariant: at most [`SPARE`] lie idle.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Buffers that wait to be used.
const SPARE: usize = 4;

/// Clones are handles to the same.
#[derive(Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer that goes back when nobody has its bytes any more.
struct Lent(Vec<u8>, Weak<Mutex<Vec<Vec<u8>>>>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(spare) = self.1.upgrade() {
            let mut spare = spare.lock();
            if spare.len() < SPARE {
                spare.push(std::mem::take(&mut self.0));
            }
        }
    }
}

impl Buffers {
    /// One that is free, with whatever is in it, or a new one.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    /// A buffer's bytes.
    pub fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent(buffer, Arc::downgrade(&self.0)))
    }
}
