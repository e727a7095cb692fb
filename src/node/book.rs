//! The job book: every download, every send and everything that is received at this node, no matter
//! which front end started it.
//!
//! Owns the numbers of jobs and what is known of each. Never does any of their work: they tell it
//! what happens ([`Reports`]), and hear from it when they are to pause, stop or draw their map.
//! Invariants: what ended stays, the last [`ENDED`] of it; a job's end is noted once; nobody waits
//! while the book is open.

mod record;
#[cfg(test)]
mod tests;

use super::api::{
    DownloadEvent, HaveMap, JobError, JobId, JobInfo, JobKind, JobNews, NodeEvent, Person,
    Progress, SendEvent,
};
use crate::{
    core::{Now, id::NodeId},
    store::clock::unix_now,
};
use parking_lot::Mutex;
use record::Record;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Jobs that ended and are still shown.
const ENDED: usize = 200;
/// Those who wait for a map of one job.
const MAPS: usize = 4;
/// How long a job may take to draw its map.
const DRAWING: Duration = Duration::from_secs(2);

/// A question for the map of what is here.
pub type MapWanted = oneshot::Sender<HaveMap>;

/// See the module. Clones are handles to the same book.
#[derive(Clone)]
pub struct Book(Arc<Inner>);

struct Inner {
    started: Instant,
    next: AtomicU64,
    jobs: Mutex<BTreeMap<JobId, Entry>>,
    changed: watch::Sender<u64>,
    events: broadcast::Sender<NodeEvent>,
}

struct Entry {
    record: Record,
    /// Not shown: an attempt of another job.
    hidden: bool,
    cancel: CancellationToken,
    pause: watch::Sender<bool>,
    maps: mpsc::Sender<MapWanted>,
}

/// What a job begins with.
pub struct Opening {
    pub kind: JobKind,
    /// What it is about, as long as nothing better is known.
    pub name: String,
    /// Where it goes.
    pub path: Option<PathBuf>,
    /// Of a send: the words that say to whom.
    pub to: Vec<String>,
    /// Of what is received: from whom, by which ask.
    pub from: Option<(Person, u32)>,
    pub hidden: bool,
    pub cancel: CancellationToken,
}

/// What a job hears from its reader.
pub struct Orders {
    /// Whether it is to ask for nothing, or to give nothing.
    pub paused: watch::Receiver<bool>,
    /// Who wants a map.
    pub maps: mpsc::Receiver<MapWanted>,
}

