//! Room for a push when the quota is full: the fullest share gives way (`core::fair` says whose).
//!
//! Invariant: it ends: each step frees bytes, or is the last.

use super::{Replicas, State};
use crate::{
    core::{
        fair::Share,
        id::{FileId, NodeId},
    },
    store::{StoreError, index::ReplicaChunk},
};
use std::{collections::BTreeSet, net::IpAddr};

/// Chunks that go in one step.
const STEP: usize = 64;

impl Replicas {
    /// A node is here, at this address, and the user dealt with it or not: what it uses counts
    /// accordingly.
    pub fn meet(&self, node: NodeId, address: IpAddr, friend: bool) {
        let mut state = self.state();
        let state = &mut *state;
        if state.shares.is_full() {
            state.shares.retain(|node| state.accounts.uses(node));
        }
        state.shares.meet(node, address, friend);
    }

    /// Makes room for `bytes` of `origin`, if others use more than their share of the quota. Gives
    /// the files of which something went.
    ///
    /// # Errors
    /// When the index cannot be read or written.
    pub fn make_way(&self, origin: &NodeId, bytes: u64) -> Result<BTreeSet<FileId>, StoreError> {
        let mut touched = BTreeSet::new();
        loop {
            let mut state = self.state();
            if !state.accounts.is_short_of(origin, bytes) {
                break;
            }
            let Some(share) = state
                .shares
                .gives_way(state.accounts.by_origin(), origin, bytes)
            else {
                break;
            };
            let going = self.paid_by(&state, share)?;
            let before = state.accounts.used();
            self.drop_records(&mut state, &going)?;
            if state.accounts.used() == before {
                break; // What it uses is still on its way.
            }
            touched.extend(going.into_iter().map(|chunk| chunk.file));
        }
        Ok(touched)
    }

    /// Some chunks that count against a share, of as few files as possible.
    fn paid_by(&self, state: &State, share: Share) -> Result<Vec<ReplicaChunk>, StoreError> {
        let mut found = Vec::new();
        let pays = |node: &NodeId| state.shares.of(node) == share;
        // Most of a file is paid by one node; what others paid of it is looked for last.
        let (own, rest): (Vec<_>, Vec<_>) = state
            .files
            .iter()
            .partition(|(_, entry)| pays(&entry.record.payer));
        for (file, entry) in own.into_iter().chain(rest) {
            let Some(layout) = self.layout(file)? else {
                continue;
            };
            for id in entry.firsts.iter().filter_map(|at| layout.id(at)) {
                let record = self.0.index.replica_chunk(&id, file)?;
                found.extend(record.filter(|record| pays(&record.payer)));
                if found.len() >= STEP {
                    return Ok(found);
                }
            }
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}
