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

use super::{
    cli::{Send, Shared},
    code::{
        WORDS,
        give::{self, Known},
    },
    config::Setup,
    exit::Exit,
    output::Out,
    streams::Input,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// Whether a bar is wanted, and somebody looks.
    #[serde(default)]
    progress: bool,
}

/// Which command.
#[derive(Debug, Serialize, Deserialize)]
pub enum Which {
    /// One that the prompt has, too.
    Shared(Shared),
    /// A send to people.
    Send(Send),
    /// A send to those who have a code.
    Code {
        /// What.
        files: Vec<PathBuf>,
        /// The one that a receiver shows; none: a new one is shown.
        code: Option<String>,
        /// The words of a new one.
        words: usize,
        /// Whether it is for many.
        group: bool,
    },
    /// A look at the networks.
    Doctor,
}

/// `sprat send FILE…` without `--to`, for a node that runs beside.
///
/// # Errors
/// The exit code; what was wrong is told.
pub async fn handing(
    setup: &Setup,
    input: &Input,
    which: give::Which,
    group: bool,
) -> Result<Which, Exit> {
    let out = Out::streams(setup.json);
    input.all_there(&out)?;
    let (code, words) = match which.known(input.is_streamed(), &out).await? {
        Known::Ours(words) => (None, words),
        Known::Theirs(code) => (Some(code.to_string()), WORDS),
    };
    Ok(Which::Code {
        files: input.paths().to_vec(),
        code,
        words,
        group,
    })
}
