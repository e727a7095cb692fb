//! What becomes of a file that is kept for others.
//!
//! Owns the decision alone. Wanted is what a node that is here shares, or what one shared that is
//! away; what its owner no longer shares is kept for a grace period, so that the owner's restart
//! costs nothing.

use std::time::Duration;

/// How long a file is kept for an owner who is away.
pub const AWAY: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is known of a file's owners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owners {
    /// One who is here shares it.
    Sharing,
    /// None who is here shares it, and one is away.
    Away,
    /// All are here, and none shares it.
    Done,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Keep it and offer it.
    Keep,
    /// Keep it for now, but do not offer it: since this moment no node wants it.
    Unwanted(u64),
    /// Remove it.
    Remove,
}

/// Decides at `now`. All times are seconds since 1970, and may be wrong by any amount: a clock that
/// jumps ahead must not be the reason to remove anything, so `up`, the time that this node has run,
/// counts too.
#[must_use]
pub fn judge(
    owners: Owners,
    seen: u64,
    unwanted_since: Option<u64>,
    grace: Duration,
    now: u64,
    up: Duration,
) -> Verdict {
    match owners {
        Owners::Away if now.saturating_sub(seen) > AWAY.as_secs() && up > grace => Verdict::Remove,
        Owners::Sharing | Owners::Away => Verdict::Keep,
        Owners::Done => {
            // One from the future is not believed.
            let since = unwanted_since.unwrap_or(now).min(now);
            if now - since >= grace.as_secs() && up >= grace {
                Verdict::Remove
            } else {
                Verdict::Unwanted(since)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(600);
    const LONG: Duration = Duration::from_secs(3600);

    fn judged(owners: Owners, seen: u64, unwanted: Option<u64>, now: u64) -> Verdict {
        judge(owners, seen, unwanted, GRACE, now, LONG)
    }

    #[test]
    fn what_somebody_shares_is_kept() {
        assert_eq!(judged(Owners::Sharing, 0, Some(1), 1 << 40), Verdict::Keep);
    }

    #[test]
    fn what_its_owner_no_longer_shares_goes_after_the_grace() {
        assert_eq!(judged(Owners::Done, 0, None, 1000), Verdict::Unwanted(1000));
        let later = judged(Owners::Done, 0, Some(1000), 1599);
        assert_eq!(later, Verdict::Unwanted(1000));
        assert_eq!(judged(Owners::Done, 0, Some(1000), 1600), Verdict::Remove);
    }

    #[test]
    fn an_owner_who_is_away_is_waited_for() {
        let month = AWAY.as_secs();
        assert_eq!(
            judged(Owners::Away, 1000, None, 1000 + month),
            Verdict::Keep
        );
        assert_eq!(
            judged(Owners::Away, 1000, None, 1001 + month),
            Verdict::Remove
        );
    }

    #[test]
    fn a_clock_that_jumps_removes_nothing_at_once() {
        let young = Duration::from_secs(5);
        let verdict = |owners| judge(owners, 1000, Some(1000), GRACE, 1 << 40, young);
        assert_eq!(verdict(Owners::Away), Verdict::Keep);
        assert_eq!(verdict(Owners::Done), Verdict::Unwanted(1000));
        assert_eq!(
            judged(Owners::Done, 0, Some(5000), 1000),
            Verdict::Unwanted(1000)
        );
    }
}
