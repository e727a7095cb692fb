//! How the node does, in the text that Prometheus reads.
//!
//! Invariant: no label holds what a person or another node wrote; how many series there are depends
//! on this program alone.

use super::process::{self, Process};
use crate::{
    core::turns::{self, Turns},
    node::{JobKind, JobState, Node, Status},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet, text::encode},
    metrics::{MetricType, counter::ConstCounter, family::Family, gauge::ConstGauge, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::{fmt, time::Duration};

/// The media type of what [`text`] gives.
pub const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is counted.
pub struct Counted {
    status: Status,
    /// The peers that each kind of path leads to.
    paths: Vec<(&'static str, i64)>,
    jobs: Vec<(JobKind, JobState)>,
    asks: usize,
    uptime: Duration,
    process: Process,
}

/// Counts; `None` when the node is stopping.
pub async fn count(node: &Node, uptime: Duration) -> Option<Counted> {
    let status = node.status().await?;
    let mut paths = ["lan", "direct", "relay", "localsend"].map(|via| (via, 0));
    for peer in node.peers() {
        if let Some((_, count)) = paths.iter_mut().find(|(via, _)| *via == peer.via.as_str()) {
            *count += 1;
        }
    }
    let jobs = node.jobs();
    Some(Counted {
        status,
        paths: paths.to_vec(),
        jobs: jobs.iter().map(|job| (job.kind, job.state)).collect(),
        asks: node.asks().len(),
        uptime,
        process: process::look(),
    })
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabels {
    via: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

const KINDS: [(JobKind, &str); 3] = [
    (JobKind::Download, "download"),
    (JobKind::Send, "send"),
    (JobKind::Receive, "receive"),
];
const STATES: [(JobState, &str); 7] = [
    (JobState::Waiting, "waiting"),
    (JobState::Asking, "asking"),
    (JobState::Running, "running"),
    (JobState::Paused, "paused"),
    (JobState::Done, "done"),
    (JobState::Failed, "failed"),
    (JobState::Cancelled, "cancelled"),
];

/// What was counted, as text.
///
/// # Errors
/// Never for what [`count`] gives.
pub fn text(counted: &Counted) -> Result<String, fmt::Error> {
    let mut all = Registry::with_prefix("sprat");
    let Counted {
        status, process, ..
    } = counted;
    let paths = Family::<PathLabels, Gauge>::default();
    for (via, count) in &counted.paths {
        paths.get_or_create(&PathLabels { via }).set(*count);
    }
    all.register(
        "peers",
        "Nodes that are connected, by the path to them",
        paths,
    );
    for (name, help, bytes) in [
        (
            "chunks_received",
            "Chunks that came for downloads",
            status.received,
        ),
        (
            "chunks_sent",
            "Chunks that went to those who asked",
            status.sent,
        ),
        (
            "replicas_received",
            "Chunks that came to be kept for others",
            status.replicas.received,
        ),
        (
            "replicas_sent",
            "Chunks that went to those who keep them",
            status.replicas.sent,
        ),
    ] {
        all.register_with_unit(name, help, Unit::Bytes, ConstCounter::new(bytes));
    }
    all.register(
        "jobs",
        "Downloads, sends and receives: those that run, and the last that ended",
        jobs(&counted.jobs),
    );
    gauge(
        &mut all,
        "asks",
        "Asks that wait for an answer",
        counted.asks as u64,
    );
    bytes(
        &mut all,
        "replicas",
        "Kept for others",
        status.replicas.used,
    );
    bytes(
        &mut all,
        "replicas_quota",
        "The most that is kept for others",
        status.replicas.quota,
    );
    gauge(
        &mut all,
        "shared_files",
        "Files that are offered",
        status.shared_files,
    );
    bytes(
        &mut all,
        "shared",
        "Files that are offered",
        status.shared_bytes,
    );
    let uptime = ConstGauge::new(counted.uptime.as_secs_f64());
    let since = "Since the node was started";
    all.register_with_unit("uptime", since, Unit::Seconds, uptime);
    let turns = Histogram(status.turns);
    let actor = "Turns of the actor: the task that everything about who is here goes through";
    all.register_with_unit("actor_turn", actor, Unit::Seconds, turns);
    let build = Family::<Version, Gauge>::default();
    let version = env!("CARGO_PKG_VERSION");
    build.get_or_create(&Version { version }).set(1);
    all.register("build", "The version of the program", build);
    let mut text = String::new();
    encode(&mut text, &all)?;
    let end = text.len() - END.len();
    text.truncate(end);
    encode(&mut text, &of_process(*process))?;
    Ok(text)
}

/// Turns as Prometheus has them.
#[derive(Debug)]
struct Histogram(Turns);

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let ends = turns::ENDS
            .iter()
            .map(|end| Duration::from_micros(*end).as_secs_f64());
        let ends = ends.chain([f64::INFINITY]);
        let buckets: Vec<_> = ends.zip(self.0.buckets().iter().copied()).collect();
        let (total, count) = (self.0.total().as_secs_f64(), self.0.count());
        encoder.encode_histogram::<NoLabelSet>(total, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// What has the same names in every program.
fn of_process(process: Process) -> Registry {
    let mut common = Registry::with_prefix("process");
    let known = |common: &mut Registry, name: &str, help: &str, value: Option<u64>| {
        if let Some(value) = value {
            gauge(common, name, help, value);
        }
    };
    known(
        &mut common,
        "resident_memory_bytes",
        "Memory in use",
        process.memory,
    );
    known(
        &mut common,
        "open_fds",
        "Files and sockets that are open",
        process.open_files,
    );
    known(
        &mut common,
        "max_fds",
        "The most that may be open",
        process.most_files,
    );
    common
}

/// How a text ends.
const END: &str = "# EOF\n";

fn gauge(all: &mut Registry, name: &str, help: &str, value: u64) {
    all.register(name, help, ConstGauge::new(value));
}

fn bytes(all: &mut Registry, name: &str, help: &str, value: u64) {
    all.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(value));
}

/// Every kind in every state, so that a series does not come and go.
fn jobs(jobs: &[(JobKind, JobState)]) -> Family<JobLabels, Gauge> {
    let family = Family::<JobLabels, Gauge>::default();
    for (kind, kind_word) in KINDS {
        for (state, state_word) in STATES {
            let labels = JobLabels {
                kind: kind_word,
                state: state_word,
            };
            let such = jobs.iter().filter(|job| **job == (kind, state)).count();
            let such = i64::try_from(such).unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(such);
        }
    }
    family
}
