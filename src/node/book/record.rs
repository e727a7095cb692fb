//! What is known of one job: counted from what it tells. Pure: the clock comes in.
//!
//! Invariants: an ended job changes no more; at most [`ERRORS`] errors, [`RECIPIENTS`] people and,
//! once it ended, [`SOURCES`] sources are kept of it.

use crate::{
    core::{
        Now,
        id::{FileId, NodeId},
        meter::{Meter, eta},
        people::{is_id_of, is_name_of},
    },
    node::api::{
        DownloadEvent, Exit, FileError, JobId, JobInfo, JobKind, JobSource, JobState, Person,
        Progress, Recipient, RecipientState, SendEvent, WhoError, nobody,
    },
};
use std::{cmp::Reverse, collections::BTreeMap, path::PathBuf};

/// Failed files that are named.
const ERRORS: usize = 20;
/// People of a send that are shown: more may come to a group by and by.
const RECIPIENTS: usize = 1000;
/// Sources that stay of a job that ended.
const SOURCES: usize = 32;

/// See the module.
pub struct Record {
    pub kind: JobKind,
    pub name: String,
    pub progress: Progress,
    /// From whom, by which ask.
    pub from: Option<(Person, u32)>,
    pub paused: bool,
    /// Somebody here wants it to stop.
    pub cancelled: bool,
    /// Apart from pauses and the end.
    stands: JobState,
    ended: Option<(u64, JobState)>,
    id: Option<FileId>,
    path: Option<PathBuf>,
    /// Of a download its bytes from the network, of a send those that arrived.
    meter: Meter,
    sources: BTreeMap<NodeId, (String, Meter)>,
    to: Vec<Recipient>,
    /// Files, or people of a send, that have ended well.
    well: usize,
    /// How the others ended: each way once.
    failures: Vec<Exit>,
    errors: Vec<FileError>,
    started: u64,
}

impl Record {
    pub fn new(
        kind: JobKind,
        (name, path): (String, Option<PathBuf>),
        to: Vec<String>,
        from: Option<(Person, u32)>,
        started: u64,
    ) -> Self {
        let waits = |name| Recipient {
            name,
            node: None,
            state: RecipientState::Waiting,
            done: 0,
            error: None,
        };
        Self {
            kind,
            name,
            progress: Progress::default(),
            from,
            paused: false,
            cancelled: false,
            stands: JobState::Waiting,
            ended: None,
            id: None,
            path,
            meter: Meter::default(),
            sources: BTreeMap::new(),
            to: to.into_iter().take(RECIPIENTS).map(waits).collect(),
            well: 0,
            failures: Vec::new(),
            errors: Vec::new(),
            started,
        }
    }

    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub fn state(&self) -> JobState {
        match self.ended {
            Some((_, state)) => state,
            None if self.paused => JobState::Paused,
            None => self.stands,
        }
    }

    /// How far a download is.
    pub fn progress(&mut self, progress: Progress, now: Now) {
        self.progress = progress;
        let came = self.sources.values().map(|(_, meter)| meter.total()).sum();
        self.meter.note(came, now);
    }

    /// So much came from `node` so far.
    pub fn source(
        &mut self,
        node: NodeId,
        name: impl FnOnce() -> Option<String>,
        bytes: u64,
        now: Now,
    ) {
        let named = || (name().unwrap_or_else(|| node.short()), Meter::default());
        let (_, meter) = self.sources.entry(node).or_insert_with(named);
        if meter.total() == 0 {
            meter.note(0, now); // The first bytes are speed, too.
        }
        meter.note(bytes, now);
    }

    /// What a download tells.
    pub fn fetched(&mut self, event: &DownloadEvent) {
        match event {
            DownloadEvent::Start {
                name, id, progress, ..
            } => {
                self.name.clone_from(name);
                (self.id, self.progress) = (*id, *progress);
                self.stands = JobState::Running;
            }
            DownloadEvent::Waiting => self.stands = JobState::Waiting,
            DownloadEvent::Resumed => self.stands = JobState::Running,
            DownloadEvent::Replaced { id, .. } => {
                self.id = self.id.and(Some(*id));
                self.stands = JobState::Running;
            }
            DownloadEvent::FileDone(file) => {
                self.well += 1;
                if self.progress.files <= 1 {
                    self.path = Some(file.path.clone());
                }
            }
            DownloadEvent::FileFailed { name, error } => {
                self.failed(Exit::from(error), name.clone(), error.to_string());
            }
            DownloadEvent::Incomplete(_) | DownloadEvent::Progress(_) | DownloadEvent::End => {}
        }
    }

    fn failed(&mut self, how: Exit, name: String, error: String) {
        if !self.failures.contains(&how) {
            self.failures.push(how);
        }
        if self.errors.len() < ERRORS {
            self.errors.push(FileError { name, error });
        }
    }

