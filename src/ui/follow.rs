//! A download in the foreground: its bar, its sentences or JSON, and how it ended.
//!
//! The first signal cancels it; what is here is kept.

use super::{
    escapes, exit::Exit, foreground::Foreground, output::Out, progress::Bar, sentences,
    signals::Signals, streams,
};
use crate::node::{DownloadError, DownloadEvent, DownloadRequest, Fetched, Node, NodeEvent, Shape};
use std::time::Duration;
use tokio::{sync::broadcast::error::RecvError, time::Instant};

/// On a terminal, more files than this are summed up instead of listed.
const LISTED: u32 = 20;
/// How long a cancelled download may take to end.
const GOODBYE: Duration = Duration::from_secs(10);

/// What came of the files so far.
#[derive(Debug, Default)]
struct Tally {
    total: Option<Fetched>,
    done: usize,
    failures: Vec<Exit>,
    /// More may have been meant than is known.
    incomplete: bool,
}

impl Tally {
    fn add(&mut self, file: &Fetched) {
        self.done += 1;
        let Some(total) = &mut self.total else {
            self.total = Some(file.clone());
            return;
        };
        total.size += file.size;
        total.fetched += file.fetched;
        total.reused += file.reused;
        total.resumed += file.resumed;
        total.already &= file.already;
        for source in &file.sources {
            let mut known = total.sources.iter_mut();
            match known.find(|known| known.peer == source.peer) {
                Some(known) => known.bytes += source.bytes,
                None => total.sources.push(source.clone()),
            }
        }
        total
            .sources
            .sort_by_key(|source| std::cmp::Reverse(source.bytes));
    }
}

/// "downloading …" is not said of a file that turns out to be here already.
#[derive(Debug, Default)]
pub struct Begun(Option<String>);

impl Begun {
    /// What to say before `event` is told.
    pub fn before(&mut self, event: &DownloadEvent) -> Option<String> {
        match event {
            DownloadEvent::Start { name, progress, .. } => {
                self.0 = Some(sentences::started(name, progress));
                None
            }
            DownloadEvent::FileDone(file) if file.already => {
                self.0 = None;
                None
            }
            _ => self.0.take(),
        }
    }
}

/// Words of which nobody offers any may be one name that was typed without quotes.
#[derive(Debug)]
pub struct Unquoted {
    words: Vec<String>,
    missing: usize,
}

impl Unquoted {
    /// Of what was typed.
    #[must_use]
    pub fn new(words: &[String]) -> Self {
        Self {
            words: words.to_vec(),
            missing: 0,
        }
    }

    /// Notes `event`; at the end gives what to say, if anything.
    pub fn hint(&mut self, event: &DownloadEvent) -> Option<String> {
        match event {
            DownloadEvent::FileFailed {
                error: DownloadError::NotFound(_),
                ..
            } => self.missing += 1,
            DownloadEvent::End if self.words.len() > 1 && self.missing == self.words.len() => {
                return Some(sentences::unquoted(&self.words));
            }
            _ => {}
        }
        None
    }
}

/// A disk that is full is said once, not for each file that does not fit.
#[derive(Debug, Default)]
pub struct Full(bool);

impl Full {
    /// Whether `event` says that again.
    pub fn again(&mut self, event: &DownloadEvent) -> bool {
        let full = matches!(
            event,
            DownloadEvent::FileFailed {
                error: DownloadError::NoSpace { .. },
                ..
            }
        );
        full && std::mem::replace(&mut self.0, true)
    }
}

