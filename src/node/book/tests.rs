//! Jobs as they tell of themselves, and what the book makes of it.

use super::*;
use crate::{
    core::id::FileId,
    node::api::{AskRefusal, DownloadError, Exit, Fetched, JobState, RecipientState, WhoError},
};
use std::path::Path;

const ALICE: NodeId = NodeId([1; 32]);
const BOB: NodeId = NodeId([2; 32]);

fn book() -> (Book, broadcast::Receiver<NodeEvent>) {
    let (events, told) = broadcast::channel(1024);
    (Book::new(events), told)
}

fn opening(kind: JobKind, to: &[&str]) -> Opening {
    Opening {
        kind,
        name: "words".into(),
        path: None,
        to: to.iter().map(|&word| word.into()).collect(),
        from: None,
        hidden: false,
        cancel: CancellationToken::new(),
    }
}

fn person(name: &str, node: NodeId) -> Person {
    let name = name.into();
    Person { name, node }
}

fn begun(size: u64, files: u32) -> DownloadEvent {
    DownloadEvent::Start {
        name: "big.iso".into(),
        id: Some(FileId([7; 32])),
        progress: Progress {
            size,
            files,
            ..Progress::default()
        },
    }
}

fn whole(name: &str) -> DownloadEvent {
    DownloadEvent::FileDone(Box::new(Fetched {
        name: name.into(),
        id: FileId([7; 32]),
        path: Path::new("/h/downloads").join(name),
        size: 100,
        fetched: 100,
        reused: 0,
        resumed: 0,
        elapsed: Duration::ZERO,
        sources: Vec::new(),
        already: false,
    }))
}

fn lost(error: DownloadError) -> DownloadEvent {
    let name = "x".into();
    DownloadEvent::FileFailed { name, error }
}

/// The states that the broadcast told of.
fn told(events: &mut broadcast::Receiver<NodeEvent>) -> Vec<JobState> {
    let mut states = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let NodeEvent::Job(news) = event {
            states.push(news.state);
        }
    }
    states
}

#[test]
fn a_download_is_followed_from_its_words_to_its_end() {
    let (book, mut events) = book();
    let (job, _orders) = book.begin(opening(JobKind::Download, &[]));
    assert_eq!(book.get(job).unwrap().name, "words");
    book.fetched(job, &begun(100, 1));
    let progress = Progress {
        done: 40,
        size: 100,
        files: 1,
        files_done: 0,
        sources: 2,
    };
    book.progress(
        job,
        progress,
        [(ALICE, 30), (BOB, 10)].into_iter(),
        |node| (*node == ALICE).then_some("alice"),
    );
    let seen = book.get(job).unwrap();
    assert_eq!((seen.done, seen.size, seen.holders), (40, 100, 2));
    let sources: Vec<_> = seen
        .sources
        .iter()
        .map(|one| (&*one.name, one.bytes))
        .collect();
    assert_eq!(sources, [("alice", 30), (&*BOB.short(), 10)]);
    book.fetched(job, &DownloadEvent::Waiting);
    book.fetched(job, &DownloadEvent::Resumed);
    book.fetched(job, &whole("big.iso"));
    book.end(job);
    let seen = book.get(job).unwrap();
    assert_eq!(seen.path.unwrap(), Path::new("/h/downloads/big.iso"));
    assert_eq!((seen.exit, seen.rate), (Some(Exit::Done), 0));
    let states = [
        JobState::Waiting,
        JobState::Running,
        JobState::Waiting,
        JobState::Running,
        JobState::Done,
    ];
    assert_eq!(told(&mut events), states);
    assert_eq!(book.cancel(job), Err(JobError::Ended(job)));
}

#[test]
fn how_a_download_ended_is_told_by_its_files() {
    let (book, _events) = book();
    let end = |events: &[DownloadEvent]| {
        let (job, _orders) = book.begin(opening(JobKind::Download, &[]));
        for event in events {
            book.fetched(job, event);
        }
        book.end(job);
        let seen = book.get(job).unwrap();
        (seen.state, seen.exit.unwrap(), seen.errors.len())
    };
    let missing = || lost(DownloadError::NotFound("x".into()));
    assert_eq!(end(&[missing()]), (JobState::Failed, Exit::NotFound, 1));
    let some = [begun(200, 2), whole("a"), missing()];
    assert_eq!(end(&some), (JobState::Failed, Exit::Partial, 1));
    let stopped = [begun(200, 2), lost(DownloadError::Interrupted)];
    assert_eq!(end(&stopped), (JobState::Cancelled, Exit::Interrupted, 1));
    let many: Vec<_> = (0..1000).map(|_| missing()).collect();
    assert_eq!(end(&many), (JobState::Failed, Exit::NotFound, 20));
}

