//! The rendezvous points: what `core::register` keeps, as libp2p's protocol says it.
//!
//! Owns the check of what is registered: a peer record signed by the key of the connection that it comes by. There are two
//! ways to sign one (what rust-libp2p signs, and what the specification says and others sign); a client that gets one of the
//! other kind throws the whole answer away, so each is told those of its own kind. Namespaces are not listed: who does not
//! know a namespace is not told of it.

use super::super::identity;
use crate::{
    core::{
        Now,
        id::NodeId,
        rate::Rate,
        register::{Full, Limits, Record, Register},
        visitors::Visitors,
    },
    wire::rendezvous::{
        Found, MAX_NAMESPACE, MAX_RECORD, MAX_RESPONSE, Refusal, Request, Response,
    },
};
use libp2p::core::{PeerRecord, SignedEnvelope};
use std::{
    collections::HashSet,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What one key may ask: a node asks once a second while it looks for somebody.
const PER_NODE: Rate = Rate {
    per_second: 4.0,
    burst: 60.0,
};
/// What one address may ask: some hundred nodes behind a router, all at once.
const PER_ADDRESS: Rate = Rate {
    per_second: 100.0,
    burst: 2000.0,
};
/// How long a registration counts that does not say so.
const USUAL: u64 = 7200;
/// Records in one answer.
const MOST: usize = 100;
/// Addresses in one record.
const ADDRESSES: usize = 16;

/// What rust-libp2p signs.
const LEGACY: u8 = 0;
/// What others sign.
const STANDARD: u8 = 1;

/// See the module.
pub(super) struct Points {
    register: Register,
    visitors: Visitors,
    /// Who signs in the second way.
    standard: HashSet<NodeId>,
}

impl Points {
    pub(super) fn new(seed: u64) -> Self {
        // Cookies of an earlier run are older than any of this one.
        let first = SystemTime::now().duration_since(UNIX_EPOCH);
        let first = first.unwrap_or_default().as_micros() as u64;
        Self {
            register: Register::new(Limits::default(), first),
            visitors: Visitors::new(PER_NODE, PER_ADDRESS, seed),
            standard: HashSet::new(),
        }
    }

    pub(super) fn left(&mut self, node: NodeId) {
        self.register.leave(node);
        self.standard.remove(&node);
    }

    pub(super) fn expire(&mut self, now: Now) {
        self.register.expire(now);
    }

    pub(super) fn handle(
        &mut self,
        node: NodeId,
        address: IpAddr,
        request: Request,
        now: Now,
    ) -> Response {
        let may = self.visitors.may_ask(node, address, now);
        match request {
            Request::Register {
                namespace,
                record,
                ttl,
            } => Response::Registered(if may {
                self.register(node, &namespace, &record, ttl, now)
            } else {
                Err(Refusal::Unavailable)
            }),
            Request::Unregister { namespace } => {
                if may {
                    self.register.remove(node, &namespace);
                }
                Response::Nothing
            }
            Request::Discover {
                namespace,
                limit,
                cookie,
            } => Response::Discovered(if may {
                self.discover(node, namespace, limit, cookie.as_deref(), now)
            } else {
                Err(Refusal::Unavailable)
            }),
        }
    }

    fn register(
        &mut self,
        node: NodeId,
        namespace: &str,
        bytes: &[u8],
        ttl: Option<u64>,
        now: Now,
    ) -> Result<u64, Refusal> {
        if namespace.is_empty() || namespace.len() > MAX_NAMESPACE {
            return Err(Refusal::Namespace);
        }
        let (record, form) = verify(bytes).ok_or(Refusal::Record)?;
        if identity::node(&record.peer_id()) != Some(node) {
            return Err(Refusal::NotAuthorized);
        }
        if record.addresses().len() > ADDRESSES {
            return Err(Refusal::Record);
        }
        let mut mark = blake3::Hasher::new();
        for address in record.addresses() {
            mark.update(address.as_ref());
        }
        let kept = Record {
            bytes: bytes.into(),
            form,
            mark: *mark.finalize().as_bytes(),
        };
        let ttl = ttl.unwrap_or(USUAL);
        let time = Duration::from_secs(ttl);
        let done = self.register.put(node, namespace, kept, time, now);
        done.map_err(|full| match full {
            Full::Time => Refusal::Ttl,
            Full::Entries => Refusal::Unavailable,
        })?;
        if form == STANDARD {
            self.standard.insert(node);
        } else {
            self.standard.remove(&node);
        }
        Ok(ttl)
    }

    fn discover(
        &self,
        node: NodeId,
        namespace: Option<String>,
        limit: Option<u64>,
        cookie: Option<&[u8]>,
        now: Now,
    ) -> Result<Found, Refusal> {
        let namespace = namespace.ok_or(Refusal::Namespace)?;
        let after = match cookie.map(<[u8]>::split_first_chunk) {
            None => 0,
            Some(Some((number, name))) if name == namespace.as_bytes() => {
                u64::from_be_bytes(*number)
            }
            Some(_) => return Err(Refusal::Cookie),
        };
        let form = if self.standard.contains(&node) {
            STANDARD
        } else {
            LEGACY
        };
        let most = limit.map_or(MOST, |limit| MOST.min(limit as usize));
        let (mut count, mut weight) = (0, 2 * MAX_NAMESPACE);
        let (records, last) = self.register.find(&namespace, form, after, now, |record| {
            count += 1;
            weight += Found::weight(&namespace, record);
            count <= most && weight <= MAX_RESPONSE
        });
        let cookie = [&last.to_be_bytes(), namespace.as_bytes()].concat();
        let seconds = |left: Duration| left.as_secs().max(1);
        let records = records.into_iter();
        Ok(Found {
            records: records
                .map(|(record, left)| (record, seconds(left)))
                .collect(),
            cookie,
            namespace,
        })
    }
}

/// A record whose signature is right, and which kind it is.
fn verify(bytes: &[u8]) -> Option<(PeerRecord, u8)> {
    if bytes.len() > MAX_RECORD {
        return None;
    }
    let envelope = SignedEnvelope::from_protobuf_encoding(bytes).ok()?;
    match PeerRecord::from_signed_envelope(envelope.clone()) {
        Ok(record) => Some((record, LEGACY)),
        Err(_) => PeerRecord::from_signed_envelope_interop(envelope)
            .ok()
            .map(|record| (record, STANDARD)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seed: u8, standard: bool, addresses: usize) -> (NodeId, Vec<u8>) {
        let keys = identity::keypair([seed; 32]).unwrap();
        let address = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        let addresses = vec![address; addresses];
        let record = if standard {
            PeerRecord::new_interop(&keys, addresses)
        } else {
            PeerRecord::new(&keys, addresses)
        };
        let bytes = record.unwrap().into_signed_envelope();
        let node = identity::node(&keys.public().to_peer_id()).unwrap();
        (node, bytes.into_protobuf_encoding())
    }

    fn put(points: &mut Points, node: NodeId, record: &[u8], name: &str) -> Result<u64, Refusal> {
        points.register(node, name, record, None, Now::ZERO)
    }

    fn found(points: &Points, node: NodeId, name: &str) -> usize {
        let found = points.discover(node, Some(name.into()), None, None, Now::ZERO);
        found.unwrap().records.len()
    }

    #[test]
    fn only_the_key_of_the_connection_registers() {
        let mut points = Points::new(1);
        let ((one, good), (other, _)) = (record(1, false, 1), record(2, false, 1));
        assert_eq!(put(&mut points, one, &good, "a"), Ok(USUAL));
        let theirs = put(&mut points, other, &good, "a");
        assert_eq!(theirs, Err(Refusal::NotAuthorized));
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(put(&mut points, one, &bad, "a"), Err(Refusal::Record));
        assert_eq!(put(&mut points, one, &good, ""), Err(Refusal::Namespace));
        let long = "x".repeat(256);
        assert_eq!(put(&mut points, one, &good, &long), Err(Refusal::Namespace));
        let (_, many) = record(1, false, 17);
        assert_eq!(put(&mut points, one, &many, "a"), Err(Refusal::Record));
    }

    #[test]
    fn each_is_told_what_it_can_read_and_no_names() {
        let mut points = Points::new(1);
        let ((rust, a), (js, b)) = (record(1, false, 1), record(2, true, 1));
        put(&mut points, rust, &a, "a").unwrap();
        put(&mut points, js, &b, "a").unwrap();
        assert_eq!(found(&points, rust, "a"), 1);
        assert_eq!(found(&points, js, "a"), 1);
        assert_eq!(found(&points, js, "b"), 0);
        let all = points.discover(rust, None, None, None, Now::ZERO);
        assert_eq!(all, Err(Refusal::Namespace));
        let other = points.discover(rust, Some("b".into()), None, Some(b"12345678a"), Now::ZERO);
        assert_eq!(other, Err(Refusal::Cookie));
        points.left(js);
        assert_eq!(points.register.len(), 1);
        assert!(points.standard.is_empty());
    }

    #[test]
    fn a_flood_is_refused_and_the_next_address_is_served() {
        let mut points = Points::new(1);
        let (node, good) = record(1, false, 1);
        let flood: IpAddr = "10.0.0.1".parse().unwrap();
        let ask = |points: &mut Points, node, n: usize| {
            let namespace = format!("n{n}");
            let (record, ttl) = (good.clone(), Some(60));
            let request = Request::Register {
                namespace,
                record,
                ttl,
            };
            points.handle(node, flood, request, Now::ZERO)
        };
        let taken = (0..200).filter(|n| ask(&mut points, node, *n) == Response::Registered(Ok(60)));
        assert_eq!(taken.count(), 16);
        let (other, record) = record(2, false, 1);
        let request = Request::Register {
            namespace: "sprat".into(),
            record,
            ttl: Some(60),
        };
        let honest = "10.0.0.2".parse().unwrap();
        let answer = points.handle(other, honest, request, Now::ZERO);
        assert_eq!(answer, Response::Registered(Ok(60)));
    }
}
