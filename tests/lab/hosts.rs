//! The hosts: a namespace each, one more with a bridge for each network, and what can go wrong
//! between them.
//!
//! Host `i` on network `n` has the interface `eth{n}` with the address `10.n.0.{i+1}`.

use crate::common::{Ran, Running};
use std::{
    fs::File,
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;

/// Where all nodes of a lab announce themselves: the namespaces are theirs alone, so it is the
/// usual one.
pub const DISCOVERY_PORT: u16 = 45670;

/// Making and removing namespaces mounts and unmounts, which two at once may not do: the tests of
/// another process neither.
fn alone() -> File {
    let path = std::env::temp_dir().join("sprat-lab.lock");
    let lock = File::create(path).unwrap();
    lock.lock().unwrap();
    lock
}

/// Hosts and networks; removed when dropped, also by a panic.
pub struct Lab {
    name: String,
    networks: Vec<Vec<u8>>,
    folder: TempDir,
}

/// One host of a lab.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    lab: &'a Lab,
    number: usize,
}

pub fn output(program: &str, arguments: &[&str], input: &str) -> std::io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(input.as_bytes())?;
    child.wait_with_output()
}

#[track_caller]
pub fn run(program: &str, arguments: &[&str], input: &str) {
    let done = output(program, arguments, input).unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {said}\n{input}"
    );
}

impl Lab {
    /// Hosts on one network. `None`, and a word why, where that is not possible.
    pub fn new(hosts: usize) -> Option<Self> {
        Self::on(&vec![&[0][..]; hosts])
    }

    /// Hosts on the networks that each one lists; with none it has loopback alone.
    pub fn on(networks: &[&[u8]]) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let lab = Self {
            name: format!("sprat-{}-{number}", std::process::id()),
            networks: networks.iter().map(|on| on.to_vec()).collect(),
            folder: tempfile::tempdir().unwrap(),
        };
        make(lab.namespaces()).then(|| {
            lab.wire();
            lab
        })
    }

    fn namespaces(&self) -> impl Iterator<Item = String> {
        (0..self.networks.len())
            .map(|number| self.host_name(number))
            .chain([self.switch()])
    }

    fn host_name(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    fn switch(&self) -> String {
        format!("{}-s", self.name)
    }

    /// Lays the cables and gives out the addresses.
    fn wire(&self) {
        let (mut cables, mut switch) = (Vec::new(), Vec::new());
        let mut all: Vec<u8> = self.networks.concat();
        all.sort_unstable();
        all.dedup();
        for network in all {
            switch.push(format!("link add br{network} type bridge mcast_snooping 0"));
            switch.push(format!("link set br{network} up"));
        }
        let mut hosts = Vec::new();
        for (number, networks) in self.networks.iter().enumerate() {
            let name = self.host_name(number);
            let mut host = vec!["link set lo up".to_owned()];
            for (nth, network) in networks.iter().enumerate() {
                let port = format!("h{number}n{network}");
                cables.push(format!(
                    "link add eth{network} netns {name} type veth peer name {port} netns {}",
                    self.switch()
                ));
                switch.push(format!("link set {port} master br{network} up"));
                let ip = self.host(number).ip(*network);
                host.push(format!("addr add {ip}/24 brd + dev eth{network}"));
                host.push(format!("link set eth{network} up"));
                if nth == 0 {
                    host.push(format!("route add default via 10.{network}.0.254"));
                }
            }
            hosts.push((name, host));
        }
        run("ip", &["-batch", "-"], &cables.join("\n"));
        run(
            "ip",
            &["-n", &self.switch(), "-batch", "-"],
            &switch.join("\n"),
        );
        for (name, lines) in hosts {
            run("ip", &["-n", &name, "-batch", "-"], &lines.join("\n"));
        }
    }

    pub fn host(&self, number: usize) -> Host<'_> {
        Host { lab: self, number }
    }

    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        (0..self.networks.len()).map(|number| self.host(number))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        remove(self.namespaces());
    }
}

/// Makes namespaces. Where that is not possible it says why and gives `false`.
pub fn make(namespaces: impl Iterator<Item = String>) -> bool {
    let why = missing(namespaces);
    if let Some(why) = &why {
        println!("left out, because it needs several hosts: {why}");
    }
    why.is_none()
}

fn missing(namespaces: impl Iterator<Item = String>) -> Option<String> {
    for tool in ["ip", "tc", "nft"] {
        if let Err(error) = output(tool, &["-V"], "") {
            return Some(format!("{tool}: {error}"));
        }
    }
    let _alone = alone();
    for namespace in namespaces {
        let done = output("ip", &["netns", "add", &namespace], "").unwrap();
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Some(format!("no namespaces (root is needed): {}", said.trim()));
        }
    }
    None
}

/// Removes namespaces, also those that were never made. Interfaces and rules go with them.
pub fn remove(namespaces: impl Iterator<Item = String>) {
    let _alone = alone();
    for namespace in namespaces {
        drop(output("ip", &["netns", "delete", &namespace], ""));
    }
}

