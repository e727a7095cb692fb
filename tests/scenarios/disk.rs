//! A disk that is full, refuses, or lost something; a home that another node uses.

use crate::common::{
    Running, Swarm, downloaded, noise, share,
    small::{Small, is_root},
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn a_damaged_index_is_said_rebuilt_and_served_from() {
    let swarm = Swarm::new();
    let bytes = noise(1, 3 << 20);
    share(&swarm.home("alice"), "a.bin", &bytes);
    drop(swarm.serve_scanned("alice", &[]));
    let index = swarm.home("alice").join(".sprat/index");
    for file in fs::read_dir(&index)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file.is_file() {
            let len = fs::metadata(&file).unwrap().len() as usize;
            fs::write(file, noise(2, len)).unwrap();
        }
    }
    let mut alice = swarm.start_all("alice", &["serve", "--json"]);
    alice.event("ready");
    assert_eq!(alice.event("scanned")["read"], 1);
    assert!(
        alice
            .seen
            .iter()
            .any(|line| line.contains("is being rebuilt")),
        "{:?}",
        alice.seen
    );
    swarm.run("bob", &["download", "a.bin"]).succeeds();
    assert!(downloaded(&swarm.home("bob"), "a.bin") == bytes);
    drop(alice);

    fs::remove_dir_all(&index).unwrap();
    let mut alice = swarm.serve("alice", &[]);
    assert_eq!(alice.event("scanned")["read"], 1);
    let bob = swarm
        .run("bob", &["download", "a.bin", "--json"])
        .succeeds();
    assert_eq!(bob.done()["already"], true);
}

#[test]
fn damage_anywhere_in_the_index_never_stops_the_node() {
    let swarm = Swarm::new();
    let bytes = noise(3, 9 << 20);
    share(&swarm.home("alice"), "a.bin", &bytes);
    drop(swarm.serve_scanned("alice", &[]));
    let db = swarm.home("alice").join(".sprat/index/db");
    let good = fs::read(&db).unwrap();
    // The end of what was written is somewhere in the first part; the rest is room.
    let used = good.iter().rposition(|&byte| byte != 0).unwrap();
    for tenth in 0..10 {
        let mut bad = good.clone();
        let at = used * tenth / 10;
        bad[at..(at + 200).min(used)].fill(0xa5);
        fs::write(&db, bad).unwrap();
        let mut alice = swarm.start_all("alice", &["serve", "--json"]);
        alice.event("scanned");
        let name = format!("bob{tenth}");
        swarm.run(&name, &["download", "a.bin"]).succeeds();
        assert!(downloaded(&swarm.home(&name), "a.bin") == bytes);
        alice.signal("TERM");
        assert_eq!(alice.end(), 0, "{:?}", alice.seen);
    }
}

#[test]
fn a_second_node_in_one_home_is_told_who_has_it() {
    let swarm = Swarm::new();
    let alice = swarm.serve("alice", &[]);
    let second = swarm.run("alice", &["serve"]);
    assert_eq!(second.code(), 1, "{}", second.err());
    let pid = format!("another sprat (process {}", alice.child.id());
    assert!(second.err().contains(&pid), "{}", second.err());
}

#[test]
fn a_home_that_is_a_file_or_missing_is_refused_in_words() {
    let swarm = Swarm::new();
    let file = swarm.home("x").join("file");
    fs::write(&file, "x").unwrap();
    for (home, why) in [
        (file, "is not a folder"),
        (swarm.home("x").join("none"), "there is no folder"),
    ] {
        // The last one given counts.
        let mut command = swarm.command("x", &["list"]);
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let at = arguments
            .iter()
            .position(|argument| argument == "--home")
            .unwrap();
        let mut other = Command::new(command.get_program());
        other
            .args(&arguments[..=at])
            .arg(&home)
            .args(&arguments[at + 2..]);
        let output = other.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        command.stdin(Stdio::null());
    }
}

