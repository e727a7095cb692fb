//! The prompt through a pipe, goodbyes, and serving what was downloaded.

use crate::common::{
    Running, Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise, share,
};
use serde_json::Value;

/// Runs the prompt with `lines` from a pipe: exit code, standard output, standard error.
fn piped(swarm: &Swarm, name: &str, more: &[&str], lines: &str) -> (i32, String, String) {
    let ran = swarm.pipe(name, more, lines);
    (ran.code(), ran.out(), ran.err())
}

fn event(line: &str, kind: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    (value["event"] == kind).then_some(value)
}

/// A way to end a prompt.
type Leaving = fn(&mut Running);

#[test]
fn commands_from_a_pipe_run_in_order_and_exit_ends_them() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "one.txt", b"one");
    share(&swarm.home("alice"), "with space.txt", b"two");
    let _alice = swarm.serve_scanned("alice", &[]);
    let lines =
        "# what is here?\n\nlist one\ndownload one.txt 'with space.txt'\npeers\nexit\nlist never\n";
    let (code, out, err) = piped(&swarm, "bob", &[], lines);
    assert_eq!(code, 0, "{out}{err}");
    let at = |text: &str| {
        out.find(text)
            .unwrap_or_else(|| panic!("{text} is not in:\n{out}"))
    };
    assert!(at("NAME") < at("got one.txt, 3 B"));
    assert!(at("got with space.txt") < at("ADDRESS"));
    assert!(!err.contains("never"), "after exit nothing is read: {err}");
    assert!(err.contains("left the swarm"), "{err}");
    assert_eq!(downloaded(&swarm.home("bob"), "with space.txt"), b"two");
}

#[test]
fn the_end_of_the_input_leaves_and_the_first_failure_is_the_exit_code() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "one.txt", b"one");
    let _alice = swarm.serve_scanned("alice", &[]);
    let (code, out, err) = piped(
        &swarm,
        "bob",
        &[],
        "frobnicate\nlist nothing\ndownload one.txt",
    );
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("there is no command `frobnicate`; try `help`"),
        "{err}"
    );
    assert!(err.contains("nothing here matches `nothing`"), "{err}");
    assert!(
        out.contains("got one.txt"),
        "the others run all the same: {out}"
    );
    let (code, _, _) = piped(&swarm, "bob", &[], "");
    assert_eq!(code, 0);
    let (code, _, err) = piped(&swarm, "bob", &[], "list 'open");
    assert_eq!(code, 2);
    assert!(err.contains("quote"), "{err}");
    let (code, _, err) = piped(
        &swarm,
        "bob",
        &["--wait", "0.3"],
        "download nowhere\ndownload\n",
    );
    assert_eq!(code, 5);
    assert!(err.contains("usage: download WHAT"), "{err}");
}

#[test]
fn help_status_and_json_from_a_pipe() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "one.txt", b"one");
    share(&swarm.home("bob"), "mine.txt", b"mine");
    let _alice = swarm.serve_scanned("alice", &[]);
    let (code, out, _) = piped(&swarm, "bob", &[], "help\nhelp download\n?\n");
    assert_eq!(code, 0);
    for command in ["list", "download", "peers", "status", "cancel", "exit"] {
        assert!(out.contains(command), "{out}");
    }
    assert!(out.contains("photos/"), "{out}");
    let (code, out, err) = piped(
        &swarm,
        "bob",
        &["--json"],
        "list\ndownload one.txt\nstatus\n",
    );
    assert_eq!(code, 0, "{err}");
    let values: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(
        values
            .iter()
            .any(|value| value["name"] == "one.txt" && value["holders"] == 1)
    );
    assert!(values.iter().any(|value| value["event"] == "done"));
    let status = values.last().unwrap();
    assert_eq!(
        (&status["event"], &status["received"]),
        (&"status".into(), &3.into()),
        "{status}"
    );
    assert_eq!(status["peers"], 1, "{status}");
}

/// Whether what is started here inherits that.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

