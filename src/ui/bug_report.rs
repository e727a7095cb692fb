//! `sprat bug-report`: what a report of a fault needs, without secrets and without names.
//!
//! Shown before it is written. Invariants: no key, passphrase, code, name of a person or file, or
//! address stands in it, but for what a line of the log says; those are shown, too.

use super::{
    clean::agreed, config::Setup, exit::Exit, output::Out, running::once, signals::Signals, text,
    version,
};
use crate::{
    core::{
        doctor::{Findings, Interface, Tally},
        path::printable,
    },
    node::{Node, about, cause_in_words, log_lines},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// As long as the doctor listens.
const LISTEN: Duration = Duration::from_secs(6);
/// The newest lines of the log that are in it.
const LINES: usize = 50;
/// Keys of the home's file whose values say neither who somebody is, nor where, nor what opens
/// anything.
const SHOWN: [&str; 18] = [
    "discovery-port",
    "download-limit",
    "leave-server",
    "localsend",
    "localsend-port",
    "log-format",
    "no-mdns",
    "no-progress",
    "no-qr",
    "no-relay",
    "replica-grace",
    "replica-quota",
    "replicas",
    "timeout",
    "transfer-port",
    "upload-limit",
    "wait",
    "weak-passphrase",
];

/// With a node for as long as it takes; what it cannot say is left out.
pub async fn bug_report(setup: &Setup, file: Option<PathBuf>, signals: &mut Signals) -> Exit {
    let file = file.as_deref();
    if let Some(why) = &setup.broken {
        // A node would run with other options than this home's, and perhaps in another swarm.
        let out = Out::streams(setup.json);
        out.note(&format!(
            "without a node, which cannot start with this: {why}"
        ));
        let path = setup.settings.home.join(".sprat/config.toml");
        let report = format!("{}\n", version::sentences(&about())) + &system() + &config(&path);
        return tell(&out, &report, file).await;
    }
    once(setup, signals, async |node, out| {
        make(node, out, file, (setup.wait, Instant::now())).await
    })
    .await
}

/// The same with a node that listens since then.
pub async fn make(
    node: &Node,
    out: &Out,
    file: Option<&Path>,
    (wait, since): (Duration, Instant),
) -> Exit {
    out.note("listening for some seconds…");
    sleep_until(since + LISTEN.max(wait)).await;
    let findings = node.examine(wait).await;
    let mut report = format!("{}\n", version::sentences(&about()));
    report += &system();
    report += &home(node).await;
    report += &network(&findings);
    report += &log();
    tell(out, &report, file).await
}

/// Shows it, and writes it to a file if that is wanted.
async fn tell(out: &Out, report: &str, file: Option<&Path>) -> Exit {
    out.result(report.trim_end());
    let Some(file) = file else {
        return Exit::Done;
    };
    let question = format!(
        "write this to {}? [y/N] ",
        printable(&file.to_string_lossy())
    );
    if !agreed(out, &question).await {
        out.note("not written");
        return Exit::Done;
    }
    match fs::write(file, report) {
        Ok(()) => Exit::Done,
        Err(error) => {
            out.failure("", &format!("cannot write {}: {error}", file.display()));
            Exit::Failed
        }
    }
}

fn system() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let distribution = read("/etc/os-release");
    let distribution = distribution
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "system: {} {} {}, {}\n",
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").trim(),
        distribution.trim_matches('"'),
        text::count(processors as u64, "processor"),
    )
}

async fn home(node: &Node) -> String {
    let mut said = String::new();
    if let Some(status) = node.status().await {
        let _ = writeln!(
            said,
            "home: {} shared, {}; replicas {} of {}; broken off {}; {} peers, {} of {} servers joined; received {}, sent {}",
            text::count(status.shared_files, "file"),
            text::size(status.shared_bytes),
            text::size(status.replicas.used),
            text::size(status.replicas.quota),
            status.leftovers.files,
            status.peers,
            status.servers.iter().filter(|server| server.joined).count(),
            status.servers.len(),
            text::size(status.received),
            text::size(status.sent),
        );
    }
    said + &config(&node.home().join(".sprat/config.toml"))
}

