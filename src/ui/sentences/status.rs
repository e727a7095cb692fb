//! How a node does, and whether it may leave, in sentences. Pure; everything that a stranger named
//! is escaped here.

use super::directory;
use crate::{
    core::path::printable,
    node::{Kept, Leftovers, Safe, Status},
    ui::text::{self, person},
};

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

/// `status`, in lines. The downloads are added where their numbers are known.
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
        directory::servers(status),
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
#[must_use]
pub fn only_here(safe: &Safe) -> String {
    let missing = safe.files.saturating_sub(safe.elsewhere);
    match (missing, safe.files) {
        (_, 1) => "the only shared file has".to_owned(),
        (1, files) => format!("1 of {files} shared files has"),
        (_, files) => format!("{missing} of {files} shared files have"),
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

/// The person who wanted to leave stays.
pub const STAYING: &str = "staying";

#[cfg(test)]
mod tests;
