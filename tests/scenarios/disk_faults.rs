//! A disk that is full for a while, or whose writes and syncs fail, while a node runs on it.
#![cfg(target_os = "linux")]

use crate::common::{Running, Swarm, noise, share, small::Small};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[test]
fn many_small_files_on_a_full_disk_end_with_one_line_and_the_node_starts_again() {
    let swarm = Swarm::new();
    for at in 0..2000 {
        let name = format!("many/{at}.bin");
        share(&swarm.home("alice"), &name, &noise(at, 10_000));
    }
    let _alice = swarm.serve_scanned("alice", &[]);
    let Some(small) = Small::mount(&swarm.home("bob"), 12) else {
        return;
    };
    let home = small.seen();
    let run = || {
        let command = swarm.command("bob", &["download", "many/", "--json"]);
        let output = small.enter(&command).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = |event: &str| out.lines().filter(|line| line.contains(event)).count();
        let (done, errors) = (lines(r#""event":"done""#), lines(r#""event":"error""#));
        let here = r#""already":true"#;
        (output.status.code(), done, lines(here), errors, out + &err)
    };
    let mut had = 0;
    // Each time the disk is full to the last byte.
    for round in 0..3 {
        let (code, done, already, errors, said) = run();
        assert_eq!((code, errors), (Some(3), 1), "{said}");
        assert!(
            done >= had && already >= had,
            "{round}: {had} {done} {already}: {:#?}",
            said.lines()
                .filter(|line| !line.contains(r#""done""#))
                .collect::<Vec<_>>()
        );
        assert!(!said.contains("is being rebuilt"), "{said}");
        had = done;
        assert!(had > 100, "{had}");
        let filler = home.join(format!("filler{round}"));
        let full = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", filler.display()))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!full.success());
    }
    small.resize(60);
    let (code, done, already, errors, said) = run();
    assert_eq!((code, done, errors), (Some(0), 2000, 0), "{said}");
    assert!(already >= had, "{said}");
    let aside = fs::read_dir(home.join(".sprat")).unwrap();
    let names = aside.map(|entry| entry.unwrap().file_name());
    assert!(
        !names
            .into_iter()
            .any(|name| name.to_string_lossy().contains("damaged"))
    );
}

#[test]
fn a_node_whose_disk_was_full_for_a_while_goes_on_by_itself() {
    let swarm = Swarm::new();
    let Some(small) = Small::mount(&swarm.home("alice"), 40) else {
        return;
    };
    let home = small.seen();
    share(&home, "old.bin", &noise(1, 2 << 20));
    let alice = swarm.command("alice", &["serve", "--json"]);
    let mut alice = Running::start(small.enter(&alice).stderr(Stdio::piped()));
    alice.event("scanned");
    let filler = home.join("filler");
    let fill = Command::new("dd")
        .args(["if=/dev/zero", "bs=4k", "status=none"])
        .arg(format!("of={}", filler.display()))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!fill.success());
    // Many names, of which the index has to learn all: more than what it keeps in reserve.
    for at in 0..4_000 {
        let _ = fs::hard_link(
            home.join("shared/old.bin"),
            home.join(format!("shared/{at}.bin")),
        );
    }
    swarm.run("bob", &["download", "old.bin"]).succeeds();
    fs::remove_file(filler).unwrap();
    share(&home, "new.bin", &noise(2, 1 << 20));
    alice.wait("the new file", |line| line.contains("new.bin"));
    swarm.run("carol", &["download", "new.bin"]).succeeds();
    alice.signal("TERM");
    assert_eq!(alice.end(), 0, "{:?}", alice.seen);
}

/// Makes the system say EIO, or another error, to what this library is loaded into, for files below
/// `.sprat/index`, while a file `fault` says so. `None`, and a word, where it cannot be built.
fn faulty(folder: &Path) -> Option<PathBuf> {
    const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>
static int fails(int fd, const char *what) {
    char line[64] = "", link[64], path[4096];
    FILE *file = fopen(getenv("FAULT"), "r");
    if (!file) return 0;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    if (!read || !strstr(line, what)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    if (strstr(line, "index") && !strstr(path, "/.sprat/index/")) return 0;
    errno = atoi(line);
    return 1;
}
#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) { REAL(pwrite64); return fails(fd, "write") ? -1 : real(fd, b, n, at); }
int fsync(int fd) { REAL(fsync); return fails(fd, "sync") ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fails(fd, "sync") ? -1 : real(fd); }
int sync_file_range(int fd, off64_t a, off64_t b, unsigned int f) { REAL(sync_file_range); return fails(fd, "sync") ? -1 : real(fd, a, b, f); }
int syncfs(int fd) { REAL(syncfs); return fails(fd, "sync") ? -1 : real(fd); }
"#;
    let (source, built) = (folder.join("faulty.c"), folder.join("faulty.so"));
    fs::write(&source, SOURCE).unwrap();
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&built, &source])
        .arg("-ldl")
        .status();
    if done.is_ok_and(|status| status.success()) {
        return Some(built);
    }
    eprintln!("left out: there is no C compiler here");
    None
}

#[test]
fn an_index_whose_writes_failed_is_opened_again_while_the_node_runs() {
    let swarm = Swarm::new();
    let tools = swarm.home("tools");
    let Some(library) = faulty(&tools) else {
        return;
    };
    let fault = tools.join("fault");
    for what in ["28 index write", "5 index write sync"] {
        let name = format!("alice{}", &what[..1]);
        let home = swarm.home(&name);
        share(&home, "old.bin", &noise(1, 3 << 20));
        let mut alice = swarm.command(&name, &["serve", "--json"]);
        alice.env("LD_PRELOAD", &library).env("FAULT", &fault);
        let mut alice = Running::start(alice.stderr(Stdio::piped()));
        alice.event("scanned");
        fs::write(&fault, what).unwrap();
        share(&home, "new.bin", &noise(2, 1 << 20));
        alice.wait("word of it", |line| line.contains("the index failed"));
        fs::remove_file(&fault).unwrap();
        let mended = std::time::Instant::now();
        alice.wait("word of the end", |line| {
            line.contains("the index works again")
        });
        assert!(mended.elapsed().as_secs() < 10);
        // It may be offered before that is told.
        let offers = |line: &str| line.contains("new.bin");
        if !alice.seen.iter().any(|line| offers(line)) {
            alice.wait("the new file", offers);
        }
        for file in ["old.bin", "new.bin"] {
            let bob = format!("bob{name}");
            swarm.run(&bob, &["download", file]).succeeds();
        }
        alice.signal("TERM");
        assert_eq!(alice.end(), 0, "{:?}", alice.seen);
        let said = alice.seen.join("\n");
        assert_eq!(said.matches("the index failed").count(), 1, "{said}");
        assert!(
            !said.contains("panicked") && !said.contains("rebuilt"),
            "{said}"
        );
    }
}

#[test]
fn a_disk_that_syncs_nothing_is_said_in_a_sentence() {
    let swarm = Swarm::new();
    let tools = swarm.home("tools");
    let Some(library) = faulty(&tools) else {
        return;
    };
    let fault = tools.join("fault");
    share(&swarm.home("alice"), "a.bin", &noise(1, 3 << 20));
    let _alice = swarm.serve_scanned("alice", &[]);
    // Of everything, of the index alone; in a home that is new, and in one that was used.
    for round in 0..2 {
        for what in ["5 sync", "5 index sync"] {
            fs::write(&fault, what).unwrap();
            for command in [&["serve"][..], &["download", "a.bin"]] {
                let mut bob = swarm.command("bob", command);
                bob.env("LD_PRELOAD", &library).env("FAULT", &fault);
                bob.env("RUST_BACKTRACE", "1").stdin(Stdio::null());
                let output = bob.output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{round} {what} {command:?}: {said}"
                );
                assert!(said.contains("Input/output error"), "{said}");
                assert!(
                    !said.contains("panicked") && !said.contains("backtrace"),
                    "{said}"
                );
                assert!(!said.contains("rebuilt"), "{said}");
            }
        }
        fs::remove_file(&fault).unwrap();
        swarm.run("bob", &["download", "a.bin"]).succeeds();
        fs::remove_file(swarm.home("bob").join("downloads/a.bin")).unwrap();
    }
}

#[test]
fn a_download_that_was_broken_off_is_shown_and_cleaned_away() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "big.bin", &noise(1, 60 << 20));
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", "8M"]);
    let begin = || {
        let mut bob = swarm.start("bob", &["download", "big.bin", "--json"]);
        bob.has(4 << 20);
        bob.signal("INT");
        assert_eq!(bob.end(), 130);
    };
    begin();
    let rows = |arguments: &[&str]| swarm.run("bob", arguments).succeeds().json();
    let shown = rows(&["clean", "--json"]);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["name"], "big.bin");
    assert!(shown[0]["bytes"].as_u64().unwrap() >= 4 << 20);
    assert_eq!(shown[0]["removed"], false);
    let status = swarm.pipe("bob", &[], "status\nclean\n").out();
    assert!(status.contains("1 download broken off"), "{status}");
    assert_eq!(rows(&["clean", "--json", "--yes"])[0]["removed"], true);
    assert!(rows(&["clean", "--json"]).is_empty());
    let partials = swarm.home("bob").join(".sprat/partial");
    assert_eq!(fs::read_dir(&partials).unwrap().count(), 0);

    // Begun, and then its owner replaced it: the older one goes when the new one is complete.
    begin();
    let newer = noise(2, 3 << 20);
    let new = swarm.home("alice").join("new");
    fs::write(&new, &newer).unwrap();
    fs::rename(new, swarm.home("alice").join("shared/big.bin")).unwrap();
    crate::common::until("the new one", || {
        swarm.run("bob", &["download", "big.bin"]).code() == 0
            && crate::common::downloaded(&swarm.home("bob"), "big.bin") == newer
    });
    assert_eq!(fs::read_dir(&partials).unwrap().count(), 0);
}
