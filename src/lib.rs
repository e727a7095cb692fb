//! sprat: a swarm file-sharing node.
//!
//! Put files in a folder; every node near you sees them; a download comes from everyone who has a piece of it, at once,
//! verified. The rooms, from the outside in; imports point to the right only:
//!
//! ```text
//! ui ──▶ node, server ──▶ net, store ──▶ wire ──▶ core
//! ```
//!
//! - [`core`]: the decisions, pure: chunks, manifests, the picker, membership, names from strangers.
//! - [`wire`]: what crosses the network: protocol names, limits, messages and their encodings.
//! - [`store`]: what is on disk: the index, the shared folder, partial downloads.
//! - [`net`]: what touches sockets: the libp2p swarm, chunk streams, the beacon.
//! - [`node`]: one running node; [`node::Node`] is the handle that every front end holds.
//! - [`server`]: the rendezvous server, a program of its own in the same binary.
//! - [`ui`]: the command line and the prompt.
//!
//! `docs/design.md` walks the path of a byte through them; `docs/protocol.md` is for a second implementation.

pub mod core;
pub mod net;
pub mod node;
pub mod server;
pub mod store;
pub mod ui;
pub mod wire;
