//! What a front end and a node say to each other: settings, questions' answers, and events.
//!
//! Plain data. Everything a stranger named (files, people) is here as it came: what shows it
//! escapes it (`core::path::printable`). Programs get the same types in JSON: they are serialised
//! here, and nowhere else.

mod consent;
mod diagnosis;
mod directory;
mod download;
mod exit;
pub(super) mod form;
mod jobs;
mod landing;
mod links;
mod listing;
mod settings;
#[cfg(test)]
mod shape;
mod start;
mod whom;

pub use consent::*;
pub use diagnosis::*;
pub use directory::*;
pub use download::*;
pub use exit::Exit;
pub use jobs::*;
pub use landing::*;
pub use links::*;
pub use listing::*;
pub use settings::*;
pub use start::StartError;
pub use whom::nobody;

use crate::core::{changes::Change, id::NodeId, turns::Turns};
use serde::{Serialize, Serializer};
use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use crate::core::copies::Copies;
pub use crate::core::people::WhoError;
pub use crate::core::via::Via;
/// The longest display name, in bytes.
pub use crate::wire::MAX_NAME;
/// The port of LocalSend apps, unless a person chose another one.
pub use crate::wire::localsend::PORT as LOCALSEND_PORT;

/// One row of `peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct PeerInfo {
    /// Who.
    #[serde(rename = "peer", serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub node: NodeId,
    /// What they call themselves.
    pub name: String,
    /// The path.
    #[serde(serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub via: Via,
    /// `ip:port` of the connection.
    pub address: String,
    /// The last measured round trip.
    #[serde(rename = "rtt_ms", serialize_with = "form::milliseconds")]
    #[cfg_attr(test, schema(value_type = Option<f64>))]
    pub rtt: Option<Duration>,
    /// Another key was known for that name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key_changed: bool,
    /// It only looks or fetches, and leaves after that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub visiting: bool,
    /// It is no node, but somebody of LocalSend: nobody vouches for the name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// Offers in its catalog.
    #[serde(skip)]
    pub offers: u32,
}

/// What `status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Status {
    /// This node.
    #[serde(rename = "peer", serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its addresses, `ip:port`.
    pub addresses: Vec<String>,
    /// Peers connected.
    pub peers: u32,
    /// The configured rendezvous servers.
    pub servers: Vec<ServerInfo>,
    /// The DHT; none without `--dht`.
    pub dht: Option<DhtInfo>,
    /// Files that are offered: those of the shared folder, and those that were downloaded.
    pub shared_files: u64,
    /// Their bytes.
    pub shared_bytes: u64,
    /// Files of the shared folder, and how many of them another node here could give all of.
    pub safe: Safe,
    /// On whose downloads that rests: what they are called, a few at most.
    #[serde(skip)]
    pub resting_on: Vec<String>,
    /// What this node keeps for others.
    pub replicas: Kept,
    /// Downloads that were broken off and that nobody goes on with.
    pub leftovers: Leftovers,
    /// How far the shared folder is read, while it is.
    #[serde(serialize_with = "form::scan")]
    #[cfg_attr(test, schema(value_type = Option<shape::Reading>))]
    pub scanning: Option<Scan>,
    /// Downloads under way.
    #[serde(serialize_with = "form::downloads")]
    #[cfg_attr(test, schema(value_type = Vec<shape::Downloading>))]
    pub downloads: Vec<(String, Progress)>,
    /// Bytes of chunks received since the start.
    pub received: u64,
    /// Bytes of chunks sent since the start.
    pub sent: u64,
    /// How long the actor's turns took.
    #[serde(serialize_with = "form::turns")]
    #[cfg_attr(test, schema(value_type = shape::Turns))]
    pub turns: Turns,
}

/// What a node keeps for others, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Kept {
    /// Kept now.
    pub used: u64,
    /// The most that may be.
    pub quota: u64,
    /// Received since the start, to be kept.
    pub received: u64,
    /// Sent since the start, to those who keep it.
    pub sent: u64,
}

/// Downloads that were broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Leftovers {
    /// How many.
    pub files: u64,
    /// What they take on the disk.
    pub bytes: u64,
}

/// Whether what this node shares would still be there without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Safe {
    /// Files of the shared folder.
    pub files: u64,
    /// Those of which every chunk has a copy on another node that is here.
    pub elsewhere: u64,
    /// Of these, those that are safe only as long as somebody keeps what was downloaded there.
    pub downloads: u64,
    /// Whether another node is here that keeps copies.
    pub keepers: bool,
    /// The shared folder is not read for the first time: what is in it is not known yet.
    pub reading: bool,
    /// Whether one of them has room, as far as is known, for something that has no copy elsewhere.
    pub room: bool,
}

