//! The part of a download in which bytes travel: the loop around the core machine.
//!
//! Knows which chunk belongs to which file, hands the machine what happened, and does what it says.
//! Invariants: at most [`ACTIVE`] files are open; a chunk counts for a file once it is written and
//! verified; a file is finished only when all of it counts.

mod chunks;
mod control;
mod files;
mod news;
mod replaced;
mod reporting;
mod small_files;
mod sources;
mod timeout;
mod versions;

use super::{
    Job, JobFile, Services, Tally,
    batch::BatchFile,
    per_file::{FileIndex, PerFile},
    prepare::{Coming, Opened, Prepared},
};
use crate::{
    core::{
        Now,
        download::{Download, TransferAction, TransferEvent},
        have::HaveSet,
        id::{FileId, NodeId},
        index::{ChunkIndex, Position, Span},
        manifest::Entry,
        path::RelPath,
        selection::Selection,
        stall::Stall,
        succession::Succession,
    },
    net::RequestError,
    node::{
        api::{DownloadError, DownloadRequest},
        book::{Orders, Reports},
        pump::{Arriving, Outcome, Pump},
        swarm::{Source, is_id},
    },
    store::{Finished, Laid, Nearby, StoreError, Taken},
    wire::control::{Offer, Response},
};
use reporting::{BEGIN, PROGRESS};
use small_files::SmallFiles;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    task::{AbortHandle, JoinSet},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;
use versions::Versions;

/// Files that are open at a time.
const ACTIVE: usize = 64;
/// Outcomes that wait for the loop: a few pipelines' worth.
const OUTCOMES: usize = 1024;
/// While nobody has the rest: how often those who said that they have it are asked once more. A
/// file may have been missing for a moment only.
const ASK_AGAIN: Duration = Duration::from_secs(3);

struct Active {
    opened: Opened,
    span: Span,
    /// Chunks that do not count yet, and the bytes of those that do.
    left: u32,
    counted: u64,
    syncing: bool,
}

impl Active {
    /// What stands at a position of the job, if that is of this file.
    fn entry_at(&self, position: Position) -> Option<(ChunkIndex, Entry)> {
        let chunk = self.span.index_of(position)?;
        Some((chunk, self.opened.manifest.entries()[chunk.at()]))
    }
}

/// Where the chunks of a file begin in the job.
struct FileStart {
    first: Position,
    file: FileIndex,
}

enum State {
    Waiting,
    Preparing,
    Active(Box<Active>),
    /// A small file, where its chunk stands in the job, and the chunk (`small`).
    Small(Position, Entry),
    Finishing,
    Ended,
}

/// What a task of the job brings back, and for which file.
enum Done {
    /// The id is that of the contents, which may be replaced meanwhile.
    Prepared(FileIndex, FileId, Result<Prepared, DownloadError>),
    Synced(FileIndex, Result<(), StoreError>),
    Copied(Position, Result<(), StoreError>),
    Finished(FileIndex, Result<Finished, StoreError>),
    Have(FileIndex, NodeId, Result<Response, RequestError>),
    /// Small files, many at a time.
    Batch(Vec<(FileIndex, BatchFile)>),
    Laid(Vec<(FileIndex, Result<Laid, StoreError>)>),
    Placed(Vec<(FileIndex, Result<Finished, StoreError>)>),
    Lost(Vec<FileIndex>, DownloadError),
    /// What a holder of another version has of a file.
    Version(FileIndex, Source, HaveSet),
}

/// What a peer is known to have of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    Asked,
    Partial,
    Whole,
    /// It has all of it now, and was followed until then.
    Grown,
    /// Less than it said: its file changed, or could not be read for a moment.
    Lacking,
}

