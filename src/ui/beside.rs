//! Commands of the shell in the home of a node that runs: the node does them, and what they say
//! comes back.
//!
//! Owns both ends of that: the shell's asks by the node's socket (`ask`), the node's runs the same
//! code as its prompt and without a node (`run`). Invariants: what a command says is the same
//! either way; when the shell is gone, so is its command.

mod ask;
mod connect;
mod get;
mod run;
mod streams;

pub use ask::open_page;
pub use connect::there;
pub use run::runner;

use super::{
    cli::{Send, Shared},
    code::give,
    config::Setup,
    far::Ends,
    receive::Receive,
};
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf};

/// A command as it is given to a node.
#[derive(Serialize, Deserialize)]
pub struct Given {
    command: Which,
    json: bool,
    /// What the shell's streams are.
    ends: Ends,
    /// Whether a bar is wanted, and somebody looks.
    progress: bool,
    /// In milliseconds.
    wait: u64,
    /// Whether that was asked for.
    patient: bool,
    timeout: Option<u64>,
    /// Where else chunks of a download may lie.
    #[serde(default)]
    reuse: Vec<PathBuf>,
}

/// Where else chunks of a download may lie, as the node finds it from where it is.
fn places(setup: &Setup) -> io::Result<Vec<PathBuf>> {
    setup.reuse.iter().map(std::path::absolute).collect()
}

/// Which command.
#[derive(Serialize, Deserialize)]
pub enum Which {
    /// One that the prompt has, too.
    Shared(Shared),
    /// A send.
    Send {
        /// What, and to whom.
        what: Send,
        /// What standard input is called.
        called: Option<String>,
        /// Without people: by which code.
        code: Option<give::Which>,
    },
    /// What somebody sends with a code is taken.
    Receive(Receive),
    /// A look at the networks.
    Doctor,
    /// What a report of a fault needs, to be shown, and written to a file if that is wanted.
    BugReport(Option<PathBuf>),
}
