//! Handing a file over with a code.

use crate::common::{Running, Swarm, downloaded, noise};
use serde_json::Value;
use std::{fs, path::PathBuf, time::Duration};

/// A file outside of every shared folder.
fn picture(swarm: &Swarm, bytes: &[u8]) -> PathBuf {
    let path = swarm.home("alice").join("picture.jpg");
    fs::write(&path, bytes).unwrap();
    path
}

/// `send` without a name, and the code that it shows.
fn sender(swarm: &Swarm, files: &[&str], more: &[&str]) -> (Running, String) {
    let arguments = [&["send", "--json"], files, more].concat();
    let mut sender = swarm.start("alice", &arguments);
    let code = code_of(&mut sender);
    (sender, code)
}

fn code_of(sender: &mut Running) -> String {
    sender.event("code")["code"].as_str().unwrap().to_owned()
}

fn other_word(code: &str) -> String {
    let mut parts: Vec<&str> = code.split('-').collect();
    let last = parts.pop().unwrap();
    let other = sprat::core::code::WORDS.iter().find(|word| **word != last);
    parts.push(other.unwrap());
    parts.join("-")
}

#[test]
fn a_receiver_with_the_code_gets_the_file() {
    let swarm = Swarm::new();
    let bytes = noise(1, 5 << 20);
    let file = picture(&swarm, &bytes);
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &[]);
    assert_eq!(code.split('-').count(), 3, "{code}");
    let bob = swarm.run("bob", &["receive", &code, "--json"]).succeeds();
    let events: Vec<Value> = bob.json();
    assert_eq!(events[0]["event"], "ask");
    assert_eq!(events[0]["name"], "picture.jpg");
    assert_eq!(events.last().unwrap()["event"], "received");
    assert!(downloaded(&swarm.home("bob"), "picture.jpg") == bytes);
    assert_eq!(alice.event("done")["event"], "done");
    assert_eq!(alice.end(), 0);
}

#[test]
fn a_folder_and_an_empty_file_come_with_words_typed_as_people_do() {
    let swarm = Swarm::new();
    let folder = swarm.home("alice").join("trip");
    fs::create_dir_all(folder.join("day 1")).unwrap();
    fs::write(folder.join("day 1/a.txt"), "a").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    #[cfg(unix)]
    fs::set_permissions(
        folder.join("day 1/a.txt"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let (mut alice, code) = sender(&swarm, &[folder.to_str().unwrap()], &["--words", "4"]);
    assert_eq!(code.split('-').count(), 5, "{code}");
    // As they paste it, too: the whole line, with a full stop.
    let typed = format!("sprat receive “{}”.", code.to_uppercase().replace('-', " "));
    let mut arguments = vec!["receive"];
    arguments.extend(typed.split(' '));
    swarm.run("bob", &arguments).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "trip/day 1/a.txt"), b"a");
    assert_eq!(downloaded(&swarm.home("bob"), "trip/empty"), b"");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = swarm.home("bob").join("downloads/trip/day 1/a.txt");
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "what is private stays private");
    }
    assert_eq!(alice.end(), 0);
}

#[test]
fn one_wrong_guess_burns_the_code_and_both_are_told() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &[]);
    let mallory = swarm.run("mallory", &["receive", &other_word(&code)]);
    assert_eq!(mallory.code(), 4, "{}", mallory.err());
    assert!(
        mallory.err().contains("one wrong guess burns it"),
        "{}",
        mallory.err()
    );
    // There is a new one, and the old one is no longer valid.
    let next = code_of(&mut alice);
    assert_ne!(next, code);
    swarm.run("bob", &["receive", &next]).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "picture.jpg"), b"hello");
    assert_eq!(alice.end(), 0);
    assert!(!swarm.home("mallory").join("downloads/picture.jpg").exists());
}

#[test]
fn a_code_is_good_once() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &[]);
    swarm.run("bob", &["receive", &code]).succeeds();
    assert_eq!(alice.end(), 0);
    let carol = swarm.run("carol", &["receive", &code]);
    assert_eq!(carol.code(), 5, "{}", carol.err());
}

#[test]
fn two_senders_at_once_do_not_get_into_each_others_way() {
    let swarm = Swarm::new();
    for (name, text) in [("alice", "from alice"), ("adam", "from adam")] {
        fs::write(swarm.home(name).join("note.txt"), text).unwrap();
    }
    let start = |name: &str| {
        let file = swarm.home(name).join("note.txt");
        let mut sender = swarm.start(name, &["send", "--json", file.to_str().unwrap()]);
        let code = code_of(&mut sender);
        (sender, code)
    };
    let (mut alice, first) = start("alice");
    let (mut adam, second) = start("adam");
    swarm.run("bob", &["receive", &second]).succeeds();
    swarm.run("carol", &["receive", &first]).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "note.txt"), b"from adam");
    assert_eq!(downloaded(&swarm.home("carol"), "note.txt"), b"from alice");
    assert_eq!((alice.end(), adam.end()), (0, 0));
}