/// Runs a download to its end.
pub async fn download(
    node: &Node,
    request: DownloadRequest,
    out: &Out,
    bar: &Bar,
    signals: &mut Signals,
) -> Exit {
    let begun = Instant::now();
    // Where it lies does not matter: it goes on to standard output.
    let stream = request.shape == Shape::One;
    let mut name = request.what.join(", ");
    let mut unquoted = Unquoted::new(&request.what);
    let mut job = Foreground::new(node, node.download(request), GOODBYE);
    let mut tally = Tally::default();
    let mut listed = true;
    let mut begun_with = Begun::default();
    let mut full = Full::default();
    while let Some(event) = job.next(out, signals).await {
        let repeated = full.again(&event);
        if out.json() && !repeated {
            out.object(&event);
        }
        let say = |text: String| {
            if !out.json() {
                bar.suspend(|| out.note(&text));
            }
        };
        if let Some(text) = begun_with.before(&event).filter(|_| !bar.shown()) {
            say(text);
        }
        if let Some(text) = unquoted.hint(&event) {
            say(text);
        }
        match event {
            DownloadEvent::Start {
                name: found,
                progress,
                ..
            } => {
                name = found;
                listed = progress.files <= LISTED || !out.is_watched();
                bar.start(&name, &progress);
            }
            DownloadEvent::Progress(progress) => bar.update(&progress),
            DownloadEvent::Waiting => {
                bar.waiting();
                say(sentences::waiting(&name));
            }
            DownloadEvent::Resumed => {
                bar.resumed();
                say(sentences::resumed(&name));
            }
            DownloadEvent::Replaced {
                name, owner, size, ..
            } => {
                bar.resumed();
                say(sentences::replaced(&name, &owner, size));
            }
            DownloadEvent::FileDone(file) => {
                tally.add(&file);
                if listed && !stream && !out.json() {
                    let mut said = sentences::fetched(&file);
                    if out.can().links {
                        said = escapes::linked(&said, &file.path);
                    }
                    bar.suspend(|| out.result(&said));
                }
            }
            DownloadEvent::FileFailed { name, error } => {
                let exit = Exit::from(&error);
                tally.failures.push(exit);
                if exit != Exit::Interrupted && !repeated && !out.json() {
                    bar.suspend(|| out.error(&sentences::failed(&name, &error)));
                }
            }
            DownloadEvent::Incomplete(gaps) => {
                tally.incomplete = true;
                say(sentences::gaps::incomplete(&gaps));
            }
            DownloadEvent::End => break,
        }
    }
    bar.clear();
    if stream
        && !job.stopped()
        && let Some(file) = &tally.total
    {
        let exit = streams::pour(node, out, file).await;
        if exit != Exit::Done {
            return exit;
        }
    }
    finish(node, out, &name, tally, begun.elapsed(), job.stopped())
}

/// Tells beside a download what the node has to say. Never ends.
pub async fn notices(node: &Node, out: &Out, bar: &Bar) -> Exit {
    let mut events = node.events();
    loop {
        match events.recv().await {
            Ok(event @ NodeEvent::Notice(_)) if out.json() => {
                out.object(&event);
            }
            Ok(event @ NodeEvent::Notice(_)) => {
                let text = sentences::event(&event).unwrap_or_default();
                bar.suspend(|| out.note(&text));
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Sums up, and says what to do next.
fn finish(
    node: &Node,
    out: &Out,
    name: &str,
    mut tally: Tally,
    elapsed: Duration,
    stopped: bool,
) -> Exit {
    if let Some(total) = &mut tally.total
        && tally.done > 1
        && !out.json()
    {
        total.elapsed = elapsed;
        let failed = tally.failures.len();
        out.result(&sentences::summary(tally.done, failed, total));
    }
    if stopped || tally.failures.contains(&Exit::Interrupted) {
        if !out.json() {
            out.error(&sentences::stopped(name));
        }
        return Exit::Interrupted;
    }
    if tally.done == 0 && tally.failures.is_empty() {
        out.error("the download ended without a word; the log may say why (SPRAT_LOG=debug)");
        return Exit::Failed;
    }
    if tally.failures.contains(&Exit::NotFound) && node.peers().is_empty() {
        out.note(&sentences::alone(node));
    }
    let exit = Exit::of(tally.done, &tally.failures);
    if tally.incomplete {
        exit.incomplete()
    } else {
        exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::{FileId, NodeId},
        node::Contribution,
    };
    use std::path::PathBuf;

    #[test]
    fn several_files_are_summed_up_by_source() {
        let file = |sources: &[(u8, u64)]| Fetched {
            name: "x".into(),
            id: FileId([0; 32]),
            path: PathBuf::from("/x"),
            size: 10,
            fetched: 10,
            reused: 1,
            resumed: 0,
            elapsed: Duration::from_secs(1),
            sources: sources
                .iter()
                .map(|&(node, bytes)| Contribution {
                    peer: NodeId([node; 32]),
                    name: format!("n{node}"),
                    bytes,
                })
                .collect(),
            already: false,
        };
        let mut tally = Tally::default();
        tally.add(&file(&[(1, 10)]));
        tally.add(&file(&[(2, 7), (1, 3)]));
        tally.add(&file(&[(2, 10)]));
        let total = tally.total.expect("a sum");
        assert_eq!((tally.done, total.size, total.reused), (3, 30, 3));
        let gave: Vec<_> = total.sources.iter().map(|s| (&*s.name, s.bytes)).collect();
        assert_eq!(gave, [("n2", 17), ("n1", 13)]);
    }
}