/// The binary with the home `home` in a namespace, as a person starts it, cut off from the
/// environment's settings.
pub fn binary(namespace: &str, arguments: &[&str], home: &Path) -> Command {
    let mut command = Command::new("ip");
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
        command.env_remove(key);
    }
    // As in `common`: chunks are spread only where that is the point.
    command.env("SPRAT_REPLICAS", "1");
    command
        .args(["netns", "exec", namespace])
        .arg(env!("CARGO_BIN_EXE_sprat"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .stdin(Stdio::null());
    command
}

impl Host<'_> {
    /// Its namespace.
    pub fn name(&self) -> String {
        self.lab.host_name(self.number)
    }

    /// Its address on a network.
    pub fn ip(&self, network: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, network, 0, self.number as u8 + 1)
    }

    /// The home of the node `name`, with an empty shared folder. Names are those of the whole lab.
    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.lab.folder.path().join("homes").join(name);
        std::fs::create_dir_all(home.join("shared")).unwrap();
        home
    }

    /// The binary as the node `name` on this host, as a person starts it.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = binary(&self.name(), arguments, &self.home(name));
        if !arguments.contains(&"--name") {
            command.args(["--name", name]);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.command(name, arguments))
    }

    /// Starts a command.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Running {
        Running::of(self.command(name, arguments))
    }

    /// Starts a node without a prompt; returns when its shared folder is scanned.
    pub fn serve(&self, name: &str, more: &[&str]) -> Running {
        let mut node = self.start(name, &[&["serve", "--json"], more].concat());
        node.wait("scanned", |line| line.contains(r#""event":"scanned""#));
        node
    }

    /// What `ip` does here.
    #[track_caller]
    pub fn ip_command(&self, words: &str) {
        let name = self.name();
        let arguments: Vec<&str> = ["-n", &name]
            .into_iter()
            .chain(words.split_whitespace())
            .collect();
        run("ip", &arguments, "");
    }

    /// Pulls the cable to a network, or plugs it in.
    #[track_caller]
    pub fn cable(&self, network: u8, plugged: bool) {
        let port = format!("h{}n{network}", self.number);
        let state = if plugged { "up" } else { "down" };
        let switch = self.lab.switch();
        run("ip", &["-n", &switch, "link", "set", &port, state], "");
    }

    /// Limits what this host sends.
    #[track_caller]
    pub fn rate(&self, network: u8, megabits: u32) {
        shape(&self.name(), &format!("eth{network}"), megabits);
    }

    /// Limits what this host sends, and what it is sent.
    #[track_caller]
    pub fn link(&self, network: u8, megabits: u32) {
        self.rate(network, megabits);
        let port = format!("h{}n{network}", self.number);
        shape(&self.lab.switch(), &port, megabits);
    }

    /// Bytes that this host has sent.
    pub fn sent(&self, network: u8) -> u64 {
        let path = format!("/sys/class/net/eth{network}/statistics/tx_bytes");
        let name = self.name();
        let done = output("ip", &["netns", "exec", &name, "cat", &path], "").unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        text.trim().parse().unwrap()
    }

    /// Drops what comes in and matches one of these rules.
    #[track_caller]
    pub fn drop_incoming(&self, rules: &[&str]) {
        let rules = rules
            .iter()
            .map(|rule| format!("iifname != \"lo\" {rule} drop\n"))
            .collect::<Vec<_>>()
            .concat();
        let script = format!(
            "table inet lab {{\nchain incoming {{\ntype filter hook input priority 0;\n{rules}}}\n}}\n"
        );
        run(
            "ip",
            &["netns", "exec", &self.name(), "nft", "-f", "-"],
            &script,
        );
    }

    /// Takes the rules away.
    #[track_caller]
    pub fn drop_nothing(&self) {
        let script = "delete table inet lab\n";
        let name = self.name();
        run("ip", &["netns", "exec", &name, "nft", "-f", "-"], script);
    }

    /// What finds nodes by itself does not come through here.
    #[track_caller]
    pub fn drop_broadcasts(&self) {
        self.drop_incoming(&[
            "ip daddr { 224.0.0.0/4, 255.255.255.255, 10.0.0.255 }",
            "ip6 daddr ff00::/8",
            "udp dport { 45670, 5353 }",
        ]);
    }
}

/// Limits what leaves a namespace by a device.
#[track_caller]
pub fn shape(namespace: &str, device: &str, megabits: u32) {
    let rate = format!("{megabits}mbit");
    let mut arguments = vec!["-n", namespace, "qdisc", "add", "dev", device];
    arguments.extend(["root", "tbf", "rate", &rate]);
    arguments.extend(["burst", "64kb", "latency", "100ms"]);
    run("tc", &arguments, "");
}

/// Waits until a node says that `name` came; it may have said so already.
#[track_caller]
pub fn meets(node: &mut Running, name: &str) {
    let joined = event("joined", name);
    if !node.seen.iter().any(|line| joined(line)) {
        node.wait(&format!("{name} joined"), joined);
    }
}

/// Whether a line of `serve --json` says that `name` went.
pub fn left(name: &str) -> impl Fn(&str) -> bool {
    event("left", name)
}

fn event(kind: &str, name: &str) -> impl Fn(&str) -> bool {
    let (kind, name) = (
        format!(r#""event":"{kind}""#),
        format!(r#""name":"{name}""#),
    );
    move |line| line.contains(&kind) && line.contains(&name)
}

/// The names that a command lists, sorted.
pub fn names(ran: &Ran) -> Vec<String> {
    let mut names: Vec<String> = ran
        .json()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}
