//! How a name lies on the server's disk.
//!
//! Invariant: what comes from the disk is checked as what comes from a stranger: a name with a
//! wrong signature is dropped.

use crate::{
    core::id::NodeId,
    server::directory::SignUp,
    wire::{
        cbor::{self, Malformed},
        directory::SignedClaim,
    },
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Record {
    claim: SignedClaim,
    seen: u64,
}

/// What a claim says, as the directory keeps it.
///
/// # Errors
/// [`Malformed`] when it is not signed by its node, or was made for another server.
pub fn name(
    claim: SignedClaim,
    server: NodeId,
    seen: u64,
) -> Result<SignUp<SignedClaim>, Malformed> {
    let said = claim.verify()?;
    if said.server != server {
        return Err(Malformed("a sign-up at another server".into()));
    }
    Ok(SignUp {
        name: said.name,
        node: said.node,
        swarm: said.swarm.0,
        seen,
        claim,
    })
}

/// From the disk.
///
/// # Errors
/// [`Malformed`].
pub fn read(bytes: &[u8], server: NodeId) -> Result<SignUp<SignedClaim>, Malformed> {
    let record: Record = cbor::decode(bytes)?;
    name(record.claim, server, record.seen)
}

/// For the disk.
pub fn write(name: &SignUp<SignedClaim>) -> Vec<u8> {
    cbor::encode(&Record {
        claim: name.claim.clone(),
        seen: name.seen,
    })
}
