//! The links of [`Swarm`]: what a node sends next, what of it is under way, and what came of it.
//!
//! As between real nodes there are two connections from each to each who asks it. A connection
//! takes so much from the chunk that is being sent, and has so much in flight; all that is in
//! flight waits in the queue of the uplink, then in that of the other end's downlink, and so do
//! questions, news and what is acknowledged.

use super::{Duration, Node, Swarm, TransferEvent, What, knowing::REFUSAL, nanos, span};
use sprat::core::{download::news_pause, index::UniqueChunk};
use std::collections::VecDeque;

/// Bytes that wait in a socket, as in `net/transport`.
const UNSENT: u32 = 64 << 10;
/// Bytes of a connection in flight on a short line (as seen with bbr: 20 to 40 packets); on a
/// longer one more.
const FLIGHT: u32 = 48 << 10;
/// Chunks that a node sends at a time, for how long one holds its place, and what it still sends
/// without one, as in `node/serve`.
const SLOTS: usize = 6;
const HOLD: (u64, u64) = (125_000_000, 2_000_000_000);
const KEPT: u32 = 64 << 10;
/// After so long one is served in its turn.
const PATIENCE: (u64, u64) = (1_000_000_000, 4_000_000_000);
/// Connections from one to another, as in `node/pump`.
pub(super) const LANES: usize = 2;
/// Packets have 66 bytes of headers for 1,448 of these, and each two are acknowledged by one of 66.
pub(super) const HEADERS: (u64, u64) = (1514, 1448);
const ACKS: (u64, u64) = (66, 2896);

/// Whose connection, and which.
type Key = (usize, usize);

/// A connection over which one asks another.
#[derive(Default)]
pub(super) struct Lane {
    /// Questions that are not taken up.
    pub(super) open: VecDeque<u32>,
    /// Waits for a slot, since when.
    waits: Option<(u64, u64)>,
    /// Has one, the how manieth that was given.
    slot: Option<u64>,
    /// What it may still send without one.
    kept: u32,
    /// What is sent, how much of it is not in the socket yet, and since when.
    now: Option<(u32, u32, u64)>,
    /// In the socket: chunks and how much of each was not sent.
    socket: VecDeque<(u32, u32)>,
    flight: u32,
}

impl Lane {
    fn unsent(&self) -> u32 {
        self.socket.iter().map(|&(_, left)| left).sum()
    }

    /// Orders that have not left.
    pub(super) fn load(&self) -> usize {
        self.open.len() + usize::from(self.now.is_some()) + self.socket.len()
    }
}

impl Swarm {
    /// When something of so many bytes that is sent now is at the other end: behind all that waits.
    pub(super) fn post(&mut self, from: usize, to: usize, bytes: u64, what: What) {
        let left = self.departs(from, bytes) + nanos(self.scenario.delay);
        self.plan(left - self.now, What::Arrive(to, bytes, Box::new(what)));
    }

    /// When so many bytes have left by the uplink.
    fn departs(&mut self, from: usize, bytes: u64) -> u64 {
        let now = self.now;
        let node = &mut self.nodes[from];
        node.up_free = node.up_free.max(now) + span(bytes, node.up);
        node.up_free
    }

    /// Something came to the queue of a downlink.
    pub(super) fn arrive(&mut self, to: usize, bytes: u64, what: What) {
        let now = self.now;
        let node = &mut self.nodes[to];
        node.down_free = node.down_free.max(now) + span(bytes, node.down);
        let taken = node.down_free - now;
        self.plan(taken, what);
    }

    /// A question came.
    pub(super) fn asked(&mut self, from: usize, to: usize, chunk: u32) {
        if !self.nodes[to].alive {
            return;
        }
        if !self.connected(from, to) {
            self.post(to, from, REFUSAL, What::Refused(from, to, chunk));
            return;
        }
        let lane = |lane: usize| (from, lane);
        let lanes = &mut self.nodes[to].lanes;
        let least = (0..LANES).min_by_key(|&at| lanes.get(&lane(at)).map_or(0, Lane::load));
        let key = lane(least.unwrap_or(0));
        lanes.entry(key).or_default().open.push_back(chunk);
        self.wait(to, key);
    }

    /// A connection that has something to send waits for a slot.
    fn wait(&mut self, at: usize, key: Key) {
        self.serial += 1;
        let since = (self.now, self.serial);
        if let Some(lane) = self.nodes[at].lanes.get_mut(&key)
            && lane.waits.is_none()
            && lane.slot.is_none()
            && (lane.now.is_some() || !lane.open.is_empty())
        {
            lane.waits = Some(since);
            self.grant(at);
        }
    }

    /// Gives slots that are free to those who wait: what was sent least often first, else the one
    /// that has waited longest.
    fn grant(&mut self, at: usize) {
        while self.nodes[at].slots < SLOTS {
            let now = self.now;
            let Node {
                times, lanes, pace, ..
            } = &self.nodes[at];
            let patience = (*pace * 16).clamp(PATIENCE.0, PATIENCE.1);
            let waiting = lanes.iter().filter_map(|(&key, lane)| {
                let often = lane.open.iter().map(|&chunk| times[chunk as usize]).min();
                let since = lane.waits?;
                let often = often.filter(|_| since.0 + patience >= now);
                let last = if since.0 + patience < now {
                    0
                } else {
                    u16::MAX
                };
                Some((often.unwrap_or(last), since, key))
            });
            let Some((_, _, key)) = waiting.min() else {
                return;
            };
            self.serve(at, key);
        }
    }

