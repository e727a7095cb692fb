//! What somebody without a key of the swarm wants to hand in, by a browser or by LocalSend: an ask
//! like any other, and then files that come one by one.
//!
//! *waiting* (a person decides) → *accepted* (each file may come, once) → *over*. Invariants:
//! nothing is stored before the yes; a file has exactly the bytes that were said, and appears whole
//! or not at all; one place has one ask open, by the same rules as a peer; who does not ask any
//! more how it stands has left.

mod fill;

use super::{
    Consent, Control, Expected, Slot,
    expecting::{NEWS, Told},
    info,
};
use crate::{
    core::{
        consent::{AskId, AskRefusal, InboxAction, InboxEvent, RETURN, title},
        id::{FileId, NodeId},
        link::Place,
    },
    node::{
        api::{
            AskInfo, DownloadError, DownloadEvent, Fetched, GuestError, GuestFile, GuestState,
            JobKind, Landing, NodeEvent, Person, Progress, Received,
        },
        book::{Opening, Reports},
    },
    store::{Times, clock::unix_now, media_of},
    wire::consent::{Ask, AskedFile},
};
use parking_lot::Mutex;
use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Files in one ask of a guest.
pub const MAX_FILES: usize = 1000;
/// Who has not asked for so long how it stands does not wait any more.
const AWAY: Duration = Duration::from_secs(60);
/// Between two looks whether they do, and how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// Words to an ask that it has not heard yet, and news of its job that nobody reads.
const FEW: usize = 8;

/// Who asks without a key of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who they say they are.
    pub person: Person,
    /// Whether they proved to be the one who has that id.
    pub proven: bool,
    /// How long what was accepted may stand still.
    pub patience: Duration,
}

/// A file of an ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Awaited,
    Coming,
    Here,
}

/// An ask of a guest. Clones are handles to the same.
#[derive(Clone)]
pub struct GuestAsk(Arc<Shared>);

struct Shared {
    consent: Consent,
    info: Arc<AskInfo>,
    state: watch::Sender<GuestState>,
    landing: Mutex<Landing>,
    stages: Mutex<Vec<Stage>>,
    received: Mutex<Vec<Fetched>>,
    /// Bytes of files that are here, and of those that come.
    done: AtomicU64,
    left: Arc<AtomicU64>,
    seen: Mutex<Instant>,
    /// What the contents and the times must be, as far as that was said.
    said: Vec<(Option<[u8; 32]>, Times)>,
    patience: Duration,
    over: CancellationToken,
    /// Ends with what is said, unless it has ended.
    ends: mpsc::Sender<&'static str>,
}

impl Consent {
    /// Asks for somebody at `place`, who calls themselves `name`.
    ///
    /// # Errors
    /// [`AskRefusal`], when nobody is asked.
    pub async fn ask_for_guest(
        &self,
        place: Place,
        name: String,
        files: Vec<GuestFile>,
    ) -> Result<GuestAsk, AskRefusal> {
        let node = NodeId::guest(place.0);
        let asker = Asker {
            person: Person { name, node },
            proven: false,
            patience: RETURN,
        };
        self.ask_for(asker, files).await
    }

    /// Asks for somebody who has no key of the swarm.
    ///
    /// # Errors
    /// [`AskRefusal`], when nobody is asked.
    pub async fn ask_for(&self, who: Asker, files: Vec<GuestFile>) -> Result<GuestAsk, AskRefusal> {
        use crate::node::api::Accepting;
        let refused = match self.accepting() {
            Accepting::Nobody => true,
            // Who proves no name is none of them.
            Accepting::Some(_) => !who.proven || self.turned_away(&who.person).is_some(),
            Accepting::Person | Accepting::All => false,
        };
        if refused {
            return Err(AskRefusal::Nobody);
        }
        let ask = self.open(who, files, None).await?;
        self.decide(ask.0.info.number).await;
        Ok(ask)
    }

    /// The same of something that somebody here fetches: they alone hear of it, and answer it.
    ///
    /// # Errors
    /// [`AskRefusal`], when too much is asked already.
    pub async fn ask_alone(
        &self,
        who: Asker,
        files: Vec<GuestFile>,
    ) -> Result<(GuestAsk, mpsc::Receiver<Expected>), AskRefusal> {
        let (told, news) = mpsc::channel(NEWS);
        let ask = self.open(who, files, Some(told.clone())).await?;
        let _ = told.try_send(Expected::Ask(ask.0.info.clone())); // It is the first.
        Ok((ask, news))
    }

