//! One download: a task that turns words into files in their place.
//!
//! It owns the core machine `Download`, the pumps to the peers it fetches from, and the partial
//! files. It never touches chunk bytes. The order of a file's life: *waiting* → *preparing*
//! (`prepare`) → *active* (chunks come in) → *finishing* (synced and renamed on a blocking thread)
//! → *done*, or *failed* at any point. Invariant: each file ends in exactly one `FileDone` or
//! `FileFailed`, and the job in one `End`.

mod batch;
mod per_file;
mod prepare;
mod resolve;
mod settle;
#[cfg(test)]
mod tests;
mod transfer;

pub use resolve::resolve;

use super::{
    api::{
        Contribution, DownloadError, DownloadEvent, DownloadRequest, Fetched, JobId, JobKind,
        Person,
    },
    book::{Opening, Orders, Reports},
    command::Command,
    services::Services,
    swarm::Meant,
};
use crate::{
    core::{
        id::{FileId, NodeId},
        path::RelPath,
    },
    store::{StoreError, reach},
    wire::control::Offer,
};
use std::{collections::HashMap, path::PathBuf, time::Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A file of a job.
#[derive(Clone, Debug)]
pub struct JobFile {
    /// What it is called here, to everybody.
    pub name: RelPath,
    /// Where it goes below the job's folder, if that is another name. A job may have very many
    /// files, and for most of them that name is all.
    pub at: Option<Box<RelPath>>,
    pub id: FileId,
    pub size: u64,
    pub offer: Offer,
    /// The name that it is offered by, if it is saved under another one.
    pub offered: Option<Box<str>>,
}

impl JobFile {
    /// Where it goes below the job's folder.
    pub fn place(&self) -> &RelPath {
        self.at.as_deref().unwrap_or(&self.name)
    }

    /// The name that it is offered by.
    pub fn offered(&self) -> &str {
        self.offered.as_deref().unwrap_or(self.name.as_str())
    }

    /// `None` for a name that may not be written: catalogs hold valid ones only.
    fn from_meant(meant: Meant) -> Option<Self> {
        let name = RelPath::parse(meant.name()).ok()?;
        Some(Self {
            at: None,
            offered: (meant.offered != name.as_str()).then(|| meant.offered.into()),
            name,
            id: meant.id,
            size: meant.size,
            offer: meant.offer,
        })
    }
}

/// What the store said, for the person who asked for the download.
pub fn disk_error(what: &str, error: StoreError) -> DownloadError {
    match error {
        StoreError::NoSpace { needed, at } => DownloadError::NoSpace { needed, at },
        other => DownloadError::Disk {
            what: what.to_owned(),
            why: other.to_string(),
        },
    }
}

/// A job as its task has it: whom it tells, and what it hears.
pub struct Job {
    id: JobId,
    reports: Reports,
    orders: Orders,
    cancel: CancellationToken,
    started: Instant,
}

impl Job {
    /// Notes a job before its task runs, so that it can be seen and cancelled from then on; `from`
    /// of what a person sends.
    pub fn new(
        services: &Services,
        request: &DownloadRequest,
        from: Option<(Person, u32)>,
        events: mpsc::Sender<DownloadEvent>,
        cancel: CancellationToken,
    ) -> Self {
        let received = from.is_some();
        let path = request.into.clone();
        let (id, orders) = services.book.begin(Opening {
            kind: if received {
                JobKind::Receive
            } else {
                JobKind::Download
            },
            name: request.what.join(", "),
            path: Some(path.unwrap_or_else(|| services.home.downloads())),
            to: Vec::new(),
            from,
            hidden: false,
            cancel: cancel.clone(),
        });
        Self {
            id,
            reports: Reports::new(&services.book, id, events),
            orders,
            cancel,
            started: Instant::now(),
        }
    }

    /// Its number.
    pub fn id(&self) -> JobId {
        self.id
    }
}

/// Runs a download to its end.
pub async fn run(mut services: Services, job: Job, request: DownloadRequest) {
    let found = tokio::select! {
        found = resolve::resolve(&mut services, &request) => found,
        () = job.cancel.cancelled() => resolve::interrupted(&request),
    };
    let reports = &job.reports;
    if !found.gaps.is_empty() {
        reports.send(DownloadEvent::Incomplete(found.gaps)).await;
    }
    let failed = found.failed.len();
    for (name, error) in found.failed {
        reports
            .send(DownloadEvent::FileFailed { name, error })
            .await;
    }
    let files = found.files.into_iter().filter_map(JobFile::from_meant);
    let files: Vec<JobFile> = files.collect();
    // What the swarm offers is for everybody, also where a person gave it before.
    for file in &files {
        services.reader.grants().show(&file.id);
    }
    if services.swarm.fetches_some() {
        let files = files.iter().map(|file| file.id).collect();
        services.tell(Command::LookFor(files)).await;
    }
    let meant = files.len() + failed;
    transfer(services, job, request, (files, meant)).await;
}

/// Fetches files that are known, from the circle of the services; `meant` things come in all, with empty
/// folders.
pub async fn run_private(
    services: Services,
    job: Job,
    request: DownloadRequest,
    (files, meant): (Vec<JobFile>, usize),
) {
    transfer(services, job, request, (files, meant)).await;
}

/// Whether anything can be saved there, found out once and before the first byte: a disk that
/// nothing can be written to may have all that is wanted already.
async fn reached(into: PathBuf, files: &[JobFile]) -> Result<(), DownloadError> {
    let folder = into.clone();
    let Err(why) = prepare::blocking(move || reach(&folder)).await? else {
        return Ok(());
    };
    let places = files.iter().map(|file| into.join(file.place().as_str()));
    let places: Vec<PathBuf> = places.collect();
    let all_here = move || places.iter().all(|place| place.is_file());
    if prepare::blocking(all_here).await? {
        return Ok(());
    }
    Err(disk_error("nothing can be saved there", why))
}

async fn transfer(
    services: Services,
    job: Job,
    mut request: DownloadRequest,
    (mut files, meant): (Vec<JobFile>, usize),
) {
    let reports = job.reports.clone();
    let mut settled = settle::settle(&mut request, &mut files, meant);
    if settled.is_ok() && !files.is_empty() {
        let into = request
            .into
            .get_or_insert_with(|| services.home.downloads());
        if let Err(error) = reached(into.clone(), &files).await {
            settled = Err(error);
        }
    }
    match settled {
        _ if files.is_empty() => {}
        Ok(taken) => {
            let cancel = job.cancel.clone();
            transfer::Transfer::new(services.clone(), job, request, (files, taken))
                .run(cancel)
                .await;
        }
        Err(error) => {
            let name = request.what.join(", ");
            reports
                .send(DownloadEvent::FileFailed { name, error })
                .await;
        }
    }
    reports.end().await;
}

/// The result of a file, from its parts.
struct Tally {
    fetched: u64,
    reused: u64,
    resumed: u64,
    sources: Vec<(NodeId, u64)>,
}

impl Tally {
    fn came(&mut self, peer: NodeId, bytes: u64) {
        self.fetched += bytes;
        let known = self.sources.iter_mut().find(|(node, _)| *node == peer);
        match known {
            Some((_, sum)) => *sum += bytes,
            None => self.sources.push((peer, bytes)),
        }
    }

    fn into_fetched(
        self,
        file: &JobFile,
        path: std::path::PathBuf,
        already: bool,
        started: Instant,
        names: &HashMap<NodeId, String>,
    ) -> Fetched {
        let sources = self.sources.into_iter().map(|(peer, bytes)| Contribution {
            peer,
            name: names.get(&peer).cloned().unwrap_or_else(|| peer.short()),
            bytes,
        });
        let mut sources: Vec<Contribution> = sources.collect();
        sources.sort_by_key(|source| (std::cmp::Reverse(source.bytes), source.peer));
        Fetched {
            name: file.name.as_str().to_owned(),
            id: file.id,
            path,
            size: file.size,
            fetched: self.fetched,
            reused: self.reused,
            resumed: self.resumed,
            elapsed: started.elapsed(),
            sources,
            already,
        }
    }
}
