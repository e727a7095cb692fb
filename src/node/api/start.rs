//! Why a node did not start: who is to blame, and what to do.

/// Why a node did not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The home folder cannot be used, or another node uses it.
    #[error(transparent)]
    Home(#[from] crate::store::HomeError),
    /// A port or an address cannot be had.
    #[error(transparent)]
    Net(#[from] crate::net::NetError),
    /// The disk does not do what is needed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The discovery port cannot be had.
    #[error(transparent)]
    Beacon(#[from] crate::net::BeaconError),
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(String),
    /// A task of the program itself failed: a bug, not the user's doing.
    #[error("an internal task failed ({0}): this is a bug in sprat, please report it")]
    Internal(String),
}

impl StartError {
    /// Whether room on the disk is all that is wanted.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        use crate::store::{HomeError, StoreError};
        matches!(
            self,
            Self::Home(HomeError::NoSpace(_)) | Self::Store(StoreError::NoSpace { .. })
        )
    }
}
