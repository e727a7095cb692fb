//! `sprat doctor`: what the node sees of its networks, and what to do when nobody is found.
//!
//! Owns the words for causes and cures. Never concludes anything: `core::doctor` does. What servers
//! and peers are called is escaped.

use super::{config::Setup, exit::Exit, output::Out, running::once, signals::Signals};
use crate::core::{
    doctor::{Cause, Findings, Interface, Nat, Server},
    path::printable,
};
use serde_json::json;
use std::{fs, io, path::PathBuf, time::Duration};

/// Two rounds of beacons.
const LISTEN: Duration = Duration::from_secs(6);

/// Looks, tells, and leaves. Ends well when nothing is the matter.
pub async fn doctor(setup: &Setup, signals: &mut Signals) -> Exit {
    let mut setup = setup.clone();
    // A person who looks for a fault need not have made a home before; none is left behind either.
    let _for_now = match fs::metadata(&setup.settings.home) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match Temporary::new() {
            Ok(folder) => {
                setup.settings.home.clone_from(&folder.0);
                Some(folder)
            }
            Err(error) => {
                let out = Out::streams(setup.json);
                out.error(&format!(
                    "no folder can be made for the time of the look: {error}"
                ));
                return Exit::Failed;
            }
        },
        _ => None,
    };
    // The node says itself why it cannot start: a port in use, another node on this home.
    once(&setup, signals, async |node, out| {
        out.note("listening for some seconds…");
        tokio::time::sleep(LISTEN.max(setup.wait)).await;
        show(&node.examine(setup.wait).await, out)
    })
    .await
}

