use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// Bytes that no library's new version changes (`SplitMix64`).
fn noise(mut seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = seed;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The grains there are, and their averages.
const GRAINS: [Grain; 3] = [Grain::of(FINE.0), Grain::of(FINE.1), Grain::of(FINE.1 + 1)];
const AVERAGES: [usize; 3] = [98 << 10, 24 << 10, 295 << 10];
/// The shortest chunk of the first grain.
const MIN: usize = MIN_CHUNK as usize;

fn cuts(grain: Grain, mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(length) = grain.next_cut(bytes, true) {
        lengths.push(length);
        bytes = &bytes[length..];
    }
    lengths
}

#[test]
fn the_boundaries_never_change() {
    let [short, fine, coarse] = GRAINS;
    assert_eq!(cuts(short, &noise(1, 1 << 20)), GOLDEN_SHORT);
    assert_eq!(cuts(fine, &noise(1, 1 << 18)), GOLDEN_FINE);
    assert_eq!(cuts(coarse, &noise(1, 4 << 20)), GOLDEN_COARSE);
    let zeroes = vec![0; 2 * MAX + 100];
    for grain in GRAINS {
        assert_eq!(cuts(grain, &zeroes), [MAX, MAX, 100]);
    }
}

const GOLDEN_FINE: [usize; 10] = [
    27_586, 25_797, 28_382, 26_473, 24_386, 19_436, 20_507, 17_850, 37_170, 34_557,
];
const GOLDEN_SHORT: [usize; 11] = [
    110_164, 70_439, 98_152, 88_644, 103_001, 87_451, 140_891, 101_957, 125_635, 98_418, 23_824,
];
const GOLDEN_COARSE: [usize; 14] = [
    278_755, 279_096, 273_623, 242_704, 211_565, 507_912, 206_598, 371_509, 365_786, 286_815,
    279_012, 439_770, 248_767, 202_392,
];

#[test]
fn the_grain_follows_from_the_size_alone() {
    let [short, fine, coarse] = GRAINS;
    assert!(short != fine && fine != coarse);
    for size in [0, 1, FINE.0 - 1] {
        assert_eq!(Grain::of(size), short);
    }
    for size in [FINE.0 + 1, FINE.1 - 1] {
        assert_eq!(Grain::of(size), fine);
    }
    assert_eq!(Grain::of(u64::MAX), coarse);
}

#[test]
fn chunks_are_about_as_long_as_they_are_said_to_be() {
    for (grain, average) in GRAINS.into_iter().zip(AVERAGES) {
        let bytes = noise(2, 30 << 20);
        let lengths = cuts(grain, &bytes);
        let mean = bytes.len() / lengths.len();
        assert!(mean.abs_diff(average) < average / 10, "{mean}");
        // What comes late is passed on late: hardly any is twice as long.
        let long = lengths.iter().filter(|&&len| len > 2 * average).count();
        assert!(long * 100 <= lengths.len(), "{long} of {}", lengths.len());
    }
}

#[test]
fn sizes_at_the_edges() {
    for (len, why) in [
        (0, "an empty file has no chunks"),
        (1, "the smallest file"),
        (MIN - 1, "below the shortest chunk"),
        (MIN, "exactly the shortest chunk"),
        (MIN + 1, "an odd rest after the skipped minimum"),
        (MAX, "exactly the longest chunk"),
        (MAX + 1, "one byte more than fits one chunk"),
    ] {
        for grain in GRAINS {
            let lengths = cuts(grain, &noise(3, len));
            assert_eq!(lengths.iter().sum::<usize>(), len, "{why}");
            assert!(lengths.iter().all(|length| (1..=MAX).contains(length)));
            let (_, whole) = lengths.split_last().unwrap_or((&0, &[]));
            assert!(whole.iter().all(|&length| length >= grain.min), "{why}");
        }
    }
    for grain in GRAINS {
        assert_eq!(grain.next_cut(&noise(3, MAX - 1), false), None);
        assert!(grain.next_cut(&noise(3, MAX), false).is_some());
    }
}

fn ids(grain: Grain, bytes: &[u8]) -> Vec<(blake3::Hash, usize)> {
    let mut rest = bytes;
    cuts(grain, bytes)
        .into_iter()
        .map(|length| {
            let (chunk, tail) = rest.split_at(length);
            rest = tail;
            (blake3::hash(chunk), length)
        })
        .collect()
}

#[test]
fn an_insertion_changes_only_the_chunks_around_it() {
    let before = noise(4, 16 << 20);
    let mut after = before.clone();
    after.splice((8 << 20)..(8 << 20), *b"a few bytes more");
    for grain in GRAINS {
        let known: HashSet<_> = ids(grain, &before).into_iter().collect();
        let new = ids(grain, &after)
            .into_iter()
            .filter(|id| !known.contains(id))
            .count();
        assert!((1..=3).contains(&new), "{new} of {} are new", known.len());
    }
}

#[test]
fn after_other_bytes_the_cuts_soon_meet_again() {
    let before = noise(5, 16 << 20);
    for (grain, most) in GRAINS.into_iter().zip(AVERAGES.map(|average| 6 * average)) {
        let known: HashSet<_> = ids(grain, &before).into_iter().collect();
        let mut over = 0;
        for at in 0..8 {
            // Longer than what they replace: the cuts after them begin anywhere.
            let other = noise(100 + at, (1 << 20) + 40_001 * at as usize);
            let mut after = before.clone();
            let from = (2 + at as usize) << 20;
            after.splice(from..from + (1 << 20), other.iter().copied());
            let new = ids(grain, &after).into_iter();
            let new: usize = new.filter(|id| !known.contains(id)).map(|id| id.1).sum();
            over += new - other.len();
        }
        assert!(over / 8 <= most, "{} bytes more than changed", over / 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive(
        seed: u64,
        coarse: bool,
        len in 0usize..(5 << 20),
        reads in prop::collection::vec(1usize..(2 << 20), 1..8),
    ) {
        let bytes = noise(seed, len);
        let grain = GRAINS[usize::from(coarse)];
        let mut reads = reads.into_iter().cycle();
        let (mut at, mut read, mut lengths) = (0, 0, Vec::new());
        loop {
            match grain.next_cut(&bytes[at..read], read == len) {
                Some(length) => {
                    lengths.push(length);
                    at += length;
                }
                None if read == len => break,
                None => read = len.min(read + reads.next().unwrap()),
            }
        }
        prop_assert_eq!(lengths, cuts(grain, &bytes));
    }
}
