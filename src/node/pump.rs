//! The byte pump: one task for each peer that a job fetches chunks from.
//!
//! Owns the chunk stream to one peer. Bytes go from the stream into a buffer, are hashed there as
//! they come, and are written at their place; only the outcome leaves this room. Invariants: every
//! [`Order`] has exactly one [`Outcome`] unless it is withdrawn, after a word that it begins;
//! nothing is written that does not hash to what was asked for; a stream that makes no progress
//! while something is owed ends within [`STALL`].

mod answers;
mod arriving;
mod board;
mod order;
mod route;
mod storer;

pub use arriving::Arriving;
pub use order::{Order, OrderStatus, Outcome, Target};

use self::{
    answers::receive,
    board::LANES,
    route::{Paths, Route, see},
};
use super::limit::Limiter;
use crate::{
    core::{
        id::{FileId, NodeId},
        index::UniqueChunk,
    },
    net::{Net, PathId, Stream},
    wire::chunk::{Question, Tag},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// Without a byte for so long while an answer is owed, the stream is given up and its chunks are
/// asked for elsewhere.
pub const STALL: Duration = Duration::from_secs(10);
/// Bytes a second that are no stall, however long the whole takes: the other end may have set
/// itself a limit, and shares it among many.
const SLOWEST: u32 = 64;
/// Orders that wait to be written: as many as the pipelines of a few jobs allow.
const QUEUE: usize = 1024;

/// Chunks up to this size are hashed where they are received, if they stay in memory.
const LIGHT: usize = 64 << 10;

enum Command {
    Get(Order),
    Cancel(UniqueChunk),
    /// What has come of a file.
    Tell(FileId, Arc<Vec<u32>>),
}

/// When a lane that is at work looks for another path, at first and then: the peer is dialled where
/// else it may be as soon as somebody asks.
const LOOK: Duration = Duration::from_millis(50);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// With fewer orders than this the second stream is left alone: a peer whom many ask sends each of
/// them a part of one chunk at a time, and what it has not begun can be taken back.
const SPARSE: usize = 6;

/// The streams to one peer: two, so that while one waits for its window or its disk the other one
/// moves (a single stream left a third of two processors idle), and so that two paths are used.
/// Dropping it closes them.
pub struct Pump {
    lanes: Vec<Lane>,
    /// A stream ended, and with it perhaps what was told on it.
    lost: Arc<AtomicBool>,
    board: Paths,
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
    /// Its answer is being read: too late to withdraw it.
    begun: bool,
    cancelled: bool,
}

type Ledger = Arc<Mutex<HashMap<Tag, Open>>>;

fn lock(ledger: &Ledger) -> parking_lot::MutexGuard<'_, HashMap<Tag, Open>> {
    ledger.lock()
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
        let (board, lost) = (Paths::default(), Arc::<AtomicBool>::default());
        let lane = |lane| {
            let (commands, orders) = mpsc::channel(QUEUE);
            let ledger = Ledger::default();
            let (net, board) = (net.clone(), Arc::clone(&board));
            let route = Route::new(net, peer, lane, board);
            let task = tokio::spawn(run(
                route,
                (limit.clone(), arriving.clone()),
                orders,
                ledger.clone(),
                (outcomes.clone(), Arc::clone(&lost)),
            ));
            Lane {
                commands,
                ledger,
                task,
            }
        };
        Self {
            lanes: (0..LANES).map(lane).collect(),
            board,
            lost,
        }
    }

    /// Asks for a chunk. False when the pump is stuck or gone: nothing will come of it.
    pub fn get(&mut self, order: Order) -> bool {
        let loads = std::array::from_fn(|at| self.lanes.get(at).map_or(0, Lane::load));
        let apart = see(&self.board).next(loads);
        let load = |at: &usize| loads[*at].max(SPARSE);
        let lane = apart.or_else(|| (0..LANES).min_by_key(load));
        let lane = lane.and_then(|at| self.lanes.get(at));
        lane.is_some_and(|lane| lane.commands.try_send(Command::Get(order)).is_ok())
    }

    /// Withdraws a question. Its answer may still come, and is thrown away.
    pub fn cancel(&self, chunk: UniqueChunk) {
        for lane in &self.lanes {
            let _ = lane.commands.try_send(Command::Cancel(chunk)); // Only one of them knows it.
        }
    }

    /// Whether news that were told before may not have come, since it was asked last.
    pub fn lost_news(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }

    /// Tells the peer what has come of a file, if it asked to hear of it on a stream. False when it
    /// never hears of it.
    pub fn tell(&self, file: FileId, chunks: Arc<Vec<u32>>) -> bool {
        let lane = self.lanes.first();
        lane.is_some_and(|lane| lane.commands.try_send(Command::Tell(file, chunks)).is_ok())
    }
}

