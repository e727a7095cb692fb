//! The shipped program's commands that run once, as a person or a script uses them: output, JSON,
//! exit codes, advice.

use crate::common::{Ran, Swarm, noise, share};
use std::{
    io::{BufRead as _, BufReader},
    net::{TcpListener, UdpSocket},
    process::{Command, Stdio},
};

/// A swarm in which alice offers a few things.
fn with_alice() -> (Swarm, crate::common::Running) {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    for (name, len) in [
        ("report.pdf", 2000),
        ("photos/one.jpg", 3000),
        ("photos/two.JPG", 1),
        ("photos/raw/three.jpg", 70_000),
    ] {
        share(&home, name, &noise(len, len as usize));
    }
    let alice = swarm.serve_scanned("alice", &[]);
    (swarm, alice)
}

fn names(ran: &Ran) -> Vec<String> {
    let name = |row: serde_json::Value| row["name"].as_str().unwrap().to_owned();
    ran.json().into_iter().map(name).collect()
}

#[test]
fn list_shows_what_is_offered_and_a_pattern_narrows_it() {
    let (swarm, _alice) = with_alice();
    let all = swarm.run("bob", &["list", "--json"]).succeeds();
    assert_eq!(
        names(&all),
        [
            "photos/one.jpg",
            "photos/raw/three.jpg",
            "photos/two.JPG",
            "report.pdf"
        ]
    );
    let row = &all.json()[0];
    assert_eq!((&row["size"], &row["holders"]), (&3000.into(), &1.into()));
    assert_eq!(
        (&row["type"], &row["copies"]),
        (&"image/jpeg".into(), &1.into())
    );
    let id = row["id"].as_str().unwrap();
    assert_eq!(id.len(), 64, "{row}");

    let found = |pattern| names(&swarm.run("bob", &["list", "--json", pattern]).succeeds());
    assert_eq!(found("*.jpg"), ["photos/one.jpg", "photos/raw/three.jpg"]);
    assert_eq!(found("photos/*.jpg"), ["photos/one.jpg"]);
    assert_eq!(found("REP"), ["report.pdf"], "a part, in any case");
    assert_eq!(found(&id[..8]), ["photos/one.jpg"], "an id's beginning");

    let nothing = swarm.run("bob", &["list", "nothing*"]);
    assert_eq!(nothing.code(), 5);
    assert_eq!(nothing.out(), "");
    assert!(
        nothing.err().contains("nothing here matches `nothing*`"),
        "{}",
        nothing.err()
    );

    let table = swarm.run("bob", &["list"]).succeeds().out();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    let column = lines[0].find("ID").unwrap();
    assert!(
        lines[1..]
            .iter()
            .all(|line| id_like(&line[column..]) && !line.contains('\u{1b}')),
        "{table}"
    );
}

