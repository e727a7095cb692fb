//! Seconds since 1970 as a date and a time of day, in UTC, and as others write them (RFC 3339).
//!
//! Days to dates and back as Howard Hinnant does it ("chrono-compatible low-level date
//! algorithms").

use std::fmt;

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

impl fmt::Display for Moment {
    /// As RFC 3339 has it: `2021-01-01T12:34:56Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Seconds since 1970 of a time as RFC 3339 has it, to the second: `2021-01-01T12:34:56.7+01:00`.
/// `None` for what is none, or lies before 1970 or after 9999.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let between = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    let has = |(at, signs): (usize, &str)| {
        let there = text.as_bytes().get(at);
        there.is_some_and(|sign| signs.as_bytes().contains(sign))
    };
    between.into_iter().all(has).then_some(())?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // A leap second is the next one.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
    };
    let ahead = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - zone.len();
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ahead = hours * 3600 + minutes * 60;
            if *sign == b'+' { ahead } else { -ahead }
        }
        _ => return None,
    };
    let days = days(year, month, day);
    // The 31st of June would be the first of July.
    let midday = u64::try_from(days * 86_400 + 43_200).ok()?;
    if Moment::of(midday).day != day.unsigned_abs() {
        return None;
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - ahead;
    let seconds = u64::try_from(seconds).ok()?;
    (seconds <= LAST).then_some(seconds)
}

/// Days from 1970 to a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The years of this reckoning begin in March.
    let (year, part) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * part + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_others_write_them() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2021-01-01T12:34:56Z", 1_609_504_496),
            ("2021-01-01T12:34:56.789012Z", 1_609_504_496),
            ("2021-01-01 12:34:56z", 1_609_504_496),
            ("2021-01-01T13:34:56+01:00", 1_609_504_496),
            ("2021-01-01T07:04:56.5-05:30", 1_609_504_496),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        for none in [
            "",
            "2021",
            "yesterday",
            "2021-01-01",
            "2021-01-01T12:34:56",
            "2021-01-01T12:34:56.Z",
            "2021-01-01T12:34:56Zz",
            "2021-01-01T12:34:56+1:00",
            "2021-01-01T12:34:56+24:00",
            "2021-13-01T12:34:56Z",
            "2021-00-01T12:34:56Z",
            "2021-02-29T12:34:56Z",
            "2021-06-31T12:34:56Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T12:60:00Z",
            "+021-01-01T12:34:56Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "2021-01-01T12:34:5\u{e4}Z",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST) {
            prop_assert_eq!(parse(&Moment::of(seconds).to_string()), Some(seconds));
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:+. \u{e4}-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
