//! Serving chunks: one task for each inbound chunk stream.
//!
//! A question is one look-up in the index, a positioned read into a reused buffer, and a write to the socket; the actor
//! is not involved. Invariants: at most [`MAX_OPEN`] questions are remembered of a stream; a requester that does not read
//! loses its stream within [`STUCK`]; at most [`READERS`] chunks are in memory for all streams together, each for at most
//! [`TURN`] beyond its reading, so that those who read slowly, or not at all, hold up nobody else.

use crate::{
    core::{id::ChunkId, id::NodeId},
    net::Stream,
    store::ChunkReader,
    wire::chunk::{Header, MAX_OPEN, Question, Status, Tag},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::timeout,
};

/// A requester that takes no byte for so long loses the stream.
const STUCK: Duration = Duration::from_secs(20);
/// Bytes handed to the socket between two looks at the clock.
const PIECE: usize = 64 << 10;
/// Chunks in memory for all inbound streams together (of at most 1 MiB each).
const READERS: usize = 24;
/// How long a chunk may wait for its requester in memory. The rest of it is then read again, when the requester has taken
/// the [`PIECE`] that is kept for it.
const TURN: Duration = Duration::from_millis(250);
/// Chunks on their way to one peer, however many streams it opens: nobody can take all of [`READERS`].
const READERS_PER_PEER: usize = 2;

/// What all inbound streams share.
#[derive(Clone)]
pub struct Server {
    reader: ChunkReader,
    slots: Arc<Semaphore>,
    /// Buffers that are free, as many as there are slots.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    peers: Arc<Mutex<std::collections::HashMap<NodeId, std::sync::Weak<Semaphore>>>>,
    sent: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    open: Mutex<VecDeque<(Tag, ChunkId, bool)>>,
    changed: Notify,
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Tag, ChunkId, bool)>> {
        lock(&self.open)
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn pop(&self) -> Option<(Tag, ChunkId, bool)> {
        let next = self.lock().pop_front();
        self.changed.notify_waiters();
        next
    }

    /// What was read ahead for nothing is to be read later.
    fn take_back(&self, reading: &mut Option<Reading>) {
        if let Some(Reading { tag, id, .. }) = reading.take() {
            self.lock().push_front((tag, id, false));
        }
    }
}

impl Server {
    /// Serves what `reader` finds.
    #[must_use]
    pub fn new(reader: ChunkReader) -> Self {
        let slots = Arc::new(Semaphore::new(READERS));
        Self {
            reader,
            slots,
            spare: Arc::default(),
            peers: Arc::default(),
            sent: Arc::default(),
        }
    }