fn id_like(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn peers_shows_who_is_here_and_by_which_path() {
    let (swarm, _alice) = with_alice();
    let _bob = swarm.serve("bob", &[]);
    let rows = swarm.run("carol", &["peers", "--json"]).succeeds().json();
    let names: Vec<_> = rows.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["alice", "bob"]);
    for row in rows {
        assert_eq!(row["via"], "lan");
        assert!(
            row["address"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{row}"
        );
        assert!(row["peer"].is_string() && row.get("rtt_ms").is_some());
    }
    let table = swarm.run("carol", &["peers"]).succeeds().out();
    assert!(table.starts_with("NAME"), "{table}");
    assert!(table.contains("alice"), "{table}");
}

#[test]
fn who_was_named_and_does_not_answer_is_named_with_the_reason() {
    let swarm = Swarm::new();
    let closed = || {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        taken.local_addr().unwrap().to_string()
    };
    let (peer, server) = (closed(), closed());
    let words = [
        "peers",
        "--wait",
        "2",
        "--peer",
        &peer,
        "--rendezvous",
        &server,
    ];
    let ran = swarm.run("alone", &words);
    assert_eq!(ran.code(), 5);
    for (option, address) in [("--peer", &peer), ("--rendezvous", &server)] {
        let told = format!("{option} {address}: refused");
        assert!(ran.err().contains(&told), "{told}: {}", ran.err());
    }
}

#[test]
fn alone_says_so_and_what_to_look_at() {
    let swarm = Swarm::new();
    for arguments in [&["list"][..], &["peers"], &["download", "x"]] {
        let ran = swarm.run("alone", &[arguments, &["--wait", "0.2"]].concat());
        assert_eq!(ran.code(), 5, "{arguments:?}");
        assert_eq!(ran.out(), "");
        assert!(
            ran.err().contains("nobody is here") && ran.err().contains("--peer HOST:PORT"),
            "{}",
            ran.err()
        );
    }
    let json = swarm.run("alone", &["download", "x", "--json", "--wait", "0.2"]);
    assert_eq!(json.code(), 5);
    assert_eq!(json.json()[0]["event"], "error");
    assert_eq!(json.json()[0]["name"], "x");
}

#[test]
fn a_peer_that_offers_nothing_is_not_nobody() {
    let swarm = Swarm::new();
    let _alice = swarm.serve_scanned("alice", &[]);
    let ran = swarm.run("bob", &["list"]).succeeds();
    assert!(
        ran.err().contains("nobody here offers anything"),
        "{}",
        ran.err()
    );
    let ran = swarm.run("bob", &["download", "x", "--wait", "0.2"]);
    assert_eq!(ran.code(), 5);
    assert!(
        ran.err().contains("nobody here offers `x`"),
        "{}",
        ran.err()
    );
    assert!(!ran.err().contains("nobody is here"), "{}", ran.err());
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_right() {
    let swarm = Swarm::new();
    for (arguments, expected) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["download"], "NAME|ID"),
        (&["list", "--wait", "soon"], "not a number of seconds"),
        (&["list", "-t", "70000"], "70000"),
        (&["list", "--listen", "here"], "here"),
        (
            &["list", "--peer", "alice"],
            "--peer alice: expected host:port",
        ),
        (&["lst"], "similar subcommand exists: 'list'"),
    ] {
        let ran = swarm.run("alone", arguments);
        assert_eq!(ran.code(), 2, "{arguments:?}");
        assert_eq!(ran.out(), "");
        assert!(ran.err().contains(expected), "{}", ran.err());
    }
    let help = swarm.run("alone", &["--help"]).succeeds();
    assert!(help.out().contains("Exit codes") && help.out().contains("sprat download photos/"));
    let version = swarm.run("alone", &["--version"]).succeeds();
    assert_eq!(
        version.out(),
        concat!("sprat ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let swarm = Swarm::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = swarm.run("alone", &["completions", shell]).succeeds().out();
        assert!(script.contains("download"), "{shell}");
    }
    let script = swarm
        .run("alone", &["completions", "bash"])
        .succeeds()
        .out();
    let file = swarm.home("alone").join("sprat.bash");
    std::fs::write(&file, script).unwrap();
    let typed = "source \"$0\"; COMP_WORDS=(sprat dow); COMP_CWORD=1; _sprat sprat dow sprat; echo \"${COMPREPLY[@]}\"";
    let Ok(done) = Command::new("bash").args(["-c", typed]).arg(&file).output() else {
        return; // No bash, nothing to accept it.
    };
    assert_eq!(String::from_utf8_lossy(&done.stdout), "download\n");
    assert!(
        !swarm.home("alone").join(".sprat").exists(),
        "printing a script makes no home"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let swarm = Swarm::new();
    for at in 0..3000 {
        share(
            &swarm.home("alice"),
            &format!("a-rather-long-name-to-fill-the-pipe-with/{at}"),
            &[1],
        );
    }
    let _alice = swarm.serve_scanned("alice", &[]);
    let mut child = swarm
        .command("bob", &["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap(); // And it is closed here, as `head -1` does.
    assert!(first.starts_with("NAME"));
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn a_busy_or_privileged_port_says_what_to_do() {
    let swarm = Swarm::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in [&["serve"][..], &["list"], &[]] {
        let ran = swarm.run("alice", &[command, &["-t", &port]].concat());
        assert_eq!(ran.code(), 1, "{}", ran.err());
        assert!(
            ran.err().contains(&port) && ran.err().contains("-t"),
            "{}",
            ran.err()
        );
    }
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = udp.local_addr().unwrap().port().to_string();
    let ran = swarm.run("alice", &["serve", "-t", &port]);
    assert_eq!(
        (ran.code(), ran.err().contains(&port)),
        (1, true),
        "{}",
        ran.err()
    );

    // A user who may bind it (root) gets it: then there is nothing to say.
    if TcpListener::bind("127.0.0.1:1")
        .is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
    {
        let ran = swarm.run("alice", &["serve", "-t", "1"]);
        assert_eq!(ran.code(), 1);
        assert!(ran.err().contains("1024"), "{}", ran.err());
    }
}

#[test]
fn the_doctor_needs_no_home_and_makes_none() {
    let swarm = Swarm::new();
    let command = swarm.command("nobody", &["doctor", "--json"]);
    let home = swarm.home("nobody");
    std::fs::remove_dir_all(&home).unwrap();
    let ran = Ran::of(command);
    let conclusion = |event: &serde_json::Value| event["event"] == "conclusion";
    assert!(
        ran.json().iter().any(conclusion),
        "{}\n{}",
        ran.out(),
        ran.err()
    );
    assert!(!home.exists());
}

#[test]
fn verbose_is_one_line_for_each_thing_that_happens() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "film.bin", &noise(1, 2 << 20));
    let mut alice = swarm.start_all("alice", &["serve", "-v", "--replicas", "2"]);
    alice.wait("the scan", |line| {
        line.contains("indexed the shared folder: 1 file")
    });
    let keeper = swarm.serve("keeper", &["--replica-quota", "100M"]);
    for said in ["keeper (", " chunks of "] {
        if !alice.seen.iter().any(|line| line.contains(said)) {
            alice.wait(said, |line| line.contains(said));
        }
    }
    swarm.run("bob", &["download", "film.bin"]).succeeds();
    if !alice.seen.iter().any(|line| line.contains(" serving ")) {
        alice.wait("serving", |line| line.contains(" serving "));
    }
    keeper.leave();
    alice.wait("goodbye", |line| {
        line.contains("INFO") && line.contains("keeper") && line.ends_with("left")
    });
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    let served = alice.seen.iter().filter(|line| line.contains(" serving "));
    assert!(served.count() <= 2, "{:#?}", alice.seen);
}

#[test]
fn a_weak_passphrase_is_refused_with_advice_and_a_good_one_is_made() {
    let swarm = Swarm::new();
    let with = |words: &str, more: &[&str]| {
        let arguments = [&["peers", "--wait", "0.1"], more].concat();
        let mut command = swarm.command("alice", &arguments);
        command.env("SPRAT_PASSPHRASE", words);
        Ran::of(command)
    };
    let refused = with("hunter2", &[]);
    assert_eq!(refused.code(), 2);
    for advice in ["easy to guess", "sprat passphrase", "--weak-passphrase"] {
        assert!(refused.err().contains(advice), "{}", refused.err());
    }
    // Nobody is there, which is another matter.
    assert_eq!(with("hunter2", &["--weak-passphrase"]).code(), 5);
    let made = swarm.run("alice", &["passphrase"]).succeeds().out();
    assert_eq!(made.split_whitespace().count(), 10, "{made}");
    assert_eq!(with(made.trim(), &[]).code(), 5);
    let made = swarm
        .run("alice", &["passphrase", "--words", "12", "--json"])
        .succeeds();
    let row = &made.json()[0];
    assert_eq!(row["words"].as_str().unwrap().split(' ').count(), 12);
    assert!(row["bits"].as_u64().unwrap() >= 77, "{row}");
}

#[test]
fn the_environment_and_the_file_count_in_that_order() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let bare = |arguments: &[&str], env: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
            command.env_remove(key);
        }
        command
            .args(arguments)
            .envs([("SPRAT_LISTEN", "127.0.0.1"), ("SPRAT_WAIT", "0.1")])
            .env("SPRAT_DISCOVERY_PORT", swarm.port.to_string())
            .env("SPRAT_HOME", &home)
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        command
    };
    std::fs::create_dir_all(home.join(".sprat")).unwrap();
    std::fs::write(home.join(".sprat/config.toml"), "name = 'from the file'\n").unwrap();
    let name = |arguments: &[&str], env: &[(&str, &str)]| {
        let mut command = bare(arguments, env);
        let mut input = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut input.stdin.take().unwrap(), b"status\n").unwrap();
        let done = input.wait_with_output().unwrap();
        // Other lines may tell what happens meanwhile.
        let said = String::from_utf8(done.stdout).unwrap();
        let mut lines = said
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let status = lines.find(|line| line["event"] == "status");
        status.expect("a status")["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(name(&["--json"], &[]), "from the file");
    assert_eq!(
        name(&[], &[("SPRAT_JSON", "1"), ("SPRAT_NAME", "env")]),
        "env"
    );
    assert_eq!(
        name(&["--json", "--name", "line"], &[("SPRAT_NAME", "env")]),
        "line"
    );

    std::fs::write(home.join(".sprat/config.toml"), "\ntransfer-prot = 1\n").unwrap();
    let wrong = bare(&["list"], &[]).output().unwrap();
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said.contains("config.toml, line 2"), "{said}");
}

