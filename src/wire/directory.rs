//! The messages of `/sprat/directory/1`: what a node and a rendezvous server say beyond libp2p's
//! own protocols.
//!
//! Owns the names under which a swarm is known at a server, the sign-up record and its signature,
//! and the bounds of every message. Never decides who may see what: that is the server's.
//!
//! Invariants: a private swarm's names are made with its key, which costs one Argon2id to guess,
//! and differ from server to server; a sign-up counts at the one server that it names.

use super::{
    MAX_NAME, bounded,
    cbor::{self, Malformed},
    signer::{self, Signer},
};
use crate::core::id::NodeId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What tells a sign-up's signature from all others that a node's key makes.
pub const CONTEXT: &[u8] = b"sprat sign-up v1\0";
/// People in one answer.
pub const MAX_PEOPLE: usize = 64;
/// Addresses in one answer.
pub const MAX_ADDRESSES: usize = 8;
/// Where the nodes of the public swarm register.
pub const PUBLIC: &str = "sprat";

/// By which a server tells swarms apart without knowing them; zeros for the public one. A node that
/// shows it is in the swarm, so it is told to no other node.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SwarmTag(#[serde(with = "serde_bytes")] pub [u8; 32]);

fn derive(context: &str, key: &[u8; 32], server: &NodeId, rest: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(key).update(server.as_bytes()).update(rest);
    *hasher.finalize().as_bytes()
}

/// The tag of the swarm with this key (`None`: the public one) at `server`.
#[must_use]
pub fn tag(swarm_key: Option<&[u8; 32]>, server: &NodeId) -> SwarmTag {
    SwarmTag(swarm_key.map_or([0; 32], |key| {
        derive("sprat 2026 directory tag v1", key, server, &[])
    }))
}

/// The rendezvous namespace of that swarm at `server`. Anyone may list the namespaces of a server,
/// so nothing else can be made from it.
#[must_use]
pub fn namespace(swarm_key: Option<&[u8; 32]>, server: &NodeId) -> String {
    swarm_key.map_or_else(
        || PUBLIC.to_owned(),
        |key| {
            let name = derive("sprat 2026 rendezvous namespace v1", key, server, &[]);
            format!("{PUBLIC}/{}", blake3::Hash::from_bytes(name))
        },
    )
}

/// The rendezvous namespace of the node that waits with a code of this number. (The number is
/// public; the words are not in it.)
#[must_use]
pub fn code_namespace(swarm_key: Option<&[u8; 32]>, server: &NodeId, channel: u32) -> String {
    swarm_key.map_or_else(
        || format!("{PUBLIC}/code/{channel}"),
        |key| {
            let context = "sprat 2026 code namespace v1";
            let name = derive(context, key, server, &channel.to_be_bytes());
            format!("{PUBLIC}/{}", blake3::Hash::from_bytes(name))
        },
    )
}

/// "This name is mine": what a sign-up says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// 1 to 64 bytes; as it is to be shown (escaped, for it is foreign text).
    pub name: String,
    /// Whose.
    pub node: NodeId,
    /// At which server.
    pub server: NodeId,
    /// In which swarm.
    pub swarm: SwarmTag,
    /// When it was made: seconds since 1970, by the clock of the one who made it.
    pub made: u64,
}

/// A claim as it travels and is kept: the bytes that were signed, and the signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedClaim {
    /// Canonical CBOR of a [`Claim`].
    pub body: ByteBuf,
    /// Ed25519, over [`CONTEXT`] and the body, by the key in it.
    pub signature: ByteBuf,
}

impl SignedClaim {
    /// Signs a claim; its node must be the signer's.
    #[must_use]
    pub fn new(claim: &Claim, signer: &Signer) -> Self {
        let body = cbor::encode(claim);
        let signature = signer.sign(&[CONTEXT, &body].concat());
        Self {
            body: ByteBuf::from(body),
            signature: ByteBuf::from(signature),
        }
    }

    /// What it says, if the node in it signed it.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong signature, a name out of bounds, or bytes that are no claim.
    pub fn verify(&self) -> Result<Claim, Malformed> {
        let claim: Claim = cbor::decode_canonical(&self.body)?;
        check_name(&claim.name)?;
        let message = [CONTEXT, &self.body].concat();
        if signer::verify(&claim.node, &message, &self.signature) {
            Ok(claim)
        } else {
            Err(Malformed("a sign-up with a wrong signature".into()))
        }
    }
}

/// What a node asks of a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// "I am here, and of this swarm", while the connection lasts.
    Enter {
        /// The swarm.
        swarm: SwarmTag,
    },
    /// Bind a name to the node that asks. Saying it again renews it.
    SignUp {
        /// Signed by it.
        claim: SignedClaim,
    },
    /// Give the name back, which must be the asking node's.
    Release {
        /// The name.
        name: String,
    },
    /// Who is signed up in the swarm that was entered.
    People {
        /// Part of the name, without regard to case; all if none.
        pattern: Option<String>,
        /// Go on after this name.
        after: Option<String>,
    },
    /// Who has exactly this name, in whatever swarm.
    Person {
        /// The name.
        name: String,
        /// Where nobody has it here: whether the servers that this one knows are asked, too. Not
        /// said if not, and not understood by older servers, which do not ask others.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        wide: bool,
    },
    /// From which addresses is this node connected to you? Asked before a hole is punched to it, so
    /// that no node can have packets sent to a third party.
    Whence {
        /// The node.
        node: NodeId,
    },
}

