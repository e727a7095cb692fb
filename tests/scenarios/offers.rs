//! What is offered, whole or said not to be: catalogs that take their time, folders that are still
//! read, versions, owners.

use crate::common::{
    Ran, Swarm, downloaded,
    faulty::{Fault, Faulty, File, SLOW_NAMES},
    noise, share,
};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// The names of rows, and of an `incomplete` event what is missing.
fn rows(ran: &Ran) -> (Vec<String>, Option<serde_json::Value>) {
    let (events, rows): (Vec<_>, Vec<_>) = ran
        .json()
        .into_iter()
        .partition(|row| row["event"].is_string());
    let name = |row: &serde_json::Value| row["name"].as_str().unwrap().to_owned();
    let incomplete = events.into_iter().find(|row| row["event"] == "incomplete");
    (rows.iter().map(name).collect(), incomplete)
}

fn events(ran: &Ran, kind: &str) -> Vec<serde_json::Value> {
    let events = ran.json().into_iter();
    events.filter(|event| event["event"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_come_slowly_are_all_waited_for() {
    let swarm = Swarm::new();
    let file = File::new("slow/1", noise(1, 3000));
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::SlowCatalog);
    // Ten pages take six seconds.
    let list = swarm.run("bob", &["list", "slow/*", "--json", "--wait", "1"]);
    let (names, incomplete) = rows(&list);
    assert_eq!((list.code(), incomplete), (0, None));
    assert_eq!(names.len() as u64, SLOW_NAMES);
    for (who, what) in [("carl", "slow/"), ("dave", "*")] {
        let ran = swarm.run(who, &["download", what, "--json", "--wait", "1"]);
        assert_eq!(ran.code(), 0, "{}", ran.err());
        assert_eq!(events(&ran, "done").len() as u64, SLOW_NAMES);
        let files = std::fs::read_dir(swarm.home(who).join("downloads/slow"));
        assert_eq!(files.unwrap().count() as u64, SLOW_NAMES);
    }
}

/// One file by so many names, the first of which is number 1.
fn by_many_names(count: usize, name: impl Fn(usize) -> String) -> File {
    let mut file = File::new(&name(1), noise(1, 3000));
    file.also = (2..=count).map(name).collect();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_than_100_000_names_of_a_node_none_is_left_out() {
    const MANY: usize = 101_000;
    let swarm = Swarm::new();
    let file = by_many_names(MANY, |at| format!("many/{at:0>44}.txt"));
    let last = file.also.last().unwrap().clone();
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::Pages);
    let shown = swarm.run("bob", &["list", "--json"]);
    let (names, incomplete) = rows(&shown);
    assert_eq!((shown.code(), incomplete, names.len()), (0, None, MANY));
    swarm.run("carl", &["download", &last]).succeeds();
    assert!(swarm.home("carl").join("downloads").join(&last).is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_for_which_there_is_no_room_are_not_asked_for_and_said_to_be_missing() {
    // 64 MiB hold some 60,000 names as long as they may be.
    const MANY: usize = 100_000;
    let swarm = Swarm::new();
    let long = |at: usize| format!("{at:0>250}/{at:0>250}/{at:0>250}/{at:0>250}");
    let file = by_many_names(MANY, long);
    let (first, last) = (file.name.clone(), file.also.last().unwrap().clone());
    let alice = Faulty::join(swarm.port, "alice", file, Fault::Pages);
    let typed = format!("list {first}\ndownload {last}\n");
    let pipe = swarm.pipe("bob", &["--json"], &typed);
    assert_eq!(pipe.code(), 3, "{}", pipe.err());
    let incomplete = &events(&pipe, "incomplete")[0]["nodes"][0];
    assert_eq!(
        (&incomplete["name"], &incomplete["why"]),
        (&"alice".into(), &"room".into())
    );
    let known = incomplete["known"].as_u64().unwrap();
    assert!((50_000..70_000).contains(&known), "{incomplete}");
    assert_eq!(incomplete["of"], MANY);
    let error = &events(&pipe, "error")[0]["error"];
    let error = error.as_str().unwrap();
    assert!(
        error.contains("not among the names that are known here"),
        "{error}"
    );
    assert!(error.contains("alice"), "{error}");
    let pages = alice.pages.load(std::sync::atomic::Ordering::Relaxed);
    // Some more are empty ones: each beacon makes bob ask for news.
    assert!(pages < 170, "{pages}, and all are {}", MANY / 512);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_falls_silent_is_named_and_the_part_is_no_success() {
    let swarm = Swarm::new();
    let file = File::new("slow/1", noise(1, 3000));
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::HalfCatalog);
    let list = swarm.run("bob", &["list", "--json", "--wait", "1"]);
    let (names, incomplete) = rows(&list);
    let incomplete = incomplete.unwrap();
    assert_eq!((list.code(), names.len()), (3, 100));
    assert_eq!(incomplete["nodes"][0]["name"], "alice", "{incomplete}");
    assert_eq!(incomplete["nodes"][0]["known"], 100);

    let ran = swarm.run("carl", &["download", "slow/", "--wait", "1"]);
    assert_eq!(ran.code(), 3, "{}", ran.err());
    assert!(
        ran.err().contains("this may not be all") && ran.err().contains("alice"),
        "{}",
        ran.err()
    );
    let files = std::fs::read_dir(swarm.home("carl").join("downloads/slow"));
    assert_eq!(files.unwrap().count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_says_for_ever_that_it_is_reading_costs_the_wait_and_no_more() {
    let swarm = Swarm::new();
    let file = File::new("one.bin", noise(1, 3000));
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::Reads);
    let list = swarm.run("bob", &["list", "--wait", "1"]);
    assert_eq!(list.code(), 3, "{}", list.err());
    assert!(list.out().contains("one.bin"), "{}", list.out());
    assert!(
        list.err().contains(
            "alice is still reading its shared folder (1 of 3 files, 1.0 MiB of 3.0 MiB)"
        ),
        "{}",
        list.err()
    );
    assert!(list.elapsed < Duration::from_secs(20), "{:?}", list.elapsed);
    // What is known by its name needs nobody's folder.
    let ran = swarm.run("carl", &["download", "one.bin", "--wait", "60"]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    assert!(ran.elapsed < Duration::from_secs(30), "{:?}", ran.elapsed);
    let ran = swarm.run("dave", &["download", "two.bin", "--json", "--wait", "1"]);
    assert_eq!(ran.code(), 3);
    assert_eq!(events(&ran, "incomplete")[0]["scanning"][0]["of_files"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_takes_longer_than_the_wait_is_not_nobody() {
    let swarm = Swarm::new();
    let file = File::new("one.bin", noise(1, 3000));
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::LateHandshake);
    // It takes 4 s. The wait has to last until a beacon is heard, on a machine with much to do too.
    for arguments in [
        &["list"][..],
        &["peers"],
        &["download", "one.bin"],
        &["download", "*"],
    ] {
        let ran = swarm.run("bob", &[arguments, &["--wait", "3"]].concat());
        // Of what all offer it may say that the node did not tell yet who else is here.
        let of_all = ["list", "*"].contains(arguments.last().unwrap());
        let ended_well = ran.code() == 0 || of_all && ran.code() == 3;
        assert!(ended_well, "{arguments:?}: {}", ran.err());
    }
    // It is here, though it takes no messages: nobody of that name would be 5.
    let ran = swarm.run("bob", &["msg", "alice", "hello", "--wait", "3"]);
    assert!(![0, 5].contains(&ran.code()), "{}", ran.err());
}

/// Puts a file into a shared folder that takes seconds to read, and that nobody is writing to.
fn share_large(home: &Path, name: &str) {
    let path = home.join("shared").join(name);
    let file = std::fs::File::create(path).unwrap();
    file.set_len(3 << 30).unwrap();
    let then = SystemTime::now() - Duration::from_secs(60);
    file.set_modified(then).unwrap();
}

#[test]
fn a_node_that_still_reads_its_folder_says_so_and_is_waited_for() {
    let swarm = Swarm::new();
    share_large(&swarm.home("alice"), "large.img");
    let mut alice = swarm.serve("alice", &[]);
    let list = swarm.run("bob", &["list", "--json", "--wait", "0.1"]);
    let (names, incomplete) = rows(&list);
    assert_eq!((list.code(), names.len()), (3, 0), "{}", list.err());
    let scanning = incomplete.unwrap()["scanning"][0].clone();
    assert_eq!(scanning["name"], "alice", "{scanning}");
    let list = swarm.run("bob", &["list", "--wait", "0.1"]);
    assert_eq!(list.code(), 3);
    assert!(
        list.err().contains("alice is still reading"),
        "{}",
        list.err()
    );
    assert!(!list.err().contains("offers anything"), "{}", list.err());
    // As long as it takes.
    let list = swarm.run("bob", &["list", "--json", "--wait", "60"]);
    assert_eq!(rows(&list), (vec!["large.img".to_owned()], None));
    assert_eq!(list.code(), 0);
    alice.event("scanned");
}

#[test]
fn before_its_folder_is_read_a_node_does_not_say_that_it_is_safe_to_leave() {
    let swarm = Swarm::new();
    share_large(&swarm.home("alice"), "large.img");
    let status = swarm.pipe("alice", &["--json", "--replicas", "3"], "status\n");
    let status = status.json().remove(0);
    assert_eq!(status["safe"]["to_leave"], false, "{status}");
    assert_eq!(status["safe"]["reading"], true);
    assert!(status["scanning"].is_object(), "{status}");
    let text = swarm.pipe("alice", &["--replicas", "3"], "status\n").out();
    assert!(text.contains("safe to leave: not known yet"), "{text}");
    assert!(text.contains("reading the shared folder"), "{text}");
}

#[test]
fn a_name_with_brackets_is_fetched_by_its_name() {
    let swarm = Swarm::new();
    let names = ["Song [Live].mp3", "a{b}.txt", "why?.txt", "star*.txt"];
    for name in names {
        share(&swarm.home("alice"), name, name.as_bytes());
    }
    share(&swarm.home("alice"), "Song L.mp3", b"other");
    let _alice = swarm.serve_scanned("alice", &[]);
    for name in names {
        let list = swarm.run("bob", &["list", "--json", name]);
        assert_eq!(rows(&list).0, [name]);
        let ran = swarm.run("bob", &["download", name, "--json"]).succeeds();
        assert_eq!(events(&ran, "done").len(), 1, "{name}");
    }
    // As Tab writes it.
    let typed = "download 'Song [Live].mp3'\n";
    swarm.pipe("carl", &["--json"], typed).succeeds();
    assert_eq!(
        downloaded(&swarm.home("carl"), "Song [Live].mp3"),
        names[0].as_bytes()
    );
}

#[test]
fn an_old_download_is_a_version_and_no_reason_to_refuse() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    share(&home, "doc.txt", b"first");
    let mut alice = swarm.serve_scanned("alice", &[]);
    swarm.run("bob", &["download", "doc.txt"]).succeeds();
    let _bob = swarm.serve_scanned("bob", &[]);
    share(&home, "doc.txt", b"second");
    alice.wait("the new one", |line| line.contains("offered"));

    for (who, what) in [("carl", "doc.txt"), ("dave", "*.txt")] {
        swarm.run(who, &["download", what]).succeeds();
        assert_eq!(downloaded(&swarm.home(who), "doc.txt"), b"second");
    }
    let list = swarm.run("carl", &["list", "--json"]).succeeds();
    let listed = list.json();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["owners"][0]["name"], "alice");
    // Carl's own and Alice's: both columns count alike.
    let counts = (
        &listed[0]["holders"],
        &listed[0]["copies"],
        &listed[0]["mine"],
    );
    assert_eq!(counts, (&2.into(), &2.into(), &true.into()));

    let versions = swarm.run("erin", &["list", "--versions", "--json"]);
    let versions = versions.succeeds().json();
    assert_eq!(versions.len(), 2);
    let old = versions
        .iter()
        .find(|row| row["older"].is_object())
        .unwrap();
    assert_eq!(old["older"]["at"][0]["name"], "bob");
    let table = swarm.run("erin", &["list", "--versions"]).succeeds().out();
    assert!(
        table.contains("older, at bob") && table.contains("OWNER"),
        "{table}"
    );
    let plain = swarm.run("erin", &["list"]).succeeds();
    assert!(
        plain.err().contains("1 older version not shown"),
        "{}",
        plain.err()
    );

    // It can be had all the same.
    let id = old["id"].as_str().unwrap();
    swarm.run("frank", &["download", id]).succeeds();
    assert_eq!(downloaded(&swarm.home("frank"), "doc.txt"), b"first");
    swarm
        .run("grace", &["download", "doc.txt", "--from", "bob"])
        .succeeds();
    assert_eq!(downloaded(&swarm.home("grace"), "doc.txt"), b"first");
}

#[test]
fn of_several_homeworks_one_is_chosen_by_its_owner_or_all_are_taken() {
    let swarm = Swarm::new();
    let people = ["alice", "bob", "carl"];
    let nodes = people.map(|who| {
        share(&swarm.home(who), "homework.pdf", who.as_bytes());
        swarm.serve_scanned(who, &[])
    });
    share(&swarm.home("alice"), "other.txt", b"other");
    let ran = swarm.run("dave", &["download", "*"]);
    assert_eq!(ran.code(), 3, "{}", ran.err());
    for who in people {
        assert!(
            ran.err()
                .contains(&format!("{who}: {} B, changed 20", who.len())),
            "{}",
            ran.err()
        );
    }
    assert!(ran.err().contains("--from NAME"), "{}", ran.err());
    let json = swarm.run("dave", &["download", "homework.pdf", "--json"]);
    assert_eq!(json.code(), 2);
    let error = &events(&json, "error")[0];
    assert_eq!(error["versions"][1]["owners"][0]["name"], "bob", "{error}");
    assert_eq!(error["ids"].as_array().unwrap().len(), 3);

    swarm
        .run("erin", &["download", "*", "--from", "BOB"])
        .succeeds();
    assert_eq!(downloaded(&swarm.home("erin"), "homework.pdf"), b"bob");
    let nobody = swarm.run("erin", &["download", "*", "--from", "zoe", "--wait", "0.5"]);
    assert_eq!(nobody.code(), 5, "{}", nobody.err());
    assert!(
        nobody.err().contains("nobody called `zoe`"),
        "{}",
        nobody.err()
    );

    let typed = "download homework.pdf --all-versions\nlist -l\n";
    let pipe = swarm.pipe("frank", &[], typed);
    assert_eq!(pipe.code(), 0, "{}", pipe.err());
    for who in people {
        let name = format!("homework ({who}).pdf");
        assert_eq!(downloaded(&swarm.home("frank"), &name), who.as_bytes());
    }
    assert!(pipe.out().contains("OWNER"), "{}", pipe.out());
    drop(nodes);
}
