//! `jobs`, `cancel`, `pause`, `resume`: what runs at a node, no matter which front end started it.

use super::{exit::Exit, json, output::Out, sentences};
use crate::{
    core::path::printable,
    node::{JobId, JobInfo, Node},
};

/// Prints the jobs that run, and those that ended, the oldest first.
pub fn show(node: &Node, out: &Out) -> Exit {
    let mut jobs = node.jobs();
    jobs.reverse();
    if out.json() {
        out.objects(jobs.iter());
    } else if jobs.is_empty() {
        out.note("no download and no send so far");
    } else {
        out.results(jobs.iter().map(sentences::jobs::line));
    }
    Exit::Done
}

/// A line for each that runs, the oldest first.
pub fn running(node: &Node) -> Vec<String> {
    let mut jobs = node.jobs();
    jobs.retain(|job| !job.state.has_ended());
    jobs.iter().rev().map(sentences::jobs::line).collect()
}

/// What is to be done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Stop it.
    Cancel,
    /// Let it ask for no more.
    Pause,
    /// Let it go on.
    Resume,
}

/// Does it; without a number with the only job that runs.
pub fn act(node: &Node, out: &Out, act: Act, number: Option<JobId>) -> Exit {
    let number = match number {
        Some(number) => Ok(number),
        None => only(&node.jobs()),
    };
    let number = match number {
        Ok(number) => number,
        Err(why) => {
            out.error(why);
            return Exit::NotFound;
        }
    };
    let done = match act {
        Act::Cancel => node.cancel(number),
        Act::Pause => node.pause(number),
        Act::Resume => node.resume(number),
    };
    match done {
        Ok(()) => {
            if act != Act::Cancel
                && let Some(job) = node.job(number)
            {
                tell(out, &job);
            }
            Exit::Done
        }
        Err(error) => {
            out.error(&printable(&error.to_string()));
            Exit::from(&error)
        }
    }
}

fn tell(out: &Out, job: &JobInfo) {
    if out.json() {
        out.object(&json::told("job", job));
    } else {
        out.result(&sentences::jobs::line(job));
    }
}

/// The one that is meant without a number.
fn only(jobs: &[JobInfo]) -> Result<JobId, &'static str> {
    let mut running = jobs.iter().filter(|job| !job.state.has_ended());
    match (running.next(), running.next()) {
        (None, _) => Err("no download and no send is running"),
        (Some(only), None) => Ok(only.number),
        (Some(_), Some(_)) => Err("several are running: `jobs` shows their numbers"),
    }
}
