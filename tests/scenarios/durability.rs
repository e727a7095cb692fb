//! What survives: kills, interruptions, sources that go away, files that change while they are
//! served.

use crate::common::{Swarm, downloaded, noise, share};
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const MIB: u64 = 1 << 20;
/// What one kill may cost: the bytes of one sync.
const BATCH: u64 = 64 * MIB;

/// What a home has of downloads under way, and nothing in their place.
fn nothing_in_place(home: &Path) -> bool {
    fs::read_dir(home.join("downloads")).map_or(true, |mut files| files.next().is_none())
}

#[test]
fn twelve_kills_cost_at_most_a_batch_each() {
    let swarm = Swarm::new();
    let bytes = noise(1, 512 << 20);
    let size = bytes.len() as u64;
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let home = swarm.home("bob");
    let mut had = 0;
    // Before the first byte, and all along; the last one early enough that the rest cannot come
    // before the kill does.
    for goal in (0..12).map(|n| n * size / 26) {
        let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
        let mut kept = bob.event("start")["done"].as_u64().unwrap();
        if kept == 0 && had > 0 {
            // What is here was still being looked at when the start was told; nothing is fetched
            // before that is over.
            kept = bob.has(1);
        }
        assert!(kept + BATCH >= had, "{kept} of {had} were kept");
        // Further than the goal already: killed at once, or a fast machine would be done before the
        // last kill.
        had = if kept < goal { bob.has(goal) } else { kept };
        bob.signal("KILL");
        assert_eq!(bob.end(), -1, "too fast: {:?}", bob.seen.last());
        assert!(nothing_in_place(&home));
    }
    let done = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds()
        .done();
    let (fetched, resumed) = (
        done["fetched"].as_u64().unwrap(),
        done["resumed"].as_u64().unwrap(),
    );
    assert_eq!(fetched + resumed, size, "{done}");
    assert!(resumed + BATCH >= had, "{resumed} of {had}");
    assert!(downloaded(&home, "big.bin") == bytes);
    assert_eq!(
        fs::read_dir(home.join(".sprat/partial")).unwrap().count(),
        0
    );
}