    fn serve(&mut self, at: usize, key: Key) {
        self.serial += 1;
        let (serial, now) = (self.serial, self.now);
        let node = &mut self.nodes[at];
        node.slots += 1;
        let hold = (node.pace * 4).clamp(HOLD.0, HOLD.1);
        if let Some(lane) = node.lanes.get_mut(&key) {
            (lane.waits, lane.slot) = (None, Some(serial));
            if lane.now.is_none()
                && let Some(&chunk) = lane.open.iter().min_by_key(|&&at| node.times[at as usize])
            {
                node.times[chunk as usize] += 1;
                lane.open.retain(|&other| other != chunk);
                lane.now = Some((chunk, self.entries[chunk as usize].len, now));
            }
        }
        self.plan(hold, What::Held(at, key, serial));
        self.push(at, key);
    }

    /// A slot was held for long enough.
    pub(super) fn held(&mut self, at: usize, key: Key, serial: u64) {
        if let Some(lane) = self.nodes[at].lanes.get_mut(&key)
            && lane.slot == Some(serial)
        {
            (lane.slot, lane.kept) = (None, KEPT);
            self.nodes[at].slots -= 1;
            self.push(at, key);
            self.grant(at);
        }
    }

    /// Moves what there is room for into the socket, and from there on the line.
    fn push(&mut self, at: usize, key: Key) {
        let flight = FLIGHT.max(4 * self.bandwidth_delay(at));
        let piece = self.scenario.piece;
        let now = self.now;
        loop {
            let Node { lanes, pace, .. } = &mut self.nodes[at];
            let Some(lane) = lanes.get_mut(&key) else {
                return;
            };
            if let Some((chunk, left, begun)) = lane.now
                && lane.unsent() < UNSENT
                && (lane.slot.is_some() || lane.kept > 0)
            {
                let mut bytes = left.min(piece);
                if lane.slot.is_none() {
                    bytes = bytes.min(lane.kept);
                    lane.kept -= bytes;
                }
                match lane.socket.back_mut() {
                    Some((last, more)) if *last == chunk => *more += bytes,
                    _ => lane.socket.push_back((chunk, bytes)),
                }
                lane.now = (left > bytes).then_some((chunk, left - bytes, begun));
                if lane.now.is_none() {
                    *pace = (*pace * 7 + (now - begun).min(HOLD.1)) / 8;
                    if lane.slot.take().is_some() {
                        self.nodes[at].slots -= 1;
                    }
                }
                continue;
            }
            if lane.flight >= flight {
                break;
            }
            let Some((chunk, left)) = lane.socket.front_mut() else {
                break;
            };
            let bytes = piece.min(*left);
            *left -= bytes;
            let chunk = *chunk;
            let more = lane.now.is_some_and(|(now, ..)| now == chunk);
            let last = *left == 0 && !more;
            if *left == 0 {
                lane.socket.pop_front();
            }
            lane.flight += bytes;
            self.nodes[at].sent += u64::from(bytes);
            let wire = u64::from(bytes) * HEADERS.0 / HEADERS.1;
            self.post(at, key.0, wire, What::Taken(at, key, chunk, bytes, last));
        }
        let lane = &self.nodes[at].lanes[&key];
        if lane.slot.is_none() && (lane.now.is_none() || lane.kept == 0) {
            self.wait(at, key);
        }
        self.grant(at);
    }

    /// A node that asked is gone.
    pub(super) fn hang_up(&mut self, at: usize, gone: usize) {
        for lane in 0..LANES {
            if let Some(lane) = self.nodes[at].lanes.remove(&(gone, lane))
                && lane.slot.is_some()
            {
                self.nodes[at].slots -= 1;
            }
        }
        self.grant(at);
    }

    fn bandwidth_delay(&self, at: usize) -> u32 {
        let seconds = self.scenario.delay.as_secs_f64();
        (self.nodes[at].up as f64 * seconds) as u32
    }

    /// What was in flight is acknowledged.
    pub(super) fn acknowledged(&mut self, at: usize, key: Key, bytes: u32) {
        if let Some(lane) = self.nodes[at].lanes.get_mut(&key) {
            lane.flight -= bytes.min(lane.flight);
            self.push(at, key);
        }
    }

    pub(super) fn taken(&mut self, from: usize, key: Key, chunk: u32, bytes: u32, last: bool) {
        let to = key.0;
        let ack = u64::from(bytes) * ACKS.0 / ACKS.1;
        self.post(to, from, ack, What::Acknowledged(from, key, bytes));
        let peer = self.nodes[from].id;
        if self.nodes[to].begun.insert((from, chunk)) {
            let chunk = UniqueChunk(chunk);
            self.feed(to, TransferEvent::Started { peer, chunk });
        }
        if !last || !self.nodes[to].alive {
            return;
        }
        self.nodes[to].begun.remove(&(from, chunk));
        self.came += 1;
        // What was withdrawn too late comes for nothing.
        let Some(since) = self.nodes[to].since.remove(&(from, chunk)) else {
            self.twice += 1;
            return;
        };
        if self.nodes[to].have.insert(chunk) {
            let now = Duration::from_nanos(self.now);
            self.nodes[to].selection.came(now);
            self.nodes[to].fresh.push(chunk);
            if !std::mem::replace(&mut self.nodes[to].telling, true) {
                let pause = news_pause(self.nodes[to].followers.len());
                self.plan(nanos(pause), What::Tell(to));
            }
        } else {
            self.twice += 1;
        }
        let bytes = self.entries[chunk as usize].len;
        let elapsed = Duration::from_nanos(self.now - since);
        let chunk = UniqueChunk(chunk);
        let stored = TransferEvent::Stored {
            peer,
            chunk,
            bytes,
            elapsed,
        };
        self.feed(to, stored);
    }
}
