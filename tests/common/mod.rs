//! Helpers for the tests: the shipped binary as a person or a script runs it, and peers that
//! misbehave.
#![allow(dead_code)] // Each program of tests uses its part.

pub mod beacons;
pub mod faulty;
pub mod http;
pub mod small;
#[cfg(unix)]
pub mod terminal;

use socket2::{Domain, Socket, Type};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything may take before a test gives up on it: generous, because machines are slow at
/// times.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A swarm of its own on loopback: nodes with the same discovery port.
pub struct Swarm {
    pub port: u16,
    folder: TempDir,
}

impl Default for Swarm {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the nodes of a swarm could share this UDP port now.
fn can_be_shared(port: u16) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    let any = std::net::SocketAddr::from(([0, 0, 0, 0], port));
    socket.bind(&any.into()).is_ok()
}

impl Swarm {
    pub fn new() -> Self {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        // A process that another test is starting right now has a copy of that socket until its
        // `exec`: wait for that.
        let until = Instant::now() + DEADLINE;
        while !can_be_shared(port) {
            assert!(Instant::now() < until, "port {port} stays busy");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self {
            port,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The home of `name`, with an empty shared folder.
    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.folder.path().join(name);
        std::fs::create_dir_all(home.join("shared")).unwrap();
        home
    }

    /// A command of the binary for the node `name`, cut off from the environment's settings and
    /// other swarms.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
            command.env_remove(key);
        }
        // What a test counts is what it asked for: chunks are spread only where that is the point.
        command.env("SPRAT_REPLICAS", "1");
        // Not as options: a command beside a node that runs is given none of the node's.
        command
            .env("SPRAT_NAME", name)
            .env("SPRAT_LISTEN", "127.0.0.1")
            .env("SPRAT_DISCOVERY_PORT", self.port.to_string())
            .args(arguments)
            .args(["--home", self.home(name).to_str().unwrap()])
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.command(name, arguments))
    }

    /// Runs the prompt with `lines` from a pipe to its end.
    pub fn pipe(&self, name: &str, arguments: &[&str], lines: &str) -> Ran {
        let started = Instant::now();
        let mut child = self
            .command(name, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        drop(input);
        Ran {
            output: child.wait_with_output().unwrap(),
            elapsed: started.elapsed(),
        }
    }

    /// Starts a node without a prompt; returns when it is ready.
    pub fn serve(&self, name: &str, more: &[&str]) -> Running {
        let mut arguments = vec!["serve", "--json"];
        arguments.extend(more);
        let mut node = self.start(name, &arguments);
        node.wait("ready", |line| line.contains(r#""event":"ready""#));
        node
    }

    /// Starts a node without a prompt; returns when its shared folder is scanned.
    pub fn serve_scanned(&self, name: &str, more: &[&str]) -> Running {
        let mut node = self.serve(name, more);
        node.wait("scanned", |line| line.contains(r#""event":"scanned""#));
        node
    }

    /// Starts a command whose output is read as it comes and whose input can be written.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Running {
        Running::start(self.command(name, arguments).stderr(Stdio::inherit()))
    }

    /// The same, with what it says on standard error among its lines.
    pub fn start_all(&self, name: &str, arguments: &[&str]) -> Running {
        Running::start(self.command(name, arguments).stderr(Stdio::piped()))
    }

    /// The same under a limit of the shell, such as `ulimit -n 64`.
    pub fn start_limited(&self, name: &str, arguments: &[&str], limit: &str) -> Running {
        let inner = self.command(name, arguments);
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]);
        command.arg(inner.get_program()).args(inner.get_args());
        with_environment(&mut command, &inner);
        Running::of(command)
    }
}

/// The same command for a node that nobody gave a name.
pub fn unnamed(command: &Command) -> Command {
    let mut other = copy(command);
    other.env_remove("SPRAT_NAME");
    other
}

/// The same command for a node that calls itself `name`, whatever its home is called.
pub fn renamed(command: &Command, name: &str) -> Command {
    let mut other = copy(command);
    other.env("SPRAT_NAME", name);
    other
}

fn copy(command: &Command) -> Command {
    let mut other = Command::new(command.get_program());
    with_environment(&mut other, command);
    other.args(command.get_args());
    other
}

/// Gives a command the environment of another one.
pub fn with_environment(command: &mut Command, of: &Command) {
    for (key, value) in of.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
}

/// A command that ended.
#[derive(Debug)]
pub struct Ran {
    output: Output,
    pub elapsed: Duration,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        let started = Instant::now();
        Self {
            output: command.output().unwrap(),
            elapsed: started.elapsed(),
        }
    }

    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Its lines of JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.out()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The event with which a download of one file ended.
    #[track_caller]
    pub fn done(&self) -> serde_json::Value {
        let done = self
            .json()
            .into_iter()
            .find(|event| event["event"] == "done");
        done.unwrap_or_else(|| panic!("{}\n{}", self.out(), self.err()))
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code(), 0, "{}\n{}", self.out(), self.err());
        self
    }
}

