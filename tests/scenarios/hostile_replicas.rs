//! Strangers who push: what was not granted is refused, the quota holds, and the disk stays free.

use crate::common::{
    DEADLINE, Swarm,
    faulty::{self, Fault, Faulty, File, stranger},
    kept, noise, share,
    small::Small,
    until,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use sprat::{
    core::{have::HaveSet, id::NodeId},
    net::Stream,
    wire::control::{Request, Response},
    wire::distribute::{self, Answer, Kept, More, Offered, PushRefusal},
};
use std::{fs, process::Stdio, time::Duration};
use tokio::time::timeout;

/// A keeper with little room.
pub const QUOTA: [&str; 6] = [
    "serve",
    "--json",
    "--replicas",
    "3",
    "--replica-quota",
    "8M",
];

/// A peer with one file, connected to `victim`, and a stream for pushing to it.
async fn pusher(swarm: &Swarm, victim: NodeId, name: &str, file: &File) -> (Faulty, Stream) {
    let peer = Faulty::join(swarm.port, name, file.clone(), Fault::None);
    let stream = faulty::stream(&peer.net, victim, sprat::wire::distribute::PROTOCOL).await;
    (peer, stream)
}

fn offer_of(file: &File) -> Offered {
    Offered {
        file: file.id(),
        origins: Vec::new(),
        chunks: (0..file.chunk_ids().len() as u32).collect(),
        more: Vec::new(),
    }
}

/// Whether it says of itself that it keeps this file, all of it.
async fn offers(peer: &Faulty, node: NodeId, file: &File) -> bool {
    let request = Request::Catalog {
        epoch: 0,
        since: 0,
        until: None,
        heard: None,
        matching: None,
        wanted: None,
    };
    let answer = timeout(DEADLINE, peer.net.request(node, request)).await;
    let Ok(Ok(Response::Catalog(page))) = answer else {
        panic!("no catalog: {answer:?}");
    };
    let all = file.chunk_ids().len() as u32;
    page.entries.iter().any(|entry| {
        let whole = entry.offer.as_ref().and_then(|offer| offer.parts);
        entry.file == file.id() && whole.is_some_and(|parts| parts.here == all)
    })
}

/// Offers until the victim knows the file, and gives its answer.
async fn offer(stream: &mut Stream, offered: &Offered) -> Answer {
    let asked = async {
        loop {
            distribute::write(stream, offered).await.unwrap();
            stream.flush().await.unwrap();
            let answer = distribute::read(stream).await.unwrap().unwrap();
            if answer != Answer::Refuse(PushRefusal::Unknown)
                && answer != Answer::Refuse(PushRefusal::Busy)
            {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // Its catalog is on the way.
        }
    };
    timeout(DEADLINE, asked).await.unwrap()
}

async fn ended(stream: &mut Stream) {
    let read = timeout(DEADLINE, stream.read(&mut [0])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

/// Who serves, from its `ready` line.
async fn id_of(ready: &serde_json::Value) -> NodeId {
    let address = ready["addresses"][0].as_str().unwrap().parse().unwrap();
    stranger(address).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_nobody_granted_is_refused() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &["serve", "--json", "--replicas", "3"]);
    let node = id_of(&victim.event("ready")).await;
    let file = File::new("a.bin", noise(1, 2 << 20));
    let (peer, mut stream) = pusher(&swarm, node, "mallory", &file).await;

    // Bytes at once.
    let _ = stream.write_all(&file.bytes).await;
    let _ = stream.flush().await;
    ended(&mut stream).await;

    // A file that it does not offer: refused, and bytes after that all the same.
    let mut stream = peer
        .net
        .stream(node, sprat::wire::distribute::PROTOCOL)
        .await
        .unwrap();
    let other = File::new("b.bin", noise(2, 1 << 20));
    distribute::write(&mut stream, &offer_of(&other))
        .await
        .unwrap();
    stream.flush().await.unwrap();
    let answer = timeout(DEADLINE, distribute::read(&mut stream))
        .await
        .unwrap();
    assert_eq!(answer.unwrap(), Some(Answer::Refuse(PushRefusal::Unknown)));
    let _ = stream.write_all(&other.bytes).await;
    let _ = stream.flush().await;
    ended(&mut stream).await;

    // Positions that the file does not have.
    let mut stream = peer
        .net
        .stream(node, sprat::wire::distribute::PROTOCOL)
        .await
        .unwrap();
    let far = Offered {
        chunks: vec![0, 1 << 30],
        ..offer_of(&file)
    };
    distribute::write(&mut stream, &far).await.unwrap();
    stream.flush().await.unwrap();
    let answer = timeout(DEADLINE, distribute::read(&mut stream))
        .await
        .unwrap();
    assert!(matches!(answer.unwrap(), Some(Answer::Refuse(_))));
    assert_eq!(kept(&swarm.home("victim")), 0);

    // What is granted is taken.
    let mut stream = peer
        .net
        .stream(node, sprat::wire::distribute::PROTOCOL)
        .await
        .unwrap();
    let offered = offer_of(&file);
    assert!(matches!(
        offer(&mut stream, &offered).await,
        Answer::Want(_)
    ));
    stream.write_all(&file.bytes).await.unwrap();
    stream.flush().await.unwrap();
    let said: Kept = timeout(DEADLINE, distribute::read(&mut stream))
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let all = HaveSet::full(offered.chunks.len() as u32);
    assert_eq!(said.bits, all.to_bytes());
    assert_eq!(kept(&swarm.home("victim")), 2 << 20);
    // The one that pushed may leave now: who comes next finds the copy.
    assert!(offers(&peer, node, &file).await);
    victim.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_one_round_at_a_time() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &["serve", "--json", "--replicas", "3"]);
    let node = id_of(&victim.event("ready")).await;
    let file = File::new("a.bin", noise(1, 2 << 20));
    let (peer, mut first) = pusher(&swarm, node, "mallory", &file).await;
    let offered = offer_of(&file);
    assert!(matches!(offer(&mut first, &offered).await, Answer::Want(_)));
    for _ in 0..3 {
        let second = peer
            .net
            .stream(node, sprat::wire::distribute::PROTOCOL)
            .await;
        let mut second = second.unwrap();
        distribute::write(&mut second, &offered).await.unwrap();
        second.flush().await.unwrap();
        let answer = timeout(DEADLINE, distribute::read(&mut second)).await;
        let busy = Answer::Refuse(PushRefusal::Busy);
        assert_eq!(answer.unwrap().unwrap(), Some(busy));
    }
    // The first one goes on.
    first.write_all(&file.bytes).await.unwrap();
    first.flush().await.unwrap();
    let said: Option<Kept> = timeout(DEADLINE, distribute::read(&mut first))
        .await
        .unwrap()
        .unwrap();
    assert!(said.is_some());
    victim.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pushes_other_bytes_is_dropped() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &["serve", "--json", "--replicas", "3"]);
    let node = id_of(&victim.event("ready")).await;
    let file = File::new("a.bin", noise(1, 2 << 20));
    let (_peer, mut stream) = pusher(&swarm, node, "mallory", &file).await;
    assert!(matches!(
        offer(&mut stream, &offer_of(&file)).await,
        Answer::Want(_)
    ));
    let _ = stream.write_all(&noise(9, 2 << 20)).await;
    let _ = stream.flush().await;
    ended(&mut stream).await;
    victim.wait("the drop", |line| line.contains("dropped"));
    assert_eq!(kept(&swarm.home("victim")), 0);
    victim.leave();
}

/// Two files at once: one that the victim has never heard of, and `file`.
fn both(file: &File) -> Offered {
    let far = File::new("far.bin", noise(7, 1000));
    Offered {
        more: vec![More(file.id(), offer_of(file).chunks)],
        ..offer_of(&far)
    }
}

/// Offers several files until the victim knows one of them.
async fn offer_several(
    stream: &mut Stream,
    offered: &Offered,
) -> (HaveSet, Vec<(u32, PushRefusal)>) {
    let count = offered.files().map(|(_, chunks)| chunks.len() as u32).sum();
    let asked = async {
        loop {
            match offer(stream, offered).await {
                Answer::Each { bits, refused } => {
                    let wanted = HaveSet::from_bytes(&bits, count).unwrap();
                    if wanted.count() > 0 {
                        return (wanted, refused);
                    }
                    let kept: Kept = distribute::read(stream).await.unwrap().unwrap();
                    assert_eq!(kept.bits, bits);
                }
                other => panic!("{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // Its catalog is on the way.
        }
    };
    timeout(DEADLINE, asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_files_only_what_the_pusher_offers_is_taken() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &["serve", "--json", "--replicas", "3"]);
    let node = id_of(&victim.event("ready")).await;
    let file = File::new("a.bin", noise(1, 2 << 20));
    let (peer, mut stream) = pusher(&swarm, node, "mallory", &file).await;
    let offered = both(&file);
    let (wanted, refused) = offer_several(&mut stream, &offered).await;
    assert_eq!(refused, [(0, PushRefusal::Unknown)]);
    assert!(!wanted.has(0) && wanted.count() == wanted.len() - 1);
    stream.write_all(&file.bytes).await.unwrap();
    stream.flush().await.unwrap();
    let said: Kept = timeout(DEADLINE, distribute::read(&mut stream))
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(said.bits, wanted.to_bytes());
    assert_eq!(kept(&swarm.home("victim")), 2 << 20);
    assert!(offers(&peer, node, &file).await);
    // The turn is over with the last answer, if not before.
    let (again, _) = (offer(&mut stream, &offer_of(&file)).await, &peer);
    assert!(matches!(again, Answer::Want(bits) if bits.iter().all(|byte| *byte == 0)));

    // Positions that it does not have, a file twice, more than may be: nothing, or the end.
    let far = Offered {
        more: vec![More(file.id(), vec![1 << 30])],
        ..both(&file)
    };
    let mut stream = faulty::stream(&peer.net, node, distribute::PROTOCOL).await;
    let Answer::Each { refused, .. } = offer(&mut stream, &far).await else {
        panic!("it is several files");
    };
    assert_eq!(refused.len(), 2);
    let twice = Offered {
        more: vec![More(file.id(), vec![0]); 2],
        ..both(&file)
    };
    let mut stream = faulty::stream(&peer.net, node, distribute::PROTOCOL).await;
    distribute::write(&mut stream, &twice).await.unwrap();
    stream.flush().await.unwrap();
    ended(&mut stream).await;
    victim.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pushes_other_bytes_among_several_files_is_dropped_and_nothing_stays() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &["serve", "--json", "--replicas", "3"]);
    let node = id_of(&victim.event("ready")).await;
    let file = File::new("a.bin", noise(1, 2 << 20));
    let (_peer, mut stream) = pusher(&swarm, node, "mallory", &file).await;
    offer_several(&mut stream, &both(&file)).await;
    let _ = stream.write_all(&noise(9, 2 << 20)).await;
    let _ = stream.flush().await;
    ended(&mut stream).await;
    victim.wait("the drop", |line| line.contains("dropped"));
    assert_eq!(kept(&swarm.home("victim")), 0);
    victim.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_identities_together_stay_within_the_quota() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &QUOTA);
    let node = id_of(&victim.event("ready")).await;
    let mut refused = 0;
    // A few at a time: so many connections from one address are not let in together.
    for round in 0..10 {
        let push = async |at: u64| {
            let file = File::new(&format!("{round}-{at}.bin"), noise(round * 5 + at, 1 << 20));
            let (_peer, mut stream) = pusher(&swarm, node, &format!("m{round}-{at}"), &file).await;
            let Answer::Want(bits) = offer(&mut stream, &offer_of(&file)).await else {
                return true;
            };
            let wanted = HaveSet::from_bytes(&bits, file.chunk_ids().len() as u32).unwrap();
            // The honest bytes of what is wanted; they stand in order.
            let entries =
                sprat::wire::manifest::decode(file.id(), &file.encoded.root, &file.encoded.pages)
                    .unwrap();
            for at in wanted.iter() {
                let (start, len) = (
                    entries.offset(at) as usize,
                    entries.entries()[at as usize].len as usize,
                );
                // A connection that is closed on a stranger is a refusal, too.
                if stream
                    .write_all(&file.bytes[start..start + len])
                    .await
                    .is_err()
                {
                    return true;
                }
            }
            if stream.flush().await.is_err() {
                return true;
            }
            let said = timeout(DEADLINE, distribute::read::<Kept, _>(&mut stream)).await;
            !matches!(said.unwrap(), Ok(Some(_)))
        };
        let five = tokio::join!(push(0), push(1), push(2), push(3), push(4));
        refused += [five.0, five.1, five.2, five.3, five.4]
            .iter()
            .filter(|refused| **refused)
            .count();
        assert!(kept(&swarm.home("victim")) <= 8 << 20);
    }
    // How many depends on whose chunks came first: some of them are taken in part.
    assert!(refused > 0);
    assert!(kept(&swarm.home("victim")) > 4 << 20);
    victim.leave();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_stops_replication_and_never_a_download() {
    let swarm = Swarm::new();
    share(&swarm.home("origin"), "big.bin", &noise(3, 90 << 20));
    share(&swarm.home("origin"), "small.bin", &noise(4, 1 << 20));
    let Some(small) = Small::mount(&swarm.home("keeper"), 80) else {
        return;
    };
    let keeper = swarm.command(
        "keeper",
        &["--json", "--replicas", "3", "--replica-quota", "1G"],
    );
    let mut keeper = crate::common::Running::start(small.enter(&keeper).stderr(Stdio::inherit()));
    let _origin = swarm.serve_scanned("origin", &["--replicas", "2"]);
    // A tenth stays free.
    let home = small.seen();
    until("it to be full enough", || kept(&home) >= 50 << 20);
    let free = || {
        let out = std::process::Command::new("df")
            .args(["-B1", "--output=avail"])
            .arg(&home)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.lines().last().unwrap().trim().parse::<u64>().unwrap()
    };
    keeper.type_line("download small.bin");
    keeper.event("done");
    assert!(fs::read(home.join("downloads/small.bin")).unwrap() == noise(4, 1 << 20));
    assert!(free() >= 6 << 20, "{}", free());
}
