//! What one peer has been asked for, how fast it delivers, and how much it may be asked for.
//!
//! Invariant: `in_flight` is the sum of the requests' bytes.

use crate::core::{Now, id::NodeId, index::UniqueChunk, manifest::MIN_FINE_CHUNK, picker::Claims};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A pipeline is never shallower than this many chunks, unless the peer is slow.
const MIN_CHUNKS: usize = 4;
/// Bytes of [`MIN_CHUNKS`] average chunks.
const MIN_WINDOW: u64 = 1 << 20;
/// With many peers the pipelines are shallower, for together they are deep enough: so many chunks
/// in all, but never fewer of each than make up [`FEW`] bytes. What waits at one peer cannot come
/// from another that is idle.
const CHUNKS_IN_ALL: usize = 12;
const FEW: u64 = 256 << 10;
/// From so many peers on all pipelines together hold about [`CROWDED`] bytes, and less of each
/// [`SLACK`] is for one: what waits at all of them is how late a chunk is that somebody could pass
/// on, and among many that matters more than a pause of one. A like share for each, as well: who is
/// slow because few answer must not ask for less because it is slow.
const CROWD: usize = 13;
const CROWDED: u64 = 1 << 20;
const CROWD_SLACK: u32 = 3;
/// The pipeline of one of whose rate nothing is known.
const BLIND: usize = 2;
/// A pipeline is never deeper than this: what lies in queues cannot be given to another peer
/// without a loss.
const MAX_WINDOW: u64 = 16 << 20;
/// What a pipeline holds besides the round trip: covers the pauses of two schedulers and a disk.
const SLACK: Duration = Duration::from_millis(250);
/// A slow peer's pipeline is shallower than [`MIN_WINDOW`], so that it holds no more than this.
const SHALLOW: Duration = Duration::from_secs(2);
/// How quickly a rate forgets.
const MEMORY: f64 = 0.5;
/// Deliveries closer together than this are measured as one.
const SAMPLE: Duration = Duration::from_millis(10);

/// A request is late after [`LATE_FACTOR`] × the time it should take + [`LATE_MARGIN`], within
/// these bounds.
const LATE_FACTOR: u32 = 3;
const LATE_MARGIN: Duration = Duration::from_millis(500);
const LATE_MIN: Duration = Duration::from_secs(1);
const LATE_MAX: Duration = Duration::from_secs(10);
/// The same, while nothing is known about the peer's rate.
const LATE_UNKNOWN: Duration = Duration::from_secs(3);

const BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: u32,
    /// When it should be here.
    pub(super) due: Now,
    /// When it is late.
    pub(super) late_at: Now,
    pub(super) late: bool,
    /// Since when its answer comes.
    pub(super) begun: Option<Now>,
}

/// Whether it can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerState {
    Up,
    Gone,
    /// It sent bytes that do not hash: never again.
    Banned,
}

/// What there is to ask it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There may be something.
    Perhaps,
    /// Of what it has it is not this node's turn to ask for any.
    NoTurn,
    /// It has nothing open.
    Nothing,
}

/// What has come since a moment, for the rate.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    since: Now,
    bytes: u64,
}

impl Sample {
    fn since(since: Now) -> Self {
        Self { since, bytes: 0 }
    }
}

/// How much a pipeline holds: so many chunks in any case, and as many as make these bytes.
struct Depth {
    chunks: usize,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) link: PeerState,
    pub(super) downloading: bool,
    pub(super) rtt: Duration,
    pub(super) claims: Claims,
    /// What was found when it was last looked at, if that has not changed.
    pub(super) found: Found,
    pub(super) requests: BTreeMap<UniqueChunk, Request>,
    /// What it got while a seed was asked for it. May name chunks that are settled.
    pub(super) relief: BTreeSet<UniqueChunk>,
    in_flight: u64,
    /// Chunks that its pipeline holds at least.
    floor: usize,
    /// The bytes that it may hold whatever the rate, and [`SLACK`] among so many.
    least: u64,
    slack: Duration,
    /// Slow start: grows with each delivery.
    window: u64,
    /// Bytes a second.
    rate: Option<f64>,
    sample: Sample,
    /// A request of it was late, and it has not delivered since.
    pub(super) slow: bool,
    failures: u32,
    /// It is not asked for anything before.
    pub(super) retry_at: Now,
    /// Bytes that it was the first to deliver.
    pub(super) delivered: u64,
}

