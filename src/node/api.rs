//! What a front end and a node say to each other: settings, questions' answers, and events.
//!
//! Plain data. Everything a stranger named (files, people) is here as it came: whoever shows it escapes it
//! (`core::path::printable`).

mod consent;
mod directory;
mod download;
mod listing;
mod place;
mod start;

pub use consent::*;
pub use directory::*;
pub use download::*;
pub use listing::*;
pub use place::*;
pub use start::StartError;

use crate::core::{changes::Change, id::NodeId};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// How to start a node. [`Settings::new`] gives what the command line gives without options.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct Settings {
    /// The home folder.
    pub home: PathBuf,
    /// The display name.
    pub name: String,
    /// Whether nobody chose that name. Then another node of the same name is no reason to warn anybody.
    pub unnamed: bool,
    /// The base transfer port, TCP and UDP; 0 = any free one.
    pub transfer_port: u16,
    /// The UDP port of beacons, shared by all nodes of a machine.
    pub discovery_port: u16,
    /// The addresses to listen on; empty = all.
    pub listen: Vec<IpAddr>,
    /// The interfaces to announce on; empty = all.
    pub interfaces: Vec<String>,
    /// Nodes to connect to by hand: `host:port`, or a multiaddress.
    pub peers: Vec<String>,
    /// Rendezvous servers: `host:port`, or a multiaddress with or without the key. One that answers is enough.
    pub rendezvous: Vec<String>,
    /// Whether bytes may go through a server when no straight path can be had.
    pub relay: bool,
    /// Whether to leave the servers as soon as somebody is connected.
    pub leave_server: bool,
    /// The words that make a private swarm; `None` = the public one.
    pub passphrase: Option<String>,
    /// Whether to offer the shared folder. A command that only looks or fetches leaves it alone.
    pub share: bool,
    /// Whether to use mDNS besides the beacon.
    pub mdns: bool,
    /// How many copies of each chunk of the shared files there are to be, this node's own included.
    pub replicas: Copies,
    /// Bytes that this node gives to others' files; 0 = none, `None` = what its disk suggests.
    pub replica_quota: Option<u64>,
    /// How long a file that its owner no longer shares is kept for him.
    pub replica_grace: Duration,
    /// The most bytes of chunks sent a second; `None` = no limit.
    pub upload_limit: Option<u64>,
    /// The most bytes of chunks received a second; `None` = no limit.
    pub download_limit: Option<u64>,
    /// Whether to tell nobody of this node, and to look for nobody, until it has paired by a code.
    pub hidden: bool,
    /// How long the sender with a code is looked for.
    pub code_wait: Duration,
    /// Whose asks to send something are answered, and by whom.
    pub accepting: Accepting,
    /// How long an ask waits for its answer.
    pub ask_expiry: Duration,
}

pub use crate::core::copies::Copies;

/// How long the sender with a code is looked for, unless told otherwise.
pub const CODE_WAIT: Duration = Duration::from_secs(30);
/// How many copies of each chunk there are to be, unless told otherwise.
pub const REPLICAS: u32 = 3;
/// How long what is no longer wanted is kept: more than any restart takes.
pub const REPLICA_GRACE: Duration = Duration::from_secs(600);

/// The discovery port, unless told otherwise.
pub const DISCOVERY_PORT: u16 = 45670;

impl Settings {
    /// The defaults for a node in `home`.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            name: "sprat".into(),
            unnamed: false,
            transfer_port: 0,
            discovery_port: DISCOVERY_PORT,
            listen: Vec::new(),
            interfaces: Vec::new(),
            peers: Vec::new(),
            rendezvous: Vec::new(),
            relay: true,
            leave_server: false,
            passphrase: None,
            share: true,
            mdns: true,
            replicas: Copies::Some(REPLICAS),
            replica_quota: None,
            replica_grace: REPLICA_GRACE,
            upload_limit: None,
            download_limit: None,
            hidden: false,
            code_wait: CODE_WAIT,
            accepting: Accepting::Nobody,
            ask_expiry: ASK_EXPIRY,
        }
    }
}

pub use crate::core::people::WhoError;
pub use crate::core::via::Via;
/// The longest display name, in bytes.
pub use crate::wire::MAX_NAME;

