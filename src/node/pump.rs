//! The byte pump: one task for each peer that a job fetches chunks from.
//!
//! Owns the chunk stream to one peer. Bytes go from the stream into a buffer, are hashed there, and are written at their
//! place; only the outcome leaves this room. Invariants: every [`Order`] has exactly one [`Outcome`] unless it is
//! withdrawn, after a word that it begins; nothing is written that does not hash to what was asked for; a stream that makes no progress while
//! something is owed ends within [`STALL`].

use super::limit::Limiter;
use crate::{
    core::{
        chunk::VerifiedChunk,
        id::{ChunkId, NodeId},
        manifest::MAX_CHUNK,
    },
    net::{Net, Stream},
    store::{Sink, StoreError},
    wire::chunk::{HEADER, Header, Question, Status, Tag, invalid},
};
use futures::{AsyncReadExt, AsyncWriteExt, io::ReadHalf};
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// Without a byte for so long while an answer is owed, the stream is given up and its chunks are asked for elsewhere.
pub const STALL: Duration = Duration::from_secs(10);
/// Bytes a second that are no stall, however long the whole takes: the other end may have set itself a limit, and shares
/// it among many.
const SLOWEST: u32 = 64;
/// Orders that wait to be written: as many as the pipelines of a few jobs allow.
const QUEUE: usize = 1024;

/// A chunk to fetch.
pub struct Order {
    /// Its position in the job.
    pub chunk: u32,
    /// Its id.
    pub id: ChunkId,
    /// Its length in bytes.
    pub len: u32,
    /// Where it goes.
    pub targets: Vec<Target>,
}

/// A place where a chunk is to be written.
pub struct Target {
    /// The place, as a position in the job.
    pub place: u32,
    /// The file, and the position in it. (If the chunk occurs there more than once, it is written at each.)
    pub sink: Sink,
}

/// What became of an order.
pub struct Outcome {
    /// Position in the job.
    pub chunk: u32,
    /// From whom.
    pub peer: NodeId,
    /// What happened.
    pub result: Fate,
}

/// How an order ended, or that it begins to.
pub enum Fate {
    /// The answer begins to come.
    Begun,
    /// Verified and written.
    Stored {
        /// How many bytes.
        bytes: u32,
        /// The places of [`Order::targets`].
        places: Vec<u32>,
        /// From question to disk.
        elapsed: Duration,
    },
    /// The peer does not have it.
    Missing,
    /// The peer sent other bytes.
    Corrupt,
    /// The stream broke or stalled before the answer.
    Broken,
    /// The bytes were right, but the disk refused them at this place.
    Unwritable(u32, StoreError),
}

/// What is on its way in all pumps of a job. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Arriving(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    storing: AtomicU32,
}

impl Arriving {
    /// Bytes that have come of chunks that are not whole yet.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether chunks are being hashed and written now.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.0.storing.load(Ordering::Relaxed) > 0
    }
}

/// The part of a chunk that has come; it counts until this is dropped.
struct Body<'a>(&'a Counts, u64);