#[test]
fn a_node_that_leaves_says_so_and_the_others_hear_it_at_once() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve("alice", &[]);
    let leaves: [(&str, Leaving); 7] = [
        ("exit", |node| node.type_line("exit")),
        ("end of input", |node| drop(node.input.take())),
        ("SIGTERM", |node| node.signal("TERM")),
        ("SIGINT", |node| node.signal("INT")),
        ("SIGTERM to serve", |node| node.signal("TERM")),
        // The window is closed; some shells say so twice.
        ("SIGHUP", |node| {
            node.signal("HUP");
            node.signal("HUP");
        }),
        ("SIGHUP to serve", |node| node.signal("HUP")),
    ];
    for (at, (how, leave)) in leaves.into_iter().enumerate() {
        if how.starts_with("SIGHUP") && hangup_is_ignored() {
            eprintln!("left out: SIGHUP, which is ignored here (nohup)");
            continue;
        }
        let name = format!("guest{at}");
        let mut guest = if how.ends_with("serve") {
            swarm.serve(&name, &[])
        } else {
            swarm.start(&name, &["--json"])
        };
        let is =
            |line: &str, kind: &str| event(line, kind).is_some_and(|event| event["name"] == *name);
        alice.wait("joined", |line| is(line, "joined"));
        leave(&mut guest);
        let left = alice.wait(how, |line| is(line, "left"));
        assert!(left.contains(r#""announced":true"#), "{how}: {left}");
        let expected = match how {
            "SIGTERM" | "SIGINT" | "SIGHUP" => 130,
            _ => 0,
        };
        assert_eq!(guest.end(), expected, "{how}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_to_outlive_its_window_does() {
    let swarm = Swarm::new();
    let command = swarm.command("alice", &["serve", "--json"]);
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(command.get_program()).args(command.get_args());
    crate::common::with_environment(&mut nohup, &command);
    let mut alice = Running::of(nohup);
    alice.event("ready");
    alice.signal("HUP");
    // It is still there for somebody who comes after that.
    let bob = swarm.serve("bob", &[]);
    alice.wait("bob", |line| {
        event(line, "joined").is_some_and(|event| event["name"] == "bob")
    });
    bob.leave();
    alice.leave();
}

#[test]
fn a_program_at_the_prompt_hears_who_comes_and_goes() {
    let swarm = Swarm::new();
    let mut alice = swarm.start("alice", &["--json"]);
    let bob = swarm.serve("bob", &[]);
    let joined = alice.event("joined");
    assert_eq!(joined["name"], "bob");
    bob.leave();
    let left = alice.event("left");
    assert_eq!(
        (&left["peer"], &left["announced"]),
        (&joined["peer"], &true.into())
    );
    alice.type_line("exit");
    assert_eq!(alice.end(), 0);
}

#[test]
fn who_only_looks_is_not_announced_to_people() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "one.txt", b"one");
    let mut alice = swarm.start("alice", &["serve"]);
    alice.wait("ready", |line| line.contains("is here, on"));
    alice.wait("scanned", |line| line.contains("offering 1 file"));
    swarm.run("visitor", &["list", "one"]).succeeds();
    let bob = swarm.serve("bob", &[]);
    alice.wait("bob", |line| line.starts_with("bob joined"));
    bob.signal("TERM");
    alice.wait("bob's goodbye", |line| line == "bob left");
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    assert!(
        !alice.seen.iter().any(|line| line.contains("visitor")),
        "{:#?}",
        alice.seen
    );
}

#[test]
fn what_was_downloaded_is_served_after_its_origin_left() {
    let swarm = Swarm::new();
    let bytes = noise(3, 5 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start("bob", &["--json"]);
    bob.type_line("download big.bin");
    bob.wait("downloaded", |line| event(line, "done").is_some());
    alice.leave();
    let events = swarm
        .run("carol", &["download", "big.bin", "--json"])
        .succeeds()
        .json();
    let done = events
        .iter()
        .find(|event| event["event"] == "done")
        .unwrap();
    assert_eq!(done["sources"][0]["name"], "bob", "{done}");
    assert_eq!(downloaded(&swarm.home("carol"), "big.bin"), bytes);
    // And again after a restart, without a prompt.
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);
    let _bob = swarm.serve_scanned("bob", &[]);
    swarm.run("dave", &["download", "big.bin"]).succeeds();
    assert_eq!(downloaded(&swarm.home("dave"), "big.bin"), bytes);
}

/// Mallory has the whole file by her own account, and gives none of it. Bob has the first half from
/// elsewhere and waits for the rest: the only one from whom Carol can get anything is Bob, who is
/// still downloading.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_come_from_a_node_that_is_still_downloading() {
    let swarm = Swarm::new();
    let bytes = noise(11, 10 << 20);
    let half = 5 << 20;
    let file = File::new("big.bin", bytes.clone());
    let mallory = Faulty::join(swarm.port, "mallory", file, Fault::Misses);
    share(&swarm.home("bob"), "half.bin", &bytes[..half]);
    swarm.serve_scanned("bob", &[]).leave();
    // As a command that runs once it offers nothing of its share, only what it is downloading.
    let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
    bob.wait("bob waits", |line| event(line, "waiting").is_some());
    let mut carol = swarm.start("carol", &["download", "big.bin", "--json"]);
    carol.wait("carol has what bob has", |line| {
        event(line, "progress").is_some_and(|now| now["done"].as_u64() > Some(1 << 20))
    });
    assert!(
        bob.child.try_wait().unwrap().is_none(),
        "bob is at it still"
    );
    drop(mallory);

    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let done = carol.wait("carol is done", |line| event(line, "done").is_some());
    let done = event(&done, "done").unwrap();
    let from_bob = done["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|source| source["name"] == "bob");
    let from_bob = from_bob.unwrap_or_else(|| panic!("nothing from bob: {done}"));
    assert!(from_bob["bytes"].as_u64() > Some(1 << 20), "{done}");
    bob.wait("bob is done", |line| event(line, "done").is_some());
    assert_eq!((carol.end(), bob.end()), (0, 0));
    for name in ["bob", "carol"] {
        assert_eq!(downloaded(&swarm.home(name), "big.bin"), bytes);
    }
}
