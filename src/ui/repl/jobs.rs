//! Downloads and sends in the background of the prompt: a sentence when one begins, waits, passes a
//! quarter, and ends.
//!
//! Their numbers, and how far they are, the node knows.

use crate::{
    node::{DownloadEvent, DownloadRequest, Node, Progress, SendRequest},
    ui::{
        exit::Exit,
        follow::{Begun, Full, Unquoted},
        json,
        output::Out,
        send::Course,
        sentences, text,
    },
};
use tokio::task::JoinHandle;

/// Smaller downloads tell only their beginning and end.
const LONG: u64 = 64 << 20;

/// Starts a download and returns; the rest is told through `out`.
pub fn download(node: &Node, request: DownloadRequest, out: Out) {
    let mut name = request.what.join(", ");
    let mut unquoted = Unquoted::new(&request.what);
    let (_, mut events) = node.download(request);
    tokio::spawn(async move {
        let mut quarters = Quarters::default();
        let mut begun = Begun::default();
        let mut full = Full::default();
        while let Some(event) = events.recv().await {
            if let DownloadEvent::Start { name: found, .. } = &event {
                name.clone_from(found);
            }
            let hint = unquoted.hint(&event);
            for text in begun.before(&event).into_iter().chain(hint) {
                if !out.json() {
                    out.result(&text);
                }
            }
            let line = if out.json() {
                json::line(&event)
            } else {
                sentence(&name, &event, &mut quarters)
            };
            if let Some(line) = line.filter(|_| !full.again(&event)) {
                out.result(&line);
            }
        }
    });
}

/// Starts a send and returns; the rest is told through `out`. The task's result is the exit code of
/// the same command at the shell.
#[must_use]
pub fn send(node: &Node, request: SendRequest, out: Out) -> JoinHandle<Exit> {
    let mut course = Course::new(&request.files);
    let (_, mut events) = node.send(request);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            course.heard(&event);
            course.tell(&event, &out);
        }
        course.exit()
    })
}

fn sentence(name: &str, event: &DownloadEvent, quarters: &mut Quarters) -> Option<String> {
    match event {
        DownloadEvent::Start { progress, .. } => {
            quarters.pass(progress);
            None // Said with what comes next.
        }
        DownloadEvent::Progress(progress) => quarters
            .pass(progress)
            .map(|percent| sentences::milestone(name, percent, progress)),
        DownloadEvent::Waiting => Some(sentences::waiting(name)),
        DownloadEvent::Resumed => Some(sentences::resumed(name)),
        DownloadEvent::Replaced {
            name, owner, size, ..
        } => Some(sentences::replaced(name, owner, *size)),
        DownloadEvent::FileDone(file) => Some(sentences::fetched(file)),
        DownloadEvent::FileFailed { name, error } => Some(sentences::failed(name, error)),
        DownloadEvent::Incomplete(gaps) => Some(sentences::gaps::incomplete(gaps)),
        DownloadEvent::End => None,
    }
}

/// Remembers which quarters of a long download are passed.
#[derive(Debug, Default)]
struct Quarters(u8);

impl Quarters {
    /// 25, 50 or 75, the first time that much is there.
    fn pass(&mut self, progress: &Progress) -> Option<u8> {
        let quarter = text::percent(progress.done, progress.size) / 25;
        let news = quarter > self.0 && quarter < 4 && progress.size > LONG;
        self.0 = self.0.max(quarter);
        news.then_some(quarter * 25)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u64, size: u64) -> Progress {
        Progress {
            done,
            size,
            files: 1,
            sources: 1,
            ..Progress::default()
        }
    }

    #[test]
    fn a_long_download_tells_each_quarter_once() {
        let mut quarters = Quarters::default();
        let size = 40 * LONG;
        let told: Vec<_> = [0, 1, 9, 10, 21, 22, 39, 40]
            .into_iter()
            .filter_map(|tenth| quarters.pass(&at(size / 40 * tenth, size)))
            .collect();
        assert_eq!(told, [25, 50, 75]);
    }

    #[test]
    fn a_short_or_resumed_one_does_not_repeat_what_was_there() {
        let mut quarters = Quarters::default();
        assert_eq!(quarters.pass(&at(30, 100)), None);
        let size = 4 * LONG;
        let mut quarters = Quarters::default();
        assert_eq!(quarters.pass(&at(size / 2, size)), Some(50));
        assert_eq!(quarters.pass(&at(size / 2 + 1, size)), None);
    }
}
