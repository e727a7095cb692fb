//! Beacons of nodes that there are not, for those who flood.

use sprat::{
    core::membership::{Beacon, Kind},
    wire::signer::Signer,
};

/// Where all nodes of this machine hear it.
pub const EVERYONE: &str = "127.255.255.255";

pub fn beacon(kind: Kind, signer: &Signer, seq: u64) -> Beacon {
    Beacon {
        kind,
        node: signer.node(),
        name: "flood".into(),
        tcp: 9,
        udp: 9,
        epoch: 1,
        revision: 1,
        seq,
        suspects: Vec::new(),
    }
}

pub fn signer(number: u64) -> Signer {
    Signer::new(*blake3::hash(&number.to_le_bytes()).as_bytes()).unwrap()
}
