//! One ask that came in, from the question to the last byte: the task that owns its stream.
//!
//! *open* (a person decides) → *accepted* (a download job from the sender and those who also said
//! yes) → *over*. The stream may break and be replaced by another at any time: the job does not
//! notice. Invariants: nothing is stored before the yes and the sender's word after it; the sender
//! hears how it ended.

use super::{
    Consent, Control, Expected,
    stream::{ConsentStream, next},
};
use crate::{
    core::{
        consent::{AskRefusal, InboxEvent, title},
        id::{FileId, NodeId},
        path::RelPath,
    },
    net::Stream,
    node::{
        api::{
            AskInfo, DownloadError, DownloadEvent, DownloadRequest, Fetched, Landing, NodeEvent,
            Received, Shape,
        },
        command::Command,
        job::{self, Job, JobFile},
        services::{Circle, Services},
    },
    store,
    wire::{
        consent::{AskedFile, FromReceiver, FromSender, MAX_PEOPLE, cut},
        control::{Held, Offer},
    },
};
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::sleep_until};
use tokio_util::sync::CancellationToken;

/// Between two words about how far it is.
const PROGRESS: Duration = Duration::from_millis(500);
/// Events of the job that wait for this task.
const EVENTS: usize = 64;

pub struct Inbound {
    consent: Consent,
    info: Arc<AskInfo>,
    controls: mpsc::Receiver<Control>,
    /// Bytes that are still to come: room that is taken already.
    left: Arc<AtomicU64>,
    link: Option<ConsentStream<FromSender>>,
    fellows: Arc<Mutex<BTreeSet<NodeId>>>,
    /// What the others may have from here: not what was private here before, no matter who else
    /// knows its id.
    shared: Vec<FileId>,
    /// Why it ended before its end.
    stopped: Option<String>,
    /// The sender knows that already.
    theirs: bool,
    files: Vec<Fetched>,
    failed: Vec<(String, DownloadError)>,
    said: Instant,
}

/// A transfer that was accepted.
struct Transfer {
    landing: Landing,
    /// What the job tells, once it runs.
    events: Option<mpsc::Receiver<DownloadEvent>>,
    cancel: CancellationToken,
}

impl Inbound {
    pub fn new(
        consent: Consent,
        info: Arc<AskInfo>,
        (controls, left): (mpsc::Receiver<Control>, Arc<AtomicU64>),
        stream: Stream,
    ) -> Self {
        Self {
            consent,
            info,
            controls,
            left,
            link: Some(ConsentStream::new(stream)),
            fellows: Arc::default(),
            shared: Vec::new(),
            stopped: None,
            theirs: false,
            files: Vec::new(),
            failed: Vec::new(),
            said: Instant::now(),
        }
    }

    fn number(&self) -> u32 {
        self.info.number
    }

