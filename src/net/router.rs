//! Which task takes the streams of which protocol.
//!
//! Owns the table, made at the start. Invariants: a stream goes to the task that registered its protocol, and to no other; while
//! that task's queue is full it is reset, so no task can hold up another, nor the driver.

use super::Stream;
use crate::{core::id::NodeId, wire::protocol::Protocol};
use libp2p::StreamProtocol;
use tokio::sync::mpsc;

/// Streams that wait for the task of their protocol, which takes each at once.
const QUEUE: usize = 256;

/// A stream that a peer opened.
#[derive(Debug)]
pub struct Inbound {
    /// By whom.
    pub node: NodeId,
    /// Whether it goes through a server.
    pub relayed: bool,
    /// The stream.
    pub stream: Stream,
}

/// The protocols that a node speaks on streams, and their tasks' queues.
#[derive(Default)]
pub struct Router(Vec<(Protocol, mpsc::Sender<Inbound>)>);

impl Router {
    /// From the start of the network on, streams of `protocol` come out of the queue. When its end is dropped, they are reset.
    pub fn register(&mut self, protocol: Protocol) -> mpsc::Receiver<Inbound> {
        let (queue, inbound) = mpsc::channel(QUEUE);
        self.0.push((protocol, queue));
        inbound
    }

    /// What is spoken.
    pub(super) fn protocols(&self) -> impl Iterator<Item = StreamProtocol> {
        let names = self.0.iter().map(|(protocol, _)| protocol.name);
        names.map(StreamProtocol::new)
    }

    /// Hands a stream over, or drops it.
    pub(super) fn route(&self, protocol: &StreamProtocol, inbound: Inbound) {
        let task = self
            .0
            .iter()
            .find(|(known, _)| known.name == protocol.as_ref());
        if let Some((known, queue)) = task
            && queue.try_send(inbound).is_err()
        {
            tracing::debug!(
                protocol = known.name,
                "a stream found no task that takes it"
            );
        }
    }
}
