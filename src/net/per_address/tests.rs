use super::*;
use libp2p::PeerId;

fn arrive(gate: &mut PerAddress, number: usize, from: &str) -> bool {
    gate.arriving(
        ConnectionId::new_unchecked(number),
        &"/ip4/10.0.0.1/tcp/1".parse().unwrap(),
        &from.parse().unwrap(),
    )
    .is_ok()
}

#[test]
fn a_flood_from_one_address_leaves_places_for_others() {
    let mut gate = PerAddress::default();
    for number in 0..PER_ADDRESS {
        assert!(arrive(
            &mut gate,
            number,
            &format!("/ip4/10.0.0.9/tcp/{}", number + 1)
        ));
    }
    assert!(!arrive(&mut gate, 1000, "/ip4/10.0.0.9/tcp/999"));
    assert!(!arrive(&mut gate, 1001, "/ip4/10.0.0.9/udp/999/quic-v1"));
    assert!(!arrive(&mut gate, 1002, "/ip6/::ffff:10.0.0.9/tcp/999"));
    assert!(arrive(&mut gate, 1003, "/ip4/10.0.0.8/tcp/999"));
    // One leaves, one may come.
    gate.close(ConnectionId::new_unchecked(0));
    assert!(arrive(&mut gate, 1004, "/ip4/10.0.0.9/tcp/999"));
    assert!(!arrive(&mut gate, 1005, "/ip4/10.0.0.9/tcp/999"));
}

#[test]
fn a_public_ipv6_network_counts_as_one_and_a_local_one_does_not() {
    let mut gate = PerAddress::default();
    for number in 0..PER_ADDRESS {
        let host = number + 1;
        assert!(arrive(
            &mut gate,
            number,
            &format!("/ip6/2001:db8::{host:x}/tcp/1")
        ));
        assert!(arrive(
            &mut gate,
            number + 1000,
            &format!("/ip6/fd00::{host:x}/tcp/1")
        ));
    }
    assert!(!arrive(&mut gate, 5000, "/ip6/2001:db8::ffff/tcp/1"));
    assert!(arrive(&mut gate, 5001, "/ip6/2001:db8:0:1::1/tcp/1"));
    assert!(arrive(&mut gate, 5002, "/ip6/fd00::ffff/tcp/1"));
}

#[test]
fn circuits_count_against_their_server_and_leave_it_its_own_places() {
    let mut gate = PerAddress::default();
    let circuit = |gate: &mut PerAddress, number: usize| {
        let over = format!("/ip4/10.0.0.9/tcp/1/p2p/{}/p2p-circuit", PeerId::random());
        gate.arriving(
            ConnectionId::new_unchecked(number),
            &over.parse().unwrap(),
            &format!("/p2p/{}", PeerId::random()).parse().unwrap(),
        )
        .is_ok()
    };
    for number in 0..PER_SERVER {
        assert!(circuit(&mut gate, number));
    }
    assert!(!circuit(&mut gate, 5000));
    assert!(arrive(&mut gate, 5001, "/ip4/10.0.0.9/tcp/1"));
}

#[test]
fn nothing_is_kept_of_those_who_left() {
    let mut gate = PerAddress::default();
    arrive(&mut gate, 1, "/ip4/10.0.0.9/tcp/1");
    gate.close(ConnectionId::new_unchecked(1));
    gate.close(ConnectionId::new_unchecked(1));
    assert!(gate.open.is_empty() && gate.counts.is_empty());
}
