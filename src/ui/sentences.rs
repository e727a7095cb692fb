//! What sprat says to people, in plain sentences. Pure; everything that a stranger named is escaped here.

use super::{changes, leaving::Word, talk, text};
use crate::{
    core::path::{printable, printable_cut},
    node::{DownloadError, Fetched, Kept, Leftovers, Node, NodeEvent, Progress, Safe, Status},
};

/// A person's name in a sentence is not longer than this.
const NAME: usize = 64;
/// More sources than this are counted, not named.
const NAMED: usize = 4;

/// Nobody answered: why those did not who were named by hand, or what to look at.
fn nobody_here(unreached: &[(String, String)]) -> String {
    if unreached.is_empty() {
        return NOBODY.to_owned();
    }
    let each = unreached.iter().map(|(named, why)| {
        let (named, why) = (printable(named), printable(why));
        format!("{named}: {why}")
    });
    let each: Vec<String> = each.collect();
    format!(
        "nobody is here: no other node answered. {}",
        each.join("; ")
    )
}

/// The same where nobody was named.
const NOBODY: &str = "nobody is here: no other node answered. Is one running on this network, with the same passphrase? \
     Where broadcasts are dropped, name one with --peer HOST:PORT";

/// Nobody could be asked.
pub const NO_DESCRIPTORS: &str = "nobody could be reached: this process may not open as many files and sockets as it needs. \
     Allow it more, as by `ulimit -n 1024`, and try again";

/// Why nobody is here.
#[must_use]
pub fn alone(node: &Node) -> String {
    if node.is_short_of_descriptors() {
        NO_DESCRIPTORS.to_owned()
    } else {
        nobody_here(&node.unreached())
    }
}

/// How many of a group got everything.
#[must_use]
pub fn group(finished: usize) -> String {
    match finished {
        0 => "nobody has all of it".to_owned(),
        1 => "one person has all of it".to_owned(),
        many => format!("{many} people have all of it"),
    }
}