impl Body<'_> {
    fn came(&mut self, count: usize) {
        self.1 += count as u64;
        self.0.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.0.bytes.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Chunks up to this size are hashed where they are received, if they stay in memory.
const LIGHT: usize = 64 << 10;

enum Command {
    Get(Order),
    Cancel(u32),
}

/// Streams to one peer. Two, so that while one waits for its window or its disk the other one moves: a single stream
/// left a third of two processors idle.
const LANES: usize = 2;
/// With fewer orders than this the second stream is left alone: a peer whom many ask sends each of them a part of one
/// chunk at a time, and what it has not begun can be taken back.
const SPARSE: usize = 6;

/// The streams to one peer. Dropping it closes them.
pub struct Pump {
    lanes: Vec<Lane>,
}

struct Lane {
    commands: mpsc::Sender<Command>,
    ledger: Ledger,
    task: JoinHandle<()>,
}

impl Lane {
    /// Orders that were given to it and have not ended.
    fn load(&self) -> usize {
        lock(&self.ledger).len() + QUEUE.saturating_sub(self.commands.capacity())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Open {
    order: Order,
    since: Instant,
    cancelled: bool,
}

type Ledger = Arc<Mutex<HashMap<Tag, Open>>>;

fn lock(ledger: &Ledger) -> std::sync::MutexGuard<'_, HashMap<Tag, Open>> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pump {
    /// Starts a pump for `peer`; a stream is opened with its first order.
    #[must_use]
    pub fn start(
        net: &Net,
        peer: NodeId,
        limit: &Limiter,
        arriving: &Arriving,
        outcomes: &mpsc::Sender<Outcome>,
    ) -> Self {
        let lane = |_| {
            let (commands, orders) = mpsc::channel(QUEUE);
            let ledger = Ledger::default();
            let task = tokio::spawn(run(
                net.clone(),
                peer,
                (limit.clone(), arriving.clone()),
                orders,
                ledger.clone(),
                outcomes.clone(),
            ));
            Lane {
                commands,
                ledger,
                task,
            }
        };
        Self {
            lanes: (0..LANES).map(lane).collect(),
        }
    }

    /// Asks for a chunk. False when the pump is stuck or gone: nothing will come of it.
    pub fn get(&mut self, order: Order) -> bool {
        let load = |lane: &&Lane| lane.load().max(SPARSE);
        let lane = self.lanes.iter().min_by_key(load);
        lane.is_some_and(|lane| lane.commands.try_send(Command::Get(order)).is_ok())
    }

    /// Withdraws a question. Its answer may still come, and is thrown away.
    pub fn cancel(&self, chunk: u32) {
        for lane in &self.lanes {
            let _ = lane.commands.try_send(Command::Cancel(chunk)); // Only one of them knows it.
        }
    }
}

/// Serves orders over one stream after another until the handle is gone.
async fn run(
    net: Net,
    peer: NodeId,
    (limit, arriving): (Limiter, Arriving),
    mut orders: mpsc::Receiver<Command>,
    ledger: Ledger,
    outcomes: mpsc::Sender<Outcome>,
) {
    loop {
        // Open only when there is something to ask.
        let Some(first) = orders.recv().await else {
            return;
        };
        let ended = match net.chunk_stream(peer).await {
            Ok(stream) => {
                let (read, write) = stream.split();
                tokio::select! {
                    end = ask(write, first, &mut orders, &ledger) => end,
                    end = receive(read, peer, (&limit, &arriving), &ledger, &outcomes) => end,
                }
            }
            Err(error) => {
                if let Command::Get(order) = first {
                    fail(&outcomes, peer, order).await;
                }
                Err(io::Error::other(error.to_string()))
            }
        };
        if let Err(error) = &ended {
            tracing::debug!(peer = %peer.short(), %error, "chunk stream ended");
        }
        // Whatever was asked on that stream will not be answered, and whatever waits must not wait for the next one.
        let open: Vec<Open> = lock(&ledger).drain().map(|(_, open)| open).collect();
        for open in open.into_iter().filter(|open| !open.cancelled) {
            fail(&outcomes, peer, open.order).await;
        }
        while let Ok(command) = orders.try_recv() {
            if let Command::Get(order) = command {
                fail(&outcomes, peer, order).await;
            }
        }
        if ended.is_ok() {
            return;
        }
    }
}

async fn fail(outcomes: &mpsc::Sender<Outcome>, peer: NodeId, order: Order) {
    let outcome = Outcome {
        chunk: order.chunk,
        peer,
        result: Fate::Broken,
    };
    let _ = outcomes.send(outcome).await;
}

/// Writes the questions. Ends with `Ok` when the handle is gone.
async fn ask(
    mut stream: futures::io::WriteHalf<Stream>,
    first: Command,
    orders: &mut mpsc::Receiver<Command>,
    ledger: &Ledger,
) -> io::Result<()> {
    let mut tag: Tag = 0;
    let mut bytes = Vec::with_capacity(4096);
    let mut next = Some(first);
    loop {
        let Some(command) = next else { return Ok(()) };
        enter(command, &mut tag, ledger, &mut bytes);
        while bytes.len() < 4000 {
            let Ok(command) = orders.try_recv() else {
                break;
            };
            enter(command, &mut tag, ledger, &mut bytes);
        }
        let sent = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        timeout(STALL, sent)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        bytes.clear();
        next = orders.recv().await;
    }
}

/// Notes a command in the ledger and appends its question.
fn enter(command: Command, tag: &mut Tag, ledger: &Ledger, bytes: &mut Vec<u8>) {
    let mut ledger = lock(ledger);
    match command {
        Command::Get(order) => {
            *tag = tag.wrapping_add(1);
            Question::Get(*tag, order.id).write(bytes);
            ledger.insert(
                *tag,
                Open {
                    order,
                    since: Instant::now(),
                    cancelled: false,
                },
            );
        }
        Command::Cancel(chunk) => {
            let found = ledger
                .iter_mut()
                .find(|(_, open)| open.order.chunk == chunk);
            if let Some((tag, open)) = found {
                open.cancelled = true;
                Question::Cancel(*tag).write(bytes);
            }
        }
    }
}

/// Reads the answers. While one chunk is hashed and written, the next is read into the other buffer.
async fn receive(
    mut stream: ReadHalf<Stream>,
    peer: NodeId,
    (limit, arriving): (&Limiter, &Arriving),
    ledger: &Ledger,
    outcomes: &mpsc::Sender<Outcome>,
) -> io::Result<()> {
    let mut spare = Vec::new();
    let mut storing: Option<JoinHandle<Vec<u8>>> = None;
    loop {
        let header = header_of(&mut stream, ledger).await?;
        let Some(Open {
            order,
            since,
            cancelled,
        }) = lock(ledger).remove(&header.tag)
        else {
            return Err(invalid("an answer to no question"));
        };
        let outcome = Outcome {
            chunk: order.chunk,
            peer,
            result: Fate::Missing,
        };
        match header.status {
            Status::Bytes(len) => {
                if !cancelled {
                    let result = Fate::Begun;
                    let _ = outcomes.send(Outcome { result, ..outcome }).await;
                }
                let mut buffer = std::mem::take(&mut spare);
                // Never shrunk: bytes that are overwritten next need no zeroes first.
                let len = len.min(MAX_CHUNK) as usize;
                buffer.resize(buffer.len().max(len), 0);
                if let Err(error) = body_of(&mut stream, &mut buffer[..len], limit, arriving).await
                {
                    if !cancelled {
                        let _ = outcomes
                            .send(Outcome {
                                result: Fate::Broken,
                                ..outcome
                            })
                            .await;
                    }
                    return Err(error);
                }
                // One write at a time: back-pressure reaches the sender through the stream's window.
                if let Some(task) = storing.take() {
                    spare = task.await.map_err(io::Error::other)?;
                }
                if cancelled {
                    spare = buffer;
                    continue;
                }
                // Not worth another thread: hashed faster than that wakes up, and no disk to wait for.
                if len <= LIGHT && order.targets.iter().all(|to| to.sink.is_memory()) {
                    let result = keep(&order, &buffer[..len], since);
                    let _ = outcomes.send(Outcome { result, ..outcome }).await;
                    spare = buffer;
                    continue;
                }
                let (outcomes, arriving) = (outcomes.clone(), arriving.clone());
                arriving.0.storing.fetch_add(1, Ordering::Relaxed);
                storing = Some(tokio::task::spawn_blocking(move || {
                    let result = keep(&order, &buffer[..len], since);
                    arriving.0.storing.fetch_sub(1, Ordering::Relaxed);
                    let _ = outcomes.blocking_send(Outcome { result, ..outcome });
                    buffer
                }));
            }
            Status::Missing if !cancelled => {
                let _ = outcomes.send(outcome).await;
            }
            Status::Cancelled if !cancelled => {
                return Err(invalid("cancelled what was not withdrawn"));
            }
            Status::Missing | Status::Cancelled => {}
        }
    }
}

/// Hashes and writes: the only way from a stranger's bytes to the disk.
fn keep(order: &Order, bytes: &[u8], since: Instant) -> Fate {
    if bytes.len() != order.len as usize {
        return Fate::Corrupt;
    }
    let Ok(chunk) = VerifiedChunk::check(order.id, bytes) else {
        return Fate::Corrupt;
    };
    for Target { place, sink } in &order.targets {
        if let Err(error) = sink.write(&chunk) {
            return Fate::Unwritable(*place, error);
        }
    }
    let places = order.targets.iter().map(|target| target.place).collect();
    Fate::Stored {
        bytes: order.len,
        places,
        elapsed: since.elapsed(),
    }
}

/// Reads a header. Waiting is free while nothing is owed; otherwise the stall clock runs.
async fn header_of(stream: &mut ReadHalf<Stream>, ledger: &Ledger) -> io::Result<Header> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match timeout(STALL, stream.read(&mut header[filled..])).await {
            Ok(read) => match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            },
            Err(_) if filled == 0 && lock(ledger).is_empty() => {}
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    Header::from_bytes(header).map_err(|error| invalid(error.to_string()))
}

/// Reads a body as fast as the own limit allows: progress within [`STALL`] each time, and three times that in all for
/// what comes slower than [`SLOWEST`], so that a trickle is a stall too. Waiting for the own limit does not count.
async fn body_of(
    stream: &mut ReadHalf<Stream>,
    body: &mut [u8],
    limit: &Limiter,
    arriving: &Arriving,
) -> io::Result<()> {
    let mut part = Body(&arriving.0, 0);
    let mut patience = STALL * 3;
    let mut filled = 0;
    while filled < body.len() {
        let end = body.len().min(filled.saturating_add(limit.piece()));
        let loan = limit.lend(end - filled).await;
        let begun = Instant::now();
        let read = timeout(STALL.min(patience), stream.read(&mut body[filled..end]));
        let count = match read.await.map_err(|_| io::ErrorKind::TimedOut)?? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
        loan.spend(count);
        part.came(count);
        filled += count;
        patience += Duration::from_secs(count as u64) / SLOWEST;
        patience = patience.saturating_sub(begun.elapsed());
    }
    Ok(())
}
