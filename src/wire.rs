//! What crosses the network: protocol names, limits, message types and their encodings.
//!
//! All of `serde_cbor` is in [`cbor`], so that it can be replaced. Nothing here opens a socket.
//! Every decoder checks a length before it allocates, and refuses what it does not understand with
//! a [`cbor::Malformed`].

pub mod beacon;
pub mod bencode;
mod bounded;
pub mod bulk;
pub mod card;
pub mod cbor;
pub mod chat;
pub mod chunk;
pub mod consent;
pub mod control;
pub mod dht;
pub mod directory;
pub mod distribute;
mod frame;
pub mod localsend;
pub mod manifest;
pub mod member;
pub mod pairing;
pub mod passphrase;
pub mod protocol;
pub mod rendezvous;
pub mod signer;

/// Requests and responses in CBOR: catalogs, manifests, have-sets.
pub const CONTROL_PROTOCOL: &str = "/sprat/control/1";
/// One short stream, on which both ends of a QUIC connection prove that they know their private
/// swarm's key.
pub const MEMBER_PROTOCOL: &str = "/sprat/member/1";

/// Requests and responses in CBOR between a node and a rendezvous server: who is present, sign-up,
/// people.
pub const DIRECTORY_PROTOCOL: &str = "/sprat/directory/1";

/// The longest control request, in bytes.
pub const MAX_REQUEST: usize = 64 << 10;
/// The longest control response, in bytes.
pub const MAX_RESPONSE: usize = 1 << 20;
/// The longest directory request, in bytes.
pub const MAX_DIRECTORY_REQUEST: usize = 2 << 10;
/// The longest directory response, in bytes.
pub const MAX_DIRECTORY_RESPONSE: usize = 64 << 10;
/// The longest beacon, in bytes: fits one Ethernet frame with room for tunnels.
pub const MAX_BEACON: usize = 1200;
/// The longest display name of a node, in bytes of UTF-8.
pub const MAX_NAME: usize = 64;
/// The longest offered path, in bytes of UTF-8.
pub const MAX_PATH: usize = 1024;
/// The longest media type, in bytes.
pub const MAX_MEDIA: usize = 128;
/// The longest pattern that names of a catalog are asked for by, in bytes of UTF-8.
pub const MAX_PATTERN: usize = 256;
/// Words of a download that names of a catalog are asked for by, of [`MAX_PATTERN`] bytes each.
pub const MAX_WANTED_WORDS: usize = 16;
/// Contents that names of a catalog are asked for by.
pub const MAX_WANTED_FILES: usize = 256;
/// Entries of one catalog page.
pub const MAX_CATALOG_PAGE: usize = 512;
/// Files named in one `Manifests` request.
pub const MAX_MANIFESTS: usize = 64;
/// Files named in one `Haves` request.
pub const MAX_HAVES: usize = 64;
/// Chunks named in one `Chunks` request: 34 bytes each, so that it fits [`MAX_REQUEST`].
pub const MAX_CHUNKS: usize = 1800;
/// Peers named in one answer to `Peers`.
pub const MAX_PEERS: usize = crate::core::exchange::MAX_TOLD;
/// Cards in one answer, and nodes of which one is wanted in one question.
pub const MAX_CARDS: usize = 256;
/// Nodes named in a question for everybody, and told of in its answer.
pub const MAX_EVERYBODY: usize = crate::core::cards::NAMED;
/// The longest catalog on a card, in bytes.
pub const MAX_CARD: usize = 8 << 10;
/// Chunks named in one have-update.
pub const MAX_HAVE_UPDATE: usize = 4096;
