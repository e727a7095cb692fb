//! Talking: texts to one person, and what was said before.
//!
//! `send` writes, `accept` takes what comes. Invariants: nothing is queued for somebody who is
//! away; a message counts as delivered when the other side says so, and not before; what is
//! delivered is in the history of both.

mod accept;
mod send;

pub use crate::store::ChatLine;
pub use accept::Door;

use super::{
    Node,
    api::{Exit, WhoError},
};
use crate::{
    core::{
        id::NodeId,
        people::{People, is_id_of},
    },
    store::{Chats, PeopleFile},
    wire::chat::MAX_TEXT,
};
use std::path::Path;

/// What was said with somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// With whom.
    pub peer: NodeId,
    /// What they are called.
    pub name: String,
    /// The end of it, oldest first.
    pub said: Vec<ChatLine>,
}

/// Why a text was not delivered. Says what the caller can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They are not here: try again when they are. Nothing is kept for them.
    #[error("away")]
    Away,
    /// There is nothing in it.
    #[error("there is nothing to say in it")]
    Empty,
    /// It has so many bytes: say less at a time.
    #[error("{0} bytes are too long: a message has at most {max}", max = MAX_TEXT)]
    TooLong(usize),
    /// They had too many in too short a time: wait a little.
    #[error("too many messages in too short a time; wait a little")]
    TooFast,
    /// Nobody is at that node who could read it.
    #[error("nobody is there to read it: that node runs a single command only")]
    Off,
    /// It is not there.
    #[error("{0}")]
    Lost(String),
    /// It may be there or not.
    #[error("no answer came, so it may have arrived or not")]
    Unknown,
}

impl From<&MessageError> for Exit {
    fn from(error: &MessageError) -> Self {
        match error {
            MessageError::Away => Exit::NotFound,
            MessageError::Empty | MessageError::TooLong(_) => Exit::Usage,
            MessageError::TooFast | MessageError::Off => Exit::Refused,
            MessageError::Lost(_) | MessageError::Unknown => Exit::Failed,
        }
    }
}

/// Why there is no history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// Nobody is meant.
    Who(WhoError),
    /// The disk refused.
    Disk(String),
}

impl Node {
    /// Sends a text to somebody who is here, and waits until it is acknowledged: when it was sent,
    /// in seconds since 1970.
    ///
    /// Whether the key is the known one is not looked at: [`Node::find_person`] does.
    ///
    /// # Errors
    /// [`MessageError`] when it was not delivered, or nobody can tell.
    pub async fn message(&self, to: NodeId, text: &str) -> Result<u64, MessageError> {
        send::send(&self.shared.services, to, text).await
    }

    /// With whom something was said.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn chats(&self) -> Result<Vec<NodeId>, HistoryError> {
        let chats = self.shared.services.chats.clone();
        let read = tokio::task::spawn_blocking(move || chats.peers());
        let failed = |error: String| HistoryError::Disk(error);
        let read = read.await.map_err(|error| failed(error.to_string()))?;
        read.map_err(|error| failed(error.to_string()))
    }

    /// The last `count` things that were said with somebody, here or not.
    ///
    /// # Errors
    /// [`HistoryError`] when nobody is meant, or the disk refuses.
    pub async fn history(&self, who: &str, count: usize) -> Result<History, HistoryError> {
        let services = &self.shared.services;
        let live = match self.find_person(who, false).await {
            Ok(person) => Some(person.node),
            Err(WhoError::NewKey { now, .. }) if is_id_of(who, &now) => Some(now),
            // The one who was meant by that name so far.
            Err(WhoError::NewKey { known, .. }) => Some(known),
            Err(WhoError::Nobody) => services.swarm.known(who),
            Err(error) => return Err(HistoryError::Who(error)),
        };
        let name = match live {
            Some(node) => self.name_of(node).map(|(name, _)| name),
            None => None,
        };
        let (chats, who) = (services.chats.clone(), who.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let peer = live.map_or_else(|| by_id(&chats, &who), Ok)?;
            let name = name.unwrap_or_else(|| own_word(&who, &peer));
            read(&chats, peer, name, count)
        });
        read.await
            .unwrap_or_else(|error| Err(HistoryError::Disk(error.to_string())))
    }
}

/// The last `count` things that were said with somebody, as the home at `root` has them, whether a
/// node runs there or not. Blocks.
///
/// # Errors
/// [`HistoryError`] when nobody is meant, or the disk refuses.
pub fn history_at(root: &Path, who: &str, count: usize) -> Result<History, HistoryError> {
    let chats = Chats::of(root);
    let mut people = People::default();
    let written = PeopleFile::of(root).read();
    for person in written.map_err(|error| HistoryError::Disk(error.to_string()))? {
        people.recall(person);
    }
    let (peer, name) = if let Some(person) = people.known(who) {
        (person.key, person.name.clone())
    } else {
        let peer = by_id(&chats, who)?;
        (peer, own_word(who, &peer))
    };
    read(&chats, peer, name, count)
}

/// What to call somebody who did not say so: by the word that was asked for, unless that is an id.
fn own_word(who: &str, peer: &NodeId) -> String {
    if is_id_of(who, peer) {
        peer.short()
    } else {
        who.to_owned()
    }
}

fn by_id(chats: &Chats, who: &str) -> Result<NodeId, HistoryError> {
    let peers = chats.peers();
    let mut peers = peers.map_err(|error| HistoryError::Disk(error.to_string()))?;
    peers.retain(|peer| is_id_of(who, peer));
    match peers[..] {
        [] => Err(HistoryError::Who(WhoError::Nobody)),
        [peer] => Ok(peer),
        _ => Err(HistoryError::Who(WhoError::Ambiguous(peers))),
    }
}

fn read(chats: &Chats, peer: NodeId, name: String, count: usize) -> Result<History, HistoryError> {
    let said: Vec<ChatLine> = chats
        .read(&peer, count)
        .map_err(|error| HistoryError::Disk(error.to_string()))?;
    Ok(History { peer, name, said })
}
