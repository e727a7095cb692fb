//! What a download is told from outside, and what it shows of itself: pauses, and the map of what
//! is here.

use super::{State, Transfer};
use crate::{
    core::have_map::{HaveMap, Part},
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
