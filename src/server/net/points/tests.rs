use super::*;
use crate::wire::rendezvous::Registration;

fn record(seed: u8, standard: bool, addresses: usize) -> (NodeId, Vec<u8>) {
    let keys = identity::keypair([seed; 32]).unwrap();
    let address = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
    let addresses = vec![address; addresses];
    let record = if standard {
        PeerRecord::new_interop(&keys, addresses)
    } else {
        PeerRecord::new(&keys, addresses)
    };
    let bytes = record.unwrap().into_signed_envelope();
    let node = identity::node(&keys.public().to_peer_id()).unwrap();
    (node, bytes.into_protobuf_encoding())
}

fn put(points: &mut Points, node: NodeId, record: &[u8], name: &str) -> Result<u64, ErrorCode> {
    points.register((node, [10, 0, 0, 1].into()), name, record, None, Now::ZERO)
}

fn asked(namespace: &str, cookie: Option<&[u8]>) -> Discover {
    Discover {
        namespace: namespace.into(),
        limit: None,
        cookie: cookie.map(<[u8]>::to_vec),
    }
}

fn found(points: &Points, node: NodeId, name: &str) -> usize {
    let found = points.discover(node, asked(name, None), Now::ZERO);
    found.unwrap().records.len()
}

#[test]
fn only_the_key_of_the_connection_registers() {
    let mut points = Points::new(20_000, 1);
    let ((one, good), (other, _)) = (record(1, false, 1), record(2, false, 1));
    assert_eq!(put(&mut points, one, &good, "a"), Ok(USUAL));
    let theirs = put(&mut points, other, &good, "a");
    assert_eq!(theirs, Err(ErrorCode::NotAuthorized));
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(
        put(&mut points, one, &bad, "a"),
        Err(ErrorCode::InvalidRecord)
    );
    assert_eq!(
        put(&mut points, one, &good, ""),
        Err(ErrorCode::InvalidNamespace)
    );
    let long = "x".repeat(256);
    assert_eq!(
        put(&mut points, one, &good, &long),
        Err(ErrorCode::InvalidNamespace)
    );
    let (_, many) = record(1, false, 17);
    assert_eq!(
        put(&mut points, one, &many, "a"),
        Err(ErrorCode::InvalidRecord)
    );
}

#[test]
fn each_is_told_what_it_can_read_and_no_names() {
    let mut points = Points::new(20_000, 1);
    let ((rust, a), (js, b)) = (record(1, false, 1), record(2, true, 1));
    put(&mut points, rust, &a, "a").unwrap();
    put(&mut points, js, &b, "a").unwrap();
    assert_eq!(found(&points, rust, "a"), 1);
    assert_eq!(found(&points, js, "a"), 1);
    assert_eq!(found(&points, js, "b"), 0);
    let all = points.discover(rust, asked("", None), Now::ZERO);
    assert_eq!(all, Err(ErrorCode::InvalidNamespace));
    let other = points.discover(rust, asked("b", Some(b"12345678a")), Now::ZERO);
    assert_eq!(other, Err(ErrorCode::InvalidCookie));
    points.left(js);
    assert_eq!(points.count(), 1);
    assert!(points.standard.is_empty());
}

#[test]
fn a_flood_is_refused_and_the_next_address_is_served() {
    let mut points = Points::new(20_000, 1);
    let (node, good) = record(1, false, 1);
    let flood: IpAddr = "10.0.0.1".parse().unwrap();
    let ask = |points: &mut Points, node, n: usize| {
        let namespace = format!("n{n}");
        let (record, ttl) = (good.clone(), Some(60));
        let request = Request::Register(Registration {
            namespace,
            record,
            ttl,
        });
        points.handle(node, flood, request, Now::ZERO)
    };
    let taken = (0..200).filter(|n| ask(&mut points, node, *n) == Response::Registered(Ok(60)));
    assert_eq!(taken.count(), 16);
    let (other, record) = record(2, false, 1);
    let request = Request::Register(Registration {
        namespace: "sprat".into(),
        record,
        ttl: Some(60),
    });
    let honest = "10.0.0.2".parse().unwrap();
    let answer = points.handle(other, honest, request, Now::ZERO);
    assert_eq!(answer, Response::Registered(Ok(60)));
}
