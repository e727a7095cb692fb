//! One person of a send: asked, granted, followed to the end, over as many streams as it takes.
//!
//! `core::consent::Errand` decides. Invariants: nothing is granted before the yes, nor when a file
//! is no longer what was asked about; a grant ends with the send.

use super::{
    Consent,
    bundle::Bundle,
    stream::{ConsentStream, next},
    telling::{Held, Telling},
};
use crate::{
    core::{
        consent::{Act, Errand, Heard, Outcome},
        id::{FileId, NodeId},
    },
    node::{
        api::{Person, SendEvent, SendFailure},
        command::Command,
    },
    wire::consent::{FromReceiver, FromSender, MAX_PEOPLE, cut},
};
use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

/// How often is looked whether the files are still what was asked about.
const LOOK: Duration = Duration::from_secs(2);

type Opening = JoinHandle<io::Result<ConsentStream<FromReceiver>>>;

pub struct Delivery {
    consent: Consent,
    person: Person,
    bundle: Arc<Bundle>,
    telling: Telling,
    accepted: watch::Sender<BTreeSet<NodeId>>,
    errand: Errand,
    started: Instant,
    began: Instant,
    link: Option<ConsentStream<FromReceiver>>,
    opening: Option<Opening>,
    /// They said yes.
    agreed: bool,
    /// They may have the files now: not while it is paused.
    granted: bool,
    changed: Option<PathBuf>,
    ended: bool,
}

impl Delivery {
    pub fn new(
        consent: Consent,
        person: Person,
        bundle: Arc<Bundle>,
        telling: Telling,
        accepted: watch::Sender<BTreeSet<NodeId>>,
    ) -> Self {
        let expiry = consent.0.settings.expiry;
        Self {
            consent,
            person,
            bundle,
            telling,
            accepted,
            errand: Errand::new(expiry, Duration::ZERO),
            started: Instant::now(),
            began: Instant::now(),
            link: None,
            opening: None,
            agreed: false,
            granted: false,
            changed: None,
            ended: false,
        }
    }

    /// Runs to the end of this person's, drops `ended`, and stays with the others until `over`.
    pub async fn run(mut self, held: Held, ended: mpsc::Sender<()>, over: CancellationToken) {
        let Held { cancel, mut paused } = held;
        let mut fellows = self.accepted.subscribe();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.feed(Heard::Tick).await;
        while !self.ended {
            let due = self.errand.next_tick();
            let due = self.started + due.unwrap_or(Duration::from_secs(3600));
            let opened = async {
                match &mut self.opening {
                    Some(opening) => opening.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = next(&mut self.link) => self.heard(message).await,
                opened = opened => {
                    self.opening = None;
                    self.opened(opened.map_err(io::Error::other).flatten()).await;
                }
                () = cancel.cancelled() => self.feed(Heard::Stop).await,
                () = sleep_until(due.into()) => self.feed(Heard::Tick).await,
                Ok(()) = fellows.changed(), if self.granted => self.introduce().await,
                Ok(()) = paused.changed(), if self.agreed => {}
                _ = look.tick(), if self.granted => if !self.unchanged().await {
                    self.feed(Heard::Stop).await;
                },
            }
            let may = self.agreed && !self.ended && !*paused.borrow_and_update();
            match (self.granted, may) {
                (false, true) => self.grant().await,
                (true, false) if !self.ended => self.withhold(),
                _ => {}
            }
        }
        if let Some(opening) = self.opening.take() {
            opening.abort();
        }
        drop(ended);
        while self.link.is_some() && !over.is_cancelled() {
            tokio::select! {
                () = over.cancelled() => break,
                Ok(()) = fellows.changed() => self.introduce().await,
                message = next(&mut self.link) => if message.is_none() {
                    self.link = None;
                },
            }
        }
        if let Some(link) = self.link.take() {
            link.finish(None::<&FromSender>).await;
        }
        if self.granted {
            self.withhold();
        }
    }

    /// From now on they may have the files, and hear of it.
    async fn grant(&mut self) {
        self.granted = true;
        let (grants, node) = (self.consent.0.services.reader.grants(), self.person.node);
        grants.allow(self.ids(), node);
        self.accepted.send_if_modified(|all| all.insert(node));
        self.introduce().await;
    }

    /// From now on they may not. What they ask for is missing, as it is when somebody goes: they
    /// wait, and look again.
    fn withhold(&mut self) {
        self.granted = false;
        let grants = self.consent.0.services.reader.grants();
        grants.revoke(self.ids(), self.person.node);
    }

    fn ids(&self) -> impl Iterator<Item = FileId> + '_ {
        self.bundle.files.iter().map(|file| file.file)
    }

