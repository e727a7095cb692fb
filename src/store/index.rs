//! What is known about the files here, in a sled.
//!
//! Owns the trees and the have-sets of partial downloads; `files` and `manifests` add the rest.
//! Holds metadata only, never a chunk's bytes, in values of at most 32 KiB. Everything in it can be
//! made again by reading the files: an index that cannot be read is moved aside and a new one
//! begun. Crash rule: sled keeps a prefix of what was written, so each record is written after what
//! it promises, and removed before it.
//!
//! Trees, keys big-endian: `files` file u64 → records of it and of those that follow (`packs`),
//! found by what is in memory (`table`); `roots` file id → length u32, root, the page if it is one
//! short one; `pages` file id, page u32, part u16 → bytes; `chunks` chunk id, file u64 → offset
//! u64, length u32. These three are for files of several chunks, and for what has no file here.
//! `have` file id, part u16 → bits (part 0 begins with the length, u32); `begun` file id → name;
//! `replicas` and `replica_files` in `replicas`.

mod files;
mod manifests;
mod packs;
mod queue;
mod recent;
mod record;
mod replicas;
mod stamp;
mod table;
mod upgrade;

pub(super) use files::Placed;
pub(super) use queue::Queue;
pub(super) use recent::Recent;
pub use record::{FileRecord, Kind, Location, NewFile};
pub(super) use replicas::{NO_FILE, ReplicaChunk, ReplicaRecord};
pub use stamp::Stamp;
pub(super) use stamp::looks_like;

use super::{
    Home, StoreError,
    database::{
        self, Format,
        live::{Live, Opened, Tree},
    },
    failed,
};
use crate::core::{have::HaveSet, id::FileId};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use table::Table;

/// The layout of the index.
pub const FORMAT_NUMBER: u32 = 6;

/// Goes up whenever what is stored, or what it means, changes, with a step that leads there: what
/// is here is not to be lost by that.
const FORMAT: Format = Format {
    number: FORMAT_NUMBER,
    // What 4 and 5 wrote is read in one way.
    steps: &[(4, |_| Ok(())), (5, upgrade::pack_small_files)],
};

/// Declares the trees once: their names on the disk are those of the fields.
macro_rules! trees {
    ($($name:ident)*) => {
        const TREES: &[&str] = &[$(stringify!($name)),*];

        struct Trees {
            $($name: Tree,)*
        }

        impl Trees {
            fn of(db: &Live) -> Self {
                let mut numbers = 0..;
                Self {
                    $($name: db.tree(numbers.next().unwrap_or_default()),)*
                }
            }
        }
    };
}

trees!(files roots pages chunks have replicas replica_files begun);

/// Which one has the files' records.
const FILES: usize = 0;
/// What is read through, beside the files, when it is opened.
const SMALL_TREES: [&str; 1] = ["have"];
/// Bytes of the longest stored value: sled puts what is much longer into files of their own,
/// unsynced.
const PART: usize = 32 << 10;
const CACHE: u64 = 32 << 20;
/// sled syncs as often whether anything was written or not; what has to last is flushed besides.
const FLUSH_MS: u64 = 2_000;
/// Writes of one batch. sled copies a leaf at each write and lets go of the copies only after the
/// batch: four thousand kept 60 MiB.
const BATCH: usize = 128;
/// Bytes after which a batch ends early: room for it is taken beforehand.
const BATCH_BYTES: usize = 512 << 10;

/// The index of a home. Clones are handles to the same one.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    db: Live,
    dir: PathBuf,
    shared: PathBuf,
    trees: Trees,
    table: RwLock<Table>,
    /// Records that were looked up: each chunk of a file asks for the same one.
    known: RwLock<HashMap<u64, files::Known>>,
    /// Held while a file is added or removed, so that a manifest is not dropped while it finds a
    /// new user.
    writing: Mutex<()>,
    /// Held while it is told what stands for a name.
    naming: Mutex<()>,
    fresh: Mutex<manifests::Fresh>,
    /// Hears of the folders into which finished downloads came.
    on_placed: Mutex<Option<OnPlaced>>,
}

impl std::ops::Deref for Inner {
    type Target = Trees;

    fn deref(&self) -> &Trees {
        &self.trees
    }
}

/// Takes downloads; it must not wait.
pub(super) type OnPlaced = Box<dyn Fn(Placed) + Send + Sync>;

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Index").field(&self.0.dir).finish()
    }
}

impl Index {
    /// Opens the index of `home`. When it is damaged or of another version it is moved aside, a new
    /// one is begun, and the sentence that comes back says so: the shared files will be read again.
    ///
    /// # Errors
    /// When the disk refuses; never for damage.
    pub fn open(home: &Home) -> Result<(Self, Option<String>), StoreError> {
        let dir = home.index_dir();
        let (opened, (table, notice)) = open(&dir)?;
        let db = Live::new(&dir, opened);
        let inner = Inner {
            trees: Trees::of(&db),
            db,
            dir,
            shared: home.shared(),
            table: RwLock::new(table),
            known: RwLock::default(),
            writing: Mutex::default(),
            naming: Mutex::default(),
            fresh: Mutex::new(Some(HashSet::new())),
            on_placed: Mutex::default(),
        };
        Ok((Self(Arc::new(inner)), notice))
    }