#[test]
fn the_code_comes_from_the_environment_and_a_mistyped_word_costs_nothing() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &[]);
    let wrong = swarm.run("bob", &["receive", &format!("{code}x")]);
    assert_eq!(wrong.code(), 2, "{}", wrong.err());
    let mut bob = swarm.command("bob", &["receive"]);
    bob.env("SPRAT_CODE", &code);
    crate::common::Ran::of(bob).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "picture.jpg"), b"hello");
    assert_eq!(alice.end(), 0);
}

#[test]
fn what_cannot_be_sent_is_said_before_there_is_a_code() {
    let swarm = Swarm::new();
    let ran = swarm.run("alice", &["send", "nowhere.bin"]);
    assert_eq!(ran.code(), 1);
    assert!(
        ran.out().is_empty() && ran.err().contains("nowhere.bin"),
        "{}",
        ran.err()
    );
}

#[test]
fn one_code_serves_a_group_and_ends_with_ctrl_c() {
    let swarm = Swarm::new();
    let bytes = noise(2, 6 << 20);
    let file = picture(&swarm, &bytes);
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &["--group"]);
    assert_eq!(code.split('-').count(), 5, "{code}");
    // One who is mistaken does not end it for the others.
    let wrong = swarm.run("mallory", &["receive", &other_word(&code)]);
    assert_eq!(wrong.code(), 4, "{}", wrong.err());
    let names = ["bob", "carol", "dave"];
    let mut receivers: Vec<Running> = names
        .iter()
        .map(|name| swarm.start(name, &["receive", &code, "--json"]))
        .collect();
    for (receiver, name) in receivers.iter_mut().zip(names) {
        receiver.event("received");
        assert_eq!(receiver.end(), 0);
        assert!(downloaded(&swarm.home(name), "picture.jpg") == bytes);
    }
    for _ in names {
        alice.event("done");
    }
    alice.signal("INT");
    assert_eq!(alice.end(), 0, "three have it");
}

#[test]
fn a_group_has_four_words_at_least() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let arguments = ["send", "--group", "--words", "3", file.to_str().unwrap()];
    assert_eq!(swarm.run("alice", &arguments).code(), 2);
}

#[test]
fn a_group_that_nobody_joined_was_interrupted_and_each_end_is_told() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let arguments = ["send", "--group", file.to_str().unwrap()];
    let mut alice = swarm.start_all("alice", &arguments);
    alice.wait("the code", |line| line.contains("sprat receive "));
    alice.signal("INT");
    assert_eq!(alice.end(), 130);
    assert!(alice.seen.iter().any(|line| line == "nobody has all of it"));

    let mut alice = swarm.start_all("alice", &arguments);
    let line = alice.wait("the code", |line| line.contains("sprat receive "));
    let code = line.rsplit(' ').next().unwrap();
    swarm.run("bob", &["receive", code]).succeeds();
    alice.wait("bob has it", |line| line.starts_with("bob has picture.jpg"));
    alice.signal("INT");
    assert_eq!(alice.end(), 0);
    assert!(
        alice
            .seen
            .iter()
            .any(|line| line == "one person has all of it")
    );
}

