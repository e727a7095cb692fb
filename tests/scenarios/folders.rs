//! Folders that are sent: what is in them that is no plain file. The shipped binary.

#![cfg(unix)]

use crate::common::{Running, Swarm};
use std::{fs, os::unix::fs::symlink, path::Path};

fn send(from: &mut Running, what: &Path, to: &str) {
    from.type_line(&format!("send '{}' --to {to}", what.display()));
}

fn accept(to: &mut Running) {
    let ask = to.event("ask");
    to.type_line(&format!("accept {}", ask["ask"]));
}

#[test]
fn what_can_be_sent_of_a_folder_arrives_and_the_rest_is_told() {
    let swarm = Swarm::new();
    let tree = swarm.home("outside").join("tree");
    fs::create_dir_all(tree.join("hollow/deep")).unwrap();
    fs::write(tree.join("a"), "a").unwrap();
    fs::write(tree.join("back\\slash"), "x").unwrap();
    symlink("a", tree.join("inside")).unwrap();
    symlink("/etc/passwd", tree.join("outside")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    let mut alice = swarm.start("alice", &["--json"]);
    let mut bob = swarm.start("bob", &["--json"]);
    send(&mut alice, &tree, "bob");
    let left = alice.event("left-out");
    let listed: Vec<&str> = left["listed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(listed, ["back\\slash", "outside", "socket"]);
    accept(&mut bob);
    alice.event("done");
    let came = swarm.home("bob").join("downloads/tree");
    assert_eq!(fs::read(came.join("a")).unwrap(), b"a");
    assert_eq!(fs::read(came.join("inside")).unwrap(), b"a");
    assert!(came.join("hollow/deep").is_dir());
    assert_eq!(fs::read_dir(&came).unwrap().count(), 3);
}
