//! The system's clock, in seconds since 1970: what is written down, sent to others, and read from
//! the disk.
//!
//! Owns all conversions between them and the system's times. Never decides what a time means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long 1970 is ago; a clock before that counts as 1970.
#[must_use]
pub fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// Seconds since 1970.
#[must_use]
pub fn unix_now() -> u64 {
    since_1970().as_secs()
}

/// Any time that a disk can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct UnixTime {
    /// Since 1970, rounded down.
    pub seconds: i64,
    /// After them.
    pub nanos: u32,
}

pub(super) fn to_unix(time: SystemTime) -> UnixTime {
    let whole = |away: Duration| i64::try_from(away.as_secs()).unwrap_or(i64::MAX);
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (whole(since), since.subsec_nanos()),
        Err(error) => {
            let before = error.duration();
            match before.subsec_nanos() {
                0 => (-whole(before), 0),
                nanos => (-whole(before) - 1, 1_000_000_000 - nanos),
            }
        }
    };
    UnixTime { seconds, nanos }
}

/// The time so many seconds after 1970, or before it; `None` where the system has no such time.
pub(super) fn from_unix(seconds: i64) -> Option<SystemTime> {
    let away = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        UNIX_EPOCH.checked_sub(away)
    } else {
        UNIX_EPOCH.checked_add(away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_of_a_disk_is_read_and_written() {
        let nano = Duration::from_nanos(1);
        let far = Duration::from_secs(16_725_225_600); // The year 2500.
        let unix = |time| {
            let UnixTime { seconds, nanos } = to_unix(time);
            (seconds, nanos)
        };
        assert_eq!(unix(UNIX_EPOCH + far), (16_725_225_600, 0));
        assert_eq!(unix(UNIX_EPOCH), (0, 0));
        assert_eq!(unix(UNIX_EPOCH - nano), (-1, 999_999_999));
        assert_eq!(unix(UNIX_EPOCH - far), (-16_725_225_600, 0));
        assert_eq!(from_unix(-16_725_225_600), Some(UNIX_EPOCH - far));
        assert!(unix_now() > 1_700_000_000);
    }
}
