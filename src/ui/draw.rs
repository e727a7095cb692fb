//! What a shell beside the node is told to draw: the bar of a command that the node does for it.
//!
//! Plain data, between `output`, which passes it on, and `progress`, which draws it.

use crate::node::Progress;
use serde::{Deserialize, Serialize};

/// What a shell beside the node is told to draw.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// A bar that says that it looks.
    Open,
    /// As [`super::progress::Bar::say`].
    Say(String),
    /// As [`super::progress::Bar::start`].
    Start(String, Progress),
    /// As [`super::progress::Bar::update`].
    Update(Progress),
    /// As [`super::progress::Bar::waiting`].
    Waiting,
    /// As [`super::progress::Bar::resumed`].
    Resumed,
    /// As [`super::progress::Bar::clear`].
    Clear,
}
