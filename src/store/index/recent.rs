//! Records that are read in the order in which they were written: a pack at a time.
//!
//! Who looks at all files need not keep what the index has. Numbers are given once, so what was read
//! of one stays true as long as the index has it.

use super::{
    Index,
    packs::Reader,
    record::{FileRecord, Kind},
};
use crate::store::{StoreError, modes};
use std::{collections::VecDeque, path::Path, sync::Arc};

/// Packs that are kept: some hundred records.
const PACKS: usize = 8;

/// The records of a pack.
type Pack = Vec<(u64, Arc<FileRecord>)>;

/// See the module.
#[derive(Default)]
pub struct Recent(VecDeque<Pack>);

impl Recent {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The record of a file's number.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn record(
        &mut self,
        index: &Index,
        number: u64,
    ) -> Result<Option<Arc<FileRecord>>, StoreError> {
        let of = |pack: &Pack| {
            let at = pack.binary_search_by_key(&number, |one| one.0);
            Some(Arc::clone(&pack[at.ok()?].1))
        };
        if let Some(found) = self.0.iter().find_map(of) {
            return Ok(Some(found));
        }
        let Some((at, value)) = index.pack_with(number)? else {
            return Ok(None);
        };
        let mut reader = Reader::of(at, &value);
        let mut pack = Pack::new();
        while let Some(packed) = reader.next() {
            let record = reader.record(&packed);
            pack.extend(record.map(|(record, _)| (packed.number, Arc::new(record))));
        }
        let found = of(&pack);
        self.0.truncate(PACKS - 1);
        self.0.push_front(pack);
        Ok(found)
    }
}

impl Index {
    /// The numbers of the files that may have a path, the newest first.
    pub(in crate::store) fn numbers_at(
        &self,
        kind: Kind,
        path: &Path,
    ) -> impl Iterator<Item = u64> + use<> {
        let numbers = self.table().at_path(kind, &modes::path_bytes(path));
        numbers.into_iter().rev()
    }

    /// Calls `each` with the path, number and looks of all files of a kind. What cannot be read is
    /// left out.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(in crate::store) fn each_look(
        &self,
        kind: Kind,
        mut each: impl FnMut(u64, &Path, super::Stamp),
    ) -> Result<(), StoreError> {
        self.each_packed(kind, |reader, packed| {
            let path = modes::path_of(reader.path().to_vec());
            each(packed.number, &path, packed.stamp());
        })
    }
}
