//! Peers that misbehave, built from the library's own rooms: each offers one file and then does
//! what its [`Fault`] says.

mod answers;

use answers::{respond, serve};
use futures::AsyncWriteExt;
use sprat::{
    core::{
        chunk::VerifiedChunk,
        chunker::Grain,
        id::{ChunkId, FileId, NodeId},
        manifest::{Entry, PAGE_ENTRIES},
        membership::{Beacon, Kind},
    },
    net::{BeaconConfig, Beacons, Inbound, Net, NetConfig, NetEvent, Router, Stream},
    wire::{
        MAX_CATALOG_PAGE,
        chunk::{Header, Question, Status},
        control::{
            CatalogEntry, CatalogPage, Have, Held, ManifestHead, Offer, Request, Response, Scan,
        },
        manifest::{self, Encoded},
    },
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What a peer does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing: it serves what it offers.
    None,
    /// Sends other bytes of the right length.
    Lies,
    /// Takes questions and never answers.
    Stalls,
    /// Ends the stream in the middle of the first chunk.
    HangsUp,
    /// Answers questions that nobody asked.
    Floods,
    /// Says that it has everything, and then that each chunk is missing.
    Misses,
    /// Sends a byte a second.
    Trickles,
    /// Declares 4 GiB and falls silent.
    DeclaresTooMuch,
    /// Sends a manifest of another file.
    FalseManifest,
    /// Sends a root that is right, and a false page.
    FalsePage,
    /// Never answers when asked for a manifest.
    Silent,
    /// Serves what it offers, a chunk each 50 ms: leaves time for the others to be asked.
    Slow,
    /// Says of each chunk once that it is missing, and then serves it.
    MissesOnce,
    /// Says that a question was withdrawn that was not.
    Withdraws,
    /// Says that it downloads and has everything already, and never answers questions.
    Pretends,
    /// Has a catalog whose next page is never the last.
    EndlessCatalog,
    /// Sends a page of a catalog that is longer than any may be.
    OversizeCatalog,
    /// Has [`SLOW_NAMES`] names in its catalog, and tells a hundred of them each 600 ms.
    SlowCatalog,
    /// The same, but falls silent after the first page.
    HalfCatalog,
    /// Says that it is reading its folder, for ever.
    Reads,
    /// It is honest, and tells its names as many at a time as an honest node does.
    Pages,
    /// Tells a page of a manifest each 1.5 s.
    SlowPages,
    /// A connection to it takes 4 s: its machine has much to do.
    LateHandshake,
    /// Knows nothing of bulk connections.
    Older,
    /// Only one connection reaches it; those that come later are hung up on.
    HangsUpLater,
    /// Only one connection reaches it; those that come later get no answer.
    MuteLater,
}

impl Fault {
    /// Whether it serves chunks as it should.
    pub fn serves(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::FalseManifest
                | Self::FalsePage
                | Self::Silent
                | Self::EndlessCatalog
                | Self::OversizeCatalog
                | Self::SlowCatalog
                | Self::HalfCatalog
                | Self::Reads
                | Self::Pages
                | Self::SlowPages
                | Self::LateHandshake
                | Self::Older
                | Self::HangsUpLater
                | Self::MuteLater
        )
    }
}

/// Names of a slow catalog.
pub const SLOW_NAMES: u64 = 1000;
/// Of these, how many a page has.
const SLOW_PAGE: u64 = 100;

/// A file as a peer offers it.
#[derive(Clone)]
pub struct File {
    pub name: String,
    pub bytes: Arc<Vec<u8>>,
    pub encoded: Arc<Encoded>,
    /// Further names that it is offered by, sent as they are.
    pub also: Vec<String>,
    chunks: Arc<HashMap<ChunkId, (usize, usize)>>,
    count: u32,
    /// Bytes that it is said to have.
    size: u64,
}

