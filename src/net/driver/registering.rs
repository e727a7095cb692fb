//! What the driver does to be found at rendezvous servers, and to find others there.

use super::{
    super::{
        meeting::{MAX_ASKED, MeetingEvent, Pending},
        rendezvous::{Answer, lifetime, refusal},
    },
    Driver, NodeId, address, events, identity,
};
use crate::wire::rendezvous::{
    Discover, ErrorCode, MAX_NAMESPACE, MAX_RECORDS, Registration, Request, Response,
};
use libp2p::{autonat, core::PeerRecord, request_response::Event};
use std::net::SocketAddr;

impl Driver {
    /// Asks a connected server; the reason if that is not possible.
    fn rendezvous(
        &mut self,
        server: NodeId,
        request: Request,
        pending: Pending,
    ) -> Result<(), &'static str> {
        let known = self.servers.known(server).is_some();
        let peer = identity::peer(server).filter(|_| known);
        let client = &mut self.swarm.behaviour_mut().rendezvous;
        // Asked of the behaviour too, or it would begin to dial.
        let peer = peer.filter(|peer| client.is_on(peer));
        let (Some(peer), Some(client)) = (peer, client.get()) else {
            return Err("not connected");
        };
        if self.servers.pending.len() >= MAX_ASKED {
            return Err("too many questions at once");
        }
        let id = client.send_request(&peer, request);
        self.servers.pending.insert(id, (server, pending));
        Ok(())
    }

    pub(super) fn register(&mut self, server: NodeId, namespace: String) {
        let external: Vec<_> = self.swarm.external_addresses().cloned().collect();
        let record = PeerRecord::new(&self.keys, external.clone());
        let asked = match record {
            _ if namespace.len() > MAX_NAMESPACE => Err("the name is too long"),
            _ if external.is_empty() => Err("nobody could reach this node: it has no reservation"),
            Err(_) => Err("this node's addresses could not be signed"),
            Ok(record) => {
                let record = record.into_signed_envelope().into_protobuf_encoding();
                let request = Request::Register(Registration {
                    namespace: namespace.clone(),
                    record,
                    ttl: None,
                });
                self.rendezvous(server, request, Pending::Register(namespace.clone()))
            }
        };
        if let Err(why) = asked {
            self.not_registered(server, namespace, why.into());
        }
    }

    fn not_registered(&mut self, server: NodeId, namespace: String, why: String) {
        self.say(MeetingEvent::NotRegistered {
            server,
            namespace,
            why,
        });
    }

    pub(super) fn unregister(&mut self, server: NodeId, namespace: String) {
        // There is no answer to that, and nothing to do when it cannot be said.
        let request = Request::Unregister(Registration {
            namespace,
            ..Registration::default()
        });
        let _ = self.rendezvous(server, request, Pending::Unregister);
    }

    pub(super) fn discover(&mut self, server: NodeId, namespace: String) {
        let known = self.servers.known(server);
        let request = Request::Discover(Discover {
            namespace: namespace.clone(),
            limit: Some(MAX_RECORDS as u64),
            cookie: known.and_then(|known| known.cookie(&namespace)),
        });
        let pending = Pending::Discover(namespace.clone());
        if let Err(why) = self.rendezvous(server, request, pending) {
            self.not_discovered(server, namespace, why.into());
        }
    }

    fn not_discovered(&mut self, server: NodeId, namespace: String, why: String) {
        self.say(MeetingEvent::NotDiscovered {
            server,
            namespace,
            why,
        });
    }

    pub(super) fn rendezvous_event(&mut self, event: Event<Request, Answer>) {
        let Some((id, result)) = events::answered(event) else {
            return;
        };
        let Some((server, pending)) = self.servers.pending.remove(&id) else {
            return;
        };
        let other = || "the server answered something else".to_owned();
        let (result, nodes) = match result {
            Ok(answer) => (Ok(answer.response), answer.nodes),
            Err(why) => (Err(why), Vec::new()),
        };
        match (pending, result) {
            (Pending::Unregister, _) => {}
            (Pending::Register(namespace), Ok(Response::Registered(Ok(ttl)))) => {
                let ttl = lifetime(ttl);
                self.say(MeetingEvent::Registered {
                    server,
                    namespace,
                    ttl,
                });
            }
            (Pending::Register(namespace), result) => {
                let why = match result {
                    Ok(Response::Registered(Err(code)) | Response::Discovered(Err(code))) => {
                        refusal(code).into()
                    }
                    Ok(_) => other(),
                    Err(why) => why.to_string(),
                };
                self.not_registered(server, namespace, why);
            }
            (Pending::Discover(namespace), Ok(Response::Discovered(Ok(found)))) => {
                self.discovered(server, namespace, nodes, found.cookie);
            }
            (Pending::Discover(namespace), result) => {
                let why = match result {
                    Ok(Response::Registered(Err(code)) | Response::Discovered(Err(code))) => {
                        // A server that was started again does not know how far this node had read.
                        let known = self.servers.known(server);
                        if code == ErrorCode::InvalidCookie
                            && known.is_some_and(|known| known.set_cookie(&namespace, None))
                        {
                            return self.discover(server, namespace);
                        }
                        refusal(code).into()
                    }
                    Ok(_) => other(),
                    Err(why) => why.to_string(),
                };
                self.not_discovered(server, namespace, why);
            }
        }
    }

    fn discovered(
        &mut self,
        server: NodeId,
        namespace: String,
        mut found: Vec<(NodeId, Vec<SocketAddr>)>,
        cookie: Vec<u8>,
    ) {
        let local = identity::node(self.swarm.local_peer_id());
        let Some(known) = self.servers.known(server) else {
            return;
        };
        found.retain(|(node, _)| Some(*node) != local);
        known.set_cookie(&namespace, Some(cookie));
        let mut nodes: Vec<_> = found.iter().map(|(node, _)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for (node, addresses) in found {
            known.found(node, addresses);
        }
        self.say(MeetingEvent::Discovered {
            server,
            namespace,
            nodes,
        });
    }

    /// A server tried to reach this node.
    pub(super) fn reached(&mut self, event: &autonat::v2::client::Event) {
        if let (Some(server), Some(at)) = (
            identity::node(&event.server),
            address::socket(&event.tested_addr),
        ) {
            self.say(MeetingEvent::Reachable {
                server,
                address: at,
                quic: !address::is_tcp(&event.tested_addr),
                yes: event.result.is_ok(),
            });
        }
    }
}
