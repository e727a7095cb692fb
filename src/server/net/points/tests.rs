use super::*;

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

fn put(points: &mut Points, node: NodeId, record: &[u8], name: &str) -> Result<u64, Refusal> {
    points.register(node, name, record, None, Now::ZERO)
}

fn found(points: &Points, node: NodeId, name: &str) -> usize {
    let found = points.discover(node, Some(name.into()), None, None, Now::ZERO);
    found.unwrap().records.len()
}

#[test]
fn only_the_key_of_the_connection_registers() {
    let mut points = Points::new(1);
    let ((one, good), (other, _)) = (record(1, false, 1), record(2, false, 1));
    assert_eq!(put(&mut points, one, &good, "a"), Ok(USUAL));
    let theirs = put(&mut points, other, &good, "a");
    assert_eq!(theirs, Err(Refusal::NotAuthorized));
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(put(&mut points, one, &bad, "a"), Err(Refusal::Record));
    assert_eq!(put(&mut points, one, &good, ""), Err(Refusal::Namespace));
    let long = "x".repeat(256);
    assert_eq!(put(&mut points, one, &good, &long), Err(Refusal::Namespace));
    let (_, many) = record(1, false, 17);
    assert_eq!(put(&mut points, one, &many, "a"), Err(Refusal::Record));
}

#[test]
fn each_is_told_what_it_can_read_and_no_names() {
    let mut points = Points::new(1);
    let ((rust, a), (js, b)) = (record(1, false, 1), record(2, true, 1));
    put(&mut points, rust, &a, "a").unwrap();
    put(&mut points, js, &b, "a").unwrap();
    assert_eq!(found(&points, rust, "a"), 1);
    assert_eq!(found(&points, js, "a"), 1);
    assert_eq!(found(&points, js, "b"), 0);
    let all = points.discover(rust, None, None, None, Now::ZERO);
    assert_eq!(all, Err(Refusal::Namespace));
    let other = points.discover(rust, Some("b".into()), None, Some(b"12345678a"), Now::ZERO);
    assert_eq!(other, Err(Refusal::Cookie));
    points.left(js);
    assert_eq!(points.register.len(), 1);
    assert!(points.standard.is_empty());
}

#[test]
fn a_flood_is_refused_and_the_next_address_is_served() {
    let mut points = Points::new(1);
    let (node, good) = record(1, false, 1);
    let flood: IpAddr = "10.0.0.1".parse().unwrap();
    let ask = |points: &mut Points, node, n: usize| {
        let namespace = format!("n{n}");
        let (record, ttl) = (good.clone(), Some(60));
        let request = Request::Register {
            namespace,
            record,
            ttl,
        };
        points.handle(node, flood, request, Now::ZERO)
    };
    let taken = (0..200).filter(|n| ask(&mut points, node, *n) == Response::Registered(Ok(60)));
    assert_eq!(taken.count(), 16);
    let (other, record) = record(2, false, 1);
    let request = Request::Register {
        namespace: "sprat".into(),
        record,
        ttl: Some(60),
    };
    let honest = "10.0.0.2".parse().unwrap();
    let answer = points.handle(other, honest, request, Now::ZERO);
    assert_eq!(answer, Response::Registered(Ok(60)));
}
