//! How values stand in JSON: ids as their text, times in seconds, paths as text, people by name and
//! key.
//!
//! Pure. Everything a stranger named stays as it came.

#![expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference to the field"
)]

use super::{Contribution, Exit, Fetched, Gone, Owner, Person, Progress, Scan};
use crate::core::{
    id::NodeId,
    turns::{self, Turns},
};
use serde::{Serialize, Serializer};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub(in crate::node) fn text<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(in crate::node) fn text_if_any<S: Serializer>(
    value: &Option<impl Display>,
    to: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(to)
}

pub(super) fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

pub(in crate::node) fn path_if_any<S: Serializer>(
    path: &Option<PathBuf>,
    to: S,
) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(to)
}

pub(super) fn paths<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

pub(in crate::node) fn whole_seconds<S: Serializer>(
    time: &Duration,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.as_secs())
}

pub(super) fn inner<S: Serializer>(value: &Arc<impl Serialize>, to: S) -> Result<S::Ok, S::Error> {
    (**value).serialize(to)
}

/// With three decimals, which are enough for people's clocks.
pub(super) fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(rounded(time.as_secs_f64()))
}

pub(super) fn milliseconds<S: Serializer>(
    time: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| rounded(time.as_secs_f64() * 1000.0))
        .serialize(to)
}

pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

pub(super) fn gone<S: Serializer>(why: &Gone, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match why {
        Gone::Expired => "expired",
        Gone::Withdrawn => "withdrawn",
        Gone::Lost => "lost",
    })
}

/// The key of somebody; a guest has none.
fn key(person: &Person) -> Option<NodeId> {
    Some(person.node).filter(|node| !node.is_guest())
}

/// Somebody from whom something comes: `from` and `peer`.
pub(super) fn from<S: Serializer>(person: &Person, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct From<'a> {
        from: &'a str,
        #[serde(serialize_with = "text_if_any")]
        peer: Option<NodeId>,
    }
    let (from, peer) = (&*person.name, key(person));
    From { from, peer }.serialize(to)
}

/// Somebody, in an object of their own.
pub(super) fn person_if_any<S: Serializer>(
    person: &Option<Person>,
    to: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Somebody<'a> {
        name: &'a str,
        #[serde(serialize_with = "text_if_any")]
        peer: Option<NodeId>,
    }
    let somebody = person.as_ref().map(|person| Somebody {
        name: &person.name,
        peer: key(person),
    });
    somebody.serialize(to)
}

pub(super) fn code<S: Serializer>(exit: &Option<Exit>, to: S) -> Result<S::Ok, S::Error> {
    exit.map(Exit::code).serialize(to)
}

/// Somebody to whom something goes: `to` and `peer`.
pub(super) fn to<S: Serializer>(person: &Person, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct To<'a> {
        to: &'a str,
        #[serde(serialize_with = "text")]
        peer: NodeId,
    }
    let (name, peer) = (&*person.name, person.node);
    To { to: name, peer }.serialize(to)
}

/// How far a download was when it began.
pub(super) fn begun<S: Serializer>(progress: &Progress, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Begun {
        size: u64,
        done: u64,
        files: u32,
        sources: u32,
    }
    let Progress {
        size,
        done,
        files,
        sources,
        ..
    } = *progress;
    Begun {
        size,
        done,
        files,
        sources,
    }
    .serialize(to)
}

/// How far each of several downloads is.
pub(super) fn downloads<S: Serializer>(
    all: &[(String, Progress)],
    to: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Download<'a> {
        name: &'a str,
        done: u64,
        size: u64,
    }
    to.collect_seq(all.iter().map(|(name, progress)| Download {
        name,
        done: progress.done,
        size: progress.size,
    }))
}

/// How far this node is with its folder.
pub(super) fn scan<S: Serializer>(scan: &Option<Scan>, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Read {
        done: u64,
        total: Option<u64>,
        files: u64,
        of_files: Option<u64>,
    }
    let read = scan.map(|scan| Read {
        done: scan.bytes,
        total: scan.of_bytes,
        files: scan.files,
        of_files: scan.of_files,
    });
    read.serialize(to)
}

/// How long turns took.
pub(super) fn turns<S: Serializer>(turns: &Turns, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Histogram<'a> {
        count: u64,
        longest_us: u64,
        over_20_ms: u64,
        up_to_us: &'a [u64],
        counts: &'a [u64],
    }
    let histogram = Histogram {
        count: turns.count(),
        longest_us: u64::try_from(turns.longest().as_micros()).unwrap_or(u64::MAX),
        over_20_ms: turns.pauses(),
        up_to_us: &turns::ENDS,
        counts: turns.buckets(),
    };
    histogram.serialize(to)
}

/// How far other nodes are with theirs.
pub(super) fn scans<S: Serializer>(all: &[(Owner, Scan)], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Reads<'a> {
        #[serde(flatten)]
        node: &'a Owner,
        files: u64,
        bytes: u64,
        of_files: Option<u64>,
        of_bytes: Option<u64>,
    }
    to.collect_seq(all.iter().map(|(node, scan)| Reads {
        node,
        files: scan.files,
        bytes: scan.bytes,
        of_files: scan.of_files,
        of_bytes: scan.of_bytes,
    }))
}

/// Files that somebody sent, as they came.
pub(super) fn got<S: Serializer>(files: &[Fetched], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Got<'a> {
        name: &'a str,
        id: String,
        #[serde(serialize_with = "path")]
        path: &'a Path,
        size: u64,
        fetched: u64,
        reused: u64,
        resumed: u64,
        sources: &'a [Contribution],
    }
    to.collect_seq(files.iter().map(|file| Got {
        name: &file.name,
        id: file.id.to_string(),
        path: &file.path,
        size: file.size,
        fetched: file.fetched,
        reused: file.reused,
        resumed: file.resumed,
        sources: &file.sources,
    }))
}
