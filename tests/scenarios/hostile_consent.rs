//! Asks from strangers who mean no good, and strangers who want what was meant for somebody else.

use crate::common::{
    DEADLINE, Running, Swarm,
    faulty::{self, Fault, Faulty, File, stranger},
    noise,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use serde_json::Value;
use sprat::{
    core::{
        consent::{AskId, AskRefusal},
        id::{ChunkId, FileId, NodeId},
    },
    net::{Net, Stream},
    wire::{
        chunk::{HEADER, Header, Question, Status},
        consent::{Ask, AskedFile, FromReceiver, FromSender, MAX_FRAME, read, write},
        control::{Request, Response},
    },
};
use std::{fs, net::SocketAddr, path::Path};
use tokio::time::timeout;

/// Where a prompt listens, and its name, by its own account.
fn address(node: &mut Running) -> SocketAddr {
    node.type_line("status");
    let status = node.event("status");
    status["addresses"][0].as_str().unwrap().parse().unwrap()
}

fn prompt(swarm: &Swarm, name: &str) -> Running {
    swarm.start(name, &["--json"])
}

fn ask(tag: u8, files: Vec<AskedFile>) -> Ask {
    Ask {
        id: AskId([tag; 16]),
        from: "mallory".into(),
        to: vec!["bob".into()],
        files,
        folders: Vec::new(),
        time: 0,
    }
}

fn file(name: &str, size: u64, id: FileId) -> AskedFile {
    AskedFile {
        name: name.into(),
        size,
        media: "text/plain".into(),
        executable: false,
        mode: None,
        mtime: 0,
        file: id,
        holes: 0,
    }
}

async fn open(net: &Net, node: NodeId, ask: Ask) -> Stream {
    let mut stream = faulty::stream(net, node, sprat::wire::consent::PROTOCOL).await;
    write(&mut stream, &FromSender::Ask(ask)).await.unwrap();
    stream
}

/// What the other side says next; `None` at the end of the stream, whichever way it ends.
async fn hear(stream: &mut Stream) -> Option<FromReceiver> {
    let heard = timeout(DEADLINE, read(stream, MAX_FRAME)).await.unwrap();
    heard.unwrap_or(None)
}

fn nothing_stored(home: &Path) -> bool {
    let empty = |folder: &str| {
        fs::read_dir(home.join(folder)).map_or(true, |mut entries| entries.next().is_none())
    };
    empty("downloads") && empty(".sprat/partial")
}

/// Whether a stranger gets anything of a file that others were given.
async fn gets_anything(net: &Net, node: NodeId, file: FileId, chunks: &[ChunkId]) -> bool {
    let files = vec![file];
    let ask = |request| async { timeout(DEADLINE, net.request(node, request)).await.unwrap() };
    let manifests = ask(Request::Manifests {
        files: files.clone(),
    })
    .await;
    let Ok(Response::Manifests(heads)) = manifests else {
        panic!("{manifests:?}");
    };
    let page = ask(Request::Page { file, index: 0 }).await;
    let have = ask(Request::Have {
        file,
        follow: true,
        stream: true,
    })
    .await;
    let haves = ask(Request::Haves { files }).await;
    let ids = chunks.to_vec();
    let claimed = ask(Request::Chunks { ids }).await;
    let Ok(Response::Chunks(claimed)) = claimed else {
        panic!("{claimed:?}");
    };
    let mut stream = net.chunk_stream(node).await.unwrap();
    let mut questions = Vec::new();
    Question::Get(1, chunks[0]).write(&mut questions);
    stream.write_all(&questions).await.unwrap();
    stream.flush().await.unwrap();
    let mut header = [0; HEADER];
    let answered = timeout(DEADLINE, stream.read_exact(&mut header)).await;
    answered.unwrap().unwrap();
    let chunk = Header::from_bytes(header).unwrap();
    let nothing = heads
        .iter()
        .all(|head| head.root.is_empty() && head.page.is_none())
        && page == Ok(Response::Missing)
        && have == Ok(Response::Missing)
        && haves == Ok(Response::Haves(vec![None]))
        && claimed.iter().all(|bits| *bits == 0)
        && chunk.status == Status::Missing;
    !nothing
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_for_one_is_missing_for_another() {
    let swarm = Swarm::new();
    let bytes = noise(1, 8 << 20);
    let secret = File::new("secret.bin", bytes.clone());
    let (id, chunks) = (secret.id(), secret.chunk_ids());
    let path = swarm.home("outside").join("secret.bin");
    fs::write(&path, &bytes).unwrap();
    let mut bob = prompt(&swarm, "bob");
    let mut alice = swarm.start("alice", &["--json", "--upload-limit", "1M"]);
    let (at_alice, alice_id) = stranger(address(&mut alice)).await;
    let (at_bob, bob_id) = stranger(address(&mut bob)).await;
    alice.type_line(&format!("send '{}' --to bob", path.display()));
    let number = bob.event("ask")["ask"].clone();
    assert!(
        !gets_anything(&at_alice, alice_id, id, &chunks).await,
        "asked"
    );
    bob.type_line(&format!("accept {number}"));
    alice.event("progress");
    assert!(
        !gets_anything(&at_alice, alice_id, id, &chunks).await,
        "under way"
    );
    assert!(
        !gets_anything(&at_bob, bob_id, id, &chunks).await,
        "half there"
    );
    alice.event("done");
    assert!(!gets_anything(&at_bob, bob_id, id, &chunks).await, "there");
    // Nor because somebody who knows its id asks to send it, and names a friend.
    let (mallory, bob_id) = stranger(address(&mut bob)).await;
    let known = ask(1, vec![file("secret.bin", 8 << 20, id)]);
    let mut stream = open(&mallory, bob_id, known).await;
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Shown));
    let number = bob.event("ask")["ask"].clone();
    bob.type_line(&format!("accept {number}"));
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Accept));
    let friend = FromSender::Peers(vec![at_bob.node(), mallory.node()]);
    write(&mut stream, &friend).await.unwrap();
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Done));
    assert!(!gets_anything(&at_bob, bob_id, id, &chunks).await, "named");
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_that_make_no_sense_reach_nobody() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, "bob");
    let (net, node) = stranger(address(&mut bob)).await;
    let id = FileId([1; 32]);
    let long = "x".repeat(10_000);
    for (tag, name) in (0..).zip(["../x", "/x", "a//b", "a\u{1b}[2Jb", "a\nb", "", &long]) {
        let mut stream = open(&net, node, ask(tag, vec![file(name, 1, id)])).await;
        assert_eq!(hear(&mut stream).await, None, "{name:?}");
    }
    let mut twice = open(
        &net,
        node,
        ask(50, vec![file("a", 1, id), file("a", 1, id)]),
    )
    .await;
    assert_eq!(hear(&mut twice).await, None);
    let sizes = vec![file("a", u64::MAX, id), file("b", u64::MAX, id)];
    let mut endless = open(&net, node, ask(51, sizes)).await;
    assert_eq!(hear(&mut endless).await, None);
    // A length and then silence costs a stream for a while, and nothing else.
    let mut silent = net
        .stream(node, sprat::wire::consent::PROTOCOL)
        .await
        .unwrap();
    silent.write_all(&[0, 0x10, 0, 0]).await.unwrap();
    silent.flush().await.unwrap();
    let mut declared = net
        .stream(node, sprat::wire::consent::PROTOCOL)
        .await
        .unwrap();
    declared.write_all(&[0xff; 4]).await.unwrap();
    declared.flush().await.unwrap();
    assert_eq!(hear(&mut declared).await, None);
    let mut good = open(&net, node, ask(60, vec![file("a", 1, id)])).await;
    assert_eq!(hear(&mut good).await, Some(FromReceiver::Shown));
    assert_eq!(bob.event("ask")["name"], "a");
    assert!(nothing_stored(&swarm.home("bob")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_named_is_shown_escaped_and_cut() {
    let swarm = Swarm::new();
    let mut bob = swarm.start_all("bob", &[]);
    bob.type_line("status");
    let line = bob.wait("address", |line| line.contains("is here, on "));
    let port = line.rsplit(':').next().unwrap().trim();
    let (net, node) = stranger(format!("127.0.0.1:{port}").parse().unwrap()).await;
    let mut evil = ask(1, vec![file("photo\u{202e}gpj.exe", 1, FileId([1; 32]))]);
    evil.from = "al\u{1b}[31mice\r\u{202e}".into();
    evil.to = vec!["\u{1b}]0;x\u{7}".into(); 9];
    evil.files[0].media = "text/\u{1b}[2J".into();
    for at in 0..200 {
        let name = format!("{}\u{202e}{at}", "x".repeat(240));
        evil.files.push(file(&name, 1, FileId([1; 32])));
    }
    let _stream = open(&net, node, evil).await;
    bob.wait("the ask", |line| line.contains("asks to send you"));
    bob.wait("how", |line| line.contains("refuse 1 declines"));
    bob.type_line("asks");
    bob.wait("the ask again", |line| line.starts_with("1: "));
    for line in &bob.seen {
        let clean = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
        assert!(line.chars().all(clean), "{line:?}");
        assert!(line.len() < 2000, "{}", line.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_is_decided_once_however_often_it_comes() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, "bob");
    let (net, node) = stranger(address(&mut bob)).await;
    let asked = ask(1, vec![file("a", 1, FileId([1; 32]))]);
    let mut stream = open(&net, node, asked.clone()).await;
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Shown));
    let mut second = open(&net, node, ask(2, vec![file("b", 1, FileId([2; 32]))])).await;
    let busy = Some(FromReceiver::Refuse(AskRefusal::Busy));
    assert_eq!(hear(&mut second).await, busy);
    let number = bob.event("ask")["ask"].clone();
    bob.type_line(&format!("refuse {number}"));
    let no = Some(FromReceiver::Refuse(AskRefusal::Person));
    assert_eq!(hear(&mut stream).await, no);
    let mut replayed = open(&net, node, asked).await;
    let decided = Some(FromReceiver::Refuse(AskRefusal::Decided));
    assert_eq!(hear(&mut replayed).await, decided);
    let mut refused = None;
    for tag in 10..30 {
        let mut stream = open(&net, node, ask(tag, vec![file("c", 1, FileId([3; 32]))])).await;
        match hear(&mut stream).await {
            Some(FromReceiver::Shown) => {
                write(&mut stream, &FromSender::Cancel(String::new()))
                    .await
                    .unwrap();
                assert_eq!(hear(&mut stream).await, None);
            }
            other => refused = other,
        }
    }
    assert_eq!(refused, Some(FromReceiver::Refuse(AskRefusal::TooOften)));
    assert!(nothing_stored(&swarm.home("bob")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_it_says_so_before_it_accepts() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, "bob");
    let (net, node) = stranger(address(&mut bob)).await;
    let huge = || vec![file("huge", 1 << 60, FileId([1; 32]))];
    let mut stream = open(&net, node, ask(1, huge())).await;
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Shown));
    let asked = bob.event("ask");
    assert!(asked["lacking"].as_u64() > Some(1 << 50), "{asked}");
    bob.type_line(&format!("accept {}", asked["ask"]));
    bob.type_line("exit");
    assert_eq!(bob.end(), 7);
    let mut carol = swarm.serve("carol", &["--accept", "all"]);
    let ready: Value = serde_json::from_str(&carol.seen[0]).unwrap();
    let at = ready["addresses"][0].as_str().unwrap().parse().unwrap();
    let (net, node) = stranger(at).await;
    let mut stream = open(&net, node, ask(2, huge())).await;
    let shown = hear(&mut stream).await;
    assert_eq!(shown, Some(FromReceiver::Shown));
    let no = Some(FromReceiver::Refuse(AskRefusal::NoRoom));
    assert_eq!(hear(&mut stream).await, no);
    assert!(nothing_stored(&swarm.home("carol")));
    carol.signal("TERM");
    assert_eq!(carol.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fits_alone_is_not_accepted_beside_what_is_still_to_come() {
    let swarm = Swarm::new();
    let mut bob = swarm.start_all("bob", &["--json"]);
    let at = address(&mut bob);
    let most = fs4::available_space(swarm.home("bob")).unwrap() / 5 * 3;
    let (first, node) = stranger(at).await;
    let (second, _) = stranger(at).await;
    let mut streams = Vec::new();
    for (tag, net) in [(1, &first), (2, &second)] {
        let asked = vec![file("large", most, FileId([tag; 32]))];
        let mut stream = open(net, node, ask(tag, asked)).await;
        assert_eq!(hear(&mut stream).await, Some(FromReceiver::Shown));
        let asked = bob.event("ask");
        assert_eq!(asked["lacking"], 0, "{asked}");
        streams.push((asked["ask"].clone(), stream));
    }
    bob.type_line(&format!("accept {}", streams[0].0));
    let accepted = Some(FromReceiver::Accept);
    assert_eq!(hear(&mut streams[0].1).await, accepted);
    bob.type_line(&format!("accept {}", streams[1].0));
    let why = bob.wait("no", |line| line.contains("no space"));
    for part in ["still to come", "stays open"] {
        assert!(why.contains(part), "{why}");
    }
    // Who comes now sees it at once.
    let (third, _) = stranger(at).await;
    let asked = vec![file("large", most, FileId([3; 32]))];
    let _stream = open(&third, node, ask(3, asked)).await;
    assert!(bob.event("ask")["lacking"].as_u64() > Some(0));
    // Nothing of the first came: its room is free again.
    let stop = FromSender::Cancel("stopped by the sender".into());
    write(&mut streams[0].1, &stop).await.unwrap();
    bob.event("received");
    bob.type_line(&format!("accept {}", streams[1].0));
    assert_eq!(hear(&mut streams[1].1).await, accepted);
    assert!(nothing_stored(&swarm.home("bob")));
}

/// Mallory's ask, accepted by Bob: what he says of it in the end.
async fn accepted(swarm: &Swarm, fault: Fault, size: impl Fn(u64) -> u64) -> (String, Value) {
    let mut bob = prompt(swarm, "bob");
    let (_, node) = stranger(address(&mut bob)).await;
    let offered = File::new("x.bin", noise(9, 2 << 20));
    let mallory = Faulty::join(swarm.port, "mallory", offered.clone(), fault);
    let asked = file("x.bin", size(2 << 20), offered.id());
    let mut stream = open(&mallory.net, node, ask(1, vec![asked])).await;
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Shown));
    let number = bob.event("ask")["ask"].clone();
    bob.type_line(&format!("accept {number}"));
    assert_eq!(hear(&mut stream).await, Some(FromReceiver::Accept));
    assert!(
        nothing_stored(&swarm.home("bob")),
        "not before the sender's word"
    );
    write(&mut stream, &FromSender::Peers(vec![]))
        .await
        .unwrap();
    let received = bob.event("received");
    assert!(!swarm.home("bob").join("downloads/x.bin").exists());
    (
        received["error"].as_str().unwrap_or_default().to_owned(),
        received,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_what_was_asked_or_nothing() {
    for (fault, more) in [
        (Fault::None, 1),
        (Fault::Lies, 0),
        (Fault::FalseManifest, 0),
    ] {
        let swarm = Swarm::new();
        let (why, received) = accepted(&swarm, fault, |size| size + more).await;
        assert_eq!(received["complete"], false, "{received}");
        assert!(why.contains("failed verification"), "{fault:?}: {why}");
    }
}
