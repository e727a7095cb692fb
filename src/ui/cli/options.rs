//! The options that apply to every command, each of which is also `SPRAT_…` in the environment, and
//! a key of the home's file.
//!
//! Owns their words and help. What is not given stays `None` (or empty), so that `config` can tell
//! it from a default.

use super::parse::{parse_pin, parse_place, parse_rate, parse_seconds, parse_size};
use crate::node::Copies;
use crate::node::parse_name;
use clap::{
    Arg, ArgAction, Args,
    builder::{FalseyValueParser, ValueParser},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Those of them that the file of a home cannot set.
pub(super) const NOT_IN_FILE: [&str; 8] = [
    "home",
    "passphrase_file",
    "timeout",
    "ask_expiry",
    "json",
    "no_progress",
    "log_format",
    "verbose",
];

/// What all of them have. A switch that the file can turn on is turned off by `=false`.
fn of_all(option: Arg) -> Arg {
    let option = option.global(true).hide_env_values(true);
    let is_bool = option.get_value_parser().type_id() == ValueParser::bool().type_id();
    if !is_bool || !matches!(option.get_action(), ArgAction::Set) {
        return option;
    }
    option
        .value_parser(FalseyValueParser::new())
        .hide_possible_values(true)
        .value_name("BOOL")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One object of JSON a line
    Json,
}

/// The options, each of which is also `SPRAT_…` in the environment.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Args, Debug, Default)]
#[command(mut_args(of_all))]
pub struct Options {
    /// The node's folder: it offers DIR/shared, saves to DIR/downloads, and keeps its state in
    /// DIR/.sprat
    #[arg(long, value_name = "DIR", env = "SPRAT_HOME", default_value = ".")]
    pub home: PathBuf,

    /// The port that other nodes connect to, TCP and UDP alike [default: any free one]
    #[arg(short, long, value_name = "PORT", env = "SPRAT_TRANSFER_PORT")]
    pub transfer_port: Option<u16>,

    /// The UDP port on which nodes find each other [default: 45670]; with another one mDNS, which
    /// is everybody's, is off
    #[arg(long, value_name = "PORT", env = "SPRAT_DISCOVERY_PORT")]
    pub discovery_port: Option<u16>,

    /// What others see this node called (by default user@host/FOLDER)
    #[arg(
        long,
        env = "SPRAT_NAME",
        value_parser = parse_name
    )]
    pub name: Option<String>,

    /// Listen on this address only; may be given again [default: all]
    #[arg(long, value_name = "IP", env = "SPRAT_LISTEN", value_delimiter = ',')]
    pub listen: Vec<IpAddr>,

    /// Announce the node on this interface only; may be given again [default: all]
    #[arg(
        long,
        value_name = "IF",
        env = "SPRAT_INTERFACE",
        value_delimiter = ','
    )]
    pub interface: Vec<String>,

    /// Connect to this node (host:port or a multiaddress), where the network drops broadcasts; may
    /// be given again
    #[arg(long, value_name = "ADDR", env = "SPRAT_PEER", value_delimiter = ',')]
    pub peer: Vec<String>,

    /// Find nodes on other networks, and be found, by this rendezvous server (host:port, or the
    /// line that it prints); may be given again
    #[arg(
        long,
        value_name = "ADDR",
        env = "SPRAT_RENDEZVOUS",
        value_delimiter = ','
    )]
    pub rendezvous: Vec<String>,

    /// Find servers of the swarm (one with a passphrase), and people by their keys, by the DHT of
    /// BitTorrent, and be found there. It shows strangers your IP address and your key
    #[arg(long, env = "SPRAT_DHT")]
    pub dht: Option<bool>,

    /// With --dht: enter another DHT than that of the internet, by these of its nodes; may be given
    /// again
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "SPRAT_DHT_BOOTSTRAP",
        value_delimiter = ',',
        value_parser = parse_place
    )]
    pub dht_bootstrap: Vec<String>,

    /// Let nothing go through the rendezvous server: who cannot be reached straight is not reached
    #[arg(long, env = "SPRAT_NO_RELAY")]
    pub no_relay: Option<bool>,

    /// Disconnect from the rendezvous server while somebody is connected straight
    #[arg(long, env = "SPRAT_LEAVE_SERVER")]
    pub leave_server: Option<bool>,

    /// Join the private swarm of those who know the words in FILE (or in the variable
    /// `SPRAT_PASSPHRASE`)
    #[arg(long, value_name = "FILE", env = "SPRAT_PASSPHRASE_FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// Take the passphrase although it is easy to guess, in a swarm that has such a one
    #[arg(
        long,
        env = "SPRAT_WEAK_PASSPHRASE",
        value_parser = FalseyValueParser::new()
    )]
    pub weak_passphrase: bool,

    /// Do not use mDNS, only sprat's own beacon (`--no-mdns=false` uses it although there is
    /// another discovery port)
    #[arg(long, env = "SPRAT_NO_MDNS")]
    pub no_mdns: Option<bool>,

    /// How many copies of each part of your shared files the nodes nearby keep, yours included, so
    /// that a file outlives the machine it came from: a number, or `all` for one on each node
    /// [default: 3]
    #[arg(long, value_name = "N", env = "SPRAT_REPLICAS")]
    pub replicas: Option<Copies>,

    /// How much room this node gives to parts of others' files, such as 500M; 0 = none
    /// [default: 1G, or 5 % of the free disk if that is less]
    #[arg(
        long,
        value_name = "SIZE",
        env = "SPRAT_REPLICA_QUOTA",
        value_parser = parse_size
    )]
    pub replica_quota: Option<u64>,

    /// How long a file is kept for its owner after they no longer share it [default: 600]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SPRAT_REPLICA_GRACE",
        value_parser = parse_seconds
    )]
    pub replica_grace: Option<Duration>,

    /// Send at most so many bytes a second, such as 20M (K, M and G are 1024-based)
    #[arg(
        long,
        value_name = "RATE",
        env = "SPRAT_UPLOAD_LIMIT",
        value_parser = parse_rate
    )]
    pub upload_limit: Option<u64>,

    /// Receive at most so many bytes a second, such as 20M
    #[arg(
        long,
        value_name = "RATE",
        env = "SPRAT_DOWNLOAD_LIMIT",
        value_parser = parse_rate
    )]
    pub download_limit: Option<u64>,

    /// Serve the page and the API on this machine, for this machine alone: =ADDR:PORT [default:
    /// 127.0.0.1:45680]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "SPRAT_WEB",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:45680"
    )]
    pub web: Option<SocketAddr>,

    /// Show asks, arrivals and messages on the desktop, too (`notify-send` on Linux)
    #[arg(
        long,
        env = "SPRAT_NOTIFY",
        value_parser = FalseyValueParser::new()
    )]
    pub notify: bool,

    /// Be seen by LocalSend apps nearby, take files from them (after a yes), and send them some by
    /// their names
    #[arg(long, env = "SPRAT_LOCALSEND")]
    pub localsend: Option<bool>,

    /// The port on which the LocalSend apps of this network find each other [default: 53317]
    #[arg(
        long,
        value_name = "PORT",
        env = "SPRAT_LOCALSEND_PORT",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub localsend_port: Option<u16>,

    /// What LocalSend apps have to say before you are asked about their files
    #[arg(
        long,
        value_name = "PIN",
        env = "SPRAT_LOCALSEND_PIN",
        hide_env_values = true,
        value_parser = parse_pin
    )]
    pub localsend_pin: Option<String>,

    /// How long to wait for the swarm to answer [default: 3, with --dht 15], or for the sender of a
    /// code [default: 30]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SPRAT_WAIT",
        value_parser = parse_seconds
    )]
    pub wait: Option<Duration>,

    /// The same, unless only the file of the home says it.
    #[arg(skip)]
    pub patience: Option<Duration>,

    /// Whether somebody said which home is meant.
    #[arg(skip)]
    pub home_said: bool,

    /// What is wrong with the file of the home, for a command that goes on without it.
    #[arg(skip)]
    pub broken: Option<String>,

    /// The options that were typed, as they are typed. Those from the environment or the file are not among them.
    #[arg(skip)]
    pub typed: Vec<String>,

    /// Give a download up after so long without useful progress [default: wait for ever]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SPRAT_TIMEOUT",
        value_parser = parse_seconds
    )]
    pub timeout: Option<Duration>,

    /// Look for chunks of what is downloaded in this file or folder, too; may be given again
    #[arg(long, value_name = "PATH", env = "SPRAT_REUSE")]
    pub reuse: Vec<PathBuf>,

    /// How long somebody may take to answer an ask [default: 300]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SPRAT_ASK_EXPIRY",
        hide = true,
        value_parser = parse_seconds
    )]
    pub ask_expiry: Option<Duration>,

    /// Print results as JSON, one object a line
    #[arg(
        long,
        env = "SPRAT_JSON",
        value_parser = FalseyValueParser::new()
    )]
    pub json: bool,

    /// Show no progress bars
    #[arg(
        long,
        env = "SPRAT_NO_PROGRESS",
        value_parser = FalseyValueParser::new()
    )]
    pub no_progress: bool,

    /// Show no QR codes of links, codes and lines to join by
    #[arg(
        long,
        env = "SPRAT_NO_QR",
        value_parser = FalseyValueParser::new()
    )]
    pub no_qr: bool,

    /// How the log on standard error is written
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "SPRAT_LOG_FORMAT",
        default_value_t
    )]
    pub log_format: LogFormat,

    /// Say more on standard error: -v what happens, -vv everything (`SPRAT_LOG` or `RUST_LOG` take
    /// a filter)
    #[arg(short, long, action = clap::ArgAction::Count, env = "SPRAT_VERBOSE")]
    pub verbose: u8,
}
