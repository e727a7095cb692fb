//! Serving chunks: one task for each inbound chunk stream.
//!
//! A question is one look-up in the index, a positioned read into a reused buffer, and a write to
//! the socket; the actor is not involved. Invariants: at most `MAX_OPEN` questions are remembered
//! of a stream; a requester that does not read loses its stream within [`STUCK`]; at most [`SLOTS`]
//! chunks are in memory for all streams together, each for at most [`Line::hold`] beyond its
//! reading (and some small ones a stream, see `read_ahead`), so that those who read slowly or not
//! at all, hold up nobody else. The rest of a chunk that is held for longer is read again, when the
//! requester has taken the [`PIECE`] that is kept for it. The [`Line`] decides which is next.

mod queue;
mod scheduler;

use super::{limit::Limiter, services::Services};
use crate::{
    core::{id::ChunkId, id::NodeId},
    net::Stream,
    store::ChunkReader,
    wire::chunk::{Header, Question, Status, Tag},
};
use futures::{AsyncReadExt, AsyncWriteExt};

use parking_lot::Mutex;
use queue::{Queue, RUN_BYTES};
use scheduler::{Line, SLOTS, Slot};
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// A requester that takes no byte for so long loses the stream.
const STUCK: Duration = Duration::from_secs(20);
/// News of what a requester has got are taken in so often on a stream, in the long run.
const NEWS: Duration = Duration::from_millis(5);
/// How long a node that leaves still answers at most.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes handed to the socket between two looks at the clock.
const PIECE: usize = 64 << 10;
/// Bytes that are offered to the socket at a time: as many as a record of a bulk connection has.
const OFFERED: usize = 128 << 10;
/// Chunks on their way to one peer, however many streams it opens: nobody can take all of
/// [`SLOTS`].
const SLOTS_PER_PEER: usize = 2;

/// What all inbound streams share.
#[derive(Clone)]
pub struct Server {
    services: Services,
    reader: ChunkReader,
    line: Line,
    /// Buffers that are free, as many as there are slots.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    peers: Arc<Mutex<HashMap<NodeId, std::sync::Weak<Semaphore>>>>,
    sent: Arc<AtomicU64>,
    limit: Limiter,
}

impl Server {
    /// Serves what is here, as fast as the upload limit allows.
    #[must_use]
    pub fn new(services: &Services) -> Self {
        Self {
            services: services.clone(),
            reader: services.reader.clone(),
            line: Line::default(),
            spare: Arc::default(),
            peers: Arc::default(),
            sent: services.sent.clone(),
            limit: services.upload.clone(),
        }
    }

