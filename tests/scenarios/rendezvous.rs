//! The rendezvous server as its owner sees it: what it says, what it keeps, how it ends.

use crate::common::{Ran, Running};
use serde_json::Value;
use std::{net::TcpListener, path::Path, process::Command};

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
    command
        .args(["--json", "--listen", "127.0.0.1", "--home"])
        .arg(home)
        .arg("rendezvous")
        .args(arguments);
    command
}

fn start(home: &Path) -> (Running, Value) {
    let mut server = Running::of(command(home, &["--port", "0"]));
    let ready = server.event("ready");
    (server, ready)
}

#[test]
fn it_says_where_it_is_and_a_restart_keeps_its_key() {
    let home = tempfile::tempdir().unwrap();
    let (mut server, ready) = start(home.path());
    let peer = ready["peer"].as_str().unwrap().to_owned();
    let addresses = ready["addresses"].as_array().unwrap();
    let tcp = addresses[0].as_str().unwrap();
    assert!(tcp.starts_with("/ip4/127.0.0.1/tcp/"), "{tcp}");
    assert!(tcp.ends_with(&format!("/p2p/{peer}")), "{tcp}");
    assert!(addresses[1].as_str().unwrap().contains("/quic-v1/"));
    let join = ready["join"].as_str().unwrap();
    assert!(join.starts_with("sprat --rendezvous 127.0.0.1:") && join.ends_with(&peer));
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    let (mut server, again) = start(home.path());
    assert_eq!(again["peer"].as_str(), Some(peer.as_str()));
    // It has a home to itself, and shares none of it.
    let busy = Ran::of(command(home.path(), &["--port", "0"]));
    assert_eq!(busy.code(), 1);
    assert!(busy.err().contains("another sprat"), "{}", busy.err());
    assert!(!home.path().join("shared").exists());
    server.signal("INT");
    assert_eq!(server.end(), 0);
}

#[test]
fn what_cannot_be_is_said() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let busy = Ran::of(command(home.path(), &["--port", &port]));
    assert_eq!(busy.code(), 1);
    assert!(busy.err().contains("--port PORT"), "{}", busy.err());
    for wrong in [
        &["--port", "70000"][..],
        &["--circuit-bytes", "0"],
        &["--circuit-time", "0"],
        &["--relay-rate", "fast"],
        &["--per-address", "0"],
        &["--external", "0.0.0.0"],
    ] {
        assert_eq!(Ran::of(command(home.path(), wrong)).code(), 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_sees_who_is_here() {
    let mut server = crate::server::Server::start(&["--report", "0.5"]);
    let mut one = crate::visitor::Visitor::arrive(1, &server.address)
        .await
        .unwrap();
    let two = crate::visitor::Visitor::arrive(2, &server.address)
        .await
        .unwrap();
    assert!(one.reserve().await);
    let running = &mut server.running;
    tokio::task::block_in_place(|| {
        let full = |line: &String| line.contains(r#""nodes":2,"reachable":1,"relayed":0"#);
        running.wait("two nodes", |line| full(&line.to_owned()));
    });
    drop((one, two));
    tokio::task::block_in_place(|| {
        running.wait("nobody", |line| line.contains(r#""nodes":0,"reachable":0"#));
    });
}
