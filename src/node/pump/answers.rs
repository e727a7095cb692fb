//! The answers of a stream: each is read, hashed as it comes, and written at its place.
//!
//! Invariant: an order leaves the ledger only when nothing is waited for any more before its outcome
//! is on its way.

use super::{
    Arriving, LIGHT, Ledger, Open, Order, OrderStatus, Outcome, Route, SLOWEST, STALL, Target,
    lock, see, storer::Storer,
};
use crate::{
    core::{chunk::Incoming, manifest::MAX_CHUNK},
    net::{PathId, Stream},
    node::limit::Limiter,
    wire::chunk::{HEADER, Header, Status, invalid},
};
use futures::{AsyncReadExt, io::ReadHalf};
use std::{convert::Infallible, io, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

/// Reads the answers. While one chunk is hashed and written, the next is read into another buffer.
pub(super) async fn receive(
    mut stream: ReadHalf<Stream>,
    (route, path): (&Route, PathId),
    (limit, arriving): (&Limiter, &Arriving),
    ledger: &Ledger,
    outcomes: &mpsc::Sender<Outcome>,
) -> io::Result<Infallible> {
    let peer = route.peer;
    let mut before = Instant::now();
    let mut storer = Storer::default();
    loop {
        let header = header_of(&mut stream, ledger).await?;
        let asked = lock(ledger).get_mut(&header.tag).map(|open| {
            open.begun = true;
            (open.order.chunk, open.since, open.cancelled)
        });
        let Some((chunk, since, cancelled)) = asked else {
            return Err(invalid("an answer to no question"));
        };
        let outcome = Outcome {
            chunk,
            peer,
            result: OrderStatus::Missing,
        };
        match header.status {
            Status::Bytes(len) => {
                if !cancelled {
                    let result = OrderStatus::Started;
                    let _ = outcomes.send(Outcome { result, ..outcome }).await;
                }
                let len = len.min(MAX_CHUNK) as usize;
                let mut bytes = Incoming::new(storer.buffer(), len);
                // Until all of it is here it stands in the ledger: it may be asked for on another
                // path.
                body_of(&mut stream, &mut bytes, limit, arriving).await?;
                // Since it was asked for, or since the one before: that long the path was busy with
                // it.
                let busy = before.max(since).elapsed();
                before = Instant::now();
                see(&route.board).came(path, len as u64, busy);
                storer.room(len).await?;
                let room = outcomes.reserve().await;
                // From here on nothing is waited for: this ends wherever it waits when another path
                // is better, and what stands in the ledger no more would be lost.
                let Some(Open { order, .. }) = lock(ledger).remove(&header.tag) else {
                    return Err(invalid("an answer to no question"));
                };
                if cancelled {
                    storer.give_back(bytes.into_buffer());
                    continue;
                }
                // Not worth another thread: there is no disk to wait for.
                if len <= LIGHT && order.targets.iter().all(|to| to.sink.is_memory()) {
                    let result = keep(&order, &bytes, since);
                    if let Ok(room) = room {
                        room.send(Outcome { result, ..outcome });
                    }
                    storer.give_back(bytes.into_buffer());
                    continue;
                }
                drop(room);
                let (outcomes, arriving) = (outcomes.clone(), arriving.clone());
                arriving.stores();
                storer.store(len, move || {
                    let result = keep(&order, &bytes, since);
                    arriving.stored();
                    let _ = outcomes.blocking_send(Outcome { result, ..outcome });
                    bytes.into_buffer()
                });
            }
            Status::Cancelled if !cancelled => {
                return Err(invalid("cancelled what was not withdrawn"));
            }
            Status::Missing | Status::Cancelled => {
                let room = outcomes.reserve().await;
                lock(ledger).remove(&header.tag);
                if !cancelled && let Ok(room) = room {
                    room.send(outcome);
                }
            }
        }
    }
}

/// Writes what hashes to what was asked for: the only way from a stranger's bytes to the disk.
fn keep(order: &Order, bytes: &Incoming, since: Instant) -> OrderStatus {
    if bytes.len() != order.len as usize {
        return OrderStatus::Corrupt;
    }
    let Ok(chunk) = bytes.check(order.id) else {
        return OrderStatus::Corrupt;
    };
    for Target { position, sink } in &order.targets {
        if let Err(error) = sink.write(&chunk) {
            return OrderStatus::Unwritable(*position, error);
        }
    }
    let positions = order.targets.iter().map(|target| target.position);
    OrderStatus::Stored {
        bytes: order.len,
        positions: positions.collect(),
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

/// Reads a body as fast as the own limit allows: progress within [`STALL`] each time, and three
/// times that in all for what comes slower than [`SLOWEST`], so that a trickle is a stall too.
/// Waiting for the own limit does not count.
async fn body_of(
    stream: &mut ReadHalf<Stream>,
    body: &mut Incoming,
    limit: &Limiter,
    arriving: &Arriving,
) -> io::Result<()> {
    let mut part = arriving.body();
    let mut patience = STALL * 3;
    while !body.rest().is_empty() {
        let most = body.rest().len().min(limit.piece());
        let loan = limit.lend(most).await;
        let begun = Instant::now();
        let read = timeout(STALL.min(patience), stream.read(&mut body.rest()[..most]));
        let count = match read.await.map_err(|_| io::ErrorKind::TimedOut)?? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
        loan.spend(count);
        part.came(count);
        body.came(count);
        patience += Duration::from_secs(count as u64) / SLOWEST;
        patience = patience.saturating_sub(begun.elapsed());
    }
    Ok(())
}
