//! A job in a line. Pure; everything that a stranger named is escaped here.

use crate::{
    core::path::printable,
    node::{JobInfo, JobKind, JobState},
    ui::text::{self, person},
};
use std::time::Duration;

/// `download 3: big.iso, 25 % of 4.0 GiB, from 2 nodes, 11 MiB/s, 4 min 3 s left`.
#[must_use]
pub fn line(job: &JobInfo) -> String {
    let what = match (job.kind, &job.from) {
        (JobKind::Send, _) => {
            let to: Vec<_> = job.to.iter().map(|one| person(&one.name)).collect();
            let to = match to.len() {
                0 => String::new(),
                1..=3 => format!(" to {}", to.join(", ")),
                many => format!(" to {many} people"),
            };
            format!("send {}: {}{to}", job.number, printable(&job.name))
        }
        (JobKind::Receive, Some(from)) => {
            let from = person(&from.name);
            format!(
                "receive {}: {} from {from}",
                job.number,
                printable(&job.name)
            )
        }
        _ => format!("download {}: {}", job.number, printable(&job.name)),
    };
    format!("{what}, {}", state(job))
}

fn state(job: &JobInfo) -> String {
    let share = || {
        let percent = text::percent(job.done, job.size);
        format!("{percent} % of {}", text::size(job.size))
    };
    match job.state {
        JobState::Waiting if job.kind == JobKind::Send => "waiting for them".to_owned(),
        JobState::Waiting if job.size == 0 => "looking for it".to_owned(),
        JobState::Waiting => format!("{}, waiting for somebody who has the rest", share()),
        JobState::Asking => "waiting for an answer".to_owned(),
        JobState::Running => format!("{}{}", share(), speed(job)),
        JobState::Paused if job.size == 0 => "paused".to_owned(),
        JobState::Paused => format!("{}, paused", share()),
        JobState::Done => format!("done, {}", text::size(job.size)),
        JobState::Cancelled => "cancelled".to_owned(),
        JobState::Failed => {
            let why = job.error.as_deref().unwrap_or("not all of it is there");
            format!("failed: {}", printable(why))
        }
    }
}

fn speed(job: &JobInfo) -> String {
    let mut said = String::new();
    if job.kind != JobKind::Send {
        said = format!(", from {}", text::count(u64::from(job.holders), "node"));
    }
    if let Some(rate) = text::rate(job.rate, Duration::from_secs(1)) {
        said = format!("{said}, {rate}");
    }
    if let Some(eta) = job.eta {
        let left = match eta {
            0..60 => format!("{eta} s"),
            _ => text::duration(Duration::from_secs(eta)),
        };
        said = format!("{said}, {left} left");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::id::NodeId, node::Person};

    fn job(kind: JobKind, state: JobState) -> JobInfo {
        JobInfo {
            number: 3,
            kind,
            state,
            name: "x\u{1b}".into(),
            id: None,
            path: None,
            done: 1,
            size: 4,
            files: 1,
            files_done: 0,
            rate: 0,
            eta: None,
            holders: 1,
            sources: Vec::new(),
            to: Vec::new(),
            from: None,
            ask: None,
            error: None,
            exit: None,
            errors: Vec::new(),
            started: 0,
            ended: None,
            pausable: true,
        }
    }

    #[test]
    fn each_kind_and_state_has_its_words() {
        let mut one = job(JobKind::Download, JobState::Running);
        assert_eq!(line(&one), "download 3: x\\u{1b}, 25 % of 4 B, from 1 node");
        (one.rate, one.eta) = (1024, Some(3));
        assert_eq!(
            line(&one),
            "download 3: x\\u{1b}, 25 % of 4 B, from 1 node, 1.0 KiB/s, 3 s left"
        );
        one.state = JobState::Paused;
        assert!(line(&one).ends_with("25 % of 4 B, paused"));
        let mut one = job(JobKind::Receive, JobState::Done);
        let (name, node) = ("bob".to_owned(), NodeId([7; 32]));
        one.from = Some(Person { name, node });
        assert_eq!(line(&one), "receive 3: x\\u{1b} from bob, done, 4 B");
        let one = job(JobKind::Send, JobState::Asking);
        assert_eq!(line(&one), "send 3: x\\u{1b}, waiting for an answer");
        let mut one = job(JobKind::Download, JobState::Failed);
        one.error = Some("nobody here offers `x`".into());
        assert!(line(&one).ends_with("failed: nobody here offers `x`"));
    }
}