impl Book {
    pub fn new(events: broadcast::Sender<NodeEvent>) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            next: AtomicU64::new(1),
            jobs: Mutex::default(),
            changed: watch::channel(0).0,
            events,
        }))
    }

    fn now(&self) -> Now {
        self.0.started.elapsed()
    }

    /// Notes a job before its task runs, so that it can be seen and stopped from then on.
    pub fn begin(&self, opening: Opening) -> (JobId, Orders) {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (pause, paused) = watch::channel(false);
        let (ask, maps) = mpsc::channel(MAPS);
        let Opening { hidden, cancel, .. } = opening;
        let (kind, words) = (opening.kind, (opening.name, opening.path));
        let entry = Entry {
            record: Record::new(kind, words, opening.to, opening.from, unix_now()),
            hidden,
            cancel,
            pause,
            maps: ask,
        };
        self.0.jobs.lock().insert(number, entry);
        self.note(number, |_, _| {});
        self.tell(number);
        (number, Orders { paused, maps })
    }

    /// Changes a record, and says so where its state is another than before.
    fn note(&self, number: JobId, change: impl FnOnce(&mut Record, Now)) {
        let now = self.now();
        let differs = {
            let mut jobs = self.0.jobs.lock();
            let Some(entry) = jobs.get_mut(&number) else {
                return;
            };
            let before = (entry.record.state(), entry.record.name.clone());
            change(&mut entry.record, now);
            before != (entry.record.state(), entry.record.name.clone())
        };
        self.0.changed.send_modify(|version| *version += 1);
        if differs {
            self.tell(number);
        }
    }

    fn tell(&self, number: JobId) {
        let news = {
            let jobs = self.0.jobs.lock();
            let entry = jobs.get(&number).filter(|entry| !entry.hidden);
            entry.map(|Entry { record, .. }| JobNews {
                number,
                kind: record.kind,
                state: record.state(),
                name: record.name.clone(),
            })
        };
        if let Some(news) = news {
            let _ = self.0.events.send(NodeEvent::Job(news)); // Nobody watches: fine.
        }
    }

    /// How far a download is, and who gave how much of it.
    pub fn progress<'a>(
        &self,
        number: JobId,
        progress: Progress,
        sources: impl Iterator<Item = (NodeId, u64)>,
        name: impl Fn(&NodeId) -> Option<&'a str>,
    ) {
        self.note(number, |record, now| {
            for (node, bytes) in sources {
                record.source(node, || name(&node).map(str::to_owned), bytes, now);
            }
            record.progress(progress, now);
        });
    }

    /// Notes what a send tells.
    pub fn sent(&self, number: JobId, event: &SendEvent) {
        self.note(number, |record, now| record.sent(event, now));
    }

    fn fetched(&self, number: JobId, event: &DownloadEvent) {
        self.note(number, |record, _| record.fetched(event));
    }

    /// Notes the end of a job. What was noted of it says how it ended.
    pub fn end(&self, number: JobId) {
        let at = unix_now();
        self.note(number, |record, _| record.end(at));
        let mut jobs = self.0.jobs.lock();
        if jobs.get(&number).is_some_and(|entry| entry.hidden) {
            jobs.remove(&number);
        }
        let ended = jobs.iter().filter(|(_, entry)| entry.record.has_ended());
        let ended: Vec<JobId> = ended.map(|(number, _)| *number).collect();
        for old in &ended[..ended.len().saturating_sub(ENDED)] {
            jobs.remove(old);
        }
    }

    /// Downloads under way, with those of what people send.
    pub fn downloading(&self) -> Vec<(String, Progress)> {
        let jobs = self.0.jobs.lock();
        let running = jobs.values().map(|entry| &entry.record);
        let running = running.filter(|one| !one.has_ended() && one.kind != JobKind::Send);
        running
            .map(|one| (one.name.clone(), one.progress))
            .collect()
    }

    /// How many downloads share the way in.
    pub fn sharers(&self) -> usize {
        let jobs = self.0.jobs.lock();
        let running = jobs.values().map(|entry| &entry.record);
        running
            .filter(|one| !one.has_ended() && one.kind != JobKind::Send)
            .count()
    }

    fn find<T>(&self, number: JobId, read: impl FnOnce(&mut Entry) -> T) -> Result<T, JobError> {
        let mut jobs = self.0.jobs.lock();
        let entry = jobs.get_mut(&number).filter(|entry| !entry.hidden);
        let entry = entry.ok_or(JobError::Unknown(number))?;
        if entry.record.has_ended() {
            return Err(JobError::Ended(number));
        }
        Ok(read(entry))
    }

    /// Stops a job that is hidden, too; nothing happens when there is none.
    pub fn stop(&self, number: JobId) {
        if let Some(entry) = self.0.jobs.lock().get(&number) {
            entry.cancel.cancel();
        }
    }

    /// Comes when a job is stopped; at once when there is none.
    pub fn cancelled(&self, number: JobId) -> CancellationToken {
        let known = self.0.jobs.lock();
        known.get(&number).map_or_else(
            || {
                let over = CancellationToken::new();
                over.cancel();
                over
            },
            |entry| entry.cancel.clone(),
        )
    }

    /// Stops a job; gives the ask of what is received, which has to be told, too.
    pub fn cancel(&self, number: JobId) -> Result<Option<u32>, JobError> {
        self.find(number, |entry| {
            entry.record.cancelled = true;
            let ask = entry.record.from.as_ref().map(|(_, ask)| *ask);
            if ask.is_none() {
                entry.cancel.cancel();
            }
            ask
        })
    }

    /// Lets a download ask for no more, or a send give no more; or go on.
    pub fn pause(&self, number: JobId, pause: bool) -> Result<(), JobError> {
        self.find(number, |entry| {
            entry.pause.send_replace(pause);
        })?;
        self.note(number, |record, _| record.paused = pause);
        Ok(())
    }

    /// What is here of a download; `None` when it has no map (yet).
    pub async fn map(&self, number: JobId) -> Option<HaveMap> {
        let maps = self.find(number, |entry| entry.maps.clone()).ok()?;
        let (wanted, drawn) = oneshot::channel();
        maps.try_send(wanted).ok()?;
        timeout(DRAWING, drawn).await.ok()?.ok()
    }

    /// Grows with every change of any job.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// All that are shown, the newest first.
    pub fn list(&self) -> Vec<JobInfo> {
        let (jobs, now) = (self.0.jobs.lock(), self.now());
        let shown = jobs.iter().rev().filter(|(_, entry)| !entry.hidden);
        shown
            .map(|(number, entry)| entry.record.info(*number, now))
            .collect()
    }

    /// One of them.
    pub fn get(&self, number: JobId) -> Option<JobInfo> {
        let (jobs, now) = (self.0.jobs.lock(), self.now());
        let entry = jobs.get(&number).filter(|entry| !entry.hidden)?;
        Some(entry.record.info(number, now))
    }
}

/// What a download tells, to the book and to those who asked for it. Clones tell of the same one.
#[derive(Clone)]
pub struct Reports {
    book: Book,
    number: JobId,
    events: mpsc::Sender<DownloadEvent>,
}

impl Reports {
    pub fn new(book: &Book, number: JobId, events: mpsc::Sender<DownloadEvent>) -> Self {
        let book = book.clone();
        Self {
            book,
            number,
            events,
        }
    }

    /// Tells what must not be lost. Nobody who listens any more is no failure: the download goes
    /// on.
    pub async fn send(&self, event: DownloadEvent) {
        self.book.fetched(self.number, &event);
        let _ = self.events.send(event).await;
    }

    /// Tells how far it is; a slow reader loses that.
    pub fn show(&self, progress: Progress) {
        let _ = self.events.try_send(DownloadEvent::Progress(progress));
    }

    /// Notes how far it is, and who gave how much.
    pub fn note<'a>(
        &self,
        progress: Progress,
        sources: impl Iterator<Item = (NodeId, u64)>,
        name: impl Fn(&NodeId) -> Option<&'a str>,
    ) {
        self.book.progress(self.number, progress, sources, name);
    }

    /// Tells the end.
    pub async fn end(&self) {
        self.book.end(self.number);
        let _ = self.events.send(DownloadEvent::End).await;
    }
}
