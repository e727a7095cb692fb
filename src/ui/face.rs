//! What a node that stays shows to other programs: the local API, and the page; and the page of a
//! rendezvous server. `main` brings what serves them.
//!
//! Owns the words between the two. Never serves anything itself (`local` begins and ends it).

use super::{far::Pipes, json, output::Out};
use crate::{
    node::Node,
    server::{Desk, Quotas},
};
use serde_json::Value;
use std::{io, net::SocketAddr, pin::Pin, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Something that comes.
pub type Coming<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs a command that was given beside the node: what it was given, its streams, and what stops
/// it. Gives the exit code.
pub type Run = Arc<dyn Fn(Value, Pipes, CancellationToken) -> Coming<u8> + Send + Sync>;

/// What is to be served.
pub struct Wanted {
    /// The node.
    pub node: Node,
    /// Where the page is to be.
    pub page: Option<SocketAddr>,
    /// What runs commands.
    pub run: Run,
}

/// Serves it, or says why not.
pub type Opener = fn(Wanted) -> Coming<Result<Box<dyn Face>, String>>;

/// Serves LocalSend apps on a node that is to be seen by them, until it leaves.
pub type Door = fn(Node) -> Coming<()>;

/// What is served.
pub trait Face: Send + Sync {
    /// Where the page is, with a code that opens it once.
    ///
    /// # Errors
    /// When there is none.
    fn address(&self) -> io::Result<String>;
    /// Comes when somebody wants the node to end.
    fn left(&self) -> Coming<()>;
    /// Whether somebody wanted that.
    fn was_left(&self) -> bool;
    /// Ends every connection.
    fn close(self: Box<Self>) -> Coming<()>;
}

/// The page of a rendezvous server that is to be served.
pub struct PageWanted {
    /// The server.
    pub desk: Desk,
    /// Where.
    pub at: SocketAddr,
    /// Names by which people reach it, besides its addresses.
    pub hosts: Vec<String>,
    /// What the server gives.
    pub quotas: Quotas,
}

/// Serves it, or says why not.
pub type PageOpener = fn(PageWanted) -> Coming<Result<Box<dyn Page>, String>>;

/// The page of a server that is served.
pub trait Page: Send {
    /// Where.
    fn address(&self) -> SocketAddr;
    /// Ends every connection.
    fn close(self: Box<Self>) -> Coming<()>;
}

/// What serves both.
#[derive(Clone, Copy)]
pub struct Openers {
    /// A node.
    pub node: Opener,
    /// A server.
    pub server: PageOpener,
    /// LocalSend.
    pub localsend: Door,
}

/// Says where the page is.
pub fn tell(out: &Out, address: &str) {
    if out.json() {
        out.object(&json::Event::Web { address });
    } else {
        out.result(&format!("the page, for this machine alone: {address}"));
    }
}
