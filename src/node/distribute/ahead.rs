//! Own files that are not followed yet.
//!
//! What placing a file needs to know takes twenty times its id, and all of them have to be looked
//! at before the last is known. So of a million those are followed for which there may be room
//! ([`Placement::wants_files`]), a page at a time between everything else, and the rest waits here.
//! Invariant: no file that waits is followed.
//!
//! [`Placement::wants_files`]: crate::core::placement::Placement::wants_files

use super::{Distributor, PAGE};
use crate::{core::id::FileId, node::swarm::FileView};
use tokio::task::yield_now;

impl Distributor {
    /// Whether there is more to follow now.
    pub(super) fn looks_ahead(&self) -> bool {
        !self.ahead.is_empty() && self.placement.wants_files()
    }

    /// Follows the next ones.
    pub(super) async fn look_ahead(&mut self) {
        let next = std::iter::from_fn(|| self.ahead.pop_first());
        let page: Vec<FileId> = next.take(PAGE).collect();
        self.look_at(&page, true).await;
    }

    /// How many of those that wait are whole at another node. Follows them all instead if all are:
    /// then it may be safe to leave, which is not said without asking for each.
    pub(super) async fn whole_elsewhere(&mut self) -> u64 {
        let waiting: Vec<FileId> = self.ahead.iter().copied().collect();
        let mut whole = 0;
        for page in waiting.chunks(PAGE) {
            let views = self.parts.services.swarm.survey(page).files;
            whole += views.iter().filter(|view| is_whole_elsewhere(view)).count();
            yield_now().await;
        }
        if whole < waiting.len() {
            return whole as u64;
        }
        while !self.ahead.is_empty() {
            self.look_ahead().await;
        }
        0
    }
}

fn is_whole_elsewhere(view: &FileView) -> bool {
    let mut holders = view.holders.iter();
    holders.any(|one| one.held.is_whole(one.parts))
}