#[test]
fn ctrl_c_while_looking_is_130() {
    let swarm = Swarm::new();
    let mut list = swarm.start("alice", &["list", "--wait", "60"]);
    // Signals are caught before the home is locked.
    let lock = swarm.home("alice").join(".sprat/lock");
    crate::common::until("the home is locked", || lock.exists());
    list.signal("INT");
    assert_eq!(list.end(), 130);
}

#[test]
fn serve_says_when_it_is_ready_and_ends_well_when_told_to() {
    let swarm = Swarm::new();
    for signal in ["TERM", "INT"] {
        let mut node = swarm.start("alice", &["serve", "--json"]);
        let ready: serde_json::Value = serde_json::from_str(&node.wait("ready", |_| true)).unwrap();
        assert_eq!(ready["event"], "ready", "the first line");
        assert_eq!(ready["name"], "alice");
        assert!(
            ready["addresses"][0]
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:")
        );
        assert!(ready["peer"].is_string());
        node.signal(signal);
        assert_eq!(node.end(), 0);
    }
}

#[test]
fn a_slip_at_the_shell_is_told_with_what_was_meant() {
    let swarm = Swarm::new();
    for (words, meant) in [
        (
            &["send", "x.txt", "-to", "alice"][..],
            "did you mean `--to`",
        ),
        (&["download", "x.txt", "-output", "there"], "`--output`"),
        (&["accept", "1"], "typed at the prompt"),
        (&["recieve", "7-amber-falcon"], "'receive'"),
        (&["receive", "amber-falcon"], "begins with a number"),
        (&["list", "--rendezvous"], "a value is required"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
        command.arg("--home").arg(swarm.home("bob")).args(words);
        let ran = Ran::of(command);
        assert_eq!(ran.code(), 2, "{words:?}");
        assert!(ran.err().contains(meant), "{words:?}: {}", ran.err());
    }
}