impl Safe {
    /// Whether nothing would be lost to the others.
    #[must_use]
    pub fn to_leave(&self) -> bool {
        !self.reading && self.elsewhere >= self.files
    }
}

impl Serialize for Safe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row {
            to_leave: bool,
            files: u64,
            elsewhere: u64,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            reading: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            downloads: Option<u64>,
        }
        let row = Row {
            to_leave: self.to_leave(),
            files: self.files,
            elsewhere: self.elsewhere,
            reading: self.reading,
            downloads: Some(self.downloads).filter(|downloads| *downloads > 0),
        };
        row.serialize(serializer)
    }
}

/// What happens at a node, for those who watch.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum NodeEvent {
    /// A peer is here.
    #[serde(rename = "joined")]
    PeerJoined {
        /// Who.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
        /// Their name.
        name: String,
        /// The name by which this key was known, the first time that it comes with this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        /// Another key was known for that name.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
        /// It only looks or fetches, and leaves after that.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        visiting: bool,
    },
    /// A peer goes by another name now. Told once a minute at most.
    #[serde(rename = "renamed")]
    PeerRenamed {
        /// Who.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
        /// Their name.
        name: String,
        /// What it was.
        before: String,
        /// Another key was known for that name.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
    },
    /// A peer has gone.
    #[serde(rename = "left")]
    PeerLeft {
        /// Who.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
        /// Their name.
        name: String,
        /// Whether they said so.
        announced: bool,
        /// It only looked or fetched.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        visiting: bool,
    },
    /// A peer's catalog changed.
    #[serde(rename = "catalog")]
    CatalogChanged {
        /// Whose.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
    },
    /// The scan of the shared folder goes on.
    Scanning {
        /// Bytes read.
        done: u64,
        /// Bytes to read in all.
        total: u64,
    },
    /// The scan is complete.
    Scanned {
        /// Files offered.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// How many of them had to be read.
        read: u64,
    },
    /// A file of the shared folder is offered from now on (only after the first scan).
    Offered {
        /// Its name.
        name: String,
        /// Bytes.
        size: u64,
    },
    /// A file is no longer offered.
    Withdrawn {
        /// Its name.
        name: String,
    },
    /// The same as the two before, as a person wants to hear it: a moment later, and in one for
    /// many files.
    #[serde(skip)]
    Files(Change),
    /// A peer sent bytes that are not what they should be, and is dropped for good.
    #[serde(rename = "dropped")]
    PeerDropped {
        /// Who.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
        /// Their name.
        name: String,
        /// What they did.
        why: String,
    },
    /// Somebody says something.
    Message {
        /// Their name.
        #[serde(rename = "from")]
        name: String,
        /// Who.
        #[serde(rename = "peer", serialize_with = "form::text")]
        node: NodeId,
        /// What.
        text: String,
        /// When: seconds since 1970.
        time: u64,
        /// Another key was known for that name.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
    },
    /// Somebody asks to send something.
    #[serde(serialize_with = "form::inner")]
    Ask(Arc<AskInfo>),
    /// An ask needs no answer any more.
    #[serde(rename = "gone")]
    AskGone {
        /// Its number.
        #[serde(rename = "ask")]
        number: u32,
        /// Whose it was.
        #[serde(flatten, serialize_with = "form::from")]
        from: Person,
        /// Why.
        #[serde(serialize_with = "form::gone")]
        why: Gone,
    },
    /// What was accepted is here, or as much of it as will be.
    #[serde(serialize_with = "form::inner")]
    Received(Arc<Received>),
    /// Something happened with a rendezvous server.
    Server(ServerNews),
    /// There is no straight path to a peer so far, or now there is.
    Path(PathInfo),
    /// Another node runs with the key of this one: its home is a copy. Told once for each of its
    /// lives.
    SameKey {
        /// What it calls itself.
        name: String,
        /// Where it is: the address that its beacon came from, and its TCP port.
        address: SocketAddr,
    },
    /// A download, a send or what somebody sends began, stands otherwise, or ended.
    Job(JobNews),
    /// Something that a person should know, in a sentence.
    #[serde(serialize_with = "notice")]
    Notice(String),
    /// What waited for somebody goes on.
    #[serde(untagged, serialize_with = "later")]
    Later {
        /// Its number.
        number: u32,
        /// What is sent.
        name: String,
        /// What happened.
        event: SendEvent,
    },
}

/// As any send goes on, with its number.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference to the field"
)]
fn later<S: Serializer>(
    number: &u32,
    name: &str,
    event: &SendEvent,
    to: S,
) -> Result<S::Ok, S::Error> {
    Sending::later(*number, event, name).serialize(to)
}

fn notice<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Notice<'a> {
        text: &'a str,
    }
    Notice { text }.serialize(to)
}
