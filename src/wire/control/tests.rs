use super::*;
use crate::wire::{MAX_REQUEST, MAX_RESPONSE, MAX_WANTED_FILES, MAX_WANTED_WORDS, cbor};
use proptest::prelude::*;

fn page(revisions: &[u64]) -> Response {
    let entry = |&revision| CatalogEntry {
        revision,
        name: "a".into(),
        file: FileId([1; 32]),
        offer: None,
    };
    Response::Catalog(CatalogPage {
        name: "n".into(),
        keeps: false,
        unchosen: false,
        visiting: false,
        epoch: 1,
        revision: 9,
        reset: false,
        more: false,
        through: None,
        names: None,
        entries: revisions.iter().map(entry).collect(),
        scan: None,
        holds: Vec::new(),
    })
}

#[test]
fn messages_come_back_as_they_were() {
    let request = Request::Have {
        file: FileId([3; 32]),
        follow: true,
        stream: true,
    };
    assert_eq!(
        cbor::decode::<Request>(&cbor::encode(&request)).unwrap(),
        request
    );
    let response = page(&[1, 2, 9]);
    assert_eq!(
        cbor::decode::<Response>(&cbor::encode(&response)).unwrap(),
        response
    );
    assert!(response.check().is_ok());
}

#[test]
fn a_page_of_before_scans_were_told_is_read_and_a_new_one_by_old_nodes() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Old {
        name: String,
        keeps: bool,
        epoch: u64,
        revision: u64,
        reset: bool,
        more: bool,
        entries: Vec<CatalogEntry>,
    }
    let Response::Catalog(mut page) = page(&[1, 2]) else {
        unreachable!()
    };
    // Without a scan the bytes are those of before; with one they are ignored.
    let old: Old = cbor::decode(&cbor::encode(&page)).unwrap();
    assert_eq!(cbor::encode(&old), cbor::encode(&page));
    page.scan = Some(Scan {
        files: 1,
        bytes: 2,
        of_files: Some(3),
        of_bytes: None,
    });
    let bytes = cbor::encode(&page);
    assert_eq!(cbor::decode::<Old>(&bytes).unwrap(), old);
    assert_eq!(cbor::decode::<CatalogPage>(&bytes).unwrap(), page);
}