#[test]
fn a_send_tells_how_it_stands_with_each() {
    let (book, mut events) = book();
    let (job, _orders) = book.begin(opening(JobKind::Send, &["ALICE", "bob", "nobody"]));
    let (alice, bob) = (person("alice", ALICE), person("bob", BOB));
    let ready = SendEvent::Ready {
        name: "a.txt".into(),
        files: 1,
        size: 10,
    };
    let error = WhoError::Nobody;
    let name = "nobody".into();
    for event in [
        ready,
        SendEvent::NotFound { name, error },
        SendEvent::Asked(alice.clone()),
        SendEvent::Asked(bob.clone()),
        SendEvent::Accepted(alice.clone()),
    ] {
        book.sent(job, &event);
    }
    let (to, done, size) = (alice.clone(), 4, 10);
    book.sent(job, &SendEvent::Progress { to, done, size });
    let seen = book.get(job).unwrap();
    let people: Vec<_> = seen.to.iter().map(|one| (&*one.name, one.state)).collect();
    assert_eq!(
        people,
        [
            ("alice", RecipientState::Running),
            ("bob", RecipientState::Asking),
            ("nobody", RecipientState::Failed)
        ]
    );
    assert_eq!(
        (seen.done, seen.size, seen.state),
        (4, 10, JobState::Running)
    );
    assert!(seen.pausable && book.pause(job, true).is_ok());
    assert_eq!(book.get(job).unwrap().state, JobState::Paused);
    book.pause(job, false).unwrap();
    let (to, why) = (bob, AskRefusal::Person);
    book.sent(job, &SendEvent::Refused { to, why });
    let (to, size, elapsed) = (alice, 10, Duration::ZERO);
    book.sent(job, &SendEvent::Done { to, size, elapsed });
    book.end(job);
    let seen = book.get(job).unwrap();
    assert_eq!(
        (seen.state, seen.exit),
        (JobState::Failed, Some(Exit::Partial))
    );
    let states = told(&mut events);
    assert!(states.contains(&JobState::Asking) && states.contains(&JobState::Running));
}

#[test]
fn pausing_is_heard_and_kept_apart_from_how_it_stands() {
    let (book, _events) = book();
    let (job, orders) = book.begin(opening(JobKind::Download, &[]));
    book.fetched(job, &begun(100, 1));
    book.pause(job, true).unwrap();
    assert!(*orders.paused.borrow());
    assert_eq!(book.get(job).unwrap().state, JobState::Paused);
    book.pause(job, false).unwrap();
    assert!(!*orders.paused.borrow());
    assert_eq!(book.get(job).unwrap().state, JobState::Running);
    assert_eq!(book.pause(99, true), Err(JobError::Unknown(99)));
}

#[test]
fn what_is_received_is_stopped_by_its_ask() {
    let (book, _events) = book();
    let cancel = CancellationToken::new();
    let (job, _orders) = book.begin(Opening {
        from: Some((person("bob", BOB), 5)),
        cancel: cancel.clone(),
        ..opening(JobKind::Receive, &[])
    });
    assert_eq!(book.cancel(job), Ok(Some(5)));
    assert!(!cancel.is_cancelled(), "its sender is to be told first");
    book.fetched(job, &lost(DownloadError::Interrupted));
    book.end(job);
    assert_eq!(book.get(job).unwrap().state, JobState::Cancelled);
}

#[test]
fn the_last_two_hundred_that_ended_stay_and_all_that_run() {
    let (book, _events) = book();
    let (first, _orders) = book.begin(opening(JobKind::Download, &[]));
    for _ in 0..300 {
        let (job, _orders) = book.begin(opening(JobKind::Download, &[]));
        book.end(job);
    }
    let jobs = book.list();
    assert_eq!(jobs.len(), 201);
    assert!(jobs[0].number > jobs[1].number, "the newest comes first");
    assert_eq!(jobs[200].number, first);
    assert_eq!(book.sharers(), 1);
    // An attempt of another job is not shown, and can be stopped.
    let cancel = CancellationToken::new();
    let (hidden, _orders) = book.begin(Opening {
        hidden: true,
        cancel: cancel.clone(),
        ..opening(JobKind::Send, &[])
    });
    assert!(book.get(hidden).is_none() && book.list().len() == 201);
    book.stop(hidden);
    assert!(cancel.is_cancelled());
}
