//! What sprat says to people about sending from one to another. Pure; everything that a stranger
//! named is escaped and cut here.

use super::download;
use crate::{
    core::{consent::title, path::printable_cut},
    node::{AskInfo, Gone, LaterInfo, LeftOut, Person, Received, SendEvent, nobody},
    ui::text::{self, person},
};
use std::path::Path;

/// A file's name in a question is not longer than this.
const NAME: usize = 100;
/// More names than this are counted.
const NAMED: usize = 5;

fn who(who: &Person) -> String {
    if who.node.is_guest() {
        return person(&who.name);
    }
    format!("{} ({})", person(&who.name), who.node.short())
}

fn what(ask: &AskInfo) -> String {
    let names: Vec<&str> = ask.files.iter().map(|file| &*file.name).collect();
    let name = printable_cut(&title(&names), NAME);
    let size = text::size(ask.size);
    if let [file] = &*ask.files {
        return format!("{name}, {size} ({})", printable_cut(&file.media, NAME));
    }
    let mut shown: Vec<String> = names
        .into_iter()
        .take(NAMED)
        .map(|name| printable_cut(name, NAME))
        .collect();
    if ask.files.len() > NAMED {
        shown.push("…".into());
    }
    let count = text::count(ask.files.len() as u64, "file");
    let name = if name == count {
        name
    } else {
        format!("{name}, {count}")
    };
    format!("{name}, {size} in all: {}", shown.join(", "))
}

/// Which contents they are, and when that was asked.
fn stamp(ask: &AskInfo) -> String {
    let asked = format!("asked {}", text::moment(ask.time));
    match &*ask.files {
        [file] if !ask.from.node.is_foreign() => format!("id {}, {asked}", file.file.short()),
        _ => asked,
    }
}

/// Somebody asks: who, for what, how large, and how to answer.
#[must_use]
pub fn question(ask: &AskInfo) -> String {
    let number = ask.number;
    let others: Vec<String> = match ask.to.len() {
        0 | 1 => Vec::new(),
        _ => ask.to.iter().take(NAMED).map(|name| person(name)).collect(),
    };
    let others = if others.is_empty() {
        String::new()
    } else {
        format!("\n  it goes to {}", others.join(", "))
    };
    let room = if ask.lacking > 0 {
        format!(
            "\n  it does not fit: {} more are needed",
            text::size(ask.lacking)
        )
    } else {
        String::new()
    };
    let room = if ask.key_changed {
        format!("\n  careful: that name had another key before; it may be somebody else{room}")
    } else {
        room
    };
    format!(
        "{} asks to send you {}\n  {}{others}{room}\n  accept {number} takes it into downloads/ (accept {number} DIR: into DIR), refuse {number} declines",
        who(&ask.from),
        what(ask),
        stamp(ask),
    )
}

/// What somebody sends by a code.
#[must_use]
pub fn offered(ask: &AskInfo) -> String {
    let room = if ask.lacking > 0 {
        format!(
            "; it does not fit: {} more are needed",
            text::size(ask.lacking)
        )
    } else {
        String::new()
    };
    format!(
        "{} sends {} ({}){room}",
        who(&ask.from),
        what(ask),
        stamp(ask)
    )
}

/// An ask that waits, in a line.
#[must_use]
pub fn waiting(ask: &AskInfo) -> String {
    format!(
        "{}: {} asks to send {} ({})",
        ask.number,
        who(&ask.from),
        what(ask),
        stamp(ask)
    )
}

/// Files that wait for somebody, in a line.
#[must_use]
pub fn later(info: &LaterInfo) -> String {
    format!(
        "later {}: {} for {}, since {}; sent as soon as they are here (cancel later {} takes it back)",
        info.number,
        printable_cut(&info.title, NAME),
        who(&info.to),
        text::moment(info.since),
        info.number
    )
}

/// An ask needs no answer any more.
#[must_use]
pub fn gone(number: u32, from: &Person, why: Gone) -> String {
    let name = person(&from.name);
    match why {
        Gone::Expired => format!("the ask {number} of {name} was not answered in time"),
        Gone::Withdrawn => format!("{name} took the ask {number} back"),
        Gone::Lost => format!("{name} is gone, and the ask {number} with them"),
    }
}

