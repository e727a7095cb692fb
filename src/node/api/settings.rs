//! How a node is started: what a person chose, or what stands when nobody did.

use super::{ASK_EXPIRY, Accepting, Copies};
use std::{net::IpAddr, path::PathBuf, time::Duration};

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
    /// Whether nobody chose that name. Then another node of the same name is no reason to warn
    /// anybody.
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
    /// Rendezvous servers: `host:port`, or a multiaddress with or without the key. One that answers
    /// is enough.
    pub rendezvous: Vec<String>,
    /// The entries (`host:port`) of the DHT by which servers and people are found, and this node is;
    /// none of them: those of the internet. `None` = no DHT.
    pub dht: Option<Vec<String>>,
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
    /// How long a file that its owner no longer shares is kept.
    pub replica_grace: Duration,
    /// The most bytes of chunks sent a second; `None` = no limit.
    pub upload_limit: Option<u64>,
    /// The most bytes of chunks received a second; `None` = no limit.
    pub download_limit: Option<u64>,
    /// Whether to tell nobody of this node, and to look for nobody, until it has paired by a code.
    pub hidden: bool,
    /// Of others' names only these are asked for: for a node that does nothing else.
    pub looks_for: Option<LooksFor>,
    /// How long the sender with a code is looked for.
    pub code_wait: Duration,
    /// Whose asks to send something are answered, and by whom.
    pub accepting: Accepting,
    /// How long an ask waits for its answer.
    pub ask_expiry: Duration,
    /// Files and folders that may have chunks of whatever is downloaded.
    pub reuse: Vec<PathBuf>,
    /// The port of LocalSend apps, if they are to see this node.
    pub localsend: Option<u16>,
    /// What these apps have to say before the person here is asked.
    pub localsend_pin: Option<String>,
}

/// What a node looks for that runs one command and leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LooksFor {
    /// What `list` may show for these words.
    List(String),
    /// What a download of these words may be about.
    Download(Vec<String>),
}

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
            dht: None,
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
            looks_for: None,
            code_wait: CODE_WAIT,
            accepting: Accepting::Nobody,
            ask_expiry: ASK_EXPIRY,
            reuse: Vec::new(),
            localsend: None,
            localsend_pin: None,
        }
    }
}
