//! Sends that wait for somebody who is not here: kept on the disk, and begun when that key comes.
//!
//! Owns the list and one task for each. Never asks anybody who is not there, nor anybody else of
//! that name. Invariants: what is told as kept is on the disk; a task ends with its errand, or with
//! the node, which keeps it for the next run.

use super::{
    Node,
    api::{JobId, LaterInfo, NodeEvent, Person, SendEvent, SendFailure, SendRequest, title_of},
    consent::{Consent, Shown},
    services::Services,
    who::look_for,
};
use crate::{
    core::{consent::AskRefusal, id::NodeId},
    store::{Errand, LaterError, LaterFile, MAX_ERRANDS, StoreError, clock::unix_now},
};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{broadcast, mpsc},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Events that wait for a slow reader.
const EVENTS: usize = 64;
/// Who stays for so long is no visitor that runs one command.
const STAY: Duration = Duration::from_millis(1500);
/// Between two looks when nothing seems to change; so often somebody is looked for at servers, too.
const LOOK: Duration = Duration::from_secs(60);
/// Somebody who did not take it is asked again when they were away, or after so long.
const AGAIN: Duration = Duration::from_secs(600);

/// The sends that wait. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Later(Arc<Inner>);

struct Inner {
    consent: Consent,
    services: Services,
    file: LaterFile,
    events: broadcast::Sender<NodeEvent>,
    stop: CancellationToken,
    table: Mutex<Table>,
    /// One writer at a time, so that the latest list is the one on the disk.
    writing: Mutex<()>,
}

#[derive(Default)]
struct Table {
    last: u32,
    errands: BTreeMap<u32, (Errand, CancellationToken)>,
}

impl Later {
    /// Goes on with what earlier runs kept.
    pub fn start(
        consent: Consent,
        services: Services,
        events: broadcast::Sender<NodeEvent>,
        stop: CancellationToken,
        kept: Vec<Errand>,
    ) -> Self {
        let inner = Inner {
            consent,
            file: LaterFile::of(services.home.root()),
            services,
            events,
            stop,
            table: Mutex::default(),
            writing: Mutex::default(),
        };
        let later = Self(Arc::new(inner));
        for errand in kept {
            let mut table = later.table();
            table.last = table.last.max(errand.number);
            let cancel = later.0.stop.child_token();
            let place = (errand.clone(), cancel.clone());
            table.errands.insert(errand.number, place);
            drop(table);
            later.carry(errand, cancel);
        }
        later
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock()
    }

    fn list(&self) -> Vec<Errand> {
        let table = self.table();
        let errands = table.errands.values();
        errands.map(|(errand, _)| errand.clone()).collect()
    }

    /// Keeps an errand; gives its number.
    async fn add(&self, to: NodeId, name: String, files: Vec<PathBuf>) -> Result<u32, LaterError> {
        let later = self.clone();
        let added = tokio::task::spawn_blocking(move || {
            let mut errand = Errand {
                number: 0,
                to,
                name,
                files,
                since: unix_now(),
            };
            errand.check()?;
            let cancel = later.0.stop.child_token();
            {
                let mut table = later.table();
                if table.errands.len() >= MAX_ERRANDS {
                    return Err(LaterError::TooMany);
                }
                table.last += 1;
                errand.number = table.last;
                let place = (errand.clone(), cancel.clone());
                table.errands.insert(errand.number, place);
            }
            if let Err(error) = later.write() {
                later.table().errands.remove(&errand.number);
                return Err(error.into());
            }
            Ok((errand, cancel))
        });
        let (errand, cancel) = added.await.map_err(|_| LaterError::Stopping)??;
        let number = errand.number;
        self.carry(errand, cancel);
        Ok(number)
    }

    fn write(&self) -> Result<(), StoreError> {
        let writing = self.0.writing.lock();
        let _writing = writing;
        self.0.file.write(&self.list())
    }

