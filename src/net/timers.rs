//! Timers that can wait a moment fire together.
//!
//! Of an idle node most of what it costs is being woken. tokio keeps a timer in slots of 64 ms until
//! it is near, and wakes once to take it from there and once more to let it fire; so what is due at
//! the edge of such a slot costs one wake-up instead of two, and what is due at the same edge shares
//! it. Nothing relies on that: where the slots lie otherwise, timers are late by the same moment.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// What is due sooner than this is due when it is due.
const SOON: Duration = Duration::from_millis(250);
/// A slot of tokio's timers.
const SLOT: Duration = Duration::from_millis(64);
/// What is so far away may be later.
const FAR: Duration = Duration::from_secs(4);
const FAR_SLOT: Duration = Duration::from_millis(256);

static BEGUN: OnceLock<Instant> = OnceLock::new();

/// Call it just before the runtime is built, whose timers count from then. Without it every timer
/// keeps its own time.
pub fn begin() {
    BEGUN.get_or_init(Instant::now);
}

/// The same time, or up to a sixteenth of what is left until it later (a quarter, for the nearest).
pub(crate) fn calm(at: Instant) -> Instant {
    BEGUN
        .get()
        .map_or(at, |begun| edge(*begun, Instant::now(), at))
}

/// The edge of a slot at that time or after it.
fn edge(begun: Instant, now: Instant, at: Instant) -> Instant {
    let left = at.saturating_duration_since(now);
    let slot = match left {
        _ if left < SOON => return at,
        _ if left < FAR => SLOT,
        _ => FAR_SLOT,
    };
    let (since, slot) = (at.saturating_duration_since(begun), slot.as_nanos() as u64);
    let edges = (since.as_nanos() as u64).div_ceil(slot);
    begun + Duration::from_nanos(edges * slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_far_away_is_due_at_an_edge_and_hardly_later(
            since in 0u64..1 << 40,
            left in 0u64..60_000_000_000,
        ) {
            let begun = Instant::now();
            let now = begun + Duration::from_nanos(since);
            let at = now + Duration::from_nanos(left);
            let due = edge(begun, now, at);
            let later = due.checked_duration_since(at);
            prop_assert!(later.is_some_and(|later| later <= at.duration_since(now) / 3));
            prop_assert!(later < Some(FAR_SLOT));
            if at - now < SOON {
                prop_assert_eq!(due, at);
            } else {
                prop_assert_eq!((due - begun).as_nanos() % SLOT.as_nanos(), 0);
            }
        }
    }
}