/// The folder that has all of these.
fn folder_of<'a>(mut files: impl Iterator<Item = &'a Path>) -> &'a Path {
    let first = files.next().and_then(Path::parent);
    let common = |folder: &'a Path, file: &Path| {
        let mut all = folder.ancestors();
        all.find(|above| file.starts_with(above))
    };
    let folder = first.and_then(|first| files.try_fold(first, common));
    folder.unwrap_or(Path::new(""))
}

/// What came of it.
#[must_use]
pub fn received(received: &Received) -> String {
    let from = person(&received.from.name);
    let size = received.files.iter().map(|file| file.size).sum();
    let got = match &received.files[..] {
        [] => format!("nothing came from {from}"),
        [file] => {
            let path = file.path.to_string_lossy();
            let name = printable_cut(&file.name, NAME);
            let path = printable_cut(&path, 4 * NAME);
            format!(
                "got {name}, {}, from {from}; saved as {path}",
                text::size(file.size)
            )
        }
        files => {
            let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
            let title = title(&names);
            let count = text::count(files.len() as u64, "file");
            let title = printable_cut(&title, NAME);
            let title = if title == count {
                count
            } else {
                format!("{title}, {count}")
            };
            let folder = folder_of(files.iter().map(|file| &*file.path));
            format!(
                "got {title}, {}, from {from}; saved in {}",
                text::size(size),
                printable_cut(&folder.to_string_lossy(), 4 * NAME)
            )
        }
    };
    let why = match (&received.stopped, received.failed.first()) {
        (Some(why), _) => Some(printable_cut(why, 2 * NAME)),
        (None, Some((name, error))) => Some(download::failed(name, error)),
        (None, None) => None,
    };
    match why {
        Some(why) => {
            let failed = text::count(received.failed.len().max(1) as u64, "file");
            format!("{got}; {failed} did not come: {why}")
        }
        None => got,
    }
}

/// How a send goes on; nothing for what only a bar shows.
#[must_use]
pub fn sending(name: &str, event: &SendEvent) -> Option<String> {
    let name = printable_cut(name, NAME);
    Some(match event {
        SendEvent::Ready { .. } | SendEvent::Progress { .. } | SendEvent::End => return None,
        SendEvent::LeftOut(left) => left_out(left),
        SendEvent::Unsendable(why) => printable_cut(why, 4 * NAME),
        SendEvent::NotFound { name, error } => nobody(name, error),
        SendEvent::Asked(to) => format!("asked {}; waiting for the answer", who(to)),
        SendEvent::Accepted(to) => format!("{} accepted {name}", person(&to.name)),
        SendEvent::Refused { to, why } => {
            format!("{} refused {name}: {}", person(&to.name), why.why())
        }
        SendEvent::Expired(to) => format!("{} did not answer in time", person(&to.name)),
        SendEvent::Waiting(to) => format!(
            "{} is out of reach; going on when they are back",
            person(&to.name)
        ),
        SendEvent::Resumed(to) => format!("{} is back, going on", person(&to.name)),
        SendEvent::Done { to, size, elapsed } => format!(
            "{} has {name}, {} in {}",
            person(&to.name),
            text::size(*size),
            text::duration(*elapsed)
        ),
        SendEvent::Failed { to, why } => format!(
            "{name} did not get to {}: {}",
            person(&to.name),
            printable_cut(&why.to_string(), 4 * NAME)
        ),
    })
}

/// What does not go with a folder, a line each, and how many more.
#[must_use]
pub fn left_out(left: &LeftOut) -> String {
    let lines = left.listed.iter().map(|file| {
        let [path, why] = [&file.path, &file.why].map(|text| printable_cut(text, 2 * NAME));
        format!("not sent: {path}: {why}")
    });
    let more = (left.more > 0).then(|| format!("not sent: {} more", left.more));
    lines.chain(more).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
