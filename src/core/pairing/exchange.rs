//! The cryptography of a pairing: SPAKE2 (Abdalla and Pointcheval, 2005; RFC 9382 describes its
//! kin) and the keys that come out of it.
//!
//! Owns which bytes are hashed into what. Invariants: the password goes into SPAKE2 and nowhere
//! else; each key has a context of its own and depends on the whole transcript; MACs are compared
//! in constant time.

use super::{Id, SEALED_PORT};
use crate::core::{code::Code, draw::Draw, id::NodeId};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use std::fmt;

/// What tells SPAKE2's two messages apart; it is not sent, since each message has one direction.
const SIDE_A: u8 = b'A';
const SIDE_B: u8 = b'B';

/// Who pairs, on which channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parties {
    pub channel: u16,
    pub sender: NodeId,
    pub receiver: NodeId,
}

/// Everything that was said in the open before the proof.
#[derive(Clone, Copy)]
pub(super) struct Transcript {
    pub parties: Parties,
    pub session: Id,
    pub attempt: Id,
    /// The receiver's message.
    pub x: [u8; 32],
    /// The sender's.
    pub y: [u8; 32],
}

/// One side's secret half of an exchange.
pub(super) struct Half(Spake2<Ed25519Group>);

impl Half {
    /// The sender's half, and its message.
    pub(super) fn sender(code: &Code, parties: &Parties, draw: &mut Draw) -> (Self, [u8; 32]) {
        let (password, a, b) = inputs(code, parties);
        let (state, message) = Spake2::start_a_with_rng(&password, &a, &b, draw);
        (Self(state), without_side(&message))
    }

    /// The receiver's half, and its message.
    pub(super) fn receiver(code: &Code, parties: &Parties, draw: &mut Draw) -> (Self, [u8; 32]) {
        let (password, a, b) = inputs(code, parties);
        let (state, message) = Spake2::start_b_with_rng(&password, &a, &b, draw);
        (Self(state), without_side(&message))
    }

    /// The sender's end of it; `None` when the other's message is no point of the curve.
    pub(super) fn finish_sender(self, said: &Transcript) -> Option<Keys> {
        self.finish(SIDE_B, &said.x, said)
    }

    /// The receiver's end of it; `None` when the other's message is no point of the curve.
    pub(super) fn finish_receiver(self, said: &Transcript) -> Option<Keys> {
        self.finish(SIDE_A, &said.y, said)
    }

    fn finish(self, side: u8, theirs: &[u8; 32], said: &Transcript) -> Option<Keys> {
        let message = [&[side], &theirs[..]].concat();
        let shared = self.0.finish(&message).ok()?;
        Some(Keys::new(&shared, said))
    }
}

fn inputs(code: &Code, parties: &Parties) -> (Password, Identity, Identity) {
    let identity = |role: &[u8], node: &NodeId| {
        Identity::new(&[role, &parties.channel.to_be_bytes(), node.as_bytes()].concat())
    };
    (
        Password::new(code.secret()),
        identity(b"sprat pairing sender v1\0", &parties.sender),
        identity(b"sprat pairing receiver v1\0", &parties.receiver),
    )
}

/// SPAKE2's messages are the side's letter and 32 bytes.
fn without_side(message: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    if let Some(point) = message.get(1..33) {
        bytes.copy_from_slice(point);
    }
    bytes
}

/// What both sides have when both knew the words.
pub(super) struct Keys {
    transcript: [u8; 32],
    proof: [u8; 32],
    port: [u8; 32],
    link: [u8; 32],
    said: Transcript,
}

