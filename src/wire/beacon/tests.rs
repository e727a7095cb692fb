use super::*;
use proptest::prelude::*;

const KEY: [u8; 32] = [9; 32];

fn signer() -> Signer {
    Signer::new([7; 32]).unwrap()
}

fn beacon(kind: Kind) -> Beacon {
    Beacon {
        kind,
        node: signer().node(),
        name: "Anna's laptop".into(),
        tcp: 4001,
        udp: 4002,
        epoch: 1_790_000_000_000,
        revision: 3,
        seq: 17,
        suspects: Vec::new(),
    }
}

#[test]
fn both_forms_round_trip_and_swarms_do_not_see_each_other() {
    for kind in [Kind::Join, Kind::Ping, Kind::Leave] {
        let open = encode(&beacon(kind), &signer(), None).unwrap();
        let sealed = encode(&beacon(kind), &signer(), Some(&KEY)).unwrap();
        assert_eq!(decode(&open, None).unwrap(), beacon(kind));
        assert_eq!(decode(&sealed, Some(&KEY)).unwrap(), beacon(kind));
        assert!(decode(&open, Some(&KEY)).is_err());
        assert!(decode(&sealed, None).is_err());
        assert!(decode(&sealed, Some(&[8; 32])).is_err());
        // Nothing of the name or the key shows.
        assert!(!sealed.windows(4).any(|window| window == b"Anna"));
    }
}

#[test]
fn a_member_cannot_carry_a_beacon_out_of_its_swarm() {
    let sealed = encode(&beacon(Kind::Ping), &signer(), Some(&KEY)).unwrap();
    let (head, rest) = sealed.split_at(HEADER);
    let content = open(head, rest, &KEY).unwrap();
    let bare = [&header(false, None)[..], &content].concat();
    assert!(peek(&bare, None).is_ok());
    assert!(decode(&bare, None).is_err());
}

#[test]
fn the_longest_answer_fits_into_the_shortest_question() {
    let most = |kind| Beacon {
        name: "x".repeat(200),
        tcp: u16::MAX,
        udp: u16::MAX,
        epoch: u64::MAX,
        revision: u64::MAX,
        seq: u64::MAX,
        ..beacon(kind)
    };
    let least = Beacon {
        name: String::new(),
        tcp: 1,
        epoch: 0,
        seq: 0,
        ..beacon(Kind::Join)
    };
    let question = encode(&least, &signer(), None).unwrap();
    assert!((MIN_JOIN..MIN_JOIN + 8).contains(&question.len()));
    for key in [None, Some(&KEY)] {
        let answer = encode(&most(Kind::Ping), &signer(), key).unwrap();
        assert!(answer.len() < MIN_JOIN, "{}", answer.len());
        assert_eq!(decode(&answer, key).unwrap().name.len(), MAX_NAME);
        let join = encode(&most(Kind::Join), &signer(), key).unwrap();
        assert!((MIN_JOIN..MAX_BEACON).contains(&join.len()));
    }
}

#[test]
fn a_beacon_in_the_name_of_another_is_refused() {
    let mine = encode(&beacon(Kind::Leave), &signer(), None).unwrap();
    let other = Signer::new([8; 32]).unwrap();
    let theirs = encode(&beacon(Kind::Leave), &other, None).unwrap();
    assert_eq!(decode(&theirs, None).unwrap().node, other.node());
    let spliced = [
        &mine[..mine.len() - SIGNATURE],
        &theirs[theirs.len() - SIGNATURE..],
    ]
    .concat();
    assert!(peek(&spliced, None).is_ok());
    assert!(decode(&spliced, None).is_err());
}

#[test]
fn every_flipped_bit_is_refused() {
    for key in [None, Some(&KEY)] {
        let good = encode(&beacon(Kind::Ping), &signer(), key).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad, key).is_err(), "bit {bit}");
        }
        for end in 0..good.len() {
            assert!(decode(&good[..end], key).is_err());
        }
    }
}

fn suspicion(count: usize) -> Beacon {
    let last = BeaconNumber {
        epoch: u64::MAX,
        seq: u64::MAX,
    };
    let suspect = |n| Suspect {
        node: Signer::new([n as u8 + 1; 32]).unwrap().node(),
        last,
    };
    Beacon {
        name: "x".repeat(MAX_NAME),
        tcp: u16::MAX,
        udp: u16::MAX,
        epoch: u64::MAX,
        revision: u64::MAX,
        seq: u64::MAX,
        suspects: (0..count).map(suspect).collect(),
        ..beacon(Kind::Suspect)
    }
}

#[test]
fn those_who_are_suspected_travel_in_a_datagram_that_is_no_other_beacon() {
    for key in [None, Some(&KEY)] {
        for count in [1, MAX_SUSPECTS] {
            let bytes = encode(&suspicion(count), &signer(), key).unwrap();
            assert!(bytes.len() <= MAX_BEACON && is_beacon(&bytes) && is_ours(&bytes, key));
            assert_eq!(decode(&bytes, key).unwrap(), suspicion(count));
            // An older node looks at those alone that begin otherwise.
            assert!(!bytes.starts_with(MAGIC));
            // Nor is it one when its header says that it is another.
            let mut other = bytes.clone();
            other[..HEADER].copy_from_slice(&header(false, key));
            assert!(peek(&other, key).is_err());
        }
        // More than there is room for are cut, none is none, and no other beacon has any.
        let most = encode(&suspicion(40), &signer(), key).unwrap();
        assert_eq!(decode(&most, key).unwrap(), suspicion(MAX_SUSPECTS));
        let none = encode(&suspicion(0), &signer(), key).unwrap();
        assert!(peek(&none, key).is_err());
        let mut ping = encode(&beacon(Kind::Ping), &signer(), key).unwrap();
        ping[..HEADER].copy_from_slice(&header(true, key));
        assert!(peek(&ping, key).is_err());
    }
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..1400),
        (ours, seal, suspects) in any::<(bool, bool, bool)>(),
    ) {
        let key = seal.then_some(&KEY);
        if ours && bytes.len() >= HEADER {
            bytes[..HEADER].copy_from_slice(&header(suspects, key));
        }
        prop_assert!(decode(&bytes, key).is_err());
    }

    #[test]
    fn any_beacon_round_trips(
        name in "\\PC{0,16}", tcp in 1..=u16::MAX, udp: u16, epoch: u64, revision: u64, seq: u64, seal: bool
    ) {
        let key = seal.then_some(&KEY);
        let beacon = Beacon { name, tcp, udp, epoch, revision, seq, ..beacon(Kind::Join) };
        let bytes = encode(&beacon, &signer(), key).unwrap();
        prop_assert_eq!(decode(&bytes, key).unwrap(), beacon);
    }
}
