//! Another implementation of LocalSend's protocol, in both directions: `localsendd` from `PyPI`
//! (`pip install localsendd`). Where it is not installed, or this machine has no network but its
//! own, nothing is tested and that is said.
//!
//! It listens to announcements on the port of the protocol alone, so these tests use that one.

use crate::common::{DEADLINE, Ran, Running, Swarm, noise, until};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const MIB: usize = 1 << 20;
const PORT: &str = "53317";
/// The other program, and a node that sees it.
struct Beside {
    daemon: Child,
    folder: PathBuf,
    port: String,
    swarm: Swarm,
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn python() -> Option<String> {
    let chosen = std::env::var("SPRAT_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&chosen)
        .args(["-c", "import localsendd"])
        .stderr(Stdio::null())
        .status();
    there.is_ok_and(|status| status.success()).then_some(chosen)
}

/// Whether a multicast datagram can leave this machine: it has a network.
fn has_network() -> bool {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.send_to(b"{}", "224.0.0.167:53317").is_ok()
}

fn environment(command: &mut Command, folder: &Path) {
    for (key, below) in [
        ("XDG_STATE_HOME", "state"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        fs::create_dir_all(folder.join(below)).unwrap();
        command.env(key, folder.join(below));
    }
}

impl Beside {
    /// Under a name of its own: others run at the same time.
    fn start(alias: &str) -> Option<Self> {
        let Some(python) = python() else {
            eprintln!("left out: python3 has no localsendd (SPRAT_TEST_PYTHON names another one)");
            return None;
        };
        if !has_network() {
            eprintln!("left out: no network for announcements");
            return None;
        }
        let swarm = Swarm::new();
        let folder = swarm.home("daemon");
        let mut command = Command::new(&python);
        let port = Swarm::new().port.to_string();
        command.args(["-m", "localsendd", "--port", &port, "--alias", alias]);
        command.args(["--unattended", "--encryption"]);
        command.args(["--download-dir", folder.join("here").to_str().unwrap()]);
        environment(&mut command, &folder);
        let daemon = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let beside = Self {
            daemon: daemon.unwrap(),
            folder,
            port,
            swarm,
        };
        let socket = beside.folder.join("run/localsendd.sock");
        until("the other program runs", || socket.exists());
        Some(beside)
    }

    fn control(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(python().unwrap());
        command.args(["-m", "localsendd.cli"]).args(arguments);
        environment(&mut command, &self.folder);
        command
    }

    fn sprat(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.swarm.command(name, arguments);
        command
            .env_remove("SPRAT_LISTEN")
            .env("SPRAT_LOCALSEND", "1")
            .env("SPRAT_LOCALSEND_PORT", PORT);
        command
    }
}

#[test]
fn the_other_program_gets_what_is_sent_to_its_name() {
    let Some(beside) = Beside::start("Nice Orange") else {
        return;
    };
    let film = beside.swarm.home("outside").join("film.bin");
    fs::write(&film, noise(3, 5 * MIB)).unwrap();
    let path = film.to_str().unwrap();
    let to = ["send", path, "--to", "Nice Orange", "--wait", "20"];
    let sent = Ran::of(beside.sprat("carl", &to));
    assert_eq!(sent.code(), 0, "{}\n{}", sent.out(), sent.err());
    let there = fs::read(beside.folder.join("here/film.bin")).unwrap();
    assert!(there == noise(3, 5 * MIB));
}

#[test]
fn what_the_other_program_sends_is_asked_for_and_arrives() {
    let Some(beside) = Beside::start("Secret Banana") else {
        return;
    };
    let film = beside.swarm.home("outside").join("film.bin");
    fs::write(&film, noise(4, 5 * MIB)).unwrap();
    let mut dora = Running::of(beside.sprat("dora", &["serve", "--json", "--accept", "all"]));
    dora.event("ready");
    let seen = |line: &str| line.contains("joined") && line.contains("LocalSend: Secret Banana");
    dora.wait("the other program", seen);
    let path = film.to_str().unwrap();
    let sent = || {
        let send = beside
            .control(&["send", path, "--to", "dora", "--wait"])
            .output();
        send.unwrap().status.success()
    };
    until("it is sent", sent);
    let received = dora.event_within("received", DEADLINE + Duration::from_secs(1));
    assert_eq!(received["complete"], true, "{received}");
    assert_eq!(received["from"], "LocalSend: Secret Banana");
    let there = beside.swarm.home("dora").join("downloads/film.bin");
    assert!(fs::read(there).unwrap() == noise(4, 5 * MIB));
}

#[test]
fn what_the_other_program_offers_is_received_by_its_address() {
    let Some(beside) = Beside::start("Calm Cherry") else {
        return;
    };
    let here = beside.folder.join("here");
    fs::create_dir_all(&here).unwrap();
    fs::write(here.join("my film.bin"), noise(5, 5 * MIB)).unwrap();
    fs::write(here.join("ä & b.txt"), "by boat").unwrap();
    let at = format!("https://127.0.0.1:{}", beside.port);
    beside.swarm.run("erik", &["receive", &at, "-y"]).succeeds();
    let there = beside.swarm.home("erik").join("downloads");
    assert!(fs::read(there.join("my film.bin")).unwrap() == noise(5, 5 * MIB));
    assert_eq!(fs::read(there.join("ä & b.txt")).unwrap(), b"by boat");
}
