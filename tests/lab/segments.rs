//! A leg that carries less than the ends think, where nobody tells them: an MTU black hole.

use crate::{
    common::{Running, downloaded, noise, share},
    hosts::{Lab, run},
};

const REASON: &str = "large packets seem to get lost";

/// Two hosts and a router between them that drops what is too long for its interfaces, and whose
/// word on it is dropped.
fn black_hole() -> Option<Lab> {
    let lab = Lab::on(&[&[0], &[0, 1], &[1]])?;
    let router = lab.host(1);
    for (host, network) in [(0, 0), (2, 1)] {
        let gateway = router.ip(network);
        lab.host(host)
            .ip_command(&format!("route replace default via {gateway}"));
        router.ip_command(&format!("link set eth{network} mtu 1280"));
        lab.host(host)
            .drop_incoming(&["meta l4proto { icmp, ipv6-icmp }"]);
    }
    let forward = ["sysctl", "-qw", "net.ipv4.ip_forward=1"];
    run(
        "ip",
        &[&["netns", "exec", &router.name()], &forward[..]].concat(),
        "",
    );
    Some(lab)
}

fn told(node: &Running) -> usize {
    let says = |line: &&String| line.contains(REASON);
    node.seen.iter().filter(says).count()
}

#[test]
fn where_large_packets_get_lost_bulk_goes_in_small_ones_whichever_end_dials() {
    let Some(lab) = black_hole() else { return };
    let (near, far) = (lab.host(0), lab.host(2));
    // Not the same: each host has only one of them.
    let [a, c] = [1, 2].map(|seed| noise(seed, 20 << 20));
    share(&near.home("alice"), "a.bin", &a);
    share(&far.home("carol"), "c.bin", &c);
    let mut alice = near.serve("alice", &["-t", "4100"]);
    let at = |port: u16| format!("{}:{port}", near.ip(0));
    let (alice_at, dave_at) = (at(4100), at(4200));
    // Bob dials and fetches; Dave, who was told nobody's address, is dialled and fetches.
    let asked = [
        "download", "a.bin", "--json", "--wait", "30", "--peer", &alice_at,
    ];
    let mut bob = far.start("bob", &asked);
    let mut carol = far.serve("carol", &["--peer", &dave_at]);
    let asked = [
        "download",
        "c.bin",
        "--json",
        "--wait",
        "30",
        "-t",
        "4200",
        "--no-mdns",
    ];
    let mut dave = near.start("dave", &asked);
    // Meanwhile a third one asks what is the matter.
    let doctor = far.run("eve", &["doctor", "--peer", &alice_at]);
    assert!(
        // Alice, or Dave, who is behind the same leg.
        doctor.out().contains("Small packets reach "),
        "{}",
        doctor.out()
    );
    for (name, node) in [("bob", &mut bob), ("dave", &mut dave)] {
        assert_eq!(node.end(), 0, "{name}: {:?}", node.seen);
    }
    assert!(downloaded(&far.home("bob"), "a.bin") == a);
    assert!(downloaded(&near.home("dave"), "c.bin") == c);
    // Of two ends the one that made the last connection says why, once: the other may have learned
    // its address meanwhile.
    for (fetched, served) in [(&bob, &mut alice), (&dave, &mut carol)] {
        if told(fetched) == 0 && told(served) == 0 {
            served.wait("the reason", |line| line.contains(REASON));
        }
        while served.try_line() {}
        assert!(told(fetched) <= 1 && told(served) <= 1, "{:?}", served.seen);
    }
}
