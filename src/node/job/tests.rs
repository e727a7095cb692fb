//! A real node, alone on loopback.

use super::*;
use crate::node::{Node, Settings};
use std::{net::Ipv4Addr, time::Duration};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_download_that_is_cancelled_before_its_task_ran_ends() {
    let home = tempfile::tempdir().unwrap();
    let node = Node::start(Settings {
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        share: false,
        ..Settings::new(home.path())
    })
    .await
    .unwrap();
    let (job, mut events) = node.download(DownloadRequest {
        what: vec!["nothing".into()],
        wait: 10 * DEADLINE,
        ..DownloadRequest::default()
    });
    // The task of this runtime's one thread did not run yet.
    node.cancel(job).unwrap();
    let failed = timeout(DEADLINE, events.recv()).await.expect("an end");
    assert!(
        matches!(
            failed,
            Some(DownloadEvent::FileFailed {
                error: DownloadError::Interrupted,
                ..
            })
        ),
        "{failed:?}"
    );
    node.leave().await;
}
