//! `make testing`: the homes that it makes, used as it tells people to use them.
#![cfg(unix)]

use crate::common::{Running, downloaded, until};
use std::{
    net::{TcpListener, UdpSocket},
    path::Path,
    process::Command,
};

/// A port with four free ones after it: the server's, and those on which the four people announce
/// themselves.
fn free_ports() -> u16 {
    (0..100)
        .find_map(|_| {
            let server = TcpListener::bind("0.0.0.0:0").unwrap();
            let port = server.local_addr().unwrap().port();
            let others: Result<Vec<UdpSocket>, _> = (0..5)
                .map(|next| UdpSocket::bind(("0.0.0.0", port.checked_add(next).unwrap_or(1))))
                .collect();
            others.ok().map(|_| port)
        })
        .expect("five free ports in a row")
}

fn start(folder: &Path, name: &str, more: &[&str]) -> Running {
    let mut command = Command::new(folder.join(name).join("start"));
    command.env("SPRAT_NAME", "somebody").args(more); // The scripts let nothing in from outside.
    Running::of(command)
}

#[test]
fn four_people_meet_through_the_server_that_make_testing_sets_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_ports().to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/testing.sh");
    let mut script = Command::new(script);
    script
        .arg(env!("CARGO_BIN_EXE_sprat"))
        .arg(folder)
        .arg(port);
    let made = script.output().unwrap();
    let told = String::from_utf8(made.stdout).unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let mut server = start(folder, "server", &["--json"]);
    server.event("ready");
    let mut people: Vec<Running> = ["anna", "ben", "cara", "dora"]
        .iter()
        .map(|name| {
            assert!(told.contains(&format!("{name}/start")), "{told}");
            start(folder, name, &["--json", "--wait", "30"])
        })
        .collect();
    let [anna, ben, cara, dora] = &mut people[..] else {
        unreachable!()
    };

    until("three others", || {
        cara.type_line("peers");
        cara.type_line("status");
        cara.event("status")["peers"] == 3
    });
    cara.type_line("download film.bin");
    let done = cara.event("done");
    assert_eq!(done["size"], 64 << 20, "{done}");
    let film = std::fs::read(folder.join("anna/shared/film.bin")).unwrap();
    assert!(downloaded(&folder.join("cara"), "film.bin") == film);

    cara.type_line("msg anna hello");
    anna.wait("hello", |line| line.contains("hello"));

    dora.type_line("send present.bin --to ben");
    let ask = ben.event("ask");
    ben.type_line(&format!("accept {}", ask["ask"]));
    ben.event("received");
    let present = std::fs::read(folder.join("dora/present.bin")).unwrap();
    assert!(downloaded(&folder.join("ben"), "present.bin") == present);
}
