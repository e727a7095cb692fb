//! Tells connections for bulk from all others, by their first byte.
//!
//! Invariant: what begins as anything else goes its way untouched; nothing is read from it here.

use crate::wire::bulk::MAGIC;
use libp2p::tcp::tokio::TcpStream;
use std::io;
use tokio::sync::mpsc;

/// Where sockets for bulk go.
pub(in crate::net) type Sockets = mpsc::Sender<tokio::net::TcpStream>;

/// Waits for the first byte of what came in. An error for what is for bulk, which is out of here.
pub(super) async fn sniff(stream: TcpStream, bulk: Sockets) -> io::Result<TcpStream> {
    let mut first = [0];
    let seen = stream.0.peek(&mut first).await?;
    if seen == 0 || first[0] != MAGIC[0] {
        return Ok(stream);
    }
    let _ = bulk.try_send(stream.0); // One too many is closed.
    Err(io::Error::other("it is for bulk"))
}
