//! What a file that arrives is to be called, and what becomes of what is called so.

use crate::{core::path::RelPath, store::StoreError};
use std::path::PathBuf;

/// Numbers tried for a name that is taken, before giving up.
const MAX_NUMBER: u32 = 10_000;

/// What becomes of another file that lies where one is to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Taken {
    /// It stays, and the new one goes beside it, as `name (2)`.
    #[default]
    Beside,
    /// It stays, and the new one is refused.
    Refused,
    /// It is replaced.
    Replaced,
}

/// What a file that arrives is called.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// The name it is offered by.
    pub name: &'a RelPath,
    /// The name it gets below its destination.
    pub at: &'a RelPath,
    /// What becomes of what has that name.
    pub taken: Taken,
}

impl<'a> From<&'a RelPath> for Spot<'a> {
    fn from(name: &'a RelPath) -> Self {
        Self {
            name,
            at: name,
            taken: Taken::default(),
        }
    }
}

impl Taken {
    /// How many names are tried.
    pub(super) fn tries(self) -> u32 {
        if self == Self::Beside { MAX_NUMBER } else { 1 }
    }
}

pub(super) fn no_folder(path: PathBuf) -> StoreError {
    StoreError::Name {
        path,
        why: "a folder is needed there, and something else has the name".into(),
    }
}

pub(super) fn is_taken(path: PathBuf) -> StoreError {
    StoreError::Name {
        path,
        why: "another file is there, and stays (--overwrite replaces it)".into(),
    }
}
