//! The rendezvous points: what `super::super::register` keeps, as libp2p's protocol says it.
//!
//! Owns the check of what is registered: a peer record signed by the key of the connection that it
//! comes by. There are two ways to sign one (what rust-libp2p signs, and what the specification
//! says and others sign); a client that gets one of the other kind throws the whole answer away, so
//! each is told those of its own kind. Namespaces are not listed: who does not know a namespace is
//! not told of it.

use crate::{
    core::{Now, id::NodeId, origin::origin, rate::Rate},
    net::identity,
    server::{
        register::{Full, Limits, Record, Register},
        visitors::Visitors,
    },
    store::clock::since_1970,
    wire::rendezvous::{
        Discover, ErrorCode, Found, MAX_NAMESPACE, MAX_RECORD, MAX_RESPONSE, Request, Response,
    },
};
use libp2p::core::{PeerRecord, SignedEnvelope};
use std::{collections::HashSet, net::IpAddr, time::Duration};

/// What one key may ask: a node asks once a second while it looks for another.
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
    /// Of so many registrations at most.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        // Cookies of an earlier run are older than any of this one.
        let first = since_1970().as_micros() as u64;
        let limits = Limits {
            total: most,
            ..Limits::default()
        };
        Self {
            register: Register::new(limits, first),
            visitors: Visitors::new(PER_NODE, PER_ADDRESS, seed),
            standard: HashSet::new(),
        }
    }

    pub(super) fn left(&mut self, node: NodeId) {
        self.register.leave(node);
        self.standard.remove(&node);
    }

    /// Registrations that are kept.
    pub(super) fn count(&self) -> usize {
        self.register.count()
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
            Request::Register(asked) => Response::Registered(if may {
                self.register(
                    (node, origin(address)),
                    &asked.namespace,
                    &asked.record,
                    asked.ttl,
                    now,
                )
            } else {
                Err(ErrorCode::Unavailable)
            }),
            Request::Unregister(asked) => {
                if may {
                    self.register.remove(node, &asked.namespace);
                }
                Response::Nothing
            }
            Request::Discover(asked) => Response::Discovered(if may {
                self.discover(node, asked, now)
            } else {
                Err(ErrorCode::Unavailable)
            }),
        }
    }

    fn register(
        &mut self,
        (node, origin): (NodeId, IpAddr),
        namespace: &str,
        bytes: &[u8],
        ttl: Option<u64>,
        now: Now,
    ) -> Result<u64, ErrorCode> {
        if namespace.is_empty() || namespace.len() > MAX_NAMESPACE {
            return Err(ErrorCode::InvalidNamespace);
        }
        let (record, form) = verify(bytes).ok_or(ErrorCode::InvalidRecord)?;
        if identity::node(&record.peer_id()) != Some(node) {
            return Err(ErrorCode::NotAuthorized);
        }
        if record.addresses().len() > ADDRESSES {
            return Err(ErrorCode::InvalidRecord);
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
        let done = self
            .register
            .put((node, origin), namespace, kept, time, now);
        done.map_err(|full| match full {
            Full::Time => ErrorCode::InvalidTtl,
            Full::Entries => ErrorCode::Unavailable,
        })?;
        if form == STANDARD {
            self.standard.insert(node);
        } else {
            self.standard.remove(&node);
        }
        Ok(ttl)
    }

    fn discover(&self, node: NodeId, asked: Discover, now: Now) -> Result<Found, ErrorCode> {
        let Discover {
            namespace,
            limit,
            cookie,
        } = asked;
        if namespace.is_empty() {
            return Err(ErrorCode::InvalidNamespace);
        }
        let cookie = cookie.filter(|cookie| !cookie.is_empty());
        let after = match cookie.as_deref().map(<[u8]>::split_first_chunk) {
            None => 0,
            Some(Some((number, name))) if name == namespace.as_bytes() => {
                u64::from_be_bytes(*number)
            }
            Some(_) => return Err(ErrorCode::InvalidCookie),
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
mod tests;
