//! Who makes room when the quota is full.

use super::*;

#[test]
fn two_identities_full_of_junk_give_way_to_an_honest_push_and_do_not_come_back() {
    let fixture = Fixture::new();
    let len = 64 << 10;
    let limits = Limits {
        quota: 40 * len as u64,
        floor: 0,
    };
    let replicas = open(&fixture, limits);
    let push = |node: u8, tags: std::ops::Range<u8>| {
        let (node, tags) = (NodeId([node; 32]), tags.collect::<Vec<u8>>());
        let (manifest, bytes) = pieces(&tags, len);
        let sum = bytes.len() as u64;
        replicas
            .make_way(&node, sum + replicas.manifest_bytes(manifest.len()))
            .unwrap();
        replicas
            .set_file(&Arc::new(manifest.clone()), &offer(), &node, 1000)
            .ok()?;
        let mut reservation = replicas.reserve(&node, sum)?;
        let all: Vec<_> = (0..manifest.len())
            .map(|at| chunk(&manifest, &bytes, at))
            .collect();
        reservation.keep(&manifest.file(), &all).unwrap();
        reservation.commit().unwrap();
        Some(manifest.file())
    };
    let at = |n: u8| std::net::IpAddr::from([203, 0, 113, n]);
    for (node, address) in [(1, 1), (2, 1), (3, 2)] {
        replicas.meet(NodeId([node; 32]), at(address), false);
    }
    for step in 0..9 {
        push(1, step * 2..step * 2 + 2).unwrap();
        push(2, 100 + step * 2..102 + step * 2).unwrap();
    }
    // Their address has 36 of 40 pieces: what is asked for comes from there.
    let honest = push(3, 200..212).unwrap();
    assert_eq!(here(&replicas, &honest).len(), 12);
    assert!(replicas.used() <= limits.quota);
    // One piece more than is free would leave the honest one the smaller share.
    for step in 0..10 {
        push(1, 40 + step * 2..42 + step * 2);
        push(2, 140 + step * 2..142 + step * 2);
    }
    assert_eq!(here(&replicas, &honest).len(), 12);
    assert!(replicas.used() <= limits.quota);
}
