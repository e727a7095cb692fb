//! The page cache, where the system has a word for it.
//!
//! After a failed sync the system may keep pages that never reached the disk and call them clean.
//! To verify those would prove the memory and not the disk, so they are dropped before bytes are
//! hashed.

use std::fs::File;

/// Has the system forget what it holds of `file`, so that the next read comes from the disk. Pages
/// that still wait to be written stay: they are what the next sync writes. Only advice: a failure
/// changes nothing that the caller could do.
#[cfg(target_os = "linux")]
pub(super) fn drop_pages(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

/// Nothing to advise here: what is read may come from memory.
#[cfg(not(target_os = "linux"))]
pub(super) fn drop_pages(_: &File) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    use std::{
        io::{IoSliceMut, Write},
        time::{Duration, Instant},
    };

    /// Whether the beginning is in memory; `None` where the file system cannot tell.
    fn cached(file: &File) -> Option<bool> {
        let mut byte = [0];
        let mut into = [IoSliceMut::new(&mut byte)];
        match preadv2(file, &mut into, 0, ReadWriteFlags::NOWAIT) {
            Ok(read) => Some(read == 1),
            Err(Errno::AGAIN) => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    fn what_is_synced_is_read_from_the_disk_again() {
        // Not in /tmp, which may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("f");
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&vec![7; 1 << 16]).unwrap();
        file.sync_all().unwrap();
        let file = File::open(&path).unwrap();
        if cached(&file) != Some(true) {
            eprintln!("this file system does not tell what it has in memory: not tested");
            return;
        }
        // It is advice: a page that is just being read stays until it is given again.
        let until = Instant::now() + Duration::from_secs(20);
        while cached(&file) != Some(false) {
            assert!(Instant::now() < until, "it stays in memory");
            drop_pages(&file);
            std::thread::yield_now();
        }
    }
}
