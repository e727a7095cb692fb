//! One running node: the handle that every front end holds, and the actor behind it.
//!
//! ```text
//! Node ──Command──▶ actor ◀── net events, beacons, the shared folder's changes
//!   │                 │ its turns
//!   └──look-ups──▶ swarm ◀── look-ups of the jobs (one task a download) ── pumps ── chunk streams
//! ```
//!
//! Chunk bytes stay in `pump` (coming) and `serve` (going); nothing else sees them.

mod about;
mod actor;
pub mod api;
mod book;
mod chat;
mod clean;
mod command;
mod consent;
mod copies;
mod directory;
mod distribute;
mod doctor;
mod holdings;
mod job;
mod jobs;
mod key;
mod knowledge;
mod large;
mod later;
mod limit;
mod links;
mod localsend;
mod log;
mod lookups;
mod manifest;
mod meeting;
mod mend;
mod news;
pub mod pair;
mod people;
mod pump;
mod reach;
mod reading;
mod requests;
mod serve;
mod services;
mod settings;
mod sharing;
mod spool;
mod start;
mod streams;
mod swarm;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod who;
mod windows;

pub use crate::net::{Pieces, beside, pieces, timers::begin as begin_timers};
pub use crate::store::{runtime_folder, socket_path};
pub use about::{About, about};
pub use api::*;
pub use chat::{ChatLine, History, HistoryError, MessageError, history_at};
pub use clean::BrokenOff;
pub use consent::{Expected, GUEST_FILES, GuestAsk};
pub use key::{NewKey, new_key};
pub use links::{Entrance, Guests, Link, LinkFile, OpenFile};
pub use localsend::{Declined, FetchError, LocalSend, Visitor};
pub use log::{LogLine, LogLines, log_lines};
pub use reach::Unreached;
pub use reading::{OpenError, Reader};
pub use settings::{RateLimits, Rates, parse_name};
pub use sharing::{ShareAtError, SharedPathInfo, share_at, shared_at, unshare_at};
pub use swarm::{Pattern, is_id};

/// What LocalSend apps say, and how long that may be.
pub use crate::wire::localsend::{
    Info as LocalInfo, MAX_INFO as MAX_LOCAL_INFO, MAX_PREPARE as MAX_LOCAL_PREPARE,
    Prepare as LocalPrepare, Prepared as LocalPrepared,
};

use crate::core::{
    code::Code,
    id::{FileId, NodeId},
};
use command::Command;
use consent::{Consent, Shown};
use parking_lot::Mutex;
use services::Services;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long jobs may take to put down what they hold when the node leaves.
const PUT_DOWN: Duration = Duration::from_secs(5);
/// How long leaving may take for those who are being sent a chunk.
const HAND_OVER: Duration = Duration::from_secs(2);
/// How long servers may take before a code is made.
const CODE_SERVERS: Duration = Duration::from_secs(3);
/// Numbers that are tried when others wait under them.
const CODE_TRIES: usize = 16;
/// Download events that wait for a slow reader.
const JOB_EVENTS: usize = 256;

/// A running node. Clones are handles to the same one.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    services: Services,
    readings: Arc<reading::Readings>,
    events: broadcast::Sender<NodeEvent>,
    /// For the first watcher: what happened before it watched.
    first_events: Mutex<Option<broadcast::Receiver<NodeEvent>>>,
    consent: Consent,
    guests: links::Guests,
    localsend: Option<LocalSend>,
    later: later::Later,
    server: serve::Server,
    pairing: pair::PairConfig,
    names: directory::Names,
    tasks: TaskTracker,
    /// Whether others may know of this node: see [`Settings::hidden`].
    appeared: CancellationToken,
    meters: Mutex<settings::Meters>,
    stop: CancellationToken,
    orders: mpsc::Sender<distribute::Order>,
    share: parking_lot::Mutex<Option<(crate::store::Share, crate::store::Fetched)>>,
}

