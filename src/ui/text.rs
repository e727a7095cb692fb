//! How numbers and names read: sizes, times, rates, counts, people. Pure.

use crate::core::{date::Moment, path::printable_cut};
use std::time::Duration;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A person's name in a sentence is not longer than this.
const NAME: usize = 64;

/// `3.2 MiB`; bytes below a KiB are exact.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0 of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let whole = time.as_secs_f64().round() as u64;
    if time.as_secs_f64() < 9.95 {
        format!("{:.1} s", time.as_secs_f64())
    } else if whole < 60 {
        format!("{whole} s")
    } else if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// `8.0 MiB/s`; nothing when no time passed.
#[must_use]
pub fn rate(bytes: u64, time: Duration) -> Option<String> {
    let seconds = time.as_secs_f64();
    (seconds > 0.0 && bytes > 0).then(|| format!("{}/s", size((bytes as f64 / seconds) as u64)))
}

/// `1 file`, `2 files`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// `2026-11-21 09:05 UTC`, of seconds since 1970.
#[must_use]
pub fn moment(seconds: u64) -> String {
    let Moment {
        year,
        month,
        day,
        hour,
        minute,
        ..
    } = Moment::of(seconds);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// `12 %`, of a whole that may be zero. Only all of it is 100 %.
#[must_use]
pub fn percent(part: u64, whole: u64) -> u8 {
    if part >= whole {
        return 100;
    }
    (u128::from(part) * 100 / u128::from(whole)) as u8
}

/// What a person is called in a sentence.
#[must_use]
pub fn person(name: &str) -> String {
    printable_cut(name, NAME)
}

/// Shortens to `room` columns by putting `…` in place of the middle.
#[must_use]
pub fn cut_middle(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let keep = room.saturating_sub(1);
    let mut left = keep.div_ceil(2);
    let mut right = keep - left;
    let head: String = text
        .chars()
        .take_while(|c| take(&mut left, c.width()))
        .collect();
    let tail: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| take(&mut right, c.width()))
        .collect();
    head.chars()
        .chain(['…'])
        .chain(tail.into_iter().rev())
        .collect()
}

/// Spends a character's columns, if they are there.
fn take(room: &mut usize, width: Option<usize>) -> bool {
    match room.checked_sub(width.unwrap_or(0)) {
        Some(rest) => {
            *room = rest;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_the_edges() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size((1 << 20) - 1), "1.0 MiB");
        assert_eq!(size(3_355_443), "3.2 MiB");
        assert_eq!(size(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn times_at_the_edges() {
        assert_eq!(duration(Duration::ZERO), "0.0 s");
        assert_eq!(duration(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration(Duration::from_millis(9960)), "10 s");
        assert_eq!(duration(Duration::from_millis(59_600)), "1 min 00 s");
        assert_eq!(duration(Duration::from_secs(7800)), "2 h 10 min");
        assert_eq!(rate(0, Duration::ZERO), None);
        assert_eq!(
            rate(2048, Duration::from_secs(2)).as_deref(),
            Some("1.0 KiB/s")
        );
    }

    #[test]
    fn moments_are_dates() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (1_795_222_800, "2026-11-21 01:00 UTC"),
            (u64::MAX, "9999-12-31 23:59 UTC"),
        ] {
            assert_eq!(moment(seconds), shown);
        }
    }

    #[test]
    fn only_the_whole_is_a_hundred_percent() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1000, 1000), 100);
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
    }
}