    /// Why it can neither be read nor written any more; `None` while all is well.
    #[must_use]
    pub fn broken(&self) -> Option<StoreError> {
        self.0.db.broken().map(|error| self.error(error))
    }

    /// Closes it and opens it again, as [`Index::open`] does, for everyone who has a handle. What
    /// was not flushed may be lost. Until it is open, every use gives an error.
    ///
    /// # Errors
    /// When the disk refuses still: to be tried again.
    pub fn reopen(&self) -> Result<Option<String>, StoreError> {
        let _writing = self.writing();
        let (table, notice) = self.0.db.reopen(|| open(&self.0.dir))?;
        *self.0.table.write() = table;
        self.0.known.write().clear();
        Ok(notice)
    }

    /// While it is held nobody else tells what stands for a name.
    pub(super) fn naming(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.0.naming.lock()
    }

    /// Makes everything written so far last.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.0.db.flush().map_err(|e| self.error(e))
    }

    /// Which chunks of a download under way were synced; `None` when there is no such download.
    ///
    /// # Errors
    /// When the index cannot be read, or what it says makes no sense.
    pub fn partial_have(&self, file: &FileId) -> Result<Option<HaveSet>, StoreError> {
        let mut bytes = Vec::new();
        for item in self.0.have.scan_prefix(file.as_bytes()) {
            bytes.extend_from_slice(&item.map_err(|e| self.error(e))?.1);
        }
        let Some((len, bits)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        HaveSet::from_bytes(bits, u32::from_be_bytes(*len))
            .map(Some)
            .ok_or_else(|| StoreError::Corrupt("a have-set".into()))
    }

    /// Remembers which chunks of a download are on the disk, synced.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_partial_have(&self, file: &FileId, have: &HaveSet) -> Result<(), StoreError> {
        let mut bytes = have.len().to_be_bytes().to_vec();
        bytes.extend(have.to_bytes());
        let mut batch = sled::Batch::default();
        for (part, bytes) in (0u16..).zip(bytes.chunks(PART)) {
            batch.insert(key(&[file.as_bytes(), &part.to_be_bytes()]), bytes);
        }
        // One batch is applied as a whole, so parts of two states never meet.
        self.0.have.apply_batch(batch).map_err(|e| self.error(e))
    }

    /// Forgets a download under way, and its manifest unless a file here has it.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_partial(&self, file: &FileId) -> Result<(), StoreError> {
        let _writing = self.writing();
        for item in self.0.have.scan_prefix(file.as_bytes()).keys() {
            item.and_then(|key| self.0.have.remove(key))
                .map_err(|e| self.error(e))?;
        }
        let begun = self.0.begun.remove(file.as_bytes());
        begun.map_err(|e| self.error(e))?;
        self.drop_unused_manifest(file)
    }

    /// Notes the name under which a download was begun.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_begun(&self, file: &FileId, name: &str) -> Result<(), StoreError> {
        let put = self.0.begun.insert(file.as_bytes(), name.as_bytes());
        put.map(drop).map_err(|e| self.error(e))
    }

    /// The downloads that were begun, with their names.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn begun(&self) -> Result<Vec<(FileId, String)>, StoreError> {
        let mut begun = Vec::new();
        for item in &self.0.begun {
            let (key, name) = item.map_err(|e| self.error(e))?;
            if let Some(file) = FileId::from_slice(&key) {
                begun.push((file, String::from_utf8_lossy(&name).into_owned()));
            }
        }
        Ok(begun)
    }

    /// The downloads under way.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn partials(&self) -> Result<Vec<FileId>, StoreError> {
        let mut files = Vec::new();
        for item in self.0.have.iter().keys() {
            let key = item.map_err(|e| self.error(e))?;
            if key.ends_with(&[0, 0]) && key.len() == 34 {
                files.extend(FileId::from_slice(&key[..32]));
            }
        }
        Ok(files)
    }

    fn writing(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.0.writing.lock()
    }

    fn error(&self, error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(source) => StoreError::of("use", &self.0.dir, PART as u64, source),
            other => StoreError::Corrupt(format!("the index: {other}")),
        }
    }

    /// Applies `writes` (a value of `None` removes) in batches of a bounded size.
    fn apply(
        &self,
        tree: &Tree,
        writes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let (mut count, mut bytes) = (0, 0);
        for (key, value) in writes {
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
            count += 1;
            if count == BATCH || bytes >= BATCH_BYTES {
                tree.apply_large(std::mem::take(&mut batch), bytes)
                    .map_err(|e| self.error(e))?;
                (count, bytes) = (0, 0);
            }
        }
        if count > 0 {
            tree.apply_large(batch, bytes).map_err(|e| self.error(e))?;
        }
        Ok(())
    }
}

