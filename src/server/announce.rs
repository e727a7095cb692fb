//! How the nodes of a swarm find this server: an item in the DHT, which all servers of the swarm
//! write, each itself beside the others.
//!
//! Owns the times of that. Never serves anything. Two servers that write at once: the item of the
//! number that was read is replaced and no other one, so the second reads again.

use super::{ServerDht, ServerNews};
use crate::{
    core::{
        chance::Chance,
        dht::{HOUR, MAX_AT, Record, ServerAt, merged},
        id::NodeId,
    },
    net::dht::{Dht, DhtError},
    store::clock::unix_now,
    wire::{
        dht::{Item, Slot, open, seal, swarm_signer},
        passphrase::swarm_key,
        signer::Signer,
    },
};
use std::{net::SocketAddr, time::Duration};
use tokio::sync::mpsc;

/// The first pause after a failure; it doubles, up to an hour.
const FAILED: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Announcing {
    dht: Dht,
    swarm_key: [u8; 32],
    signer: Signer,
}

impl Announcing {
    /// Makes the keys of the words, which takes a moment.
    pub(super) fn new(dht: ServerDht) -> Result<Self, String> {
        let swarm_key = swarm_key(&dht.passphrase).map_err(|error| error.to_string())?;
        let signer = swarm_signer(&swarm_key).map_err(|error| error.to_string())?;
        Ok(Self {
            dht: Dht::new(dht.bootstrap),
            swarm_key,
            signer,
        })
    }

    /// Announces the server, once an hour, for ever.
    pub(super) async fn run(
        self,
        me: NodeId,
        addresses: Vec<SocketAddr>,
        news: mpsc::Sender<ServerNews>,
    ) {
        let mut chance = Chance::new(u64::from_be_bytes(*me.0.first_chunk().expect("32 bytes")));
        let (mut failures, mut told) = (0u32, None);
        loop {
            let outcome = self.announce(me, &addresses).await;
            let (good, text) = match outcome {
                Ok(()) => (
                    true,
                    "the nodes of the swarm find this server by the DHT".into(),
                ),
                Err(why) => (false, format!("--dht: {why}")),
            };
            // Its owner is told when that changes.
            if told.replace(good) != Some(good) {
                drop(news.try_send(ServerNews::Notice(text)));
            }
            let pause = if good {
                failures = 0;
                HOUR
            } else {
                failures += 1;
                (FAILED * (1 << (failures - 1).min(7))).min(HOUR)
            };
            tokio::time::sleep(pause.mul_f64(1.0 + 0.1 * chance.fraction())).await;
        }
    }

    async fn announce(&self, me: NodeId, addresses: &[SocketAddr]) -> Result<(), Failure> {
        let slot = Slot::of_swarm(&self.signer);
        let found = self.dht.get(&slot).await?;
        let wall = unix_now();
        let usable = addresses.iter().filter(|at| found.reach.takes(at.ip()));
        let own = ServerAt {
            key: me,
            made: wall,
            at: usable.take(MAX_AT).copied().collect(),
        };
        if own.at.is_empty() {
            return Err(Failure::NoAddress);
        }
        let known = found.item.as_ref();
        let record = known.and_then(|item| open(item, &slot, Some(&self.swarm_key)));
        let servers = merged(&record.unwrap_or_default().servers, own, wall);
        let after = |item: &Item| item.seq.saturating_add(1);
        let now = i64::try_from(wall).unwrap_or(i64::MAX);
        let seq = known.map_or(now, after).max(now);
        let record = Record {
            made: wall,
            servers,
            at: Vec::new(),
        };
        let item = seal(&record, (&slot, seq), Some(&self.swarm_key), &self.signer);
        let item = item.ok_or(Failure::NotKept)?;
        let cas = known.map(|item| item.seq);
        match self.dht.put(&found, (&slot, &item), cas).await? {
            0 => Err(Failure::NotKept),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Dht(#[from] DhtError),
    #[error(
        "none of this server's addresses leads here from everywhere: give the one that does by --external"
    )]
    NoAddress,
    #[error("nobody of the DHT kept where this server is")]
    NotKept,
}
