//! What sprat says to people, in plain sentences. Pure; everything that a stranger named is escaped here.

use super::text;
use crate::{
    core::path::{printable, printable_cut},
    node::{DownloadError, Fetched, NodeEvent, Progress, Status},
};

/// A person's name in a sentence is not longer than this.
const NAME: usize = 64;
/// More sources than this are counted, not named.
const NAMED: usize = 4;

/// Nobody answered: what to look at.
pub const NOBODY: &str = "nobody is here: no other node answered. Is one running on this network, with the same passphrase? \
     Where broadcasts are dropped, name one with --peer HOST:PORT";

/// What happened, if it is worth a sentence.
#[must_use]
pub fn event(event: &NodeEvent) -> Option<String> {
    Some(match event {
        NodeEvent::PeerJoined { node, name } => {
            format!("{} joined ({})", person(name), node.short())
        }
        NodeEvent::PeerLeft {
            name,
            announced: true,
            ..
        } => format!("{} left", person(name)),
        NodeEvent::PeerLeft {
            name,
            announced: false,
            ..
        } => format!("{} went silent", person(name)),
        NodeEvent::CatalogChanged { .. } | NodeEvent::Scanning { .. } => return None,
        NodeEvent::Scanned { files: 0, .. } => {
            "offering nothing yet: put files into the shared folder".to_owned()
        }
        NodeEvent::Scanned { files, bytes, .. } => format!(
            "offering {}, {}",
            text::count(*files, "file"),
            text::size(*bytes)
        ),
        NodeEvent::Offered { name, size } => {
            format!("offering {}, {}", printable(name), text::size(*size))
        }
        NodeEvent::Withdrawn { name } => format!("no longer offering {}", printable(name)),
        NodeEvent::PeerDropped { node, name, why } => format!(
            "dropped {} ({}): {}",
            person(name),
            node.short(),
            printable(why)
        ),
        NodeEvent::Notice(notice) => printable(notice).into_owned(),
    })
}

/// A file is here: what, how fast, from whom, and where it lies.
#[must_use]
pub fn fetched(file: &Fetched) -> String {
    let name = printable(&file.name);
    let path = file.path.to_string_lossy();
    let path = printable(&path);
    if file.already {
        format!("{name} is here already: {path}")
    } else {
        format!("got {name}, {}; saved as {path}", course(file))
    }
}

/// Several files are here; `total` is their sum.
#[must_use]
pub fn summary(files: usize, failed: usize, total: &Fetched) -> String {
    let files = text::count(files as u64, "file");
    let failed = match failed {
        0 => String::new(),
        failed => format!("; {} failed", text::count(failed as u64, "other")),
    };
    if total.already {
        format!("{files} were here already{failed}")
    } else {
        format!("got {files}, {}{failed}", course(total))
    }
}

/// `3.2 MiB in 0.4 s (8.0 MiB/s): all from alice`.
fn course(file: &Fetched) -> String {
    let mut parts = shares(file);
    if file.resumed > 0 {
        parts.push(format!("{} from before", text::size(file.resumed)));
    }
    if file.reused > 0 {
        parts.push(format!("{} found here", text::size(file.reused)));
    }
    let rate = text::rate(file.fetched, file.elapsed)
        .map(|rate| format!(" ({rate})"))
        .unwrap_or_default();
    let from = if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join(", "))
    };
    format!(
        "{} in {}{rate}{from}",
        text::size(file.size),
        text::duration(file.elapsed),
    )
}

/// `60 % from alice`, … for those who gave something.
fn shares(file: &Fetched) -> Vec<String> {
    let gave: Vec<_> = file.sources.iter().filter(|source| source.2 > 0).collect();
    let whole: u64 = gave.iter().map(|source| source.2).sum();
    let mut parts: Vec<String> = gave
        .iter()
        .take(NAMED)
        .map(|(node, name, bytes)| {
            let twin = gave.iter().filter(|other| other.1 == *name).count() > 1;
            let who = if twin {
                format!("{} ({})", person(name), node.short())
            } else {
                person(name)
            };
            if gave.len() == 1 {
                format!("all from {who}")
            } else {
                format!("{} % from {who}", rounded_percent(*bytes, whole))
            }
        })
        .collect();
    if gave.len() > NAMED {
        let rest: u64 = gave[NAMED..].iter().map(|source| source.2).sum();
        parts.push(format!(
            "{} % from {} others",
            rounded_percent(rest, whole),
            gave.len() - NAMED
        ));
    }
    // "all" would be wrong beside bytes that were here.
    if gave.len() == 1 && file.resumed + file.reused > 0 {
        parts[0] = format!("{} from {}", text::size(whole), person(&gave[0].1));
    }
    parts
}

