//! What a person may write after `link`.

use super::parse::parse_time;
use crate::node::{MAX_USES, Settings};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// What a link is to be about, and on what terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct LinkWhat {
    /// Files and folders, which stay where they are, or names that the swarm offers
    #[arg(
        required_unless_present = "upload",
        conflicts_with = "upload",
        value_name = "FILE|NAME"
    )]
    pub what: Vec<String>,

    /// Those of them that lie on this machine.
    #[arg(skip)]
    pub paths: Vec<PathBuf>,

    /// Let others hand files in: you are asked before anything is stored
    #[arg(long)]
    pub upload: bool,

    /// End it after so long: 30m, 12h, 7d, or seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub expires: Option<Duration>,

    /// Let it be used from so many addresses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_USES)))]
    pub uses: Option<u32>,

    /// Ask for a PIN first: this one, or six digits that are shown
    #[arg(long, value_name = "PIN", num_args = 0..=1, default_missing_value = "", require_equals = true)]
    pub pin: Option<String>,

    /// Let programs fetch files by their names, below one plain path
    #[arg(long, conflicts_with = "upload")]
    pub web_seed: bool,

    /// Let people of LocalSend near fetch the files, too, without the address (with --localsend)
    #[arg(long, conflicts_with = "upload")]
    pub for_localsend: bool,

    /// Let it work by https alone, with a certificate of this node
    #[arg(long)]
    pub tls: bool,
}

impl LinkWhat {
    /// Tells the files of this machine from names: what is here is meant.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn find(&mut self, expand: fn(&str) -> PathBuf) -> std::io::Result<()> {
        for word in std::mem::take(&mut self.what) {
            let path = expand(&word);
            if path.exists() {
                self.paths.push(std::path::absolute(path)?);
            } else {
                self.what.push(word);
            }
        }
        Ok(())
    }

    /// What makes the node that serves it without another one: it has to be asked, and to know
    /// the swarm only where a name is meant.
    pub fn settle(&self, settings: &mut Settings) {
        settings.share = false;
        if self.upload {
            settings.accepting = crate::node::Accepting::Person;
        }
    }
}
