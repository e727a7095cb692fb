//! LocalSend on the network: its announcements, its certificates, its requests.
//!
//! Owns the sockets of announcements and the connections that go out. Never decides whom to ask or
//! what is sent (`node::localsend` does); what comes in is served by `web::localsend`. Invariants:
//! what of a flood is parsed has a rate, for each address and for all; a connection goes to who has
//! the certificate that was meant, or carries nothing.

mod client;
#[cfg(test)]
mod tests;
mod tls;

pub use client::{Answered, Peer, Piece, quoted};
pub use tls::{Identity, IdentityError, shown};

use super::{
    datagrams::{self, Datagrams, Groups, Range},
    interfaces::links,
};
use crate::{
    core::{
        chance::Chance,
        link::Place,
        rate::{Bucket, Buckets, Rate},
    },
    wire::localsend::{GROUP_V4, GROUP_V6, Info, MAX_ANNOUNCEMENT},
};
use parking_lot::Mutex;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Announcements heard and not yet taken.
const HEARD: usize = 64;
/// Announcements that are parsed, of one place: an app says three in two seconds…
const EACH: Rate = Rate {
    per_second: 2.0,
    burst: 12.0,
};
/// …and of all.
const ALL: Rate = Rate {
    per_second: 100.0,
    burst: 200.0,
};
/// Places that are counted.
const COUNTED: usize = 1024;

/// The addresses of this machine where announcements go out, each with the bits that are its
/// network's. IPv4 alone: nobody asks all of an IPv6 network.
///
/// # Errors
/// When the system does not tell.
pub fn own_addresses(interfaces: &[String], listen: &[IpAddr]) -> io::Result<Vec<(Ipv4Addr, u8)>> {
    let links = links(interfaces, listen)?.into_iter();
    let v4 = links.filter_map(|link| match link.ip {
        IpAddr::V4(ip) => Some((ip, link.prefix)),
        IpAddr::V6(_) => None,
    });
    Ok(v4.collect())
}

/// Where to announce.
#[derive(Clone, Debug)]
pub struct AnnouncerConfig {
    /// The UDP port that all apps share.
    pub port: u16,
    /// The addresses that this node listens on; empty for all.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces to use; empty for all.
    pub interfaces: Vec<String>,
}

/// The sockets of announcements; they close when it is dropped.
pub struct Announcer {
    datagrams: Datagrams<Inbox>,
}

struct Inbox {
    limits: Mutex<(Chance, Buckets<Place>, Bucket)>,
    heard: mpsc::Sender<(Info, SocketAddr)>,
    started: Instant,
}

impl Announcer {
    /// Opens them. Call it within a tokio runtime. Single interfaces may fail without a word.
    ///
    /// # Errors
    /// When the system does not give the port.
    pub fn open(config: AnnouncerConfig) -> io::Result<(Self, mpsc::Receiver<(Info, SocketAddr)>)> {
        let (sockets, port) = datagrams::discovery(config.port)?;
        let (heard, receiver) = mpsc::channel(HEARD);
        let mut seed = [0; 8];
        // Without randomness the choice of what to drop in a flood can be foretold, nothing else.
        let _ = getrandom::fill(&mut seed);
        let limits = (
            Chance::new(u64::from_le_bytes(seed)),
            Buckets::new(EACH, COUNTED),
            Bucket::new(ALL, Duration::ZERO),
        );
        let inbox = Inbox {
            limits: Mutex::new(limits),
            heard,
            started: Instant::now(),
        };
        let range = Range {
            port,
            listen: config.listen,
            interfaces: config.interfaces,
            groups: Groups {
                v4: GROUP_V4,
                v6: GROUP_V6,
                broadcast: false,
            },
        };
        let datagrams = Datagrams::open(range, sockets, inbox);
        Ok((Self { datagrams }, receiver))
    }

    /// Says it to everyone near, on each interface. Looks at the interfaces again first.
    pub async fn announce(&self, info: &Info) {
        self.datagrams.refresh();
        // Texts and numbers: it cannot fail.
        let bytes = serde_json::to_vec(info).unwrap_or_default();
        self.datagrams.announce(&bytes).await;
    }
}

impl Inbox {
    fn has_time_for(&self, source: IpAddr) -> bool {
        let now = self.started.elapsed();
        let (chance, places, all) = &mut *self.limits.lock();
        let own = places.of(Place::of(source), now, chance);
        own.take(now) && all.take_by_chance(now, chance)
    }
}

impl datagrams::Inbox for Inbox {
    const LONGEST: usize = MAX_ANNOUNCEMENT;

    fn is_worth_a_look(&self, bytes: &[u8]) -> bool {
        bytes.len() <= MAX_ANNOUNCEMENT && bytes.first() == Some(&b'{')
    }

    fn take(&self, bytes: &[u8], from: SocketAddr, _: bool) {
        if !self.has_time_for(from.ip()) {
            return;
        }
        if let Some(info) = Info::parse(bytes, MAX_ANNOUNCEMENT) {
            // Full: it is said again.
            let _ = self.heard.try_send((info, from));
        }
    }
}
