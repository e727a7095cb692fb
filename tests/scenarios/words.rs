//! What a download's words mean, where files land, and what is told about it.

use crate::common::{Swarm, downloaded, noise, share};
use std::{path::Path, process::Command, time::Duration};

fn done(events: &[serde_json::Value]) -> Vec<&serde_json::Value> {
    let done = events.iter().filter(|event| event["event"] == "done");
    done.collect()
}

#[test]
fn a_name_with_two_contents_is_chosen_by_its_id() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "plan.txt", b"the plan of alice");
    share(&swarm.home("bob"), "plan.txt", b"bob's");
    let _alice = swarm.serve_scanned("alice", &[]);
    let _bob = swarm.serve_scanned("bob", &[]);

    let rows = swarm.run("carol", &["list", "--json"]).succeeds().json();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["name"] == "plan.txt"), "{rows:?}");
    let id_of = |size: u64| {
        let row = rows.iter().find(|row| row["size"] == size).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };

    // At a prompt, which knows both by then: a command that runs once begins with whom it finds
    // first.
    let refuse = |more: &[&str]| {
        let lines = "list\ndownload plan.txt\n";
        swarm.pipe("carol", more, lines)
    };
    let refused = refuse(&[]);
    assert_eq!(refused.code(), 2);
    for size in [17, 5] {
        let id = &id_of(size)[..10];
        assert!(refused.err().contains(id), "{}", refused.err());
    }
    let refused = refuse(&["--json"]);
    assert_eq!(refused.code(), 2);
    let refusal = refused.json().into_iter();
    let refusal = refusal.filter_map(|event| event["ids"].as_array().map(Vec::len));
    assert_eq!(refusal.collect::<Vec<_>>(), [2]);
    assert!(!swarm.home("carol").join("downloads/plan.txt").exists());

    let by_id = swarm.run("carol", &["download", &id_of(5)[..10]]);
    by_id.succeeds();
    assert_eq!(downloaded(&swarm.home("carol"), "plan.txt"), b"bob's");
    swarm
        .run("carol", &["download", &id_of(17).to_uppercase()])
        .succeeds();
    assert_eq!(
        downloaded(&swarm.home("carol"), "plan (2).txt"),
        b"the plan of alice"
    );
}

#[test]
fn globs_folders_ids_and_many_words_mean_files() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let files = [
        ("photos/one.jpg", 70_000),
        ("photos/raw/two.jpg", 3000),
        ("photos/notes.txt", 30),
        ("with space.txt", 40),
        ("ünïcode/漢字.txt", 50),
        ("deadbeef", 60),
    ];
    for (name, len) in files {
        share(&home, name, &noise(len, len as usize));
    }
    let _alice = swarm.serve_scanned("alice", &[]);
    let fetch = |who: &str, words: &[&str]| {
        swarm.run(who, &[&["download"], words].concat()).succeeds();
        let mut there: Vec<String> = files
            .iter()
            .filter(|(name, len)| {
                let path = swarm.home(who).join("downloads").join(name);
                path.exists() && std::fs::read(path).unwrap() == noise(*len, *len as usize)
            })
            .map(|(name, _)| (*name).to_owned())
            .collect();
        there.sort();
        there
    };
    assert_eq!(
        fetch("glob", &["*.jpg"]),
        ["photos/one.jpg", "photos/raw/two.jpg"]
    );
    let photos = ["photos/notes.txt", "photos/one.jpg", "photos/raw/two.jpg"];
    assert_eq!(fetch("folder", &["photos/"]), photos);
    assert_eq!(fetch("bare", &["photos"]), photos, "a folder without its /");
    assert_eq!(
        fetch("words", &["with space.txt", "ünïcode/漢字.txt", "deadbeef"]),
        ["deadbeef", "with space.txt", "ünïcode/漢字.txt"]
    );
    assert_eq!(
        fetch("twice", &["photos/one.jpg", "photos/*.jpg"]),
        ["photos/one.jpg"]
    );
}

