//! Pairing by a code, as somebody sees it who reads everything on the network.

use crate::{
    common::{Running, downloaded, noise, until},
    hosts::{DISCOVERY_PORT, Lab},
    wire::{Packet, Wire},
};
use sprat::{core::pairing::Message, wire::pairing::decode};
use std::{fs, path::PathBuf, time::Duration};

const SENDER: &str = "the-name-of-the-sender";
const RECEIVER: &str = "the-name-of-the-receiver";

fn code_of(running: &mut Running) -> String {
    running.event("code")["code"].as_str().unwrap().to_owned()
}

/// Something that takes some seconds.
fn film(lab: &Lab) -> (PathBuf, Vec<u8>) {
    let bytes = noise(1, 3 << 20);
    let file = lab.host(0).home("sender").join("film.mp4");
    fs::write(&file, &bytes).unwrap();
    (file, bytes)
}

fn is_name(bytes: &[u8]) -> bool {
    let within = |name: &str| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    within(SENDER) || within(RECEIVER)
}

/// What a stranger may see of a pairing: nothing but its messages before the port is told, and then
/// the connection to that port.
#[track_caller]
fn check(packets: &[Packet]) {
    let syn = packets
        .iter()
        .position(|packet| matches!(packet, Packet::Syn { .. }))
        .expect("a connection");
    let (mut told, mut waits) = (false, 0);
    for packet in &packets[..syn] {
        let Packet::Datagram { from, to, bytes } = packet else {
            panic!("{packet:?}");
        };
        // Neither beacon nor mDNS nor anything that names a node or its port.
        let message = decode(bytes, None).unwrap_or_else(|why| panic!("{why}: {packet:?}"));
        assert!(!is_name(bytes), "{packet:?}");
        match message {
            Message::Wait { .. } => {
                assert_eq!(to.port(), DISCOVERY_PORT);
                waits += 1;
            }
            Message::Port { .. } => {
                told = true;
                assert_ne!(from.port(), DISCOVERY_PORT);
            }
            _ => {}
        }
    }
    assert!(told && waits > 0, "the connection came before the port");
    let Packet::Syn { from, to } = &packets[syn] else {
        panic!("{:?}", packets[syn]);
    };
    assert!(from.ip() != to.ip() && to.port() != DISCOVERY_PORT);
}

/// The announcing ends with the connection.
#[track_caller]
fn is_silent_after_connecting(packets: &[Packet]) {
    let syn = packets
        .iter()
        .position(|packet| matches!(packet, Packet::Syn { .. }));
    let waits = packets[syn.unwrap()..].iter().filter(|packet| {
        let Packet::Datagram { bytes, .. } = packet else {
            return false;
        };
        matches!(decode(bytes, None), Ok(Message::Wait { .. }))
    });
    // The announcement that was due in the very moment goes to two addresses of each of two
    // interfaces.
    assert!(waits.count() <= 4);
}

const SLOWLY: [&str; 2] = ["--upload-limit", "1M"];

#[test]
fn an_eavesdropper_sees_neither_name_nor_port_before_the_sealed_one() {
    let Some(lab) = Lab::new(3) else { return };
    // Somebody who has nothing to do with it, and would connect to any node that shows itself.
    let mut other = lab.host(2).serve("other", &[]);
    let (file, bytes) = film(&lab);
    let wire = Wire::of(&lab.host(0));
    let mine = ["send", file.to_str().unwrap(), "--json", "--name", SENDER];
    let mut sender = lab.host(0).start("sender", &[&mine[..], &SLOWLY].concat());
    let code = code_of(&mut sender);
    // For longer than a node takes to be found by its beacon.
    let waits = |at_least: usize| {
        until("it announces", || {
            let packets = wire.packets();
            let own = packets.iter().filter(|packet| {
                matches!(packet, Packet::Datagram { from, .. } if *from.ip() == lab.host(0).ip(0))
            });
            own.count() >= at_least
        });
    };
    waits(6);
    let arguments = ["receive", &code, "--json", "--name", RECEIVER];
    let mut receiver = lab.host(1).start("receiver", &arguments);
    receiver.event("received");
    assert_eq!((receiver.end(), sender.end()), (0, 0));
    assert!(downloaded(&lab.host(1).home("receiver"), "film.mp4") == bytes);
    let from_other = |packet: &Packet| match packet {
        Packet::Datagram { from, .. } | Packet::Syn { from, .. } => *from.ip() == lab.host(2).ip(0),
    };
    let mut packets = wire.packets();
    let first_of_other = packets
        .iter()
        .position(|packet| matches!(packet, Packet::Syn { .. }) && from_other(packet));
    let first = packets
        .iter()
        .position(|packet| matches!(packet, Packet::Syn { .. }));
    assert!(first_of_other.is_none_or(|at| Some(at) > first));
    packets.retain(|packet| !from_other(packet));
    check(&packets);
    is_silent_after_connecting(&packets);
    drop(other.seen.drain(..));
}

#[test]
fn a_receiver_waits_first_and_says_nothing_until_the_sender_comes() {
    let Some(lab) = Lab::new(2) else { return };
    let (file, bytes) = film(&lab);
    let wire = Wire::of(&lab.host(1));
    let arguments = ["receive", "--json", "--name", RECEIVER];
    let mut receiver = lab.host(1).start("receiver", &arguments);
    let code = code_of(&mut receiver);
    std::thread::sleep(Duration::from_secs(2)); // Long enough for beacons, if there were any.
    assert!(wire.packets().is_empty(), "{:?}", wire.packets());
    let mine = ["send", file.to_str().unwrap(), "--json", "--name", SENDER];
    let typed = ["--code", &code];
    let sending = lab
        .host(0)
        .run("sender", &[&mine[..], &typed, &SLOWLY].concat());
    sending.succeeds();
    receiver.event("received");
    assert_eq!(receiver.end(), 0);
    assert!(downloaded(&lab.host(1).home("receiver"), "film.mp4") == bytes);
    let packets = wire.packets();
    check(&packets);
    is_silent_after_connecting(&packets);
}

#[test]
fn a_group_stays_hidden_as_long_as_somebody_may_come() {
    let Some(lab) = Lab::new(3) else { return };
    let (file, bytes) = film(&lab);
    let wire = Wire::of(&lab.host(0));
    let mine = ["send", "--group", file.to_str().unwrap(), "--json"];
    let mut sender = lab
        .host(0)
        .start("sender", &[&mine[..], &["--name", SENDER]].concat());
    let code = code_of(&mut sender);
    for at in [1, 2] {
        let arguments = ["receive", &code, "--json", "--name", RECEIVER];
        lab.host(at).run("receiver", &arguments).succeeds();
        assert!(downloaded(&lab.host(at).home("receiver"), "film.mp4") == bytes);
        fs::remove_dir_all(lab.host(at).home("receiver")).unwrap();
    }
    sender.signal("INT");
    assert_eq!(sender.end(), 0);
    let own = |packet: &&Packet| match packet {
        Packet::Datagram { from, .. } | Packet::Syn { from, .. } => *from.ip() == lab.host(0).ip(0),
    };
    let packets = wire.packets();
    for packet in packets.iter().filter(own) {
        if let Packet::Datagram { bytes, to, .. } = packet {
            let quic = to.port() != DISCOVERY_PORT && !bytes.starts_with(b"SPR");
            assert!(quic || decode(bytes, None).is_ok(), "{packet:?}");
            assert!(!is_name(bytes), "{packet:?}");
        }
    }
    check(&packets);
}
