//! What is said about rendezvous servers and the people who signed up there.

use super::form;
use crate::core::{doctor, id::NodeId, via::Via};
use serde::{Serialize, Serializer};

/// A configured rendezvous server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ServerInfo {
    /// `host:port`, as it was written.
    pub address: String,
    /// Its key, when it is known.
    #[serde(rename = "peer", serialize_with = "form::text_if_any")]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    pub server: Option<NodeId>,
    /// Whether this node is connected to it, or it answered when it was last visited.
    pub joined: bool,
    /// How many of the nodes that it told of are here.
    pub met: u32,
}

/// How the DHT is, with `--dht`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DhtInfo {
    /// When it answered last: seconds since 1970.
    pub answered: Option<u64>,
    /// Servers of the swarm that stood there then.
    pub servers: u32,
    /// Found servers that answer.
    pub joined: u32,
    /// Why it did not answer when it was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl From<doctor::Dht> for DhtInfo {
    fn from(dht: doctor::Dht) -> Self {
        let doctor::Dht {
            answered,
            why,
            servers,
            joined,
        } = dht;
        Self {
            answered,
            servers: servers as u32,
            joined: joined as u32,
            why,
        }
    }
}

/// Something happened with a rendezvous server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNews {
    /// `host:port`, as it was written.
    pub address: String,
    /// Its key, when it is known.
    pub server: Option<NodeId>,
    /// What.
    pub state: ServerState,
}

/// In JSON `peer` is the key that is there now.
impl Serialize for ServerNews {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            address: &'a str,
            #[serde(serialize_with = "form::text_if_any")]
            peer: Option<NodeId>,
            state: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            why: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            known: Option<String>,
        }
        let mut row = Row {
            address: &self.address,
            peer: self.server,
            state: "joined",
            why: None,
            known: None,
        };
        match &self.state {
            ServerState::Joined => {}
            ServerState::Lost => row.state = "lost",
            ServerState::Left => row.state = "left",
            ServerState::Unreachable(why) => {
                (row.state, row.why) = ("unreachable", Some(why.as_str()));
            }
            ServerState::NewKey { known, now } => {
                (row.state, row.peer, row.known) = ("newkey", Some(*now), Some(known.to_string()));
            }
        }
        row.serialize(serializer)
    }
}

/// How a rendezvous server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It is joined.
    Joined,
    /// The connection is gone; it is tried again.
    Lost,
    /// It was left while somebody is connected straight.
    Left,
    /// It does not answer; it is tried again.
    Unreachable(String),
    /// It has another key than before, and is not used.
    NewKey {
        /// The key that was known.
        known: NodeId,
        /// The key that is there.
        now: NodeId,
    },
}

/// The path to a peer is not the one that was hoped for, or it is at last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathInfo {
    /// To whom.
    #[serde(rename = "peer", serialize_with = "form::text")]
    pub node: NodeId,
    /// What they are called.
    pub name: String,
    /// The path.
    #[serde(serialize_with = "form::text")]
    pub via: Via,
    /// Whether bytes may go through a server.
    #[serde(skip)]
    pub relay: bool,
}

/// Somebody who signed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SignedUp {
    /// The name: foreign text.
    pub name: String,
    /// Whose.
    #[serde(rename = "peer", serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub node: NodeId,
    /// Whether the node is connected to the server now.
    pub present: bool,
    /// When it last was: seconds since 1970, by the server's clock.
    pub seen: u64,
    /// At which server, `host:port`; or at which other one (by its key) that server says.
    pub server: String,
    /// Whether it was added here by this name.
    pub added: bool,
    /// Whether it is in this node's swarm.
    #[serde(skip)]
    pub ours: bool,
}

/// Why a directory did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// None is configured.
    #[error("no rendezvous server is named: --rendezvous HOST:PORT names one")]
    NoneNamed,
    /// None is joined.
    #[error("no rendezvous server answers: {0}")]
    NoServer(String),
    /// Another key has the name.
    #[error("the name is taken at {0}: choose another one")]
    Taken(String),
    /// Nobody has that name.
    #[error("nobody signed up as `{0}`")]
    NotFound(String),
    /// Nobody has that name at a server, and not all that it knows answered it.
    #[error("nobody is known to have signed up so: servers that {0} knows did not answer it")]
    Unsure(String),
    /// The name is not this node's.
    #[error("the name is not yours at {0}")]
    NotYours(String),
    /// It is no name.
    #[error("{0}")]
    Name(String),
    /// Servers do not agree whose it is.
    #[error(
        "different people are called so at different servers: {}; name one server only",
        .0.iter().map(NodeId::short).collect::<Vec<_>>().join(", ")
    )]
    Different(Vec<NodeId>),
    /// The name means somebody else here.
    #[error(
        "that name means another key here ({}) than the one that signed up ({}): ask them by another way whether that is \
         right; --trust-new-key takes the new one",
        known.short(), now.short()
    )]
    NewKey {
        /// The key that was known.
        known: NodeId,
        /// The key that signed up.
        now: NodeId,
    },
    /// The server refuses.
    #[error("{0} refuses: it does not accept what this node says")]
    Refused(String),
    /// The server has too much to do.
    #[error("{0} has too much to do, or no room for more names: try again later")]
    Busy(String),
    /// The server lies, or is none.
    #[error("{0} says what is not so (a name without its owner's signature): do not trust it")]
    Lies(String),
    /// It did not answer.
    #[error("{0} did not answer: {1}")]
    Silent(String, String),
}
