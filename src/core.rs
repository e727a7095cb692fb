//! The decisions, and nothing else.
//!
//! Nothing in this room does input or output: no tokio, libp2p, sled, `std::fs` or
//! `std::net::…Stream`, no clock and no global randomness. Time arrives as [`Now`], randomness as a
//! seed. Each machine is `handle(event, now) -> actions`, so every scenario can be tested without a
//! socket.

pub mod admission;
pub mod ascending;
pub mod beginnings;
pub mod cards;
pub mod chance;
pub mod changes;
pub mod chat;
pub mod chunk;
pub mod chunker;
pub mod code;
pub mod consent;
pub mod copies;
pub mod date;
pub mod dht;
pub mod doctor;
pub mod download;
pub mod draw;
pub mod exchange;
pub mod fair;
pub mod have;
pub mod have_map;
pub mod id;
pub mod index;
pub mod link;
pub mod localsend;
pub mod manifest;
pub mod meeting;
pub mod membership;
pub mod meter;
pub mod neighbours;
pub mod origin;
pub mod pace;
pub mod pairing;
pub mod passphrase;
pub mod path;
pub mod patience;
pub mod peer_servers;
pub mod people;
pub mod picker;
pub mod placement;
pub mod qr;
pub mod range;
pub mod rate;
pub mod reconcile;
pub mod retention;
pub mod rights;
pub mod ring;
pub mod score;
pub mod selection;
pub mod server_address;
pub mod shares;
pub mod stall;
pub mod succession;
pub mod tags;
pub mod turns;
pub mod via;
pub mod zip;

/// Time since some fixed moment (a node's start), by a clock that never goes back.
pub type Now = std::time::Duration;
