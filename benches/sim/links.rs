//! The links of [`Swarm`]: what a node sends next, what of it is under way, and what came of it.

use super::{Duration, Node, PIECE, Swarm, TURNS, TransferEvent, Turn, WINDOW, What, nanos, span};
use sprat::core::index::UniqueChunk;

impl Swarm {
    /// Gives the uplink something to do.
    pub(super) fn send(&mut self, at: usize) {
        if self.nodes[at].sending || !self.nodes[at].alive {
            return;
        }
        self.fill(at);
        let node = &mut self.nodes[at];
        // In turns; those whose window is full are passed over.
        let Some(ready) = node
            .turns
            .iter()
            .position(|turn| turn.left > 0 && turn.out < WINDOW)
        else {
            return;
        };
        let Some(mut turn) = node.turns.remove(ready) else {
            return;
        };
        let bytes = turn.left.min(PIECE);
        turn.left -= bytes;
        turn.out += bytes;
        node.sent += u64::from(bytes);
        node.sending = true;
        let (to, chunk, last) = (turn.to, turn.chunk, turn.left == 0);
        if !last {
            node.turns.push_back(turn);
        }
        let sent = span(bytes, node.up);
        self.plan(sent, What::Sent(at));
        let arrives = self.now + sent + nanos(self.scenario.delay);
        let receiver = &mut self.nodes[to];
        receiver.down_free = receiver.down_free.max(arrives) + span(bytes, receiver.down);
        let taken = receiver.down_free - self.now;
        self.plan(taken, What::Taken(at, to, chunk, bytes, last));
    }

    /// Takes up questions, in turns among those who ask.
    pub(super) fn fill(&mut self, at: usize) {
        loop {
            let node = &mut self.nodes[at];
            let moving = node.turns.iter().filter(|turn| turn.out < WINDOW);
            if moving.count() >= TURNS {
                return;
            }
            node.asked.retain(|_, open| !open.is_empty());
            // What went out least often comes first; then the one who has waited longest for a
            // turn.
            let Node {
                asked,
                times,
                next_asker,
                ..
            } = node;
            let askers = asked.range(*next_asker..).chain(asked.range(..*next_asker));
            let questions =
                askers.flat_map(|(&to, open)| open.iter().map(move |&chunk| (to, chunk)));
            let Some((to, chunk)) = questions.min_by_key(|&(_, chunk)| times[chunk as usize] > 0)
            else {
                return;
            };
            node.next_asker = to + 1;
            node.times[chunk as usize] += 1;
            if let Some(open) = node.asked.get_mut(&to) {
                open.retain(|&other| other != chunk);
            }
            let left = self.entries[chunk as usize].len;
            self.nodes[at].turns.push_back(Turn {
                to,
                chunk,
                left,
                out: 0,
            });
        }
    }

    pub(super) fn taken(&mut self, from: usize, to: usize, chunk: u32, bytes: u32, last: bool) {
        if let Some(turn) = self.nodes[from]
            .turns
            .iter_mut()
            .find(|turn| turn.to == to && turn.chunk == chunk)
        {
            turn.out -= bytes.min(turn.out);
        }
        self.send(from);
        if bytes == PIECE.min(self.entries[chunk as usize].len) {
            let peer = self.nodes[from].id;
            let chunk = UniqueChunk(chunk);
            self.feed(to, TransferEvent::Started { peer, chunk });
        }
        if !last || !self.nodes[to].alive {
            return;
        }
        self.came += 1;
        let since = self.nodes[to].since.remove(&(from, chunk));
        if self.nodes[to].have.insert(chunk) {
            self.nodes[to].fresh.push(chunk);
            if !std::mem::replace(&mut self.nodes[to].telling, true) {
                let due = self.nodes[to].told_at + nanos(self.scenario.batch);
                self.plan(due.saturating_sub(self.now), What::Tell(to));
            }
        } else {
            self.twice += 1;
        }
        let (peer, bytes) = (self.nodes[from].id, self.entries[chunk as usize].len);
        let elapsed = Duration::from_nanos(self.now - since.unwrap_or(self.now));
        self.feed(
            to,
            TransferEvent::Stored {
                peer,
                chunk: UniqueChunk(chunk),
                bytes,
                elapsed,
            },
        );
    }
}
