//! The binary at a terminal: what is typed, and what is seen.

use super::{DEADLINE, Swarm, until};
use rexpect::session::{PtySession, spawn_command};
use std::process::Stdio;

/// The binary at a pseudo-terminal.
pub struct Terminal(PtySession);

impl Terminal {
    pub fn open(swarm: &Swarm, name: &str, arguments: &[&str]) -> Self {
        let mut command = swarm.command(name, arguments);
        command.env("TERM", "xterm").stdin(Stdio::inherit());
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