/// What the server answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Response {
    /// To `Enter`.
    Entered {
        /// The server's clock: seconds since 1970.
        time: u64,
    },
    /// To `SignUp` and `Release`.
    Done,
    /// To `SignUp`: another key has the name.
    Taken,
    /// To `People` and `Person`: sorted by name, at most 64.
    People {
        /// The people. To a wide `Person` these may be claims for other servers, one of each key.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_PEOPLE>")]
        people: Vec<Entry>,
        /// Whether there are more after the last; to a wide `Person`: whether a server did not
        /// answer.
        more: bool,
    },
    /// To `Whence`: at most 8 addresses, of 4 or 16 bytes each.
    Whence {
        /// The addresses; none when it is not connected.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_ADDRESSES>")]
        addresses: Vec<ByteBuf>,
    },
    /// There is no such name, or it is another's.
    Unknown,
    /// The request makes no sense, or the signature is wrong.
    Refused,
    /// Too much was asked, or the directory is full: try again later.
    Busy,
}

/// A person in the directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Who, in their own words. The asker checks it: a server cannot give a name to a key that did
    /// not ask for it.
    pub claim: SignedClaim,
    /// Whether the node is connected to the server now.
    pub present: bool,
    /// When it last was: seconds since 1970.
    pub seen: u64,
}

fn check_name(name: &str) -> Result<(), Malformed> {
    if name.trim().is_empty() || name.len() > MAX_NAME {
        return Err(Malformed("a name of no length, or too long".into()));
    }
    Ok(())
}

fn check_claim(claim: &SignedClaim) -> Result<(), Malformed> {
    if claim.body.len() > 512 || claim.signature.len() != signer::SIGNATURE {
        return Err(Malformed("a sign-up out of bounds".into()));
    }
    Ok(())
}

impl Request {
    /// Checks the bounds that the types do not.
    ///
    /// # Errors
    /// [`Malformed`] names the first that is broken.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Enter { .. } | Self::Whence { .. } => Ok(()),
            Self::SignUp { claim } => check_claim(claim),
            Self::Release { name } | Self::Person { name, .. } => check_name(name),
            Self::People { pattern, after } => {
                let long =
                    |text: &Option<String>| text.as_ref().is_some_and(|t| t.len() > MAX_NAME);
                if long(pattern) || long(after) {
                    return Err(Malformed("a pattern that is too long".into()));
                }
                Ok(())
            }
        }
    }
}

impl Response {
    /// Checks the bounds that the types do not.
    ///
    /// # Errors
    /// [`Malformed`] names the first that is broken.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::People { people, .. } => {
                if people.len() > MAX_PEOPLE {
                    return Err(Malformed("too many people".into()));
                }
                people
                    .iter()
                    .try_for_each(|entry| check_claim(&entry.claim))
            }
            Self::Whence { addresses } => {
                let fits = |address: &ByteBuf| matches!(address.len(), 4 | 16);
                if addresses.len() > MAX_ADDRESSES || !addresses.iter().all(fits) {
                    return Err(Malformed("addresses that are none".into()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer::new([seed; 32]).unwrap()
    }

    fn claim(seed: u8) -> Claim {
        Claim {
            name: "anna".into(),
            node: signer(seed).node(),
            server: NodeId([9; 32]),
            swarm: SwarmTag::default(),
            made: 1,
        }
    }

    #[test]
    fn a_claim_counts_only_with_the_signature_of_the_key_in_it() {
        let good = SignedClaim::new(&claim(1), &signer(1));
        assert_eq!(good.verify(), Ok(claim(1)));
        assert!(SignedClaim::new(&claim(1), &signer(2)).verify().is_err());
        let mut other = claim(1);
        other.name = "anne".into();
        let stolen = SignedClaim {
            body: ByteBuf::from(cbor::encode(&other)),
            signature: good.signature.clone(),
        };
        assert!(stolen.verify().is_err());
    }

    #[test]
    fn names_of_a_swarm_differ_by_key_by_server_and_by_use() {
        let (here, there) = (NodeId([1; 32]), NodeId([2; 32]));
        let key = Some(&[7; 32]);
        let names = [
            namespace(None, &here),
            namespace(key, &here),
            namespace(key, &there),
            namespace(Some(&[8; 32]), &here),
            code_namespace(key, &here, 1),
            code_namespace(key, &here, 2),
            code_namespace(None, &here, 1),
        ];
        let all: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(all.len(), names.len());
        assert!(names.iter().all(|name| name.len() < 255));
        assert_ne!(tag(key, &here), tag(key, &there));
        let shown = blake3::Hash::from_bytes(tag(key, &here).0).to_string();
        assert!(!namespace(key, &here).contains(&shown));
    }

    /// What an older node asks is not wide, and an older server reads what a new one asks.
    #[test]
    fn a_question_that_is_not_wide_is_as_it_always_was() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        enum Older {
            Person { name: String },
        }
        let name = || "anna".to_owned();
        let older = cbor::encode(&Older::Person { name: name() });
        let narrow = Request::Person {
            name: name(),
            wide: false,
        };
        assert_eq!(cbor::encode(&narrow), older);
        assert_eq!(cbor::decode::<Request>(&older), Ok(narrow));
        let wide = cbor::encode(&Request::Person {
            name: name(),
            wide: true,
        });
        assert_eq!(
            cbor::decode::<Older>(&wide),
            Ok(Older::Person { name: name() })
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let long = "x".repeat(MAX_NAME + 1);
        assert!(Request::Release { name: long.clone() }.check().is_err());
        let (name, wide) = (" ".to_owned(), true);
        assert!(Request::Person { name, wide }.check().is_err());
        let pattern = Some(long);
        let after = None;
        assert!(Request::People { pattern, after }.check().is_err());
        let addresses = vec![ByteBuf::from(vec![1; 5])];
        assert!(Response::Whence { addresses }.check().is_err());
    }
}
