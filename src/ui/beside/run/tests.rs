//! A shell that does not read what its command says.

use super::*;
use crate::{node::Copies, ui::far::Ends};
use std::net::Ipv4Addr;
use tempfile::TempDir;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
/// More than the queue between a command and its shell holds.
const MANY: usize = 2000;

async fn node() -> (Node, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let settings = Settings {
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        replicas: Copies::Some(1),
        ..Settings::new(home.path())
    };
    (Node::start(settings).await.unwrap(), home)
}

/// All that is said until the end, and how many results are among it.
async fn read(mut said: mpsc::Receiver<Value>) -> (usize, Vec<Value>) {
    let (mut results, mut rest) = (0, Vec::new());
    let reading = async {
        while let Some(one) = said.recv().await {
            if one.get("out").is_some() {
                results += 1;
            } else {
                rest.push(one);
            }
        }
    };
    timeout(DEADLINE, reading).await.expect("an end");
    (results, rest)
}

/// A download of names that nobody offers: a line for each. Comes when it has begun to say so.
async fn download(node: &Node) -> (tokio::task::JoinHandle<u8>, mpsc::Receiver<Value>) {
    let what = (0..MANY).map(|at| format!("nothing {at}")).collect();
    let given = Given {
        command: Which::Shared(Shared::Download(Download {
            what,
            ..Download::default()
        })),
        json: true,
        ends: Ends::default(),
        wait: 0,
        patient: true,
        timeout: None,
        reuse: Vec::new(),
        progress: false,
    };
    let (words, said) = mpsc::channel(1);
    let pipes = (words, mpsc::channel(1).1, mpsc::channel(1).0);
    let run = runner(node.clone());
    let command = tokio::spawn(run(json!(given), pipes, CancellationToken::new()));
    let begun = async {
        while node.jobs().iter().all(|job| job.errors.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, begun).await.expect("it fails at once");
    (command, said)
}

async fn ended(node: &Node) {
    let mut changes = node.job_changes();
    while !node.jobs().iter().all(|job| job.state.has_ended()) {
        changes.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_as_slow_as_its_shell_and_loses_no_word() {
    let (node, _home) = node().await;
    let (command, said) = download(&node).await;
    let early = timeout(Duration::from_secs(2), ended(&node)).await;
    assert!(early.is_err(), "it did not wait for its reader");
    assert!(!command.is_finished());
    let (results, rest) = read(said).await;
    assert_eq!(results, MANY, "{rest:?}");
    let exit = timeout(DEADLINE, command).await.unwrap().unwrap();
    assert_eq!(exit, Exit::NotFound.code());
    node.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_shell_can_be_cancelled_by_another() {
    let (node, _home) = node().await;
    let (command, said) = download(&node).await;
    node.cancel(node.jobs()[0].number).unwrap();
    timeout(DEADLINE, ended(&node)).await.expect("it is over");
    // There was no room for all that it had to say then.
    let (_, rest) = read(said).await;
    let last = rest.last().and_then(|word| word["err"].as_str());
    assert!(
        last.is_some_and(|why| why.contains("some of it is lost")),
        "{last:?}"
    );
    let exit = timeout(DEADLINE, command).await.unwrap().unwrap();
    assert_eq!(exit, Exit::Failed.code());
    node.leave().await;
}

#[tokio::test]
async fn a_command_that_says_more_than_there_is_room_for_is_stopped_and_says_so() {
    let (words, said) = mpsc::channel(1);
    let pipes = (words.clone(), mpsc::channel(1).1, mpsc::channel(1).0);
    let (out, written) = Out::remote(false, Ends::default(), pipes);
    let stop = CancellationToken::new();
    let mut signals = Signals::remote(stop.clone());
    let command = async move {
        (0..MANY).for_each(|_| out.result("word"));
        let _ = signals.next().await;
        Exit::Interrupted
    };
    let (exit, (results, rest)) = tokio::join!(heard(command, written, (words, stop)), read(said));
    assert_eq!(exit, Exit::Failed);
    assert!(results < MANY);
    let last = rest.last().and_then(|word| word["err"].as_str());
    assert!(
        last.is_some_and(|why| why.contains("some of it is lost")),
        "{rest:?}"
    );
}
