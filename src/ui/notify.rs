//! Desktop notifications, where a person wants them: of asks, arrivals and messages, shown by the
//! program that the desktop has for it.
//!
//! Invariants: one at a time, at most one a second; what a stranger wrote is cut, without markup,
//! and never an option of that program.

use super::sentences;
use crate::node::{Node, NodeEvent};
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Characters of one.
const LONGEST: usize = 200;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Shows what happens from now on, as long as the node runs.
pub fn follow(node: &Node) {
    tokio::spawn(show_all(node.events()));
}

async fn show_all(mut events: Receiver<NodeEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                let Some(text) = worth(&event) else { continue };
                let shown = tokio::task::spawn_blocking(move || run(program(&text)));
                if let Ok(Err(error)) = shown.await {
                    tracing::warn!(%error, "no notification can be shown");
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            // Too much happened to be told one by one.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// What is said of an event that a person may want to know of while they do something else.
fn worth(event: &NodeEvent) -> Option<String> {
    let told = matches!(
        event,
        NodeEvent::Ask(_) | NodeEvent::Received(_) | NodeEvent::Message { .. }
    );
    let text = sentences::event(event).filter(|_| told)?;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    Some(cut)
}

/// The desktop's own program, with the text as a word of its own.
fn program(text: &str) -> Command {
    if cfg!(target_os = "macos") {
        let script =
            "on run argv\ndisplay notification (item 1 of argv) with title \"sprat\"\nend run";
        let mut command = Command::new("osascript");
        command.args(["-e", script, text]);
        return command;
    }
    let mut command = Command::new("notify-send");
    command.args(["--app-name=sprat", "--", "sprat", &without_markup(text)]);
    command
}

/// Desktops take a part of HTML for what it means.
fn without_markup(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            c => plain.push(c),
        }
    }
    plain
}

fn run(mut command: Command) -> std::io::Result<()> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    quiet.stderr(Stdio::null()).status().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    #[test]
    fn what_a_stranger_writes_is_one_short_word_without_markup() {
        let text = format!("--help <a href='x'>&{}", "y".repeat(1000));
        let event = NodeEvent::Notice(text.clone());
        assert_eq!(worth(&event), None);
        let command = program(&worth(&message(&text)).unwrap());
        let words: Vec<String> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        if cfg!(target_os = "linux") {
            assert_eq!(words[1], "--");
            assert_eq!(words.len(), 4);
            assert!(!words[3].contains('<'), "{}", words[3]);
        }
        assert!(words.last().unwrap().chars().count() < 2 * LONGEST);
    }

    fn message(text: &str) -> NodeEvent {
        NodeEvent::Message {
            node: NodeId([1; 32]),
            name: "<i>bob".into(),
            text: text.into(),
            time: 0,
            key_changed: false,
        }
    }
}