fn config(file: &Path) -> String {
    match fs::read_to_string(file) {
        Ok(text) => format!("config.toml:\n{}", without_secrets(&text)),
        Err(_) => "config.toml: none\n".to_owned(),
    }
}

/// What a home's file says, without what is said to people in it, and without most values.
fn without_secrets(text: &str) -> String {
    let Ok(keys) = toml::from_str::<toml::Table>(text) else {
        return "  (it cannot be read)\n".to_owned();
    };
    let mut said = String::new();
    for (key, value) in keys {
        let line = match value {
            _ if !SHOWN.contains(&&*key) => format!("{key} = (left out)"),
            toml::Value::String(text) => format!("{key} = {text:?}"),
            toml::Value::Integer(number) => format!("{key} = {number}"),
            toml::Value::Float(number) => format!("{key} = {number}"),
            toml::Value::Boolean(set) => format!("{key} = {set}"),
            _ => format!("{key} = (left out)"),
        };
        let _ = writeln!(said, "  {}", printable(&line));
    }
    said
}

/// What the doctor saw, in numbers.
fn network(findings: &Findings) -> String {
    let interface = |interface: &Interface| {
        let Tally {
            own,
            ours,
            other_swarm,
            other_version,
        } = interface.heard;
        let kind = match (interface.loopback, interface.used) {
            (true, _) => "loopback",
            (false, true) => "used",
            (false, false) => "not used",
        };
        format!(
            "  {kind}, addresses {}, multicast {}: own {own}, ours {ours}, other swarms {other_swarm}, other versions {other_version}, mdns {}\n",
            interface.addresses.len(),
            interface.multicast,
            interface.mdns,
        )
    };
    let mut said = format!("networks: {:?}\n", findings.nat());
    said.extend(findings.interfaces.iter().map(interface));
    let passed = findings.dialled_back.iter().filter(|test| test.passed);
    let _ = writeln!(
        said,
        "  {} peers, {} of {} dialled back, private {}",
        findings.peers,
        passed.count(),
        findings.dialled_back.len(),
        findings.private,
    );
    for cause in findings.conclusions() {
        let (word, ..) = cause_in_words(&cause, findings);
        let _ = writeln!(said, "  conclusion: {word}");
    }
    said
}

fn log() -> String {
    let (lines, _) = log_lines().since(0);
    let newest = lines.len().saturating_sub(LINES);
    let mut said = format!("log, the newest {} lines:\n", lines.len() - newest);
    for (_, line) in &lines[newest..] {
        let _ = writeln!(
            said,
            "  {} {} {}",
            line.time,
            line.level,
            printable(&line.text)
        );
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_and_where_is_left_out() {
        let text = "# the passphrase is hunter2\n\"name\" = \"anna\"\nreplicas = 2\npassphrase-file = '/home/anna/words'\n\
                    rendezvous = ['203.0.113.7:4000',\n'x=hunter2']\nupload-limit = \"2M\"\nlocalsend-pin = 4711\n";
        let said = without_secrets(text);
        for secret in ["anna", "hunter2", "203.0", "4711"] {
            assert!(!said.contains(secret), "{said}");
        }
        for kept in [
            "replicas = 2",
            "upload-limit",
            "passphrase-file = (left out)",
        ] {
            assert!(said.contains(kept), "{said}");
        }
        let damaged = without_secrets("name = 'anna'\npassphrase = = 'hunter2'");
        assert_eq!(damaged, "  (it cannot be read)\n");
    }

    #[test]
    fn networks_are_told_in_numbers() {
        let findings = Findings {
            interfaces: vec![Interface {
                name: "wlan0".into(),
                addresses: vec![[192, 0, 2, 7].into()],
                used: true,
                ..Interface::default()
            }],
            ..Findings::default()
        };
        let said = network(&findings);
        assert!(said.contains("addresses 1,"), "{said}");
        assert!(
            !said.contains("192.0.2.7") && !said.contains("wlan0"),
            "{said}"
        );
        assert!(said.contains("conclusion: "), "{said}");
    }
}
