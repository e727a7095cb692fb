//! What the driver does about QUIC connections of a private swarm: QUIC has no prologue, so they
//! are proven one by one.
//!
//! Until both ends have proven that they know the key, such a connection is told to no one, what
//! comes on it is dropped, and nothing but the proof goes out on it, even if another connection
//! proves its node. Streams go where the driver says; on which connection a question goes out is
//! libp2p's choice, so questions wait while one of its node is not proven. Invariant: a note is
//! made before the word goes out that lets the other end go on.

use super::{
    super::{
        connections::Proof,
        member::{self, Ends, Rest, Step},
        streams::{self, Stream},
    },
    Answer, Driver, NodeId, Request, Response, identity,
};
use futures::FutureExt;
use libp2p::swarm::ConnectionId;
use std::{io, time::Instant};
use tokio::sync::oneshot;

/// A step that came to an end, and of which connection.
pub(super) type Proving =
    futures::future::BoxFuture<'static, (NodeId, ConnectionId, io::Result<Step>)>;

/// A question that waits, to whom, and where its answer goes.
pub(super) type Held = (NodeId, Request, Answer<Response>);

impl Driver {
    /// Asks what waited for a node's connections to be proven or gone, if they are.
    pub(super) fn release(&mut self, node: NodeId) {
        if self.held.is_empty() || self.connections.is_proving(node) {
            return;
        }
        let due = self.held.extract_if(.., |held| held.0 == node);
        for (node, request, answer) in due.collect::<Vec<_>>() {
            self.request(node, request, answer);
        }
    }

    fn ends(&self, there: NodeId) -> Option<Ends> {
        Some(Ends {
            swarm_key: self.swarm_key?,
            here: identity::node(self.swarm.local_peer_id())?,
            there,
        })
    }

    /// Begins with the proof of a new connection, or waits for the other end to.
    pub(super) fn prove(&mut self, node: NodeId, id: ConnectionId) {
        let (Some(ends), Some(peer)) = (self.ends(node), identity::peer(node)) else {
            return;
        };
        if !ends.begins() {
            self.connections.proof(node, id, Proof::Awaited);
            return;
        }
        let (opened, opening) = oneshot::channel();
        let protocol = streams::MEMBER;
        let open = streams::Open { protocol, opened };
        self.swarm.behaviour_mut().streams.open(peer, id, open);
        self.go_on(node, id, member::begin(ends, opening).boxed());
    }

    /// The other end of a connection begins. It may once, and only if it is its turn.
    pub(super) fn proof_asked(&mut self, node: NodeId, id: ConnectionId, stream: Stream) {
        if let Some(ends) = self.ends(node)
            && self.connections.awaits_proof(node, id)
        {
            self.connections.proof(node, id, Proof::None);
            self.go_on(node, id, member::answer(ends, stream).boxed());
        }
    }

    /// One exchange for each connection. What takes too long ends with the connection.
    fn go_on(&mut self, node: NodeId, id: ConnectionId, rest: Rest) {
        self.proofs
            .push(rest.map(move |step| (node, id, step)).boxed());
    }

    /// Takes note of a step, then lets the exchange go on.
    pub(super) fn proof_step(&mut self, node: NodeId, id: ConnectionId, step: io::Result<Step>) {
        match step {
            Ok(Step::Theirs(rest)) => {
                self.connections.proof(node, id, Proof::Theirs);
                self.go_on(node, id, rest);
            }
            Ok(Step::Both(rest)) => {
                self.proven(node, id);
                if let Some(rest) = rest {
                    self.go_on(node, id, rest);
                }
            }
            Err(error) => {
                tracing::debug!(%node, %error, "a connection over QUIC was not proven");
                if !self.connections.is_proven(node, id) {
                    self.swarm.close_connection(id);
                }
            }
        }
    }

    /// A connection is one of the swarm from here on.
    pub(super) fn proven(&mut self, node: NodeId, id: ConnectionId) {
        let now = Instant::now();
        if self.connections.prove(node, id, now) {
            let news = self.connections.news(node);
            self.tell(node, news);
            self.release(node);
            self.straight(node, now);
        }
    }
}
