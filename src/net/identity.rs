//! A node's key, and the two spellings of a node's name: ours (32 bytes) and libp2p's (`PeerId`).
//!
//! Invariant: the two name the same Ed25519 public key. Peers with any other kind of key have no
//! [`NodeId`] and are refused.

use crate::core::id::NodeId;
use libp2p::{PeerId, identity::Keypair};

/// What comes before the key in an Ed25519 `PeerId`: an "identity" multihash of the key in protobuf
/// (libp2p peer id specification).
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The key pair of a 32-byte Ed25519 secret. `None` never happens for 32 bytes; libp2p's signature
/// allows it.
pub(crate) fn keypair(mut secret: [u8; 32]) -> Option<Keypair> {
    Keypair::ed25519_from_bytes(&mut secret).ok()
}

/// The node that a `PeerId` names; `None` for other kinds of keys.
pub(crate) fn node(peer: &PeerId) -> Option<NodeId> {
    NodeId::from_slice(peer.to_bytes().strip_prefix(&PREFIX[..])?)
}

/// The `PeerId` of a node; `None` when the bytes cannot be one (they always can: the multihash
/// fits).
pub(crate) fn peer(node: NodeId) -> Option<PeerId> {
    let mut bytes = PREFIX.to_vec();
    bytes.extend_from_slice(node.as_bytes());
    PeerId::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_key() {
        let pair = keypair([9; 32]).unwrap();
        let id = pair.public().to_peer_id();
        let node = node(&id).unwrap();
        assert_eq!(
            node.as_bytes(),
            &pair.public().try_into_ed25519().unwrap().to_bytes()
        );
        assert_eq!(peer(node), Some(id));
        assert_eq!(node.to_string(), id.to_string());
    }

    #[test]
    fn a_peer_with_another_kind_of_key_is_no_node() {
        // A SHA-256 multihash: what RSA keys have.
        let mut bytes = vec![0x12, 0x20];
        bytes.extend_from_slice(&[7; 32]);
        assert_eq!(node(&PeerId::from_bytes(&bytes).unwrap()), None);
    }
}