    fn ids(&self) -> impl Iterator<Item = FileId> + '_ {
        self.info.files.iter().map(|file| file.file)
    }

    /// Runs to the end.
    pub async fn run(mut self) {
        self.say(&FromReceiver::Shown).await;
        if let Some(landing) = self.decided().await {
            self.fetch(landing).await;
            self.left.store(0, Ordering::Relaxed);
            self.over().await;
        }
        let number = self.number();
        self.consent.desk().slots.remove(&number);
        self.consent.handle(InboxEvent::Ended(number));
    }

    /// Says something, if there is a stream; a broken one is left.
    async fn say(&mut self, message: &FromReceiver) {
        if let Some(link) = &mut self.link
            && link.say(message).await.is_err()
        {
            self.lost();
        }
    }

    fn lost(&mut self) {
        self.link = None;
        self.consent.handle(InboxEvent::Lost(self.number()));
    }

    async fn finish(&mut self, message: FromReceiver) {
        if let Some(link) = self.link.take() {
            link.finish(Some(&message)).await;
        }
    }

    /// Waits for the person: the folder, or `None` when there is nothing to be done.
    async fn decided(&mut self) -> Option<Landing> {
        let stop = self.consent.0.stop.clone();
        loop {
            let due = self.consent.desk().inbox.next_tick();
            let due = self.consent.0.started + due.unwrap_or(Duration::from_secs(3600));
            tokio::select! {
                control = self.controls.recv() => match control? {
                    Control::Stream(stream) => {
                        self.link = Some(ConsentStream::new(stream));
                        self.say(&FromReceiver::Shown).await;
                    }
                    Control::Accept(landing) => return Some(landing),
                    Control::Refuse(why) => {
                        self.finish(FromReceiver::Refuse(why)).await;
                        return None;
                    }
                    Control::Stop(_) => return None,
                },
                message = next(&mut self.link) => {
                    if matches!(message, Some(FromSender::Cancel(_))) {
                        self.link = None;
                        self.consent.handle(InboxEvent::Withdrawn(self.number()));
                    } else {
                        self.lost();
                    }
                    // Unless the yes was just said.
                    if !self.consent.desk().slots.contains_key(&self.number()) {
                        return None;
                    }
                }
                () = sleep_until(due.into()) => self.consent.handle(InboxEvent::Tick),
                () = stop.cancelled() => {
                    self.finish(FromReceiver::Refuse(AskRefusal::Nobody)).await;
                    return None;
                }
            }
        }
    }

    /// Fetches what was accepted.
    async fn fetch(&mut self, landing: Landing) {
        let stop = self.consent.0.stop.clone();
        let mut transfer = Transfer {
            landing,
            events: None,
            cancel: stop.child_token(),
        };
        self.say(&FromReceiver::Accept).await;
        loop {
            let away = self.link.is_none();
            tokio::select! {
                event = told(&mut transfer.events) => match event {
                    Some(event) => if self.told(event).await {
                        return self.make_folders(transfer.landing).await;
                    },
                    None => return,
                },
                control = self.controls.recv() => match control {
                    Some(Control::Stream(stream)) => {
                        self.link = Some(ConsentStream::new(stream));
                        self.say(&FromReceiver::Accept).await;
                    }
                    Some(Control::Stop(why)) => self.stop(&transfer, why.to_owned()),
                    Some(Control::Accept(_) | Control::Refuse(_)) | None => {}
                },
                message = next(&mut self.link) => match message {
                    Some(FromSender::Peers(nodes)) => {
                        if transfer.events.is_none() {
                            self.look_around().await;
                        }
                        self.meet(nodes).await;
                        if transfer.events.is_none() {
                            transfer.events = Some(self.begin(&transfer));
                        }
                    }
                    Some(FromSender::Cancel(why)) => {
                        (self.theirs, self.link) = (true, None);
                        self.stop(&transfer, why);
                    }
                    Some(FromSender::Ask(_)) | None => self.lost(),
                },
                () = timer(self.consent.clone(), away) => self.consent.handle(InboxEvent::Tick),
                () = stop.cancelled(), if self.stopped.is_none() => {
                    self.stop(&transfer, "the receiver has left".to_owned());
                }
            }
            if transfer.events.is_none() && self.stopped.is_some() {
                return;
            }
        }
    }

    fn stop(&mut self, transfer: &Transfer, why: String) {
        self.stopped.get_or_insert(why);
        transfer.cancel.cancel();
    }

    /// Starts the download.
    fn begin(&self, transfer: &Transfer) -> mpsc::Receiver<DownloadEvent> {
        let inner = &self.consent.0;
        for file in self.ids() {
            // What the swarm is just giving this node is no secret.
            if !inner.services.holdings.has(file) {
                inner.services.reader.grants().hide(file);
            }
        }
        let services = Services {
            circle: Some(Circle {
                sender: self.info.from.node,
                fellows: self.fellows.clone(),
            }),
            ..inner.services.clone()
        };
        let names: Vec<&str> = self.info.files.iter().map(|one| &*one.name).collect();
        let request = DownloadRequest {
            what: vec![title(&names)],
            into: transfer.landing.into.clone(),
            shape: self.shape(transfer.landing.shape),
            overwrite: transfer.landing.overwrite,
            reuse: transfer.landing.reuse.clone(),
            ..DownloadRequest::default()
        };
        let files: Vec<JobFile> = self.info.files.iter().filter_map(job_file).collect();
        let meant = files.len() + self.info.folders.len();
        let (sender, events) = mpsc::channel(EVENTS);
        let cancel = transfer.cancel.clone();
        let from = Some((self.info.from.clone(), self.number()));
        let job = Job::new(&services, &request, from, sender, cancel);
        inner
            .tasks
            .spawn(job::run_private(services, job, request, (files, meant)));
        events
    }

    /// A folder goes into a folder, also when there is one file in it.
    fn shape(&self, wanted: Shape) -> Shape {
        match (wanted, &self.info.files[..]) {
            (Shape::Path, [one]) if !one.name.contains('/') => Shape::Path,
            (Shape::Path, _) => Shape::Folder,
            (other, _) => other,
        }
    }

    /// What the job tells; true at its end.
    async fn told(&mut self, event: DownloadEvent) -> bool {
        if let DownloadEvent::Progress(progress) = &event {
            // Holes were counted neither before nor are they now.
            let left = self.info.size.saturating_sub(progress.done);
            self.left.fetch_min(left, Ordering::Relaxed);
        }
        match event {
            DownloadEvent::Progress(progress) if self.said.elapsed() >= PROGRESS => {
                self.said = Instant::now();
                self.say(&FromReceiver::Progress(progress.done)).await;
            }
            DownloadEvent::FileDone(file) => self.files.push(*file),
            DownloadEvent::FileFailed { name, error } => self.failed.push((name, error)),
            DownloadEvent::End => return true,
            _ => {}
        }
        false
    }

    /// Makes the folders that came with it and have nothing in them, when all else is here.
    async fn make_folders(&mut self, landing: Landing) {
        if self.stopped.is_some() || !self.failed.is_empty() {
            return;
        }
        // A name that cannot be a path is passed over, as it is for files.
        let names = self.info.folders.iter();
        let names: Vec<RelPath> = names.filter_map(|name| RelPath::parse(name).ok()).collect();
        if names.is_empty() {
            return;
        }
        let home = &self.consent.0.services.home;
        let into = landing.into.unwrap_or_else(|| home.downloads());
        let made = tokio::task::spawn_blocking(move || store::make_folders(&into, &names)).await;
        if let Ok(Err(error)) = made {
            let error = job::disk_error("an empty folder cannot be made", error);
            let name = self.info.folders[0].clone();
            self.failed.push((name, error));
        }
    }

    /// Notes what is not here yet.
    async fn look_around(&mut self) {
        let index = self.consent.0.services.index.clone();
        let ids: BTreeSet<FileId> = self.ids().collect();
        let look = move || {
            let new = |file: &FileId| {
                let known = index.files_of(file).is_ok_and(|known| known.is_empty());
                known && index.partial_have(file).is_ok_and(|have| have.is_none())
            };
            ids.into_iter().filter(new).collect()
        };
        let shared = tokio::task::spawn_blocking(look).await;
        self.shared = shared.unwrap_or_default();
    }

    /// These others said yes: they may have what is here, and are asked for what they have.
    async fn meet(&self, nodes: Vec<NodeId>) {
        let me = self.consent.0.services.me;
        let nodes = nodes.into_iter().filter(|node| *node != me);
        let nodes: BTreeSet<NodeId> = nodes.take(MAX_PEOPLE).collect();
        let before = {
            let mut fellows = self.fellows.lock();
            std::mem::replace(&mut *fellows, nodes.clone())
        };
        let grants = self.consent.0.services.reader.grants();
        for node in nodes.difference(&before) {
            grants.allow(self.shared.iter().copied(), *node);
        }
        for node in before.difference(&nodes) {
            grants.revoke(self.shared.iter().copied(), *node);
        }
        self.consent.0.services.tell(Command::Wake).await;
    }

    /// Tells both sides how it ended, and stays for the others as long as the sender does.
    async fn over(&mut self) {
        let last = match (&self.stopped, self.failed.first()) {
            (Some(why), _) => FromReceiver::Failed(cut(why)),
            (None, Some((_, error))) => FromReceiver::Failed(cut(&error.to_string())),
            (None, None) => FromReceiver::Done,
        };
        let received = Received {
            number: self.number(),
            from: self.info.from.clone(),
            files: std::mem::take(&mut self.files),
            failed: std::mem::take(&mut self.failed),
            stopped: self.stopped.clone(),
        };
        let received = Arc::new(received);
        let told = Expected::Received(received.clone());
        self.consent.desk().ends(self.number(), told);
        self.consent.tell(NodeEvent::Received(received));
        if self.theirs {
            self.link = None;
        } else {
            self.say(&last).await;
            self.stay(&last).await;
        }
        self.meet(Vec::new()).await;
    }

    async fn stay(&mut self, last: &FromReceiver) {
        let stop = self.consent.0.stop.clone();
        loop {
            let away = self.link.is_none();
            tokio::select! {
                control = self.controls.recv() => match control {
                    // It had not heard the last word.
                    Some(Control::Stream(stream)) => {
                        self.link = Some(ConsentStream::new(stream));
                        self.say(&FromReceiver::Accept).await;
                        self.say(last).await;
                    }
                    Some(Control::Stop(_)) | None => return,
                    Some(_) => {}
                },
                message = next(&mut self.link) => match message {
                    Some(FromSender::Peers(nodes)) => self.meet(nodes).await,
                    None if !self.link.as_ref().is_some_and(ConsentStream::ended_well) => self.lost(),
                    _ => break,
                },
                () = timer(self.consent.clone(), away) => self.consent.handle(InboxEvent::Tick),
                () = stop.cancelled() => break,
            }
        }
        if let Some(link) = self.link.take() {
            link.finish(None::<&FromReceiver>).await;
        }
    }
}

/// What a job tells that may not run yet.
async fn told(events: &mut Option<mpsc::Receiver<DownloadEvent>>) -> Option<DownloadEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// Comes when the machine has something to do, while the sender is away.
async fn timer(consent: Consent, away: bool) {
    let due = consent.desk().inbox.next_tick();
    match due.filter(|_| away) {
        Some(due) => sleep_until((consent.0.started + due).into()).await,
        None => std::future::pending().await,
    }
}

fn job_file(file: &AskedFile) -> Option<JobFile> {
    let name = RelPath::parse(&file.name).ok()?;
    Some(JobFile {
        at: None,
        offered: (file.name != name.as_str()).then(|| file.name.as_str().into()),
        name,
        id: file.file,
        size: file.size,
        offer: Offer {
            size: file.size,
            mtime: file.mtime,
            executable: file.executable,
            mode: file.mode,
            media: file.media.clone(),
            held: Held::Shared,
            parts: None,
        },
    })
}