    async fn heard(&mut self, message: Option<FromReceiver>) {
        let heard = match message {
            Some(FromReceiver::Shown) => Heard::Shown,
            Some(FromReceiver::Accept) => Heard::Accepted,
            Some(FromReceiver::Refuse(why)) => Heard::Refused(why),
            Some(FromReceiver::Progress(bytes)) => {
                if self.errand.is_accepted() {
                    let (size, to) = (self.bundle.size, self.person.clone());
                    let progress = SendEvent::Progress {
                        to,
                        done: bytes.min(size),
                        size,
                    };
                    self.telling.show(progress);
                }
                return;
            }
            Some(FromReceiver::Done) => Heard::Done,
            Some(FromReceiver::Failed(why)) => Heard::Failed(why),
            None => {
                self.link = None;
                Heard::Broke
            }
        };
        self.feed(heard).await;
    }

    async fn opened(&mut self, opened: io::Result<ConsentStream<FromReceiver>>) {
        match opened {
            Ok(link) => {
                self.link = Some(link);
                self.feed(Heard::Sent).await;
            }
            Err(error) => {
                tracing::debug!(peer = %self.person.node.short(), %error, "cannot ask");
                self.feed(Heard::Broke).await;
            }
        }
    }

    /// Gives an event to the machine, and does what it says.
    async fn feed(&mut self, event: Heard) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for act in self.errand.handle(event, self.started.elapsed()) {
                match act {
                    Act::Ask => self.opening = Some(self.open()),
                    Act::TellAsked => self.tell(SendEvent::Asked(self.person.clone())).await,
                    Act::TellWaiting => self.tell(SendEvent::Waiting(self.person.clone())).await,
                    Act::Begin { first } => {
                        if self.unchanged().await {
                            self.begin(first).await;
                        } else {
                            events.push_back(Heard::Stop);
                        }
                    }
                    Act::Cancel => {
                        let why = match &self.changed {
                            Some(path) => {
                                let name = path.file_name().unwrap_or_default().to_string_lossy();
                                format!("{name} changed after it was asked about")
                            }
                            None => "stopped by the sender".to_owned(),
                        };
                        if let Some(link) = self.link.take() {
                            link.finish(Some(&FromSender::Cancel(cut(&why)))).await;
                        }
                    }
                    Act::End(outcome) => self.end(outcome).await,
                }
            }
        }
    }

    fn open(&self) -> Opening {
        let (net, node) = (self.consent.0.services.net.clone(), self.person.node);
        let bundle = self.bundle.clone();
        tokio::spawn(async move {
            let stream = net.stream(node, crate::wire::consent::PROTOCOL).await;
            let mut link = ConsentStream::new(stream.map_err(io::Error::other)?);
            link.say(&FromSender::Ask(bundle.ask.clone())).await?;
            Ok(link)
        })
    }

    async fn tell(&self, event: SendEvent) {
        self.telling.send(event).await;
    }

    /// Whether the files still are what was asked about.
    async fn unchanged(&mut self) -> bool {
        if self.changed.is_none() {
            let bundle = self.bundle.clone();
            let look = move || {
                let mut files = bundle.files.iter();
                files
                    .find(|file| !file.is_unchanged())
                    .map(|file| file.path.clone())
            };
            self.changed = tokio::task::spawn_blocking(look).await.ok().flatten();
        }
        self.changed.is_none()
    }

    /// They said yes, or are back: says so to both sides.
    async fn begin(&mut self, first: bool) {
        if first {
            self.began = Instant::now();
            self.tell(SendEvent::Accepted(self.person.clone())).await;
        } else {
            self.tell(SendEvent::Resumed(self.person.clone())).await;
        }
        self.agreed = true;
        if self.granted {
            self.introduce().await;
        }
    }

    /// Tells them who else said yes.
    async fn introduce(&mut self) {
        let others = self.accepted.borrow().clone();
        let others = others.into_iter().filter(|node| *node != self.person.node);
        let peers = FromSender::Peers(others.take(MAX_PEOPLE).collect());
        if let Some(link) = &mut self.link {
            // A broken one shows when it is read.
            let _ = link.say(&peers).await;
        }
    }

    async fn end(&mut self, outcome: Outcome) {
        self.ended = true;
        let to = self.person.clone();
        let failed = |why| SendEvent::Failed {
            to: to.clone(),
            why,
        };
        let event = match outcome {
            Outcome::Done => {
                // From now on this is somebody one knows.
                let met = |done| Command::Met(self.person.node, done);
                self.consent.0.services.ask(met).await;
                SendEvent::Done {
                    to: to.clone(),
                    size: self.bundle.size,
                    elapsed: self.began.elapsed(),
                }
            }
            Outcome::Refused(why) => SendEvent::Refused {
                to: to.clone(),
                why,
            },
            Outcome::Expired => SendEvent::Expired(to.clone()),
            Outcome::Failed(why) => failed(SendFailure::Theirs(why)),
            Outcome::Gone => failed(SendFailure::Gone),
            Outcome::Stopped => match self.changed.take() {
                Some(path) => failed(SendFailure::Changed(path)),
                None => failed(SendFailure::Stopped),
            },
        };
        if !matches!(event, SendEvent::Done { .. }) {
            let node = self.person.node;
            self.accepted.send_if_modified(|all| all.remove(&node));
        }
        self.tell(event).await;
    }
}
