//! After every event: who gets work, in what order, and how the job stands.

use super::{Download, Reported, TransferAction, peer::Found};
use std::time::Duration;

/// A change of who downloads sorts all open chunks anew; not again before so long for each of them.
const SORT_PAUSE: Duration = Duration::from_micros(2);
/// With an own limit: what is in flight fits into this time, or is a single chunk.
const AHEAD: Duration = Duration::from_millis(500);

impl Download {
    /// After every event: notices what is late, gives work to peers that have room, and says how
    /// the job stands.
    pub(super) fn proceed(&mut self, actions: &mut Vec<TransferAction>) {
        self.stirred = false;
        self.notice_late();
        self.sort();
        let up = self.peers.iter().filter(|peer| peer.is_connected()).count();
        let average = self.chunks.average();
        self.peers
            .iter_mut()
            .for_each(|peer| peer.share(up, average));
        // A peer that has just been slow comes after the others, and a seed is left what they do
        // not have.
        for (slow, downloads) in [(false, true), (false, false), (true, true), (true, false)] {
            if self.paused {
                break;
            }
            for at in 0..self.peers.len() {
                while self.peers[at].slow == slow
                    && self.peers[at].downloading == downloads
                    && !self.is_spent(at)
                    && self.peers[at].is_ready(self.clock)
                    && self.own_queue(0) < AHEAD
                {
                    let Some(chunk) = self.choose(at, actions) else {
                        break;
                    };
                    self.ask(at, chunk, actions);
                }
            }
        }
        self.report(actions);
    }

    fn sort(&mut self) {
        if self.unsorted && self.clock >= self.sort_at {
            self.unsorted = false;
            self.sort_at = self.clock + SORT_PAUSE.saturating_mul(self.picker.open().count());
            let rivals = self.peers.iter().filter(|peer| peer.downloading);
            let rivals = rivals.map(|peer| peer.id);
            self.picker.set_rivals(rivals, self.askers.as_deref());
            let peers = self.peers.iter_mut();
            peers.for_each(|peer| peer.look_again(Found::NoTurn));
        }
    }

    fn report(&mut self, actions: &mut Vec<TransferAction>) {
        let now = if self.is_complete() {
            Reported::Complete
        } else if self.asked.is_empty() && !self.paused && !self.any_hope() {
            Reported::Waiting
        } else {
            Reported::Going
        };
        match (std::mem::replace(&mut self.said, now), now) {
            (before, now) if before == now => {}
            (_, Reported::Complete) => actions.push(TransferAction::Complete),
            (_, Reported::Waiting) => actions.push(TransferAction::Waiting),
            (_, Reported::Going) => actions.push(TransferAction::Resumed),
        }
    }

    /// Whether a peer has an open chunk, though it may not be asked just now.
    fn any_hope(&self) -> bool {
        let mut peers = self
            .peers
            .iter()
            .filter(|peer| peer.is_connected() && peer.found != Found::Nothing);
        peers.any(|peer| self.picker.pick(&peer.claims).is_some())
    }
}
