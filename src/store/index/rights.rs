//! A file's permissions in its record: a number, or a truth value from before more was known.

use crate::core::rights::Rights;
use serde::{Deserialize, Serialize};

/// Permissions as they are stored: the mode, or, as before that was known, whether a file may be
/// executed.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum StoredRights {
    Executable(bool),
    Mode(u16),
}

impl From<Rights> for StoredRights {
    fn from(rights: Rights) -> Self {
        let executable = Self::Executable(rights.executable());
        rights.mode().map_or(executable, Self::Mode)
    }
}

impl From<StoredRights> for Rights {
    fn from(stored: StoredRights) -> Self {
        match stored {
            StoredRights::Executable(executable) => executable.into(),
            StoredRights::Mode(mode) => Self::of(mode.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cbor;

    #[test]
    fn records_of_older_homes_are_read() {
        let read = |bytes: &[u8]| Rights::from(cbor::decode::<StoredRights>(bytes).unwrap());
        for executable in [false, true] {
            assert_eq!(read(&cbor::encode(&executable)), executable.into());
        }
        for rights in [true.into(), Rights::of(0o600), Rights::of(0)] {
            assert_eq!(read(&cbor::encode(&StoredRights::from(rights))), rights);
        }
    }
}