/// Opens what is in `dir`, or begins it again when it is damaged; the sentence says so.
fn open(dir: &Path) -> Result<(Opened, (Table, Option<String>)), StoreError> {
    let ((opened, table), aside) = database::open(dir, || open_trees(dir), || move_aside(dir))?;
    let notice = aside.map(|aside| {
        format!(
            "the index could not be used ({}); it was moved to {} and is being rebuilt",
            aside.why,
            aside.path.display()
        )
    });
    Ok((opened, (table, notice)))
}

fn open_trees(dir: &Path) -> sled::Result<(Opened, Table)> {
    let db = database::sled_of(dir, FORMAT, CACHE, Some(FLUSH_MS))?;
    let trees = TREES.iter().map(|name| db.open_tree(name));
    let trees: Vec<sled::Tree> = trees.collect::<sled::Result<_>>()?;
    // The small trees are read through now, where damage can still be answered by a new index.
    let small = TREES.iter().zip(&trees);
    for (_, tree) in small.filter(|(name, _)| SMALL_TREES.contains(name)) {
        tree.iter().try_for_each(|item| item.map(drop))?;
    }
    let table = read_files(&trees[FILES])?;
    Ok((Opened { db, trees }, table))
}

fn read_files(files: &sled::Tree) -> sled::Result<Table> {
    let packs = files.iter().filter_map(|item| match item {
        Ok((key, value)) => {
            let at = key.as_ref().try_into().map(u64::from_be_bytes).ok()?;
            Some(Ok((at, value)))
        }
        Err(error) => Some(Err(error)),
    });
    Table::read(packs)
}

/// Renames the damaged index to `index.damaged-<n>`, and removes those of before: one is enough to
/// study.
fn move_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let parent = dir.parent().unwrap_or(dir);
    let mut newest = 0;
    let mut older = Vec::new();
    for entry in fs::read_dir(parent).map_err(failed("list", parent))? {
        let entry = entry.map_err(failed("list", parent))?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix("index.damaged-"));
        if let Some(number) = number.and_then(|text| text.parse::<u32>().ok()) {
            newest = newest.max(number);
            older.push(entry.path());
        }
    }
    let aside = parent.join(format!("index.damaged-{}", newest.saturating_add(1)));
    fs::rename(dir, &aside).map_err(failed("rename", dir))?;
    for path in older {
        // What cannot be removed is in no one's way.
        let _ = fs::remove_dir_all(path);
    }
    fs::create_dir_all(dir).map_err(failed("create", dir))?;
    Ok(aside)
}

fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        (folder, home)
    }

    #[test]
    fn a_damaged_index_is_moved_aside_and_begun_again() {
        let (folder, home) = home();
        for round in 1..3 {
            let (index, _) = Index::open(&home).unwrap();
            index
                .set_partial_have(&FileId([1; 32]), &HaveSet::full(9))
                .unwrap();
            index.flush().unwrap();
            drop(index);
            let db = home.index_dir().join("db");
            let len = fs::metadata(&db).unwrap().len() as usize;
            fs::write(&db, vec![0xa5; len]).unwrap();
            fs::write(home.index_dir().join("conf"), "nonsense").unwrap();
            let (index, notice) = Index::open(&home).unwrap();
            assert!(notice.unwrap().contains("rebuilt"));
            assert_eq!(index.partial_have(&FileId([1; 32])).unwrap(), None);
            let aside = format!(".sprat/index.damaged-{round}");
            assert!(folder.path().join(aside).exists());
        }
        assert!(!folder.path().join(".sprat/index.damaged-1").exists());
    }

    #[test]
    fn another_versions_index_is_not_read() {
        let (_folder, home) = home();
        let (index, notice) = Index::open(&home).unwrap();
        assert_eq!(notice, None);
        let meta = index.0.db.db().open_tree("meta").unwrap();
        meta.insert("format", &7u32.to_be_bytes()).unwrap();
        drop((meta, index));
        assert!(Index::open(&home).unwrap().1.is_some());
        assert!(Index::open(&home).unwrap().1.is_none());
    }

    #[test]
    fn have_sets_come_back_in_any_size() {
        let (_folder, home) = home();
        let (index, _) = Index::open(&home).unwrap();
        // Nothing; one; the last that fits a part beside the length, one more; many parts.
        let edge = (PART as u32 - 4) * 8;
        for (tag, len) in (0..).zip([0, 1, edge, edge + 1, 1 << 20]) {
            let mut have = HaveSet::empty(len);
            have.insert(len / 2);
            have.insert(len.saturating_sub(1));
            let file = FileId([tag; 32]);
            index.set_partial_have(&file, &have).unwrap();
            assert_eq!(index.partial_have(&file).unwrap(), Some(have));
        }
        assert_eq!(index.partials().unwrap().len(), 5);
        for tag in 0..5 {
            index.remove_partial(&FileId([tag; 32])).unwrap();
        }
        assert!(index.0.have.is_empty());
    }
}
