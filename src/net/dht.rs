//! The BitTorrent DHT, as far as sprat uses it: items are looked up and put.
//!
//! Owns one socket, which is open only while something is asked, and the pace of all that is sent.
//! Whom to ask is [`Lookup`]'s to decide. Invariants: one thing at a time; never more than one
//! datagram each [`PACE`]; this node answers nobody, so nobody asks it; an item that comes out was
//! signed by its owner.

use crate::{
    core::dht::{Contact, K, Key160, Lookup, PACE, Reach},
    wire::dht::{self, Answer, Item, MAX_DATAGRAM, Slot, Transaction},
};
use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::{Duration, Instant},
};
use tokio::{
    net::{UdpSocket, lookup_host},
    sync::Mutex,
    time::{sleep_until, timeout, timeout_at},
};

/// Where the DHT of the internet is entered, unless told otherwise.
pub const BOOTSTRAP: [&str; 4] = [
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "dht.libtorrent.org:25401",
    "relay.pkarr.org:6881",
];
/// Entries that may be configured.
pub const MAX_BOOTSTRAP: usize = 8;
/// Addresses of each that are used.
const MAX_OF_NAME: usize = 2;
/// How long the names of all entries may take.
const RESOLVE: Duration = Duration::from_secs(5);
/// An answer to what was put that does not come for so long does not.
const ANSWER: Duration = Duration::from_secs(2);

/// Why nothing is found out.
#[derive(Debug, thiserror::Error)]
pub enum DhtError {
    /// No name of an entry leads anywhere.
    #[error("no entry to the DHT is found: {0}")]
    NoEntry(String),
    /// The socket fails.
    #[error("no socket for the DHT: {0}")]
    Socket(#[from] io::Error),
    /// Nobody answers.
    #[error("nobody of the DHT answers")]
    Silent,
}

/// What a lookup came to.
#[derive(Debug)]
pub struct Found {
    /// The latest item, if there is any.
    pub item: Option<Item>,
    /// How far the DHT reaches: what its addresses are worth.
    pub reach: Reach,
    /// Those who keep it, or would, each with their token.
    keepers: Vec<(SocketAddrV4, Vec<u8>)>,
}

/// A way into the DHT.
#[derive(Debug)]
pub struct Dht {
    entries: Vec<String>,
    id: Key160,
    turn: Mutex<Turn>,
}

#[derive(Debug)]
struct Turn {
    /// When the next datagram may go.
    free_at: Instant,
    /// Those who answered last.
    known: Vec<SocketAddrV4>,
}

impl Dht {
    /// By these entries (`host:port`); by [`BOOTSTRAP`], if there are none. Nothing is sent before
    /// something is asked.
    #[must_use]
    pub fn new(mut entries: Vec<String>) -> Self {
        if entries.is_empty() {
            entries = BOOTSTRAP.map(str::to_owned).to_vec();
        }
        entries.truncate(MAX_BOOTSTRAP);
        let mut id = [0; 20];
        // It is nobody's place: no answer comes from it.
        let _ = getrandom::fill(&mut id);
        Self {
            entries,
            id,
            turn: Mutex::new(Turn {
                free_at: Instant::now(),
                known: Vec::new(),
            }),
        }
    }

    /// How far it reaches, as far as that is known without finding out names.
    #[must_use]
    pub fn reach_said(&self) -> Reach {
        let ip = |entry: &String| Some(entry.parse::<SocketAddr>().ok()?.ip());
        let ips: Option<Vec<_>> = self.entries.iter().map(ip).collect();
        ips.and_then(Reach::of_dht).unwrap_or(Reach::Global)
    }

    /// Looks up what stands in a slot, and who keeps it.
    ///
    /// # Errors
    /// [`DhtError`], when the DHT cannot be asked.
    pub async fn get(&self, slot: &Slot) -> Result<Found, DhtError> {
        let mut turn = self.turn.lock().await;
        let (mut entries, reach) = self.enter().await?;
        entries.extend(
            turn.known
                .iter()
                .filter(|at| reach.takes((*at.ip()).into())),
        );
        let mut link = Link::open(reach).await?;
        let begun = Instant::now();
        let target = slot.target();
        let mut lookup = Lookup::new(target, reach, entries, Duration::ZERO);
        let mut asked: BTreeMap<SocketAddrV4, Transaction> = BTreeMap::new();
        let mut item: Option<Item> = None;
        loop {
            let now = begun.elapsed();
            let free = turn.free_at <= Instant::now();
            if free && let Some(at) = lookup.next(now) {
                let transaction = transaction();
                asked.insert(at, transaction);
                link.send(&mut turn, at, &dht::get(&self.id, &target, transaction))
                    .await;
                continue;
            }
            if free && lookup.is_over(now) {
                break;
            }
            let due = begun + lookup.next_tick();
            let due = if free { due } else { due.min(turn.free_at) };
            let Ok(heard) = timeout_at(due.into(), link.hear()).await else {
                continue;
            };
            let Some((from, answer)) = heard.filter(|(from, _)| lookup.expects(*from)) else {
                continue;
            };
            let Some(answer) = Answer::parse(answer) else {
                continue;
            };
            if asked.get(&from) != Some(&answer.transaction) {
                continue;
            }
            if let Some(told) = answer.item
                && answer.owner == Some(slot.key)
                && item.as_ref().is_none_or(|known| known.seq < told.seq)
                && told.is_of(slot)
            {
                item = Some(told);
            }
            let contact = Contact {
                id: answer.id,
                at: from,
            };
            lookup.answered(contact, answer.token, &answer.contacts, begun.elapsed());
        }
        let known = lookup.heard_from();
        if known.is_empty() {
            turn.known.clear();
            return Err(DhtError::Silent);
        }
        turn.known = known;
        Ok(Found {
            item,
            reach,
            keepers: lookup.nearest(),
        })
    }

