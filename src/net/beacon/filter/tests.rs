//! Replays, forgeries and floods, in virtual time.

use super::*;
use crate::{
    core::membership::Kind,
    wire::{beacon::encode, signer::Signer},
};

fn signer(n: u32) -> Signer {
    let mut secret = [1; 32];
    secret[..4].copy_from_slice(&n.to_be_bytes());
    Signer::new(secret).unwrap()
}

fn beacon(signer: &Signer, seq: u64) -> Beacon {
    Beacon {
        kind: Kind::Ping,
        node: signer.node(),
        name: "n".into(),
        tcp: 1,
        udp: 1,
        epoch: 1,
        revision: 1,
        seq,
        suspects: Vec::new(),
    }
}

fn bytes(signer: &Signer, seq: u64) -> Vec<u8> {
    encode(&beacon(signer, seq), signer, None).unwrap()
}

fn through(filter: &Filter, bytes: &[u8], from: SocketAddr, now: Now) -> Option<Beacon> {
    filter.pass(bytes, from, true, now).0
}

fn from(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn a_replay_is_dropped_and_a_forgery_hides_nothing() {
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    let good = bytes(&signer(1), 5);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(through(&filter, &forged, from(3), Now::ZERO).is_none());
    assert!(through(&filter, &good, from(1), Now::ZERO).is_some());
    assert!(through(&filter, &good, from(2), Now::ZERO).is_none());
    let older = bytes(&signer(1), 4);
    assert!(through(&filter, &older, from(1), Now::ZERO).is_none());
    let own = bytes(&signer(0), 1);
    assert!(through(&filter, &own, from(1), Now::ZERO).is_none());
}

#[test]
fn a_copy_of_a_true_beacon_is_not_read_again_and_forged_endings_hide_none() {
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    let good = bytes(&signer(1), 5);
    assert!(through(&filter, &good, from(1), Now::ZERO).is_some());
    // Not to be read at all, so nobody is muted for it.
    let mut copy = good.clone();
    copy[10] ^= 0xff;
    assert!(through(&filter, &copy, from(2), Now::ZERO).is_none());
    assert!(through(&filter, &bytes(&signer(2), 1), from(2), Now::ZERO).is_some());
    // The ending of one that was not true says nothing.
    let next = bytes(&signer(1), 6);
    let mut forged = next.clone();
    forged[40] ^= 1;
    assert!(through(&filter, &forged, from(3), Now::ZERO).is_none());
    assert!(through(&filter, &next, from(1), Now::ZERO).is_some());
    for seq in 7..1_000 {
        let now = Now::from_millis(seq * 100);
        assert!(through(&filter, &bytes(&signer(1), seq), from(1), now).is_some());
    }
    assert_eq!(filter.limits().last.len(), COPIES);
}

#[test]
fn another_life_under_the_own_key_is_heard_once_each_and_not_often() {
    let filter = Filter::new((signer(0).node(), 2), None, 1);
    let mut forged = bytes(&signer(0), 1);
    *forged.last_mut().unwrap() ^= 1;
    assert!(through(&filter, &forged, from(2), Now::ZERO).is_none());
    let other = bytes(&signer(0), 1);
    assert!(through(&filter, &other, from(1), Now::ZERO).is_some());
    assert!(through(&filter, &other, from(1), Now::ZERO).is_none());
    let many = (2..1_000).filter(|seq| {
        let more = bytes(&signer(0), *seq);
        through(&filter, &more, from(*seq as u16), Now::ZERO).is_some()
    });
    assert!(many.count() < 20);
    // What others say is heard all the same.
    assert!(through(&filter, &bytes(&signer(1), 1), from(9), Now::ZERO).is_some());
}

#[test]
fn a_flood_costs_few_checks_and_the_real_one_is_heard() {
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    let real = signer(1);
    // Two thousand identities in two seconds from two thousand ports, and five thousand datagrams
    // of garbage.
    let garbage: Vec<u8> = (0..300u16).map(|n| n as u8).collect();
    let (mut passed, mut heard) = (0, 0);
    for n in 0..2_000u32 {
        let now = Now::from_millis(u64::from(n));
        let flood = bytes(&signer(n + 2), 1);
        passed += u32::from(through(&filter, &flood, from(1_000 + n as u16), now).is_some());
        for _ in 0..3 {
            assert!(through(&filter, &garbage, from(1), now).is_none());
        }
        if n % 100 == 0 {
            let mine = bytes(&real, u64::from(n) + 1);
            heard += u32::from(through(&filter, &mine, from(9), now).is_some());
        }
        let (nodes, addresses) = filter.remembered();
        assert!(nodes <= REMEMBERED && addresses <= ADDRESSES);
    }
    assert!(passed <= (200 + 2 * 200) + (400 + 2 * 400), "{passed}");
    assert!(heard > 0, "the real one was not heard");
    // One sender alone does not use up what there is for others at its address.
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    for n in 0..2_000u32 {
        through(&filter, &bytes(&signer(n + 2), 1), from(1), Now::ZERO);
    }
    assert!(through(&filter, &bytes(&real, 1), from(2), Now::ZERO).is_some());
}

/// As many as the membership knows, so that no copy of what one of them said is checked again.
#[test]
fn the_numbers_of_all_who_can_be_known_are_remembered_and_no_more() {
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    let any = beacon(&signer(1), 5);
    let said = |n: usize| {
        let mut node = [n as u8; 32];
        node[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        let node = NodeId(node);
        let any = any.clone();
        Beacon { node, ..any }
    };
    let now = Now::ZERO;
    for n in 0..REMEMBERED {
        assert!(filter.is_news(&said(n), from(n as u16), now));
    }
    let repeated = (0..REMEMBERED).filter(|n| filter.is_news(&said(*n), from(1), now));
    assert_eq!(repeated.count(), 0);
    for n in REMEMBERED..2 * REMEMBERED {
        assert!(filter.is_news(&said(n), from(n as u16), now));
    }
    assert_eq!(filter.remembered().0, REMEMBERED);
    // Chance decides who is forgotten: neither all of the first nor all of the last.
    let limits = filter.limits();
    let kept = (0..REMEMBERED).filter(|n| limits.verified.contains_key(&said(*n).node));
    let kept = kept.count();
    assert!(
        (REMEMBERED / 5..REMEMBERED / 5 * 3).contains(&kept),
        "{kept}"
    );
}

#[test]
fn what_is_heard_is_counted_by_what_it_is() {
    let sealed = |seq| encode(&beacon(&signer(1), seq), &signer(1), Some(&[7; 32])).unwrap();
    let mut newer = bytes(&signer(1), 1);
    newer[4] += 1;
    let count = |key: Option<[u8; 32]>, bytes: &[u8]| {
        let tally = Filter::new((signer(0).node(), 1), key, 1)
            .pass(bytes, from(1), true, Now::ZERO)
            .1;
        [
            tally.own,
            tally.ours,
            tally.other_swarm,
            tally.other_version,
        ]
    };
    assert_eq!(count(None, &bytes(&signer(0), 1)), [1, 0, 0, 0]);
    assert_eq!(count(None, &bytes(&signer(1), 1)), [0, 1, 0, 0]);
    assert_eq!(count(None, &sealed(1)), [0, 0, 1, 0]);
    assert_eq!(count(Some([7; 32]), &sealed(1)), [0, 1, 0, 0]);
    assert_eq!(count(Some([8; 32]), &sealed(1)), [0, 0, 1, 0]);
    assert_eq!(count(Some([8; 32]), &bytes(&signer(1), 1)), [0, 0, 1, 0]);
    assert_eq!(count(None, &newer), [0, 0, 0, 1]);
    assert_eq!(count(None, b"something else entirely"), [0; 4]);
}

/// What a newcomer says goes through within ten seconds of a flood of beacons with good signatures
/// or bad ones: the first second that it does.
fn first_heard(filter: &Filter, ports: u16, good: bool, known: bool) -> Option<u64> {
    const A_SECOND: u64 = 2_000;
    let real = signer(1);
    let flood: Vec<Vec<u8>> = (0..2_000)
        .map(|n| {
            let mut bytes = bytes(&signer(n + 2), 1);
            *bytes.last_mut().unwrap() ^= u8::from(!good);
            bytes
        })
        .collect();
    if known {
        let greeting = bytes(&real, 1);
        assert!(through(filter, &greeting, from(9), Now::ZERO).is_some());
    }
    for n in 0..10 * A_SECOND {
        let now = Now::from_micros(n * 1_000_000 / A_SECOND);
        let port = 1_000 + (n % u64::from(ports)) as u16;
        // Not the same node from the same port each time.
        let one = (n + n / A_SECOND) as usize % flood.len();
        let heard = through(filter, &flood[one], from(port), now);
        assert!(good || heard.is_none());
        if n % A_SECOND == A_SECOND / 2 {
            let mine = bytes(&real, 2 + n);
            if through(filter, &mine, from(9), now).is_some() {
                return Some(n / A_SECOND);
            }
        }
    }
    None
}

#[test]
fn a_flood_from_one_address_does_not_keep_a_newcomer_there_from_being_heard() {
    for (ports, good) in [
        (1, false),
        (50, false),
        (500, false),
        (1, true),
        (500, true),
    ] {
        let heard = |known| {
            let filter = Filter::new((signer(0).node(), 1), None, 1);
            first_heard(&filter, ports, good, known)
        };
        let newcomer = heard(false);
        assert!(
            newcomer.is_some_and(|second| second < 8),
            "{ports} ports, good {good}: {newcomer:?}"
        );
        assert_eq!(heard(true), Some(0), "one that is known, {ports} ports");
    }
}

#[test]
fn answers_are_heard_whatever_the_shared_port_is_flooded_with() {
    let filter = Filter::new((signer(0).node(), 1), None, 1);
    for n in 0..1_000u32 {
        let flood = bytes(&signer(n + 2), 1);
        filter.pass(&flood, from(1_000 + n as u16), true, Now::ZERO);
    }
    let mine = bytes(&signer(1), 1);
    let (heard, _) = filter.pass(&mine, from(9), false, Now::ZERO);
    assert!(heard.is_some());
}