impl Keys {
    fn new(shared: &[u8], said: &Transcript) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("sprat 2026-11 pairing transcript v1");
        hasher.update(&said.parties.channel.to_be_bytes());
        for part in [
            &said.parties.sender.as_bytes()[..],
            said.parties.receiver.as_bytes(),
            &said.session.0,
            &said.attempt.0,
            &said.x,
            &said.y,
        ] {
            hasher.update(part);
        }
        let transcript = *hasher.finalize().as_bytes();
        let material = [shared, &transcript].concat();
        Self {
            transcript,
            proof: blake3::derive_key("sprat 2026-11 pairing proof v1", &material),
            port: blake3::derive_key("sprat 2026-11 pairing port v1", &material),
            link: blake3::derive_key("sprat 2026-11 pairing link v1", &material),
            said: *said,
        }
    }

    /// The receiver's proof.
    pub(super) fn proof(&self) -> [u8; 32] {
        *blake3::keyed_hash(&self.proof, &self.transcript).as_bytes()
    }

    /// Whether it is that proof.
    pub(super) fn is_proof(&self, mac: &[u8; 32]) -> bool {
        // Comparing with a `Hash` takes the same time wherever they differ.
        blake3::keyed_hash(&self.proof, &self.transcript) == *mac
    }

    /// Seals the port. The key is used for this one message, so the nonce may be constant.
    pub(super) fn seal(&self, port: u16) -> Option<[u8; SEALED_PORT]> {
        let payload = Payload {
            msg: &port.to_be_bytes(),
            aad: &self.transcript,
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(self.port));
        let sealed = cipher.encrypt(&XNonce::from([0; 24]), payload).ok()?;
        sealed.try_into().ok()
    }

    /// The port, if the node that sealed it has the same key: that is the sender's proof.
    pub(super) fn open(&self, sealed: &[u8; SEALED_PORT]) -> Option<u16> {
        let payload = Payload {
            msg: sealed,
            aad: &self.transcript,
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(self.port));
        let port = cipher.decrypt(&XNonce::from([0; 24]), payload).ok()?;
        Some(u16::from_be_bytes(port.try_into().ok()?)).filter(|port| *port != 0)
    }

    /// What both sides prove over the connection.
    pub(super) fn link(&self) -> LinkKey {
        LinkKey {
            key: self.link,
            sender: self.said.parties.sender,
            receiver: self.said.parties.receiver,
            attempt: self.said.attempt,
        }
    }
}

/// The key that both sides prove to have, over a connection on which each knows who the other is.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey {
    key: [u8; 32],
    /// Who sends.
    pub sender: NodeId,
    /// Who receives.
    pub receiver: NodeId,
    /// The sender's name for the exchange; it may be known to anyone.
    pub attempt: Id,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sender, receiver) = (self.sender.short(), self.receiver.short());
        write!(f, "LinkKey({sender} to {receiver})")
    }
}

impl LinkKey {
    /// What the receiver sends: a MAC over both nodes, the attempt and the display name that goes
    /// with it.
    #[must_use]
    pub fn receiver_proof(&self, name: &str) -> [u8; 32] {
        *self.mac(*b"receiver", name).as_bytes()
    }

    /// What the sender sends.
    #[must_use]
    pub fn sender_proof(&self, name: &str) -> [u8; 32] {
        *self.mac(*b"sender\0\0", name).as_bytes()
    }

    /// Whether the receiver has the key and goes by this name.
    #[must_use]
    pub fn is_receiver(&self, mac: &[u8; 32], name: &str) -> bool {
        self.mac(*b"receiver", name) == *mac
    }

    /// Whether the sender has the key and goes by this name.
    #[must_use]
    pub fn is_sender(&self, mac: &[u8; 32], name: &str) -> bool {
        self.mac(*b"sender\0\0", name) == *mac
    }

    fn mac(&self, role: [u8; 8], name: &str) -> blake3::Hash {
        let (sender, receiver) = (self.sender.as_bytes(), self.receiver.as_bytes());
        let said = [
            &role,
            &sender[..],
            receiver,
            &self.attempt.0,
            name.as_bytes(),
        ];
        blake3::keyed_hash(&self.key, &said.concat())
    }
}

#[cfg(test)]
mod tests;
