//! How a sled is opened: looked through for damage, and moved aside when it has some or another version wrote it.
//!
//! Owns the folder's life as a whole, and the number of its format. Never what is in its trees.

use super::{StoreError, failed, modes};
use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Tries while the last handle in this process is still closing, and the pause between two.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// What can be done about one that did not open.
enum Unopened {
    /// Nothing: the disk is full, or forbids it.
    Failed(StoreError),
    /// Begin a new one.
    Damaged(String),
}

/// What was moved away: why, and to where.
pub(super) struct Aside {
    pub why: String,
    pub path: PathBuf,
}

/// Opens what is in `dir`, which `trees` reads as far as damage should be found now. When it is damaged or of another
/// version, `move_aside` gives the folder another name, and a new one is begun.
///
/// # Errors
/// When the disk refuses; never for damage.
pub(super) fn open<T>(
    dir: &Path,
    trees: impl Fn() -> sled::Result<T>,
    move_aside: impl FnOnce() -> Result<PathBuf, StoreError>,
) -> Result<(T, Option<Aside>), StoreError> {
    let why = match try_open(dir, &trees) {
        Ok(opened) => return Ok((opened, None)),
        Err(Unopened::Failed(error)) => return Err(error),
        Err(Unopened::Damaged(why)) => why,
    };
    let path = move_aside()?;
    match try_open(dir, &trees) {
        Ok(opened) => Ok((opened, Some(Aside { why, path }))),
        Err(Unopened::Failed(error)) => Err(error),
        Err(Unopened::Damaged(why)) => Err(StoreError::Corrupt(why)),
    }
}

fn try_open<T>(dir: &Path, trees: impl Fn() -> sled::Result<T>) -> Result<T, Unopened> {
    let mut tried = 0;
    loop {
        // sled asserts on some kinds of damage; whatever it half-built is dropped with the error.
        match catch_unwind(AssertUnwindSafe(&trees)) {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(sled::Error::Io(error)))
                if tried < TRIES && error.to_string().contains("lock") =>
            {
                tried += 1;
                thread::sleep(PAUSE);
            }
            Ok(Err(sled::Error::Io(error))) if is_outside(&error) => {
                return Err(Unopened::Failed(failed("open", dir)(error)));
            }
            Ok(Err(error)) => return Err(Unopened::Damaged(error.to_string())),
            Err(_) => return Err(Unopened::Damaged("it does not make sense".into())),
        }
    }
}

/// Opens the sled itself, if it is new or was written in this format. `flush_every_ms` is sled's own pace.
pub(super) fn sled_of(
    dir: &Path,
    format: u32,
    cache: u64,
    flush_every_ms: Option<u64>,
) -> sled::Result<sled::Db> {
    let existed = fs::metadata(dir.join("db")).is_ok_and(|meta| meta.len() > 0);
    let db = sled::Config::new()
        .path(dir)
        .cache_capacity(cache)
        .flush_every_ms(flush_every_ms)
        .open()?;
    let meta = db.open_tree("meta")?;
    match meta.get("format")? {
        Some(known) if *known == format.to_be_bytes() => {}
        // sled takes a log that it cannot read for an empty one.
        None if existed => return Err(sled::Error::Unsupported("nothing can be read".into())),
        None => {
            meta.insert("format", &format.to_be_bytes())?;
            db.flush()?;
        }
        Some(_) => {
            return Err(sled::Error::Unsupported(
                "the format is another version's".into(),
            ));
        }
    }
    Ok(db)
}

/// Whether an error says nothing about what is stored.
fn is_outside(error: &io::Error) -> bool {
    use io::ErrorKind::{
        PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, WouldBlock,
    };
    matches!(
        error.kind(),
        PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded | WouldBlock
    ) || modes::out_of_descriptors(error)
        || error.to_string().contains("lock")
}
