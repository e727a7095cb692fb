//! The questions of BEP 5 and BEP 44 that are asked, and the answers to them.
//!
//! Every question says that this node answers none (`ro`, BEP 43), so nobody keeps it as one of the
//! DHT.

use super::{Item, Slot};
use crate::{
    core::{
        dht::{Contact, Key160, MAX_CONTACTS},
        id::NodeId,
    },
    wire::{
        bencode::{Value, put_bytes, put_number},
        signer::SIGNATURE,
    },
};
use ::core::net::{Ipv4Addr, SocketAddrV4};

/// The longest datagram that is read.
pub const MAX_DATAGRAM: usize = 2048;
/// The longest token that is given back.
const MAX_TOKEN: usize = 64;
/// A contact: its id, its address and its port.
const CONTACT: usize = 26;

/// What tells an answer from others.
pub type Transaction = [u8; 4];

fn question(name: &str, arguments: &[u8], transaction: Transaction) -> Vec<u8> {
    let mut out = b"d1:ad".to_vec();
    out.extend_from_slice(arguments);
    out.extend_from_slice(b"e1:q");
    put_bytes(&mut out, name.as_bytes());
    out.extend_from_slice(b"2:roi1e1:t");
    put_bytes(&mut out, &transaction);
    out.extend_from_slice(b"1:y1:qe");
    out
}

/// Asks for the item at `target`, and for nodes nearer to it.
#[must_use]
pub fn get(me: &Key160, target: &Key160, transaction: Transaction) -> Vec<u8> {
    let mut arguments = b"2:id".to_vec();
    put_bytes(&mut arguments, me);
    arguments.extend_from_slice(b"6:target");
    put_bytes(&mut arguments, target);
    question("get", &arguments, transaction)
}

/// Asks a node to keep an item, with the token that it gave; with `cas`, only in the place of the
/// item of that number.
#[must_use]
pub fn put(
    me: &Key160,
    (slot, item): (&Slot, &Item),
    cas: Option<i64>,
    token: &[u8],
    transaction: Transaction,
) -> Vec<u8> {
    let mut arguments = Vec::with_capacity(item.value.len() + 300);
    let out = &mut arguments;
    if let Some(cas) = cas {
        out.extend_from_slice(b"3:cas");
        put_number(out, cas);
    }
    let mut named = |name: &[u8], bytes: &[u8]| {
        put_bytes(out, name);
        put_bytes(out, bytes);
    };
    named(b"id", me);
    named(b"k", slot.key.as_bytes());
    if !slot.salt.is_empty() {
        named(b"salt", &slot.salt);
    }
    out.extend_from_slice(b"3:seq");
    put_number(out, item.seq);
    let mut named = |name: &[u8], bytes: &[u8]| {
        put_bytes(out, name);
        put_bytes(out, bytes);
    };
    named(b"sig", &item.signature);
    // Not in BEP 44, but some implementations want it.
    named(b"target", &slot.target());
    named(b"token", token);
    named(b"v", &item.value);
    question("put", &arguments, transaction)
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// To which question.
    pub transaction: Transaction,
    /// Who says so.
    pub id: Key160,
    /// Without it the node keeps nothing for the asker.
    pub token: Option<Vec<u8>>,
    /// Nodes that are nearer; at most [`MAX_CONTACTS`].
    pub contacts: Vec<Contact>,
    /// Whose item it says to have.
    pub owner: Option<NodeId>,
    /// The item, not verified.
    pub item: Option<Item>,
}