/// A download whose files are known.
pub struct Transfer {
    services: Services,
    into: PathBuf,
    /// Where more of the files may lie than the index knows.
    nearby: Arc<Nearby>,
    taken: Taken,
    reports: Reports,
    orders: Orders,
    /// Asks for nothing more, until it is told to go on.
    paused: bool,
    started: Instant,
    files: PerFile<JobFile>,
    states: PerFile<State>,
    /// Which files are complete.
    whole: PerFile<bool>,
    tallies: PerFile<Tally>,
    /// Who offered each file as its own.
    owners: PerFile<Succession>,
    /// The ids among the words that were asked for.
    exact: Vec<String>,
    /// What comes of their manifests.
    coming: Arc<Coming>,
    /// The tasks that prepare files, and since when.
    preparing: HashMap<FileIndex, (AbortHandle, Instant)>,
    /// Active files that nobody offers.
    orphans: HashSet<FileIndex>,
    looked_for_heirs: Instant,
    /// Files that are `Waiting`, in order, but for the small ones.
    queue: VecDeque<FileIndex>,
    smalls: SmallFiles,
    versions: Versions,
    /// What the actor is to be told next.
    offers: Vec<(RelPath, FileId, Option<Offer>)>,
    /// The first chunk of each file that ever was active, ascending, for finding a chunk's file.
    starts: Vec<FileStart>,
    machine: Download,
    /// What readers wait for, as the machine knows it.
    urgent: Vec<Span>,
    pumps: HashMap<NodeId, Pump>,
    names: HashMap<NodeId, String>,
    known: HashMap<(NodeId, FileIndex), Knowledge>,
    /// Whom of all who have something of a file it asks and follows.
    selections: HashMap<FileIndex, Selection>,
    liars: HashSet<NodeId>,
    /// Who asked for what is here of a file that is downloaded, and when: so it downloads that,
    /// too, whatever its catalog says yet.
    met: HashMap<NodeId, Instant>,
    outcomes: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
    /// What is on its way in the pumps.
    arriving: Arriving,
    /// With a timeout: how long nothing useful may come yet.
    stall: Option<Stall>,
    tasks: JoinSet<Done>,
    done_bytes: u64,
    /// Bytes that were here of versions that were replaced.
    left_behind: u64,
    files_done: u32,
    ended: usize,
    /// Since when nobody has the rest; `None` while somebody says to have it.
    sourceless: Option<Instant>,
    /// Since when nobody had the rest for the first time after the last chunk came: claims alone
    /// are no progress.
    dry: Option<Instant>,
    said_waiting: bool,
    /// The disk is full: what is here already still counts, and nothing more is fetched.
    full: bool,
    /// When the start is told at the latest; `None` once it is.
    begin_by: Option<Instant>,
    asked_again: Instant,
    /// When those who follow are told what came; `None` while nothing has.
    tell_at: Option<Instant>,
    shown: Instant,
}

impl Transfer {
    /// Begins with all files waiting.
    pub fn new(
        services: Services,
        job: Job,
        request: DownloadRequest,
        (files, taken): (Vec<JobFile>, Taken),
    ) -> Self {
        let Job {
            reports,
            orders,
            started,
            ..
        } = job;
        let into = request.into.unwrap_or_else(|| services.home.downloads());
        let mut reuse = request.reuse;
        let of_all = services.reuse.iter().filter(|path| !reuse.contains(path));
        let of_all: Vec<_> = of_all.cloned().collect();
        reuse.extend(of_all);
        let files: PerFile<JobFile> = files.into_iter().collect();
        let smalls = SmallFiles::of(&files);
        Self {
            machine: Download::new(services.me).limited_to(services.download.rate()),
            nearby: Arc::new(Nearby::new(&services.home, &into, &reuse)),
            into,
            taken,
            reports,
            orders,
            paused: false,
            started,
            states: files.map(|_| State::Waiting),
            whole: files.map(|_| false),
            tallies: files.map(|_| tally()),
            queue: files.indices().filter(|&at| !smalls.has(at)).collect(),
            smalls,
            owners: files.map(|_| Succession::default()),
            exact: request
                .what
                .into_iter()
                .filter(|word| is_id(word))
                .collect(),
            coming: Arc::default(),
            preparing: HashMap::new(),
            orphans: HashSet::new(),
            looked_for_heirs: Instant::now(),
            versions: Versions::default(),
            offers: Vec::new(),
            files,
            starts: Vec::new(),
            urgent: Vec::new(),
            pumps: HashMap::new(),
            names: HashMap::new(),
            known: HashMap::new(),
            selections: HashMap::new(),
            liars: HashSet::new(),
            met: HashMap::new(),
            outcomes: mpsc::channel(OUTCOMES),
            arriving: Arriving::default(),
            stall: request
                .timeout
                .map(|timeout| Stall::new(timeout, services.download.rate(), started.elapsed())),
            tasks: JoinSet::new(),
            done_bytes: 0,
            left_behind: 0,
            files_done: 0,
            ended: 0,
            sourceless: None,
            dry: None,
            said_waiting: false,
            full: false,
            begin_by: Some(Instant::now() + BEGIN),
            asked_again: Instant::now(),
            tell_at: None,
            shown: Instant::now(),
            services,
        }
    }

    fn now(&self) -> Now {
        self.started.elapsed()
    }

