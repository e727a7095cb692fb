//! JSON about this node's own key: another node that has the same one, and a new one.

use super::line;
use crate::node::NewKey;
use serde::Serialize;
use std::net::SocketAddr;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    SameKey {
        name: &'a str,
        address: String,
    },
    NewKey {
        peer: String,
        before: Option<String>,
        kept: Option<String>,
    },
}

/// Another node has this node's key.
#[must_use]
pub fn same(name: &str, address: SocketAddr) -> String {
    let address = address.to_string();
    line(&Event::SameKey { name, address })
}

/// A home has a new key.
#[must_use]
pub fn new_key(made: &NewKey) -> String {
    let kept = made.kept.as_ref();
    line(&Event::NewKey {
        peer: made.now.to_string(),
        before: made.before.as_ref().map(ToString::to_string),
        kept: kept.map(|kept| kept.to_string_lossy().into_owned()),
    })
}
