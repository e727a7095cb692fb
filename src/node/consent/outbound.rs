//! A send: files read once, people found, each asked by a task of its own (`person`).
//!
//! Owns what is sent for as long as anybody may still fetch it. Invariants: what was read is
//! forgotten at the end, however it ends; the last event is `End`.

use super::{
    Consent,
    bundle::Bundle,
    delivery::Delivery,
    localsend,
    telling::{Held, Telling},
};
use crate::{
    core::{
        consent::{AskId, title},
        id::NodeId,
        path::RelPath,
    },
    node::{
        api::{JobId, JobKind, SendEvent, SendRequest, title_of},
        book::Opening,
        who::{self, Whom},
    },
    store::{SendError, Sending, SentFile, clock::unix_now},
    wire::{
        MAX_NAME, cbor,
        consent::{Ask, AskedFile, FromSender, MAX_ASK, MAX_FILES, MAX_PEOPLE},
    },
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Events that wait for a slow reader, who loses progress only.
const EVENTS: usize = 256;

/// Whether a send is shown as a job of its own, or is an attempt of one that is.
#[derive(Clone)]
pub enum Shown {
    Yes,
    /// It is paused with that one.
    No(watch::Receiver<bool>),
}

impl Consent {
    /// Begins a send. Those whose ids come by `later` are asked, too, and it goes on until nobody
    /// more can come. An attempt of another job is paused with that one.
    pub fn send(
        &self,
        request: SendRequest,
        later: Option<mpsc::Receiver<String>>,
        shown: Shown,
    ) -> (JobId, mpsc::Receiver<SendEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (name, to) = (title_of(&request.files), request.to.clone());
        let (telling, held) = self.enlist((name, to), shown, events);
        let id = telling.number();
        let consent = self.clone();
        self.0.tasks.spawn(async move {
            consent.run_send(request, later, &telling, held).await;
            telling.end().await;
        });
        (id, receiver)
    }

    /// Notes a send in the book: how it tells what happens, and what stops or pauses it.
    pub fn enlist(
        &self,
        (name, to): (String, Vec<String>),
        shown: Shown,
        events: mpsc::Sender<SendEvent>,
    ) -> (Telling, Held) {
        let cancel = self.0.stop.child_token();
        let book = self.0.services.book.clone();
        let (number, orders) = book.begin(Opening {
            kind: JobKind::Send,
            name,
            path: None,
            to,
            from: None,
            hidden: matches!(shown, Shown::No(_)),
            cancel: cancel.clone(),
        });
        let telling = Telling::new(book, number, events);
        let paused = match shown {
            Shown::Yes => orders.paused,
            Shown::No(paused) => paused,
        };
        (telling, Held { cancel, paused })
    }

    async fn run_send(
        &self,
        request: SendRequest,
        later: Option<mpsc::Receiver<String>>,
        telling: &Telling,
        held: Held,
    ) {
        let (sent, paths) = (self.0.sent.clone(), request.files.clone());
        let stopped = held.cancel.clone();
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
                telling.send(SendEvent::Unsendable(error.to_string())).await;
                return;
            }
            Err(error) => {
                telling.send(SendEvent::Unsendable(error.to_string())).await;
                return;
            }
        };
        if !left.is_empty() {
            telling.send(SendEvent::LeftOut(left)).await;
        }
        let ask = self.ask_of(&request, &files, &folders);
        let size = ask.size().unwrap_or(u64::MAX);
        if cbor::encode(&FromSender::Ask(ask.clone())).len() > MAX_ASK {
            let why = SendError::TooMany(files.len()).to_string();
            telling.send(SendEvent::Unsendable(why)).await;
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
            telling.send(ready).await;
            let bundle = Arc::new(Bundle {
                files: files.clone(),
                ask,
                size,
                pin: request.pin.clone(),
            });
            self.deliver(request, later, bundle, telling, held).await;
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
        telling: &Telling,
        held: Held,
    ) {
        let (accepted, _) = watch::channel(BTreeSet::<NodeId>::new());
        // A receiver that has everything stays with the others until all have ended.
        let over = CancellationToken::new();
        let asked: Arc<Mutex<HashSet<NodeId>>> = Arc::default();
        let (ended, mut ends) = mpsc::channel::<()>(1);
        let mut people = JoinSet::new();
        let (wait, trust_new) = (request.wait, request.trust_new);
        let mut ask = |word: String, ended: &mpsc::Sender<()>| {
            let (consent, bundle, telling) = (self.clone(), bundle.clone(), telling.clone());
            let (accepted, over, asked) = (accepted.clone(), over.clone(), asked.clone());
            let (held, ended) = (held.clone(), ended.clone());
            people.spawn(async move {
                let services = &consent.0.services;
                let found = tokio::select! {
                    found = who::find(services, Whom::Anybody, &word, trust_new, wait) => found,
                    () = held.cancel.cancelled() => return,
                };
                let person = match found {
                    Ok(person) => person,
                    Err(error) => {
                        let name = word;
                        telling.send(SendEvent::NotFound { name, error }).await;
                        return;
                    }
                };
                // Two words may mean the same person.
                let fresh = asked.lock().insert(person.node);
                if fresh && person.node.is_localsend() {
                    localsend::deliver(&consent, person, &bundle, &telling, held).await;
                } else if fresh {
                    let delivery =
                        Delivery::new(consent.clone(), person, bundle, telling, accepted);
                    delivery.run(held, ended, over).await;
                }
            });
        };
        for word in request.to.into_iter().collect::<BTreeSet<_>>() {
            ask(word, &ended);
        }
        if let Some(mut later) = later {
            while let Some(Some(word)) = held.cancel.run_until_cancelled(later.recv()).await {
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
            id[..8].copy_from_slice(&self.now().as_nanos().to_be_bytes()[8..]);
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
            from: self.name(),
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