#[test]
fn downloads_can_go_to_another_file_system() {
    let other = Path::new("/dev/shm");
    let Ok(folder) = tempfile::tempdir_in(other) else {
        eprintln!("left out: there is no /dev/shm here");
        return;
    };
    let swarm = Swarm::new();
    let bytes = noise(4, 5 << 20);
    share(&swarm.home("alice"), "sub/a.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    // With a slash at its end: without one it would be the file's own path.
    let into = folder.path().join("new/folder/");
    for _ in 0..2 {
        swarm
            .run(
                "bob",
                &["download", "sub/a.bin", "-o", into.to_str().unwrap()],
            )
            .succeeds();
        assert!(fs::read(into.join("sub/a.bin")).unwrap() == bytes);
    }
    assert_eq!(fs::read_dir(into.join("sub")).unwrap().count(), 1);
}

/// The command as somebody without root's rights runs it.
#[cfg(unix)]
fn as_nobody(command: &Command) -> Option<Command> {
    let mut nobody = if is_root() {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let able = nobody.arg(command.get_program()).arg("--version").output();
        if !able.is_ok_and(|output| output.status.success()) {
            eprintln!("left out: root cannot become somebody else here");
            return None;
        }
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        nobody.arg(command.get_program());
        nobody
    } else {
        Command::new(command.get_program())
    };
    nobody.args(command.get_args());
    crate::common::with_environment(&mut nobody, command);
    Some(nobody)
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_home_that_may_not_be_written_is_refused_in_words() {
    let swarm = Swarm::new();
    let home = swarm.home("bob");
    mode(home.parent().unwrap(), 0o755);
    mode(&home, 0o555);
    let Some(mut bob) = as_nobody(&swarm.command("bob", &["list"])) else {
        return;
    };
    let output = bob.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot be written") && said.contains("--home"),
        "{said}"
    );
    mode(&home, 0o755);
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_served() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    share(&home, "open.txt", b"open");
    share(&home, "closed.txt", b"closed");
    share(&home, "room/x.txt", b"x");
    mode(home.parent().unwrap(), 0o755);
    mode(&home, 0o777);
    mode(&home.join("shared/closed.txt"), 0o000);
    mode(&home.join("shared/room"), 0o000);
    let Some(mut alice) = as_nobody(&swarm.command("alice", &["serve", "--json"])) else {
        return;
    };
    let mut alice = Running::start(alice.stderr(Stdio::piped()));
    assert_eq!(alice.event("scanned")["files"], 1);
    let said = alice.seen.join("\n");
    assert!(
        said.contains("closed.txt") && said.contains("room"),
        "{said}"
    );
    assert_eq!(
        swarm
            .run("bob", &["list", "--json"])
            .succeeds()
            .json()
            .len(),
        1
    );
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);

    // The whole folder.
    mode(&home.join("shared"), 0o000);
    let Some(mut alice) = as_nobody(&swarm.command("alice", &["serve", "--json"])) else {
        return;
    };
    let mut alice = Running::start(alice.stderr(Stdio::piped()));
    assert_eq!(alice.event("scanned")["files"], 0);
    let said = alice.seen.join("\n");
    assert!(said.contains("notice") && said.contains("shared"), "{said}");
    mode(&home.join("shared"), 0o755);
    mode(&home.join("shared/room"), 0o755);
    // Nobody has to start it again.
    alice.wait("its file", |line| line.contains("open.txt"));
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_download_goes_on_when_there_is_room() {
    let swarm = Swarm::new();
    let bytes = noise(5, 120 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let Some(small) = Small::mount(&swarm.home("bob"), 60) else {
        return;
    };
    let run = || {
        let command = swarm.command("bob", &["download", "big.bin", "--json"]);
        let output = small.enter(&command).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            out,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let nothing = || assert!(!small.seen().join("downloads/big.bin").exists());
    // Known before it begins.
    let (code, out, err) = run();
    assert_eq!(code, Some(7), "{out}{err}");
    assert!(out.contains("no space"), "{out}");
    nothing();

    // It fills up on the way.
    small.resize(200);
    let bob = swarm.command("bob", &["download", "big.bin", "--json"]);
    let mut bob = Running::start(small.enter(&bob).stderr(Stdio::piped()));
    let had = bob.has(1 << 20);
    let filler = small.seen().join("filler");
    let full = Command::new("dd")
        .args(["if=/dev/zero", "bs=1M", "status=none"])
        .arg(format!("of={}", filler.display()))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!full.success());
    assert_eq!(bob.end(), 7, "{:#?}", bob.seen);
    assert!(
        bob.seen.iter().any(|line| line.contains("no space")),
        "{:?}",
        bob.seen
    );
    nothing();

    // Still full.
    let (code, out, err) = run();
    assert_eq!(code, Some(7), "{out}{err}");
    assert!((out + &err).contains("no space"));
    nothing();
    fs::remove_file(filler).unwrap();
    let (code, out, err) = run();
    assert_eq!(code, Some(0), "{out}{err}");
    let done = out
        .lines()
        .find(|line| line.contains(r#""event":"done""#))
        .unwrap();
    let done: serde_json::Value = serde_json::from_str(done).unwrap();
    assert!(done["resumed"].as_u64().unwrap() >= had, "{had} {done}");
    assert!(fs::read(small.seen().join("downloads/big.bin")).unwrap() == bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_is_said_and_nothing_is_claimed() {
    let swarm = Swarm::new();
    let bytes = noise(6, 24 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let bob = swarm.command("bob", &["download", "big.bin", "--json"]);
    // No file of this process may grow beyond 8 MiB.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16384; exec \"$@\"", "sh"]);
    limited.arg(bob.get_program()).args(bob.get_args());
    crate::common::with_environment(&mut limited, &bob);
    let output = limited.stdin(Stdio::null()).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains(r#""event":"error""#), "{out}");
    assert!(!swarm.home("bob").join("downloads/big.bin").exists());
    swarm.run("bob", &["download", "big.bin"]).succeeds();
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
}
