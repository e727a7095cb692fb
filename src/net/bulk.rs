//! Connections for bulk: chunks between two nodes with a straight path go over a TCP connection of
//! their own, without a multiplexer and in large records (`wire::bulk`).
//!
//! Owns agreeing on one over the connection that stands, and telling one that comes in from
//! everything else that comes to the port. Never decides what is carried. Invariants: a stream of
//! bulk looks and ends as any other one does, and ends with the connection on which it was agreed;
//! a ticket is good once, for [`TICKET_LIFE`]; all tables are bounded, by node and in all; where no
//! bulk connection can be had, the caller gets none and takes an ordinary stream.

mod cipher;
mod sealed;
mod tickets;

pub use cipher::Direction;
pub(super) use sealed::Sealed;

use self::{sealed::End, tickets::Tickets};
use super::{Inbound, PathId, Stream, segments::connect, streams::Activity, transport};
use crate::{
    core::{
        admission::{Admission, Permit},
        id::NodeId,
    },
    wire::bulk::{ANSWER, Agreement, Cipher, FRESH, Keys, MAGIC, OFFER, TICKET},
};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// How long agreeing may take.
const AGREEING: Duration = Duration::from_secs(5);
/// How long connecting may take: what is slower than that is no path for bulk.
const CONNECTING: Duration = Duration::from_secs(1);
/// How long a ticket is good.
const TICKET_LIFE: Duration = Duration::from_secs(10);
/// How long the beginning of a bulk connection and its first record may take.
const BEGINNING: Duration = Duration::from_secs(5);
/// Connections that have not shown a first record yet.
const HALF_OPEN: usize = 64;
/// Bulk connections that others have here, in all and of one node.
const MOST: usize = 512;
const MOST_EACH: usize = 4;
/// Connections on which bulk could not be had, remembered until they are gone or forgotten.
const UNFIT: usize = 256;

/// See the module. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Bulk(Arc<Shared>);

struct Shared {
    here: NodeId,
    port: u16,
    swarm_key: Option<[u8; 32]>,
    tickets: Mutex<Tickets<Waiting>>,
    admission: Admission,
    half_open: Arc<Semaphore>,
    unfit: Mutex<VecDeque<PathId>>,
    /// Where a stream that came in goes.
    streams: mpsc::Sender<Inbound>,
}

/// What a ticket stands for.
struct Waiting {
    node: NodeId,
    keys: Keys,
    path: PathId,
    activity: Activity,
    permit: Permit,
}

