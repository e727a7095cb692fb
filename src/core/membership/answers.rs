//! How long others take to answer this node's `JOIN`, and so for how long one more may come.
//!
//! Pure; time is an argument.

use crate::core::Now;
use std::time::Duration;

/// So many times as long as the slowest answer took further ones are waited for…
const TIMES: u32 = 4;
/// …and so long at least.
const LEAST: Duration = Duration::from_millis(40);
/// What comes later is no answer: who says it did not hear the question.
const LATEST: Duration = Duration::from_millis(900);

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When the `JOIN` was sent.
    asked: Option<Now>,
    /// How long the slowest answer took.
    slowest: Option<Duration>,
}

impl Answers {
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub(super) fn asked(&mut self, now: Now) {
        self.asked = Some(now);
    }

    /// A node was heard for the first time, and did not just start.
    pub(super) fn heard(&mut self, now: Now) {
        let took = self.asked.map(|asked| now.saturating_sub(asked));
        self.slowest = self.slowest.max(took.filter(|took| *took < LATEST));
    }

    /// Whether somebody answered, and further answers would have come by now. On a slow network, or
    /// a busy machine, that takes longer than on a fast one.
    pub(super) fn are_in(&self, now: Now) -> bool {
        let (Some(asked), Some(slowest)) = (self.asked, self.slowest) else {
            return false;
        };
        now >= asked.saturating_add((slowest * TIMES).max(LEAST))
    }
}
