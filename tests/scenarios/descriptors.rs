//! Too few file descriptors: that is said, instead of that nobody is there.
#![cfg(unix)]

use crate::common::{Swarm, share};
use std::net::{SocketAddr, TcpStream};

#[test]
fn a_command_without_descriptors_says_so_and_not_that_nobody_is_here() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "a.txt", b"hello");
    let mut alice = swarm.serve_scanned("alice", &[]);
    swarm.run("bob", &["list"]).succeeds();
    let mut said_so = 0;
    for limit in 6..40 {
        let list = ["list", "--wait", "3"];
        let mut bob = swarm.start_limited("bob", &list, &format!("exec 2>&1; ulimit -n {limit}"));
        let code = bob.end();
        let said = bob.seen.join("\n");
        if code == 0 {
            assert!(said.contains("a.txt"), "with {limit}: {said}");
        } else {
            assert!(!said.contains("nobody is here"), "with {limit}: {said}");
            // So early that the program does not begin, or its disk has none left: the system's
            // words have to do.
            let named = said.contains("ulimit") || said.contains("oo many open files");
            let early = said.is_empty() || said.contains("cannot open shared object");
            assert!(named || early || limit < 10, "with {limit}: {said}");
            said_so += u32::from(said.contains("ulimit"));
        }
    }
    assert!(said_so > 0, "no limit was too low for a connection alone");
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
}

#[test]
fn a_node_that_can_take_no_more_connections_says_so_once() {
    let swarm = Swarm::new();
    let mut alice = swarm.start_limited("alice", &["serve", "--json"], "ulimit -n 64");
    let ready = alice.event("ready");
    let at: SocketAddr = ready["addresses"][0].as_str().unwrap().parse().unwrap();
    let flood: Vec<TcpStream> = (0..100)
        .filter_map(|_| TcpStream::connect(at).ok())
        .collect();
    let notice = alice.event("notice");
    assert!(
        notice["text"].as_str().unwrap().contains("ulimit"),
        "{notice}"
    );
    drop(flood);
    crate::common::until("she takes connections again", || {
        swarm.run("bob", &["peers", "--wait", "1"]).code() == 0
    });
    while alice.try_line() {}
    let notices = alice.seen.iter().filter(|line| line.contains("ulimit"));
    assert_eq!(notices.count(), 1, "{:?}", alice.seen);
}
