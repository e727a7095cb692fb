//! People at home: networks behind routers that translate addresses, a wide network between them,
//! and a server on it.
//!
//! Network `n` is 192.168.{n+1}.0/24 behind the router 203.0.113.{11+n}; client `i` has there the
//! address {10+i}. The server is 203.0.113.1. The routers let nothing in that nobody inside asked
//! for: they drop it without a word, as home routers do. (One that refused it would end the attempt
//! of the other side, too.) Two ends behind *cones* can meet by sending at the same time; from
//! behind a *symmetric* router each new destination sees another port, so nobody can say where to
//! send.

use crate::{
    common::{Ran, Running},
    hosts::{binary, make, output, remove, run, shape},
};
use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;

/// Where the clients look for the server.
pub const SERVER: &str = "203.0.113.1:12000";

/// How a router gives out ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nat {
    /// One and the same for all destinations: the inner one, if it is free.
    Cone,
    /// Another for each.
    Symmetric,
}

/// Clients, routers, a server; removed when dropped, also by a panic.
pub struct Wan {
    name: String,
    lans: Vec<Nat>,
    clients: Vec<usize>,
    folder: TempDir,
}

/// The server, or one client.
#[derive(Clone)]
pub struct Machine<'a> {
    wan: &'a Wan,
    namespace: String,
    client: Option<usize>,
}

fn rules(nat: Nat) -> String {
    let how = match nat {
        Nat::Cone => "",
        Nat::Symmetric => "fully-random",
    };
    format!(
        "table ip nat {{
            chain leaving {{
                type nat hook postrouting priority srcnat;
                oifname \"wan\" masquerade {how}
            }}
        }}
        table inet wall {{
            chain here {{
                type filter hook input priority 0;
                iifname \"wan\" ct state new,invalid drop
            }}
            chain through {{
                type filter hook forward priority 0;
                iifname \"wan\" ct state new,invalid drop
            }}
        }}\n"
    )
}

impl Wan {
    /// A router of each kind, and clients on the networks that are named by their numbers. `None`,
    /// and a word why, where that is not possible.
    pub fn new(lans: &[Nat], clients: &[usize]) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let wan = Self {
            name: format!("sprat-{}-w{number}", std::process::id()),
            lans: lans.to_vec(),
            clients: clients.to_vec(),
            folder: tempfile::tempdir().unwrap(),
        };
        make(wan.namespaces()).then(|| {
            wan.wire();
            wan
        })
    }

    /// Two people, each behind a router of a kind.
    pub fn pair(one: Nat, other: Nat) -> Option<Self> {
        Self::new(&[one, other], &[0, 1])
    }

    /// From now on the routers let TCP out to the server only: what two people make between them is
    /// QUIC or nothing.
    pub fn only_datagrams_between_people(&self) {
        let rule = "table inet only {
            chain through {
                type filter hook forward priority 0;
                oifname \"wan\" meta l4proto tcp ip daddr != 203.0.113.1 drop
            }
        }\n";
        for lan in 0..self.lans.len() {
            inside_of(&self.named('r', lan), &["nft", "-f", "-"], rule);
        }
    }

    fn namespaces(&self) -> impl Iterator<Item = String> {
        let routers = (0..self.lans.len()).map(|lan| self.named('r', lan));
        let clients = (0..self.clients.len()).map(|client| self.named('c', client));
        routers
            .chain(clients)
            .chain([self.switch(), self.named('v', 0)])
    }

    fn named(&self, kind: char, number: usize) -> String {
        format!("{}-{kind}{number}", self.name)
    }

    fn switch(&self) -> String {
        self.named('s', 0)
    }

    fn wire(&self) {
        let mut switch = vec!["link add wan type bridge mcast_snooping 0".to_owned()];
        switch.push("link set wan up".into());
        for lan in 0..self.lans.len() {
            switch.push(format!("link add lan{lan} type bridge mcast_snooping 0"));
            switch.push(format!("link set lan{lan} up"));
        }
        ip(&self.switch(), &switch);
        self.plug(&self.named('v', 0), "wan", "v0", "wan");
        ip(&self.named('v', 0), &["addr add 203.0.113.1/24 dev wan"]);
        for (lan, nat) in self.lans.iter().enumerate() {
            let router = self.named('r', lan);
            self.plug(&router, "wan", &format!("w{lan}"), "wan");
            self.plug(&router, "lan", &format!("l{lan}"), &format!("lan{lan}"));
            let outside = format!("addr add 203.0.113.{}/24 dev wan", 11 + lan);
            let inside = format!("addr add 192.168.{}.1/24 brd + dev lan", lan + 1);
            ip(&router, &[outside, inside]);
            inside_of(&router, &["sysctl", "-qw", "net.ipv4.ip_forward=1"], "");
            inside_of(&router, &["nft", "-f", "-"], &rules(*nat));
        }
        for (client, lan) in self.clients.iter().enumerate() {
            let name = self.named('c', client);
            self.plug(&name, "lan", &format!("c{client}"), &format!("lan{lan}"));
            self.client(client).addressed(*lan);
        }
    }

    /// A cable from a device in a namespace to a bridge.
    fn plug(&self, namespace: &str, device: &str, port: &str, bridge: &str) {
        let switch = self.switch();
        let cable = format!(
            "link add {device} netns {namespace} type veth peer name {port} netns {switch}"
        );
        run("ip", &["-batch", "-"], &cable);
        ip(
            &switch,
            &[format!("link set dev {port} master {bridge} up")],
        );
        ip(
            namespace,
            &["link set dev lo up", &format!("link set dev {device} up")],
        );
    }

    /// The server's machine.
    pub fn server(&self) -> Machine<'_> {
        Machine {
            wan: self,
            namespace: self.named('v', 0),
            client: None,
        }
    }

    /// A client's machine.
    pub fn client(&self, number: usize) -> Machine<'_> {
        Machine {
            wan: self,
            namespace: self.named('c', number),
            client: Some(number),
        }
    }

    /// Starts the server with more options; returns when it is ready. Its home, and so its key, is
    /// always the same.
    pub fn rendezvous(&self, more: &[&str]) -> Running {
        let words = [&["rendezvous", "--port", "12000", "--json"], more].concat();
        let server = self.server();
        let home = self.folder.path().join("server");
        std::fs::create_dir_all(&home).unwrap();
        let mut running = Running::of(binary(&server.namespace, &words, &home));
        running.event("ready");
        running
    }
}

