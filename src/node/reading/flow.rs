//! The bytes of one stream: reads what is here, and waits for what comes.

use super::{OpenError, Reader, buffers::Buffers, fetch::Fetch};
use crate::{
    core::{
        index::ChunkIndex,
        manifest::{Entry, Manifest},
    },
    node::{job::disk_error, windows::Window},
    store::StoreError,
};
use bytes::Bytes;
use futures::{Stream, stream};
use std::{collections::VecDeque, ops::Range, sync::Arc, time::Duration};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until, timeout},
};

/// Chunks that are read before they are asked for.
pub const AHEAD: usize = 2;
/// Bytes from where a reader is that are downloaded before all else.
const WINDOW: u64 = 32 << 20;
/// Downloads that may end well without what was wanted of them: a file that was edited meanwhile.
const AGAIN: u32 = 2;
/// How long the end of a file that was read whole waits until it lies in its place.
const PLACING: Duration = Duration::from_secs(30);

/// The bytes in `range`.
pub fn stream(
    reader: Reader,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, OpenError>> + Send + use<> {
    let state = if range.is_empty() {
        State::Ended
    } else {
        State::Opening(reader, range)
    };
    stream::unfold(state, State::next)
}

/// How far a stream is.
enum State {
    Opening(Reader, Range<u64>),
    Reading(Box<Reading>),
    Ended,
}

impl State {
    async fn next(self) -> Option<(Result<Bytes, OpenError>, Self)> {
        let opened = match self {
            Self::Opening(reader, range) => Reading::open(reader, range).await.map(Box::new),
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
    reader: Reader,
    manifest: Arc<Manifest>,
    /// What is still to be given.
    range: Range<u64>,
    /// From the first byte to the last.
    whole: bool,
    /// The chunk in which that begins, and where this does.
    at: u32,
    offset: u64,
    /// The reads of this and the following ones.
    coming: VecDeque<Coming>,
    buffers: Buffers,
    /// What comes, of a file that is not whole here.
    arrival: Option<Arrival>,
}

impl Reading {
    async fn open(reader: Reader, range: Range<u64>) -> Result<Self, OpenError> {
        let mut arrival: Option<Arrival> = None;
        let manifest = loop {
            if let Some(arrival) = &mut arrival {
                arrival.look();
            }
            if let Some(known) = known(&reader).await? {
                break known;
            }
            let Some(arrival) = &mut arrival else {
                arrival = Some(Arrival::new(&reader));
                continue;
            };
            let opened = |reader: &Reader| {
                let holdings = &reader.of.services.holdings;
                holdings.manifest(reader.file).is_some()
            };
            arrival.more(&reader, opened).await?;
        };
        let manifest = reader.of.manifests.put(manifest);
        if manifest.size() != reader.size() {
            return Err(OpenError::Verification(reader.name().to_owned()));
        }
        if arrival.is_none() && !is_whole(&reader).await? {
            arrival = Some(Arrival::new(&reader));
        }
        let at = manifest.at(range.start);
        Ok(Self {
            offset: manifest.offset(at),
            reader,
            whole: range == (0..manifest.size()),
            manifest,
            range,
            at,
            coming: VecDeque::new(),
            buffers: Buffers::default(),
            arrival,
        })
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, OpenError> {
        if self.range.is_empty() {
            // A program that read it may end now, and the download would end with it.
            if let Some(arrival) = self.arrival.as_mut().filter(|_| self.whole) {
                arrival.placed().await;
            }
            return Ok(None);
        }
        let entry = self.manifest.entries()[self.at as usize];
        let chunk = self.chunk(entry).await?;
        // Somebody's manifest may state a false length for a chunk that is here.
        if chunk.len() != entry.len as usize {
            return Err(OpenError::Verification(self.reader.name().to_owned()));
        }
        let end = self.offset + u64::from(entry.len);
        let first = (self.range.start - self.offset) as usize;
        let last = (self.range.end.min(end) - self.offset) as usize;
        (self.at, self.offset) = (self.at + 1, end);
        self.range.start = end.min(self.range.end);
        Ok(Some(chunk.slice(first..last)))
    }

    /// The chunk that is next, once it is here.
    async fn chunk(&mut self, entry: Entry) -> Result<Bytes, OpenError> {
        self.slide();
        self.read_ahead();
        loop {
            if let Some(arrival) = &mut self.arrival {
                arrival.look();
            }
            let coming = self.coming.pop_front();
            let coming = coming.unwrap_or_else(|| read(&self.reader, entry, self.buffers.clone()));
            let found = coming.await.map_err(|_| OpenError::Interrupted)?;
            if let Some(chunk) = found.map_err(unread)? {
                return Ok(chunk);
            }
            // What was read ahead of it is not here either, or is read again.
            self.coming.clear();
            if self.arrival.is_none() {
                self.arrival = Some(Arrival::new(&self.reader));
                self.slide();
            }
            let at = ChunkIndex(self.at);
            if let Some(arrival) = &mut self.arrival {
                let here = |reader: &Reader| {
                    let holdings = &reader.of.services.holdings;
                    holdings.has_chunk(reader.file, at) != Some(false)
                };
                arrival.more(&self.reader, here).await?;
            }
        }
    }

    /// Tells the download of the file where this reader is.
    fn slide(&self) {
        if let Some(arrival) = &self.arrival {
            let last = (self.offset + WINDOW).min(self.manifest.size()) - 1;
            arrival.window.slide(self.at..self.manifest.at(last) + 1);
        }
    }

    /// Begins to read what is asked for next.
    fn read_ahead(&mut self) {
        let mut begins = self.offset;
        let wanted = self.manifest.entries()[self.at as usize..].iter();
        for (number, &entry) in wanted.take(AHEAD + 1).enumerate() {
            if begins < self.range.end && number >= self.coming.len() {
                let coming = read(&self.reader, entry, self.buffers.clone());
                self.coming.push_back(coming);
            }
            begins += u64::from(entry.len);
        }
    }
}

/// What a reader hears of a file that comes.
struct Arrival {
    window: Window,
    /// The download that it shares with other readers, unless it is a job's.
    fetch: Option<Fetch>,
    /// Downloads that ended well.
    ended: u32,
}

impl Arrival {
    fn new(reader: &Reader) -> Self {
        Self {
            window: reader.of.services.windows.open(reader.file),
            fetch: reader.of.fetches.join(reader.file, &reader.reuse),
            ended: 0,
        }
    }

    /// What has come up to now is looked at next.
    fn look(&mut self) {
        self.window.look();
    }

    /// Waits until the download that this is read from ends: all of it is here.
    async fn placed(&mut self) {
        if let Some(fetch) = &mut self.fetch {
            let _ = timeout(PLACING, fetch.ended()).await; // The bytes were given, whatever comes.
        }
    }

    /// Waits until `here` may be so, or the download ended: at most for the reader's patience
    /// after anything came.
    async fn more(
        &mut self,
        reader: &Reader,
        here: impl Fn(&Reader) -> bool,
    ) -> Result<(), OpenError> {
        loop {
            if self.fetch.is_none() {
                // The job of somebody else may have ended.
                self.fetch = reader.of.fetches.join(reader.file, &reader.reuse);
            }
            let late = Instant::now() + reader.patience;
            let fetch = &mut self.fetch;
            let ended = async {
                match fetch {
                    Some(fetch) => fetch.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.window.more() => {
                    if here(reader) {
                        return Ok(());
                    }
                }
                end = ended => {
                    self.fetch = None;
                    self.ended += 1;
                    return match end {
                        Err(OpenError::NotFound(_)) => Err(OpenError::NotFound(reader.name().to_owned())),
                        Err(error) => Err(error),
                        Ok(()) if self.ended > AGAIN => Err(OpenError::SourcesLost(reader.name().to_owned())),
                        Ok(()) => Ok(()),
                    };
                }
                () = sleep_until(late) => return Err(too_late(reader)),
            }
        }
    }
}

/// Why a reader gives up.
fn too_late(reader: &Reader) -> OpenError {
    let sources = reader.of.services.sources(&[reader.file]);
    let name = reader.name().to_owned();
    if sources.iter().all(Vec::is_empty) {
        OpenError::SourcesLost(name)
    } else {
        OpenError::Stalled(name)
    }
}

fn unread(error: StoreError) -> OpenError {
    disk_error("the file cannot be read", error)
}

/// The manifest, if it is here.
async fn known(reader: &Reader) -> Result<Option<Arc<Manifest>>, OpenError> {
    let (services, file) = (&reader.of.services, reader.file);
    let shared = reader.of.manifests.get(&file);
    if let Some(known) = shared.or_else(|| services.holdings.manifest(file)) {
        return Ok(Some(known));
    }
    let index = services.index.clone();
    let known = spawn_blocking(move || index.manifest(&file)).await;
    let known = known.map_err(|_| OpenError::Interrupted)?;
    Ok(known.map_err(unread)?.map(Arc::new))
}

/// Whether all of the file is here, as far as can be told without reading it.
async fn is_whole(reader: &Reader) -> Result<bool, OpenError> {
    let (services, file) = (&reader.of.services, reader.file);
    if services.swarm.has_whole(file) {
        return Ok(true);
    }
    let chunks = services.reader.clone();
    let record = spawn_blocking(move || chunks.record_of(&file)).await;
    let record = record.map_err(|_| OpenError::Interrupted)?;
    Ok(record.map_err(unread)?.is_some())
}

fn read(reader: &Reader, entry: Entry, buffers: Buffers) -> Coming {
    let chunks = reader.of.services.reader.clone();
    spawn_blocking(move || {
        let mut buffer = buffers.take();
        let here = chunks.read(&entry.id, &mut buffer);
        Ok(here?.then(|| buffers.lend(buffer)))
    })
}
