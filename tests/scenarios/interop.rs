//! A rendezvous server and a client that this project did not write: js-libp2p, from npm
//! (`tests/interop`).
//!
//! Needs node and npm, and a registry that npm can fetch from (or packages that it fetched before);
//! without them it says that it is left out.

use crate::common::{DEADLINE, Running};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long npm may take to fetch.
const FETCH: Duration = Duration::from_secs(180);

/// The folder with the client, ready to run; or why there is none.
fn client() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    for tool in ["node", "npm"] {
        let there = Command::new(tool).arg("--version").output();
        there.map_err(|error| format!("{tool}: {error}"))?;
    }
    // What npm made itself, for this very list of packages.
    let made = std::fs::read(folder.join("node_modules/.of")).unwrap_or_default();
    let wanted = std::fs::read(folder.join("package-lock.json")).unwrap();
    if made == wanted {
        return Ok(folder);
    }
    let mut npm = Command::new("npm")
        .args([
            "ci",
            "--prefer-offline",
            "--ignore-scripts",
            "--loglevel=error",
        ])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("npm: {error}"))?;
    let until = Instant::now() + FETCH;
    let status = loop {
        if let Some(status) = npm.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            npm.kill().unwrap();
            npm.wait().unwrap();
            return Err(format!("npm does not get its packages within {FETCH:?}"));
        }
        std::thread::sleep(Duration::from_millis(100)); // A process has no other deadline.
    };
    if !status.success() {
        return Err("npm does not get its packages".into());
    }
    std::fs::write(folder.join("node_modules/.of"), wanted).unwrap();
    Ok(folder)
}

#[test]
fn a_client_of_another_make_is_served() {
    let folder = match client() {
        Ok(folder) => folder,
        Err(why) => {
            println!("left out, because it needs js-libp2p: {why}");
            return;
        }
    };
    let home = tempfile::tempdir().unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_sprat"));
    server.args([
        "rendezvous",
        "--port",
        "0",
        "--listen",
        "127.0.0.1",
        "--json",
        "--home",
    ]);
    let mut server = Running::of({
        server.arg(home.path());
        server
    });
    let ready = server.event("ready");
    let addresses = ready["addresses"].as_array().unwrap().iter();
    let address = addresses
        .filter_map(|address| address.as_str())
        .find(|address| address.contains("/tcp/") && address.contains("/p2p/"))
        .unwrap_or_else(|| panic!("no address with a key: {ready}"));
    let mut node = Command::new("node");
    node.args(["client.js", address]).current_dir(&folder);
    let started = Instant::now();
    let mut client = Running::of(node);
    client.wait("it is done", |line| line.contains(r#""step":"done""#));
    assert!(started.elapsed() < DEADLINE);
    for line in &client.seen {
        println!("{line}");
    }
    for step in [
        "identified",
        "pinged",
        "reserved",
        "registered",
        "discovered",
        "relayed",
    ] {
        let did = format!(r#""step":"{step}""#);
        assert!(client.seen.iter().any(|line| line.contains(&did)), "{step}");
    }
}
