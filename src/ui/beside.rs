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
    code::{
        WORDS,
        give::{Known, Which as OfCode},
    },
    exit::Exit,
    far::Ends,
    output::Out,
    receive::Receive,
    streams::Input,
};
use crate::core::code::CodeError;
use serde::{Deserialize, Serialize};

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
        code: Option<ByCode>,
    },
    /// What somebody sends with a code is taken.
    Receive(Receive),
    /// A look at the networks.
    Doctor,
}

/// A send to those who have a code. (Not to be shown: the code is in it.)
#[derive(Serialize, Deserialize)]
pub struct ByCode {
    /// The one that a waiting receiver shows; none: a new one is shown.
    code: Option<String>,
    /// The words of a new one.
    words: usize,
    /// Whether it is for many.
    group: bool,
}

impl ByCode {
    /// Has a code typed that is not known yet, once what is to be sent is there.
    ///
    /// # Errors
    /// The exit code; what was wrong is told.
    pub async fn new(out: &Out, input: &Input, which: OfCode, group: bool) -> Result<Self, Exit> {
        input.all_there(out)?;
        let known = which.known(input.is_streamed(), out).await?;
        let (code, words) = match known {
            Known::Ours(words) => (None, words),
            Known::Theirs(code) => (Some(code.to_string()), WORDS),
        };
        Ok(Self { code, words, group })
    }

    /// The same at the node.
    fn known(&self) -> Result<Known, CodeError> {
        match &self.code {
            Some(code) => code.parse().map(Known::Theirs),
            None => Ok(Known::Ours(self.words)),
        }
    }
}
