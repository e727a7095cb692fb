//! What stands in an item: servers, and addresses. Sealed, so that only those who know the swarm's
//! key and whose item it is can read it.

use super::{Item, Slot};
use crate::{
    core::{
        dht::{MAX_ADDRESSES, MAX_AT, MAX_SERVERS, Record, ServerAt},
        id::NodeId,
    },
    wire::{
        cbor,
        signer::{NONCE, Signer},
    },
};
use ::core::net::{IpAddr, SocketAddr};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde_bytes::ByteBuf;

/// The longest value that the DHT keeps, with its own length before it.
pub const MAX_VALUE: usize = 996;
/// What the cipher adds.
const TAG: usize = 16;

type Server = (NodeId, u64, Vec<ByteBuf>);
type Body = (u64, Vec<Server>, Vec<ByteBuf>);

fn cipher(slot: &Slot, swarm_key: Option<&[u8; 32]>) -> XChaCha20Poly1305 {
    let mut material = swarm_key.unwrap_or(&[0; 32]).to_vec();
    material.extend_from_slice(slot.key.as_bytes());
    let key = blake3::derive_key("sprat 2026-11 dht seal v1", &material);
    XChaCha20Poly1305::new(&Key::from(key))
}

/// Makes an item of a record. Of servers that do not fit the last ones are left out.
#[must_use]
pub fn seal(
    record: &Record,
    (slot, seq): (&Slot, i64),
    swarm_key: Option<&[u8; 32]>,
    signer: &Signer,
) -> Option<Item> {
    let addresses = |at: &[SocketAddr]| at.iter().map(write).collect::<Vec<_>>();
    let server = |server: &ServerAt| (server.key, server.made, addresses(&server.at));
    let mut servers: Vec<Server> = record.servers.iter().map(server).collect();
    let at = addresses(&record.at);
    let plain = loop {
        let body: Body = (record.made, servers.clone(), at.clone());
        let plain = cbor::encode(&body);
        if plain.len() + NONCE + TAG <= MAX_VALUE {
            break plain;
        }
        servers.pop()?;
    };
    // The number goes in, too: the same content under another one has another nonce.
    let mut content = seq.to_be_bytes().to_vec();
    content.extend_from_slice(&plain);
    let nonce: XNonce = signer.nonce(&content).into();
    let payload = Payload {
        msg: &plain,
        aad: &seq.to_be_bytes(),
    };
    let mut value = nonce.to_vec();
    value.extend(cipher(slot, swarm_key).encrypt(&nonce, payload).ok()?);
    Some(Item::new(slot, seq, value, signer))
}

/// Reads the record in an item that was verified; `None` when it is none of this swarm.
#[must_use]
pub fn open(item: &Item, slot: &Slot, swarm_key: Option<&[u8; 32]>) -> Option<Record> {
    let (nonce, sealed) = item.value.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let payload = Payload {
        msg: sealed,
        aad: &item.seq.to_be_bytes(),
    };
    let cipher = cipher(slot, swarm_key);
    let plain = cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
    let (made, servers, at): Body = cbor::decode_canonical(&plain).ok()?;
    let addresses = |at: &[ByteBuf], most: usize| {
        let at = at.iter().take(most).filter_map(|bytes| read(bytes));
        at.collect::<Vec<_>>()
    };
    let server = |(key, made, at): &Server| ServerAt {
        key: *key,
        made: *made,
        at: addresses(at, MAX_AT),
    };
    Some(Record {
        made,
        servers: servers.iter().take(MAX_SERVERS).map(server).collect(),
        at: addresses(&at, MAX_ADDRESSES),
    })
}

fn write(at: &SocketAddr) -> ByteBuf {
    let mut bytes = match at.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.extend_from_slice(&at.port().to_be_bytes());
    ByteBuf::from(bytes)
}

fn read(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_last_chunk::<2>()?;
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(n: u8) -> ServerAt {
        ServerAt {
            key: NodeId([n; 32]),
            made: 1_790_000_000 + u64::from(n),
            at: vec![SocketAddr::from(([203, 0, 113, n], 12000))],
        }
    }

    #[test]
    fn a_record_comes_back_for_those_of_the_swarm_alone() {
        let signer = Signer::new([1; 32]).unwrap();
        let key = [7; 32];
        let slot = Slot::of_node(signer.node(), Some(&key));
        let record = Record {
            made: 1_790_000_000,
            servers: vec![server(1), server(2)],
            at: vec!["[2001:db8::1]:4001".parse().unwrap()],
        };
        let item = seal(&record, (&slot, 5), Some(&key), &signer).unwrap();
        assert!(item.is_of(&slot));
        assert_eq!(open(&item, &slot, Some(&key)), Some(record.clone()));
        assert_eq!(open(&item, &slot, None), None);
        assert_eq!(open(&item, &slot, Some(&[8; 32])), None);
        let later = Item {
            seq: 6,
            ..item.clone()
        };
        assert_eq!(open(&later, &slot, Some(&key)), None);
        let text = String::from_utf8_lossy(&item.value).into_owned();
        assert!(!text.contains("12000"));
        // Nothing is told of when it was the same.
        let again = seal(&record, (&slot, 6), Some(&key), &signer).unwrap();
        assert_ne!(again.value[..NONCE], item.value[..NONCE]);
    }

    #[test]
    fn a_record_that_is_too_long_loses_its_last_servers() {
        let signer = Signer::new([1; 32]).unwrap();
        let slot = Slot::of_swarm(&signer);
        let servers: Vec<_> = (0..100).map(server).collect();
        let record = Record {
            servers,
            ..Record::default()
        };
        let item = seal(&record, (&slot, 1), None, &signer).unwrap();
        assert!(item.value.len() <= MAX_VALUE);
        let read = open(&item, &slot, None).unwrap();
        assert!(read.servers.len() >= MAX_SERVERS, "{}", read.servers.len());
        assert_eq!(read.servers[0], server(0));
    }

    #[test]
    fn what_a_member_writes_beyond_the_bounds_is_not_read() {
        let signer = Signer::new([1; 32]).unwrap();
        let slot = Slot::of_swarm(&signer);
        let at: Vec<_> = (1..100)
            .map(|n| SocketAddr::from(([1, 1, 1, 1], n)))
            .collect();
        let mut one = server(1);
        one.at = at[..8].to_vec();
        let servers = vec![one];
        let record = Record {
            made: 0,
            servers,
            at: at[..40].to_vec(),
        };
        let item = seal(&record, (&slot, 1), None, &signer).unwrap();
        let read = open(&item, &slot, None).unwrap();
        assert_eq!(read.servers[0].at.len(), MAX_AT);
        assert_eq!(read.at.len(), MAX_ADDRESSES);
        for wrong in [&[][..], &[0; 3], &[0; 7], &[0; 19]] {
            assert_eq!(super::read(wrong), None);
        }
    }
}