    /// Bytes of chunks sent since the start.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Answers the questions of one stream until it ends.
    pub async fn serve(self, peer: NodeId, stream: Stream) {
        let (mut read, write) = stream.split();
        let queue = Queue::default();
        let fair = self.slots_of(peer);
        let ended = tokio::select! {
            end = listen(&mut read, &queue) => end,
            end = self.answer(write, &queue, &fair) => end,
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.short(), %error, "an inbound chunk stream ended");
        }
    }

    fn slots_of(&self, peer: NodeId) -> Arc<Semaphore> {
        let mut peers = lock(&self.peers);
        peers.retain(|_, slots| slots.strong_count() > 0);
        if let Some(slots) = peers.get(&peer).and_then(std::sync::Weak::upgrade) {
            return slots;
        }
        let slots = Arc::new(Semaphore::new(READERS_PER_PEER));
        peers.insert(peer, Arc::downgrade(&slots));
        slots
    }

    async fn answer(&self, mut stream: Writer, queue: &Queue, fair: &Semaphore) -> io::Result<()> {
        let mut ahead: Option<Reading> = None;
        loop {
            if ahead.is_none() && queue.is_empty() {
                // Only now: a flush waits for what is under way, and the next chunk can be read meanwhile.
                timeout(STUCK, stream.flush())
                    .await
                    .map_err(|_| io::ErrorKind::TimedOut)??;
                queue.changed.notified().await;
                continue;
            }
            let _mine = if let Ok(mine) = timeout(TURN, fair.acquire()).await {
                mine
            } else {
                // Other streams of this peer are stuck: what was read ahead makes room for other peers.
                queue.take_back(&mut ahead);
                fair.acquire().await
            };
            let reading = match ahead.take() {
                Some(reading) => reading,
                None => match queue.pop() {
                    Some((tag, id, false)) => match self.slots.clone().acquire_owned().await {
                        Ok(slot) => self.begin(tag, id, slot),
                        Err(_) => return Ok(()), // Never closed.
                    },
                    Some((tag, _, true)) => {
                        let status = Status::Cancelled;
                        push(&mut stream, &Header { tag, status }.to_bytes()).await?;
                        continue;
                    }
                    None => continue,
                },
            };
            self.send(&mut stream, reading, queue, &mut ahead).await?;
        }
    }

    /// Begins to read a chunk.
    fn begin(&self, tag: Tag, id: ChunkId, slot: OwnedSemaphorePermit) -> Reading {
        let server = self.clone();
        let bytes = tokio::task::spawn_blocking(move || server.read(id));
        Reading {
            tag,
            id,
            bytes,
            slot,
        }
    }

    /// Begins to read the next chunk while this one is sent, if there is a place for it.
    fn look_ahead(&self, queue: &Queue) -> Option<Reading> {
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        if queue.lock().front()?.2 {
            return None;
        }
        let (tag, id, _) = queue.pop()?;
        Some(self.begin(tag, id, slot))
    }

    /// Answers one question. A requester that is slow to read keeps neither the place of its chunk nor that of the next.
    async fn send(
        &self,
        stream: &mut Writer,
        reading: Reading,
        queue: &Queue,
        ahead: &mut Option<Reading>,
    ) -> io::Result<()> {
        let Reading { tag, id, .. } = reading;
        let (mut head, mut sent, mut whole) = (Vec::new(), 0, None);
        let mut next = Some(reading);
        loop {
            let Reading { bytes, slot, .. } = match next.take() {
                Some(reading) => reading,
                None => match self.slots.clone().acquire_owned().await {
                    Ok(slot) => self.begin(tag, id, slot),
                    Err(_) => return Ok(()),
                },
            };
            let found = bytes.await.map_err(io::Error::other)?;
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
                    let end = buffer.len().min(sent + PIECE);
                    sent += written(stream.write(&buffer[sent..end]).await?)?;
                }
                Ok::<_, io::Error>(())
            };
            match timeout(TURN, turn).await {
                Ok(done) => done?,
                Err(_) => queue.take_back(ahead),
            }
            let end = buffer.len().min(sent + PIECE);
            head.extend_from_slice(&buffer[sent..end]);
            let len = buffer.len();
            self.give_back(buffer);
            drop(slot);
            push(stream, &head).await?;
            head.clear();
            sent = end;
            self.sent
                .fetch_add((sent - before) as u64, Ordering::Relaxed);
            if sent == len {
                return Ok(());
            }
        }
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut spare = lock(&self.spare);
        if buffer.capacity() > 0 && spare.len() < READERS {
            spare.push(buffer);
        }
    }

    /// The chunk in a buffer, which goes back to `spare`; `None` when it is not here. That it cannot be read at the
    /// moment is an error: it ends the stream, and the requester tries again later.
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
    bytes: JoinHandle<io::Result<Option<Vec<u8>>>>,
    slot: OwnedSemaphorePermit,
}

/// A stream that takes nothing will take nothing more.
fn written(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

type Writer = futures::io::WriteHalf<Stream>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn push(stream: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    timeout(STUCK, stream.write_all(bytes))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}

/// Reads questions; with too many open, it stops reading until some are answered.
async fn listen(stream: &mut futures::io::ReadHalf<Stream>, queue: &Queue) -> io::Result<()> {
    loop {
        while queue.lock().len() >= MAX_OPEN {
            let changed = queue.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if queue.lock().len() >= MAX_OPEN {
                changed.await;
            }
        }
        match Question::read(stream).await? {
            None => return Ok(()),
            Some(Question::Get(tag, id)) => queue.lock().push_back((tag, id, false)),
            Some(Question::Cancel(tag)) => {
                let mut open = queue.lock();
                let Some(found) = open.iter_mut().find(|(other, ..)| *other == tag) else {
                    continue;
                };
                found.2 = true;
            }
        }
        queue.changed.notify_one();
    }
}