    async fn open(
        &self,
        who: Asker,
        files: Vec<GuestFile>,
        told: Option<Told>,
    ) -> Result<GuestAsk, AskRefusal> {
        let Asker {
            person,
            proven,
            patience,
        } = who;
        let key_changed = proven && self.0.services.swarm.has_new_key(&person);
        let Person { name, node } = person;
        let mut random = [0; 48];
        getrandom::fill(&mut random).map_err(|_| AskRefusal::Full)?;
        let (id, own) = random.split_at(16);
        let id = AskId(id.try_into().map_err(|_| AskRefusal::Full)?);
        let own = FileId::from_slice(own).ok_or(AskRefusal::Full)?;
        let now = unix_now();
        let asked = |file: GuestFile| AskedFile {
            media: media_of(&file.name),
            name: file.name,
            size: file.size,
            executable: false,
            mode: None,
            mtime: file.times.modified.unwrap_or(now).cast_signed(),
            // Not known before it is here, and not told (`NodeId::is_guest`).
            file: own,
            holes: 0,
        };
        let count = files.len();
        let said = files.iter().map(|file| (file.sha256, file.times)).collect();
        let ask = Ask {
            id,
            from: name.clone(),
            to: Vec::new(),
            files: files.into_iter().map(asked).collect(),
            folders: Vec::new(),
            time: now,
        };
        let lacks = self.lacking(&ask).await;
        let event = InboxEvent::Asked {
            peer: node,
            id,
            digest: *own.as_bytes(),
        };
        let number = match self.asked(event) {
            Some(InboxAction::Show(number)) => number,
            Some(InboxAction::TurnAway(why)) => return Err(why),
            _ => return Err(AskRefusal::Full),
        };
        let from = Person { name, node };
        let info = Arc::new(info(number, (from, key_changed), ask, lacks));
        let (control, controls) = mpsc::channel(FEW);
        let left = Arc::<AtomicU64>::default();
        let slot = Slot {
            info: info.clone(),
            control,
            files: [own].into(),
            left: left.clone(),
            told,
        };
        self.desk().slots.insert(number, slot);
        let (ends, ending) = mpsc::channel(1);
        let ask = GuestAsk(Arc::new(Shared {
            consent: self.clone(),
            info,
            state: watch::Sender::new(GuestState::Waiting),
            landing: Mutex::default(),
            stages: Mutex::new(vec![Stage::Awaited; count]),
            received: Mutex::default(),
            done: AtomicU64::new(0),
            left,
            seen: Mutex::new(Instant::now()),
            said,
            patience,
            over: self.0.stop.child_token(),
            ends,
        }));
        self.0.tasks.spawn(ask.clone().run(controls, ending));
        Ok(ask)
    }
}

impl GuestAsk {
    /// How it stands; a question shows that the guest is still there.
    #[must_use]
    pub fn state(&self) -> GuestState {
        *self.0.seen.lock() = Instant::now();
        self.0.state.borrow().clone()
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let state = self.0.state.borrow();
        !matches!(*state, GuestState::Waiting | GuestState::Accepted)
    }

