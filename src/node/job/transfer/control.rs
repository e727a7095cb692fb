//! What a download is told from outside, and what it shows of itself: pauses, what readers wait
//! for, and the map of what is here.

use super::{State, Transfer};
use crate::{
    core::{
        have_map::{HaveMap, Part},
        index::{ChunkIndex, Span},
    },
    node::book::MapWanted,
};

impl Transfer {
    /// Pauses or goes on, as the book says.
    pub(super) fn hear_pause(&mut self) {
        let paused = *self.orders.paused.borrow_and_update();
        if std::mem::replace(&mut self.paused, paused) != paused {
            self.machine.pause(paused);
        }
    }

    /// Hears where readers are in its files.
    pub(super) async fn urge(&mut self) {
        let windows = &self.services.windows;
        let mut urgent = Vec::new();
        if windows.any() {
            for (file, state) in self.files.iter().zip(self.states.iter()) {
                let State::Active(active) = state else {
                    continue;
                };
                let read = windows.of(&file.id).into_iter().filter_map(|chunks| {
                    let start = active.span.position_of(ChunkIndex(chunks.start))?;
                    let len = chunks.end.min(active.span.len) - chunks.start;
                    Some(Span { start, len })
                });
                urgent.extend(read);
            }
        }
        if self.urgent != urgent {
            let actions = self.machine.urge(&urgent, self.started.elapsed());
            self.urgent = urgent;
            self.act(actions).await;
        }
    }

    /// Draws the map of what is here.
    pub(super) fn draw(&self, wanted: MapWanted) {
        let have = self.states.map(|state| match state {
            State::Active(active) => Some(active.opened.partial.have()),
            _ => None,
        });
        let files = self.files.iter().zip(self.states.iter());
        let known = self.whole.iter().zip(have.iter());
        let parts = files.zip(known).map(|((file, state), (whole, have))| {
            let part = match (state, have) {
                (_, Some(have)) => Part::Some(have),
                (State::Finishing, _) => Part::All,
                _ if *whole => Part::All,
                _ => Part::Nothing,
            };
            (file.size, part)
        });
        let _ = wanted.send(HaveMap::of(parts)); // Who asked has gone: fine.
    }
}
