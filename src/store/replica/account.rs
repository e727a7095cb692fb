//! The sums: what is used and reserved, in all and by origin, and how much of it for manifests.
//! Arithmetic only.

use super::{ENTRY, Limits, Replicas, manifest_bytes};
use crate::core::id::NodeId;
use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Accounts {
    limits: Limits,
    used: u64,
    reserved: u64,
    /// Of the reserved bytes, those that are not on the disk yet.
    unwritten: u64,
    /// Used and reserved, by origin.
    by_origin: HashMap<NodeId, u64>,
    /// Entries of manifests: used and reserved.
    entries: u64,
}

/// Of the quota, what all entries of manifests together may take, and what those of one file may:
/// who keeps a few chunks of each of many large files keeps little else.
const ENTRIES: u64 = 8;
const ENTRIES_OF_ONE: u64 = 16;

impl Accounts {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: 0,
            reserved: 0,
            unwritten: 0,
            by_origin: HashMap::new(),
            entries: 0,
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn set_quota(&mut self, quota: u64) {
        self.limits.quota = quota;
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    pub fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Whether so many bytes more fit the quota and the origin's half of it.
    pub fn fits(&self, origin: &NodeId, bytes: u64) -> bool {
        let quota = self.limits.quota;
        let has = self.by_origin.get(origin).copied().unwrap_or(0);
        let within = |sum: u64, limit| sum.checked_add(bytes).is_some_and(|sum| sum <= limit);
        quota > 0 && within(self.used + self.reserved, quota) && within(has, quota.div_ceil(2))
    }

    /// Whether so many bytes more would fit if others used less: the origin's half is not used up,
    /// and the quota is.
    pub fn is_short_of(&self, origin: &NodeId, bytes: u64) -> bool {
        let has = self.by_origin.get(origin).copied().unwrap_or(0);
        let own = has.saturating_add(bytes) <= self.limits.quota.div_ceil(2);
        own && !self.fits(origin, bytes)
    }

    /// What each origin uses.
    pub fn by_origin(&self) -> impl Iterator<Item = (&NodeId, &u64)> {
        self.by_origin.iter()
    }

    /// Whether anything counts against this origin.
    pub fn uses(&self, origin: &NodeId) -> bool {
        self.by_origin.contains_key(origin)
    }

    /// Whether so many entries of a manifest more fit their share of the quota.
    pub fn fits_entries(&self, chunks: u32) -> bool {
        let (bytes, quota) = (ENTRY * u64::from(chunks), self.limits.quota);
        // A file of one chunk is never too large.
        chunks <= 1 || (bytes <= quota / ENTRIES_OF_ONE && self.entries + bytes <= quota / ENTRIES)
    }

    pub fn reserve_manifest(&mut self, origin: &NodeId, chunks: u32) {
        self.entries += ENTRY * u64::from(chunks);
        self.reserve(origin, manifest_bytes(chunks));
    }

    fn release_manifest(&mut self, origin: &NodeId, chunks: u32) {
        let bytes = manifest_bytes(chunks);
        self.entries = self.entries.saturating_sub(ENTRY * u64::from(chunks));
        self.release(origin, bytes, bytes);
    }

    /// A file's manifest and record are used without a reservation.
    pub fn add_manifest(&mut self, origin: &NodeId, chunks: u32) {
        self.entries += ENTRY * u64::from(chunks);
        self.add(origin, manifest_bytes(chunks));
    }

    /// A file's manifest is gone.
    pub fn remove_manifest(&mut self, origin: &NodeId, chunks: u32) {
        self.entries = self.entries.saturating_sub(ENTRY * u64::from(chunks));
        self.remove(origin, manifest_bytes(chunks));
    }

    pub fn reserve(&mut self, origin: &NodeId, bytes: u64) {
        self.reserved += bytes;
        self.unwritten += bytes;
        *self.by_origin.entry(*origin).or_default() += bytes;
    }

    /// Reserved bytes came onto the disk.
    pub fn wrote(&mut self, bytes: u64) {
        self.unwritten = self.unwritten.saturating_sub(bytes);
    }

    /// Reserved bytes are used from now on.
    pub fn claim(&mut self, bytes: u64) {
        self.reserved = self.reserved.saturating_sub(bytes);
        self.used += bytes;
    }

    /// A reservation ends; `unwritten` of its bytes never came.
    pub fn release(&mut self, origin: &NodeId, bytes: u64, unwritten: u64) {
        self.reserved = self.reserved.saturating_sub(bytes);
        self.unwritten = self.unwritten.saturating_sub(unwritten);
        self.less(origin, bytes);
    }

    /// Bytes are used without a reservation.
    pub fn add(&mut self, origin: &NodeId, bytes: u64) {
        self.used += bytes;
        *self.by_origin.entry(*origin).or_default() += bytes;
    }

    /// Used bytes are free again.
    pub fn remove(&mut self, origin: &NodeId, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.less(origin, bytes);
    }

    fn less(&mut self, origin: &NodeId, bytes: u64) {
        if let Some(has) = self.by_origin.get_mut(origin) {
            *has = has.saturating_sub(bytes);
            if *has == 0 {
                self.by_origin.remove(origin);
            }
        }
    }
}

/// Room for a manifest that is on its way; free again when it is dropped.
#[derive(Debug)]
pub struct ManifestRoom {
    replicas: Replicas,
    origin: NodeId,
    chunks: u32,
}

impl ManifestRoom {
    pub(super) fn new(replicas: Replicas, origin: NodeId, chunks: u32) -> Self {
        Self {
            replicas,
            origin,
            chunks,
        }
    }
}

impl Drop for ManifestRoom {
    fn drop(&mut self) {
        let mut state = self.replicas.state();
        state.accounts.release_manifest(&self.origin, self.chunks);
    }
}
