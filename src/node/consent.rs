//! Sending to people: the asks that come in and those that go out.
//!
//! `core::consent` decides; this room has the streams, the files and the person at the prompt. One
//! task an ask owns its stream, from the question to the last byte (`inbound`); one task a person
//! does the same at the sender's end (`outbound`). Invariants: nothing of what is asked is stored
//! before the yes; contents go only to those who were granted them (`store::grants`); the lock is
//! never held while waiting.

mod answers;
mod bundle;
mod delivery;
mod exact;
mod expecting;
mod guest;
mod inbound;
mod localsend;
mod outbound;
mod stream;
mod telling;

pub use expecting::Expected;
pub use guest::{Asker, GuestAsk, MAX_FILES as GUEST_FILES};
pub use outbound::Shown;

use super::{
    api::{Accepting, AnswerError, AskInfo, Landing, NodeEvent, Person},
    services::Services,
};
use crate::{
    core::{
        Now,
        admission::Admission,
        consent::{AskRefusal, Inbox, InboxAction, InboxEvent},
        id::{FileId, NodeId},
        path::RelPath,
    },
    net::Stream,
    store::Sent,
    wire::consent::{Ask, FromReceiver, FromSender, MAX_ASK, read, write},
};
use futures::AsyncWriteExt as _;
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Asks that are read at a time, of all and of one peer: each may take two megabytes, and a slow
/// peer holds up only itself.
const READING: usize = 32;
const READING_EACH: usize = 2;
/// For the question to arrive.
const QUESTION: Duration = Duration::from_secs(10);
/// Words to the task of an ask that it has not heard yet: a person types slowly.
const CONTROLS: usize = 8;

/// What the task of an ask is told.
enum Control {
    /// The sender is back, on this stream.
    Stream(Stream),
    /// Yes, and where it goes.
    Accept(Landing),
    /// No.
    Refuse(AskRefusal),
    /// Nobody came back, or the person has changed their mind.
    Stop(&'static str),
}

/// An ask, as others see it.
struct Slot {
    info: Arc<AskInfo>,
    control: mpsc::Sender<Control>,
    files: Arc<[FileId]>,
    /// Once it is accepted: bytes that are still to come.
    left: Arc<AtomicU64>,
    /// Who waits for how it ends.
    told: Option<expecting::Told>,
}

struct Desk {
    inbox: Inbox,
    slots: BTreeMap<u32, Slot>,
    /// Whose asks somebody waits for, the first first.
    expected: Vec<(NodeId, expecting::Told)>,
}

/// What it begins with.
pub struct Settings {
    pub name: String,
    pub accepting: Accepting,
    pub expiry: Duration,
}

/// What all asks of a node share. Clones are handles to the same.
#[derive(Clone)]
pub struct Consent(Arc<Inner>);

struct Inner {
    name: Mutex<String>,
    settings: Settings,
    services: Services,
    sent: Sent,
    events: broadcast::Sender<NodeEvent>,
    tasks: TaskTracker,
    stop: CancellationToken,
    started: Instant,
    reading: Admission,
    desk: Mutex<Desk>,
}

impl Consent {
    /// No asks yet.
    pub fn new(
        settings: Settings,
        services: Services,
        sent: Sent,
        events: broadcast::Sender<NodeEvent>,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let desk = Desk {
            inbox: Inbox::new(settings.expiry),
            slots: BTreeMap::new(),
            expected: Vec::new(),
        };
        Self(Arc::new(Inner {
            name: Mutex::new(settings.name.clone()),
            settings,
            services,
            sent,
            events,
            tasks,
            stop,
            started: Instant::now(),
            reading: Admission::new(READING, READING_EACH),
            desk: Mutex::new(desk),
        }))
    }

    /// What this node is called.
    pub fn name(&self) -> String {
        self.0.name.lock().clone()
    }

    /// It is called so from now on.
    pub fn rename(&self, name: String) {
        *self.0.name.lock() = name;
    }

    /// Whose asks are answered, and by whom.
    pub fn accepting(&self) -> &Accepting {
        &self.0.settings.accepting
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock()
    }

    fn now(&self) -> Now {
        self.0.started.elapsed()
    }

    fn tell(&self, event: NodeEvent) {
        let _ = self.0.events.send(event); // Nobody watches: fine.
    }

    /// Runs a task that the node waits for when it leaves.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// Does what the machine says about asks that have a task.
    fn handle(&self, event: InboxEvent) {
        let mut gone = Vec::new();
        {
            let mut desk = self.desk();
            for action in desk.inbox.handle(event, self.now()) {
                let (number, control) = match action {
                    InboxAction::Decline(number, why) => (number, Control::Refuse(why)),
                    InboxAction::GiveUp(number) => {
                        (number, Control::Stop("the sender did not come back"))
                    }
                    InboxAction::Gone(number, why) => {
                        desk.ends(number, Expected::Gone);
                        gone.extend(desk.slots.remove(&number).map(|slot| (slot.info, why)));
                        continue;
                    }
                    _ => continue,
                };
                if let Some(slot) = desk.slots.get(&number) {
                    // Its queue has room: the last words are few.
                    let _ = slot.control.try_send(control);
                }
            }
        }
        for (info, why) in gone {
            let from = info.from.clone();
            let number = info.number;
            self.tell(NodeEvent::AskGone { number, from, why });
        }
    }

