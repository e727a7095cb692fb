//! A time in eight bytes.

use crate::core::Now;
use std::{num::NonZeroU64, time::Duration};

/// The same as a [`Now`], to the nanosecond; an `Option` of it takes no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::core::membership) struct Moment(NonZeroU64);

impl From<Now> for Moment {
    fn from(at: Now) -> Self {
        // Of five hundred years.
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

impl From<Moment> for Now {
    fn from(at: Moment) -> Self {
        Duration::from_nanos(at.0.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_as_it_was_and_takes_eight_bytes_also_where_there_may_be_none() {
        for at in [Now::ZERO, Now::from_nanos(1), Now::new(7_200, 999_999_999)] {
            assert_eq!(Now::from(Moment::from(at)), at);
        }
        assert_eq!(size_of::<Option<Moment>>(), 8);
        assert!(Moment::from(Now::from_nanos(1)) < Moment::from(Now::from_nanos(2)));
    }
}