impl Drop for Wan {
    fn drop(&mut self) {
        remove(self.namespaces());
    }
}

#[track_caller]
fn ip<L: AsRef<str>>(namespace: &str, lines: &[L]) {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    run("ip", &["-n", namespace, "-batch", "-"], &lines.join("\n"));
}

#[track_caller]
fn inside_of(namespace: &str, words: &[&str], input: &str) {
    run(
        "ip",
        &[&["netns", "exec", namespace], words].concat(),
        input,
    );
}

impl Machine<'_> {
    /// The home of the node `name`, with an empty shared folder. Names are those of the whole lab.
    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.wan.folder.path().join("homes").join(name);
        std::fs::create_dir_all(home.join("shared")).unwrap();
        home
    }

    /// The binary as the node `name`, which knows the server.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = binary(&self.namespace, arguments, &self.home(name));
        command.args(["--name", name, "--rendezvous", SERVER]);
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
        node.event("scanned");
        node
    }

    /// Starts a node with a prompt that is typed at (`type_line`) and answers with JSON.
    pub fn prompt(&self, name: &str, more: &[&str]) -> Running {
        self.start(name, &[&["--json"], more].concat())
    }

    fn device(&self) -> &'static str {
        if self.client.is_some() { "lan" } else { "wan" }
    }

    /// Bytes that came in and went out by its cable.
    pub fn bytes(&self) -> (u64, u64) {
        let count = |which: &str| -> u64 {
            let path = format!("/sys/class/net/{}/statistics/{which}_bytes", self.device());
            let words = ["netns", "exec", &self.namespace, "cat", &path];
            let done = output("ip", &words, "").unwrap();
            String::from_utf8(done.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        };
        (count("rx"), count("tx"))
    }

    /// Limits what it sends.
    #[track_caller]
    pub fn rate(&self, megabits: u32) {
        shape(&self.namespace, self.device(), megabits);
    }

    /// Pulls its cable, or plugs it in.
    #[track_caller]
    pub fn cable(&self, plugged: bool) {
        let port = self
            .client
            .map_or("v0".into(), |number| format!("c{number}"));
        let state = if plugged { "up" } else { "down" };
        ip(
            &self.wan.switch(),
            &[format!("link set dev {port} {state}")],
        );
    }

    /// Takes a client to another network: another cable, another address, another router.
    #[track_caller]
    pub fn moves_to(&self, lan: usize) {
        let number = self.client.expect("the server stays where it is");
        ip(&self.namespace, &["addr flush dev lan"]);
        let port = format!("link set dev c{number} master lan{lan}");
        ip(&self.wan.switch(), &[port]);
        self.addressed(lan);
    }

    #[track_caller]
    fn addressed(&self, lan: usize) {
        let (network, host) = (lan + 1, 10 + self.client.unwrap());
        let address = format!("addr add 192.168.{network}.{host}/24 brd + dev lan");
        let route = format!("route replace default via 192.168.{network}.1");
        ip(&self.namespace, &[address, route]);
    }
}