    /// What a send tells.
    pub fn sent(&mut self, event: &SendEvent, now: Now) {
        use RecipientState as State;
        match event {
            SendEvent::Ready { name, files, size } => {
                self.name.clone_from(name);
                self.progress.files = *files;
                self.progress.size = *size;
            }
            SendEvent::Unsendable(why) => {
                self.failed(Exit::Failed, self.name.clone(), why.clone());
            }
            SendEvent::NotFound { name, error } => self.not_found(name, error),
            SendEvent::Asked(who) => self.stands_with(who, State::Asking),
            SendEvent::Accepted(who) | SendEvent::Resumed(who) => {
                self.stands_with(who, State::Running);
            }
            SendEvent::Waiting(who) => self.stands_with(who, State::Waiting),
            SendEvent::Progress { to, done, .. } => {
                if let Some(one) = self.recipient(to) {
                    one.done = *done;
                }
            }
            SendEvent::Done { to, size, .. } => {
                self.well += 1;
                if let Some(one) = self.recipient(to) {
                    (one.state, one.done) = (State::Done, *size);
                }
            }
            SendEvent::Refused { to, why } => {
                self.lost(to, State::Refused, Exit::Refused, why.why().to_owned());
            }
            SendEvent::Expired(to) => {
                let why = "no answer came in time".to_owned();
                self.lost(to, State::Refused, Exit::Refused, why);
            }
            SendEvent::Failed { to, why } => {
                self.lost(to, State::Failed, Exit::from(why), why.to_string());
            }
            SendEvent::LeftOut(_) | SendEvent::End => {}
        }
        self.progress.done = self.to.iter().map(|one| one.done).sum();
        self.meter.note(self.progress.done, now);
        let any = |state| self.to.iter().any(|one| one.state == state);
        self.stands = if any(State::Running) {
            JobState::Running
        } else if any(State::Asking) {
            JobState::Asking
        } else {
            JobState::Waiting
        };
    }

    /// The place of somebody, if need be that of the word that meant them.
    fn recipient(&mut self, who: &Person) -> Option<&mut Recipient> {
        let known = |one: &Recipient| one.node == Some(who.node);
        let meant = |one: &Recipient| {
            let named = is_name_of(&one.name, &who.name) || is_id_of(&one.name, &who.node);
            one.node.is_none() && one.state == RecipientState::Waiting && named
        };
        let place = self.to.iter().position(known);
        let place = place.or_else(|| self.to.iter().position(meant));
        let place = place.unwrap_or(self.to.len());
        if place == self.to.len() && place < RECIPIENTS {
            self.to.push(Recipient {
                name: String::new(),
                node: None,
                state: RecipientState::Waiting,
                done: 0,
                error: None,
            });
        }
        let one = self.to.get_mut(place)?;
        one.name.clone_from(&who.name);
        one.node = Some(who.node);
        Some(one)
    }

    fn stands_with(&mut self, who: &Person, state: RecipientState) {
        if let Some(one) = self.recipient(who) {
            one.state = state;
        }
    }

    fn lost(&mut self, who: &Person, state: RecipientState, how: Exit, why: String) {
        if let Some(one) = self.recipient(who) {
            (one.state, one.done) = (state, 0);
            one.error = Some(why.clone());
        }
        self.failed(how, who.name.clone(), why);
    }

    fn not_found(&mut self, word: &str, error: &WhoError) {
        let waits = |one: &&mut Recipient| one.name == word && one.state == RecipientState::Waiting;
        if let Some(one) = self.to.iter_mut().find(waits) {
            one.state = RecipientState::Failed;
            one.error = Some(nobody(word, error));
        }
        self.failed(Exit::from(error), word.to_owned(), nobody(word, error));
    }

    /// Nothing more happens.
    pub fn end(&mut self, at: u64) {
        if self.has_ended() {
            return;
        }
        let stopped = self.failures.contains(&Exit::Interrupted) && self.from.is_none();
        let state = if self.cancelled || stopped {
            JobState::Cancelled
        } else if self.failures.is_empty() {
            JobState::Done
        } else {
            JobState::Failed
        };
        self.ended = Some((at, state));
        self.progress.sources = 0;
        // Words that meant nobody else than others did.
        let nobody = |one: &Recipient| one.node.is_none() && one.error.is_none();
        self.to.retain(|one| !nobody(one));
        let mut bytes: Vec<u64> = self.sources.values().map(|(_, one)| one.total()).collect();
        bytes.sort_by_key(|bytes| Reverse(*bytes));
        if let Some(&least) = bytes.get(SOURCES - 1) {
            self.sources.retain(|_, (_, one)| one.total() >= least);
        }
    }

    /// What a front end sees.
    pub fn info(&self, number: JobId, now: Now) -> JobInfo {
        let state = self.state();
        let rate_of = |meter: &Meter| {
            let runs = self.ended.is_none();
            if runs { meter.rate(now) } else { 0 }
        };
        let rate = rate_of(&self.meter);
        let mut sources: Vec<JobSource> = self
            .sources
            .iter()
            .map(|(node, (name, meter))| JobSource {
                node: *node,
                name: name.clone(),
                via: None,
                bytes: meter.total(),
                rate: rate_of(meter),
            })
            .collect();
        sources.sort_by_key(|source| Reverse(source.bytes));
        let fetching =
            |one: &&Recipient| matches!(one.state, RecipientState::Running | RecipientState::Done);
        let times = match self.kind {
            JobKind::Send => self.to.iter().filter(fetching).count().max(1) as u64,
            JobKind::Download | JobKind::Receive => 1,
        };
        let Progress {
            done,
            size,
            files,
            files_done,
            sources: holders,
        } = self.progress;
        let size = size.saturating_mul(times);
        let left = size.saturating_sub(done);
        JobInfo {
            number,
            kind: self.kind,
            state,
            name: self.name.clone(),
            id: self.id,
            path: self.path.clone(),
            done,
            size,
            files,
            files_done,
            rate,
            eta: eta(left, rate).filter(|_| state == JobState::Running),
            holders,
            sources,
            to: self.to.clone(),
            from: self.from.as_ref().map(|(person, _)| person.clone()),
            ask: self.from.as_ref().map(|(_, ask)| *ask),
            error: self.errors.first().map(|first| first.error.clone()),
            exit: self.exit(),
            errors: self.errors.clone(),
            started: self.started,
            ended: self.ended.map(|(at, _)| at),
            pausable: self.ended.is_none(),
        }
    }

    fn exit(&self) -> Option<Exit> {
        let (_, state) = self.ended?;
        Some(match state {
            JobState::Cancelled => Exit::Interrupted,
            _ => Exit::of(self.well, &self.failures),
        })
    }
}
