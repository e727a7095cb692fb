//! What the fuzzers begin with: at least one message of each kind, made by the real encoders.

use crate::entry::KEY;
use futures::executor::block_on;
use serde_bytes::ByteBuf;
use sprat::{
    core::{
        consent::AskId,
        dht::Record,
        id::{ChunkId, FileId, NodeId},
        manifest::{Entry, MAX_CHUNK},
        membership::{Beacon, BeaconNumber, Kind, Suspect},
        pairing::{Id, Message as Pairing},
    },
    wire::{
        beacon,
        bencode::{put_bytes, put_number},
        cbor, chat,
        chunk::{Header, Question, Status},
        consent::{Ask, AskedFile, FromReceiver, FromSender},
        control, dht, directory,
        distribute::{self, Kept, Offered},
        localsend::Info,
        manifest, pairing, rendezvous,
        signer::Signer,
    },
};

const NODE: NodeId = NodeId([2; 32]);
const FILE: FileId = FileId([3; 32]);
const CHUNK: ChunkId = ChunkId([4; 32]);

/// One seed: its target, its name, its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// All of them.
pub fn all() -> Vec<Seed> {
    let mut all = Vec::new();
    beacons(&mut all);
    questions(&mut all);
    answers(&mut all);
    frames(&mut all);
    asks(&mut all);
    others(&mut all);
    all
}

fn signer() -> Signer {
    Signer::new([1; 32]).unwrap()
}

fn beacons(all: &mut Vec<Seed>) {
    let (node, last) = (NODE, BeaconNumber { epoch: 1, seq: 2 });
    let suspect = Suspect { node, last };
    let beacon = |kind, key: Option<&[u8; 32]>| {
        let beacon = Beacon {
            kind,
            node: signer().node(),
            name: "anna@desk".into(),
            tcp: 4001,
            udp: 4001,
            epoch: 1_700_000_000_000,
            revision: 3,
            seq: 5,
            suspects: if kind == Kind::Suspect {
                vec![suspect]
            } else {
                Vec::new()
            },
        };
        beacon::encode(&beacon, &signer(), key).unwrap()
    };
    all.push(("beacon", "join", beacon(Kind::Join, None)));
    all.push(("beacon", "ping", beacon(Kind::Ping, None)));
    all.push(("beacon", "leave", beacon(Kind::Leave, None)));
    all.push(("beacon", "sealed", beacon(Kind::Ping, Some(&KEY))));
    all.push(("beacon", "suspicion", beacon(Kind::Suspect, None)));
}

fn questions(all: &mut Vec<Seed>) {
    use control::{CardWanted, Request};
    let mut ask = |name, request: Request| all.push(("control", name, cbor::encode(&request)));
    ask(
        "catalog",
        Request::Catalog {
            epoch: 1,
            since: 2,
            until: None,
            heard: None,
            matching: Some("a*".into()),
            wanted: None,
        },
    );
    ask(
        "manifests",
        Request::Manifests {
            files: vec![FILE; 2],
        },
    );
    ask(
        "page",
        Request::Page {
            file: FILE,
            index: 1,
        },
    );
    ask(
        "have",
        Request::Have {
            file: FILE,
            follow: true,
            stream: true,
        },
    );
    ask(
        "haves",
        Request::Haves {
            files: vec![FILE; 2],
        },
    );
    ask(
        "cards",
        Request::Cards {
            of: vec![
                CardWanted {
                    node: signer().node(),
                    epoch: 1,
                    revision: 2,
                };
                2
            ],
        },
    );
    let (but, after, until) = (vec![NODE; 2], None, None);
    ask("everybody", Request::Everybody { but, after, until });
    let of = vec![(0, 4, 5), (1 << 60, 4, 6)];
    ask("compare", Request::Compare { salt: 7, of });
    ask("introduce", Request::Introduce { of: vec![NODE; 2] });
    ask(
        "chunks",
        Request::Chunks {
            ids: vec![CHUNK; 3],
        },
    );
    let chunks = vec![1, 70_000];
    ask("held", Request::Held { file: FILE, chunks });
    ask("goodbye", Request::Goodbye);
    ask("reach", Request::Reach { port: 4001 });
    ask("peers", Request::Peers { port: 4001 });
    let changed = Request::CatalogChanged {
        epoch: 1,
        revision: 2,
    };
    ask("catalog-changed", changed);
}

