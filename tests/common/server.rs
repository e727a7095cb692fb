//! A running rendezvous server of this program, on loopback, in a home of its own.
#![allow(dead_code)] // Each program that has it uses its part.

use crate::common::Running;
use libp2p::Multiaddr;
use sprat::core::id::NodeId;
use std::process::Command;
use tempfile::TempDir;

pub struct Server {
    pub running: Running,
    pub key: NodeId,
    pub address: Multiaddr,
    _home: TempDir,
}

impl Server {
    /// Starts it with these arguments besides; returns when it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
            command.env_remove(key);
        }
        command
            .args(["--json", "--listen", "127.0.0.1", "--home"])
            .arg(home.path())
            .args(["rendezvous", "--port", "0"])
            .args(arguments);
        let mut running = Running::of(command);
        let ready = running.event("ready");
        Self {
            running,
            key: NodeId::parse(ready["peer"].as_str().unwrap()).unwrap(),
            address: ready["addresses"][0].as_str().unwrap().parse().unwrap(),
            _home: home,
        }
    }

    /// Bytes in memory.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.running.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = rss.and_then(|rest| rest.split_whitespace().next());
        kib.unwrap().parse::<u64>().unwrap() << 10
    }
}