impl File {
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let grain = Grain::of(bytes.len() as u64);
        Self::cut(name, bytes, |rest| grain.next_cut(rest, true))
    }

    /// In chunks of `size`: with small ones the manifest has many pages.
    pub fn chopped(name: &str, bytes: Vec<u8>, size: usize) -> Self {
        Self::cut(name, bytes, |rest| {
            Some(rest.len().min(size)).filter(|&len| len > 0)
        })
    }

    fn cut(name: &str, bytes: Vec<u8>, next: impl Fn(&[u8]) -> Option<usize>) -> Self {
        let (mut entries, mut chunks, mut at) = (Vec::new(), HashMap::new(), 0);
        while let Some(len) = next(&bytes[at..]) {
            let id = VerifiedChunk::hash(&bytes[at..at + len]).id();
            entries.push(Entry {
                id,
                len: len as u32,
            });
            chunks.insert(id, (at, len));
            at += len;
        }
        let encoded = Arc::new(manifest::encode(&entries));
        let count = entries.len() as u32;
        Self {
            name: name.into(),
            bytes: Arc::new(bytes),
            encoded,
            also: Vec::new(),
            chunks: Arc::new(chunks),
            count,
            size: at as u64,
        }
    }

    /// A file of which there is nothing but a manifest: chunks of these lengths, in so many pages
    /// that are all alike. It is honest in all else.
    pub fn declared(name: &str, lens: &[u32], pages: usize) -> Self {
        let entry = |(at, &len): (usize, &u32)| Entry {
            id: VerifiedChunk::hash(&[name.as_bytes(), &at.to_le_bytes()].concat()).id(),
            len,
        };
        let entries: Vec<Entry> = lens.iter().enumerate().map(entry).collect();
        Self::of_pages(name, &entries, pages)
    }

    fn of_pages(name: &str, entries: &[Entry], pages: usize) -> Self {
        let page = manifest::encode(entries);
        let lens = entries.iter().map(|entry| u64::from(entry.len));
        let size = lens.sum::<u64>() * pages as u64;
        let count = (entries.len() * pages) as u32;
        let root = manifest::Root {
            size,
            pages: vec![manifest::page_id(&page.pages[0]); pages],
            chunks: count,
        };
        let root = sprat::wire::cbor::encode(&root);
        Self {
            name: name.into(),
            bytes: Arc::default(),
            encoded: Arc::new(Encoded {
                file: manifest::file_id(&root),
                root,
                pages: vec![page.pages[0].clone(); pages.min(2)],
            }),
            also: Vec::new(),
            chunks: Arc::default(),
            count,
            size,
        }
    }

    /// One that is nothing but a hole: so many pages of chunks that need not be fetched.
    pub fn hole(name: &str, pages: usize) -> Self {
        let zeroes = vec![0; 1 << 20];
        let id = VerifiedChunk::hash(&zeroes).id();
        let len = zeroes.len() as u32;
        Self::of_pages(name, &vec![Entry { id, len }; PAGE_ENTRIES], pages)
    }

    /// A page of its manifest; the last one that there is stands for those after it.
    fn page(&self, index: usize) -> Option<&Vec<u8>> {
        let pages = &self.encoded.pages;
        pages.get(index).or(pages.last())
    }

    /// The ids of its chunks.
    pub fn chunk_ids(&self) -> Vec<ChunkId> {
        self.chunks.keys().copied().collect()
    }

    pub fn id(&self) -> FileId {
        self.encoded.file
    }
}

/// A running faulty peer; it is gone when dropped.
pub struct Faulty {
    pub node: NodeId,
    /// Chunk questions that it was asked.
    pub asked: Arc<AtomicUsize>,
    /// Of these, how many came by bulk connections.
    pub bulk: Arc<AtomicUsize>,
    /// Connections that did not reach it.
    pub later: Arc<AtomicUsize>,
    /// Pages of its catalog that it was asked for.
    pub pages: Arc<AtomicUsize>,
    pub net: Net,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A key that nobody had before.
pub fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).unwrap();
    secret
}

type Started = (
    Net,
    tokio::sync::mpsc::Receiver<NetEvent>,
    tokio::sync::mpsc::Receiver<Inbound>,
);

/// The network part of a node on loopback.
pub fn start(secret: [u8; 32]) -> Started {
    start_with(secret, Router::default())
}

/// The same of a node that knows nothing of bulk connections.
pub fn older(secret: [u8; 32]) -> Started {
    let mut router = Router::default();
    router.without_bulk();
    start_with(secret, router)
}

fn start_with(secret: [u8; 32], mut router: Router) -> Started {
    let config = NetConfig {
        secret,
        transfer_port: 0,
        listen: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        interfaces: Vec::new(),
        mdns: false,
        swarm_key: None,
        relayed: true,
        agent: "faulty".into(),
    };
    let chunks = router.register(sprat::wire::chunk::PROTOCOL);
    let (net, events) = Net::start(config, router).unwrap();
    (net, events, chunks)
}

/// A stream to a node, as soon as it is connected.
pub async fn stream(net: &Net, node: NodeId, protocol: sprat::wire::protocol::Protocol) -> Stream {
    let opened = async {
        loop {
            if let Ok(stream) = net.stream(node, protocol).await {
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(20)).await; // Nothing says so to a test: between two looks.
        }
    };
    let opened = tokio::time::timeout(super::DEADLINE, opened).await;
    opened.expect("it is not connected")
}

/// One that only connects to `victim`, and tells nobody about itself; with the victim's id.
pub async fn stranger(victim: SocketAddr) -> (Net, NodeId) {
    known_as(start(secret()), victim).await
}