    /// Takes an errand out; false when there is none.
    async fn remove(&self, number: u32) -> bool {
        let Some((_, cancel)) = self.table().errands.remove(&number) else {
            return false;
        };
        cancel.cancel();
        let later = self.clone();
        let written = tokio::task::spawn_blocking(move || later.write()).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the next start will ask again");
        }
        true
    }

    /// The task of one errand.
    fn carry(&self, errand: Errand, cancel: CancellationToken) {
        let later = self.clone();
        self.0.consent.spawn(async move {
            let Errand {
                number, to, files, ..
            } = errand;
            let mut name = title_of(&files);
            let (events, mut told) = mpsc::channel(EVENTS);
            let carrying = later.carry_out(&files, to, &cancel, (events, Shown::Yes));
            let telling = async {
                while let Some(event) = told.recv().await {
                    match &event {
                        SendEvent::Ready { name: read, .. } => name.clone_from(read),
                        SendEvent::Progress { .. } => {}
                        _ => {
                            let name = name.clone();
                            let news = NodeEvent::Later {
                                number,
                                name,
                                event,
                            };
                            let _ = later.0.events.send(news); // Nobody watches: fine.
                        }
                    }
                }
            };
            if tokio::join!(carrying, telling).0 {
                later.remove(number).await;
            }
        });
    }

    /// The same without a place on the disk, for somebody who watches.
    fn when_here(&self, to: NodeId, files: Vec<PathBuf>) -> (JobId, mpsc::Receiver<SendEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (name, words) = (title_of(&files), vec![to.to_string()]);
        let (telling, held) = self.0.consent.enlist((name, words), Shown::Yes, events);
        let id = telling.number();
        let later = self.clone();
        self.0.consent.spawn(async move {
            let (events, mut told) = mpsc::channel(EVENTS);
            let shown = Shown::No(held.paused);
            let carrying = later.carry_out(&files, to, &held.cancel, (events, shown));
            let telling_on = async {
                while let Some(event) = told.recv().await {
                    telling.send(event).await;
                }
            };
            tokio::join!(carrying, telling_on);
            telling.end().await;
        });
        (id, receiver)
    }

    /// Asks `to` as often as they come, until they took it or said no: then true. What is told is
    /// what a person wants to know.
    async fn carry_out(
        &self,
        files: &[PathBuf],
        to: NodeId,
        cancel: &CancellationToken,
        (tell, shown): (mpsc::Sender<SendEvent>, Shown),
    ) -> bool {
        let Inner {
            consent, services, ..
        } = &*self.0;
        loop {
            let here = cancel.run_until_cancelled(is_here(services, to, true));
            if here.await.is_none() {
                return false;
            }
            let request = SendRequest {
                files: files.to_vec(),
                to: vec![to.to_string()],
                trust_new: false,
                wait: STAY,
                pin: None,
            };
            let (job, mut events) = consent.send(request, None, shown.clone());
            let mut over = false;
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = cancel.cancelled() => None,
                };
                match event {
                    Some(SendEvent::End) => break,
                    Some(event) => match verdict(&event) {
                        Verdict::Retry => {}
                        verdict => {
                            over |= matches!(verdict, Verdict::Done);
                            let _ = tell.send(event).await; // Nobody listens: it goes on.
                        }
                    },
                    None => {
                        services.book.stop(job);
                        // They are told that it was taken back.
                        while events.recv().await.is_some() {}
                        return over;
                    }
                }
            }
            if over {
                return true;
            }
            let away = timeout(AGAIN, is_here(services, to, false));
            if cancel.run_until_cancelled(away).await.is_none() {
                return false;
            }
        }
    }
}

/// What an event means for the errand.
enum Verdict {
    /// It is over, one way or the other.
    Done,
    /// It goes on.
    Continue,
    /// They are to be asked another time.
    Retry,
}

fn verdict(event: &SendEvent) -> Verdict {
    match event {
        SendEvent::Done { .. }
        | SendEvent::Unsendable(_)
        | SendEvent::Refused {
            why: AskRefusal::Person | AskRefusal::Decided,
            ..
        }
        | SendEvent::Failed {
            why: SendFailure::Changed(_) | SendFailure::Theirs(_),
            ..
        } => Verdict::Done,
        SendEvent::NotFound { .. }
        | SendEvent::Refused { .. }
        | SendEvent::Expired(_)
        | SendEvent::Failed { .. } => Verdict::Retry,
        _ => Verdict::Continue,
    }
}

/// Waits until a node has come to stay, or (`false`) has gone.
async fn is_here(services: &Services, node: NodeId, wanted: bool) {
    let mut changed = services.changed.clone();
    let mut since: Option<Instant> = None;
    loop {
        changed.mark_unchanged();
        let here = services.swarm.is_here(&node);
        let pause = match (here, wanted) {
            (false, false) => return,
            (true, true) => {
                let came = *since.get_or_insert_with(Instant::now);
                match STAY.checked_sub(came.elapsed()) {
                    Some(left) if !left.is_zero() => left,
                    _ => return,
                }
            }
            (false, true) => {
                since = None;
                look_for(services, &node.to_string());
                LOOK
            }
            (true, false) => LOOK,
        };
        tokio::select! {
            // Without a node nothing changes any more: every wait ends.
            done = changed.changed() => if done.is_err() {
                std::future::pending::<()>().await;
            },
            () = sleep(pause) => {}
        }
    }
}

impl Node {
    /// Keeps files for somebody, by key, until they come and take them, also over restarts of this
    /// home. Gives the number that [`Node::forget_later`] takes; how it goes on is told by
    /// [`NodeEvent::Later`].
    ///
    /// # Errors
    /// [`LaterError`] says what to do.
    pub async fn send_later(
        &self,
        to: NodeId,
        name: String,
        files: Vec<PathBuf>,
    ) -> Result<u32, LaterError> {
        self.shared.later.add(to, name, files).await
    }

    /// What waits for somebody, the oldest first.
    #[must_use]
    pub fn laters(&self) -> Vec<LaterInfo> {
        let errands = self.shared.later.list().into_iter();
        let info = |errand: Errand| LaterInfo {
            number: errand.number,
            to: Person {
                name: errand.name,
                node: errand.to,
            },
            title: title_of(&errand.files),
            files: errand.files,
            since: errand.since,
        };
        errands.map(info).collect()
    }

    /// Takes one back; false when there is none of that number.
    pub async fn forget_later(&self, number: u32) -> bool {
        self.shared.later.remove(number).await
    }

    /// The key that a word meant before: an id as it stands, or the name of somebody who was here.
    #[must_use]
    pub fn known_key(&self, who: &str) -> Option<NodeId> {
        if let Some(key) = NodeId::parse(who) {
            return Some(key);
        }
        self.shared.services.swarm.known(who)
    }

    /// Sends files to one key as soon as it is here, for as long as this node runs. The events end
    /// with [`SendEvent::End`].
    #[must_use = "the events are how it ends"]
    pub fn send_when_here(
        &self,
        to: NodeId,
        files: Vec<PathBuf>,
    ) -> (JobId, mpsc::Receiver<SendEvent>) {
        self.shared.later.when_here(to, files)
    }
}
