//! Tickets for the bytes of files.
//!
//! Owns them. Invariants: a ticket is for one file, has 128 bits from the system, and is good for
//! [`UNUSED`], or for [`IDLE`] after its last use; at most [`TICKETS`] are remembered; they are
//! compared in constant time.

use super::session::random;
use crate::node::Reader;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq as _;

/// Tickets at a time: the oldest makes way.
const TICKETS: usize = 256;
/// How long one may wait to be used.
pub const UNUSED: Duration = Duration::from_secs(60);
/// How long it is good after that: a player asks again when somebody seeks, a browser when what
/// it saves breaks off.
const IDLE: Duration = Duration::from_secs(6 * 3600);

struct Ticket {
    key: String,
    reader: Reader,
    show: bool,
    until: Instant,
}

/// See the module.
#[derive(Default)]
pub struct Tickets {
    all: Mutex<VecDeque<Ticket>>,
    /// Where they are good.
    at: Mutex<Option<SocketAddr>>,
}

impl Tickets {
    /// A new one.
    pub fn issue(&self, reader: Reader, show: bool) -> io::Result<String> {
        let key = random()?;
        let mut all = self.all.lock();
        let now = Instant::now();
        all.retain(|ticket| ticket.until > now);
        if all.len() == TICKETS {
            all.pop_front();
        }
        all.push_back(Ticket {
            key: key.clone(),
            reader,
            show,
            until: now + UNUSED,
        });
        Ok(key)
    }

    /// What a ticket is for, and whether a browser is to show it; `None` when it is not good (any
    /// more).
    pub fn honour(&self, key: &str) -> Option<(Reader, bool)> {
        let mut all = self.all.lock();
        let now = Instant::now();
        all.retain(|ticket| ticket.until > now);
        let same = |ticket: &&mut Ticket| ticket.key.as_bytes().ct_eq(key.as_bytes()).into();
        let ticket = all.iter_mut().find(same)?;
        ticket.until = now + IDLE;
        Some((ticket.reader.clone(), ticket.show))
    }

    /// Makes all of them worthless.
    pub fn clear(&self) {
        self.all.lock().clear();
    }

    /// Notes where they are good.
    pub fn open_at(&self, at: SocketAddr) {
        *self.at.lock() = Some(at);
    }

    /// Where they are good, if anywhere.
    pub fn at(&self) -> Option<SocketAddr> {
        *self.at.lock()
    }
}