impl Node {
    /// Opens the home, the sockets and the index, and begins to announce the node.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        start::start(settings).await
    }

    /// This node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.shared.services.me
    }

    /// What happens: to the first who asks from the start of the node, to others from now on. A
    /// watcher that lags loses the oldest events, never the node's time.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<NodeEvent> {
        let first = self.shared.first_events.lock().take();
        first.unwrap_or_else(|| self.shared.events.subscribe())
    }

    /// What happens from now on. A watcher that lags loses the oldest events, never the node's
    /// time.
    #[must_use]
    pub fn events_from_now(&self) -> broadcast::Receiver<NodeEvent> {
        self.shared.events.subscribe()
    }

    async fn ask<T: Default>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        self.shared.services.ask(command).await.unwrap_or_default() // The node is stopping: nothing is here.
    }

    /// Waits until every peer that answered has given its catalog and no new one has come for 0.3
    /// s, at most `wait`.
    pub async fn settled(&self, wait: Duration) {
        self.ask(|reply| Command::Settled(Instant::now() + wait, reply))
            .await;
    }

    /// Waits until all that the peers offer is known: `wait` at least, while there is hope, and
    /// longer while names come in. Gives what is not known then.
    pub async fn await_offers(&self, wait: Duration) -> Gaps {
        self.ask(|reply| Command::AwaitOffers((wait, true), reply))
            .await
    }

    /// The same, and no longer than it takes to know that nobody is here: a node that has listened
    /// for some seconds knows it at once.
    pub async fn await_offers_if_any(&self, wait: Duration) -> Gaps {
        self.ask(|reply| Command::AwaitOffers((wait, false), reply))
            .await
    }

    /// What is not known of what the swarm offers, now.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        self.shared.services.swarm.gaps()
    }

    /// What the swarm offers, sorted by name; `pattern` is a glob, a part of the name, or the
    /// beginning of an id.
    pub async fn list(&self, pattern: Option<String>) -> Vec<Listing> {
        let mut rows = self.shared.services.swarm.list(pattern).await;
        copies::count(&self.shared.services, &mut rows).await;
        rows
    }

    /// Names that the swarm offers and that begin so, each no further than its next folder (which
    /// ends with `/`): at most `most` of them, and as many folders.
    pub async fn beginnings(&self, prefix: String, most: usize) -> Vec<String> {
        self.shared.services.swarm.beginnings(prefix, most).await
    }

    /// Who is connected, sorted by name.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.services.swarm.peers()
    }

    /// The nodes and servers that were named by hand and not reached.
    #[must_use]
    pub fn unreached(&self) -> Vec<Unreached> {
        self.shared.services.named.unreached()
    }

    /// How this node does; `None` when it is stopping.
    pub async fn status(&self) -> Option<Status> {
        let services = &self.shared.services;
        let mut status = services.ask(Command::Status).await?;
        let (reply, answer) = oneshot::channel();
        let asked = self.shared.orders.send(distribute::Order::Safe(reply));
        if asked.await.is_ok() {
            // A node that only looks or fetches shares nothing.
            let reading = status.safe.reading;
            let (safe, nodes) = answer.await.unwrap_or_default();
            status.safe = Safe { reading, ..safe };
            let named = services.swarm.present(&nodes).into_iter();
            status.resting_on = named.map(|node| node.name).collect();
        }
        if let Some(replicas) = services.replicas.clone() {
            let used =
                tokio::task::spawn_blocking(move || (replicas.used(), replicas.limits().quota));
            (status.replicas.used, status.replicas.quota) = used.await.unwrap_or_default();
        }
        let left = self.broken_off().await;
        status.leftovers = Leftovers {
            files: left.len() as u64,
            bytes: left.iter().map(|one| one.bytes).sum(),
        };
        Some(status)
    }

    /// The downloads that were broken off and that nobody goes on with, the largest first.
    pub async fn broken_off(&self) -> Vec<BrokenOff> {
        let services = self.shared.services.clone();
        let found = tokio::task::spawn_blocking(move || clean::broken_off(&services));
        found.await.unwrap_or_default()
    }

    /// Removes one of them; false when it is under way, or gone.
    pub async fn remove_broken_off(&self, file: FileId) -> bool {
        let services = self.shared.services.clone();
        let done = tokio::task::spawn_blocking(move || clean::remove(&services, file));
        done.await.unwrap_or_default()
    }

    /// Starts a download. The events end with [`DownloadEvent::End`]; a reader that is slow loses
    /// progress, never results.
    #[must_use = "the events are how it ends"]
    pub fn download(&self, request: DownloadRequest) -> (JobId, mpsc::Receiver<DownloadEvent>) {
        let (events, receiver) = mpsc::channel(JOB_EVENTS);
        let cancel = self.shared.stop.child_token();
        let job = job::Job::new(&self.shared.services, &request, None, events, cancel);
        let id = job.id();
        self.shared
            .tasks
            .spawn(job::run(self.shared.services.clone(), job, request));
        (id, receiver)
    }

    /// Asks people whether they take files, and sends these to those who do. The events end with
    /// [`SendEvent::End`].
    #[must_use = "the events are how it ends"]
    pub fn send(&self, request: SendRequest) -> (JobId, mpsc::Receiver<SendEvent>) {
        self.shared.consent.send(request, None, Shown::Yes)
    }

    /// The same for people who come one by one: those whose ids come by `later` are asked, too, and
    /// all who accept fetch from one another. It goes on until `later` ends, or it is cancelled.
    #[must_use = "the events are how it ends"]
    pub fn send_to_group(
        &self,
        request: SendRequest,
        later: mpsc::Receiver<String>,
    ) -> (JobId, mpsc::Receiver<SendEvent>) {
        self.shared.consent.send(request, Some(later), Shown::Yes)
    }

    /// Announces a code of four words or more until the news are dropped, or too many guessed
    /// wrong. A hidden node stays hidden, since others are still to come.
    ///
    /// # Errors
    /// [`pair::PairError::Code`] for a shorter one.
    pub fn offer_group(
        &self,
        code: Code,
    ) -> Result<mpsc::Receiver<pair::GroupNews>, pair::PairError> {
        let services = &self.shared.services;
        let config = self.pairing();
        let found = services.meeting.offer(code.channel());
        pair::offer_group(&services.net, &services.pairings, config, code, found)
    }

    /// The asks that wait for an answer.
    #[must_use]
    pub fn asks(&self) -> Vec<AskInfo> {
        self.shared.consent.asks()
    }

    /// Takes what is asked, into this folder or the home's `downloads/`, or as the [`Landing`]
    /// says.
    ///
    /// # Errors
    /// [`AnswerError`], when there is no such ask, or no room for it.
    pub async fn accept(
        &self,
        number: u32,
        landing: impl Into<Landing>,
    ) -> Result<(), AnswerError> {
        self.shared.consent.accept(number, landing.into()).await
    }

    /// Says no to an ask, or stops what was accepted.
    ///
    /// # Errors
    /// [`AnswerError::Unknown`].
    pub fn refuse(&self, number: u32) -> Result<(), AnswerError> {
        self.shared.consent.refuse(number)
    }

    /// A new code of so many words (2 to 8).
    ///
    /// # Errors
    /// [`pair::PairError`] for other numbers.
    pub async fn new_code(&self, words: usize) -> Result<Code, pair::PairError> {
        let meeting = &self.shared.services.meeting;
        if meeting.is_configured() {
            meeting.entered(CODE_SERVERS).await;
        }
        let mut code = pair::new_code(words)?;
        // Two senders with one number at a server would get each other's receivers.
        for _ in 0..CODE_TRIES {
            if meeting.is_free(code.channel()).await {
                break;
            }
            code = pair::new_code(words)?;
        }
        Ok(code)
    }

    /// Announces until one receiver has proven that it has the code; it is connected then. Silent
    /// when dropped. A hidden node shows itself after that.
    ///
    /// # Errors
    /// [`pair::PairError::Burnt`] after a wrong guess.
    pub async fn offer_code(&self, code: Code) -> Result<pair::Paired, pair::PairError> {
        let services = &self.shared.services;
        let config = self.pairing();
        let _found = services.meeting.offer(code.channel());
        let paired = pair::offer(&services.net, &services.pairings, config, code).await?;
        self.appear().await;
        Ok(paired)
    }

    fn pairing(&self) -> pair::PairConfig {
        pair::PairConfig {
            name: self.name(),
            ..self.shared.pairing.clone()
        }
    }

    /// Whether a socket was refused because this process has as many files and sockets open as it
    /// may: then nobody may be here for that reason.
    #[must_use]
    pub fn is_short_of_descriptors(&self) -> bool {
        crate::net::descriptors::refused() > 0
    }

    /// Shows a hidden node to the others.
    async fn appear(&self) {
        self.shared.appeared.cancel();
        self.shared.services.tell(Command::Appear).await;
    }

    /// Looks for the sender with this code for so long, and connects to it. A hidden node shows
    /// itself after that. What the sender asks next, and what becomes of it, comes with the pair
    /// and is told nobody else, no matter who answers other asks.
    ///
    /// # Errors
    /// [`pair::PairError`], which says what to do.
    pub async fn find_code(
        &self,
        code: Code,
        wait: Duration,
    ) -> Result<(pair::Paired, mpsc::Receiver<Expected>), pair::PairError> {
        let config = pair::PairConfig {
            wait,
            ..self.pairing()
        };
        let Shared {
            services, consent, ..
        } = &*self.shared;
        let far = services.meeting.search(code.channel());
        let expect = |sender| consent.expect(sender);
        let found = pair::find(&services.net, config, code, far, expect).await?;
        self.appear().await;
        Ok(found)
    }

    /// Stops the downloads in good order, ends the chunks that are being sent, says goodbye to
    /// everyone, and closes everything.
    pub async fn leave(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let _ = tokio::time::timeout(PUT_DOWN, self.shared.tasks.wait()).await;
        // A peer that waits for the end of a chunk would have to fetch all of it again.
        let _ = tokio::time::timeout(HAND_OVER, self.shared.server.close()).await;
        self.ask(Command::Leave).await;
        let share = self.shared.share.lock().take();
        let index = self.shared.services.index.clone();
        let _ = tokio::task::spawn_blocking(move || {
            drop(share);
            index.flush()
        })
        .await;
    }
}
