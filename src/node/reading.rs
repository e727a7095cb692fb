//! Reading a file's bytes in order, from any offset, whether it is here or still has to come.
//!
//! Gives verified chunks alone, as they lie here; what does not is downloaded, first what a reader
//! waits for (`windows`). Never writes. What came stays when the last reader goes: as of any
//! download that was stopped. Invariants: a stream holds at most [`flow::AHEAD`] chunks besides
//! those that its caller has; nothing is read for a stream that is dropped; nobody waits for ever.

mod buffers;
mod fetch;
mod find;
mod flow;
mod manifests;
#[cfg(test)]
mod tests;

use super::services::Services;
use crate::core::id::FileId;
use bytes::Bytes;
use fetch::Fetches;
use futures::Stream;
use manifests::Manifests;
use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why a file cannot be read, or not to its end: the same reasons as those of a download.
pub use super::api::DownloadError as OpenError;

/// How long a reader waits for its next chunk while nothing of the file comes, unless told
/// otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the readers of a node have in common.
pub struct Readings {
    services: Services,
    fetches: Fetches,
    manifests: Manifests,
}

impl Readings {
    /// Nobody reads yet.
    pub fn new(services: &Services, tasks: &TaskTracker, stop: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            services: services.clone(),
            fetches: Fetches::new(services, tasks, stop),
            manifests: Manifests::default(),
        })
    }
}

/// A file of the swarm, for reading. Clones are handles to the same.
#[derive(Clone)]
pub struct Reader {
    of: Arc<Readings>,
    file: FileId,
    about: Arc<About>,
    patience: Duration,
    /// Where else chunks of it may lie, if this reader is the first one.
    reuse: Arc<[PathBuf]>,
}

/// What is known of a file before any of it is read.
#[derive(Debug)]
struct About {
    name: String,
    size: u64,
    media: String,
    mtime: Option<i64>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader")
            .field(&self.file)
            .field(&self.about)
            .finish()
    }
}

impl Reader {
    fn new(of: &Arc<Readings>, file: FileId, about: About) -> Self {
        Self {
            of: Arc::clone(of),
            file,
            about: Arc::new(about),
            patience: PATIENCE,
            reuse: Arc::default(),
        }
    }

    /// The same that waits so long for a chunk while nothing of the file comes: 60 s otherwise.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, for which chunks are looked for in these places, too, if they are to be fetched
    /// and nobody reads the file yet.
    #[must_use]
    pub fn reusing(self, places: Vec<PathBuf>) -> Self {
        let reuse = places.into();
        Self { reuse, ..self }
    }

    /// The name it is offered by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Bytes, as those who offer it say; a stream of another size is an error.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.about.size
    }

    /// The contents.
    #[must_use]
    pub fn file(&self) -> FileId {
        self.file
    }

    /// The media type, as those who offer it say.
    #[must_use]
    pub fn media(&self) -> &str {
        &self.about.media
    }

    /// When it was changed last: seconds since 1970.
    #[must_use]
    pub fn mtime(&self) -> Option<i64> {
        self.about.mtime
    }

    /// The bytes in `range`, in order, as far as the file reaches; each item is a part of one
    /// chunk. What is not here is downloaded, for as long as the stream lives and a moment longer.
    /// The first error is the last item.
    ///
    /// # Errors
    /// [`OpenError`] as an item.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, OpenError>> + Send + use<> {
        let end = range.end.min(self.size());
        flow::stream(self.clone(), range.start..end)
    }
}