#[test]
fn one_word_of_several_that_is_nowhere_is_exit_code_3() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "here.txt", b"here");
    let _alice = swarm.serve_scanned("alice", &[]);
    let ran = swarm.run(
        "bob",
        &["download", "here.txt", "nowhere.txt", "--wait", "0.5"],
    );
    assert_eq!(ran.code(), 3, "{}", ran.err());
    assert!(
        ran.err().contains("nobody here offers `nowhere.txt`"),
        "{}",
        ran.err()
    );
    assert!(!ran.err().contains("quotes"), "{}", ran.err());
    assert_eq!(downloaded(&swarm.home("bob"), "here.txt"), b"here");
    // Words of which none is anywhere may be one name.
    let ran = swarm.run("carl", &["download", "my", "film.bin", "--wait", "0.5"]);
    assert_eq!(ran.code(), 5, "{}", ran.err());
    let hint = "if that is one name, put it in quotes: 'my film.bin'";
    assert!(ran.err().contains(hint), "{}", ran.err());
    let typed = "download my film.bin\n";
    let ran = swarm.pipe("carl", &["--wait", "0.5"], typed);
    assert!(ran.err().contains(hint), "{}", ran.err());
}

#[test]
fn what_is_here_already_is_not_fetched_and_what_differs_is_kept() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    share(&home, "a.tar.gz", b"first");
    let mut alice = swarm.serve_scanned("alice", &[]);
    let first = swarm.run("bob", &["download", "a.tar.gz"]).succeeds();
    assert!(first.out().contains("all from alice"), "{}", first.out());
    let again = swarm.run("bob", &["download", "a.tar.gz"]).succeeds();
    assert!(again.out().contains("is here already"), "{}", again.out());
    let json = swarm
        .run("bob", &["download", "a.tar.gz", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        (&done(&json)[0]["already"], &done(&json)[0]["fetched"]),
        (&true.into(), &0.into())
    );

    // Alice changes hers. Bob's own older one does not make the name ambiguous: he asks for what
    // others offer.
    share(&home, "a.tar.gz", b"second");
    alice.wait("the new one", |line| line.contains("offered"));
    let second = swarm.run("bob", &["download", "a.tar.gz"]).succeeds();
    assert!(second.out().contains("(2)"), "{}", second.out());
    let bob = swarm.home("bob");
    assert_eq!(downloaded(&bob, "a.tar.gz"), b"first");
    let names = std::fs::read_dir(bob.join("downloads")).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.contains(".gz")), "{names:?}");
    let other = names.iter().find(|name| name.contains(" (2)")).unwrap();
    assert_eq!(downloaded(&bob, other), b"second");
}

#[test]
fn a_file_that_another_program_put_there_is_never_overwritten() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "a.txt", b"from alice");
    let _alice = swarm.serve_scanned("alice", &[]);
    let mine = swarm.home("bob").join("downloads");
    std::fs::create_dir_all(&mine).unwrap();
    std::fs::write(mine.join("a.txt"), b"bob's own").unwrap();
    swarm.run("bob", &["download", "a.txt"]).succeeds();
    assert_eq!(std::fs::read(mine.join("a.txt")).unwrap(), b"bob's own");
    assert_eq!(
        std::fs::read(mine.join("a (2).txt")).unwrap(),
        b"from alice"
    );
}

#[test]
fn output_goes_where_it_is_told_to_and_keeps_time_and_mode() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    share(&home, "tools/run.sh", b"#!/bin/sh\n");
    let file = home.join("shared/tools/run.sh");
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    std::fs::File::open(&file)
        .unwrap()
        .set_modified(then)
        .unwrap();
    set_mode(&file, 0o750);
    let _alice = swarm.serve_scanned("alice", &[]);
    let out = swarm.home("bob").join("elsewhere/deep");
    let under = |umask: &str, out: &Path| {
        let words = ["download", "tools/", "-o", out.to_str().unwrap()];
        let sprat = swarm.command("bob", &words);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
        command.arg(sprat.get_program()).args(sprat.get_args());
        crate::common::with_environment(&mut command, &sprat);
        crate::common::Ran::of(command).succeeds();
    };
    under("022", &out);
    let file = out.join("tools/run.sh");
    assert_eq!(std::fs::read(&file).unwrap(), b"#!/bin/sh\n");
    let meta = std::fs::metadata(&file).unwrap();
    assert_eq!(meta.modified().unwrap(), then);
    assert_eq!(
        mode(&file) & 0o777,
        0o750,
        "the sender's bits, under umask 022"
    );
    let private = out.join("private");
    under("077", &private);
    let file = private.join("tools/run.sh");
    assert_eq!(
        mode(&file) & 0o777,
        0o700,
        "and never wider than the receiver's"
    );
    assert!(!swarm.home("bob").join("downloads/tools").exists());
}

