//! Downloads and sends in the background of the prompt: a sentence when one begins, waits, passes a quarter, and ends.

use crate::core::path::printable;
use crate::{
    node::{DownloadEvent, DownloadRequest, JobId, Node, Progress, SendEvent, SendRequest},
    ui::{
        exit::Exit,
        follow::{Begun, Full},
        json,
        output::Out,
        send::Course,
        sentences, text,
    },
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Smaller downloads tell only their beginning and end.
const LONG: u64 = 64 << 20;

/// One that runs.
#[derive(Clone, Debug)]
struct Job {
    number: u32,
    id: JobId,
    name: String,
    progress: Progress,
    waiting: bool,
    sending: bool,
}

/// Those that run. Clones are handles to the same list.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    last: u32,
    jobs: Vec<Job>,
}

impl Jobs {
    fn with<T>(&self, act: impl FnOnce(&mut Running) -> T) -> T {
        act(&mut self.0.lock())
    }

    fn change(&self, number: u32, act: impl FnOnce(&mut Job)) {
        self.with(|running| {
            if let Some(job) = running.jobs.iter_mut().find(|job| job.number == number) {
                act(job);
            }
        });
    }

    /// How many run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.with(|running| running.jobs.len())
    }

    /// Starts one and returns; the rest is told through `out`.
    pub fn start(&self, node: &Node, request: DownloadRequest, out: Out) {
        let name = request.what.join(", ");
        let (id, mut events) = node.download(request);
        let number = self.begin(id, name, false);
        let jobs = self.clone();
        tokio::spawn(async move {
            let mut quarters = Quarters::default();
            let mut begun = Begun::default();
            let mut full = Full::default();
            while let Some(event) = events.recv().await {
                if matches!(event, DownloadEvent::End) {
                    break;
                }
                jobs.told(number, &event);
                let name = jobs.with(|running| {
                    let job = running.jobs.iter().find(|job| job.number == number);
                    job.map(|job| job.name.clone()).unwrap_or_default()
                });
                if let Some(text) = begun.before(&event).filter(|_| !out.json()) {
                    out.result(&text);
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
            jobs.end(number);
        });
    }

    fn begin(&self, id: JobId, name: String, sending: bool) -> u32 {
        self.with(|running| {
            running.last += 1;
            running.jobs.push(Job {
                number: running.last,
                id,
                name,
                progress: Progress::default(),
                waiting: false,
                sending,
            });
            running.last
        })
    }

    fn end(&self, number: u32) {
        self.with(|running| running.jobs.retain(|job| job.number != number));
    }

    /// Starts a send and returns; the rest is told through `out`. The task's result is the exit code of the same command at the shell.
    #[must_use]
    pub fn send(&self, node: &Node, request: SendRequest, out: Out) -> JoinHandle<Exit> {
        let mut course = Course::new(&request.files);
        let to = request.to.join(", ");
        let (id, mut events) = node.send(request);
        let number = self.begin(id, to, true);
        let jobs = self.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if matches!(event, SendEvent::End) {
                    break;
                }
                course.heard(&event);
                course.tell(&event, &out);
                jobs.change(number, |job| job.progress = course.progress());
            }
            jobs.end(number);
            course.exit()
        })
    }

    fn told(&self, number: u32, event: &DownloadEvent) {
        self.change(number, |job| match event {
            DownloadEvent::Start { name, progress, .. } => {
                job.name.clone_from(name);
                job.progress = *progress;
            }
            DownloadEvent::Progress(progress) => job.progress = *progress,
            DownloadEvent::Waiting => job.waiting = true,
            DownloadEvent::Resumed | DownloadEvent::Replaced { .. } => job.waiting = false,
            _ => {}
        });
    }

    /// Which one `cancel` means.
    ///
    /// # Errors
    /// A sentence, when that is not clear.
    pub fn choose(&self, number: Option<u32>) -> Result<JobId, String> {
        self.with(|running| match (number, running.jobs.as_slice()) {
            (_, []) => Err("no download and no send is running".to_owned()),
            (None, [only]) => Ok(only.id),
            (None, _) => Err("several are running: `status` shows their numbers".to_owned()),
            (Some(number), jobs) => jobs
                .iter()
                .find(|job| job.number == number)
                .map(|job| job.id)
                .ok_or_else(|| {
                    format!("there is no download {number}: `status` shows those that run")
                }),
        })
    }

    /// A line for each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.with(|running| running.jobs.iter().map(describe).collect())
    }
}

fn describe(job: &Job) -> String {
    let Progress {
        size,
        done,
        sources,
        ..
    } = job.progress;
    if job.sending {
        let state = match size {
            0 => "waiting for an answer".to_owned(),
            _ => format!("{} % of {}", text::percent(done, size), text::size(size)),
        };
        return format!("send {}: to {}, {state}", job.number, printable(&job.name));
    }
    let state = if size == 0 {
        "looking for it".to_owned()
    } else if job.waiting {
        format!(
            "{} % of {}, waiting for somebody who has the rest",
            text::percent(done, size),
            text::size(size)
        )
    } else {
        format!(
            "{} % of {}, from {}",
            text::percent(done, size),
            text::size(size),
            text::count(u64::from(sources), "node")
        )
    };
    format!("download {}: {}, {state}", job.number, printable(&job.name))
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

    #[test]
    fn cancel_needs_a_number_only_when_several_run() {
        let jobs = Jobs::default();
        let add = |number| {
            jobs.with(|running| {
                running.jobs.push(Job {
                    number,
                    id: u64::from(number) + 100,
                    name: "x".into(),
                    progress: at(1, 4),
                    waiting: false,
                    sending: false,
                });
            });
        };
        assert!(jobs.choose(None).is_err());
        add(1);
        assert_eq!(jobs.choose(None), Ok(101));
        add(2);
        assert!(jobs.choose(None).is_err());
        assert_eq!(jobs.choose(Some(2)), Ok(102));
        assert!(jobs.choose(Some(3)).is_err());
        assert_eq!(jobs.lines()[0], "download 1: x, 25 % of 4 B, from 1 node");
    }
}
