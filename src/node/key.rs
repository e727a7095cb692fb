//! The key of a home on which no node runs: giving it another one.

use super::api::{StartError, form};
use crate::{core::id::NodeId, store::Home, wire::signer::Signer};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What became of a home's key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NewKey {
    /// Who it is from now on.
    #[serde(rename = "peer", serialize_with = "form::text")]
    pub now: NodeId,
    /// Who the home was. `None` when it had no key, or none that could be read.
    #[serde(serialize_with = "form::text_if_any")]
    pub before: Option<NodeId>,
    /// Where the old key is kept.
    #[serde(serialize_with = "form::path_if_any")]
    pub kept: Option<PathBuf>,
}

/// Gives the home at `root` a new key, and keeps the old one beside it. Blocks.
///
/// # Errors
/// [`StartError`] when a node runs there, or the disk refuses.
pub fn new_key(root: &Path) -> Result<NewKey, StartError> {
    let home = Home::open(root)?;
    let node = |seed| Signer::new(seed).map(|signer| signer.node());
    let before = if home.has_identity() {
        home.identity().ok().and_then(|seed| node(seed).ok())
    } else {
        None
    };
    let (kept, seed) = home.new_identity()?;
    let now = node(seed).map_err(|error| StartError::Setting(error.to_string()))?;
    Ok(NewKey { now, before, kept })
}
