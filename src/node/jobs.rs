//! What front ends see of jobs, and may do with them, no matter which front end started them.

use super::{
    Node,
    api::{HaveMap, JobError, JobId, JobInfo},
};
use crate::core::{id::NodeId, via::Via};
use std::collections::HashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[cfg(test)]
mod tests;

impl Node {
    /// Every download, send and receive that runs, and the last 200 that ended, the newest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobInfo> {
        let mut jobs = self.shared.services.book.list();
        self.add_paths(&mut jobs);
        jobs
    }

    /// How many run.
    #[must_use]
    pub fn running_jobs(&self) -> usize {
        let jobs = self.shared.services.book.list();
        jobs.iter().filter(|job| !job.state.has_ended()).count()
    }

    /// One of them.
    #[must_use]
    pub fn job(&self, job: JobId) -> Option<JobInfo> {
        let mut jobs = [self.shared.services.book.get(job)?];
        self.add_paths(&mut jobs);
        let [job] = jobs;
        Some(job)
    }

    /// Grows with every change of any job; state changes are told by [`super::NodeEvent::Job`],
    /// too.
    #[must_use]
    pub fn job_changes(&self) -> watch::Receiver<u64> {
        self.shared.services.book.changes()
    }

    fn add_paths(&self, jobs: &mut [JobInfo]) {
        let runs = |job: &&mut JobInfo| !job.state.has_ended() && !job.sources.is_empty();
        if !jobs.iter_mut().any(|job| runs(&job)) {
            return;
        }
        let peers = self.peers();
        let paths: HashMap<NodeId, Via> = peers.iter().map(|peer| (peer.node, peer.via)).collect();
        for job in jobs.iter_mut().filter(runs) {
            for source in &mut job.sources {
                source.via = paths.get(&source.node).copied();
            }
        }
    }

    /// Which parts of a download are here; `None` when it has no map: it ended, does not know yet
    /// what it fetches, or sends.
    pub async fn have_map(&self, job: JobId) -> Option<HaveMap> {
        self.shared.services.book.map(job).await
    }

    /// Cancels a download, whose parts are kept, a send, or what is received.
    ///
    /// # Errors
    /// [`JobError`] when there is no such job, or it has ended.
    pub fn cancel(&self, job: JobId) -> Result<(), JobError> {
        if let Some(ask) = self.shared.services.book.cancel(job)? {
            // It may end by itself meanwhile.
            let _ = self.shared.consent.refuse(ask);
        }
        Ok(())
    }

    /// Comes when a job is cancelled, by this front end or another; at once when there is none.
    #[must_use]
    pub fn cancelled(&self, job: JobId) -> CancellationToken {
        self.shared.services.book.cancelled(job)
    }

    /// Lets a download ask for no more chunks, or a send give no more; it keeps its place, and
    /// those that are on their way still come.
    ///
    /// # Errors
    /// [`JobError`] when there is no such job, or it has ended.
    pub fn pause(&self, job: JobId) -> Result<(), JobError> {
        self.shared.services.book.pause(job, true)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// As for [`Node::pause`].
    pub fn resume(&self, job: JobId) -> Result<(), JobError> {
        self.shared.services.book.pause(job, false)
    }
}
