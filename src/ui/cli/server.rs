//! The options of `sprat rendezvous`.
//!
//! Owns their defaults as people read them, which are those of [`Quotas`](crate::server::Quotas).
//! Never acts on them.

use super::parse::{parse_rate, parse_seconds, parse_size};
use crate::{core::server_address::ServerAddress, server::PeerServer};
use clap::Args;
use std::time::Duration;

/// What stands below the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  sprat --home /var/lib/sprat rendezvous                       on TCP and UDP port 12000 of all addresses
  sprat rendezvous --external 203.0.113.7                      behind a router that forwards the port to it
  sprat rendezvous --circuit-bytes 100M --relay-rate 2M        where traffic is dear
  sprat rendezvous --web 0.0.0.0:8080                          with a page for those who are to join
  sprat rendezvous --peer-server meet.example.org/12D3KooW…    beside another one: a name has one owner at both

It prints the line by which others join. It introduces nodes, and carries bytes (which it cannot read) only for those whose
routers let no straight path through. It shares no files and keeps nothing but names, in HOME/.sprat.
With --json the first line is {\"event\":\"ready\",\"peer\",\"addresses\",\"join\"} (and \"web\" with --web), and how much goes on is
{\"event\":\"load\",\"nodes\",\"reachable\",\"introduced\",\"circuits\",\"relayed\"} (bytes).";

/// What `--web` of all commands means here, as the help says it.
pub const WEB: &str = "Serve a page there for those who are to join: how to, and whether a name is free; for its \
    owner, how much goes on. Off unless it is given";

/// What a rendezvous server is told.
#[derive(Args, Debug)]
pub struct RendezvousOptions {
    /// The port to listen on, TCP and UDP alike; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = crate::server::PORT)]
    pub port: u16,

    /// Where others reach this server (IP or IP:PORT), if none of its interfaces has that address;
    /// may be given again
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub external: Vec<String>,

    /// Another server that is asked for names which nobody signed up with here, as HOST:PORT/KEY
    /// (its own `join with:` line has that); may be given again. A name that somebody has there is
    /// taken here
    #[arg(long, value_name = "ADDR", value_delimiter = ',', value_parser = parse_peer_server)]
    pub peer_server: Vec<PeerServer>,

    /// Connections carried for others, in all
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub circuits: usize,

    /// Connections carried for one client
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = parse_count)]
    pub circuits_per_peer: usize,

    /// Bytes that one carried connection may have, both ways together; a client that needs more
    /// connects again
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_quota)]
    pub circuit_bytes: u64,

    /// How long a carried connection may last
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = parse_circuit_time)]
    pub circuit_time: Duration,

    /// Bytes a second of all carried connections together
    #[arg(long, value_name = "RATE", default_value = "250M", value_parser = parse_rate)]
    pub relay_rate: u64,

    /// Clients that may wait to be reached through this server
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = parse_count)]
    pub reservations: usize,

    /// Swarms and codes that clients may be met under, all together
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = parse_count)]
    pub registrations: usize,

    /// Connections in all; more of them if more --reservations are wanted
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = parse_count)]
    pub connections: usize,

    /// A name by which people reach the page of --web, besides its addresses; may be given again
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse_host)]
    pub web_host: Vec<String>,

    /// How often to tell who is here and how much goes through, if that changed; 0 = never
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub report: Duration,

    /// Connections from one address
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = parse_count)]
    pub per_address: usize,
}

fn parse_host(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if text.is_empty() || text.len() > 253 || !text.chars().all(plain) {
        return Err("write the name alone, as in meet.example.org".to_owned());
    }
    Ok(text.to_lowercase())
}

/// With its key: whoever answers there otherwise would have a say in whose a name is.
fn parse_peer_server(text: &str) -> Result<PeerServer, String> {
    let address = ServerAddress::parse(text);
    let with_key = address.and_then(|address| {
        let key = address.key?;
        let place = ServerAddress {
            key: None,
            ..address
        };
        let host = place.to_string();
        Some(PeerServer { key, host })
    });
    with_key
        .ok_or_else(|| "write HOST:PORT/KEY, as that server's `join with:` line says it".to_owned())
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("must be between 1 and 100000".to_owned()),
    }
}

/// A size that is not nothing, which the relay would take for no limit at all.
fn parse_quota(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0..1024 => Err(format!("`{text}` is less than 1K")),
        size => Ok(size),
    }
}

fn parse_circuit_time(text: &str) -> Result<Duration, String> {
    let time = parse_seconds(text)?;
    if time < Duration::from_secs(1) {
        return Err("must be a second at least".to_owned());
    }
    Ok(time)
}
