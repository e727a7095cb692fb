//! Two real nodes on loopback: what one front end started, another sees and rules.

use crate::node::{
    DownloadError, DownloadEvent, DownloadRequest, JobId, JobInfo, JobState, Node, NodeEvent,
    Settings, Via,
};
use std::{net::Ipv4Addr, path::Path, time::Duration};
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

async fn start(home: &Path, name: &str, peers: Vec<String>) -> Node {
    std::fs::create_dir_all(home.join("shared")).unwrap();
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let discovery_port = free.local_addr().unwrap().port();
    drop(free);
    let settings = Settings {
        name: name.into(),
        discovery_port,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        peers,
        mdns: false,
        upload_limit: Some(2 * MIB),
        ..Settings::new(home)
    };
    Node::start(settings).await.unwrap()
}

/// Waits until the job is as it should be.
async fn until(node: &Node, job: JobId, wanted: impl Fn(&JobInfo) -> bool) -> JobInfo {
    let mut changes = node.job_changes();
    let look = async {
        loop {
            let seen = node.job(job).unwrap();
            if wanted(&seen) {
                return seen;
            }
            changes.changed().await.unwrap();
        }
    };
    timeout(DEADLINE, look)
        .await
        .expect("the job as it should be")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_front_end_sees_pauses_and_cancels_what_one_started() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    std::fs::create_dir_all(one.join("shared")).unwrap();
    let bytes: Vec<u8> = (0..4 * MIB)
        .flat_map(|at| blake3::hash(&at.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    std::fs::write(one.join("shared/big.bin"), &bytes).unwrap();
    let alice = start(&one, "alice", vec![]).await;
    let address = alice.status().await.unwrap().addresses[0].clone();
    let bob = start(&other, "bob", vec![address]).await;
    let (job, mut told) = bob.download(DownloadRequest {
        what: vec!["big.bin".into()],
        wait: DEADLINE,
        ..DownloadRequest::default()
    });

    // Another handle, which knows nothing of the start.
    let second = bob.clone();
    let mut events = second.events();
    until(&second, job, |job| job.done > 0 && !job.sources.is_empty()).await;
    second.pause(job).unwrap();
    // What is on its way still comes; then it stands.
    let begun = Instant::now();
    let (mut done, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_secs(1) {
        assert!(begun.elapsed() < DEADLINE);
        let seen = second.job(job).unwrap();
        assert_eq!(seen.state, JobState::Paused);
        if seen.done != done {
            (done, since) = (seen.done, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(done < bytes.len() as u64, "it went on");
    let map = second.have_map(job).await.unwrap();
    assert!(map.have > 0 && map.have < map.chunks, "{map:?}");
    assert!(map.cells.contains(&0));
    second.resume(job).unwrap();
    let seen = until(&second, job, |job| job.done > done && job.rate > 0).await;
    assert_eq!(seen.state, JobState::Running);
    assert_eq!(
        (&*seen.sources[0].name, seen.sources[0].via),
        ("alice", Some(Via::Lan))
    );
    assert!(seen.eta.is_some());

    second.cancel(job).unwrap();
    let end = async {
        let mut failed = None;
        while let Some(event) = told.recv().await {
            if let DownloadEvent::FileFailed { error, .. } = event {
                failed = Some(error);
            }
        }
        failed
    };
    let failed = timeout(DEADLINE, end).await.unwrap();
    assert!(
        matches!(failed, Some(DownloadError::Interrupted)),
        "{failed:?}"
    );
    let seen = until(&second, job, |job| job.state.has_ended()).await;
    assert_eq!(seen.state, JobState::Cancelled);
    assert!(second.have_map(job).await.is_none());
    let mut states = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let NodeEvent::Job(news) = event {
            states.push(news.state);
        }
    }
    let expected = [JobState::Paused, JobState::Running, JobState::Cancelled];
    assert!(states.ends_with(&expected), "{states:?}");
    alice.leave().await;
    bob.leave().await;
}
