//! Reading a file's bytes in order, from any offset.
//!
//! Gives verified chunks alone, as they lie here. Never writes. Invariants: a stream holds at most
//! [`AHEAD`] chunks besides those that its caller has; what a file says of its size is the
//! manifest's, whose chunks these are; nothing is read for a stream that is dropped.

mod buffers;
mod find;

use super::{job::disk_error, services::Services};
use crate::{
    core::{
        id::FileId,
        manifest::{Entry, Manifest},
    },
    store::StoreError,
};
use buffers::Buffers;
use bytes::Bytes;
use futures::{Stream, stream};
use std::{collections::VecDeque, ops::Range, sync::Arc};
use tokio::task::{JoinHandle, spawn_blocking};

/// Why a file cannot be read, or not to its end: the same reasons as those of a download.
pub use super::api::DownloadError as OpenError;

/// Chunks that are read before they are asked for.
const AHEAD: usize = 2;

/// A file of the swarm, for reading. Clones are handles to the same.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    services: Services,
    file: FileId,
    about: About,
}

/// What is known of a file before any of it is read.
#[derive(Clone)]
struct About {
    name: String,
    size: u64,
    media: String,
    mtime: Option<i64>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.0.file).finish()
    }
}

impl Reader {
    fn new(services: &Services, file: FileId, about: About) -> Self {
        let services = services.clone();
        Self(Arc::new(Inner {
            services,
            file,
            about,
        }))
    }

    /// The name it is offered by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.about.name
    }

    /// Bytes, as whoever offers it says.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.about.size
    }

    /// The contents.
    #[must_use]
    pub fn file(&self) -> FileId {
        self.0.file
    }

    /// The media type, as whoever offers it says.
    #[must_use]
    pub fn media(&self) -> &str {
        &self.0.about.media
    }

    /// When it was changed last: seconds since 1970.
    #[must_use]
    pub fn mtime(&self) -> Option<i64> {
        self.0.about.mtime
    }

    /// The bytes in `range`, in order, as far as the file reaches; each item is a part of one
    /// chunk. The first error is the last item.
    ///
    /// # Errors
    /// [`OpenError`] as an item.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, OpenError>> + Send + use<> {
        let end = range.end.min(self.size());
        let state = if range.start < end {
            State::Opening(self.0.clone(), range.start..end)
        } else {
            State::Ended
        };
        stream::unfold(state, State::next)
    }
}

/// How far a stream is.
enum State {
    Opening(Arc<Inner>, Range<u64>),
    Reading(Box<Reading>),
    Ended,
}

impl State {
    async fn next(self) -> Option<(Result<Bytes, OpenError>, Self)> {
        let opened = match self {
            Self::Opening(file, range) => Reading::open(file, range).await.map(Box::new),
            Self::Reading(reading) => Ok(reading),
            Self::Ended => return None,
        };
        let mut reading = match opened {
            Ok(reading) => reading,
            Err(error) => return Some((Err(error), Self::Ended)),
        };
        match reading.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Self::Reading(reading))),
            Ok(None) => None,
            Err(error) => Some((Err(error), Self::Ended)),
        }
    }
}

/// A chunk that is being read: `None` when it is not here.
type Coming = JoinHandle<Result<Option<Bytes>, StoreError>>;

struct Reading {
    file: Arc<Inner>,
    manifest: Arc<Manifest>,
    /// What is still to be given.
    range: Range<u64>,
    /// The chunk in which that begins, and where this does.
    at: u32,
    offset: u64,
    /// The reads of this and the following ones.
    coming: VecDeque<Coming>,
    buffers: Buffers,
}

impl Reading {
    async fn open(file: Arc<Inner>, range: Range<u64>) -> Result<Self, OpenError> {
        let manifest = file.manifest().await?;
        if manifest.size() != file.about.size {
            return Err(OpenError::Verification(file.about.name.clone()));
        }
        let at = manifest.at(range.start);
        Ok(Self {
            offset: manifest.offset(at),
            file,
            manifest,
            range,
            at,
            coming: VecDeque::new(),
            buffers: Buffers::default(),
        })
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, OpenError> {
        if self.range.is_empty() {
            return Ok(None);
        }
        self.read_ahead();
        let entry = self.manifest.entries()[self.at as usize];
        let found = match self.coming.pop_front() {
            Some(coming) => coming.await.map_err(|_| OpenError::Interrupted)?,
            None => Ok(None),
        };
        let found = found.map_err(|error| disk_error("the file cannot be read", error))?;
        let lost = || OpenError::SourcesLost(self.file.about.name.clone());
        let chunk = found.ok_or_else(lost)?;
        // Somebody's manifest may state a false length for a chunk that is here.
        if chunk.len() != entry.len as usize {
            return Err(OpenError::Verification(self.file.about.name.clone()));
        }
        let end = self.offset + u64::from(entry.len);
        let first = (self.range.start - self.offset) as usize;
        let last = (self.range.end.min(end) - self.offset) as usize;
        (self.at, self.offset) = (self.at + 1, end);
        self.range.start = end.min(self.range.end);
        Ok(Some(chunk.slice(first..last)))
    }

    /// Begins to read what is asked for next.
    fn read_ahead(&mut self) {
        let mut begins = self.offset;
        let wanted = self.manifest.entries()[self.at as usize..].iter();
        for (number, &entry) in wanted.take(AHEAD + 1).enumerate() {
            if begins < self.range.end && number >= self.coming.len() {
                let read = self.file.read(entry, self.buffers.clone());
                self.coming.push_back(read);
            }
            begins += u64::from(entry.len);
        }
    }
}

impl Inner {
    async fn manifest(&self) -> Result<Arc<Manifest>, OpenError> {
        let (index, file) = (self.services.index.clone(), self.file);
        let known = spawn_blocking(move || index.manifest(&file)).await;
        let known = known.map_err(|_| OpenError::Interrupted)?;
        let known = known.map_err(|error| disk_error("the index", error))?;
        let known = known.ok_or_else(|| OpenError::NotFound(self.about.name.clone()))?;
        Ok(Arc::new(known))
    }

    fn read(&self, entry: Entry, buffers: Buffers) -> Coming {
        let reader = self.services.reader.clone();
        spawn_blocking(move || {
            let mut buffer = buffers.take();
            let here = reader.read(&entry.id, &mut buffer);
            Ok(here?.then(|| buffers.lend(buffer)))
        })
    }
}

#[cfg(test)]
mod tests;
