//! Pairing by a code at rendezvous servers: the sender is found there under the code's number, the
//! receiver looks there.
//!
//! Owns one task for each code that is offered or looked for; it ends with its guard, or its
//! reader. Never sees the words. Invariants: what was registered is taken back; at most
//! [`MAX_SENDERS`] are met, and each again only after a pause.

use super::{Input, Meeting, View};
use crate::{
    core::{
        id::NodeId,
        meeting::{HOMES, MeetingInput},
    },
    net::{MeetingEvent, Net},
    wire::directory::code_namespace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::AbortHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// News of codes that a task may be behind.
pub(super) const NEWS: usize = 64;
/// Until it is registered, and while somebody is looked for, this often.
const AGAIN: Duration = Duration::from_secs(1);
/// A registration is said again: half of the shortest time that a server grants.
const RENEW: Duration = Duration::from_secs(30);
/// A sender that could not be connected is tried again.
const MEET_AGAIN: Duration = Duration::from_secs(3);
/// Servers that are only visited are joined for as long as a code waits: it is said so often.
const NEEDED: Duration = Duration::from_secs(20);
/// Senders of one number.
const MAX_SENDERS: usize = 8;
/// How long servers may take to say whether a number is free.
const FREE: Duration = Duration::from_millis(1500);

/// While it lives, this node is found under a code's number.
pub struct Offered(Option<AbortHandle>);

impl Drop for Offered {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// What the tasks need.
#[derive(Clone)]
pub(super) struct Codes {
    pub net: Net,
    pub swarm_key: Option<[u8; 32]>,
    pub news: broadcast::Sender<MeetingEvent>,
    pub inbox: mpsc::Sender<Input>,
}

impl Codes {
    /// Has all servers joined, where some are only visited; again when `since` is long ago.
    fn need(&self, view: &watch::Receiver<View>, since: &mut Option<Instant>) {
        let many = view.borrow().servers.len() > HOMES;
        if many && since.is_none_or(|at| at.elapsed() >= NEEDED) {
            *since = Some(Instant::now());
            // One that is lost is said again.
            let _ = self.inbox.try_send(Input::Event(MeetingInput::Needed));
        }
    }

    fn namespace(&self, server: &NodeId, channel: u16) -> String {
        code_namespace(self.swarm_key.as_ref(), server, channel.into())
    }
}

/// Takes back what was registered, however the task ends.
struct Registered {
    codes: Codes,
    channel: u16,
    at: BTreeMap<NodeId, Instant>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let (codes, channel) = (self.codes.clone(), self.channel);
        let at = std::mem::take(&mut self.at);
        tokio::spawn(async move {
            for server in at.into_keys() {
                let namespace = codes.namespace(&server, channel);
                codes.net.unregister(server, namespace).await;
            }
        });
    }
}

impl Meeting {
    /// Lets this node be found under a code's number, at every server that is or will be joined.
    #[must_use]
    pub fn offer(&self, channel: u16) -> Offered {
        let Some(codes) = self.codes.clone() else {
            return Offered(None);
        };
        let task = tokio::spawn(offer(codes, channel, self.view.clone()));
        Offered(Some(task.abort_handle()))
    }

    /// Connects to those who are found under a code's number, and gives them, until the reader is
    /// dropped.
    #[must_use]
    pub fn search(&self, channel: u16) -> mpsc::Receiver<NodeId> {
        let (found, reader) = mpsc::channel(MAX_SENDERS);
        if let Some(codes) = self.codes.clone() {
            tokio::spawn(search_servers(codes, channel, self.view.clone(), found));
        }
        reader
    }

    /// Whether nobody is found under a code's number, as far as joined servers say in time.
    pub async fn is_free(&self, channel: u16) -> bool {
        let Some(codes) = &self.codes else {
            return true;
        };
        let mut news = codes.news.subscribe();
        if self.view.borrow().servers.len() > HOMES {
            self.entered(FREE).await;
        }
        let servers = self.view.borrow().entered.clone();
        let mut waiting = BTreeSet::new();
        for server in servers {
            let namespace = codes.namespace(&server, channel);
            codes.net.discover(server, namespace.clone()).await;
            waiting.insert((server, namespace));
        }
        let asked = async {
            while !waiting.is_empty() {
                match news.recv().await {
                    Ok(MeetingEvent::Discovered {
                        server,
                        namespace,
                        nodes,
                    }) if waiting.remove(&(server, namespace.clone())) => {
                        if !nodes.is_empty() {
                            return false;
                        }
                    }
                    Ok(MeetingEvent::NotDiscovered {
                        server, namespace, ..
                    }) => drop(waiting.remove(&(server, namespace))),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return true,
                }
            }
            true
        };
        timeout(FREE, asked).await.unwrap_or(true)
    }
}

async fn offer(codes: Codes, channel: u16, view: watch::Receiver<View>) {
    let mut news = codes.news.subscribe();
    let mut registered = Registered {
        codes: codes.clone(),
        channel,
        at: BTreeMap::new(),
    };
    let (mut again, mut needed) = (interval(AGAIN), None);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = again.tick() => {
                codes.need(&view, &mut needed);
                let entered = view.borrow().entered.clone();
                registered.at.retain(|server, _| entered.contains(server));
                for server in entered {
                    let due = registered.at.get(&server).is_none_or(|at| at.elapsed() >= RENEW);
                    if due {
                        let namespace = codes.namespace(&server, channel);
                        codes.net.register(server, namespace).await;
                    }
                }
            }
            came = news.recv() => match came {
                Ok(MeetingEvent::Registered { server, namespace, .. })
                    if codes.namespace(&server, channel) == namespace =>
                {
                    registered.at.insert(server, Instant::now());
                }
                Err(broadcast::error::RecvError::Closed) => return,
                _ => {}
            }
        }
    }
}

async fn search_servers(
    codes: Codes,
    channel: u16,
    view: watch::Receiver<View>,
    found: mpsc::Sender<NodeId>,
) {
    let mut news = codes.news.subscribe();
    let mut senders: BTreeMap<NodeId, (NodeId, Instant)> = BTreeMap::new();
    let (mut again, mut needed) = (interval(AGAIN), None);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = found.closed() => return,
            _ = again.tick() => {
                codes.need(&view, &mut needed);
                let entered = view.borrow().entered.clone();
                for server in entered {
                    let namespace = codes.namespace(&server, channel);
                    codes.net.discover(server, namespace).await;
                }
                for (node, (server, met)) in &mut senders {
                    if met.elapsed() >= MEET_AGAIN {
                        *met = Instant::now();
                        codes.net.meet(*node, vec![*server]).await;
                    }
                }
            }
            came = news.recv() => match came {
                Ok(MeetingEvent::Discovered { server, namespace, nodes })
                    if codes.namespace(&server, channel) == namespace =>
                {
                    for node in nodes {
                        if senders.len() >= MAX_SENDERS || senders.contains_key(&node) {
                            continue;
                        }
                        senders.insert(node, (server, Instant::now()));
                        codes.net.meet(node, vec![server]).await;
                        if found.send(node).await.is_err() {
                            return;
                        }
                    }
                }
                Err(broadcast::error::RecvError::Closed) => return,
                _ => {}
            }
        }
    }
}
