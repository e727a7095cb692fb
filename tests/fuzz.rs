//! Every parser of foreign bytes, fed with changed messages.
//!
//! `make fuzz` does it for 30 s each (`SPRAT_FUZZ_SECONDS`), with libFuzzer where cargo-fuzz is
//! installed and else with the loop here, which needs nothing but a stable compiler: it changes the
//! seeds of `tests/fuzz/corpus`, and goes on changing what is still taken for a message. `cargo
//! test --test fuzz -- --ignored` writes the seeds anew.

#[path = "fuzz/entry.rs"]
mod entry;
#[path = "fuzz/seeds.rs"]
mod seeds;

use entry::Entry;
use sprat::core::chance::Chance;
use std::{
    fmt::Write as _,
    fs,
    panic::catch_unwind,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A changed message has at most so many bytes.
const LONGEST: usize = 8 << 10;
/// Messages that are kept to be changed further.
const POOL: usize = 512;
/// No parser takes so long for that few bytes, even without optimization on a busy machine.
const SLOW: Duration = Duration::from_secs(5);

fn corpus(target: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");
    PathBuf::from(folder).join(target)
}

/// The seeds of a target, by name.
fn read(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(corpus(target)).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut seeds: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_is_a_message_to_its_parser() {
    for (target, entry) in entry::ALL {
        let seeds = read(target);
        assert!(seeds.len() >= 2, "{target} has {} seeds", seeds.len());
        for (name, bytes) in seeds {
            assert!(entry(&bytes), "{target}/{name} is refused");
            // What is cut short is none, or the seed would show nothing.
            assert!(!entry(&[]), "{target} takes nothing for a message");
        }
    }
}

#[test]
fn the_seeds_are_what_the_encoders_make() {
    for (target, name, bytes) in seeds::all() {
        let kept = fs::read(corpus(target).join(name));
        let same = kept.is_ok_and(|kept| kept == bytes);
        assert!(
            same,
            "{target}/{name}: `cargo test --test fuzz -- --ignored` writes it anew"
        );
    }
}

#[test]
#[ignore = "writes the seeds into the source tree"]
fn write_the_seeds() {
    for (target, name, bytes) in seeds::all() {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(name), bytes).unwrap();
    }
}

#[test]
fn changed_messages_never_panic_or_take_long() {
    let seconds = std::env::var("SPRAT_FUZZ_SECONDS");
    let seconds: f64 = seconds.map_or(0.3, |text| text.parse().expect("a number of seconds"));
    for (target, entry) in entry::ALL {
        let (runs, taken) = run(target, *entry, Duration::from_secs_f64(seconds));
        println!("{target}: {runs} inputs, {taken} of them messages");
    }
}

/// Changes and tries for so long; how many inputs there were, and how many were messages.
fn run(target: &str, entry: Entry, time: Duration) -> (u64, u64) {
    let mut pool: Vec<Vec<u8>> = read(target).into_iter().map(|(_, bytes)| bytes).collect();
    let seeds = pool.len();
    // Another course each time, for the time is short; the input itself is what a failure shows.
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let mut chance = Chance::new(u64::from_le_bytes(seed));
    let until = Instant::now() + time;
    let (mut runs, mut taken) = (0, 0);
    while Instant::now() < until {
        let mut bytes = pool[chance.below(pool.len())].clone();
        for _ in 0..=chance.below(6) {
            let other = &pool[chance.below(pool.len())];
            change(&mut bytes, other, &mut chance);
        }
        bytes.truncate(LONGEST);
        let begun = Instant::now();
        let message = catch_unwind(|| entry(&bytes));
        let hex = || in_hex(&bytes);
        assert!(begun.elapsed() < SLOW, "{target} takes long: {}", hex());
        let message = message.unwrap_or_else(|_| panic!("{target} panics: {}", hex()));
        runs += 1;
        taken += u64::from(message);
        if message && pool.len() < POOL {
            pool.push(bytes);
        } else if message {
            let place = seeds + chance.below(POOL - seeds);
            pool[place] = bytes;
        }
    }
    (runs, taken)
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Changes something.
fn change(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    const ENDS: [u8; 12] = [
        0, 1, 0x17, 0x18, 0x1b, 0x40, 0x5f, 0x7f, 0x80, 0x9f, 0xbf, 0xff,
    ];
    let at = chance.below(bytes.len());
    let len = 1 + chance.below(8);
    let end = (at + len).min(bytes.len());
    match chance.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
        1 if !bytes.is_empty() => bytes[at] = ENDS[chance.below(ENDS.len())],
        2 => bytes.insert(at, chance.bits() as u8),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        // A number of two, four or eight bytes: small, or about the greatest.
        5 => {
            let number = [0, 1, u64::MAX, u64::MAX >> 1, 1 << 31][chance.below(5)];
            let number = number.wrapping_add(chance.below(3) as u64).to_be_bytes();
            let width = [2, 4, 8][chance.below(3)];
            for (byte, new) in bytes[at..].iter_mut().zip(&number[8 - width..]) {
                *byte = *new;
            }
        }
        6 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        7 => {
            let from = chance.below(other.len());
            let to = (from + 1 + chance.below(64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let from = chance.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}
