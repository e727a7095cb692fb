//! Folders that are held open, so that what is done in them is done there, whatever their names
//! lead to meanwhile.
//!
//! Owns every step from a folder to what is in it: each one names a single entry of an open folder,
//! or a path below it on which no link is followed. Never follows a link below the folder that was
//! opened. Where a system has no such calls (`elsewhere`) paths are used, and each is looked at
//! first: that leaves a moment between the check and the step.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use elsewhere::Folder;
#[cfg(unix)]
pub use unix::Folder;

use super::Stamp;
use std::{
    io,
    path::{Component, Path},
};

/// What has a name in a folder, links not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// Of what kind it is.
    pub what: What,
    /// How it looks.
    pub stamp: Stamp,
    /// Its permission bits; 0 where there are none.
    pub mode: u32,
}

/// Kinds of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device, …
    Other,
}

/// Whether a step failed because something else than a folder, such as a link, is on the way.
pub fn is_no_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, NotADirectory};
    // A link on the way is ELOOP to some calls, whose kind has no stable name.
    matches!(error.kind(), NotADirectory | CrossesDevices) || is_loop(error)
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}

/// Refuses what is not a plain path downwards.
fn check(below: &Path) -> io::Result<()> {
    if below
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests;