    /// Runs until every file ended, or `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut held = self.services.held.subscribe();
        let mut readers = self.services.windows.moved();
        self.hear_pause();
        self.note_owners();
        loop {
            self.prepare_more();
            self.move_small(false);
            self.tell().await;
            self.publish().await;
            self.show(false);
            if self.begin_by.is_some_and(|at| at <= Instant::now()) {
                self.begin().await;
            }
            if self.ended == self.files.len() {
                break;
            }
            let tick = self.next_tick();
            tokio::select! {
                () = cancel.cancelled() => {
                    self.interrupt().await;
                    break;
                }
                Some(outcome) = self.outcomes.1.recv() => {
                    self.outcome(outcome).await;
                    // Many may have come at once: take them before looking at anything slower.
                    while let Ok(outcome) = self.outcomes.1.try_recv() {
                        self.outcome(outcome).await;
                    }
                }
                Some(Ok(done)) = self.tasks.join_next() => self.done(done).await,
                Ok(()) = self.orders.paused.changed() => self.hear_pause(),
                Some(wanted) = self.orders.maps.recv() => self.draw(wanted),
                Ok(()) = readers.changed() => self.urge().await,
                Ok(()) = self.services.changed.changed(), if self.may_refresh() => {
                    self.refresh().await;
                }
                news = held.recv() => match news {
                    Ok(news) => self.held(&news).await,
                    // Too much news to hear all of it: ask anew.
                    Err(RecvError::Lagged(_)) => {
                        let whole = [Knowledge::Whole, Knowledge::Grown];
                        self.known.retain(|_, known| whole.contains(known));
                        self.refresh().await;
                    }
                    Err(RecvError::Closed) => {
                        self.interrupt().await;
                        break;
                    }
                },
                () = sleep_until(tick.into()) => {
                    if self.machine.next_tick().is_some_and(|at| at <= self.now()) {
                        self.feed(TransferEvent::Tick).await;
                    }
                    if self.versions.is_due() || self.is_hungry() {
                        self.refresh().await;
                    }
                    self.look_for_heirs().await;
                    self.check_timeout().await;
                }
            }
        }
        self.publish().await;
        // Who hears of the end finds offered what came.
        self.services.caught_up().await;
    }

    fn next_tick(&self) -> Instant {
        let machine = self.machine.next_tick().map(|at| self.started + at);
        let shown = self.shown + PROGRESS;
        let looks = self.next_look().map(|at| self.started + at);
        let times = [machine, self.tell_at, looks].into_iter().flatten();
        times
            .fold(shown, Instant::min)
            .max(Instant::now() + Duration::from_millis(1))
    }

    /// The file that a position of the job belongs to.
    fn file_of(&self, position: Position) -> FileIndex {
        let after = self.starts.partition_point(|start| start.first <= position);
        self.starts[after - 1].file
    }

    /// Gives an event to the machine, and does what it says. What cannot be done is another event.
    async fn feed(&mut self, event: TransferEvent) {
        tracing::trace!(?event);
        let actions = self.machine.handle(event, self.now());
        tracing::trace!(?actions);
        self.act(actions).await;
    }

    async fn act(&mut self, actions: Vec<TransferAction>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                TransferAction::Fetch { peer, chunk } => {
                    if !self.fetch(peer, chunk) {
                        let event = TransferEvent::Failed {
                            peer,
                            chunks: vec![chunk],
                        };
                        actions.extend(self.machine.handle(event, self.now()));
                    }
                }
                TransferAction::Cancel { peer, chunk } => {
                    if let Some(pump) = self.pumps.get(&peer) {
                        pump.cancel(chunk);
                    }
                }
                TransferAction::Drop { peer } => {
                    self.liars.insert(peer);
                    self.forget(peer);
                    let why = "it sent bytes that are not what they should be".to_owned();
                    self.services.drop_peer(peer, why).await;
                }
                TransferAction::Waiting => {
                    self.sourceless = Some(*self.dry.get_or_insert_with(Instant::now));
                }
                // Said when it is true: with the next chunk.
                TransferAction::Resumed | TransferAction::Complete => self.sourceless = None,
            }
        }
    }
}

/// Nothing came yet.
fn tally() -> Tally {
    Tally {
        fetched: 0,
        reused: 0,
        resumed: 0,
        sources: Vec::new(),
    }
}

fn panicked(error: &tokio::task::JoinError) -> DownloadError {
    DownloadError::Disk {
        what: "an internal task failed".into(),
        why: error.to_string(),
    }
}
