//! The task between `core::dht` and the DHT: servers of the swarm and people by their keys are looked
//! up, and where this node is found is published.
//!
//! Owns the machine's clock and what it asks for. Invariants: without `--dht` there is no task and
//! nothing is sent; one thing at a time is under way; of what is found only what [`believed`] lets
//! through is used.

use super::{Input, View};
use crate::{
    core::{
        dht::{
            MAX_ADDRESSES, MAX_AT, Reach, Record, Seek, SeekConfig, SeekInput, ServerAt, Sought,
            believed,
        },
        doctor,
        id::NodeId,
        meeting::{FoundServers, FoundWhere, MeetingInput},
    },
    net::{
        Net,
        dht::{Dht, DhtError, Found},
    },
    store::clock::unix_now,
    wire::{
        dht::{Item, Slot, open, seal, swarm_signer},
        signer::Signer,
    },
};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

/// What the task may be behind.
const INBOX: usize = 256;
/// Servers of this node that it publishes.
const PUBLISHED: usize = 4;

/// What the task works with.
pub struct Setup {
    pub net: Net,
    /// The DHT's entries; none: those of the internet.
    pub bootstrap: Vec<String>,
    pub signer: Signer,
    pub swarm_key: Option<[u8; 32]>,
    /// Whether others are to find this node.
    pub published: bool,
    pub seed: u64,
    /// The servers.
    pub view: watch::Receiver<View>,
    /// Where what is found goes.
    pub found: mpsc::Sender<Input>,
}

struct Ways {
    setup: Setup,
    dht: Dht,
    /// How often something was looked up, and how it went.
    state: watch::Sender<(u64, doctor::Dht)>,
}

/// Starts it. Gives the way to it, and how it goes.
pub fn start(
    setup: Setup,
    stop: &CancellationToken,
) -> (mpsc::Sender<SeekInput>, watch::Receiver<(u64, doctor::Dht)>) {
    let (inbox, inputs) = mpsc::channel(INBOX);
    let config = SeekConfig {
        // In the public swarm there are only strangers to be met.
        servers: setup.swarm_key.is_some(),
        published: setup.published,
        seed: setup.seed,
    };
    let dht = Dht::new(setup.bootstrap.clone());
    let view = setup.view.clone();
    let (state, shown) = watch::channel((0, doctor::Dht::default()));
    let ways = Arc::new(Ways { setup, dht, state });
    let running = run(config, ways, view, inputs, stop.clone());
    let stop = stop.clone();
    tokio::spawn(async move { stop.run_until_cancelled(running).await });
    (inbox, shown)
}

async fn run(
    config: SeekConfig,
    ways: Arc<Ways>,
    mut view: watch::Receiver<View>,
    mut inputs: mpsc::Receiver<SeekInput>,
    stop: CancellationToken,
) {
    let started = Instant::now();
    let mut seek = Seek::new(config, started.elapsed());
    let (finished, mut done) = mpsc::channel(1);
    let mut looking = false;
    let mut news = vec![SeekInput::Reachable(ways.reachable())];
    loop {
        for input in news {
            let Some(sought) = seek.handle(input, started.elapsed()) else {
                continue;
            };
            let (ways, finished, stop) = (ways.clone(), finished.clone(), stop.clone());
            tokio::spawn(async move {
                let good = stop.run_until_cancelled(ways.seek(sought)).await;
                let _ = finished.send((sought, good.unwrap_or(false))).await;
            });
        }
        if looking != seek.expects() {
            looking = seek.expects();
            let _ = ways.setup.found.send(Input::Looking(looking)).await;
        }
        let tick = seek.next_tick().map(|at| started + at);
        news = tokio::select! {
            next = inputs.recv() => match next {
                Some(next) => vec![next],
                None => return,
            },
            changed = view.changed() => {
                if changed.is_err() {
                    return;
                }
                let (joined, found) = {
                    let view = view.borrow_and_update();
                    (view.joined(), view.found)
                };
                vec![
                    SeekInput::Reachable(ways.reachable()),
                    SeekInput::Joined(joined),
                    SeekInput::Found(found),
                ]
            }
            Some((sought, good)) = done.recv() => vec![SeekInput::Done(sought, good)],
            () = sleep_until(tick.unwrap_or_else(Instant::now).into()), if tick.is_some() => {
                vec![SeekInput::Tick]
            }
        };
    }
}

impl Ways {
    async fn seek(&self, sought: Sought) -> bool {
        let outcome = match sought {
            Sought::Servers => self.servers().await,
            Sought::Node(node) => self.node(node).await,
            Sought::Publish => self.publish().await,
            Sought::Look => self.look().await,
        };
        let why = outcome.as_ref().err().map(ToString::to_string);
        if let Some(why) = &why {
            tracing::info!("--dht: {why}");
        }
        self.state.send_modify(|(times, dht)| {
            *times += 1;
            if why.is_none() {
                dht.answered = Some(unix_now());
            }
            dht.why = why;
        });
        outcome.unwrap_or(false)
    }

