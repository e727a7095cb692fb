//! What a send is about: its files, and the ask that names them.

use crate::{store::SentFile, wire::consent::Ask};

/// What a send is about.
pub struct Bundle {
    pub files: Vec<SentFile>,
    pub ask: Ask,
    pub size: u64,
    /// What LocalSend apps ask for before they ask their person.
    pub pin: Option<String>,
}
