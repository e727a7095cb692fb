//! JSON of `status`.

use super::{Safety, consent::Kept as Waiting, directory::Server, leftover, line};
use crate::node::{LaterInfo, Status};
use serde::Serialize;

#[derive(Serialize)]
struct Download<'a> {
    name: &'a str,
    done: u64,
    size: u64,
}

#[derive(Serialize)]
struct Kept {
    used: u64,
    quota: u64,
    received: u64,
    sent: u64,
}

#[derive(Serialize)]
struct Scan {
    done: u64,
    total: Option<u64>,
    files: u64,
    of_files: Option<u64>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename = "status")]
struct Row<'a> {
    peer: String,
    name: &'a str,
    addresses: &'a [String],
    peers: u32,
    servers: Vec<Server<'a>>,
    shared_files: u64,
    shared_bytes: u64,
    safe: Safety,
    replicas: Kept,
    leftovers: leftover::Sum,
    scanning: Option<Scan>,
    downloads: Vec<Download<'a>>,
    later: Vec<Waiting<'a>>,
    received: u64,
    sent: u64,
}

/// `status`.
#[must_use]
pub fn status(status: &Status, later: &[LaterInfo]) -> String {
    let downloads = status.downloads.iter().map(|(name, progress)| Download {
        name,
        done: progress.done,
        size: progress.size,
    });
    line(&Row {
        peer: status.node.to_string(),
        name: &status.name,
        addresses: &status.addresses,
        peers: status.peers,
        servers: status.servers.iter().map(Into::into).collect(),
        shared_files: status.shared_files,
        shared_bytes: status.shared_bytes,
        safe: (&status.safe).into(),
        replicas: Kept {
            used: status.replicas.0,
            quota: status.replicas.1,
            received: status.copied.0,
            sent: status.copied.1,
        },
        leftovers: leftover::Sum {
            files: status.leftovers.0,
            bytes: status.leftovers.1,
        },
        scanning: status.scanning.map(|scan| Scan {
            done: scan.bytes,
            total: scan.of_bytes,
            files: scan.files,
            of_files: scan.of_files,
        }),
        downloads: downloads.collect(),
        later: later.iter().map(Into::into).collect(),
        received: status.received,
        sent: status.sent,
    })
}
