//! `clean`: shows what broken-off downloads take, and removes them when that is wanted.

use super::{code::Lines, exit::Exit, json, output::Out, text};
use crate::{
    core::path::printable,
    node::{BrokenOff, Node},
};

/// Whether to remove what is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sure {
    /// It was said beforehand.
    Yes,
    /// Ask, if there is somebody to be asked.
    Ask,
    /// Only show it, and say how.
    Show,
}

/// Shows them, and removes them if that is wanted.
pub async fn clean(node: &Node, out: &Out, sure: Sure) -> Exit {
    let left = node.broken_off().await;
    if left.is_empty() {
        if !out.json() {
            out.result("no download was broken off");
        }
        return Exit::Done;
    }
    if !out.json() {
        for one in &left {
            out.result(&line(one));
        }
    }
    let bytes = left.iter().map(|one| one.bytes).sum();
    let all = format!(
        "{}, {}",
        text::count(left.len() as u64, "download"),
        text::size(bytes)
    );
    let wanted = match sure {
        Sure::Yes => true,
        Sure::Ask if out.is_typed() && !out.json() => {
            let question = format!("remove {all}? They would have to be fetched anew. [y/N] ");
            agreed(out, &question).await
        }
        Sure::Ask | Sure::Show => false,
    };
    if !wanted {
        if out.json() {
            out.objects(left.iter().map(|one| json::Event::Leftover {
                one,
                removed: false,
            }));
        } else {
            out.note(&format!("{all}: `clean --yes` removes them"));
        }
        return Exit::Done;
    }
    let mut failed = 0;
    for one in &left {
        let removed = node.remove_broken_off(one.file).await;
        failed += usize::from(!removed);
        if out.json() {
            out.object(&json::Event::Leftover { one, removed });
        }
    }
    if failed > 0 {
        out.error(&format!("{failed} of them could not be removed"));
        return Exit::Partial;
    }
    if !out.json() {
        out.result(&format!("removed {all}"));
    }
    Exit::Done
}

/// Whether somebody who can type says yes.
pub async fn agreed(out: &Out, question: &str) -> bool {
    if !out.is_typed() {
        return false;
    }
    out.ask(question);
    let answer = Lines::new(out).next().await.unwrap_or_default();
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn line(one: &BrokenOff) -> String {
    let name = one.name.as_deref().map(printable);
    format!(
        "{}  {}  {}, unused for {}",
        one.file.short(),
        name.as_deref().unwrap_or("(name not known)"),
        text::size(one.bytes),
        match one.unused.as_secs() / 3600 {
            hours @ 0..48 => text::count(hours, "hour"),
            hours => text::count(hours / 24, "day"),
        }
    )
}
