//! The lines about what changed in the shared folder. Pure; names are escaped here.

use crate::{
    core::{
        changes::{Change, Moved},
        path::printable,
    },
    ui::text,
};

/// What changed in the shared folder.
#[must_use]
pub fn sentence(change: &Change) -> String {
    let of = |folder: &str| match folder {
        "" => String::new(),
        folder => format!(" in {}", printable(folder)),
    };
    let place = |folder: &str| match folder {
        "" => "the shared folder".to_owned(),
        folder => printable(folder).into_owned(),
    };
    match change {
        Change::New { name, size } => {
            format!("offering {}, {}", printable(name), text::size(*size))
        }
        Change::NewFiles {
            files,
            bytes,
            folder,
        } => format!(
            "offering {}{}, {}",
            text::count(*files, "more file"),
            of(folder),
            text::size(*bytes)
        ),
        Change::Gone { name } => format!("no longer offering {}", printable(name)),
        Change::GoneFiles { files, folder } => format!(
            "no longer offering {}{}",
            text::count(*files, "file"),
            of(folder)
        ),
        Change::Moved(Moved { from, to }) => {
            format!("{} is called {} now", printable(from), printable(to))
        }
        Change::MovedFiles { files, folders } => {
            let files = text::count(*files, "file");
            match folders {
                Some(Moved { from, to }) => {
                    format!("moved {files} from {} to {}", place(from), place(to))
                }
                None => format!("moved {files}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_one_line() {
        let told = |change| sentence(&change);
        let gone = Change::Gone { name: "x".into() };
        assert_eq!(told(gone), "no longer offering x");
        let (files, bytes) = (20_000, 5 << 20);
        let many = |folder: &str| Change::NewFiles {
            files,
            bytes,
            folder: folder.into(),
        };
        assert_eq!(told(many("")), "offering 20000 more files, 5.0 MiB");
        assert_eq!(
            told(many("a\r")),
            "offering 20000 more files in a\\r, 5.0 MiB"
        );
        let folder = "a".to_owned();
        let gone = Change::GoneFiles { files, folder };
        assert_eq!(told(gone), "no longer offering 20000 files in a");
        let moved = |from: &str, to: &str| Change::MovedFiles {
            files,
            folders: Some(Moved {
                from: from.into(),
                to: to.into(),
            }),
        };
        assert_eq!(
            told(moved("old", "")),
            "moved 20000 files from old to the shared folder"
        );
        let (from, to) = ("a\r".into(), "b".into());
        assert_eq!(
            told(Change::Moved(Moved { from, to })),
            "a\\r is called b now"
        );
    }
}