    /// Answers the questions of one stream until it ends.
    pub async fn serve(mut self, peer: NodeId, stream: Stream) {
        self.reader = self.reader.on_behalf_of(peer);
        let (mut read, write) = stream.split();
        let queue = Arc::new(Queue::default());
        let fair = self.slots_of(peer);
        let ended = tokio::select! {
            end = self.listen(peer, &mut read, &queue) => end,
            end = self.answer(write, &queue, &fair) => end,
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.short(), %error, "an inbound chunk stream ended");
        }
    }

    /// Answers those who still ask for a little while, then takes up no more questions, and waits
    /// until what has begun to leave has left.
    pub async fn close(&self) {
        // The last ones of a swarm would lose their sources all at once.
        let _ = timeout(LINGER, self.line.quiet()).await;
        self.line.close().await;
    }

    fn slots_of(&self, peer: NodeId) -> Arc<Semaphore> {
        let mut peers = lock(&self.peers);
        peers.retain(|_, slots| slots.strong_count() > 0);
        if let Some(slots) = peers.get(&peer).and_then(std::sync::Weak::upgrade) {
            return slots;
        }
        if peers.is_empty() {
            // What went to those before says nothing of who asks now.
            self.line.forget();
        }
        // The first stream of the peer, or of its next download.
        tracing::info!("serving {}", peer.short());
        let slots = Arc::new(Semaphore::new(SLOTS_PER_PEER));
        peers.insert(peer, Arc::downgrade(&slots));
        slots
    }

    /// Reads questions; with too many open, it stops reading until some are answered.
    async fn listen(
        &self,
        peer: NodeId,
        stream: &mut futures::io::ReadHalf<Stream>,
        queue: &Queue,
    ) -> io::Result<()> {
        let mut pace = interval(NEWS);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            queue.room().await;
            match Question::read(stream).await? {
                None => return Ok(()),
                Some(Question::Get(tag, id)) => queue.push(tag, id),
                Some(Question::Cancel(tag)) => queue.withdraw(tag),
                Some(Question::Held(file, chunks)) => {
                    self.services.heard(peer, file, Arc::new(chunks));
                    pace.tick().await;
                }
            }
        }
    }

    async fn answer(
        &self,
        mut stream: Writer,
        queue: &Arc<Queue>,
        fair: &Semaphore,
    ) -> io::Result<()> {
        let mut ahead: Option<Reading> = None;
        loop {
            if ahead.is_none() && queue.is_empty() {
                // Only now: a flush waits for what is under way, and the next chunk can be read
                // meanwhile.
                timeout(STUCK, stream.flush())
                    .await
                    .map_err(|_| io::ErrorKind::TimedOut)??;
                queue.filled().await;
                continue;
            }
            while let Some(tag) = queue.pop_withdrawn() {
                let status = Status::Cancelled;
                push(&mut stream, &Header { tag, status }.to_bytes()).await?;
            }
            let _mine = if let Ok(mine) = timeout(self.line.hold(), fair.acquire()).await {
                mine
            } else {
                // Other streams of this peer are stuck: what was read ahead makes room for other
                // peers.
                take_back(queue, &mut ahead);
                fair.acquire().await
            };
            let reading = if let Some(reading) = ahead.take() {
                reading
            } else {
                // What is asked may be withdrawn until there is a slot for it.
                let slot = self.line.wait(queue).await.ok_or_else(leaving)?;
                let Some((tag, id)) = self.line.pick(queue) else {
                    continue;
                };
                self.begin(queue, tag, id, slot)
            };
            self.send(&mut stream, reading, queue, &mut ahead).await?;
        }
    }

    /// Begins to read a chunk, and with a small one those that are asked for after it: to wake
    /// another thread for each would cost more than to read it.
    fn begin(&self, queue: &Arc<Queue>, tag: Tag, id: ChunkId, slot: Slot) -> Reading {
        let bytes = if let Some(bytes) = queue.read_ahead.take(tag, &id) {
            Bytes::Here(bytes)
        } else {
            let (server, queue) = (self.clone(), Arc::clone(queue));
            Bytes::Coming(tokio::task::spawn_blocking(move || {
                let bytes = server.read(id)?;
                if let Some(len) = bytes.as_ref().map(Vec::len)
                    && len < RUN_BYTES
                {
                    let read = |id: &ChunkId, buffer: &mut Vec<u8>| {
                        matches!(server.reader.read(id, buffer), Ok(true))
                    };
                    queue.read_on(len, read);
                }
                Ok(bytes)
            }))
        };
        Reading {
            tag,
            id,
            bytes,
            slot,
        }
    }

    /// Begins to read the next chunk while this one is sent, if there is a slot that nobody waits
    /// for.
    fn look_ahead(&self, queue: &Arc<Queue>) -> Option<Reading> {
        let slot = self.line.spare()?;
        let (tag, id) = self.line.pick(queue)?;
        Some(self.begin(queue, tag, id, slot))
    }

    /// Answers one question. A requester that is slow to read keeps neither the slot of its chunk
    /// nor that of the next.
    async fn send(
        &self,
        stream: &mut Writer,
        reading: Reading,
        queue: &Arc<Queue>,
        ahead: &mut Option<Reading>,
    ) -> io::Result<()> {
        let Reading { tag, id, .. } = reading;
        let (mut head, mut sent, mut whole) = (Vec::new(), 0, None);
        let mut next = Some(reading);
        let begun = Instant::now();
        loop {
            let Reading { bytes, slot, .. } = if let Some(reading) = next.take() {
                reading
            } else {
                let slot = self.line.wait(queue).await.ok_or_else(leaving)?;
                self.begin(queue, tag, id, slot)
            };
            let found = bytes.get().await;
            let found = found.inspect_err(|error| {
                tracing::warn!(%error, "a chunk could not be read");
            })?;
            let status = match &found {
                Some(bytes) => Status::Bytes(bytes.len() as u32),
                None => Status::Missing,
            };
            match whole.replace(status) {
                None => head.extend_from_slice(&Header { tag, status }.to_bytes()),
                Some(before) if before == status => {}
                Some(_) => return Err(io::Error::other("the file changed meanwhile")),
            }
            if ahead.is_none() && sent == 0 {
                *ahead = self.look_ahead(queue);
            }
            let buffer = found.unwrap_or_default();
            let before = sent;
            let turn = async {
                while !head.is_empty() {
                    let count = written(stream.write(&head).await?)?;
                    head.drain(..count);
                }
                while sent < buffer.len() {
                    let end = buffer.len().min(sent + OFFERED.min(self.limit.piece()));
                    let loan = self.limit.lend(end - sent).await;
                    let count = written(stream.write(&buffer[sent..end]).await?)?;
                    loan.spend(count);
                    sent += count;
                }
                // Only when it has left is there room on the line for another; a small one is not
                // worth the wait.
                if buffer.len() >= PIECE {
                    stream.flush().await?;
                }
                Ok::<_, io::Error>(())
            };
            match timeout(self.line.hold(), turn).await {
                Ok(done) => done?,
                Err(_) => take_back(queue, ahead),
            }
            let end = buffer.len().min(sent + PIECE);
            head.extend_from_slice(&buffer[sent..end]);
            let len = buffer.len();
            self.give_back(buffer);
            drop(slot);
            self.push_slowly(stream, &head).await?;
            head.clear();
            sent = end;
            self.sent
                .fetch_add((sent - before) as u64, Ordering::Relaxed);
            if sent == len {
                tracing::trace!(chunk = %id.short(), len, took = ?begun.elapsed(), "sent");
                if len >= PIECE {
                    self.line.took(begun.elapsed());
                }
                return Ok(());
            }
        }
    }

    /// Hands over `bytes` as fast as the own limit allows. Waiting for that is not counted against
    /// the requester.
    async fn push_slowly(&self, stream: &mut Writer, bytes: &[u8]) -> io::Result<()> {
        let mut patience = STUCK;
        for piece in bytes.chunks(self.limit.piece()) {
            self.limit.take(piece.len()).await;
            let begun = Instant::now();
            timeout(patience, stream.write_all(piece))
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??;
            patience = patience.saturating_sub(begun.elapsed());
        }
        Ok(())
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut spare = lock(&self.spare);
        if buffer.capacity() > 0 && spare.len() < SLOTS {
            spare.push(buffer);
        }
    }

    /// The chunk in a buffer, which goes back to `spare`; `None` when it is not here. That it
    /// cannot be read at the moment is an error: it ends the stream, and the requester tries again
    /// later.
    fn read(&self, id: ChunkId) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = lock(&self.spare).pop().unwrap_or_default();
        match self.reader.read(&id, &mut buffer) {
            Ok(true) => return Ok(Some(buffer)),
            Ok(false) => self.give_back(buffer),
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(None)
    }
}

/// A chunk on its way from the disk.
struct Reading {
    tag: Tag,
    id: ChunkId,
    bytes: Bytes,
    slot: Slot,
}

/// What was read ahead for nothing is to be read later.
fn take_back(queue: &Queue, reading: &mut Option<Reading>) {
    if let Some(Reading { tag, id, .. }) = reading.take() {
        queue.put_back(tag, id);
    }
}

enum Bytes {
    Coming(JoinHandle<io::Result<Option<Vec<u8>>>>),
    Here(Vec<u8>),
}

impl Bytes {
    async fn get(self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Coming(task) => task.await.map_err(io::Error::other)?,
            Self::Here(bytes) => Ok(Some(bytes)),
        }
    }
}

fn leaving() -> io::Error {
    io::Error::other("this node leaves")
}

/// A stream that takes nothing will take nothing more.
fn written(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

type Writer = futures::io::WriteHalf<Stream>;

fn lock<T>(mutex: &Mutex<T>) -> parking_lot::MutexGuard<'_, T> {
    mutex.lock()
}

async fn push(stream: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    timeout(STUCK, stream.write_all(bytes))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}
