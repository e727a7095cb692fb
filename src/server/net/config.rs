//! What a rendezvous server is told: its sockets, and how much it gives to whom.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// How much the server gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Circuits in all.
    pub circuits: usize,
    /// Circuits that one client may open.
    pub circuits_per_peer: usize,
    /// Bytes of one circuit, both ways together.
    pub circuit_bytes: u64,
    /// How long a circuit may last.
    pub circuit_time: Duration,
    /// Bytes a second of all circuits together.
    pub relay_rate: u64,
    /// Clients that may wait to be reached through the server.
    pub reservations: usize,
    /// Names and swarms that clients may be met under.
    pub registrations: usize,
    /// Connections from one address.
    pub per_address: usize,
    /// Connections in all.
    pub connections: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            circuits: 256,
            circuits_per_peer: 16,
            circuit_bytes: 1 << 30,
            circuit_time: Duration::from_secs(3600),
            relay_rate: 250 << 20,
            reservations: 4096,
            registrations: 20_000,
            per_address: 256,
            connections: 4096,
        }
    }
}

/// How a server takes part in the network.
#[derive(Clone)]
pub struct ServerConfig {
    /// The Ed25519 secret that makes it the server that it is.
    pub secret: [u8; 32],
    /// The port for TCP and QUIC; 0: any free one.
    pub port: u16,
    /// The addresses to listen on; none: all there are.
    pub listen: Vec<IpAddr>,
    /// Where others reach it, besides the addresses of its interfaces.
    pub external: Vec<SocketAddr>,
    /// What it gives.
    pub quotas: Quotas,
    /// What this program calls itself to others.
    pub agent: String,
}