/// Serves orders over one stream after another until the handle is gone.
async fn run(
    route: Route,
    (limit, arriving): (Limiter, Arriving),
    mut orders: mpsc::Receiver<Command>,
    ledger: Ledger,
    (outcomes, lost): (mpsc::Sender<Outcome>, Arc<AtomicBool>),
) {
    let peer = route.peer;
    // What was asked on another path and did not come there.
    let mut again: Vec<Order> = Vec::new();
    loop {
        // Open only when there is something to ask.
        let first = match again.pop() {
            Some(order) => Some(Command::Get(order)),
            None => orders.recv().await,
        };
        let Some(first) = first else { return };
        let ended = match route.open().await {
            Ok(stream) => {
                let path = stream.path();
                let (read, write) = stream.split();
                tokio::select! {
                    // The questions first: what is not in the ledger yet has no outcome when the
                    // stream is over already.
                    biased;
                    end = ask(write, (first, &mut again), &mut orders, &ledger, (&route, path)) => end,
                    end = receive(read, (&route, path), (&limit, &arriving), &ledger, &outcomes) => {
                        end.map(|never| match never {})
                    }
                }
            }
            Err(error) => {
                if let Command::Get(order) = first {
                    again.push(order);
                }
                for order in again.drain(..) {
                    fail(&outcomes, peer, order).await;
                }
                Err(io::Error::other(error.to_string()))
            }
        };
        see(&route.board).moved(route.lane, None);
        if matches!(ended, Ok(End::Moved)) {
            let mut open: Vec<(Tag, Open)> = lock(&ledger).drain().collect();
            open.sort_by_key(|(tag, _)| std::cmp::Reverse(*tag));
            let wanted = open.into_iter().filter(|(_, open)| !open.cancelled);
            again.extend(wanted.map(|(_, open)| open.order));
            continue;
        }
        if let Err(error) = &ended {
            tracing::debug!(peer = %peer.short(), %error, "chunk stream ended");
        }
        lost.store(true, Ordering::Relaxed);
        // Whatever was asked on that stream will not be answered, and whatever waits must not wait
        // for the next one.
        let open: Vec<Open> = lock(&ledger).drain().map(|(_, open)| open).collect();
        for open in open.into_iter().filter(|open| !open.cancelled) {
            fail(&outcomes, peer, open.order).await;
        }
        while let Ok(command) = orders.try_recv() {
            if let Command::Get(order) = command {
                fail(&outcomes, peer, order).await;
            }
        }
        if matches!(ended, Ok(End::Over)) {
            return;
        }
    }
}

async fn fail(outcomes: &mpsc::Sender<Outcome>, peer: NodeId, order: Order) {
    let outcome = Outcome {
        chunk: order.chunk,
        peer,
        result: OrderStatus::Broken,
    };
    let _ = outcomes.send(outcome).await;
}

/// Why a lane asks no more.
enum End {
    /// The handle is gone.
    Over,
    /// Another path is better: what is not here yet is asked for on that.
    Moved,
}

/// Writes the questions.
async fn ask(
    mut stream: futures::io::WriteHalf<Stream>,
    (first, again): (Command, &mut Vec<Order>),
    orders: &mut mpsc::Receiver<Command>,
    ledger: &Ledger,
    (route, path): (&Route, PathId),
) -> io::Result<End> {
    let (mut look, mut pause) = (Instant::now() + LOOK, LOOK);
    let mut tag: Tag = 0;
    let mut bytes = Vec::with_capacity(4096);
    let mut next = Some(first);
    loop {
        let Some(command) = next else {
            return Ok(End::Over);
        };
        enter(command, &mut tag, ledger, &mut bytes);
        while let Some(order) = again.pop() {
            enter(Command::Get(order), &mut tag, ledger, &mut bytes);
        }
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
        next = loop {
            tokio::select! {
                command = orders.recv() => break command,
                () = sleep_until(look) => {
                    pause = (pause * 2).min(LOOK_AGAIN);
                    look = Instant::now() + pause;
                    let oldest = lock(ledger).values().map(|open| (open.since, open.order.len)).min();
                    let Some((since, len)) = oldest else { continue };
                    see(&route.board).owed(path, len.into(), since.elapsed());
                    if route.wanted().await.is_some_and(|wanted| wanted != path) {
                        return Ok(End::Moved);
                    }
                }
            }
        };
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
                    begun: false,
                    cancelled: false,
                },
            );
        }
        Command::Cancel(chunk) => {
            let found = ledger
                .iter_mut()
                .find(|(_, open)| open.order.chunk == chunk && !open.begun);
            if let Some((tag, open)) = found {
                open.cancelled = true;
                Question::Cancel(*tag).write(bytes);
            }
        }
        Command::Tell(file, chunks) => Question::tell(&file, &chunks, bytes),
    }
}

#[cfg(test)]
mod tests;