/// One row of `peers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who.
    pub node: NodeId,
    /// What they call themselves.
    pub name: String,
    /// Another key was known for that name.
    pub key_changed: bool,
    /// It only looks or fetches, and leaves after that.
    pub visiting: bool,
    /// The path.
    pub via: Via,
    /// `ip:port` of the connection.
    pub address: String,
    /// The last measured round trip.
    pub rtt: Option<Duration>,
    /// Offers in its catalog.
    pub offers: u32,
}

/// What `status` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its addresses, `ip:port`.
    pub addresses: Vec<String>,
    /// Peers connected.
    pub peers: u32,
    /// The configured rendezvous servers.
    pub servers: Vec<ServerInfo>,
    /// Files that are offered: those of the shared folder, and those that were downloaded.
    pub shared_files: u64,
    /// Their bytes.
    pub shared_bytes: u64,
    /// Files of the shared folder, and how many of them another node here could give all of.
    pub safe: Safe,
    /// On whose downloads that rests: what they are called, a few at most.
    pub resting_on: Vec<String>,
    /// Bytes that are kept for others, and the most that may be.
    pub replicas: (u64, u64),
    /// How far the shared folder is read, while it is.
    pub scanning: Option<Scan>,
    /// Downloads that were broken off and that nobody goes on with, and the bytes that they take.
    pub leftovers: (u64, u64),
    /// Downloads under way.
    pub downloads: Vec<(String, Progress)>,
    /// Bytes of chunks received since the start.
    pub received: u64,
    /// Bytes of chunks sent since the start.
    pub sent: u64,
    /// Bytes of copies since the start: received to be kept for others, and sent to those who keep them.
    pub copied: (u64, u64),
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

/// What happens at a node, for those who watch.
#[derive(Clone, Debug)]
pub enum NodeEvent {
    /// A peer is here.
    PeerJoined {
        /// Who.
        node: NodeId,
        /// Their name.
        name: String,
        /// The name by which this key was known, the first time that it comes with this one.
        before: Option<String>,
        /// Another key was known for that name.
        key_changed: bool,
        /// It only looks or fetches, and leaves after that.
        visiting: bool,
    },
    /// A peer goes by another name now. Told once a minute at most.
    PeerRenamed {
        /// Who.
        node: NodeId,
        /// Their name.
        name: String,
        /// What it was.
        before: String,
        /// Another key was known for that name.
        key_changed: bool,
    },
    /// A peer has gone.
    PeerLeft {
        /// Who.
        node: NodeId,
        /// Their name.
        name: String,
        /// Whether they said so.
        announced: bool,
        /// It only looked or fetched.
        visiting: bool,
    },
    /// A peer's catalog changed.
    CatalogChanged {
        /// Whose.
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
    /// The same as the two before, as a person wants to hear it: a moment later, and in one for many files.
    Files(Change),
    /// A peer sent bytes that are not what they should be, and is dropped for good.
    PeerDropped {
        /// Who.
        node: NodeId,
        /// Their name.
        name: String,
        /// What they did.
        why: String,
    },
    /// Somebody says something.
    Message {
        /// Who.
        node: NodeId,
        /// Their name.
        name: String,
        /// What.
        text: String,
        /// When: seconds since 1970.
        time: u64,
        /// Another key was known for that name.
        key_changed: bool,
    },
    /// Somebody asks to send something.
    Ask(Arc<AskInfo>),
    /// An ask needs no answer any more.
    AskGone {
        /// Its number.
        number: u32,
        /// Whose it was.
        from: Person,
        /// Why.
        why: Gone,
    },
    /// What was accepted is here, or as much of it as will be.
    Received(Arc<Received>),
    /// What waited for somebody goes on.
    Later {
        /// Its number.
        number: u32,
        /// What is sent.
        name: String,
        /// What happened.
        event: SendEvent,
    },
    /// Something happened with a rendezvous server.
    Server(ServerNews),
    /// There is no straight path to a peer so far, or now there is.
    Path(PathInfo),
    /// Another node runs with the key of this one: its home is a copy. Told once for each of its lives.
    SameKey {
        /// What it calls itself.
        name: String,
        /// Where it is: the address that its beacon came from, and its TCP port.
        address: SocketAddr,
    },
    /// Something that a person should know, in a sentence.
    Notice(String),
}
