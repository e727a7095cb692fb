//! Where what arrives goes: what a front end can say about it. Plain data.

use std::path::PathBuf;

pub use crate::store::{Added, PourError, Removed, SharePathError, Spool, StoreError};

/// What the place is that files are to go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// A folder.
    #[default]
    Folder,
    /// The path of the file, when one is meant and there is no such folder; else a folder. Another
    /// file there stays, unless it is to be replaced.
    Path,
    /// A folder for one file: nothing comes of several.
    One,
}

/// Where what a person sends goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Landing {
    /// Where; `None` = the home's `downloads/`.
    pub into: Option<PathBuf>,
    /// What that is.
    pub shape: Shape,
    /// Whether another file that lies there is replaced.
    pub overwrite: bool,
    /// Where else chunks of it may lie.
    pub reuse: Vec<PathBuf>,
}

impl From<Option<PathBuf>> for Landing {
    fn from(into: Option<PathBuf>) -> Self {
        Self {
            into,
            ..Self::default()
        }
    }
}