#[test]
fn a_catalog_without_the_later_fields_is_read_and_looks_as_before() {
    let Response::Catalog(mut newest) = page(&[1]) else {
        unreachable!()
    };
    let plain = cbor::encode(&Response::Catalog(newest.clone()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(!text(&plain).contains("unchosen") && !text(&plain).contains("visiting"));
    (newest.unchosen, newest.visiting) = (true, true);
    let newest = Response::Catalog(newest);
    assert_eq!(
        cbor::decode::<Response>(&cbor::encode(&newest)).unwrap(),
        newest
    );
    assert_eq!(cbor::decode::<Response>(&plain).unwrap(), page(&[1]));
}

#[test]
fn a_question_of_before_catalogs_were_cut_is_read_and_a_new_one_by_old_nodes() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    enum Old {
        Catalog { epoch: u64, since: u64 },
    }
    let asking = |until, heard, matching: Option<&str>, wanted| Request::Catalog {
        epoch: 7,
        since: 300,
        until,
        heard,
        matching: matching.map(str::to_owned),
        wanted,
    };
    let ask = |until, heard| asking(until, heard, None, None);
    // Byte for byte, as docs/protocol.md says: a map of one, whose value is a map of two.
    let plain = b"\xa1\x67Catalog\xa2\x65epoch\x07\x65since\x19\x01\x2c";
    assert_eq!(cbor::encode(&ask(None, None)), plain);
    assert_eq!(cbor::decode::<Request>(plain).unwrap(), ask(None, None));
    let sought = asking(None, None, Some("*.pdf"), None);
    let wanting = |words: usize, files| {
        let words = vec!["x".repeat(MAX_PATTERN); words];
        let files = vec![FileId([255; 32]); files];
        asking(None, None, None, Some(Wanted { words, files }))
    };
    let most = wanting(MAX_WANTED_WORDS, MAX_WANTED_FILES);
    assert!(cbor::encode(&most).len() <= MAX_REQUEST && most.check().is_ok());
    let requests = [ask(Some(200), None), ask(None, Some(u64::MAX)), sought];
    for request in requests.into_iter().chain([wanting(1, 0), most]) {
        let bytes = cbor::encode(&request);
        assert_eq!(cbor::decode::<Request>(&bytes).unwrap(), request);
        let old: Old = cbor::decode(&bytes).unwrap();
        assert_eq!(cbor::encode(&old), plain);
    }
    let longest = "x".repeat(MAX_PATTERN);
    assert!(asking(None, None, Some(&longest), None).check().is_ok());
    let longer = format!("{longest}x");
    assert!(asking(None, None, Some(&longer), None).check().is_err());
    let word = Wanted {
        words: vec![longer],
        files: Vec::new(),
    };
    assert!(asking(None, None, None, Some(word)).check().is_err());
    for (words, files) in [(MAX_WANTED_WORDS + 1, 0), (1, MAX_WANTED_FILES + 1)] {
        let request = wanting(words, files);
        assert!(request.check().is_err());
        assert!(cbor::decode::<Request>(&cbor::encode(&request)).is_err());
    }
    let Response::Catalog(mut page) = page(&[1]) else {
        unreachable!()
    };
    (page.through, page.names) = (Some(9), Some(1 << 40));
    let bytes = cbor::encode(&page);
    assert_eq!(cbor::decode::<CatalogPage>(&bytes).unwrap(), page);
    assert!(Response::Catalog(page.clone()).check().is_ok());
    page.through = Some(10);
    assert!(Response::Catalog(page).check().is_err(), "past its end");
}

#[test]
fn contents_that_are_told_are_offered_and_no_more_than_may_be_asked_for() {
    let Response::Catalog(plain) = page(&[1]) else {
        unreachable!()
    };
    let held = |revision, offered: bool, count| {
        let offer = Offer {
            size: 1,
            mtime: 0,
            executable: false,
            mode: None,
            media: "text/plain".into(),
            held: Held::Shared,
            parts: None,
        };
        let entry = CatalogEntry {
            revision,
            name: "a".into(),
            file: FileId([1; 32]),
            offer: offered.then_some(offer),
        };
        let holds = vec![entry; count];
        Response::Catalog(CatalogPage {
            holds,
            ..plain.clone()
        })
    };
    // Their order is that of the question.
    let most = held(9, true, MAX_WANTED_FILES);
    assert!(most.check().is_ok());
    assert_eq!(
        cbor::decode::<Response>(&cbor::encode(&most)).unwrap(),
        most
    );
    assert!(held(10, true, 1).check().is_err(), "past its end");
    assert!(held(9, false, 1).check().is_err(), "not offered");
    let many = held(9, true, MAX_WANTED_FILES + 1);
    assert!(many.check().is_err());
    assert!(cbor::decode::<Response>(&cbor::encode(&many)).is_err());
}

#[test]
fn a_catalog_that_runs_backwards_or_past_its_end_is_refused() {
    for revisions in [&[2, 1][..], &[1, 1], &[10], &[0]] {
        assert!(page(revisions).check().is_err(), "{revisions:?}");
    }
}

#[test]
fn peers_are_told_with_addresses_or_not_at_all() {
    let named: Vec<_> = ["10.0.0.1:9", "[fd00::1]:65535", "0.0.0.0:1"]
        .map(|at| PeerAddress::new(NodeId([1; 32]), at.parse().unwrap()))
        .into();
    let back: Vec<_> = named.iter().map(|one| one.address().unwrap()).collect();
    assert_eq!(back[1], "[fd00::1]:65535".parse().unwrap());
    let told = Response::Peers(named.clone());
    assert!(told.check().is_ok());
    assert_eq!(
        cbor::decode::<Response>(&cbor::encode(&told)).unwrap(),
        told
    );
    let mut bad = named.clone();
    bad[0].ip = ByteBuf::from(vec![1; 5]);
    assert!(Response::Peers(bad).check().is_err());
    let mut bad = named.clone();
    bad[0].port = 0;
    assert!(Response::Peers(bad).check().is_err());
    let many = vec![named[0].clone(); MAX_PEERS + 1];
    assert!(Response::Peers(many).check().is_err());
}

#[test]
fn more_than_the_protocol_allows_is_refused() {
    assert!(
        Request::Manifests {
            files: vec![FileId([0; 32]); MAX_MANIFESTS + 1]
        }
        .check()
        .is_err()
    );
    let ids = |count| Request::Chunks {
        ids: vec![ChunkId([255; 32]); count],
    };
    assert!(ids(MAX_CHUNKS).check().is_ok() && ids(MAX_CHUNKS + 1).check().is_err());
    assert!(cbor::encode(&ids(MAX_CHUNKS)).len() <= MAX_REQUEST);
    assert!(
        Request::Held {
            file: FileId([0; 32]),
            chunks: vec![0; MAX_HAVE_UPDATE + 1]
        }
        .check()
        .is_err()
    );
}

fn part(prints: usize, here: usize) -> RangePart {
    RangePart {
        at: 63,
        prints: vec![u64::MAX; prints],
        here: vec![(NodeId([1; 32]), u64::MAX, u64::MAX); here],
        gone: vec![(NodeId([2; 32]), u64::MAX); here],
    }
}

#[test]
fn what_is_compared_has_bounds_and_ranges_that_are_apart() {
    let ask = |of: &[RangePrint]| Request::Compare {
        salt: u64::MAX,
        of: of.to_vec(),
    };
    for good in [
        &[][..],
        &[(0, 0, 5)],
        &[(0, 4, 1), (1 << 60, 4, 2)],
        &[(7, 64, 1)],
    ] {
        let request = ask(good);
        assert!(request.check().is_ok(), "{good:?}");
        let bytes = cbor::encode(&request);
        assert_eq!(cbor::decode::<Request>(&bytes).unwrap(), request);
    }
    let twice = [(0, 0, 5), (0, 4, 5)];
    let turned = [(1 << 60, 4, 2), (0, 4, 1)];
    for bad in [
        &twice[..],
        &turned,
        &[(1, 63, 1)],
        &[(0, 65, 1)],
        &[(1, 0, 1)],
    ] {
        assert!(ask(bad).check().is_err(), "{bad:?}");
    }
    let many: Vec<RangePrint> = (0..=MAX_RANGES as u64).map(|n| (n << 57, 7, 1)).collect();
    assert!(ask(&many[..MAX_RANGES]).check().is_ok() && ask(&many).check().is_err());
    assert!(cbor::decode::<Request>(&cbor::encode(&ask(&many))).is_err());
    let tell = |parts: Vec<RangePart>| Response::Compared { parts };
    let most = tell(vec![part(16, 64); MAX_RANGES]);
    assert!(most.check().is_ok() && cbor::encode(&most).len() < MAX_RESPONSE);
    assert_eq!(
        cbor::decode::<Response>(&cbor::encode(&most)).unwrap(),
        most
    );
    for bad in [part(15, 1), part(17, 1), part(0, 65)] {
        let bad = tell(vec![bad]);
        assert!(bad.check().is_err() || cbor::decode::<Response>(&cbor::encode(&bad)).is_err());
    }
    assert!(tell(vec![part(0, 1); MAX_RANGES + 1]).check().is_err());
    let of = vec![NodeId([0xff; 32]); MAX_CARDS + 1];
    assert!(Request::Introduce { of }.check().is_err());
}

#[test]
fn where_a_node_is_may_be_said_with_when_it_was_heard_and_older_nodes_leave_that_out() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Old {
        node: NodeId,
        ip: ByteBuf,
        port: u16,
    }
    let (node, at) = (NodeId([1; 32]), "10.0.0.1:9".parse().unwrap());
    let plain = PeerAddress::new(node, at);
    let age = std::time::Duration::from_millis(90_900);
    let aged = PeerAddress::heard(node, at, Some(age));
    assert_eq!((plain.age().as_secs(), aged.age().as_secs()), (0, 90));
    for one in [&plain, &aged] {
        let bytes = cbor::encode(one);
        assert_eq!(&cbor::decode::<PeerAddress>(&bytes).unwrap(), one);
        let old: Old = cbor::decode(&bytes).unwrap();
        assert_eq!(cbor::encode(&old), cbor::encode(&plain));
    }
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = cbor::decode::<Request>(&bytes).map(|request| request.check());
        let _ = cbor::decode::<Response>(&bytes).map(|response| response.check());
    }
}
