//! `sprat doctor`: what the node sees of its networks, and what to do when nobody is found.
//!
//! Owns the words for what was seen. Never concludes anything: `core::doctor` does, and the words
//! for that are the API's. What servers and peers are called is escaped.

use super::{config::Setup, exit::Exit, output::Out, running::once, sentences, signals::Signals};
use crate::{
    core::{
        doctor::{Cause, Findings, Interface, Nat, Server},
        path::printable,
    },
    node::{Diagnosis, DoctorLine, Node, cause_in_words},
};
use std::{fs, io, path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep_until};

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
        examine(node, out, setup.wait, Instant::now()).await
    })
    .await
}

/// The same with a node that listens since then.
pub async fn examine(node: &Node, out: &Out, wait: Duration, since: Instant) -> Exit {
    out.note("listening for some seconds…");
    sleep_until(since + LISTEN.max(wait)).await;
    show(&node.examine(wait).await, out)
}

/// A home that is gone with this.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> io::Result<Self> {
        let name = format!("sprat-doctor-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        #[cfg_attr(not(unix), expect(unused_mut, reason = "nothing is set there"))]
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
        let lines = Diagnosis::of(findings).lines;
        let line = |line: &DoctorLine| serde_json::to_string(line).ok();
        out.results(lines.iter().filter_map(line));
    } else {
        out.result(&report(findings, &causes));
    }
    if causes == [Cause::None] {
        Exit::Done
    } else {
        Exit::Failed
    }
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
    lines.push(findings.dht.clone().map_or_else(
        || "DHT: off (--dht)".to_owned(),
        |dht| sentences::directory::dht(&dht.into()),
    ));
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
        let (_, what, cure) = cause_in_words(cause, findings);
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
