//! Standard input that is sent, standard output that a file goes to, and a file's own path.

use crate::common::{Running, Swarm, noise, share};
use std::{
    fs,
    io::{Read, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

fn spool_of(swarm: &Swarm, name: &str) -> usize {
    fs::read_dir(swarm.home(name).join(".sprat/spool")).map_or(0, Iterator::count)
}

fn arguments<'a>(words: &[&'a str], path: &'a Path) -> Vec<&'a str> {
    let mut words = words.to_vec();
    words.extend(["-o", path.to_str().unwrap()]);
    words
}

#[test]
fn one_file_goes_to_standard_output_or_to_a_path_of_its_own() {
    let swarm = Swarm::new();
    let bytes = noise(1, 3 << 20);
    let home = swarm.home("alice");
    share(&home, "a.bin", &bytes);
    share(&home, "b.bin", b"other");
    share(&home, "empty", b"");
    let _alice = swarm.serve_scanned("alice", &[]);

    for (name, bytes) in [("a.bin", &bytes[..]), ("empty", b"")] {
        let output = swarm
            .command("bob", &["download", name, "-o", "-", "--json"])
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == bytes, "{name}: nothing but its bytes");
        assert!(String::from_utf8_lossy(&output.stderr).contains("\"event\":\"done\""));
    }
    assert_eq!(spool_of(&swarm, "bob"), 0);
    assert!(!swarm.home("bob").join("downloads").exists());

    let several = swarm.run("bob", &["download", "*.bin", "-o", "-"]);
    assert_eq!(
        (several.code(), &*several.out()),
        (2, ""),
        "{}",
        several.err()
    );
    assert!(several.err().contains("2 files"), "{}", several.err());

    // Nobody reads it.
    let mut command = swarm.command("bob", &["download", "a.bin", "-o", "-"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("closed") && !said.contains("panicked"),
        "{said}"
    );

    let path = swarm.home("bob").join("new.bin");
    swarm
        .run("bob", &arguments(&["download", "a.bin"], &path))
        .succeeds();
    assert!(fs::read(&path).unwrap() == bytes);
    // The same again is no other file.
    swarm
        .run("bob", &arguments(&["download", "a.bin"], &path))
        .succeeds();
    let kept = swarm.run("bob", &arguments(&["download", "b.bin"], &path));
    assert_eq!(kept.code(), 1, "{}", kept.err());
    assert!(kept.err().contains("--overwrite"), "{}", kept.err());
    assert!(fs::read(&path).unwrap() == bytes);
    let over = arguments(&["download", "b.bin", "--overwrite"], &path);
    swarm.run("bob", &over).succeeds();
    assert_eq!(fs::read(&path).unwrap(), b"other");

    // Where nothing can be saved, it is not the room that lacks.
    for (path, why) in [("/proc/nope", "/proc"), ("/proc/nope/", "/proc")] {
        if !cfg!(target_os = "linux") {
            break;
        }
        let nowhere = swarm.run("bob", &["download", "a.bin", "-o", path]);
        assert_eq!(nowhere.code(), 1, "{}", nowhere.err());
        let said = nowhere.err();
        assert!(
            said.contains("cannot create") && said.contains(why),
            "{said}"
        );
        assert!(!said.contains("no space"), "{said}");
    }
}

/// What a child says on a stream.
fn all(stream: Option<impl Read>) -> Vec<u8> {
    let mut said = Vec::new();
    stream.unwrap().read_to_end(&mut said).unwrap();
    said
}

fn piped(mut command: Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_comes_by_standard_input_goes_to_standard_output_elsewhere() {
    let swarm = Swarm::new();
    let bytes = noise(2, 3 << 20);
    let send = ["send", "-", "--as", "log.txt", "--json"];
    let mut alice = Running::of(swarm.command("alice", &send));
    let mut input = alice.input.take().unwrap();
    input.write_all(&bytes).unwrap();
    drop(input);
    let code = alice.event("code")["code"].as_str().unwrap().to_owned();
    assert_eq!(spool_of(&swarm, "alice"), 1);
    let mut bob = piped(swarm.command("bob", &["receive", &code, "-y", "-o", "-"]));
    drop(bob.stdin.take());
    let came = all(bob.stdout.take());
    let said = String::from_utf8(all(bob.stderr.take())).unwrap();
    assert!(bob.wait().unwrap().success(), "{said}");
    assert!(came == bytes && said.contains("log.txt"), "{said}");
    assert_eq!(alice.end(), 0);
    assert_eq!((spool_of(&swarm, "alice"), spool_of(&swarm, "bob")), (0, 0));

    // Two do not fit one stream, and the sender hears a no.
    fs::write(swarm.home("alice").join("a"), "a").unwrap();
    fs::write(swarm.home("alice").join("b"), "b").unwrap();
    let two = ["a", "b"].map(|name| swarm.home("alice").join(name));
    let two = two.each_ref().map(|path| path.to_str().unwrap());
    let mut alice = swarm.start("alice", &["send", two[0], two[1], "--json"]);
    let code = alice.event("code")["code"].as_str().unwrap().to_owned();
    let bob = swarm.run("bob", &["receive", &code, "-y", "-o", "-"]);
    assert_eq!((bob.code(), &*bob.out()), (2, ""), "{}", bob.err());
    assert_eq!(alice.end(), 4);

    for (wrong, why) in [
        (&["send", "-", "-"][..], "once"),
        (&["send", "--as", "x", two[0]], "--as"),
        (&["send", "-", "--code"], "--code"),
    ] {
        let ran = swarm.run("alice", wrong);
        assert_eq!(ran.code(), 2, "{}", ran.err());
        assert!(ran.err().contains(why), "{}", ran.err());
    }
}
