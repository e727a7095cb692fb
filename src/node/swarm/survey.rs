//! What the swarm tells of files and peers: answers, not state.

use crate::{
    core::id::{FileId, NodeId},
    wire::control::{Held, ReplicaParts},
};

/// Of a few files.
#[derive(Default, Debug)]
pub struct Survey {
    /// Everyone who is here.
    pub peers: Vec<PeerView>,
    /// The files that were asked for, in that order.
    pub files: Vec<FileView>,
}

/// A peer who is here.
#[derive(Clone, Copy, Debug)]
pub struct PeerView {
    pub node: NodeId,
    /// Whether it keeps replicas, and a straight path leads to it.
    pub keeps: bool,
    /// Whether all of its catalog is here.
    pub complete: bool,
}

/// Who has a file.
#[derive(Clone, Debug)]
pub struct FileView {
    pub file: FileId,
    /// Whether it lies in this node's shared folder.
    pub shared: bool,
    /// The others that have (some of) it.
    pub holders: Vec<HolderView>,
}

/// Somebody who has (some of) a file.
#[derive(Clone, Copy, Debug)]
pub struct HolderView {
    pub node: NodeId,
    pub held: Held,
    /// Of a replica of a part: how much.
    pub parts: Option<ReplicaParts>,
    /// Whether it has all of it otherwise than as a download.
    pub lasting: bool,
}
