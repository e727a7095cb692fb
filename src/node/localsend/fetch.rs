//! Fetching what somebody offers by LocalSend's download API.
//!
//! Their list becomes an ask to whoever wants to fetch, as if they had sent it; so where it goes,
//! under which names and with which bounds follows from the rules of asks. Invariants: nothing is
//! fetched before the yes; with TLS every byte comes from the one who showed the list; a file that
//! comes damaged is asked for [`TRIES`] times.

use super::{Visitor, asker, identity, wanted};
use crate::{
    core::{
        consent::AskRefusal,
        id::NodeId,
        localsend::{ShareAddress, TRIES},
    },
    net::{
        beside,
        localsend::{Identity, Peer, quoted},
        pieces,
    },
    node::{Expected, GuestAsk, GuestError, GuestState, Node, StoreError},
    wire::localsend::{MAX_PREPARE, Offer},
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{net::lookup_host, sync::mpsc, task::spawn_blocking, time::timeout};

/// For a name to become an address.
const RESOLVE: Duration = Duration::from_secs(5);
/// For the list: the person there may be asked first.
const LIST: Duration = Duration::from_secs(330);
/// For the head of an answer with a file.
const HEAD: Duration = Duration::from_secs(60);
/// Pieces of a file that wait for the disk.
const AHEAD: usize = 32;

/// Why there is nothing to fetch.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody is there, or they broke off.
    #[error("nobody answers there: {0}")]
    Gone(#[from] io::Error),
    /// A PIN is asked for.
    #[error("a PIN is asked for there: give it with --pin")]
    Pin,
    /// It is another one.
    #[error("that is not the PIN that is asked for there")]
    WrongPin,
    /// They ask for patience.
    #[error("too many wrong PINs came from here, or too many requests: try again later")]
    TooOften,
    /// They said no, or offer nothing.
    #[error("nothing is offered there, or not to you")]
    Refused,
    /// What they say makes no sense.
    #[error("what is offered there cannot be taken: {0}")]
    Nonsense(String),
    /// It cannot be shown here.
    #[error("{}", .0.why())]
    Ask(AskRefusal),
    /// This node has no certificate.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// Asks what is offered at this address; gives by whom, and the news of the ask that comes of
    /// it: to be answered by its number as any other. Files come once it is accepted.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch_shared(
        &self,
        address: &ShareAddress,
        pin: Option<&str>,
    ) -> Result<(NodeId, mpsc::Receiver<Expected>), FetchError> {
        let services = &self.shared.services;
        let identity = if let Some(neighbours) = &services.localsend {
            neighbours.identity().clone()
        } else {
            let home = services.home.clone();
            let kept = spawn_blocking(move || identity(home.root())).await;
            kept.map_err(io::Error::other)??
        };
        let (mut source, peer) = Source::find(identity, address).await?;
        let (offer, peer) = source.list(peer, pin).await?;
        if offer.files.is_empty() {
            return Err(FetchError::Refused);
        }
        let (files, ids) =
            wanted(offer.files).map_err(|why| FetchError::Nonsense(why.to_string()))?;
        let visitor = Visitor {
            from: source.at,
            key: source.key,
        };
        let asker = asker(visitor, &offer.info);
        let node = asker.person.node;
        let opened = self.shared.consent.ask_alone(asker, files).await;
        let (ask, news) = opened.map_err(FetchError::Ask)?;
        let fetch = Fetch {
            source,
            session: offer.session_id,
            ask: ask.clone(),
        };
        self.shared.tasks.spawn(async move {
            let over = ask.over();
            let fetched = over.run_until_cancelled(fetch.run(peer, ids)).await;
            if let Some(Err(why)) = fetched {
                ask.withdraw(why);
            }
        });
        Ok((node, news))
    }
}

/// Who offers, and how they are reached.
struct Source {
    identity: Identity,
    at: SocketAddr,
    encrypted: bool,
    /// The SHA-256 of the certificate that was shown with the list.
    key: Option<[u8; 32]>,
}

