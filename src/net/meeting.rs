//! Rendezvous servers, as a node uses them: being connected to one, being found there, and reaching
//! others through it.
//!
//! Owns what libp2p's relay, rendezvous, autonat and dcutr clients need to be told, and what they
//! tell. Never decides which server to use, whom to look for or when to try again: that is
//! `core::meeting`'s, by way of `node`. Invariants: a server is no peer (nothing of this node is
//! served to it); a dial that another node asked for goes to addresses only from which the server
//! sees that node.

mod command;
mod event;
mod paths;
mod servers;
mod table;

pub(super) use command::Command;
pub use event::MeetingEvent;
pub(super) use paths::{Circuits, Waiting};
pub(super) use servers::{
    Asked, Dial, MAX_ADDRESSES, MAX_ASKED, MAX_MEETS, MAX_SERVERS, Meet, Pending, Server, Servers,
};
pub(super) use table::{Leave, Table};
