//! Which circuits there are, from which address each was asked for, and which one makes room when
//! there are too many.
//!
//! The library counts circuits by client and in all; keys are free to make, so one machine could
//! have them all. Here they are counted by address ([`origin`]), and while all are taken the
//! address with most of them gives one up: the oldest of those that carry nothing, else the oldest.
//! Invariant: what is counted is open, for each is taken off when its stream is dropped, and
//! streams are only made by the transport.

use crate::{
    core::{
        origin::origin,
        shares::{Room, Shares},
    },
    net::address,
};
use futures::task::AtomicWaker;
use libp2p::Multiaddr;
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Context,
    time::{Duration, Instant},
};

/// A circuit that carried nothing for so long is idle. Nodes ping each other more often.
const IDLE: Duration = Duration::from_secs(10);

/// The table. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Circuits(Arc<Inner>);

struct Inner {
    begun: Instant,
    table: Mutex<Table>,
    carried: AtomicU64,
}

struct Table {
    shares: Shares,
    next: u64,
    open: HashMap<u64, Arc<State>>,
}

struct State {
    origin: IpAddr,
    since: Duration,
    /// When it last carried something, in milliseconds.
    moved: AtomicU64,
    /// It was accepted, and carries now.
    carries: AtomicBool,
    /// It has to end.
    ended: AtomicBool,
    waker: AtomicWaker,
}

impl Circuits {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            begun: Instant::now(),
            table: Mutex::new(Table {
                shares: Shares::new(most),
                next: 0,
                open: HashMap::new(),
            }),
            carried: AtomicU64::new(0),
        }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock()
    }

    /// Bytes that all circuits carried so far, both ways together.
    pub(super) fn carried(&self) -> u64 {
        self.0.carried.load(Ordering::Relaxed)
    }

    /// Circuits that carry now.
    pub(super) fn open(&self) -> usize {
        let table = self.table();
        let carries = |state: &&Arc<State>| state.carries.load(Ordering::Relaxed);
        table.open.values().filter(carries).count()
    }

    /// A client at this address asks for a circuit.
    pub(super) fn ask(&self, origin: IpAddr) -> Circuit {
        let since = self.0.begun.elapsed();
        let state = Arc::new(State {
            origin,
            since,
            moved: AtomicU64::new(since.as_millis() as u64),
            carries: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.open.insert(number, state.clone());
        table.shares.enter(origin);
        Circuit {
            state,
            number,
            all: self.clone(),
        }
    }

    /// Whether a client that asked from there may have it. If need be another one ends.
    pub(super) fn admit(&self, from: &Multiaddr) -> bool {
        let Some(from) = address::ip(from).map(origin) else {
            return true;
        };
        let now = self.0.begun.elapsed();
        let mut table = self.table();
        // What is asked for is counted since it is asked for, and is not to stand in its own way.
        let asks = table.shares.of(from) > 0;
        if asks {
            table.shares.leave(from);
        }
        let room = table.shares.room(from);
        if asks {
            table.shares.enter(from);
        }
        match room {
            Room::Free => true,
            Room::InPlaceOf(fullest) => {
                table.end_one(fullest, now);
                true
            }
            Room::None => false,
        }
    }
}

impl Table {
    /// Ends a circuit of this address. Those that are only asked for end by themselves soon.
    fn end_one(&mut self, origin: IpAddr, now: Duration) {
        let theirs = self
            .open
            .iter()
            .filter(|(_, state)| state.origin == origin && state.carries.load(Ordering::Relaxed));
        let chosen = theirs.min_by_key(|(number, state)| {
            let moved = Duration::from_millis(state.moved.load(Ordering::Relaxed));
            (now.saturating_sub(moved) < IDLE, state.since, **number)
        });
        let Some((&number, _)) = chosen else {
            return;
        };
        if let Some(state) = self.open.remove(&number) {
            self.shares.leave(origin);
            state.ended.store(true, Ordering::Release);
            state.waker.wake();
        }
    }
}

/// One circuit: the stream on which it was asked for.
pub(super) struct Circuit {
    state: Arc<State>,
    number: u64,
    all: Circuits,
}

impl Circuit {
    /// Whether it has to end; if not, the task is woken when it has to.
    pub(super) fn has_ended(&self, cx: &Context<'_>) -> bool {
        self.state.waker.register(cx.waker());
        self.state.ended.load(Ordering::Acquire)
    }

    /// It was answered: from now on it carries, unless it was refused.
    pub(super) fn answered(&self) {
        self.state.carries.store(true, Ordering::Relaxed);
    }

    /// Whether it was answered.
    pub(super) fn carries(&self) -> bool {
        self.state.carries.load(Ordering::Relaxed)
    }

    /// So many bytes went through.
    pub(super) fn moved(&self, bytes: usize) {
        let inner = &self.all.0;
        let now = inner.begun.elapsed().as_millis() as u64;
        self.state.moved.store(now, Ordering::Relaxed);
        inner.carried.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Circuit {
    fn drop(&mut self) {
        let mut table = self.all.table();
        if table.open.remove(&self.number).is_some() {
            table.shares.leave(self.state.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::noop_waker_ref;

    fn asked(circuits: &Circuits, from: &str) -> Option<Circuit> {
        let address: Multiaddr = format!("/ip4/{from}/tcp/9").parse().unwrap();
        let circuit = circuits.ask(from.parse().unwrap());
        circuits.admit(&address).then(|| {
            circuit.answered();
            circuit
        })
    }

    fn ended(circuit: &Circuit) -> bool {
        circuit.has_ended(&Context::from_waker(noop_waker_ref()))
    }

    #[test]
    fn the_oldest_circuit_of_the_fullest_address_makes_room() {
        let circuits = Circuits::new(4);
        let flood: Vec<_> = (0..9).map(|_| asked(&circuits, "10.0.0.1")).collect();
        let flood: Vec<Circuit> = flood.into_iter().flatten().collect();
        assert_eq!(flood.len(), 4);
        let honest = asked(&circuits, "10.0.0.2").unwrap();
        assert_eq!(
            flood.iter().map(ended).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert!(!ended(&honest));
        assert!(asked(&circuits, "10.0.0.1").is_none());
        assert_eq!(circuits.open(), 4);
        drop(flood);
        assert_eq!(circuits.open(), 1);
        drop(honest);
        let table = circuits.table();
        assert!(table.open.is_empty() && table.shares.taken() == 0);
    }

    #[test]
    fn one_that_carries_outlives_one_that_does_not() {
        let circuits = Circuits::new(3);
        let all: Vec<_> = (0..3)
            .map(|_| asked(&circuits, "10.0.0.1").unwrap())
            .collect();
        let later = IDLE + Duration::from_secs(1);
        all[0]
            .state
            .moved
            .store(later.as_millis() as u64, Ordering::Relaxed);
        circuits.table().end_one("10.0.0.1".parse().unwrap(), later);
        assert_eq!(
            all.iter().map(ended).collect::<Vec<_>>(),
            [false, true, false]
        );
    }

    #[test]
    fn those_that_are_only_asked_for_count_but_give_no_room() {
        let circuits = Circuits::new(2);
        let from = "10.0.0.1".parse().unwrap();
        let asking: Vec<_> = (0..50).map(|_| circuits.ask(from)).collect();
        assert!(asked(&circuits, "10.0.0.1").is_none());
        assert!(asked(&circuits, "10.0.0.2").is_some());
        assert!(asking.iter().all(|asking| !ended(asking)));
    }
}
