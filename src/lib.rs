//! sprat: a swarm file-sharing node.
//!
//! Put files in a folder; every node near you sees them; a download comes from everyone who has a
//! piece of it, at once, verified. A program holds a [`Node`]: it shares what lies in
//! `HOME/shared`, and is asked to list, download and send.
//!
//! ```no_run
//! use sprat::{DownloadEvent, DownloadRequest, Node, Settings};
//! use std::time::Duration;
//!
//! # async fn quick_start() -> Result<(), sprat::StartError> {
//! let node = Node::start(Settings::new("alice")).await?;
//! let (_, mut events) = node.download(DownloadRequest {
//!     what: vec!["holiday.mp4".into()],
//!     wait: Duration::from_secs(5),
//!     ..DownloadRequest::default()
//! });
//! while let Some(event) = events.recv().await {
//!     match event {
//!         DownloadEvent::FileDone(file) => println!("{} is here", file.path.display()),
//!         DownloadEvent::FileFailed { name, error } => println!("{name}: {error}"),
//!         _ => {}
//!     }
//! }
//! node.leave().await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/` has a program that shares, one that downloads, and one that watches the swarm.
//!
//! What follows is for those who work on sprat; it changes from release to release. The rooms, from
//! the outside in; imports point to the right only:
//!
//! ```text
//! ui, web ──▶ node, server ──▶ net, store ──▶ wire ──▶ core
//! ```
//!
//! - `core`: the decisions, pure: chunks, manifests, the picker, membership, names from strangers.
//! - `wire`: what crosses the network: protocol names, limits, messages and their encodings.
//! - `store`: what is on disk: the index, the shared folder, partial downloads.
//! - `net`: what touches sockets: the libp2p swarm, chunk streams, the beacon.
//! - `node`: one running node, behind the handle that every front end holds.
//! - `server`: the rendezvous server, a program of its own in the same binary.
//! - `ui`: the command line and the prompt.
//! - `web`: the local API, and the page.
//!
//! `docs/design.md` walks the path of a byte through them; `docs/protocol.md` is for a second
//! implementation.

#[doc(hidden)]
pub mod core;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod node;
#[doc(hidden)]
pub mod server;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod ui;
#[doc(hidden)]
pub mod web;
#[doc(hidden)]
pub mod wire;

pub use self::{
    core::id::{FileId, NodeId},
    node::{
        DownloadError, DownloadEvent, DownloadRequest, Fetched, Gaps, JobId, Listing, Node,
        NodeEvent, Owner, PeerInfo, Progress, SendEvent, SendRequest, Settings, StartError, Status,
    },
};
