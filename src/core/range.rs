//! Which bytes of a file a request over HTTP asks for (RFC 9110, section 14). Pure.
//!
//! Several ranges at once get the whole file, as the standard allows: they would let a few bytes
//! of a request ask for a file many times over.

use std::ops::Range;

/// What is to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it, 200.
    Whole,
    /// These bytes, 206; never none.
    Some(Range<u64>),
    /// It has no such bytes, 416.
    None,
}

/// Reads the header `Range` for a file of `size` bytes. What makes no sense counts as not said.
#[must_use]
pub fn part(header: &str, size: u64) -> Part {
    let Some((unit, set)) = header.split_once('=') else {
        return Part::Whole;
    };
    let (unit, set) = (unit.trim(), set.trim());
    let Some((first, last)) = set.split_once('-') else {
        return Part::Whole;
    };
    let read = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // What is too large for a number is beyond every end.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first, last, read(first), read(last)) {
        _ if !unit.eq_ignore_ascii_case("bytes") => return Part::Whole,
        ("", _, _, Some(count)) => size.saturating_sub(count)..size,
        (_, "", Some(first), _) => first..size,
        (_, _, Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        _ => return Part::Whole,
    };
    if range.is_empty() {
        Part::None
    } else {
        Part::Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (header, wanted) in [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=0-", Part::Some(0..1000)),
            ("Bytes = 5-9", Part::Some(5..10)),
            ("bytes=999-5000", Part::Some(999..1000)),
            ("bytes=0-18446744073709551615", Part::Some(0..1000)),
            ("bytes=0-99999999999999999999999", Part::Some(0..1000)),
            ("bytes=-1", Part::Some(999..1000)),
            ("bytes=-5000", Part::Some(0..1000)),
            ("bytes=1000-", Part::None),
            ("bytes=1000-1001", Part::None),
            ("bytes=99999999999999999999-", Part::None),
            ("bytes=-0", Part::None),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-0,5-9", Part::Whole),
            ("bytes=0-0, -1", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=--1", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(header, 1000), wanted, "{header}");
        }
        assert_eq!(part("bytes=0-", 0), Part::None);
        assert_eq!(part("bytes=-1", 0), Part::None);
    }
}
