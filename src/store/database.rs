//! How a sled is opened: looked through for damage, moved aside when it has some, brought to this
//! version's format.
//!
//! Owns the folder's life as a whole, and the number of its format. Never what is in its trees.
//! Invariant: only what is really damaged is moved aside; a disk that fails, or is full, changes
//! nothing.

pub(super) mod live;
mod room;

use super::{StoreError, failed};
use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc,
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

/// Opens what is in `dir`, which `trees` reads as far as damage should be found now. When it is
/// damaged or of another version, `move_aside` gives the folder another name, and a new one is
/// begun.
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
            Ok(Err(sled::Error::Io(error))) if tried < TRIES && is_locked(&error) => {
                tried += 1;
                thread::sleep(PAUSE);
            }
            Ok(Err(sled::Error::Io(error))) if is_outside(&error) => {
                return Err(Unopened::Failed(failed("open", dir)(error)));
            }
            Ok(Err(error)) => return Err(Unopened::Damaged(error.to_string())),
            // What the system refused it may have taken for granted.
            Err(panic) if panicked_of(&*panic).is_some_and(names_system_error) => {
                let why = io::Error::other(panicked_of(&*panic).unwrap_or_default());
                return Err(Unopened::Failed(failed("open", dir)(why)));
            }
            Err(_) => return Err(Unopened::Damaged("it does not make sense".into())),
        }
    }
}

/// A step from one format to the next. It may be interrupted, and is then taken again.
pub(super) type Step = fn(&sled::Db) -> sled::Result<()>;

/// What is stored and what it means, by number.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// Goes up whenever that changes.
    pub number: u32,
    /// How older ones are brought up to date: from which number, and by what.
    pub steps: &'static [(u32, Step)],
}

/// Opens the sled itself, if it is new, or was written in this format or one that leads to it.
/// `flush_every_ms` is sled's own pace.
pub(super) fn sled_of(
    dir: &Path,
    format: Format,
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
        Some(known) => migrate(&db, &meta, &known, format)?,
        // sled takes a log that it cannot read for an empty one.
        None if existed => return Err(sled::Error::Unsupported("nothing can be read".into())),
        None => {
            meta.insert("format", &format.number.to_be_bytes())?;
            flush(&db)?;
        }
    }
    Ok(db)
}

/// Makes everything written so far last. sled does not always wake a flush whose write failed on
/// another thread; a second flush does.
fn flush(db: &sled::Db) -> sled::Result<()> {
    let (done, waits) = mpsc::sync_channel::<()>(0);
    thread::scope(|scope| {
        let wake = move || {
            while waits.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
                if db.context.global_error().is_err() {
                    let _ = db.flush();
                }
            }
        };
        let waker = thread::Builder::new().spawn_scoped(scope, wake);
        waker.map_err(sled::Error::Io)?;
        let flushed = db.flush().map(drop);
        drop(done);
        flushed
    })
}

/// Takes the steps from the format that is `known` to this one; each is made to last before its
/// number is.
fn migrate(db: &sled::Db, meta: &sled::Tree, known: &[u8], format: Format) -> sled::Result<()> {
    let known = known.try_into().map(u32::from_be_bytes);
    let mut number =
        known.map_err(|_| sled::Error::Unsupported("its format is no number".into()))?;
    while number != format.number {
        let step = format.steps.iter().find(|(from, _)| *from == number);
        let Some((_, step)) = step else {
            let why = format!("its format, {number}, is another version's");
            return Err(sled::Error::Unsupported(why));
        };
        step(db)?;
        flush(db)?;
        number += 1;
        meta.insert("format", &number.to_be_bytes())?;
        flush(db)?;
    }
    Ok(())
}

/// Whether another process holds it: sled says it in words.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Whether an error says nothing about what is stored: all that the system said, but for what a log
/// that names places outside itself gives.
fn is_outside(error: &io::Error) -> bool {
    use io::ErrorKind::{
        InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull, WouldBlock,
    };
    match error.kind() {
        NotFound | IsADirectory | NotADirectory | InvalidInput => false,
        PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded | WouldBlock => true,
        _ => {
            error.raw_os_error().is_some()
                || names_system_error(&error.to_string())
                || is_locked(error)
        }
    }
}

/// sled hands errors on as text.
fn names_system_error(text: &str) -> bool {
    text.contains("Os { code:") || text.contains("(os error ")
}

fn panicked_of(panic: &(dyn std::any::Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_no_damage() {
        // EIO, ENOSPC, EMFILE, EFBIG; and the same as sled hands it on.
        for code in [5, 28, 24, 27] {
            let error = io::Error::from_raw_os_error(code);
            let told = io::Error::new(error.kind(), format!("{error:?}"));
            assert!(is_outside(&error) && is_outside(&told), "{error}");
        }
        let other = |text: &str| io::Error::other(text.to_owned());
        assert!(is_outside(&other("could not acquire lock on \"db\"")));
        for error in [
            io::ErrorKind::UnexpectedEof.into(),
            io::Error::from_raw_os_error(2),
            io::Error::from_raw_os_error(22),
            other("a segment of no sense"),
        ] {
            assert!(!is_outside(&error), "{error}");
        }
    }

    fn numbered(number: u32, steps: &'static [(u32, Step)]) -> Format {
        Format { number, steps }
    }

    #[test]
    fn an_older_format_is_brought_up_to_date_and_nothing_is_lost() {
        const STEPS: &[(u32, Step)] = &[
            (4, |db| db.insert("b", "2").map(drop)),
            (5, |db| db.insert("c", "3").map(drop)),
        ];
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("index");
        let open = |format| {
            open(
                &dir,
                || sled_of(&dir, format, 1 << 20, None),
                || panic!("moved aside"),
            )
            .unwrap()
            .0
        };
        let db = open(numbered(4, &[]));
        db.insert("a", "1").unwrap();
        drop(db);
        for _ in 0..2 {
            let db = open(numbered(6, STEPS));
            assert_eq!(db.len(), 3);
        }
        // And one that nothing leads to is not read.
        let back = sled_of(&dir, numbered(4, &[]), 1 << 20, None);
        assert!(matches!(back, Err(sled::Error::Unsupported(_))));
    }
}