fn answers(all: &mut Vec<Seed>) {
    use control::{
        Card, CatalogEntry, CatalogPage, Have, Held, ManifestHead, Offer, PeerAddress, RangePart,
        ReplicaParts, Response,
    };
    let mut answer = |name, response: Response| {
        all.push(("control", name, cbor::encode(&response)));
    };
    let offer = Offer {
        size: 5,
        mtime: -1,
        executable: true,
        mode: None,
        media: "text/plain".into(),
        held: Held::Replica,
        parts: Some(ReplicaParts { here: 1, of: 2 }),
    };
    let entry = |revision, offer| CatalogEntry {
        revision,
        name: "photos/Ärger.jpg".into(),
        file: FILE,
        offer,
    };
    let page = CatalogPage {
        name: "anna".into(),
        keeps: true,
        unchosen: true,
        visiting: true,
        epoch: 1,
        revision: 9,
        reset: true,
        more: false,
        through: None,
        names: None,
        entries: vec![entry(1, Some(offer)), entry(2, None)],
        scan: None,
        holds: Vec::new(),
    };
    let card = Card::new(page.clone(), &signer());
    let others = vec![PeerAddress::new(NODE, "10.0.0.1:9".parse().unwrap())];
    let cards = vec![card];
    answer(
        "a-cards",
        Response::Cards {
            cards: cards.clone(),
        },
    );
    let everybody = Response::Everybody {
        cards,
        others,
        through: None,
    };
    answer("an-everybody", everybody);
    let part = RangePart {
        at: 1,
        prints: (0..16).collect(),
        here: vec![(NODE, 1, 2)],
        gone: vec![(NODE, 1)],
    };
    let parts = vec![part];
    answer("a-compared", Response::Compared { parts });
    answer("a-catalog", Response::Catalog(page));
    let head = ManifestHead {
        file: FILE,
        root: ByteBuf::from(vec![1; 40]),
        page: Some(ByteBuf::from(vec![2; 40])),
    };
    answer("a-manifests", Response::Manifests(vec![head]));
    answer("a-page", Response::Page(ByteBuf::from(vec![1; 9])));
    let have = Have {
        chunks: 9,
        bits: ByteBuf::from(vec![255, 1]),
    };
    answer("a-have", Response::Have(have.clone()));
    answer("a-haves", Response::Haves(vec![Some(have), None]));
    answer("a-chunks", Response::Chunks(ByteBuf::from(vec![5])));
    answer("a-reached", Response::Reached { yes: true });
    let peers = ["10.0.0.1:9", "[fd00::1]:9"];
    let peers = peers.map(|at| PeerAddress::new(NODE, at.parse().unwrap()));
    answer("a-peers", Response::Peers(peers.into()));
    answer("a-busy", Response::Busy);
}

fn framed(message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    block_on(distribute::write(&mut bytes, message)).unwrap();
    bytes
}