impl Answer {
    /// Reads one; `None` for anything else, and for errors.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let message = Value::parse(datagram)?;
        if message.get("y")?.bytes()? != b"r" {
            return None;
        }
        let said = message.get("r")?;
        let bytes = |name: &str| said.get(name).and_then(Value::bytes);
        let token = bytes("token").filter(|token| token.len() <= MAX_TOKEN);
        let contacts = bytes("nodes").unwrap_or_default();
        let contacts = contacts.chunks_exact(CONTACT).take(MAX_CONTACTS);
        let item = || {
            let (value, signature) = (bytes("v")?, bytes("sig")?);
            let seq = said.get("seq")?.number()?;
            let fits = value.len() <= super::MAX_VALUE && signature.len() == SIGNATURE;
            fits.then(|| Item {
                seq,
                value: value.to_vec(),
                signature: signature.to_vec(),
            })
        };
        Some(Self {
            transaction: message.get("t")?.bytes()?.try_into().ok()?,
            id: bytes("id")?.try_into().ok()?,
            token: token.map(<[u8]>::to_vec),
            contacts: contacts.filter_map(contact).collect(),
            owner: bytes("k").and_then(NodeId::from_slice),
            item: item(),
        })
    }
}

fn contact(bytes: &[u8]) -> Option<Contact> {
    let ip: [u8; 4] = bytes.get(20..24)?.try_into().ok()?;
    let port = u16::from_be_bytes(bytes.get(24..26)?.try_into().ok()?);
    Some(Contact {
        id: bytes.get(..20)?.try_into().ok()?,
        at: SocketAddrV4::new(Ipv4Addr::from(ip), port),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::signer::Signer;
    use proptest::prelude::*;

    #[test]
    fn questions_are_what_the_specifications_say() {
        let asked = get(b"abcdefghij0123456789", b"mnopqrstuvwxyz123456", *b"aabb");
        let expected = b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q3:get2:roi1e1:t4:aabb1:y1:qe";
        assert_eq!(asked, expected);
        let signer = Signer::new([1; 32]).unwrap();
        let slot = Slot::of_node(signer.node(), None);
        let item = Item::new(&slot, 5, b"x".to_vec(), &signer);
        let asked = put(&[7; 20], (&slot, &item), Some(4), b"t", *b"aabb");
        let message = Value::parse(&asked).unwrap();
        let Some(Value::Dictionary(arguments)) = message.get("a") else {
            panic!("{message:?}");
        };
        let names: Vec<_> = arguments.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted() && names.len() == 9, "{names:?}");
    }

    fn answer(said: &[u8]) -> Option<Answer> {
        let mut bytes = b"d1:rd2:id20:abcdefghij0123456789".to_vec();
        bytes.extend_from_slice(said);
        bytes.extend_from_slice(b"e1:t4:aabb1:y1:re");
        Answer::parse(&bytes)
    }

    #[test]
    fn of_what_is_too_much_a_bound_is_read() {
        let mut said = b"5:nodes".to_vec();
        put_bytes(&mut said, &[1; CONTACT * 60]);
        said.extend_from_slice(b"5:token");
        put_bytes(&mut said, &[0; MAX_TOKEN + 1]);
        let read = answer(&said).unwrap();
        assert_eq!(read.contacts.len(), MAX_CONTACTS);
        assert_eq!(read.token, None);
        for (length, kept) in [(super::super::MAX_VALUE, true), (1001, false)] {
            let mut said = b"3:seqi1e3:sig".to_vec();
            put_bytes(&mut said, &[0; SIGNATURE]);
            said.extend_from_slice(b"1:v");
            put_bytes(&mut said, &vec![0; length]);
            assert_eq!(answer(&said).unwrap().item.is_some(), kept, "{length}");
        }
    }

    #[test]
    fn errors_and_questions_are_no_answers() {
        assert!(answer(b"").is_some());
        for wrong in [
            &b"d1:eli201e5:Errore1:t4:aabb1:y1:ee"[..],
            b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t4:aabb1:y1:qe",
            b"d1:rd2:id3:abce1:t4:aabb1:y1:re",
            b"d1:rd2:id20:abcdefghij0123456789e1:t5:aabbc1:y1:re",
        ] {
            assert_eq!(Answer::parse(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn no_datagram_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Answer::parse(&bytes);
            let _ = answer(&bytes);
        }
    }
}
