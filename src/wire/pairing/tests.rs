use super::*;
use crate::core::{
    id::NodeId,
    pairing::{PairingRefusal, SEALED_PORT},
};
use proptest::prelude::*;

const KEY: [u8; 32] = [9; 32];

fn all() -> Vec<Message> {
    let (session, attempt) = (Id([0xff; 16]), Id([0xfe; 16]));
    let no = |why| Message::No { session, why };
    vec![
        Message::Wait {
            channel: 999,
            sender: NodeId([0xaa; 32]),
        },
        Message::Hello {
            channel: 999,
            sender: NodeId([0xaa; 32]),
            receiver: NodeId([0xbb; 32]),
            session,
            x: [0xcc; 32],
        },
        Message::Reply {
            session,
            attempt,
            y: [0xdd; 32],
        },
        Message::Proof {
            session,
            attempt,
            mac: [0xee; 32],
        },
        Message::Port {
            session,
            attempt,
            sealed: [0xff; SEALED_PORT],
        },
        no(PairingRefusal::Busy),
        no(PairingRefusal::Wrong),
        no(PairingRefusal::Spent),
        no(PairingRefusal::Unknown),
    ]
}

fn bytes(message: &Message, key: Option<&[u8; 32]>) -> Vec<u8> {
    encode(message, key, [5; NONCE]).unwrap()
}

#[test]
fn both_forms_round_trip_and_swarms_do_not_see_each_other() {
    for message in all() {
        let open = bytes(&message, None);
        let sealed = bytes(&message, Some(&KEY));
        assert!(sealed.len() <= MAX_PAIRING, "{}", sealed.len());
        assert_eq!(decode(&open, None).unwrap(), message);
        assert_eq!(decode(&sealed, Some(&KEY)).unwrap(), message);
        assert!(decode(&open, Some(&KEY)).is_err());
        assert!(decode(&sealed, None).is_err());
        assert!(decode(&sealed, Some(&[8; 32])).is_err());
    }
}

#[test]
fn no_answer_is_longer_than_what_it_answers() {
    let sizes: Vec<usize> = all().iter().map(|m| bytes(m, None).len()).collect();
    let (hello, reply, proof, port) = (sizes[1], sizes[2], sizes[3], sizes[4]);
    assert!(reply <= hello);
    assert!(port <= proof);
    assert!(sizes[5..].iter().all(|no| *no <= hello && *no <= proof));
}

#[test]
fn beacons_and_pairing_messages_are_told_apart() {
    let signer = crate::wire::signer::Signer::new([7; 32]).unwrap();
    let beacon = crate::core::membership::Beacon {
        kind: crate::core::membership::Kind::Join,
        node: signer.node(),
        name: String::new(),
        tcp: 1,
        udp: 1,
        epoch: 1,
        revision: 1,
        seq: 1,
        suspects: Vec::new(),
    };
    for key in [None, Some(&KEY)] {
        let beacon = crate::wire::beacon::encode(&beacon, &signer, key).unwrap();
        assert!(!is_pairing(&beacon));
        assert!(decode(&beacon, key).is_err());
        for message in all() {
            assert!(crate::wire::beacon::peek(&bytes(&message, key), key).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_sealed_one_is_refused() {
    for message in all() {
        let good = bytes(&message, Some(&KEY));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad, Some(&KEY)).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_message_has_one_form_and_nothing_after_it() {
    for message in all() {
        let good = bytes(&message, None);
        for end in 0..good.len() {
            assert!(decode(&good[..end], None).is_err());
        }
        assert!(decode(&[&good[..], &[0]].concat(), None).is_err());
    }
    // A map with an unknown key.
    let body = b"\xa1\x62No\xa3\x67session\x50aaaaaaaaaaaaaaaa\x63why\x64Busy\x61x\x01";
    assert!(decode(&[&header(None)[..], body].concat(), None).is_err());
}

/// Everything that crosses the network when Anna sends to Bert, by port.
fn datagrams(port: u16) -> Vec<Vec<u8>> {
    use crate::core::{
        Now,
        pairing::{Mode, Receiver, ReceiverAction, ReceiverEvent, Sender},
        pairing::{SenderAction, SenderEvent},
    };
    let code: crate::core::code::Code = "7-amber-falcon".parse().unwrap();
    let (anna, bert) = (NodeId([1; 32]), NodeId([2; 32]));
    let wait = std::time::Duration::from_secs(9);
    let mut sender = Sender::new(anna, port, code.clone(), Mode::One, &[3; 32], Now::ZERO);
    let mut receiver = Receiver::new(bert, code, &[4; 32], wait, Now::ZERO);
    let from: std::net::SocketAddr = "10.0.0.1:9".parse().unwrap();
    let from = from.into();
    let mut all = Vec::new();
    let mut to_do = sender.handle(SenderEvent::Tick, Now::ZERO);
    while let Some(action) = to_do.pop() {
        let (SenderAction::Announce(message) | SenderAction::Send { message, .. }) = action else {
            continue;
        };
        all.push(bytes(&message, None));
        let heard = ReceiverEvent::Heard { message, from };
        for answer in receiver.handle(heard, Now::ZERO) {
            if let ReceiverAction::Send { message, .. } = answer {
                all.push(bytes(&message, None));
                let heard = SenderEvent::Heard { message, from };
                to_do.extend(sender.handle(heard, Now::ZERO));
            }
        }
    }
    all
}

#[test]
fn neither_the_words_nor_the_port_cross_the_network_in_clear() {
    let (one, two) = (datagrams(4001), datagrams(51234));
    assert_eq!((one.len(), two.len()), (5, 5));
    for bytes in &one {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        assert!(!text.contains("amber") && !text.contains("falcon"));
        let shows = |port: &[u8]| bytes.windows(port.len()).any(|window| window == port);
        assert!(!shows(&4001u16.to_be_bytes()) && !shows(&4001u16.to_le_bytes()));
        assert!(!shows(b"4001"));
    }
    // With the same randomness, the port changes nothing but what is sealed.
    assert_eq!(one[..4], two[..4]);
    assert_ne!(one[4], two[4]);
}

#[test]
fn names_have_a_bound() {
    assert!(check_name(&"x".repeat(MAX_NAME)).is_ok());
    assert!(check_name(&"x".repeat(MAX_NAME + 1)).is_err());
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400), ours: bool, seal: bool
    ) {
        let key = seal.then_some(&KEY);
        if ours && bytes.len() >= HEADER {
            bytes[..HEADER].copy_from_slice(&header(key));
        }
        prop_assert!(decode(&bytes, key).is_err());
    }

    #[test]
    fn a_changed_message_is_another_one_or_none(which in 0..9usize, at: usize, to: u8) {
        let good = bytes(&all()[which], None);
        let mut changed = good.clone();
        let at = at % changed.len();
        changed[at] = to;
        if let Ok(message) = decode(&changed, None) {
            prop_assert_eq!(bytes(&message, None), changed);
        }
    }
}
