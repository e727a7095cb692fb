//! Before the first chunk of a file: its manifest, from here or from any holder; the partial file;
//! and whatever chunks are here already.
//!
//! Invariant: no manifest is believed that does not hash to the file id, and a peer that sends such
//! a one is dropped.

use super::{JobFile, Services, disk_error};
use crate::{
    core::{
        id::NodeId,
        manifest::{Entry, Manifest, shortest_chunk},
    },
    node::{
        api::{DownloadError, DownloadEvent},
        book::Reports,
        manifest::{self, NoManifest},
    },
    store::{FileSize, Nearby, Partial, Spot, StoreError, Taken, find_existing},
    wire::manifest::Root,
};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Between two rounds when nobody could give the manifest.
const RETRY: Duration = Duration::from_millis(500);

/// A holder that has not answered for so long is not waited for alone: the next one is asked too.
pub(super) const PATIENCE: Duration = Duration::from_millis(750);
/// Holders asked at a time.
const AT_ONCE: usize = 8;

/// A file whose chunks can now be fetched, or that needs none.
pub enum Prepared {
    /// It lies in its place already, with the same contents.
    Already(PathBuf),
    /// The partial file is open.
    Open(Box<Opened>),
}

/// What is known of a file that is being downloaded.
pub struct Opened {
    pub manifest: Arc<Manifest>,
    pub partial: Partial,
    /// Bytes of it that an earlier run had verified.
    pub resumed: u64,
    /// Bytes of it that were copied from other files of this machine, and those of holes.
    pub reused: u64,
    /// Room for its manifest in memory, when it is a large one.
    _turn: Option<OwnedSemaphorePermit>,
}

/// What to do while nobody has the manifest. When to give up is the job's decision: it sees all
/// that comes.
pub struct Patience {
    /// Who is told that the download waits.
    pub reports: Reports,
    /// What the job is told.
    pub coming: Arc<Coming>,
}

/// The manifests of a job that are fetched from others just now.
#[derive(Debug, Default)]
pub struct Coming {
    files: AtomicUsize,
    bytes: AtomicU64,
}

impl Coming {
    /// Whether others are waited for.
    pub fn is_awaited(&self) -> bool {
        self.files.load(Ordering::Relaxed) > 0
    }

    /// Bytes of manifests that came so far: those of pages that were not here, so that asking anew
    /// is no progress.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn file(self: &Arc<Self>) -> Awaited {
        self.files.fetch_add(1, Ordering::Relaxed);
        Awaited(Arc::clone(self))
    }
}

/// A file whose manifest is fetched.
struct Awaited(Arc<Coming>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does all that is needed before the first fetch.
pub async fn prepare(
    mut services: Services,
    file: JobFile,
    (into, taken): (PathBuf, Taken),
    patience: Patience,
    nearby: Arc<Nearby>,
) -> Result<Prepared, DownloadError> {
    // What reads the disk is told when nobody waits for it any more.
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let (manifest, turn) = loop {
        match known(&services, &file).await? {
            Some(known) => break known,
            None => fetch(&mut services, &file, &into, &patience).await?,
        }
    };
    let opened = move || {
        let (name, at) = (&file.name, file.place());
        let spot = Spot { name, at, taken };
        let manifest = (Arc::new(manifest), turn);
        let opened = open(&services, spot, manifest, (&into, &nearby), &stop);
        if opened.is_err() {
            // What was fetched for nothing does not stay.
            services.index.remove_manifest(&file.id)?;
        }
        opened
    };
    blocking(opened)
        .await?
        .map_err(|error| disk_error("the download cannot be stored", error))
}

/// The manifest, if it is here, once there is room for it in memory.
async fn known(
    services: &Services,
    file: &JobFile,
) -> Result<Option<(Manifest, Option<OwnedSemaphorePermit>)>, DownloadError> {
    let read = |error| disk_error("the index", error);
    let (index, id) = (services.index.clone(), file.id);
    let root = blocking(move || index.root(&id)).await?.map_err(read)?;
    let Some(root) = root.and_then(|root| Root::decode(id, &root).ok()) else {
        return Ok(None);
    };
    let turn = services.large.turn(root.chunks).await;
    let index = services.index.clone();
    let manifest = blocking(move || index.manifest(&id)).await?.map_err(read)?;
    Ok(manifest.map(|manifest| (manifest, turn)))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DownloadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| DownloadError::Interrupted)
}

