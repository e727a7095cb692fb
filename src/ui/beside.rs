//! Commands of the shell in the home of a node that runs: the node does them, and what they say
//! comes back.
//!
//! Owns both ends of that: the shell's asks by the node's socket (`client`), the node's runs the
//! same code as its prompt and without a node. Invariants: what a command says is the same either
//! way; when the shell is gone, so is its command.

mod ask;
mod get;
mod run;

pub use ask::{open_page, there};
pub use run::runner;

use super::cli::{Send, Shared};
use serde::{Deserialize, Serialize};

/// A command as it is given to a node.
#[derive(Debug, Serialize, Deserialize)]
pub struct Given {
    command: Which,
    json: bool,
    /// The columns of the terminal, if somebody looks.
    width: Option<usize>,
    /// In milliseconds.
    wait: u64,
    timeout: Option<u64>,
}

/// Which command.
#[derive(Debug, Serialize, Deserialize)]
pub enum Which {
    /// One that the prompt has, too.
    Shared(Shared),
    /// A send to people.
    Send(Send),
}