impl Peer {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            link: PeerState::Gone,
            downloading: false,
            rtt: Duration::ZERO,
            claims: Claims::default(),
            found: Found::Perhaps,
            requests: BTreeMap::new(),
            relief: BTreeSet::new(),
            in_flight: 0,
            floor: MIN_CHUNKS,
            least: MIN_WINDOW,
            slack: SLACK,
            window: MIN_WINDOW,
            rate: None,
            sample: Sample::default(),
            slow: false,
            failures: 0,
            retry_at: Duration::ZERO,
            delivered: 0,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link == PeerState::Up
    }

    /// How long `bytes` take on the line alone.
    fn transfer(&self, bytes: u64) -> Option<Duration> {
        self.rate
            .map(|rate| Duration::from_secs_f64((bytes as f64 / rate.max(1.0)).min(1e6)))
    }

    /// How many peers share the work, in chunks of so many bytes.
    pub(super) fn share(&mut self, peers: usize, average: u64) {
        // Of what is smaller still, the bytes alone allow many.
        let few = if average < u64::from(MIN_FINE_CHUNK) {
            1
        } else {
            FEW.div_ceil(average).min(MIN_CHUNKS as u64) as usize
        };
        self.floor = (CHUNKS_IN_ALL / peers.max(1)).clamp(few, MIN_CHUNKS);
        self.least = MIN_WINDOW / MIN_CHUNKS as u64 * self.floor as u64;
        self.slack = SLACK;
        if peers >= CROWD {
            self.least = self.least.min(CROWDED / peers as u64);
            self.slack = SLACK * CROWD_SLACK / peers as u32;
        }
    }

    fn min_window(&self) -> u64 {
        self.least
    }

    fn depth(&self) -> Depth {
        if self.slow {
            return Depth {
                chunks: 1,
                bytes: 0,
            };
        }
        let Some(rate) = self.rate else {
            // Little, until it is known who else downloads: what it is asked for now is chosen
            // blindly.
            return Depth {
                chunks: self.floor.min(BLIND),
                bytes: self.min_window().min(MIN_WINDOW / 4),
            };
        };
        let line = (rate * (self.rtt + self.slack).as_secs_f64()) as u64;
        let shallow = (rate * SHALLOW.as_secs_f64()) as u64;
        let chunks = shallow / (MIN_WINDOW / MIN_CHUNKS as u64);
        let window = line.max(self.min_window().min(shallow)).min(MAX_WINDOW);
        Depth {
            chunks: (chunks as usize).clamp(1, self.floor),
            bytes: window.min(self.window),
        }
    }

    /// Whose turn it is, or what is open, has changed: it is to be looked at again if it was told
    /// to be so.
    pub(super) fn look_again(&mut self, after: Found) {
        if self.found == after {
            self.found = Found::Perhaps;
        }
    }

    /// Bytes that it owes.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether it may be asked for one more chunk of so many bytes.
    pub(super) fn has_room(&self, bytes: u32) -> bool {
        let depth = self.depth();
        self.requests.len() < depth.chunks || self.in_flight + u64::from(bytes) <= depth.bytes
    }

    /// Whether it may be asked for anything at all now.
    pub(super) fn is_ready(&self, now: Now) -> bool {
        self.is_connected() && self.retry_at <= now && self.has_room(1)
    }

    /// Whether it has time for what others were asked for.
    pub(super) fn is_idle(&self) -> bool {
        let window = self.depth().bytes;
        self.requests.is_empty() || (!self.slow && self.in_flight < window / 2)
    }

    /// When `bytes` more would be here; `None` while nothing is known about its rate.
    pub(super) fn due(&self, bytes: u32, now: Now) -> Option<Now> {
        Some(now + self.rtt + self.transfer(self.in_flight + u64::from(bytes))?)
    }

    /// Notes that it is asked for a chunk, which this node's own limit lets through after `own`.
    pub(super) fn ask(
        &mut self,
        chunk: UniqueChunk,
        bytes: u32,
        own: Duration,
        now: Now,
    ) -> &Request {
        if self.requests.is_empty() {
            self.sample = Sample::since(now);
        }
        let due = self.due(bytes, now);
        let late_at = due.map_or(now + LATE_UNKNOWN, |due| {
            let patience = due.saturating_sub(now).saturating_mul(LATE_FACTOR) + LATE_MARGIN;
            now + patience.clamp(LATE_MIN, LATE_MAX)
        });
        // Other downloads may have a part of the limit.
        let late_at = late_at + own.saturating_mul(LATE_FACTOR);
        self.in_flight += u64::from(bytes);
        self.requests.entry(chunk).or_insert(Request {
            bytes,
            due: due.unwrap_or(late_at).min(late_at),
            late_at,
            late: false,
            begun: None,
        })
    }

    /// Notes that the request is over, however it ended.
    pub(super) fn end(&mut self, chunk: UniqueChunk) -> Option<Request> {
        let request = self.requests.remove(&chunk)?;
        self.in_flight -= u64::from(request.bytes);
        Some(request)
    }

    /// It delivered; the request has ended already.
    pub(super) fn deliver(&mut self, bytes: u32, elapsed: Duration, now: Now) {
        self.failures = 0;
        self.retry_at = Duration::ZERO;
        if self.slow {
            self.slow = self.requests.values().any(|request| request.late);
            self.window = u64::from(bytes);
        }
        self.window = (self.window + u64::from(bytes)).min(MAX_WINDOW);
        self.sample.bytes += u64::from(bytes);
        let Sample { since, bytes: sum } = self.sample;
        let span = now.saturating_sub(since);
        if span < SAMPLE {
            self.rate = self
                .rate
                .or_else(|| Some(f64::from(bytes) / elapsed.max(SAMPLE).as_secs_f64()));
            return;
        }
        let span = span.as_secs_f64();
        let rate = sum as f64 / span;
        let weight = span / (span + MEMORY);
        self.rate = Some(self.rate.map_or(rate, |old| old + weight * (rate - old)));
        self.sample = Sample::since(now);
    }

    /// A request failed, or another peer took over one that was late.
    pub(super) fn back_off(&mut self, now: Now) {
        let pause = BACKOFF.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + pause.min(MAX_BACKOFF);
    }

    /// It is connected anew: what failed with the last connection says nothing of this one.
    pub(super) fn came_back(&mut self) {
        (self.failures, self.retry_at) = (0, Duration::ZERO);
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let sum: u64 = self.requests.values().map(|r| u64::from(r.bytes)).sum();
        assert_eq!(self.in_flight, sum);
    }
}
