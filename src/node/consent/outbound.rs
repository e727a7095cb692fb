//! A send: files read once, people found, each asked by a task of its own (`person`).
//!
//! Owns what is sent for as long as anybody may still fetch it. Invariants: what was read is forgotten at the end, however it ends;
//! the last event is `End`.

use super::{Consent, bundle::Bundle, person::Delivery};
use crate::{
    core::{
        consent::{AskId, title},
        id::NodeId,
        path::RelPath,
    },
    node::{
        api::{JobId, SendEvent, SendRequest},
        who,
    },
    store::{SendError, Sending, SentFile, clock::unix_now},
    wire::{
        MAX_NAME, cbor,
        consent::{Ask, AskedFile, FromSender, MAX_ASK, MAX_FILES, MAX_PEOPLE},
    },
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Events that wait for a slow reader, who loses progress only.
const EVENTS: usize = 256;

/// The sends that run, for whoever wants to stop one.
#[derive(Clone, Default)]
pub struct Sends(Arc<Mutex<HashMap<JobId, CancellationToken>>>);

impl Sends {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<JobId, CancellationToken>) -> T) -> T {
        act(&mut self.0.lock())
    }
}

impl Consent {
    /// Begins a send. Those whose ids come by `later` are asked, too, and it goes on until nobody more can come.
    pub fn send(
        &self,
        request: SendRequest,
        later: Option<mpsc::Receiver<String>>,
    ) -> (JobId, mpsc::Receiver<SendEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (id, cancel) = self.enlist();
        let consent = self.clone();
        self.0.tasks.spawn(async move {
            consent.run_send(request, later, &events, cancel).await;
            consent.dismiss(id);
            let _ = events.send(SendEvent::End).await;
        });
        (id, receiver)
    }

    /// A number by which a send can be stopped, and what stops it.
    pub fn enlist(&self) -> (JobId, CancellationToken) {
        let id = self.0.next_job.fetch_add(1, Ordering::Relaxed);
        let cancel = self.0.stop.child_token();
        self.0.sends.with(|sends| sends.insert(id, cancel.clone()));
        (id, cancel)
    }

    /// It has ended.
    pub fn dismiss(&self, id: JobId) {
        self.0.sends.with(|sends| sends.remove(&id));
    }

    /// Stops a send; false when there is no such.
    pub fn stop_send(&self, id: JobId) -> bool {
        let cancel = self.0.sends.with(|sends| sends.get(&id).cloned());
        cancel.inspect(CancellationToken::cancel).is_some()
    }

    async fn run_send(
        &self,
        request: SendRequest,
        later: Option<mpsc::Receiver<String>>,
        events: &mpsc::Sender<SendEvent>,
        cancel: CancellationToken,
    ) {
        let (sent, paths, stopped) = (self.0.sent.clone(), request.files.clone(), cancel.clone());
        let read = tokio::task::spawn_blocking(move || {
            sent.add(&paths, MAX_FILES, |_| !stopped.is_cancelled())
        });
        let Sending {
            files,
            folders,
            left,
        } = match read.await {
            Ok(Ok(sending)) => sending,
            Ok(Err(error)) => {
                let _ = events.send(SendEvent::Unsendable(error.to_string())).await;
                return;
            }
            Err(error) => {
                let _ = events.send(SendEvent::Unsendable(error.to_string())).await;
                return;
            }
        };
        if !left.is_empty() {
            let _ = events.send(SendEvent::LeftOut(left)).await;
        }
        let ask = self.ask_of(&request, &files, &folders);
        let size = ask.size().unwrap_or(u64::MAX);
        if cbor::encode(&FromSender::Ask(ask.clone())).len() > MAX_ASK {
            let why = SendError::TooMany(files.len()).to_string();
            let _ = events.send(SendEvent::Unsendable(why)).await;
        } else {
            let ready = SendEvent::Ready {
                name: title(
                    &files
                        .iter()
                        .map(|file| file.name.as_str())
                        .collect::<Vec<_>>(),
                ),
                files: files.len() as u32,
                size,
            };
            let _ = events.send(ready).await;
            let bundle = Arc::new(Bundle {
                files: files.clone(),
                ask,
                size,
            });
            self.deliver(request, later, bundle, events, cancel).await;
        }
        let sent = self.0.sent.clone();
        let _ = tokio::task::spawn_blocking(move || sent.release(&files)).await;
    }

    /// Asks everyone, and waits for everyone's end.
    async fn deliver(
        &self,
        request: SendRequest,
        later: Option<mpsc::Receiver<String>>,
        bundle: Arc<Bundle>,
        events: &mpsc::Sender<SendEvent>,
        cancel: CancellationToken,
    ) {
        let (accepted, _) = watch::channel(BTreeSet::<NodeId>::new());
        // Whoever has everything stays with the others until all have ended.
        let over = CancellationToken::new();
        let asked: Arc<Mutex<HashSet<NodeId>>> = Arc::default();
        let (ended, mut ends) = mpsc::channel::<()>(1);
        let mut people = JoinSet::new();
        let (wait, trust_new) = (request.wait, request.trust_new);
        let mut ask = |word: String, ended: &mpsc::Sender<()>| {
            let (consent, bundle, events) = (self.clone(), bundle.clone(), events.clone());
            let (accepted, over, asked) = (accepted.clone(), over.clone(), asked.clone());
            let (cancel, ended) = (cancel.clone(), ended.clone());
            people.spawn(async move {
                let context = &consent.0.context;
                let found = tokio::select! {
                    found = who::find(context, &word, trust_new, wait) => found,
                    () = cancel.cancelled() => return,
                };
                let person = match found {
                    Ok(person) => person,
                    Err(error) => {
                        let name = word;
                        let _ = events.send(SendEvent::NotFound { name, error }).await;
                        return;
                    }
                };
                // Two words may mean the same person.
                let fresh = asked.lock().insert(person.node);
                if fresh {
                    let delivery = Delivery::new(consent.clone(), person, bundle, events, accepted);
                    delivery.run(cancel, ended, over).await;
                }
            });
        };
        for word in request.to.into_iter().collect::<BTreeSet<_>>() {
            ask(word, &ended);
        }
        if let Some(mut later) = later {
            while let Some(Some(word)) = cancel.run_until_cancelled(later.recv()).await {
                ask(word, &ended);
            }
        }
        drop(ended);
        // Each drops its half when it has ended.
        let _ = ends.recv().await;
        over.cancel();
        while people.join_next().await.is_some() {}
    }

    fn ask_of(&self, request: &SendRequest, files: &[SentFile], folders: &[RelPath]) -> Ask {
        let mut id = [0; 16];
        if getrandom::fill(&mut id).is_err() {
            // It need only differ from this node's other asks.
            id[..8].copy_from_slice(&self.0.next_job.load(Ordering::Relaxed).to_be_bytes());
            id[8..].copy_from_slice(&unix_now().to_be_bytes());
        }
        let file = |file: &SentFile| AskedFile {
            name: file.name.as_str().to_owned(),
            size: file.stamp.size,
            media: file.media.clone(),
            executable: file.rights.executable(),
            mode: file.rights.mode(),
            mtime: file.stamp.mtime,
            file: file.file,
            holes: file.holes,
        };
        let names = request.to.iter().filter(|name| name.len() <= MAX_NAME);
        Ask {
            id: AskId(id),
            from: self.0.settings.name.clone(),
            to: names.take(MAX_PEOPLE).cloned().collect(),
            files: files.iter().map(file).collect(),
            folders: folders
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            time: unix_now(),
        }
    }
}
