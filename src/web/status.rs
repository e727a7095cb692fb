//! How the node does, in JSON: what `sprat status --json` tells, and what the API has beside it.

use crate::node::{LogLine, Node, PeerInfo};
use serde::Serialize;
use serde_json::{Value, json};

/// The status; `None` when the node is stopping.
pub async fn status(node: &Node, revision: u64) -> Option<Value> {
    let status = node.status().await?;
    let mut value = serde_json::to_value(&status).ok()?;
    let rates = node.rates();
    value["later"] = json!(node.laters());
    value["version"] = json!(env!("CARGO_PKG_VERSION"));
    value["home"] = json!(node.home().to_string_lossy());
    value["revision"] = json!(revision);
    value["rates"] = json!({ "down": rates.down, "up": rates.up });
    Some(value)
}

/// Who is here.
pub fn peers(node: &Node) -> Value {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        peer: &'a PeerInfo,
        offers: u32,
    }
    let peers = node.peers();
    let offers = |peer: &PeerInfo| peer.offers;
    let rows = peers.iter().map(|peer| Row {
        peer,
        offers: offers(peer),
    });
    json!({ "peers": rows.collect::<Vec<_>>() })
}

/// A line of the log with its number.
pub fn log_line(number: u64, line: &LogLine) -> Value {
    json!({ "n": number, "time": line.time, "level": line.level, "text": line.text })
}
