//! What the node has done about rendezvous servers.

use super::super::command::Answer;
use crate::{
    core::id::NodeId,
    wire::directory::{Request, Response},
};
use std::net::SocketAddr;

/// See the methods of [`Net`](crate::net::Net) with the same names.
pub enum Command {
    Join(Option<NodeId>, Vec<SocketAddr>),
    Leave(NodeId),
    EndVisit(NodeId),
    Reserve(NodeId),
    Register(NodeId, String),
    Unregister(NodeId, String),
    Discover(NodeId, String),
    Ask(NodeId, Request, Answer<Response>),
    Meet(NodeId, Vec<NodeId>),
}