/// A command that runs; killed when dropped.
pub struct Running {
    pub child: Child,
    pub input: Option<ChildStdin>,
    lines: Receiver<String>,
    pub seen: Vec<String>,
}

impl Running {
    /// Starts a command whose output is read as it comes and whose input can be written.
    pub fn of(mut command: Command) -> Self {
        Self::start(command.stderr(Stdio::inherit()))
    }

    /// Starts a command; its standard error is read too when it is piped.
    pub fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (sender, lines) = sync_channel(10_000);
        read_lines(child.stdout.take().unwrap(), sender.clone());
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, sender);
        }
        let input = child.stdin.take();
        Self {
            child,
            lines,
            input,
            seen: Vec::new(),
        }
    }

    /// Waits for a line of JSON that tells of `event`.
    #[track_caller]
    pub fn event(&mut self, event: &str) -> serde_json::Value {
        let line = self.wait(event, |line| {
            line.contains(&format!(r#""event":"{event}""#))
        });
        serde_json::from_str(&line).unwrap()
    }

    /// The same with a longer deadline: for many hosts on few processors.
    #[track_caller]
    pub fn event_within(&mut self, event: &str, limit: Duration) -> serde_json::Value {
        let wanted = format!(r#""event":"{event}""#);
        let line = self.wait_within(limit, event, |line| line.contains(&wanted));
        serde_json::from_str(&line).unwrap()
    }

    /// Waits until a download has `bytes` and gives how many it has then.
    #[track_caller]
    pub fn has(&mut self, bytes: u64) -> u64 {
        let done = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            event["done"]
                .as_u64()
                .filter(|_| event["event"] == "progress")
        };
        let line = self.wait("progress", |line| {
            done(line).is_some_and(|done| done >= bytes)
        });
        done(&line).unwrap()
    }

    /// Waits for a line of its standard output.
    #[track_caller]
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_within(DEADLINE, what, wanted)
    }

    #[track_caller]
    fn wait_within(
        &mut self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> String {
        let until = Instant::now() + limit;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if wanted(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{what}: not within {limit:?}; saw {:#?}", self.seen)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{what}: it ended; saw {:#?}", self.seen)
                }
            }
        }
    }

    /// Takes in a line that is here already; false when there is none.
    pub fn try_line(&mut self) -> bool {
        let line = self.lines.try_recv();
        self.seen.extend(line.clone());
        line.is_ok()
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Ends a `serve` in good order: what it knows is on the disk afterwards.
    #[track_caller]
    pub fn leave(mut self) {
        self.signal("TERM");
        assert_eq!(self.end(), 0);
    }

    /// Waits for its end and gives its exit code; -1 when a signal ended it.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        drop(self.input.take());
        let until = Instant::now() + DEADLINE;
        loop {
            while let Ok(line) = self.lines.try_recv() {
                self.seen.push(line);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
                    self.seen.push(line);
                }
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < until,
                "it did not end; saw {:#?}",
                self.seen
            );
            std::thread::sleep(Duration::from_millis(20)); // try_wait is all there is to wait for a process with a deadline.
        }
    }
}

fn read_lines(from: impl Read + Send + 'static, to: SyncSender<String>) {
    let lines = BufReader::new(from).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds that nothing announces.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(20)); // Between two looks, not in place of one.
    }
}

/// KiB that a process has had in memory at most.
pub fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

/// Deterministic bytes without repetition, different for each seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Puts a file into a node's shared folder.
pub fn share(home: &Path, name: &str, bytes: &[u8]) {
    let path = home.join("shared").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Bytes of chunks that a home keeps for others.
pub fn kept(home: &Path) -> u64 {
    let folder = home.join(".sprat/replicas");
    let folders = std::fs::read_dir(folder).into_iter().flatten();
    let files = folders.filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok());
    let sizes = files
        .flatten()
        .filter_map(|file| file.ok()?.metadata().ok());
    sizes.map(|meta| meta.len()).sum()
}

/// What a download left.
pub fn downloaded(home: &Path, name: &str) -> Vec<u8> {
    std::fs::read(home.join("downloads").join(name)).unwrap()
}