/// The same with a network that was started.
pub async fn known_as((net, mut events, _): Started, victim: SocketAddr) -> (Net, NodeId) {
    net.dial(None, vec![victim]).await;
    let connected = async {
        loop {
            match events.recv().await {
                Some(NetEvent::Connected { node, .. }) => return node,
                Some(NetEvent::DialFailed { why, .. }) => panic!("{why}"),
                _ => {}
            }
        }
    };
    let node = tokio::time::timeout(super::DEADLINE, connected)
        .await
        .unwrap();
    // Whatever it is asked, it never answers.
    tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Some(event) = events.recv().await {
            unanswered.push(event);
        }
    });
    (net, node)
}

impl Faulty {
    /// Joins the swarm on loopback.
    pub fn join(discovery_port: u16, name: &str, file: File, fault: Fault) -> Self {
        let secret = secret();
        let listen = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let (net, mut events, mut chunks) = if fault == Fault::Older {
            older(secret)
        } else {
            start(secret)
        };
        let (beacons, mut heard) = Beacons::start(BeaconConfig {
            discovery_port,
            listen,
            interfaces: vec![],
            swarm_key: None,
            secret,
            epoch: 1,
        })
        .unwrap();
        let counters: [Arc<AtomicUsize>; 4] = Default::default();
        let [asked, bulk, later, pages] = counters;
        let port = match fault {
            Fault::LateHandshake => late(net.port()),
            Fault::HangsUpLater | Fault::MuteLater => {
                once(net.port(), fault == Fault::MuteLater, later.clone())
            }
            _ => net.port(),
        };
        let turned = pages.clone();
        let (node, name) = (net.node(), name.to_owned());
        let (counter, of_bulk) = (asked.clone(), bulk.clone());
        let task = tokio::spawn(async move {
            let mut seq = 0;
            let mut unanswered = Vec::new();
            let mut beat = tokio::time::interval(Duration::from_millis(500));
            loop {
                let mut beacon = |kind| {
                    seq += 1;
                    Beacon {
                        kind,
                        node,
                        name: name.clone(),
                        tcp: port,
                        udp: port,
                        epoch: 1,
                        revision: 1,
                        seq,
                        suspects: Vec::new(),
                    }
                };
                tokio::select! {
                    _ = beat.tick() => beacons.announce(beacon(Kind::Ping)).await,
                    Some(heard) = heard.recv() => {
                        if heard.beacon.kind == Kind::Join {
                            beacons.answer(beacon(Kind::Ping), heard.from, heard.room).await;
                        }
                    }
                    Some(event) = events.recv() => match event {
                        NetEvent::Request { request: Request::Manifests { .. }, reply, .. } if fault == Fault::Silent => {
                            unanswered.push(reply);
                        }
                        NetEvent::Request { request, reply, .. } => {
                            let asked = matches!(request, Request::Catalog { .. });
                            turned.fetch_add(usize::from(asked), Ordering::Relaxed);
                            if asked && fault == Fault::SlowCatalog {
                                tokio::time::sleep(Duration::from_millis(600)).await;
                            }
                            let later = matches!(request, Request::Catalog { since: 1.., .. });
                            if later && fault == Fault::HalfCatalog {
                                unanswered.push(reply);
                                continue;
                            }
                            let slow = matches!(request, Request::Page { .. }) && fault == Fault::SlowPages;
                            let response = respond(request, &name, &file, fault);
                            if slow {
                                tokio::spawn(async move {
                                    tokio::time::sleep(Duration::from_millis(1500)).await;
                                    reply.send(response);
                                });
                            } else {
                                reply.send(response);
                            }
                        }
                        _ => {}
                    },
                    Some(one) = chunks.recv() => {
                        let counters = (counter.clone(), of_bulk.clone());
                        tokio::spawn(serve(one.stream, file.clone(), fault, counters));
                    }
                }
            }
        });
        Self {
            node,
            asked,
            bulk,
            later,
            pages,
            net,
            task,
        }
    }
}

/// A port whose connections reach `port` 4 s late.
fn late(port: u16) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((mut one, _)) = listener.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(4)).await;
                let other = tokio::net::TcpStream::connect(("127.0.0.1", port));
                tokio::io::copy_bidirectional(&mut one, &mut other.await.unwrap()).await
            });
        }
    });
    at
}

/// A port where the first connection reaches `port`; counts the later ones, which are kept without
/// a word, or closed.
fn once(port: u16, kept: bool, later: Arc<AtomicUsize>) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (mut one, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let other = tokio::net::TcpStream::connect(("127.0.0.1", port));
            tokio::io::copy_bidirectional(&mut one, &mut other.await.unwrap()).await
        });
        let mut mute = Vec::new();
        while let Ok((one, _)) = listener.accept().await {
            later.fetch_add(1, Ordering::Relaxed);
            mute.extend(kept.then_some(one));
        }
    });
    at
}
