//! Commands in the home of a node that runs: the node does them, and they say and end as they do
//! without one.

use crate::common::{Ran, Running, Swarm, downloaded, noise, share, terminal::Terminal, until};
use std::{io::Write as _, process::Stdio};

/// Bytes of a film: a few seconds' worth.
const FILM: usize = 3 << 20;

/// The only job of a node, as `jobs` tells of it.
fn job(swarm: &Swarm, name: &str) -> serde_json::Value {
    let jobs = swarm.run(name, &["jobs", "--json"]).succeeds().json();
    jobs.last().cloned().expect("a job")
}

fn waits_for(swarm: &Swarm, name: &str, state: &str) -> serde_json::Value {
    let until = std::time::Instant::now() + crate::common::DEADLINE;
    loop {
        let seen = job(swarm, name);
        if seen["state"] == state {
            return seen;
        }
        assert!(std::time::Instant::now() < until, "{seen}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn download(swarm: &Swarm) -> Running {
    let mut download = swarm.start("bob", &["download", "big.bin", "--json", "-o", "."]);
    download.has(1);
    download
}

/// The node's own options are given at its start alone.
fn its_own_options_are_refused(swarm: &Swarm) {
    let limited = swarm.run("bob", &["list", "--upload-limit", "1M", "--wait", "1"]);
    assert_eq!(limited.code(), 2, "{}", limited.err());
    assert!(
        limited.err().contains("leave out --upload-limit,"),
        "{}",
        limited.err()
    );
}

#[cfg(unix)]
fn looks_at_the_networks(swarm: &Swarm) {
    let doctor = swarm.run("bob", &["doctor", "--json"]);
    let seen = doctor.json();
    let last = seen.last().expect("a conclusion");
    assert_eq!(last["event"], "conclusion", "{seen:?}");
    assert_eq!(doctor.code() == 0, last["cause"] == "none", "{seen:?}");
    assert!(
        seen.iter()
            .any(|line| line["event"] == "dialled" && line["name"] == "alice"),
        "{seen:?}"
    );
}

/// Standard input and output are the shell's, not the node's.
#[cfg(unix)]
fn streams_are_those_of_the_shell(swarm: &Swarm, alice: &mut Running) {
    let got = swarm
        .run("bob", &["download", "a.txt", "-o", "-"])
        .succeeds();
    assert_eq!(got.out(), "hello", "{}", got.err());
    let empty = swarm.run("bob", &["download", "empty", "-o", "-"]);
    assert_eq!(empty.succeeds().out(), "");
    assert!(got.err().contains("standard output"), "{}", got.err());
    // More than all the queues on its way hold.
    let film = ["download", "film.bin", "-o", "-"];
    let out = swarm.command("bob", &film).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.stdout == noise(7, FILM), "{said}");
    let mut command = swarm.command("bob", &["download", "a.txt", "-o", "-"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut closed = command.spawn().unwrap();
    drop(closed.stdout.take());
    let closed = closed.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&closed.stderr);
    assert_eq!(closed.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the reader of standard output closed it"),
        "{said}"
    );

    let mut command = swarm.command("bob", &["send", "-", "--as", "log.bin", "--to", "alice"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut send = command.spawn().unwrap();
    let mut input = send.stdin.take().unwrap();
    let bytes = noise(9, 1 << 20);
    input.write_all(&bytes).unwrap();
    drop(input);
    let ended = send.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert_eq!(alice.event("received")["name"], "log.bin");
    assert!(downloaded(&swarm.home("alice"), "log.bin") == bytes);
    let never = swarm.run("bob", &["send", "-", "--to", "alice", "--later"]);
    assert_eq!(never.code(), 2, "{}", never.err());
}

/// Both ways between a node that runs and one that does not; what else it is asked goes on.
#[cfg(unix)]
fn takes_and_gives_by_code(swarm: &Swarm) {
    let outside = swarm.home("outside");
    let note = outside.join("note.txt");
    std::fs::write(&note, "a note").unwrap();
    let note = note.to_str().unwrap();
    let handed = |from: &str, to: &str| {
        let mut sender = swarm.start(from, &["send", "--json", note]);
        let code = sender.event("code")["code"].as_str().unwrap().to_owned();
        let mut command = swarm.command(to, &["receive", &code, "--json", "-o", "."]);
        command.current_dir(swarm.home(to));
        let events = Ran::of(command).succeeds().json();
        assert_eq!(events[0]["event"], "ask", "{events:?}");
        assert_eq!(events.last().unwrap()["event"], "received", "{events:?}");
        assert_eq!(
            std::fs::read(swarm.home(to).join("note.txt")).unwrap(),
            b"a note"
        );
        assert_eq!(sender.end(), 0);
    };
    handed("bob", "carol");
    handed("carol", "bob");
    // With a code that the receiver shows, and typed lines by way of the socket.
    let mut receiver = swarm.start("bob", &["receive", "--json", "-o", "/nowhere/at/all"]);
    let shown = receiver.event("code")["code"].as_str().unwrap().to_owned();
    receiver.type_line("7-no-code");
    assert_eq!(receiver.end(), 2);
    let gone = swarm.run("carol", &["send", note, "--code", &shown, "--wait", "1"]);
    assert_eq!(gone.code(), 5, "{}", gone.err());
}

/// The node keeps it, and the shell need not wait.
#[cfg(unix)]
fn keeps_what_is_sent_later(swarm: &Swarm) {
    let note = swarm.home("outside").join("note.txt");
    let send = [
        "send",
        note.to_str().unwrap(),
        "--to",
        "carol",
        "--later",
        "--json",
        "--wait",
        "1",
    ];
    let kept = swarm.run("bob", &send).succeeds().json();
    assert_eq!(kept[0]["event"], "later", "{kept:?}");
    let number = kept[0]["later"].to_string();
    swarm.run("bob", &["cancel", "later", &number]).succeeds();
}

/// What is sent rests, at both ends, and goes on.
#[cfg(unix)]
fn pauses_a_send(swarm: &Swarm) {
    let other = swarm.home("outside").join("other.bin");
    std::fs::write(&other, noise(8, 16 << 20)).unwrap();
    let mut send = swarm.start(
        "bob",
        &["send", other.to_str().unwrap(), "--to", "alice", "--json"],
    );
    send.has(1);
    let number = job(swarm, "bob")["job"].to_string();
    let paused = swarm
        .run("bob", &["pause", &number, "--json"])
        .succeeds()
        .json();
    assert_eq!(paused[0]["state"], "paused", "{paused:?}");
    waits_for(swarm, "alice", "waiting");
    swarm.run("bob", &["resume", &number]).succeeds();
    waits_for(swarm, "alice", "running");
    swarm.run("bob", &["cancel", &number]).succeeds();
    assert_eq!(send.end(), 130);
}

/// Beside a node and without one: from a path relative to the shell, and back.
#[cfg(unix)]
fn shares_what_stays_where_it_is(swarm: &Swarm) {
    let outside = swarm.home("outside");
    std::fs::create_dir_all(outside.join("music")).unwrap();
    std::fs::write(outside.join("music/song"), "la").unwrap();
    let share = |home: &str, path: &str| {
        let mut command = swarm.command(home, &["share", path, "--json"]);
        command.current_dir(&outside);
        Ran::of(command)
    };
    let shared = share("bob", "music").succeeds().json();
    assert_eq!(
        (&shared[0]["event"], &shared[0]["name"]),
        (&"shared".into(), &"music".into())
    );
    assert_eq!(share("bob", "nothing").code(), 5);
    assert_eq!(share("bob", swarm.home("bob").to_str().unwrap()).code(), 2);
    let waiting = swarm.run("carol", &["download", "music/song", "--wait", "30"]);
    waiting.succeeds();
    let got = swarm.home("carol").join("downloads/music/song");
    assert_eq!(std::fs::read(got).unwrap(), b"la");
    swarm.run("bob", &["unshare", "music"]).succeeds();
    assert_eq!(swarm.run("bob", &["unshare", "music"]).code(), 5);
    assert!(outside.join("music/song").exists());
    // Without a node it is kept for the next one.
    let kept = share("carol", "music").succeeds().json();
    assert_eq!(kept[0]["name"], "music");
    let rows = swarm.run("carol", &["share", "--json"]).succeeds().json();
    assert_eq!(rows[0]["name"], "music");
    swarm.run("carol", &["unshare", "music"]).succeeds();
}

#[cfg(unix)]
fn pauses_and_ends_downloads(swarm: &Swarm) {
    // One that another shell pauses, lets go on and cancels.
    let mut first = download(swarm);
    let running = waits_for(swarm, "bob", "running");
    assert_eq!(running["sources"][0]["name"], "alice", "{running}");
    let number = running["job"].to_string();
    let paused = swarm
        .run("bob", &["pause", &number, "--json"])
        .succeeds()
        .json();
    assert_eq!(paused[0]["state"], "paused");
    let resumed = swarm.run("bob", &["resume", "--json"]).succeeds().json();
    assert_eq!(resumed[0]["job"], running["job"]);
    swarm.run("bob", &["cancel", &number]).succeeds();
    assert!(
        first.event("error")["error"]
            .as_str()
            .unwrap()
            .starts_with("interrupted")
    );
    assert_eq!(first.end(), 130);
    assert_eq!(waits_for(swarm, "bob", "cancelled")["job"], running["job"]);
    assert_eq!(swarm.run("bob", &["cancel", "99"]).code(), 5);
    assert_eq!(swarm.run("bob", &["resume", &number]).code(), 4);

    // At a terminal there is a bar. Ctrl-C stops the command, and not the node.
    let mut second = Terminal::open(swarm, "bob", &["download", "big.bin"]);
    second.sees("big.bin");
    second.sees("eta");
    second.sees("1 source");
    second.control('c');
    second.sees("big.bin: stopped; what is here is kept");
    assert_eq!(second.ends(), 130);
    waits_for(swarm, "bob", "cancelled");
    // So does the end of the shell.
    let mut third = download(swarm);
    third.signal("KILL");
    third.end();
    waits_for(swarm, "bob", "cancelled");
}

#[cfg(unix)]
#[test]
fn a_node_that_runs_does_what_is_asked_beside_it() {
    let swarm = Swarm::new();
    let bytes: Vec<u8> = (0..4_000_000_u32)
        .flat_map(|at| blake3::hash(&at.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    std::fs::write(swarm.home("alice").join("shared/big.bin"), bytes).unwrap();
    share(&swarm.home("alice"), "a.txt", b"hello");
    share(&swarm.home("alice"), "empty", b"");
    share(&swarm.home("alice"), "film.bin", &noise(7, FILM));
    let slow = [
        "--upload-limit",
        "1M",
        "--download-limit",
        "1M",
        "--accept",
        "all",
    ];
    let mut alice = swarm.serve_scanned("alice", &slow);
    let none = swarm.run("bob", &["jobs"]);
    assert_eq!(none.code(), 5, "{}", none.err());
    let mut bob = swarm.start("bob", &["serve", "--json", "--web=127.0.0.1:0"]);
    let ready = bob.event("ready");
    let page = bob.event("web");
    assert!(
        page["address"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    bob.event("joined");

    // What is only looked at, in both forms.
    let status = swarm.run("bob", &["status", "--json"]).succeeds().json();
    assert_eq!(
        (&status[0]["event"], &status[0]["peer"]),
        (&"status".into(), &ready["peer"])
    );
    let list = swarm.run("bob", &["list", "--json"]).succeeds().json();
    let names: Vec<_> = list
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a.txt", "big.bin", "empty", "film.bin"]);
    assert!(
        swarm
            .run("bob", &["list"])
            .succeeds()
            .out()
            .starts_with("NAME")
    );
    its_own_options_are_refused(&swarm);
    shares_what_stays_where_it_is(&swarm);
    let peers = swarm.run("bob", &["peers", "--json"]).succeeds().json();
    assert_eq!(peers[0]["name"], "alice");
    let missing = swarm.run("bob", &["list", "nothing"]);
    assert_eq!(missing.code(), 5);
    assert!(
        missing
            .err()
            .contains("sprat: nothing here matches `nothing`"),
        "{}",
        missing.err()
    );
    let missing = swarm.run("bob", &["download", "nothing", "--wait", "0.2"]);
    assert_eq!(missing.code(), 5, "{}", missing.err());

    // A download to a place that the shell means, not the node.
    let to = swarm.home("elsewhere");
    let mut command = swarm.command("bob", &["download", "a.txt", "--json", "-o", "."]);
    let done = Ran::of({
        command.current_dir(&to);
        command
    });
    assert_eq!(done.succeeds().done()["name"], "a.txt");
    assert_eq!(std::fs::read(to.join("a.txt")).unwrap(), b"hello");

    pauses_and_ends_downloads(&swarm);
    looks_at_the_networks(&swarm);
    streams_are_those_of_the_shell(&swarm, &mut alice);
    takes_and_gives_by_code(&swarm);
    keeps_what_is_sent_later(&swarm);
    pauses_a_send(&swarm);
    swarm.run("bob", &["msg", "alice", "hi"]).succeeds();
    assert_eq!(alice.event("message")["text"], "hi");
    let page = swarm.run("bob", &["web", "--json"]).succeeds().json();
    assert!(page[0]["address"].as_str().unwrap().contains("/#code="));
    let without = swarm.run("alice", &["web"]);
    assert_eq!(without.code(), 1);
    assert!(without.err().contains("--web"), "{}", without.err());
    bob.leave();
    assert_eq!(swarm.run("bob", &["jobs"]).code(), 5);
    assert_eq!(swarm.run("bob", &["web"]).code(), 5);
}

/// What the node gives and takes by code goes by the shell's streams, and one code is for many.
#[cfg(unix)]
#[test]
fn a_node_that_runs_sends_to_a_group_and_has_the_streams_of_its_shells() {
    let swarm = Swarm::new();
    let mut bob = swarm.start("bob", &["serve", "--json"]);
    bob.event("ready");
    let code_of = |sender: &mut Running| sender.event("code")["code"].as_str().unwrap().to_owned();
    let bytes = noise(3, FILM);
    let film = swarm.home("outside").join("film.bin");
    std::fs::write(&film, &bytes).unwrap();

    let group = ["send", "--group", film.to_str().unwrap(), "--json"];
    let mut sender = swarm.start("bob", &group);
    let code = code_of(&mut sender);
    assert_eq!(code.split('-').count(), 5, "{code}");
    let names = ["carol", "dave"];
    let receivers = names.map(|name| swarm.start(name, &["receive", &code, "--json"]));
    for (mut receiver, name) in receivers.into_iter().zip(names) {
        receiver.event("received");
        assert_eq!(receiver.end(), 0);
        assert!(downloaded(&swarm.home(name), "film.bin") == bytes);
        sender.event("done");
    }
    sender.signal("INT");
    assert_eq!(sender.end(), 0, "two have it");
    assert_eq!(job(&swarm, "bob")["state"], "cancelled");

    // From standard input at the node to standard output elsewhere.
    let send = ["send", "-", "--as", "log.bin", "--json"];
    let mut sender = swarm.start("bob", &send);
    let mut input = sender.input.take().unwrap();
    input.write_all(&bytes).unwrap();
    drop(input);
    let code = code_of(&mut sender);
    let take = |name: &str, code: &str| {
        let mut command = swarm.command(name, &["receive", code, "-y", "-o", "-"]);
        let out = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{said}");
        assert!(out.stdout == bytes, "nothing but its bytes: {said}");
        said
    };
    let said = take("carol", &code);
    assert!(said.contains("log.bin"), "{said}");
    assert_eq!(sender.end(), 0);
    // From elsewhere to standard output at the node.
    let send = ["send", film.to_str().unwrap(), "--json"];
    let mut sender = swarm.start("carol", &send);
    let code = code_of(&mut sender);
    let said = take("bob", &code);
    assert!(said.contains("film.bin"), "{said}");
    assert_eq!(sender.end(), 0);
    let spool = swarm.home("bob").join(".sprat/spool");
    until("nothing of it stays", || {
        std::fs::read_dir(&spool).map_or(true, |mut all| all.next().is_none())
    });
    assert!(!swarm.home("bob").join("downloads").exists());
    bob.leave();
}
