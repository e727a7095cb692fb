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

fn cuts(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(length) = next_cut(bytes, true) {
        lengths.push(length);
        bytes = &bytes[length..];
    }
    lengths
}

#[test]
fn the_boundaries_never_change() {
    assert_eq!(cuts(&noise(1, 4 << 20)), GOLDEN);
    let zeroes = vec![0; 2 * MAX + 100];
    assert_eq!(cuts(&zeroes), [MAX, MAX, 100]);
}

const GOLDEN: [usize; 13] = [
    278_755, 88_644, 296_107, 404_445, 750_279, 308_596, 612_881, 284_656, 279_012, 442_646,
    245_891, 196_426, 5_966,
];

#[test]
fn the_cuts_are_those_of_the_library_with_its_defaults() {
    let bytes = noise(2, 20 << 20);
    let theirs: Vec<usize> = fastcdc::v2020::FastCDC::new(&bytes, MIN, AVG, MAX)
        .map(|chunk| chunk.length)
        .collect();
    assert_eq!(cuts(&bytes), theirs);
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
        let lengths = cuts(&noise(3, len));
        assert_eq!(lengths.iter().sum::<usize>(), len, "{why}");
        assert!(lengths.iter().all(|length| (1..=MAX).contains(length)));
        let (_, whole) = lengths.split_last().unwrap_or((&0, &[]));
        assert!(whole.iter().all(|&length| length >= MIN), "{why}");
    }
    assert_eq!(next_cut(&noise(3, MAX - 1), false), None);
    assert!(next_cut(&noise(3, MAX), false).is_some());
}

#[test]
fn an_insertion_changes_only_the_chunks_around_it() {
    let before = noise(4, 16 << 20);
    let mut after = before.clone();
    after.splice((8 << 20)..(8 << 20), *b"a few bytes more");
    let ids = |bytes: &[u8]| -> Vec<blake3::Hash> {
        let mut rest = bytes;
        cuts(bytes)
            .into_iter()
            .map(|length| {
                let (chunk, tail) = rest.split_at(length);
                rest = tail;
                blake3::hash(chunk)
            })
            .collect()
    };
    let known: HashSet<_> = ids(&before).into_iter().collect();
    let new = ids(&after)
        .into_iter()
        .filter(|id| !known.contains(id))
        .count();
    assert!((1..=3).contains(&new), "{new} of {} are new", known.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive(
        seed: u64,
        len in 0usize..(5 << 20),
        reads in prop::collection::vec(1usize..(2 << 20), 1..8),
    ) {
        let bytes = noise(seed, len);
        let mut reads = reads.into_iter().cycle();
        let (mut at, mut read, mut lengths) = (0, 0, Vec::new());
        loop {
            match next_cut(&bytes[at..read], read == len) {
                Some(length) => {
                    lengths.push(length);
                    at += length;
                }
                None if read == len => break,
                None => read = len.min(read + reads.next().unwrap()),
            }
        }
        prop_assert_eq!(lengths, cuts(&bytes));
    }
}