/// A home that is gone with this.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> io::Result<Self> {
        let name = format!("sprat-doctor-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is a few kilobytes of no interest.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn show(findings: &Findings, out: &Out) -> Exit {
    let causes = findings.conclusions();
    if out.json() {
        out.results(json_lines(findings, &causes).into_iter());
    } else {
        out.result(&report(findings, &causes));
    }
    if causes == [Cause::None] {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn word(nat: Nat) -> &'static str {
    match nat {
        Nat::Unknown => "unknown",
        Nat::None => "none",
        Nat::Kept => "keeps-ports",
        Nat::Changed => "changes-ports",
        Nat::Symmetric => "symmetric",
    }
}

/// The word for a cause in JSON, what it is, and what to do.
fn sentences(cause: &Cause, findings: &Findings) -> (&'static str, String, String) {
    let (udp, tcp) = (findings.discovery_port, findings.port);
    let (word, what, cure) = match cause {
        Cause::None => ("none", "No problem was found.".into(), String::new()),
        Cause::NoNetwork => (
            "no-network",
            "This machine has no network, or was told to use none (--listen, --interface).".into(),
            "Connect it to one (cable, Wi-Fi), and look again.".into(),
        ),
        Cause::FirewallHere => (
            "firewall",
            "This machine does not even hear its own beacons: its firewall drops them.".into(),
            format!("Allow UDP port {udp}, and the port that you give with -t (TCP and UDP), in this machine's firewall."),
        ),
        Cause::ConnectionsBlocked => (
            "connections-blocked",
            "Beacons of this swarm come in, but no connection stands: a firewall, here or there, drops TCP.".into(),
            "Start both nodes with a fixed port (-t 4001), and allow it for TCP and UDP in both firewalls.".into(),
        ),
        Cause::OtherSwarm if findings.private => (
            "other-swarm",
            "There are nodes, but none with this passphrase.".into(),
            "Compare the words in --passphrase-file on both machines, letter by letter; or start this one without.".into(),
        ),
        Cause::OtherSwarm => (
            "other-swarm",
            "There are nodes, but in a private swarm.".into(),
            "Ask for their words, and give them with --passphrase-file.".into(),
        ),
        Cause::OtherVersion => (
            "other-version",
            "There are nodes, but of another version that this one does not understand.".into(),
            "Install the same version of sprat on both machines.".into(),
        ),
        Cause::BeaconsDropped => (
            "beacons-dropped",
            "mDNS comes through, beacons do not: the network drops broadcasts, or a firewall drops their port.".into(),
            format!("Allow UDP port {udp} on both machines; or name one node by hand with --peer HOST:PORT."),
        ),
        Cause::Isolated => (
            "isolated",
            "Nothing is heard: nobody is near, or this network keeps its guests apart (as guest Wi-Fi does), or drops broadcasts."
                .into(),
            "Try another network (a phone's hotspot, a cable), name a node by hand with --peer HOST:PORT, or meet through a \
             server with --rendezvous HOST."
                .into(),
        ),
        Cause::Unreachable => (
            "unreachable",
            format!("Others cannot begin a connection to this node (TCP port {tcp}); it works as long as it begins them itself."),
            "Start it with a fixed port (-t 4001), and allow that port in this machine's firewall.".into(),
        ),
        Cause::LargePacketsLost(name) => (
            "large-packets-lost",
            format!(
                "Small packets reach {} and large ones get lost on the way, and nothing says so: a network between carries less \
                 than these machines think.",
                printable(name)
            ),
            "Set the MTU of the network interface to 1280 on both machines, or let ICMP (and ICMPv6) through every firewall \
             between. Downloads go on by themselves with small packets, after half a minute."
                .into(),
        ),
        Cause::ServerGone(name) => (
            "server-gone",
            format!("The rendezvous server {} does not answer.", printable(name)),
            "Check its address and whether it runs; TCP and UDP must reach its port (12000 unless told otherwise).".into(),
        ),
        Cause::NotReserved(name) => (
            "not-reserved",
            format!("The rendezvous server {} does not forward connections to this node.", printable(name)),
            "It may be full: try again later, or name another server as well.".into(),
        ),
        Cause::Clock(ahead) => (
            "clock",
            format!(
                "This machine's clock is {} s {} the server's.",
                ahead.unsigned_abs(),
                if *ahead > 0 { "ahead of" } else { "behind" }
            ),
            "Set the clock (switch on network time): names that are signed up carry its date.".into(),
        ),
        Cause::SymmetricNat => (
            "symmetric-nat",
            "This network's router gives each destination another port, so most connections to other networks go through the server."
                .into(),
            "Forward a port to this machine in the router (and start with -t that port), or use another network.".into(),
        ),
    };
    (word, what, cure)
}

fn report(findings: &Findings, causes: &[Cause]) -> String {
    let mut lines = vec!["Interfaces".to_owned()];
    lines.extend(findings.interfaces.iter().map(interface));
    let back: Vec<String> = findings
        .dialled_back
        .iter()
        .map(|test| {
            let how = if test.passed {
                "reaches"
            } else {
                "does not reach"
            };
            format!("{} {how} TCP port {}", printable(&test.name), findings.port)
        })
        .collect();
    lines.push(format!("Peers: {} connected", findings.peers));
    lines.extend(back.iter().map(|line| format!("  {line}")));
    for one in &findings.servers {
        lines.push(server(one));
    }
    if !findings.servers.is_empty() {
        let nat = match findings.nat() {
            Nat::Unknown => "not known: no server told how it sees this node",
            Nat::None => "none: the server sees this machine's own address",
            Nat::Kept => "keeps ports: straight connections can be made",
            Nat::Changed => {
                "changes ports: straight connections can be made if it does so alike for all"
            }
            Nat::Symmetric => {
                "another port for each destination: straight connections are seldom possible"
            }
        };
        lines.push(format!("Router (NAT): {nat}"));
    }
    lines.push(String::new());
    for cause in causes {
        let (_, what, cure) = sentences(cause, findings);
        lines.push(what);
        if !cure.is_empty() {
            lines.push(format!("  → {cure}"));
        }
    }
    lines.join("\n")
}

fn interface(one: &Interface) -> String {
    let addresses: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
    let state = match (one.up, one.used, one.multicast) {
        (false, ..) => "down",
        (_, false, _) => "not used",
        (_, _, false) => "no multicast",
        _ => "up",
    };
    let heard = one.heard;
    let mut told = vec![
        format!("{} of its own", heard.own),
        format!("{} of this swarm", heard.ours),
    ];
    if heard.other_swarm > 0 {
        told.push(format!("{} of another swarm", heard.other_swarm));
    }
    if heard.other_version > 0 {
        told.push(format!("{} of another version", heard.other_version));
    }
    if one.mdns > 0 {
        told.push(format!("{} nodes by mDNS", one.mdns));
    }
    let (name, addresses) = (printable(&one.name), addresses.join(", "));
    format!(
        "  {name} ({state}) {addresses}: heard beacons {}",
        told.join(", ")
    )
}

fn server(one: &Server) -> String {
    let name = printable(&one.name);
    if !one.connected {
        let why = one
            .why
            .as_deref()
            .map(|why| format!(": {}", printable(why)));
        return format!("Server {name}: not connected{}", why.unwrap_or_default());
    }
    let mut told = Vec::new();
    if let Some(at) = one.tcp {
        told.push(format!("sees this node at {at} (TCP)"));
    }
    if let Some(at) = one.quic {
        told.push(format!("at {at} (QUIC)"));
    }
    told.extend(
        one.reaches
            .map(|yes| (if yes { "can dial it" } else { "cannot dial it" }).to_owned()),
    );
    told.extend(one.reserved.map(|yes| {
        (if yes {
            "forwards to it"
        } else {
            "does not forward to it"
        })
        .to_owned()
    }));
    told.extend(
        one.ahead
            .map(|ahead| format!("clocks differ by {} s", ahead.unsigned_abs())),
    );
    format!("Server {name}: {}", told.join(", "))
}

fn json_lines(findings: &Findings, causes: &[Cause]) -> Vec<String> {
    let interfaces = findings.interfaces.iter().map(|one| {
        json!({
            "event": "interface", "name": one.name, "addresses": one.addresses, "up": one.up, "used": one.used,
            "multicast": one.multicast, "own": one.heard.own, "ours": one.heard.ours,
            "other_swarm": one.heard.other_swarm, "other_version": one.heard.other_version, "mdns": one.mdns,
        })
    });
    let back = findings
        .dialled_back
        .iter()
        .map(|test| json!({"event": "dialled", "name": test.name, "port": findings.port, "reached": test.passed}));
    let servers = findings.servers.iter().map(|one| {
        json!({
            "event": "server", "address": one.name, "connected": one.connected, "tcp": one.tcp, "quic": one.quic,
            "reached": one.reaches, "reserved": one.reserved, "ahead": one.ahead, "why": one.why,
        })
    });
    let causes = causes.iter().map(|cause| {
        let (word, what, cure) = sentences(cause, findings);
        json!({"event": "conclusion", "cause": word, "what": what, "cure": cure})
    });
    let nat = json!({"event": "nat", "kind": word(findings.nat()), "peers": findings.peers});
    interfaces
        .chain(back)
        .chain(servers)
        .chain([nat])
        .chain(causes)
        .map(|line| line.to_string())
        .collect()
}