    /// Looks where this node would publish, so that nobody learns anything new.
    async fn look(&self) -> Result<bool, DhtError> {
        let key = self.setup.swarm_key.as_ref();
        let slot = Slot::of_node(self.setup.signer.node(), key);
        self.dht.get(&slot).await.map(|_| true)
    }

    /// The record in a slot, as far as it is believed.
    async fn look_up(&self, slot: &Slot) -> Result<Option<Record>, DhtError> {
        let found = self.dht.get(slot).await?;
        let key = self.setup.swarm_key.as_ref();
        let record = found.item.as_ref();
        let record = record.and_then(|item| open(item, slot, key));
        Ok(record.map(|record| believed(record, found.reach, unix_now())))
    }

    async fn servers(&self) -> Result<bool, DhtError> {
        let Some(signer) = self.swarm_signer() else {
            return Ok(false);
        };
        let record = self.look_up(&Slot::of_swarm(&signer)).await?;
        let count = record.as_ref().map_or(0, |record| record.servers.len());
        self.state.send_modify(|(_, dht)| dht.servers = count);
        Ok(match record {
            Some(record) if !record.servers.is_empty() => {
                self.tell(record.servers, FoundWhere::OfSwarm).await;
                true
            }
            _ => false,
        })
    }

    fn swarm_signer(&self) -> Option<Signer> {
        swarm_signer(self.setup.swarm_key.as_ref()?).ok()
    }

    /// The servers of somebody of the public swarm are only visited: who else is there is nobody
    /// that was asked for.
    async fn node(&self, node: NodeId) -> Result<bool, DhtError> {
        let key = self.setup.swarm_key.as_ref();
        let Some(record) = self.look_up(&Slot::of_node(node, key)).await? else {
            return Ok(false);
        };
        if !record.at.is_empty() {
            self.setup.net.dial(Some(node), record.at).await;
        }
        if !record.servers.is_empty() {
            let told = match key {
                Some(_) => FoundWhere::OfMember,
                None => FoundWhere::OfStranger,
            };
            self.tell(record.servers, told).await;
        }
        let wanted = MeetingInput::Wanted { node };
        let _ = self.setup.found.send(Input::Event(wanted)).await;
        Ok(true)
    }

    async fn tell(&self, servers: Vec<ServerAt>, told: FoundWhere) {
        let servers = servers.into_iter().map(|server| (server.key, server.at));
        let servers = servers.collect();
        let found = MeetingInput::Found(FoundServers { servers, told });
        let _ = self.setup.found.send(Input::Event(found)).await;
    }

    /// Whether there may be something to publish.
    fn reachable(&self) -> bool {
        let reach = self.dht.reach_said();
        let takes = |at: &SocketAddr| reach.takes(at.ip());
        !self.setup.view.borrow().found_at.is_empty()
            || self.setup.published && self.setup.net.addresses().iter().any(takes)
    }

    fn record(&self, reach: Reach, wall: u64) -> Record {
        let takes = |at: &SocketAddr| reach.takes(at.ip());
        let servers = self.setup.view.borrow().found_at.clone();
        let server = |(key, at): (NodeId, Vec<SocketAddr>)| ServerAt {
            key,
            made: wall,
            at: at.into_iter().filter(takes).take(MAX_AT).collect(),
        };
        let servers = servers.into_iter().map(server);
        let at = self.setup.net.addresses().into_iter().filter(takes);
        Record {
            made: wall,
            servers: servers
                .filter(|server| !server.at.is_empty())
                .take(PUBLISHED)
                .collect(),
            at: at.take(MAX_ADDRESSES).collect(),
        }
    }

    async fn publish(&self) -> Result<bool, DhtError> {
        let (signer, key) = (&self.setup.signer, self.setup.swarm_key.as_ref());
        let slot = Slot::of_node(signer.node(), key);
        let found = self.dht.get(&slot).await?;
        let record = self.record(found.reach, unix_now());
        if record.servers.is_empty() && record.at.is_empty() {
            return Ok(false);
        }
        let Some(item) = seal(&record, (&slot, next_seq(&found)), key, signer) else {
            return Ok(false);
        };
        let kept = self.dht.put(&found, (&slot, &item), None).await?;
        tracing::debug!(kept, "published in the DHT where this node is found");
        Ok(kept > 0)
    }
}

/// A number after that of what stands there.
pub fn next_seq(found: &Found) -> i64 {
    let now = i64::try_from(unix_now()).unwrap_or(i64::MAX);
    let after = |item: &Item| item.seq.saturating_add(1);
    found.item.as_ref().map_or(now, after).max(now)
}
