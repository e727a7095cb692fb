//! Downloads that were broken off, as `--json` tells them.

use super::line;
use crate::node::BrokenOff;
use serde::Serialize;

/// How many there are, and what they take.
#[derive(Serialize)]
pub(super) struct Sum {
    pub files: u64,
    pub bytes: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    event: &'static str,
    name: Option<&'a str>,
    id: String,
    bytes: u64,
    unused: u64,
    removed: bool,
}

/// One of them, and whether it was removed.
#[must_use]
pub fn row(one: &BrokenOff, removed: bool) -> String {
    line(&Row {
        event: "leftover",
        name: one.name.as_deref(),
        id: one.file.to_string(),
        bytes: one.bytes,
        unused: one.unused.as_secs(),
        removed,
    })
}
