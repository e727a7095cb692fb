//! The proof over the connection: who paired by datagrams shows on a stream that it is the one at
//! the other end.
//!
//! ```text
//! receiver                  sender
//! attempt, name, MAC  ──▶
//!                     ◀──  name, MAC
//! seen                ──▶
//! ```
//!
//! Frames as in `wire::distribute`. Invariants: nobody but the node that is expected is read from;
//! an attempt is taken once; everything has a deadline.

use super::{
    PairError, Paired,
    talk::{self, IncomingMessage},
};
use crate::{
    core::{
        id::NodeId,
        pairing::{Endpoint, Id, LinkKey},
    },
    net::{Net, Stream, StreamError},
    wire::{
        distribute::{read, write},
        pairing::{Counterproof, Proof, Seen, check_name},
    },
};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, io, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// For the three frames.
const TALK: Duration = Duration::from_secs(10);
/// For all attempts to connect: less than the sender waits.
const CONNECT: Duration = Duration::from_secs(15);
/// Between two attempts, at first and at most.
const SOON: Duration = Duration::from_millis(25);
const LATER: Duration = Duration::from_millis(500);

/// The receivers that have proven a code by datagrams and are about to connect. Cheap to clone; a
/// node has one, for all that it offers.
#[derive(Clone, Default)]
pub struct Pairings(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    expected: HashMap<Id, Expected>,
    /// Everyone who offers something, for messages over streams.
    offers: Vec<mpsc::Sender<IncomingMessage>>,
}

#[derive(Clone)]
struct Expected {
    link: LinkKey,
    name: String,
    told: mpsc::Sender<(Id, Paired)>,
}

impl Pairings {
    /// Takes an inbound stream of [`crate::wire::pairing::PROTOCOL`], at once: what takes time is a
    /// task of its own. A stream of somebody who is not expected is reset.
    pub fn accept(&self, node: NodeId, mut stream: Stream) {
        let expected = self
            .lock()
            .expected
            .values()
            .any(|one| one.link.receiver == node);
        if !expected {
            return;
        }
        let pairings = self.clone();
        tokio::spawn(async move {
            match timeout(TALK, pairings.answer(node, &mut stream)).await {
                Ok(Ok(())) => drop(timeout(TALK, stream.close()).await),
                Ok(Err(error)) => tracing::debug!(%error, "a pairing was not proven"),
                Err(_) => tracing::debug!("a pairing was not proven in time"),
            }
        });
    }

    /// Takes an inbound stream of [`crate::wire::pairing::TALK_PROTOCOL`], at once. It is reset
    /// when nobody offers anything.
    pub fn listen(&self, node: NodeId, stream: Stream) {
        let offers = self.lock().offers.clone();
        if !offers.is_empty() {
            tokio::spawn(talk::listen(node, stream, offers));
        }
    }

    /// What is said over streams from now on, until it is dropped.
    pub(super) fn hear(&self) -> mpsc::Receiver<IncomingMessage> {
        let (said, heard) = mpsc::channel(talk::HEARD);
        let mut table = self.lock();
        table.offers.retain(|offer| !offer.is_closed());
        table.offers.push(said);
        heard
    }

    async fn answer<S>(&self, node: NodeId, stream: &mut S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(Proof { attempt, name, mac }) = read(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let expected = self.lock().expected.get(&attempt).cloned();
        let expected = expected.filter(|one| one.link.receiver == node);
        let expected = expected.ok_or_else(|| foreign("nobody expected"))?;
        if check_name(&name).is_err() || !expected.link.is_receiver(&mac, &name) {
            return Err(foreign("a wrong proof"));
        }
        let counterproof = Counterproof {
            mac: expected.link.sender_proof(&expected.name),
            name: expected.name,
        };
        write(stream, &counterproof).await?;
        stream.flush().await?;
        let Some(Seen::Paired) = read(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if self.lock().expected.remove(&attempt).is_some() {
            let paired = Paired { peer: node, name };
            // The one who offered may have given up.
            let _ = expected.told.send((attempt, paired)).await;
        }
        Ok(())
    }

    /// The entries of one offering.
    pub(super) fn doors(&self, name: String, told: mpsc::Sender<(Id, Paired)>) -> Doors {
        Doors {
            pairings: self.clone(),
            name,
            told,
        }
    }

    /// Whether nobody is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().expected.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }
}

fn foreign(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What one offering expects; nothing any more when it is dropped.
pub(super) struct Doors {
    pairings: Pairings,
    name: String,
    told: mpsc::Sender<(Id, Paired)>,
}

impl Doors {
    pub(super) fn open(&self, link: LinkKey) {
        let expected = Expected {
            name: self.name.clone(),
            told: self.told.clone(),
            link,
        };
        let attempt = expected.link.attempt;
        self.pairings.lock().expected.insert(attempt, expected);
    }

    pub(super) fn close(&self, attempt: Id) {
        self.pairings.lock().expected.remove(&attempt);
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        let ours = |one: &Expected| one.told.same_channel(&self.told);
        let mut table = self.pairings.lock();
        table.expected.retain(|_, one| !ours(one));
        table.offers.retain(|offer| !offer.is_closed());
    }
}

/// The receiver's side: connects to the sender and nobody else, and proves the key.
pub(super) async fn connect(
    net: &Net,
    link: &LinkKey,
    at: Endpoint,
    name: &str,
) -> Result<Paired, PairError> {
    let trying = async {
        let mut pause = SOON;
        loop {
            // Nothing happens if it is connected or being dialled.
            if let Endpoint::Near(address) = at {
                net.dial(Some(link.sender), vec![address]).await;
            }
            match net
                .stream(link.sender, crate::wire::pairing::PROTOCOL)
                .await
            {
                Ok(mut stream) => match timeout(TALK, prove(&mut stream, link, name)).await {
                    Ok(Ok(paired)) => return Ok(paired),
                    Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                        return Err(PairError::Unconfirmed);
                    }
                    // The connection went: another try may have another one.
                    Ok(Err(error)) => tracing::debug!(%error, "the proof failed"),
                    Err(_) => return Err(PairError::Unconfirmed),
                },
                Err(StreamError::Refused) => return Err(PairError::Unconfirmed),
                Err(error) => tracing::trace!(%error, "not connected yet"),
            }
            tokio::time::sleep(pause).await;
            pause = LATER.min(pause * 3 / 2);
        }
    };
    let tried = timeout(CONNECT, trying).await;
    tried.unwrap_or(Err(match at {
        Endpoint::Near(address) => PairError::Unreachable(address),
        Endpoint::Far(_) => PairError::Lost,
    }))
}

async fn prove<S>(stream: &mut S, link: &LinkKey, ours: &str) -> io::Result<Paired>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let proof = Proof {
        attempt: link.attempt,
        name: ours.to_owned(),
        mac: link.receiver_proof(ours),
    };
    write(stream, &proof).await?;
    stream.flush().await?;
    let Some(Counterproof { name, mac }) = read(stream).await? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if check_name(&name).is_err() || !link.is_sender(&mac, &name) {
        return Err(foreign("a wrong proof"));
    }
    write(stream, &Seen::Paired).await?;
    stream.flush().await?;
    // The pair is made; a stream that does not end well changes nothing.
    let _ = stream.close().await;
    Ok(Paired {
        peer: link.sender,
        name,
    })
}
