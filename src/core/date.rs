//! Seconds since 1970 as a date and a time of day, in UTC.
//!
//! Days to dates as Howard Hinnant does it ("chrono-compatible low-level date algorithms").

/// The furthest that is shown: beyond the year 9999 nobody's clock is right.
const LAST: u64 = 253_402_300_799;

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// From 1970 to 9999.
    pub year: u64,
    /// From 1.
    pub month: u64,
    /// From 1.
    pub day: u64,
    /// From 0.
    pub hour: u64,
    /// From 0.
    pub minute: u64,
    /// From 0.
    pub second: u64,
}

impl Moment {
    /// The moment so many seconds after 1970 began.
    #[must_use]
    pub fn of(seconds: u64) -> Self {
        let seconds = seconds.min(LAST);
        let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let part = (5 * of_year + 2) / 153;
        // The years of this reckoning begin in March.
        let (month, later) = if part < 10 {
            (part + 3, 0)
        } else {
            (part - 9, 1)
        };
        Self {
            year: year + era * 400 + later,
            month,
            day: of_year - (153 * part + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }
}