impl Source {
    async fn find(identity: Identity, address: &ShareAddress) -> io::Result<(Self, Peer)> {
        let ShareAddress {
            encrypted,
            host,
            port,
        } = address;
        let all = timeout(RESOLVE, lookup_host((&**host, *port))).await??;
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for at in all {
            let mut source = Self {
                identity: identity.clone(),
                at,
                encrypted: *encrypted,
                key: None,
            };
            match source.open().await {
                Ok(peer) => return Ok((source, peer)),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn open(&mut self) -> io::Result<Peer> {
        match self.key {
            _ if !self.encrypted => Peer::connect_in_clear(self.at).await,
            Some(key) => Peer::connect(&self.identity, self.at, key).await,
            None => {
                let (peer, key) = Peer::meet(&self.identity, self.at).await?;
                self.key = Some(key);
                Ok(peer)
            }
        }
    }

    async fn list(
        &mut self,
        mut peer: Peer,
        pin: Option<&str>,
    ) -> Result<(Offer, Peer), FetchError> {
        let path = match pin {
            Some(pin) => format!("/api/localsend/v2/prepare-download?pin={}", quoted(pin)),
            None => "/api/localsend/v2/prepare-download".to_owned(),
        };
        let answer = peer.post(&path, Vec::new(), (LIST, MAX_PREPARE)).await?;
        match answer.status {
            200 => {
                let read: Result<Offer, _> = serde_json::from_slice(&answer.body);
                let offer = read.map_err(|error| FetchError::Nonsense(error.to_string()))?;
                Ok((offer, peer))
            }
            401 if pin.is_some() => Err(FetchError::WrongPin),
            401 => Err(FetchError::Pin),
            403 | 404 => Err(FetchError::Refused),
            429 => Err(FetchError::TooOften),
            status => Err(FetchError::Nonsense(format!("status {status}"))),
        }
    }
}

struct Fetch {
    source: Source,
    session: String,
    ask: GuestAsk,
}

impl Fetch {
    /// Waits for the yes, and fetches one file after the other; or says why not.
    async fn run(mut self, mut peer: Peer, ids: Vec<String>) -> Result<(), &'static str> {
        if self.ask.answered().await != GuestState::Accepted {
            return Ok(());
        }
        for (number, id) in ids.iter().enumerate() {
            let mut tries = 0;
            loop {
                tries += 1;
                if peer.is_closed() {
                    peer = self.source.open().await.map_err(gone)?;
                }
                match self.file(&mut peer, number, id).await? {
                    Ok(()) => break,
                    // The rest of it, if there is any, would be in the way of the next answer.
                    Err(GuestError::Sum) if tries < TRIES => {
                        peer = self.source.open().await.map_err(gone)?;
                    }
                    Err(GuestError::Sum) => return Err("a file came damaged three times"),
                    Err(GuestError::Store(StoreError::NoSpace { .. })) => {
                        return Err(AskRefusal::NoRoom.why());
                    }
                    Err(error) => {
                        tracing::info!(%error, "what is fetched by LocalSend cannot be taken");
                        return Err("it broke off, or is not as long as was said");
                    }
                }
            }
        }
        Ok(())
    }

    async fn file(
        &mut self,
        peer: &mut Peer,
        number: usize,
        id: &str,
    ) -> Result<Result<(), GuestError>, &'static str> {
        let (session, id) = (quoted(&self.session), quoted(id));
        let path = format!("/api/localsend/v2/download?sessionId={session}&fileId={id}");
        let got = if let Ok(got) = peer.get(&path, HEAD).await {
            got
        } else {
            // It may have been closed after the file before.
            *peer = self.source.open().await.map_err(gone)?;
            peer.get(&path, HEAD).await.map_err(gone)?
        };
        let (status, body) = got;
        if status != 200 {
            tracing::info!(status, "a file is not given by LocalSend");
            return Err("a file is not given any more");
        }
        let (moving, bytes) = pieces(body, AHEAD);
        Ok(beside(self.ask.take(number, bytes), moving).await)
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is an argument of `map_err`"
)]
fn gone(error: io::Error) -> &'static str {
    tracing::debug!(%error, "who offers by LocalSend is gone");
    "the connection broke off"
}