fn frames(all: &mut Vec<Seed>) {
    let message = chat::Message {
        id: 7,
        text: "lunch?".into(),
        time: 1_700_000_000,
    };
    all.push(("chat", "message", framed(&message)));
    all.push(("chat", "ack", framed(&chat::Answer::Ack { id: 7 })));
    let why = chat::ChatRefusal::TooFast;
    all.push((
        "chat",
        "refuse",
        framed(&chat::Answer::Refuse { id: 7, why }),
    ));
    let offered = Offered {
        file: FILE,
        origins: vec![NODE],
        chunks: vec![0, 3, 70_000],
        more: Vec::new(),
    };
    all.push(("distribute", "offered", framed(&offered)));
    let want = distribute::Answer::Want(ByteBuf::from(vec![5]));
    all.push(("distribute", "want", framed(&want)));
    let refuse = distribute::Answer::Refuse(distribute::PushRefusal::NoRoom);
    all.push(("distribute", "refuse", framed(&refuse)));
    let bits = ByteBuf::from(vec![7]);
    all.push(("distribute", "kept", framed(&Kept { bits })));
    let mut questions = Vec::new();
    Question::Get(1, CHUNK).write(&mut questions);
    Question::Cancel(1).write(&mut questions);
    Question::Held(FILE, vec![0, 77]).write(&mut questions);
    all.push(("chunk", "questions", questions));
    for (name, status) in [
        ("bytes", Status::Bytes(MAX_CHUNK)),
        ("missing", Status::Missing),
        ("cancelled", Status::Cancelled),
    ] {
        let header = Header { tag: 9, status };
        all.push(("chunk", name, header.to_bytes().to_vec()));
    }
}

fn asks(all: &mut Vec<Seed>) {
    let file = |name: &str| AskedFile {
        name: name.into(),
        size: 9,
        media: "image/jpeg".into(),
        executable: false,
        mode: None,
        mtime: -5,
        file: FILE,
        holes: 3,
    };
    let ask = Ask {
        folders: Vec::new(),
        id: AskId([6; 16]),
        from: "bob".into(),
        to: vec!["alice".into()],
        files: vec![file("a.jpg"), file("b/c.jpg")],
        time: 1_700_000_000,
    };
    for (name, said) in [
        ("ask", FromSender::Ask(ask)),
        ("peers", FromSender::Peers(vec![NODE])),
        ("cancel", FromSender::Cancel("no".into())),
    ] {
        all.push(("consent", name, cbor::encode(&said)));
    }
    for (name, said) in [
        ("shown", FromReceiver::Shown),
        ("progress", FromReceiver::Progress(1 << 40)),
        ("failed", FromReceiver::Failed("disk".into())),
    ] {
        all.push(("consent", name, cbor::encode(&said)));
    }
}

fn others(all: &mut Vec<Seed>) {
    let entry = |at| Entry {
        id: ChunkId([at; 32]),
        len: 1 << 16,
    };
    let entries = [entry(1), entry(2), entry(3)];
    let encoded = manifest::encode(&entries);
    all.push(("manifest", "root", encoded.root));
    all.push(("manifest", "page", encoded.pages[0].clone()));
    for (name, text) in [
        ("plain", "photos/2026/a b.jpg"),
        ("letters", "Ärger/日本.txt"),
        ("reserved", "con/aux.txt"),
    ] {
        all.push(("name", name, text.into()));
    }
    let id = Id([9; 16]);
    let hello = Pairing::Hello {
        channel: 7,
        sender: NODE,
        receiver: NodeId([5; 32]),
        session: id,
        x: [1; 32],
    };
    let (session, attempt) = (id, id);
    let messages = [
        ("hello", hello),
        (
            "reply",
            Pairing::Reply {
                session,
                attempt,
                y: [2; 32],
            },
        ),
        (
            "proof",
            Pairing::Proof {
                session,
                attempt,
                mac: [3; 32],
            },
        ),
        (
            "port",
            Pairing::Port {
                session,
                attempt,
                sealed: [4; 18],
            },
        ),
    ];
    for (name, message) in messages {
        let bytes = pairing::encode(&message, None, [0; 24]).unwrap();
        all.push(("pairing", name, bytes));
    }
    let wait = Pairing::Wait {
        channel: 7,
        sender: NODE,
    };
    let sealed = pairing::encode(&wait, Some(&KEY), [8; 24]).unwrap();
    all.push(("pairing", "sealed", sealed));
    all.push(("pairing", "code", b"7-amber-falcon".to_vec()));
    let own = Info::own("anna", &[0xab; 32], 53317).announced();
    all.push(("localsend", "own", serde_json::to_vec(&own).unwrap()));
    rendezvous(all);
    items(all);
    let claim = directory::Claim {
        name: "anna".into(),
        node: signer().node(),
        server: NODE,
        swarm: directory::SwarmTag([0; 32]),
        made: 1_700_000_000,
    };
    let claim = directory::SignedClaim::new(&claim, &signer());
    let swarm = directory::SwarmTag([1; 32]);
    for (name, request) in [
        ("enter", directory::Request::Enter { swarm }),
        ("sign-up", directory::Request::SignUp { claim }),
        (
            "person",
            directory::Request::Person {
                name: "anna".into(),
                wide: false,
            },
        ),
        (
            "person-wide",
            directory::Request::Person {
                name: "anna".into(),
                wide: true,
            },
        ),
        ("whence", directory::Request::Whence { node: NODE }),
    ] {
        all.push(("directory", name, cbor::encode(&request)));
    }
    let addresses = vec![ByteBuf::from(vec![10, 0, 0, 1])];
    let whence = directory::Response::Whence { addresses };
    all.push(("directory", "a-whence", cbor::encode(&whence)));
}

