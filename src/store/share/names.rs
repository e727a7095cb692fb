//! What stands for a name after a file is gone: several files may, with the same contents, such as
//! one of the shared folder and a copy of it that was downloaded elsewhere.
//!
//! Invariant: while a name is looked for and that is told, nothing else is told of names, so that
//! the last word about a name is true, whichever thread says it.

use super::{ShareEvent, offered};
use crate::{
    core::{id::FileId, path::RelPath},
    store::{Index, Kind, index::looks_like},
};

/// Tells that the file with this number stands no more for `name`, or what still does.
pub(in crate::store) fn gone(
    index: &Index,
    number: u64,
    (name, file): (&str, FileId),
    tell: impl FnOnce(ShareEvent),
) {
    let _alone = index.naming();
    let Ok(parsed) = RelPath::parse(name) else {
        return;
    };
    let others = index.files_of(&file).unwrap_or_default();
    let other = others.into_iter().find(|(at, other)| {
        let same = *at != number && other.name == name && !other.kind.is_private();
        same && looks_like(&index.path_of(other), other.stamp)
    });
    tell(match other {
        Some((_, other)) => ShareEvent::Remains {
            offered: offered(parsed, file, other.stamp, other.rights),
            shared: other.kind == Kind::Shared,
        },
        None => ShareEvent::Withdrawn { name: parsed, file },
    });
}