    /// Puts an item where [`Self::get`] just looked; with `cas`, only where the item of that number
    /// stands. Gives how many keep it.
    ///
    /// # Errors
    /// [`DhtError`], when there is no socket.
    pub async fn put(
        &self,
        found: &Found,
        (slot, item): (&Slot, &Item),
        cas: Option<i64>,
    ) -> Result<usize, DhtError> {
        let mut turn = self.turn.lock().await;
        let mut link = Link::open(found.reach).await?;
        let mut asked: BTreeMap<SocketAddrV4, Transaction> = BTreeMap::new();
        let (mut kept, mut until) = (0, Instant::now() + ANSWER);
        let mut keepers = found.keepers.iter().take(K);
        let mut left = keepers.next();
        while left.is_some() || !asked.is_empty() {
            if let Some((at, token)) = left {
                if turn.free_at <= Instant::now() {
                    let transaction = transaction();
                    let put = dht::put(&self.id, (slot, item), cas, token, transaction);
                    link.send(&mut turn, *at, &put).await;
                    asked.insert(*at, transaction);
                    left = keepers.next();
                    until = Instant::now() + ANSWER;
                    continue;
                }
                until = turn.free_at;
            }
            match timeout_at(until.into(), link.hear()).await {
                Ok(Some((from, answer))) => {
                    let answer = asked.get(&from).and(Answer::parse(answer));
                    if answer.is_some_and(|said| asked.get(&from) == Some(&said.transaction)) {
                        asked.remove(&from);
                        kept += 1;
                    }
                }
                Err(_) if left.is_none() => break,
                Ok(None) | Err(_) => {}
            }
        }
        Ok(kept)
    }

    /// The addresses of the entries, and how far the DHT behind them reaches.
    async fn enter(&self) -> Result<(Vec<SocketAddrV4>, Reach), DhtError> {
        let mut found = Vec::new();
        let mut why = "its names are not found out in time".to_owned();
        let resolving = async {
            for entry in &self.entries {
                match lookup_host(entry).await {
                    Ok(all) => {
                        let v4 = |at| match at {
                            SocketAddr::V4(at) => Some(at),
                            SocketAddr::V6(_) => None,
                        };
                        found.extend(all.filter_map(v4).take(MAX_OF_NAME));
                    }
                    Err(error) => why = error.to_string(),
                }
            }
        };
        let _ = timeout(RESOLVE, resolving).await; // With those that were found so far.
        let reach = Reach::of_dht(found.iter().map(|at| (*at.ip()).into()));
        reach
            .map(|reach| (found, reach))
            .ok_or(DhtError::NoEntry(why))
    }
}

/// The socket, while it is open.
struct Link {
    socket: UdpSocket,
    buffer: Box<[u8; MAX_DATAGRAM]>,
}

impl Link {
    async fn open(reach: Reach) -> io::Result<Self> {
        let ip = match reach {
            Reach::Loopback => Ipv4Addr::LOCALHOST,
            Reach::Private | Reach::Global => Ipv4Addr::UNSPECIFIED,
        };
        Ok(Self {
            socket: UdpSocket::bind((ip, 0)).await?,
            buffer: Box::new([0; MAX_DATAGRAM]),
        })
    }

    /// Sends it; the turn is free already.
    async fn send(&self, turn: &mut Turn, to: SocketAddrV4, datagram: &[u8]) {
        sleep_until(turn.free_at.into()).await;
        if let Err(error) = self.socket.send_to(datagram, to).await {
            tracing::trace!(%error, %to, "a datagram to the DHT is not sent");
        }
        turn.free_at = Instant::now() + PACE;
    }

    /// The next datagram; `None` for one that is of no use.
    async fn hear(&mut self) -> Option<(SocketAddrV4, &[u8])> {
        match self.socket.recv_from(&mut self.buffer[..]).await {
            Ok((length, SocketAddr::V4(from))) => Some((from, &self.buffer[..length])),
            Ok(_) => None,
            Err(error) => {
                // What a router said of an earlier datagram.
                tracing::trace!(%error, "the socket of the DHT");
                tokio::time::sleep(PACE).await;
                None
            }
        }
    }
}

fn transaction() -> Transaction {
    let mut transaction = [0; 4];
    let _ = getrandom::fill(&mut transaction);
    transaction
}

#[cfg(test)]
mod tests;