fn rounded_percent(part: u64, whole: u64) -> u64 {
    (part as f64 * 100.0 / whole.max(1) as f64).round() as u64
}

/// Why a file did not come.
#[must_use]
pub fn failed(name: &str, error: &DownloadError) -> String {
    let why = printable(&error.to_string()).into_owned();
    let shown = printable(name);
    if matches!(error, DownloadError::Interrupted) {
        stopped(name)
    } else if why.contains(&*shown) {
        why
    } else {
        format!("{shown}: {why}")
    }
}

/// A download was stopped.
#[must_use]
pub fn stopped(name: &str) -> String {
    format!(
        "{}: stopped; what is here is kept, and the same command resumes it",
        printable(name)
    )
}

/// A download begins.
#[must_use]
pub fn started(name: &str, progress: &Progress) -> String {
    let here = if progress.done > 0 {
        format!(", {} of it here already", text::size(progress.done))
    } else {
        String::new()
    };
    // From how many is not said: it begins with the first holder that is found, and the others are on their way.
    format!(
        "downloading {}, {}{here}",
        printable(name),
        text::size(progress.size),
    )
}

/// All sources are gone.
#[must_use]
pub fn waiting(name: &str) -> String {
    format!(
        "{}: nobody here has the rest of it; waiting for somebody to come back",
        printable(name)
    )
}

/// There is one again.
#[must_use]
pub fn resumed(name: &str) -> String {
    format!("{}: going on, somebody has the rest of it", printable(name))
}

/// How far a long download is.
#[must_use]
pub fn milestone(name: &str, percent: u8, progress: &Progress) -> String {
    format!(
        "{}: {percent} % of {}, from {}",
        printable(name),
        text::size(progress.size),
        text::count(u64::from(progress.sources), "node"),
    )
}

/// A long scan goes on.
#[must_use]
pub fn scanning(percent: u64, total: u64) -> String {
    format!(
        "reading the shared folder: {percent} % of {}",
        text::size(total)
    )
}

/// Who this node is and where it listens.
#[must_use]
pub fn ready(status: &Status) -> String {
    let addresses: Vec<_> = status.addresses.iter().map(|a| printable(a)).collect();
    format!(
        "{} ({}) is here, on {}",
        person(&status.name),
        status.node.short(),
        addresses.join(", ")
    )
}

/// `status`, in lines. The downloads are added by whoever knows their numbers.
#[must_use]
pub fn status(status: &Status) -> String {
    let scan = status.scanning.map_or_else(String::new, |(done, total)| {
        format!(
            " (reading the shared folder: {} %)",
            text::percent(done, total)
        )
    });
    format!(
        "{}\nconnected to {}; offering {}, {}{scan}\nreceived {}, sent {}",
        ready(status),
        text::count(u64::from(status.peers), "node"),
        text::count(status.shared_files, "file"),
        text::size(status.shared_bytes),
        text::size(status.received),
        text::size(status.sent),
    )
}

