//! The downloads that readers start.
//!
//! Owns which run, and ends each a moment after its last reader: a player that seeks closes one
//! request and makes another. Decides nothing of how chunks come. Invariants: one a file, and none
//! for a file that another job downloads; what came stays, as of any download that was stopped.

use crate::{
    core::id::FileId,
    node::{
        api::{DownloadError, DownloadEvent, DownloadRequest},
        job::{self, Job},
        services::Services,
    },
};
use parking_lot::Mutex;
use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a download goes on that nobody reads.
const LINGER: Duration = Duration::from_secs(10);
/// How long the swarm may take to know an id that it offered a moment ago.
const WAIT: Duration = Duration::from_secs(5);
/// Events of a download that wait for the task that watches it.
const EVENTS: usize = 16;

/// How a download ended; `None` while it runs.
type End = Option<Result<(), DownloadError>>;

/// The downloads of readers. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Fetches(Arc<Inner>);

struct Inner {
    services: Services,
    tasks: TaskTracker,
    stop: CancellationToken,
    running: Mutex<HashMap<FileId, Running>>,
}

struct Running {
    cancel: CancellationToken,
    readers: watch::Sender<usize>,
    end: watch::Receiver<End>,
}

/// A reader's part in a download.
pub struct Fetch {
    readers: watch::Sender<usize>,
    end: watch::Receiver<End>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.readers.send_modify(|count| *count -= 1);
    }
}

impl Fetch {
    /// Waits for its end.
    ///
    /// # Errors
    /// Why not all of the file is here.
    pub async fn ended(&mut self) -> Result<(), DownloadError> {
        let end = self.end.wait_for(Option::is_some).await;
        let end = end.ok().and_then(|end| end.clone());
        end.unwrap_or(Err(DownloadError::Interrupted))
    }
}

impl Fetches {
    /// None yet.
    pub fn new(services: &Services, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        Self(Arc::new(Inner {
            services: services.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            running: Mutex::default(),
        }))
    }

    /// Joins the download of `file`, or starts it; `None` while another job has it.
    /// What it finds in `reuse` the one that it starts need not fetch.
    pub fn join(&self, file: FileId, reuse: &Arc<[PathBuf]>) -> Option<Fetch> {
        let mut running = self.0.running.lock();
        if let Some(one) = running.get(&file) {
            if one.cancel.is_cancelled() || one.end.borrow().is_some() {
                return None; // Its end is told, too.
            }
            one.readers.send_modify(|count| *count += 1);
            let (readers, end) = (one.readers.clone(), one.end.clone());
            return Some(Fetch { readers, end });
        }
        if self.0.services.holdings.has(file) {
            return None;
        }
        let (readers, read) = watch::channel(1);
        let (ending, end) = watch::channel(None);
        let (of_reader, of_all) = (readers.clone(), end.clone());
        let (fetches, cancel) = (self.clone(), self.0.stop.child_token());
        let one = Running {
            cancel: cancel.clone(),
            readers,
            end,
        };
        running.insert(file, one);
        let reuse = Arc::clone(reuse);
        self.0.tasks.spawn(async move {
            let ended = Box::pin(fetches.run((file, &reuse), read, cancel)).await;
            fetches.0.running.lock().remove(&file);
            ending.send_replace(Some(ended));
            // Who could not join it any more may start another.
            fetches.0.services.windows.arrived(&file);
        });
        Some(Fetch {
            readers: of_reader,
            end: of_all,
        })
    }

    async fn run(
        &self,
        (file, reuse): (FileId, &[PathBuf]),
        mut read: watch::Receiver<usize>,
        cancel: CancellationToken,
    ) -> Result<(), DownloadError> {
        let services = &self.0.services;
        let request = DownloadRequest {
            what: vec![file.to_string()],
            wait: WAIT,
            reuse: reuse.to_vec(),
            ..DownloadRequest::default()
        };
        let (events, mut told) = mpsc::channel(EVENTS);
        let job = Job::new(services, &request, None, events, cancel.clone());
        let running = job::run(services.clone(), job, request);
        let watching = async {
            let mut end = Ok(());
            while let Some(event) = told.recv().await {
                if let DownloadEvent::FileFailed { error, .. } = event {
                    end = Err(error);
                }
            }
            end
        };
        let unread = async {
            loop {
                let nobody = read.wait_for(|count| *count == 0).await.is_err();
                let again = timeout(LINGER, read.wait_for(|count| *count > 0)).await;
                if nobody || again.is_err() {
                    break cancel.cancel();
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ((), end) = async { tokio::join!(running, watching) } => end,
            () = unread => Err(DownloadError::Interrupted),
        }
    }
}