fn fresh() -> io::Result<[u8; FRESH]> {
    let mut bytes = [0; FRESH];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn no(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

impl Bulk {
    pub(super) fn new(
        here: NodeId,
        port: u16,
        swarm_key: Option<[u8; 32]>,
        streams: mpsc::Sender<Inbound>,
    ) -> Self {
        Self(Arc::new(Shared {
            here,
            port,
            swarm_key,
            tickets: Mutex::new(Tickets::new(MOST, TICKET_LIFE)),
            admission: Admission::new(MOST, MOST_EACH),
            half_open: Arc::new(Semaphore::new(HALF_OPEN)),
            unfit: Mutex::default(),
            streams,
        }))
    }

    /// Whether bulk was tried there, and could not be had.
    pub(super) fn is_unfit(&self, path: PathId) -> bool {
        self.0.unfit.lock().contains(&path)
    }

    /// Remembers that it cannot be had there.
    pub(super) fn unfit(&self, path: PathId) {
        let mut unfit = self.0.unfit.lock();
        if unfit.contains(&path) {
            return;
        }
        if unfit.len() >= UNFIT {
            unfit.pop_front();
        }
        unfit.push_back(path);
    }

    /// Opens a bulk connection to `node`, agreed on over `stream`; `at` is where its connection
    /// leads, with port 0 where the other end says which port it is.
    pub(super) async fn open(
        &self,
        node: NodeId,
        at: SocketAddr,
        mut stream: Stream,
    ) -> Option<Stream> {
        let path = stream.path();
        let opened = timeout(AGREEING, self.opened(node, at, &mut stream)).await;
        match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(opened) => Some(opened),
            Err(error) => {
                tracing::debug!(%node, %at, %error, "no bulk connection");
                self.unfit(path);
                None
            }
        }
    }

    async fn opened(
        &self,
        node: NodeId,
        mut at: SocketAddr,
        stream: &mut Stream,
    ) -> io::Result<Stream> {
        let requester_bytes = fresh()?;
        let mut offer = [0; OFFER];
        offer[0] = cipher::here();
        offer[1..].copy_from_slice(&requester_bytes);
        stream.write_all(&offer).await?;
        stream.flush().await?;
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer[..1]).await?;
        let cipher = Cipher::from_byte(answer[0]).ok_or_else(|| no("the other end has no room"))?;
        stream.read_exact(&mut answer[1..]).await?;
        let port = u16::from_be_bytes([answer[1], answer[2]]);
        let mut holder_bytes = [0; FRESH];
        holder_bytes.copy_from_slice(&answer[3..]);
        let agreement = Agreement {
            requester: self.0.here,
            holder: node,
            requester_bytes,
            holder_bytes,
            swarm_key: self.0.swarm_key,
            cipher,
        };
        if at.port() == 0 {
            at.set_port(port);
        }
        let keys = agreement.keys();
        let socket = timeout(CONNECTING, connect(at, false)).await;
        let mut socket = socket.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        transport::tune(&socket);
        socket
            .write_all(&[&MAGIC[..], &keys.ticket].concat())
            .await?;
        let ended = stream.activity().ended();
        let sealed = Sealed::new(socket, &keys, End::Requester, ended)?;
        // A path that loses large packets, perhaps: the connection that stands finds out. Or
        // something else is at that address, or the other end has too many that begin.
        let (bulk, path) = (self.clone(), stream.path());
        Ok(stream.beside(sealed.or_else(move || bulk.unfit(path))))
    }

    /// Answers an offer.
    pub(super) async fn answer(self, inbound: Inbound) {
        let Inbound {
            node,
            relayed,
            mut stream,
        } = inbound;
        if relayed {
            return;
        }
        let answered = timeout(AGREEING, self.answered(node, &mut stream)).await;
        if let Ok(Err(error)) = answered {
            tracing::debug!(%node, %error, "an offer of a bulk connection failed");
        }
    }

    async fn answered(&self, node: NodeId, stream: &mut Stream) -> io::Result<()> {
        let mut offer = [0; OFFER];
        stream.read_exact(&mut offer).await?;
        let mut requester_bytes = [0; FRESH];
        requester_bytes.copy_from_slice(&offer[1..]);
        let cipher = Cipher::choose(offer[0], cipher::here());
        let (Some(cipher), Some(permit)) = (cipher, self.0.admission.admit(node)) else {
            stream.write_all(&[0]).await?;
            return stream.close().await;
        };
        let holder_bytes = fresh()?;
        let agreement = Agreement {
            requester: node,
            holder: self.0.here,
            requester_bytes,
            holder_bytes,
            swarm_key: self.0.swarm_key,
            cipher,
        };
        let keys = agreement.keys();
        let waiting = Waiting {
            node,
            path: stream.path(),
            activity: stream.activity().clone(),
            permit,
            keys: keys.clone(),
        };
        self.0
            .tickets
            .lock()
            .put(keys.ticket, waiting, Instant::now());
        let mut answer = [0; ANSWER];
        answer[0] = cipher as u8;
        answer[1..3].copy_from_slice(&self.0.port.to_be_bytes());
        answer[3..].copy_from_slice(&holder_bytes);
        stream.write_all(&answer).await?;
        stream.close().await
    }

    /// Takes a connection that came in and begins as one for bulk does.
    pub(super) async fn take(self, socket: TcpStream) {
        // One too many is closed at once.
        let Ok(_place) = self.0.half_open.clone().try_acquire_owned() else {
            return;
        };
        let begun = timeout(BEGINNING, self.begun(socket)).await;
        match begun.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(inbound) => {
                let _ = self.0.streams.try_send(inbound); // As full as for any other stream.
            }
            Err(error) => tracing::debug!(%error, "a bulk connection did not begin"),
        }
    }

    async fn begun(&self, mut socket: TcpStream) -> io::Result<Inbound> {
        let mut beginning = [0; MAGIC.len() + TICKET];
        socket.read_exact(&mut beginning).await?;
        let mut ticket = [0; TICKET];
        ticket.copy_from_slice(&beginning[MAGIC.len()..]);
        let waiting = self.0.tickets.lock().take(&ticket, Instant::now());
        let waiting = waiting.ok_or_else(|| no("there is no such ticket"))?;
        transport::tune(&socket);
        let ended = waiting.activity.ended();
        let mut sealed = Sealed::new(socket, &waiting.keys, End::Holder, ended)?;
        // Whose it is the first record shows.
        if !poll_fn(|cx| sealed.poll_record(cx)).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let stream = Stream::bulk(sealed, waiting.path, waiting.activity, waiting.permit);
        Ok(Inbound {
            node: waiting.node,
            relayed: false,
            stream,
        })
    }
}

/// Runs what bulk needs, until the network ends: offers by streams, and sockets from the listener.
pub(super) fn run(
    bulk: &Bulk,
    mut offers: mpsc::Receiver<Inbound>,
    mut sockets: mpsc::Receiver<TcpStream>,
) {
    let answering = bulk.clone();
    tokio::spawn(async move {
        while let Some(inbound) = offers.recv().await {
            tokio::spawn(answering.clone().answer(inbound));
        }
    });
    let taking = bulk.clone();
    tokio::spawn(async move {
        while let Some(socket) = sockets.recv().await {
            tokio::spawn(taking.clone().take(socket));
        }
    });
}

#[cfg(test)]
mod tests;
