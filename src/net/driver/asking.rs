//! What the driver asks servers: for those that want an answer, and from where they see a node that
//! is to be met.

use super::{
    super::{
        NetEvent, identity,
        meeting::{Asked, MAX_ASKED, MAX_MEETS, MAX_SERVERS, Meet},
    },
    Driver, NodeId, events,
};
use crate::wire::directory::{Request, Response};
use libp2p::request_response::Event;
use std::{net::IpAddr, time::Instant};

impl Driver {
    /// Sends a question to a connected server; gives the purpose back when that is not possible.
    pub(super) fn ask(
        &mut self,
        server: NodeId,
        request: Request,
        asked: Asked,
    ) -> Result<(), Asked> {
        let Some(peer) = identity::peer(server) else {
            return Err(asked);
        };
        let known = self.servers.known(server).is_some();
        let directory = &mut self.swarm.behaviour_mut().directory;
        // Asked of the behaviour too, or it would begin to dial.
        if !known || !directory.is_on(&peer) || self.servers.asked.len() >= MAX_ASKED {
            return Err(asked);
        }
        let Some(directory) = directory.get() else {
            return Err(asked);
        };
        let id = directory.send_request(&peer, request);
        self.servers.asked.insert(id, asked);
        Ok(())
    }

    /// Asks a server from where it sees a node, unless that was just asked.
    pub(super) fn ask_whence(&mut self, server: NodeId, node: NodeId, meet: bool) -> bool {
        let asked = Asked::Whence { server, node, meet };
        self.ask(server, Request::Whence { node }, asked).is_ok()
    }

    pub(super) fn directory_event(&mut self, event: Event<Request, Response>) {
        let Some((id, result)) = events::answered(event) else {
            return;
        };
        match self.servers.asked.remove(&id) {
            Some(Asked::Node(answer)) => drop(answer.send(result)),
            Some(Asked::Whence { server, node, meet }) => {
                let addresses = match result {
                    Ok(Response::Whence { addresses }) => addresses
                        .iter()
                        .filter_map(|bytes| ip(bytes))
                        .collect::<Vec<_>>(),
                    _ => Vec::new(),
                };
                let there = !addresses.is_empty();
                if let Some(peer) = identity::peer(node).filter(|_| there) {
                    self.table.saw(peer, &addresses, Instant::now());
                }
                if meet {
                    self.met(node, server, there);
                }
            }
            None => {}
        }
    }

    pub(super) fn meet(&mut self, node: NodeId, servers: &[NodeId]) {
        // Of what is not proven there may come nothing, of which no one would hear.
        if !self.connections.has(node) && self.connections.is_proving(node) {
            return self.not_met(node, "its connection has yet to be proven");
        }
        let busy = self.connections.has_any(node)
            || self.servers.meets.contains_key(&node)
            || self.dials.values().any(|dial| dial.0 == Some(node));
        if busy {
            return;
        }
        let mut open = 0;
        if self.servers.meets.len() < MAX_MEETS {
            for server in servers.iter().take(MAX_SERVERS) {
                open += usize::from(self.ask_whence(*server, node, true));
            }
        }
        if open == 0 {
            return self.not_met(node, "no server is connected that could be asked");
        }
        self.servers.meets.insert(node, Meet { open });
    }

    /// A server said whether it sees a node that is to be met.
    fn met(&mut self, node: NodeId, server: NodeId, there: bool) {
        let Some(meet) = self.servers.meets.get_mut(&node) else {
            return;
        };
        meet.open -= 1;
        if there {
            self.servers.meets.remove(&node);
            self.dial_circuit(node, server);
        } else if meet.open == 0 {
            self.servers.meets.remove(&node);
            self.not_met(node, "it is not connected to the server now");
        }
    }

    fn not_met(&mut self, node: NodeId, why: &str) {
        if !self.connections.has(node) {
            self.outbox.push_back(NetEvent::DialFailed {
                node: Some(node),
                addresses: Vec::new(),
                why: why.into(),
                full: false,
                refused: false,
            });
        }
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(sixteen).ok()
}