#[test]
fn the_code_is_in_no_log_and_among_no_arguments() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let command = |name: &str, arguments: &[&str]| {
        let mut command = swarm.command(name, arguments);
        command.env("SPRAT_LOG", "sprat=trace,libp2p_swarm=debug");
        command.stderr(std::process::Stdio::piped());
        command
    };
    let mut alice = command("alice", &["send", "--json", file.to_str().unwrap()]);
    let mut alice = Running::start(&mut alice);
    let code = code_of(&mut alice);
    let secret = code.split_once('-').unwrap().1;
    if cfg!(target_os = "linux") {
        let arguments = fs::read(format!("/proc/{}/cmdline", alice.child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&arguments).contains(secret));
    }
    let mut bob = command("bob", &["receive", "--json"]);
    bob.env("SPRAT_CODE", &code);
    let bob = crate::common::Ran::of(bob).succeeds();
    assert_eq!(alice.end(), 0);
    let mut logged = std::mem::take(&mut alice.seen);
    logged.retain(|line| !line.contains(r#""event":"code""#));
    logged.extend(bob.err().lines().map(str::to_owned));
    assert!(logged.iter().any(|line| line.contains("DEBUG")));
    assert!(logged.iter().all(|line| !line.contains(secret)));
}

#[test]
fn a_receiver_looks_for_the_sender_as_long_as_it_is_told() {
    let swarm = Swarm::new();
    let ran = swarm.run("bob", &["receive", "7-amber-falcon", "--wait", "0.5"]);
    assert_eq!(ran.code(), 5, "{}", ran.err());
    assert!(ran.err().contains("no sender with that code is near"));
    // Without a word it is thirty.
    assert!(ran.elapsed < Duration::from_secs(20), "{:?}", ran.elapsed);
}

/// At two terminals, as people do: shown, asked, answered.
#[cfg(unix)]
#[test]
fn at_a_terminal_it_shows_what_is_offered_and_asks() {
    use crate::common::terminal::Terminal;
    let swarm = Swarm::new();
    let file = picture(&swarm, &noise(3, 2000));
    let code = |alice: &mut Terminal| {
        alice.sees("on the other machine: sprat receive ");
        alice.sees("\n").trim().to_owned()
    };
    let arguments = ["send", file.to_str().unwrap()];
    let mut alice = Terminal::open(&swarm, "alice", &arguments);
    let first = code(&mut alice);
    let mut bob = Terminal::open(&swarm, "bob", &["receive"]);
    bob.sees("code: ");
    bob.enters(&first);
    bob.sees("picture.jpg, 2.0 KiB (image/jpeg)");
    bob.sees("take it? [Y/n] ");
    bob.enters("n");
    assert_eq!(bob.ends(), 4);
    alice.sees("bob refused picture.jpg");
    assert_eq!(alice.ends(), 4);

    let mut alice = Terminal::open(&swarm, "alice", &arguments);
    let second = code(&mut alice);
    let mut bob = Terminal::open(&swarm, "bob", &["receive", &second]);
    bob.sees("take it? [Y/n] ");
    bob.enters("");
    bob.sees("got picture.jpg, 2.0 KiB, from alice");
    assert_eq!(bob.ends(), 0);
    alice.sees("bob has picture.jpg");
    assert_eq!(alice.ends(), 0);
    assert_eq!(
        downloaded(&swarm.home("bob"), "picture.jpg"),
        noise(3, 2000)
    );
}

#[test]
fn a_receiver_waits_first_with_a_code_that_the_sender_types() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let file = file.to_str().unwrap();
    let mut bob = swarm.start("bob", &["receive", "--json"]);
    let code = code_of(&mut bob);
    // As people paste it.
    let typed = format!("sprat receive {code}.");
    let alice = swarm.run("alice", &["send", file, "--json", "--code", &typed]);
    let alice = alice.succeeds();
    assert_eq!(alice.json().last().unwrap()["event"], "done");
    bob.event("received");
    assert_eq!(bob.end(), 0);
    assert_eq!(downloaded(&swarm.home("bob"), "picture.jpg"), b"hello");
}

#[test]
fn a_mistyped_code_is_burnt_and_the_receiver_shows_another() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let file = file.to_str().unwrap();
    let mut bob = swarm.start("bob", &["receive", "--json"]);
    let first = code_of(&mut bob);
    let wrong = swarm.run("mallory", &["send", file, "--code", &other_word(&first)]);
    assert_eq!(wrong.code(), 4, "{}", wrong.err());
    assert!(
        wrong.err().contains("one wrong guess burns it"),
        "{}",
        wrong.err()
    );
    let told = bob.event("error");
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("here is a new one")
    );
    let second = code_of(&mut bob);
    assert_ne!(first, second);
    let mut alice = swarm.command("alice", &["send", file, "--code"]);
    alice.env("SPRAT_CODE", &second);
    crate::common::Ran::of(alice).succeeds();
    bob.event("received");
    assert_eq!(bob.end(), 0);
    assert!(!swarm.home("bob").join("downloads/mallory").exists());
}

#[test]
fn a_receiver_that_shows_a_code_takes_the_senders_as_well() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let mut bob = swarm.start("bob", &["receive", "--json"]);
    code_of(&mut bob);
    let (mut alice, code) = sender(&swarm, &[file.to_str().unwrap()], &[]);
    bob.type_line(&code);
    bob.event("received");
    assert_eq!((bob.end(), alice.end()), (0, 0));
}

#[test]
fn what_goes_wrong_with_a_code_is_told_to_programs_too() {
    let swarm = Swarm::new();
    let file = picture(&swarm, b"hello");
    let file = file.to_str().unwrap();
    let error = |ran: crate::common::Ran, code: i32, says: &str| {
        assert_eq!(ran.code(), code, "{}", ran.err());
        let row = ran.json().pop().unwrap();
        assert_eq!(row["event"], "error");
        assert!(row["error"].as_str().unwrap().contains(says), "{row}");
        assert_eq!(ran.err(), "");
    };
    let briefly = ["--wait", "0.3", "--json"];
    let run = |name: &str, arguments: &[&str]| swarm.run(name, &[arguments, &briefly].concat());
    error(
        run("bob", &["receive", "7-amber-falcon"]),
        5,
        "no sender with that code",
    );
    error(run("bob", &["receive", "7-amber-flacon"]), 2, "flacon");
    error(run("bob", &["receive"]), 5, "nobody came");
    error(
        run("alice", &["send", file, "--code", "7-amber-falcon"]),
        5,
        "nobody near waits",
    );
    error(
        run("alice", &["send", file, "--code", "7-amber"]),
        2,
        "2 to 8 words",
    );
    error(run("alice", &["send", "nowhere.bin"]), 1, "nowhere.bin");
}