#[test]
fn json_tells_the_beginning_and_the_end_with_every_field() {
    let swarm = Swarm::new();
    let bytes = noise(7, 3 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    // The first half is here already, under another name.
    share(&swarm.home("bob"), "half.bin", &bytes[..2 << 20]);
    swarm.serve_scanned("bob", &[]).leave();
    let ran = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds();
    assert_eq!(ran.err(), "", "a program reads one stream only");
    let events = ran.json();
    let start = &events[0];
    assert_eq!(start["event"], "start");
    assert_eq!(
        (&start["name"], &start["sources"]),
        (&"big.bin".into(), &1.into()),
        "{start}"
    );
    let done = done(&events)[0];
    let number = |key: &str| done[key].as_u64().unwrap();
    assert_eq!(number("size"), 3 << 20);
    assert_eq!(
        number("fetched") + number("reused") + number("resumed"),
        3 << 20
    );
    assert!(number("reused") > 0 && number("fetched") > 0, "{done}");
    assert_eq!(done["id"].as_str().unwrap().len(), 64);
    assert!(
        done["path"]
            .as_str()
            .unwrap()
            .ends_with("downloads/big.bin")
    );
    assert!(done["seconds"].as_f64().unwrap() > 0.0);
    let source = &done["sources"][0];
    assert_eq!(
        (&source["name"], &source["bytes"]),
        (&"alice".into(), &done["fetched"])
    );
    assert!(source["peer"].is_string());
    assert_eq!(downloaded(&swarm.home("bob"), "big.bin"), bytes);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode()
}

#[test]
fn beside_nodes_of_many_files_a_visitor_finds_the_same_as_beside_few() {
    let swarm = Swarm::new();
    for name in ["alice", "bob"] {
        let home = swarm.home(name);
        // Who offers so many tells visitors of what they ask for alone.
        for at in 0..700 {
            let text = format!("{name} {at}");
            share(&home, &format!("{name}/{at}.txt"), text.as_bytes());
        }
        share(&home, "plan.txt", format!("the plan of {name}").as_bytes());
    }
    let alice = swarm.home("alice");
    share(&alice, "photos/a.jpg", b"a");
    share(&alice, "photos/more/b.jpg", b"b");
    share(&alice, "Song [Live].mp3", b"la");
    let _alice = swarm.serve_scanned("alice", &[]);
    let _bob = swarm.serve_scanned("bob", &[]);

    let mut visits = 0;
    let mut visit = |words: &[&str]| {
        visits += 1;
        let name = format!("visitor{visits}");
        (swarm.run(&name, words), swarm.home(&name))
    };
    let rows = visit(&["list", "alice/123.txt", "--json"]).0.json();
    let id = rows[0]["id"].as_str().unwrap().to_owned();
    for (words, wanted) in [
        (&["alice/123.txt", "bob/7.txt"][..], 2),
        (&["photos/"], 2),
        (&["photos"], 2),
        (&["*.jpg"], 2),
        (&["alice/69?.txt"], 10),
        (&["Song [Live].mp3"], 1),
        (&[&id[..12]], 1),
        (&["bob/"], 700),
    ] {
        let words: Vec<&str> = ["download"].into_iter().chain(words.to_vec()).collect();
        let (ran, home) = visit(&words);
        ran.succeeds();
        let files = walkdir::WalkDir::new(home.join("downloads"));
        let files = files.into_iter().flatten();
        let count = files.filter(|entry| entry.file_type().is_file()).count();
        assert_eq!(count, wanted, "{words:?}");
    }
    let (ran, home) = visit(&["download", "plan.txt", "--from", "bob"]);
    ran.succeeds();
    assert_eq!(downloaded(&home, "plan.txt"), b"the plan of bob");
    let (ran, home) = visit(&["download", "plan.txt", "--all-versions"]);
    ran.succeeds();
    for name in ["alice", "bob"] {
        let file = downloaded(&home, &format!("plan ({name}).txt"));
        assert_eq!(file, format!("the plan of {name}").as_bytes());
    }
    let missing = visit(&["download", "nothing", "--wait", "0.2"]).0;
    assert_eq!(missing.code(), 5, "{}", missing.err());
    let got = visit(&["get", "alice/5.txt"]).0;
    assert_eq!(got.succeeds().out(), "alice 5");
}
