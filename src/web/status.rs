//! How the node does, as the API and its events tell it: what `sprat status --json` tells, and what
//! the API has beside it.

use super::answers::{ChunkRates, NodeStatus, Peer, Peers};
use crate::node::Node;

/// The status; `None` when the node is stopping.
pub async fn status(node: &Node, revision: u64) -> Option<NodeStatus> {
    let status = node.status().await?;
    let rates = node.rates();
    Some(NodeStatus {
        status,
        later: node.laters(),
        version: env!("CARGO_PKG_VERSION"),
        home: node.home().to_string_lossy().into_owned(),
        revision,
        rates: ChunkRates {
            down: rates.down,
            up: rates.up,
        },
    })
}

/// Who is here.
pub fn peers(node: &Node) -> Peers {
    let rows = node.peers().into_iter().map(|peer| Peer {
        offers: peer.offers,
        peer,
    });
    Peers {
        peers: rows.collect(),
    }
}