    /// Answers one stream that a peer opened.
    pub async fn take(self, node: NodeId, mut stream: Stream) {
        let Some(reading) = self.0.reading.admit(node) else {
            return;
        };
        let Ok(Ok(Some(FromSender::Ask(ask)))) =
            timeout(QUESTION, read(&mut stream, MAX_ASK)).await
        else {
            return;
        };
        drop(reading);
        let named = |name: &str| RelPath::parse(name).is_ok();
        if ask.check().is_err() || !ask.files.iter().all(|file| named(&file.name)) {
            tracing::debug!(peer = %node.short(), "an ask makes no sense");
            return;
        }
        let named = self.0.services.swarm.named(&node);
        let changed = named.as_ref().is_some_and(|(_, changed)| *changed);
        // Until its beacon is heard, a peer is known by its own word.
        let name = named.map(|(name, _)| name);
        let name = name.filter(|name| *name != node.short());
        let name = name.unwrap_or_else(|| ask.from.clone());
        let from = Person { name, node };
        if let Some(why) = self.turned_away(&from) {
            return turn_away(stream, why).await;
        }
        let event = InboxEvent::Asked {
            peer: node,
            id: ask.id,
            digest: ask.digest(),
        };
        let lacks = self.lacking(&ask).await;
        let (control, controls) = mpsc::channel(CONTROLS);
        let left = Arc::<AtomicU64>::default();
        let (number, info) = match self.asked(event) {
            Some(InboxAction::Show(number)) => {
                let files = ask.files.iter().map(|file| file.file).collect();
                let info = Arc::new(info(number, (from, changed), ask, lacks));
                let slot = Slot {
                    info: info.clone(),
                    control,
                    files,
                    left: left.clone(),
                    told: None,
                };
                self.desk().slots.insert(number, slot);
                (number, info)
            }
            Some(InboxAction::Rejoin(number)) => {
                if let Some(slot) = self.desk().slots.get(&number) {
                    let _ = slot.control.try_send(Control::Stream(stream));
                }
                return;
            }
            Some(InboxAction::TurnAway(why)) => return turn_away(stream, why).await,
            _ => return,
        };
        let consent = self.clone();
        let task = inbound::Inbound::new(self, info, (controls, left), stream);
        consent.0.tasks.spawn(async move {
            task.run().await;
        });
        consent.decide(number).await;
    }

    fn asked(&self, event: InboxEvent) -> Option<InboxAction> {
        let now = self.now();
        self.desk().inbox.handle(event, now).pop()
    }

    /// Whether nobody here would even look at what `from` asks.
    fn turned_away(&self, from: &Person) -> Option<AskRefusal> {
        if self.desk().expects(from.node) {
            return None;
        }
        match &self.0.settings.accepting {
            Accepting::Person | Accepting::All => None,
            Accepting::Some(names) if self.0.services.swarm.means(names, from) => None,
            Accepting::Nobody | Accepting::Some(_) => Some(AskRefusal::Nobody),
        }
    }

    /// Answers for the person, where that was told beforehand.
    async fn decide(&self, number: u32) {
        if self.desk().meets(number) {
            return;
        }
        let from = self
            .desk()
            .slots
            .get(&number)
            .map(|slot| slot.info.from.clone());
        // Who expected it may have gone.
        if let Some(why) = from.and_then(|from| self.turned_away(&from)) {
            self.handle(InboxEvent::Refuse(number, why));
        } else if self.0.settings.accepting == Accepting::Person {
            let info = self.desk().slots.get(&number).map(|slot| slot.info.clone());
            if let Some(info) = info {
                self.tell(NodeEvent::Ask(info));
            }
        } else if let Err(AnswerError::NoRoom { .. } | AnswerError::Place(_)) =
            self.accept(number, Landing::default()).await
        {
            self.handle(InboxEvent::Refuse(number, AskRefusal::NoRoom));
        }
    }
}

fn info(number: u32, (from, key_changed): (Person, bool), ask: Ask, lacking: u64) -> AskInfo {
    AskInfo {
        number,
        from,
        key_changed,
        size: ask.size().unwrap_or(u64::MAX),
        to: ask.to,
        files: ask.files.into(),
        time: ask.time,
        lacking,
        folders: ask.folders.into(),
    }
}

/// Says no politely.
async fn turn_away(mut stream: Stream, why: AskRefusal) {
    let said = async {
        write(&mut stream, &FromReceiver::Refuse(why)).await?;
        stream.close().await?;
        // Dropped earlier, the stream would be reset under the answer.
        read::<FromSender, _>(&mut stream, 1024).await
    };
    let _ = timeout(Duration::from_secs(5), said).await;
}