/// What nodes of the DHT answer.
fn items(all: &mut Vec<Seed>) {
    let record = Record {
        made: 1_790_000_000,
        servers: Vec::new(),
        at: vec![([203, 0, 113, 5], 4001).into()],
    };
    let slot = dht::Slot {
        key: signer().node(),
        salt: Vec::new(),
    };
    let item = dht::seal(&record, (&slot, 5), Some(&KEY), &signer()).unwrap();
    let mut found = b"1:k".to_vec();
    put_bytes(&mut found, slot.key.as_bytes());
    found.extend_from_slice(b"3:seq");
    put_number(&mut found, item.seq);
    found.extend_from_slice(b"3:sig");
    put_bytes(&mut found, &item.signature);
    found.extend_from_slice(b"5:token4:abcd1:v");
    put_bytes(&mut found, &item.value);
    let mut nearer = b"5:nodes".to_vec();
    put_bytes(&mut nearer, &[9; 52]);
    for (name, said) in [("an-item", found), ("nearer", nearer)] {
        let mut answer = b"d1:rd2:id".to_vec();
        put_bytes(&mut answer, &[3; 20]);
        answer.extend(said);
        answer.extend_from_slice(b"e1:t4:aabb1:y1:re");
        all.push(("dht", name, answer));
    }
}

/// What a rendezvous point and its clients say.
fn rendezvous(all: &mut Vec<Seed>) {
    let namespace = "sprat".to_owned();
    let registration = rendezvous::Registration {
        namespace: namespace.clone(),
        record: vec![1; 80],
        ttl: Some(3600),
    };
    let register = rendezvous::Request::Register(registration.clone());
    let unregister = rendezvous::Request::Unregister(rendezvous::Registration {
        record: Vec::new(),
        ..registration
    });
    let discover = rendezvous::Request::Discover(rendezvous::Discover {
        namespace: namespace.clone(),
        limit: Some(9),
        cookie: Some(vec![1; 8]),
    });
    let found = rendezvous::Found {
        namespace,
        records: vec![([1; 80].as_slice().into(), 60)],
        cookie: vec![1; 8],
    };
    let found = rendezvous::Response::Discovered(Ok(found));
    for (name, framed) in [
        ("register", register.encode()),
        ("unregister", unregister.encode()),
        ("discover", discover.encode()),
        ("a-discovery", found.encode()),
    ] {
        // The length before it is the stream's: one byte for these.
        all.push(("rendezvous", name, framed[1..].to_vec()));
    }
}
