//! Which names the file system of a folder can hold.
//!
//! Names stay as they are wherever they can. Windows, and the file systems that come from it,
//! refuse some or make two names into one: there, and where it cannot be told, a name takes its
//! portable form.

use crate::core::path::RelPath;
use std::path::Path;

/// What names below one folder become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Names {
    /// They stay as they are.
    AsTheyAre,
    /// They become what every system can hold.
    Portable,
}

impl Names {
    /// For files below `folder`, which need not exist yet.
    pub fn of(folder: &Path) -> Self {
        let there = folder.ancestors().find(|path| path.is_dir());
        match there {
            Some(path) if holds_any(path) => Self::AsTheyAre,
            _ => Self::Portable,
        }
    }

    /// What `name` becomes.
    pub fn fit(self, name: &RelPath) -> RelPath {
        match self {
            Self::AsTheyAre => name.clone(),
            Self::Portable => name.portable(),
        }
    }
}

/// Whether every name but those with `/` and NUL is a name there.
#[cfg(target_os = "linux")]
fn holds_any(folder: &Path) -> bool {
    /// FAT, exFAT, both drivers of NTFS, FUSE (ntfs-3g is one), SMB, and Windows' disks in WSL
    /// (9P).
    const OTHERS: [u32; 8] = [
        0x4d44,
        0x2011_bab0,
        0x5346_544e,
        0x7366_746e,
        0x6573_5546,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
    ];
    // The width and sign of the field differ between architectures; the numbers have 32 bits.
    rustix::fs::statfs(folder).is_ok_and(|about| !OTHERS.contains(&(about.f_type as u32)))
}

/// Elsewhere the system is not asked: the portable form is right everywhere.
#[cfg(not(target_os = "linux"))]
fn holds_any(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(names: Names, name: &str) -> String {
        let name = RelPath::parse(name).unwrap();
        names.fit(&name).as_str().to_owned()
    }

    #[test]
    fn a_name_is_changed_only_where_it_could_not_be_held() {
        for name in ["con", "a|b", "what?.txt", "f:ads", "end.", "d:r/x "] {
            assert_eq!(fit(Names::AsTheyAre, name), name);
            assert_ne!(fit(Names::Portable, name), name);
        }
        assert_eq!(fit(Names::Portable, "plain.txt"), "plain.txt");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_file_systems_hold_any_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Names::of(folder.path()), Names::AsTheyAre);
        assert_eq!(
            Names::of(&folder.path().join("to/be/made")),
            Names::AsTheyAre
        );
    }
}
