//! LocalSend's protocol for those who come in: a listener of its own, on which there is nothing
//! else.
//!
//! Never decides anything (`node::localsend` does) and never knows the owner's API. Invariants:
//! nothing but who this node is, is told without encryption; connections, heads, bodies and stalls
//! have the bounds of guests; no path of a request is one on a disk.

#![allow(
    clippy::result_large_err,
    reason = "an answer instead of a visit is made once a request"
)]

mod routes;

use super::guest::listen;
use crate::node::Node;

/// Serves it on a node that wants that, in a task that ends when the node leaves. Returns once it
/// can be reached.
pub async fn open(node: &Node) {
    let Some(local) = node.localsend() else {
        return;
    };
    let opened = async {
        let tls = local.acceptor().map_err(|error| error.to_string())?;
        let bound = listen::bind(&local.addresses()).await;
        let (port, listeners) = bound.map_err(|error| error.to_string())?;
        Ok::<_, String>((tls, port, listeners))
    };
    match opened.await {
        Ok((tls, port, listeners)) => {
            let serving = listen::serve(listeners, tls, routes::router(&local), local.stop());
            local.spawn(serving);
            local.opened(port);
        }
        Err(why) => local.failed(&why),
    }
}