#[test]
fn ctrl_c_says_how_to_go_on_and_the_same_command_does() {
    let swarm = Swarm::new();
    let bytes = noise(2, 192 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start_all("bob", &["download", "big.bin", "--json"]);
    let had = bob.has(8 * MIB);
    bob.signal("INT");
    assert_eq!(bob.end(), 130, "{:?}", bob.seen.last());
    assert!(nothing_in_place(&swarm.home("bob")));

    // Once more, as a person sees it.
    let mut bob = swarm.start_all("bob", &["download", "big.bin"]);
    bob.wait("the start", |line| line.contains("downloading"));
    bob.signal("INT");
    assert_eq!(bob.end(), 130);
    let said = bob.seen.join("\n");
    assert!(said.contains("the same command resumes it"), "{said}");

    let done = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds()
        .done();
    // A clean stop loses nothing that was counted.
    assert!(done["resumed"].as_u64().unwrap() >= had, "{done}");
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
}

#[test]
fn a_download_waits_for_its_only_source_and_gives_up_when_told_to() {
    let swarm = Swarm::new();
    let bytes = noise(3, 256 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let mut alice = swarm.serve_scanned("alice", &[]);
    // Longer than it takes to notice that she is gone.
    let mut bob = swarm.start("bob", &["download", "big.bin", "--json", "--timeout", "8"]);
    let had = bob.has(MIB);
    alice.signal("KILL");
    alice.end();
    bob.event("waiting");
    let error = bob.event("error");
    assert!(
        error["error"].as_str().unwrap().contains("resumes it"),
        "{error}"
    );
    assert_eq!(bob.end(), 5);
    assert!(nothing_in_place(&swarm.home("bob")));

    let mut alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
    assert!(bob.has(1) >= had);
    alice.signal("KILL");
    alice.end();
    bob.event("waiting");
    let _alice = swarm.serve_scanned("alice", &[]);
    bob.event("resumed");
    let done = bob.event("done");
    assert_eq!(bob.end(), 0);
    assert!(done["resumed"].as_u64().unwrap() >= had, "{done}");
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
}

/// Changes a file while it is served; the receiver gets the old version or none, and then the new
/// one.
fn changed_while_served(change: impl Fn(&Path)) {
    let swarm = Swarm::new();
    let bytes = noise(4, 192 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let path = swarm.home("alice").join("shared/big.bin");
    let mut alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start(
        "bob",
        &["download", "big.bin", "--json", "--timeout", "1.5"],
    );
    bob.has(MIB);
    change(&path);
    let code = bob.end();
    let home = swarm.home("bob");
    match code {
        // The old version, or the owner's new one, but nothing between.
        0 => {
            let came = downloaded(&home, "big.bin");
            assert!(came == bytes || came == fs::read(&path).unwrap());
        }
        3 | 5 => assert!(nothing_in_place(&home)),
        other => panic!("{other}: {:?}", bob.seen),
    }
    // The new version is offered, and only that.
    let new = fs::read(&path).unwrap();
    let size = new.len() as u64;
    if !alice
        .seen
        .iter()
        .any(|line| line.contains(&format!(r#""size":{size}"#)))
    {
        alice.wait("the new version", |line| {
            line.contains("offered") && line.contains(&format!(r#""size":{size}"#))
        });
    }
    let done = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds()
        .done();
    assert!(fs::read(done["path"].as_str().unwrap()).unwrap() == new);
    assert!(alice.child.try_wait().unwrap().is_none());
}

#[test]
fn a_file_edited_while_it_is_served_is_never_mixed() {
    changed_while_served(|path| {
        let mut file = File::options().write(true).open(path).unwrap();
        for at in (0..192).step_by(3) {
            file.seek(SeekFrom::Start(at * MIB)).unwrap();
            file.write_all(b"edited").unwrap();
        }
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"longer").unwrap();
    });
}

#[test]
fn a_file_truncated_while_it_is_served_is_never_mixed() {
    changed_while_served(|path| {
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(100 << 20)
            .unwrap();
    });
}

#[test]
fn a_file_replaced_while_it_is_served_is_never_mixed() {
    changed_while_served(|path| {
        let fresh = path.parent().unwrap().join(".sprat-fresh");
        fs::write(&fresh, noise(5, 150 << 20)).unwrap();
        fs::rename(fresh, path).unwrap();
    });
}

#[test]
fn a_file_touched_while_it_is_served_arrives_after_all() {
    let swarm = Swarm::new();
    let bytes = noise(6, 192 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
    bob.has(MIB);
    let path = swarm.home("alice").join("shared/big.bin");
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(99))
        .unwrap();
    assert_eq!(bob.end(), 0, "{:?}", bob.seen);
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
}

#[test]
fn bytes_that_change_behind_the_servers_back_do_not_make_it_a_liar() {
    let swarm = Swarm::new();
    let mut bytes = noise(7, 8 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let path = swarm.home("alice").join("shared/big.bin");
    let alice = swarm.serve_scanned("alice", &[]);
    drop(alice);
    // As a program does that writes through a mapping, or restores the time: nothing shows it but
    // the bytes.
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    bytes[5 << 20] ^= 1;
    let mut file = File::options().write(true).open(&path).unwrap();
    file.write_all(&bytes).unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    let mut alice = swarm.serve("alice", &[]);
    assert_eq!(alice.event("scanned")["read"], 0);
    let first = swarm.run(
        "bob",
        &["download", "big.bin", "--json", "--timeout", "0.5"],
    );
    assert!(first.code() == 5 || first.code() == 0, "{}", first.out());
    alice.event("offered");
    swarm.run("bob", &["download", "big.bin"]).succeeds();
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
}

#[test]
fn a_download_goes_on_with_what_is_left_of_a_changed_source() {
    let swarm = Swarm::new();
    let mut bytes = noise(8, 96 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
    let had = bob.has(MIB);
    bob.signal("INT");
    assert_eq!(bob.end(), 130);
    drop(alice);
    bytes.splice(100..200, *b"another");
    share(&swarm.home("alice"), "big.bin", &bytes);
    let _alice = swarm.serve_scanned("alice", &[]);
    let done = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds()
        .done();
    assert!(downloaded(&swarm.home("bob"), "big.bin") == bytes);
    // All but the chunk that changed.
    assert!(
        done["reused"].as_u64().unwrap() + 2 * MIB > had,
        "{had}: {done}"
    );
}

#[cfg(unix)]
#[test]
fn what_is_there_is_left_alone_and_times_and_rights_come_along() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let swarm = Swarm::new();
    let shared = swarm.home("alice").join("shared");
    let day = Duration::from_secs(86_400);
    // Before 1970; about 2500, or the last time that the disk can hold; lately, with a fraction.
    let times = [
        UNIX_EPOCH - day * 4000,
        UNIX_EPOCH + day * 193_580,
        SystemTime::now(),
    ];
    for (at, time) in times.into_iter().enumerate() {
        share(
            &swarm.home("alice"),
            &format!("{at}.txt"),
            &noise(at as u64, 1000),
        );
        let file = File::options()
            .write(true)
            .open(shared.join(format!("{at}.txt")))
            .unwrap();
        file.set_modified(time).unwrap();
        if at == 1 {
            file.set_permissions(fs::Permissions::from_mode(0o755))
                .unwrap();
        }
    }
    let mut alice = swarm.serve_scanned("alice", &[]);
    swarm.run("bob", &["download", "*.txt"]).succeeds();
    let seconds = |path: &Path| fs::metadata(path).unwrap().mtime();
    for at in 0..3 {
        let path = swarm.home("bob").join(format!("downloads/{at}.txt"));
        assert_eq!(
            seconds(&path),
            seconds(&shared.join(format!("{at}.txt"))),
            "{at}"
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o100 != 0, at == 1, "{mode:o}");
    }

    let again = swarm
        .run("bob", &["download", "0.txt", "--json"])
        .succeeds()
        .done();
    assert_eq!(
        (&again["already"], &again["fetched"]),
        (&true.into(), &0.into())
    );
    let said = swarm.run("bob", &["download", "0.txt"]).succeeds();
    assert!((said.out() + &said.err()).contains("here already"));
    share(&swarm.home("alice"), "0.txt", b"different");
    alice.wait("the new one", |line| line.contains(r#""size":9"#));
    swarm.run("bob", &["download", "0.txt"]).succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "0.txt"), noise(0, 1000));
    assert_eq!(downloaded(&swarm.home("bob"), "0 (2).txt"), b"different");
    let again = swarm
        .run("bob", &["download", "0.txt", "--json"])
        .succeeds()
        .done();
    assert_eq!(again["already"], true);
}