    /// Waits for the answer; a guest that waits is there.
    pub async fn answered(&self) -> GuestState {
        let mut state = self.0.state.subscribe();
        loop {
            let now = self.state();
            if now != GuestState::Waiting {
                return now;
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() {
                    return self.state();
                },
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Cancelled when nothing more comes of it.
    #[must_use]
    pub fn over(&self) -> CancellationToken {
        self.0.over.clone()
    }

    /// Who asked wants no more of it.
    pub fn withdraw(&self, why: &'static str) {
        if *self.0.state.borrow() == GuestState::Waiting {
            let number = self.0.info.number;
            self.0.consent.handle(InboxEvent::Withdrawn(number));
        }
        let _ = self.0.ends.try_send(why); // One word is enough.
    }

    /// Takes one file in, to its end.
    ///
    /// # Errors
    /// [`GuestError`]; nothing of it is kept, and it may come again.
    pub async fn take(
        &self,
        number: usize,
        from: impl Read + Send + 'static,
    ) -> Result<(), GuestError> {
        if *self.0.state.borrow() != GuestState::Accepted {
            return Err(GuestError::NotAsked);
        }
        {
            let mut stages = self.0.stages.lock();
            match stages.get_mut(number) {
                Some(stage @ Stage::Awaited) => *stage = Stage::Coming,
                Some(_) => return Err(GuestError::Twice),
                None => return Err(GuestError::NotAsked),
            }
        }
        let shared = self.0.clone();
        // It goes on when the request is dropped, and ends by itself: what it reads breaks off.
        let taken = spawn_blocking(move || {
            let taken = shared.fill(number, from);
            let stage = if taken.is_ok() {
                Stage::Here
            } else {
                Stage::Awaited
            };
            if let Some(place) = shared.stages.lock().get_mut(number) {
                *place = stage;
            }
            taken
        });
        taken.await.unwrap_or(Err(GuestError::NotAsked))
    }

    async fn run(
        self,
        mut controls: mpsc::Receiver<Control>,
        mut ending: mpsc::Receiver<&'static str>,
    ) {
        let number = self.0.info.number;
        let state = match self.decided(&mut controls).await {
            Ok(landing) => {
                *self.0.landing.lock() = landing;
                self.0.state.send_replace(GuestState::Accepted);
                self.receive(&mut controls, &mut ending).await
            }
            Err(why) => GuestState::Refused { why },
        };
        self.0.over.cancel();
        self.0.left.store(0, Ordering::Relaxed);
        self.0.state.send_replace(state);
        self.0.consent.desk().slots.remove(&number);
        self.0.consent.handle(InboxEvent::Ended(number));
    }

    /// Waits for the person.
    async fn decided(
        &self,
        controls: &mut mpsc::Receiver<Control>,
    ) -> Result<Landing, &'static str> {
        let (consent, number) = (&self.0.consent, self.0.info.number);
        loop {
            tokio::select! {
                control = controls.recv() => return match control {
                    Some(Control::Accept(landing)) => Ok(landing),
                    Some(Control::Refuse(why)) => Err(why.why()),
                    _ => Err("it was taken back"),
                },
                () = sleep(LOOK) => {
                    consent.handle(InboxEvent::Tick);
                    if self.0.seen.lock().elapsed() > AWAY {
                        consent.handle(InboxEvent::Withdrawn(number));
                        return Err("you were away");
                    }
                }
                () = self.0.over.cancelled() => return Err(AskRefusal::Nobody.why()),
            }
        }
    }

    /// Waits for the files.
    async fn receive(
        &self,
        controls: &mut mpsc::Receiver<Control>,
        ending: &mut mpsc::Receiver<&'static str>,
    ) -> GuestState {
        let (consent, info) = (&self.0.consent, &self.0.info);
        let book = &consent.0.services.book;
        let names: Vec<&str> = info.files.iter().map(|file| &*file.name).collect();
        let folder = self.0.landing.lock().into.clone();
        let (job, _orders) = book.begin(Opening {
            kind: JobKind::Receive,
            name: title(&names),
            path: Some(folder.unwrap_or_else(|| consent.0.services.home.downloads())),
            to: Vec::new(),
            from: Some((info.from.clone(), info.number)),
            hidden: false,
            cancel: self.0.over.clone(),
        });
        let (events, _nobody) = mpsc::channel(FEW);
        let reports = Reports::new(book, job, events);
        let (mut before, mut moved) = (0, Instant::now());
        let stopped = loop {
            let here = self
                .0
                .stages
                .lock()
                .iter()
                .filter(|one| **one == Stage::Here)
                .count();
            let done = self.0.done.load(Ordering::Relaxed).min(info.size);
            self.0.left.store(info.size - done, Ordering::Relaxed);
            let progress = Progress {
                done,
                size: info.size,
                files: info.files.len() as u32,
                files_done: here as u32,
                sources: 1,
            };
            reports.note(progress, std::iter::empty(), |_| None);
            if here == info.files.len() {
                break None;
            }
            if done != before {
                (before, moved) = (done, Instant::now());
            }
            if moved.elapsed() > self.0.patience {
                break Some("the sender did not come back");
            }
            tokio::select! {
                control = controls.recv() => match control {
                    Some(Control::Stop(why)) => break Some(why),
                    None => break Some("stopped"),
                    Some(_) => {}
                },
                Some(why) = ending.recv() => break Some(why),
                () = sleep(LOOK) => {}
                () = self.0.over.cancelled() => break Some("the receiver has left"),
            }
        };
        let files = std::mem::take(&mut *self.0.received.lock());
        for file in &files {
            reports
                .send(DownloadEvent::FileDone(Box::new(file.clone())))
                .await;
        }
        if stopped.is_some() {
            let (name, error) = (title(&names), DownloadError::Interrupted);
            reports
                .send(DownloadEvent::FileFailed { name, error })
                .await;
        }
        reports.end().await;
        let received = Received {
            number: info.number,
            from: info.from.clone(),
            files,
            failed: Vec::new(),
            stopped: stopped.map(str::to_owned),
        };
        let received = Arc::new(received);
        let told = Expected::Received(received.clone());
        consent.desk().ends(info.number, told);
        consent.tell(NodeEvent::Received(received));
        match stopped {
            None => GuestState::Done,
            Some(why) => GuestState::Failed {
                why: why.to_owned(),
            },
        }
    }
}
