//! Reads and writes at an offset, on every platform: no cursor, so any number of threads can share
//! one open file.

use std::{fs::File, io};

/// Bytes that are looked at together for a hole; holes begin and end at multiples of it in the
/// file.
const BLOCK: usize = 4096;
/// Shorter runs of zeroes are written: a hole costs a call, and a piece more of the file to keep
/// account of.
const RUN: usize = 64 << 10;

/// Writes `buf` at offset `at` of a file in which only holes lie there, and leaves long runs of
/// zeroes the holes that they are.
///
/// # Errors
/// Those of the system.
pub fn write_over_hole(file: &File, buf: &[u8], at: u64) -> io::Result<()> {
    let mut from = 0;
    while from < buf.len() {
        let (start, end) = next_run(buf, at, from);
        write_all_at(file, &buf[from..start], at + from as u64)?;
        from = end;
    }
    Ok(())
}

/// Where the next long run of zeroes begins and ends, from `from` on; both at the end when there is
/// none.
fn next_run(buf: &[u8], at: u64, from: usize) -> (usize, usize) {
    let (mut start, mut block) = (None, from);
    while block < buf.len() {
        let past = (at as usize).wrapping_add(block) % BLOCK;
        let end = (block + BLOCK - past).min(buf.len());
        if is_zero(&buf[block..end]) {
            start.get_or_insert(block);
        } else if let Some(start) = start.take()
            && block - start >= RUN
        {
            return (start, block);
        }
        block = end;
    }
    match start {
        Some(start) if buf.len() - start >= RUN => (start, buf.len()),
        _ => (buf.len(), buf.len()),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    // Most blocks tell it by their first bytes.
    let (first, rest) = bytes.split_at(bytes.len().min(16));
    first.iter().all(|&byte| byte == 0) && rest.iter().fold(0, |all, &byte| all | byte) == 0
}

/// Fills `buf` from offset `at`.
///
/// # Errors
/// Those of the system, and when the file ends before.
#[cfg(unix)]
pub fn read_exact_at(file: &File, buf: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, at)
}

/// Writes all of `buf` at offset `at`.
///
/// # Errors
/// Those of the system.
#[cfg(unix)]
pub fn write_all_at(file: &File, buf: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buf, at)
}

/// Fills `buf` from offset `at`.
///
/// # Errors
/// Those of the system, and when the file ends before.
#[cfg(windows)]
pub fn read_exact_at(file: &File, mut buf: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buf, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buf = &mut buf[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `buf` at offset `at`.
///
/// # Errors
/// Those of the system.
#[cfg(windows)]
pub fn write_all_at(file: &File, mut buf: &[u8], mut at: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, buf, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                buf = &buf[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_of_zeroes_are_found_at_the_blocks_of_the_file() {
        let mut bytes = vec![1u8; 300_000];
        assert_eq!(next_run(&bytes, 7, 0), (300_000, 300_000));
        bytes[10_000..200_000].fill(0);
        let (start, end) = next_run(&bytes, 100, 0);
        assert!((10_000..14_096).contains(&start) && (195_904..=200_000).contains(&end));
        assert_eq!((start + 100) % BLOCK, 0);
        assert_eq!((end + 100) % BLOCK, 0);
        assert_eq!(next_run(&bytes, 100, end), (300_000, 300_000));
        // One that is too short, and one that lasts to the end.
        bytes[50_000..].fill(1);
        assert_eq!(next_run(&bytes, 0, 0), (300_000, 300_000));
        bytes[200_001..].fill(0);
        assert_eq!(next_run(&bytes, 0, 0), (200_704, 300_000));
        assert_eq!(next_run(&vec![0; RUN], 0, 0), (0, RUN));
        let short = RUN - 1;
        assert_eq!(next_run(&vec![0; short], 0, 0), (short, short));
    }

    #[test]
    fn what_is_written_over_a_hole_reads_back() {
        let file = tempfile::tempfile().unwrap();
        let mut bytes = vec![3u8; 500_000];
        bytes[100_000..300_000].fill(0);
        bytes[400_000..].fill(0);
        file.set_len(600_000).unwrap();
        write_over_hole(&file, &bytes, 50_001).unwrap();
        let mut back = vec![9; 500_000];
        read_exact_at(&file, &mut back, 50_001).unwrap();
        assert!(back == bytes);
    }
}
