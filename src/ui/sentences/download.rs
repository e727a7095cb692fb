//! How a download begins, goes on and ends, in sentences. Pure; everything that a stranger named is
//! escaped here.

use super::gaps;
use crate::{
    core::path::printable,
    node::{Contribution, DownloadError, Fetched, Progress},
    ui::text::{self, person},
};

/// More sources than this are counted, not named.
const NAMED: usize = 4;

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
#[must_use]
pub fn course(file: &Fetched) -> String {
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
    let gave: Vec<_> = file
        .sources
        .iter()
        .filter(|source| source.bytes > 0)
        .collect();
    let whole: u64 = gave.iter().map(|source| source.bytes).sum();
    let mut parts: Vec<String> = gave
        .iter()
        .take(NAMED)
        .map(|Contribution { peer, name, bytes }| {
            let twin = gave.iter().filter(|other| other.name == *name).count() > 1;
            let who = if twin {
                format!("{} ({})", person(name), peer.short())
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
        let rest: u64 = gave[NAMED..].iter().map(|source| source.bytes).sum();
        parts.push(format!(
            "{} % from {} others",
            rounded_percent(rest, whole),
            gave.len() - NAMED
        ));
    }
    // "all" would be wrong beside bytes that were here.
    if gave.len() == 1 && file.resumed + file.reused > 0 {
        parts[0] = format!("{} from {}", text::size(whole), person(&gave[0].name));
    }
    parts
}

fn rounded_percent(part: u64, whole: u64) -> u64 {
    (part as f64 * 100.0 / whole.max(1) as f64).round() as u64
}

/// Why a file did not come.
#[must_use]
pub fn failed(name: &str, error: &DownloadError) -> String {
    if let DownloadError::Ambiguous { name, versions } = error {
        return gaps::ambiguous(name, versions);
    }
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

/// None of several words is offered: they may be one name.
#[must_use]
pub fn unquoted(words: &[String]) -> String {
    let name = words.join(" ");
    format!(
        "if that is one name, put it in quotes: '{}'",
        printable(&name)
    )
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
    // From how many is not said: it begins with the first holder that is found, and the others are
    // on their way.
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

/// Its owner replaced it while it came.
#[must_use]
pub fn replaced(name: &str, owner: &str, size: u64) -> String {
    format!(
        "{}: {} replaced it meanwhile; going on with the new version, {}",
        printable(name),
        printable(owner),
        text::size(size)
    )
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

#[cfg(test)]
mod tests;
