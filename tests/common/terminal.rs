//! The binary at a terminal: what is typed, and what is seen.

#![allow(dead_code)] // Each program that has it uses its part.

use super::{DEADLINE, Swarm, until};
use rexpect::session::{PtySession, spawn_command};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// The binary at a pseudo-terminal.
pub struct Terminal(PtySession);

impl Terminal {
    pub fn open(swarm: &Swarm, name: &str, arguments: &[&str]) -> Self {
        let mut command = swarm.command(name, arguments);
        command.env("TERM", "xterm").stdin(Stdio::inherit());
        let patience = DEADLINE.as_millis() as u64;
        Self(spawn_command(command, Some(patience)).unwrap())
    }

    /// A shell's line, typed in a folder as it stands, at a machine that has the binary and no
    /// other swarm.
    pub fn shell(swarm: &Swarm, folder: &Path, line: &str) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_sprat")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
            command.env_remove(key);
        }
        command
            .args(["-c", line])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", binary.display()))
            .env("SPRAT_DISCOVERY_PORT", swarm.port.to_string())
            .env("SPRAT_LISTEN", "127.0.0.1")
            .env("TERM", "xterm");
        let patience = DEADLINE.as_millis() as u64;
        Self(spawn_command(command, Some(patience)).unwrap())
    }

    pub fn prompt(swarm: &Swarm, name: &str) -> Self {
        let mut terminal = Self::open(swarm, name, &[]);
        terminal.sees("sprat> ");
        terminal
    }

    #[track_caller]
    pub fn sees(&mut self, text: &str) -> String {
        match self.0.exp_string(text) {
            Ok(before) => before,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    pub fn types(&mut self, text: &str) {
        self.0.send(text).unwrap();
        self.0.flush().unwrap();
    }

    pub fn enters(&mut self, line: &str) {
        self.types(&format!("{line}\r"));
    }

    pub fn control(&mut self, key: char) {
        self.0.send_control(key).unwrap();
        self.0.flush().unwrap();
    }

    /// Waits for its end: its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> i32 {
        self.0.exp_eof().unwrap();
        let mut code = None;
        until("the prompt ends", || {
            use rexpect::process::WaitStatus::{Exited, StillAlive};
            match self.0.process().status() {
                Some(Exited(_, number)) => code = Some(number),
                Some(StillAlive) => return false,
                other => panic!("{other:?}"),
            }
            true
        });
        code.unwrap()
    }
}