/// What happened, if it is worth a sentence.
#[must_use]
pub fn event(event: &NodeEvent) -> Option<String> {
    Some(match event {
        NodeEvent::PeerJoined {
            node,
            name,
            before,
            key_changed: false,
            ..
        } => match before {
            None => format!("{} joined ({})", person(name), node.short()),
            Some(before) => format!(
                "{} joined ({}), who was called {} before",
                person(name),
                node.short(),
                person(before)
            ),
        },
        NodeEvent::PeerJoined { node, name, .. } => format!(
            "{} joined ({}): NOT the key known for that name; nothing is sent to it without --trust-new-key",
            person(name),
            node.short()
        ),
        NodeEvent::PeerRenamed {
            node,
            name,
            before,
            key_changed,
        } => format!(
            "{} is called {} now ({}){}",
            person(before),
            person(name),
            node.short(),
            if *key_changed {
                ": NOT the key known for that name; nothing is sent to it without --trust-new-key"
            } else {
                ""
            }
        ),
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
        NodeEvent::CatalogChanged { .. }
        | NodeEvent::Scanning { .. }
        | NodeEvent::Offered { .. }
        | NodeEvent::Withdrawn { .. } => return None,
        NodeEvent::Scanned { files: 0, .. } => {
            "offering nothing yet: put files into the shared folder".to_owned()
        }
        NodeEvent::Scanned { files, bytes, .. } => format!(
            "offering {}, {}",
            text::count(*files, "file"),
            text::size(*bytes)
        ),
        NodeEvent::Files(change) => changes::sentence(change),
        NodeEvent::PeerDropped { node, name, why } => format!(
            "dropped {} ({}): {}",
            person(name),
            node.short(),
            printable(why)
        ),
        NodeEvent::Message {
            node,
            name,
            text,
            key_changed,
            ..
        } => talk::heard(node, name, text, *key_changed),
        NodeEvent::Ask(ask) => super::asks::question(ask),
        NodeEvent::AskGone { number, from, why } => super::asks::gone(*number, from, *why),
        NodeEvent::Received(received) => super::asks::received(received),
        NodeEvent::Later { name, event, .. } => return super::asks::sending(name, event),
        NodeEvent::Server(news) => super::directory::server(news),
        NodeEvent::Path(path) => super::directory::path(path),
        NodeEvent::SameKey { name, address } => format!(
            "{} at {address} has the same key as this node, as if its folder were a copy of this one: others take the two \
             for one, and neither works well. End one of them, and give it a key of its own: sprat --home DIR new-key",
            person(name)
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
pub(super) fn course(file: &Fetched) -> String {
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
    if let DownloadError::Ambiguous { name, versions } = error {
        return super::gaps::ambiguous(name, versions);
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

/// A download was stopped.
#[must_use]
pub fn stopped(name: &str) -> String {
    format!(
        "{}: stopped; what is here is kept, and the same command resumes it",
        printable(name)
    )
}

/// So many rows of `list` were left out.
#[must_use]
pub fn older(count: usize) -> String {
    let versions = text::count(count as u64, "older version");
    format!("{versions} not shown: `list --versions` shows them")
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
    let scan = status.scanning.map_or_else(String::new, |scan| {
        let of = |total| format!(": {} %", text::percent(scan.bytes, total));
        let how_far = scan.of_bytes.map_or_else(String::new, of);
        format!(" (reading the shared folder{how_far})")
    });
    format!(
        "{}\nconnected to {}; offering {}, {}{scan}{}\n{}\n{}{}\nreceived {}, sent {}",
        ready(status),
        text::count(u64::from(status.peers), "node"),
        text::count(status.shared_files, "file"),
        text::size(status.shared_bytes),
        super::directory::servers(status),
        safe_to_leave(&status.safe, &status.resting_on),
        kept(status.replicas),
        broken_off(status.leftovers),
        text::size(status.received),
        text::size(status.sent),
    )
}

/// Whether what is shared would still be here without this node.
fn safe_to_leave(safe: &Safe, on: &[String]) -> String {
    if safe.reading {
        return "safe to leave: not known yet, the shared folder is still being read".to_owned();
    }
    match (safe.to_leave(), safe.files) {
        (true, _) if safe.downloads > 0 => format!("safe to leave: yes, {}", rests(safe, on)),
        (true, _) => "safe to leave: yes".to_owned(),
        (false, 1) => "safe to leave: no, the only file has no copy elsewhere".to_owned(),
        (false, files) => format!(
            "safe to leave: no, {} of {files} files {} a copy elsewhere",
            safe.elsewhere,
            if safe.elsewhere == 1 { "has" } else { "have" },
        ),
    }
}

/// Downloads that were broken off, if there are any.
fn broken_off(Leftovers { files, bytes }: Leftovers) -> String {
    match files {
        0 => String::new(),
        _ => format!(
            "\n{} broken off, {}: `clean` shows and removes them",
            text::count(files, "download"),
            text::size(bytes)
        ),
    }
}

/// What this node keeps of others' files.
fn kept(kept: Kept) -> String {
    let Kept {
        used,
        quota,
        received,
        sent,
    } = kept;
    let kept = match (used, quota) {
        (0, 0) => "keeping nothing for others".to_owned(),
        _ => format!(
            "keeping {} for others, at most {}",
            text::size(used),
            text::size(quota)
        ),
    };
    match (received, sent) {
        (0, 0) => kept,
        _ => format!(
            "{kept}; copies received {}, sent {}",
            text::size(received),
            text::size(sent)
        ),
    }
}

/// Whose downloads some files rest on.
fn rests(safe: &Safe, on: &[String]) -> String {
    let what = match (safe.downloads, safe.files) {
        (_, 1) => "the only file lies".to_owned(),
        (1, files) => format!("1 of {files} files lies"),
        (downloads, files) => format!("{downloads} of {files} files lie"),
    };
    let names: Vec<String> = on.iter().map(|name| person(name)).collect();
    let who = match &names[..] {
        [] => "others keep".to_owned(),
        [one] => format!("{one} keeps"),
        several => format!("{} keep", several.join(", ")),
    };
    format!("as long as {who} what was downloaded there: {what} nowhere else")
}

/// What is said when it leaves while copies rest on downloads.
#[must_use]
pub fn left_to(safe: &Safe, on: &[String]) -> String {
    format!("what is shared here can be had {}", rests(safe, on))
}

/// `2 of 3 files have`: those that would be gone.
fn only_here(safe: &Safe) -> String {
    let missing = safe.files.saturating_sub(safe.elsewhere);
    match (missing, safe.files) {
        (_, 1) => "the only shared file has".to_owned(),
        (1, files) => format!("1 of {files} shared files has"),
        (_, files) => format!("{missing} of {files} shared files have"),
    }
}

/// Why a prompt stays when it is asked to leave.
#[must_use]
pub fn staying(word: &Word) -> String {
    match word {
        Word::Soon(safe) => format!(
            "{} no copy elsewhere yet: leaving as soon as that is done; \
             exit again leaves at once, cancel stays",
            only_here(safe)
        ),
        Word::Full(safe) => format!(
            "{} no copy elsewhere, and nobody here has room for one: exit again leaves all the same",
            only_here(safe)
        ),
        Word::Alone(safe) => format!(
            "{} no copy elsewhere, and nobody here keeps copies: exit again leaves all the same",
            only_here(safe)
        ),
        Word::Reading(_) => {
            "the shared folder is still being read, so what has a copy elsewhere is not known: \
             leaving as soon as it is safe; exit again leaves at once, cancel stays"
                .to_owned()
        }
    }
}

/// It left all the same.
#[must_use]
pub fn left_behind(safe: &Safe) -> String {
    format!(
        "{} no copy elsewhere: not to be had until this node is back",
        only_here(safe)
    )
}

/// The wait at the prompt is over.
pub const COPIED: &str = "every shared file has a copy elsewhere now";

/// Whoever wanted to leave changed his mind.
pub const STAYING: &str = "staying";

/// What a person is called in a sentence.
#[must_use]
pub fn person(name: &str) -> String {
    printable_cut(name, NAME)
}

#[cfg(test)]
mod tests;