fn person(name: &str) -> String {
    printable_cut(name, NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{FileId, NodeId};
    use std::{path::PathBuf, time::Duration};

    fn file(sources: &[(&str, u64)]) -> Fetched {
        let sources: Vec<_> = sources
            .iter()
            .enumerate()
            .map(|(at, (name, bytes))| (NodeId([at as u8; 32]), (*name).to_owned(), *bytes))
            .collect();
        let fetched = sources.iter().map(|s| s.2).sum();
        Fetched {
            name: "photos/a.jpg".into(),
            id: FileId([1; 32]),
            path: PathBuf::from("/h/downloads/photos/a.jpg"),
            size: fetched,
            fetched,
            reused: 0,
            resumed: 0,
            elapsed: Duration::from_millis(400),
            sources,
            already: false,
        }
    }

    #[test]
    fn a_download_says_from_whom() {
        assert_eq!(
            fetched(&file(&[("alice", 2_013_266), ("bob", 1_342_177)])),
            "got photos/a.jpg, 3.2 MiB in 0.4 s (8.0 MiB/s): 60 % from alice, 40 % from bob; \
             saved as /h/downloads/photos/a.jpg"
        );
        assert!(fetched(&file(&[("alice", 5)])).contains(": all from alice; saved"));
        assert!(!fetched(&file(&[])).contains("from"));
    }

    #[test]
    fn what_was_here_is_told_apart() {
        let mut partial = file(&[("alice", 1024)]);
        (partial.resumed, partial.reused) = (2048, 10);
        assert!(
            fetched(&partial)
                .contains(": 1.0 KiB from alice, 2.0 KiB from before, 10 B found here;")
        );
        partial.already = true;
        assert_eq!(
            fetched(&partial),
            "photos/a.jpg is here already: /h/downloads/photos/a.jpg"
        );
    }

    #[test]
    fn several_files_are_summed_up() {
        let mut total = file(&[("alice", 1024)]);
        assert_eq!(
            summary(2, 1, &total),
            "got 2 files, 1.0 KiB in 0.4 s (2.5 KiB/s): all from alice; 1 other failed"
        );
        total.already = true;
        assert_eq!(summary(2, 0, &total), "2 files were here already");
    }

    #[test]
    fn two_of_one_name_and_a_crowd_can_be_told_apart() {
        let twins = fetched(&file(&[("bob", 1), ("bob", 1)]));
        assert!(twins.contains(&format!("bob ({})", NodeId([0; 32]).short())));
        let crowd = fetched(&file(&[
            ("a", 2),
            ("b", 2),
            ("c", 2),
            ("d", 2),
            ("e", 1),
            ("f", 1),
        ]));
        assert!(crowd.contains("20 % from d, 20 % from 2 others"), "{crowd}");
    }

    #[test]
    fn people_come_and_go() {
        let node = NodeId([7; 32]);
        let left = |announced| NodeEvent::PeerLeft {
            node,
            name: "alice".into(),
            announced,
        };
        let joined = NodeEvent::PeerJoined {
            node,
            name: "ali\u{1b}ce".into(),
        };
        assert_eq!(
            event(&joined).as_deref(),
            Some(&*format!("ali\\u{{1b}}ce joined ({})", node.short()))
        );
        assert_eq!(event(&left(true)).as_deref(), Some("alice left"));
        assert_eq!(event(&left(false)).as_deref(), Some("alice went silent"));
        assert_eq!(event(&NodeEvent::CatalogChanged { node }), None);
    }

    #[test]
    fn files_are_offered_and_withdrawn() {
        let offered = NodeEvent::Offered {
            name: "a\rb".into(),
            size: 1024,
        };
        let scanned = |files| NodeEvent::Scanned {
            files,
            bytes: 2048,
            read: 0,
        };
        assert_eq!(event(&offered).as_deref(), Some("offering a\\rb, 1.0 KiB"));
        assert_eq!(
            event(&scanned(1)).as_deref(),
            Some("offering 1 file, 2.0 KiB")
        );
        assert!(event(&scanned(0)).is_some_and(|text| text.contains("nothing yet")));
        assert_eq!(
            event(&NodeEvent::Withdrawn { name: "x".into() }).as_deref(),
            Some("no longer offering x")
        );
    }

    #[test]
    fn an_error_names_the_file_once() {
        let missing = DownloadError::NotFound("x".into());
        assert_eq!(failed("x", &missing), "nobody here offers `x`");
        let full = DownloadError::NoSpace {
            needed: 5,
            at: PathBuf::from("/d"),
        };
        assert_eq!(
            failed("a.iso", &full),
            "a.iso: no space: 5 more bytes are needed in /d"
        );
        assert_eq!(
            failed("a", &DownloadError::Interrupted),
            "a: stopped; what is here is kept, and the same command resumes it"
        );
    }
}