fn open(
    services: &Services,
    spot: Spot<'_>,
    (manifest, turn): (Arc<Manifest>, Option<OwnedSemaphorePermit>),
    (into, nearby): (&Path, &Nearby),
    stop: &CancellationToken,
) -> Result<Prepared, StoreError> {
    if let Some(path) = find_existing(&services.reader, into, spot, &manifest)? {
        return Ok(Prepared::Already(path));
    }
    let (partial, have) = Partial::open(
        &services.home,
        &services.index,
        &services.reader,
        manifest.clone(),
        into,
    )?;
    services
        .index
        .set_begun(&manifest.file(), spot.name.as_str())?;
    let here = have.iter().map(|at| manifest.entries()[at as usize]);
    let (holes, written): (Vec<Entry>, Vec<Entry>) = here.partition(Entry::is_hole);
    let bytes = |of: Vec<Entry>| of.iter().map(|entry| u64::from(entry.len)).sum::<u64>();
    let (resumed, mut reused) = (bytes(written), bytes(holes));
    if !have.is_full() {
        reused += partial.copy_local(|_| !stop.is_cancelled())?.bytes;
        let names = (spot.name, spot.at);
        reused += partial
            .copy_near(nearby, names, || !stop.is_cancelled())?
            .bytes;
    }
    Ok(Prepared::Open(Box::new(Opened {
        manifest,
        partial,
        resumed,
        reused,
        _turn: turn,
    })))
}

/// Asks one holder for the manifest: first for its head, then, if the file fits the disk, for the
/// rest of it. False when it is not what a person said yes to.
async fn ask(
    services: Services,
    node: NodeId,
    file: JobFile,
    into: PathBuf,
    coming: Arc<Coming>,
) -> Result<bool, NoManifest> {
    let head = manifest::head(&services.net, node, file.id).await?;
    let (size, pages) = (head.root.size, head.root.pages.len());
    // Nobody said yes to more, or less, than was asked.
    if services.circle.is_some() && size != file.size {
        return Ok(false);
    }
    if pages > 1 {
        // So a manifest takes no more than a thousandth of what is free, whatever somebody says
        // that a file is. How much of it are holes is not known yet, so large chunks are no reason
        // to refuse it.
        let size = FileSize {
            whole: size,
            data: size.min(u64::from(head.root.chunks) * u64::from(shortest_chunk(size))),
        };
        let home = services.home.clone();
        let room =
            spawn_blocking(move || Partial::room_for(&home, &file.id, size, &into, file.place()));
        room.await
            .map_err(|_| NoManifest::Missing)?
            .map_err(NoManifest::Disk)?;
    }
    let came = |bytes| {
        coming.bytes.fetch_add(bytes, Ordering::Relaxed);
    };
    head.fetch_into(&services.net, &services.index, came)
        .await?;
    Ok(true)
}

/// Asks one holder after another, the next one as soon as one is slow, round after round, until the
/// manifest is here.
async fn fetch(
    services: &mut Services,
    file: &JobFile,
    into: &Path,
    patience: &Patience,
) -> Result<(), DownloadError> {
    let started = Instant::now();
    let _awaited = patience.coming.file();
    let mut lied = false;
    let mut said = false;
    // Asked in this round, and those of them that have not answered.
    let (mut tried, mut asked) = (HashSet::new(), JoinSet::new());
    loop {
        let sources = services.sources(&[file.id]).pop().unwrap_or_default();
        let name = || file.name.as_str().to_owned();
        if lied && sources.is_empty() {
            return Err(DownloadError::Verification(name()));
        }
        if !said && started.elapsed() >= Duration::from_secs(1) {
            said = true;
            patience.reports.send(DownloadEvent::Waiting).await;
        }
        let next = sources
            .into_iter()
            .find(|source| !tried.contains(&source.node));
        if let Some(source) = next.filter(|_| asked.len() < AT_ONCE) {
            tried.insert(source.node);
            let (coming, into) = (patience.coming.clone(), into.to_owned());
            let asking = ask(services.clone(), source.node, file.clone(), into, coming);
            asked.spawn(async move { (source.node, asking.await) });
        } else if asked.is_empty() {
            // Nobody had it: another round, soon.
            tried.clear();
            let _ = timeout(RETRY, services.changed.changed()).await;
            continue;
        }
        // A slow peer is not waited for alone.
        let Ok(Some(Ok((node, answer)))) = timeout(PATIENCE, asked.join_next()).await else {
            continue;
        };
        match answer {
            Ok(true) => {
                if said {
                    patience.reports.send(DownloadEvent::Resumed).await;
                }
                return Ok(());
            }
            Ok(false) => return Err(DownloadError::Verification(name())),
            Err(NoManifest::Lied(why)) => {
                lied = true;
                let why = format!("its manifest is false: {why}");
                services.drop_peer(node, why).await;
            }
            Err(NoManifest::Disk(error)) => {
                return Err(disk_error("the manifest cannot be stored", error));
            }
            Err(NoManifest::Missing) => {}
        }
    }
}
