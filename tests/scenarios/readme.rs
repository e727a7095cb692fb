//! The README's words, typed as they stand: what a newcomer does in the first minute.
#![cfg(unix)]

use crate::common::{Swarm, downloaded, noise, terminal::Terminal};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));

/// The words in backquotes, or the lines of code, that begin so.
fn said(beginning: &str) -> Vec<&'static str> {
    let quoted = README
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let lines = README
        .lines()
        .map(|line| line.split("  #").next().unwrap_or_default().trim());
    let all = quoted
        .chain(lines)
        .filter(|words| words.starts_with(beginning));
    all.collect()
}

/// The only one.
#[track_caller]
fn the(beginning: &str) -> &'static str {
    let mut all = said(beginning);
    all.dedup();
    let [one] = all[..] else {
        panic!("the README says `{beginning}…` not once: {all:?}");
    };
    one
}

/// A minute, of which a test on a busy machine may take twice as much.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_picture_goes_from_one_terminal_to_another_by_a_code() {
    let begun = Instant::now();
    let swarm = Swarm::new();
    let here = swarm.home("here");
    let picture = noise(1, 300_000);
    std::fs::write(here.join("photo.jpg"), &picture).unwrap();
    // "To try it on one machine, give each terminal a folder of its own: … in one, … in the other."
    let send = README
        .split("To try it on one machine")
        .nth(1)
        .and_then(|rest| rest.split('`').nth(1))
        .unwrap();
    assert_eq!(send, "sprat send photo.jpg");
    let receive = the("sprat --home /tmp/other receive");
    let (receive, code) = receive.rsplit_once(' ').unwrap();
    assert!(code.parse::<sprat::core::code::Code>().is_ok(), "{code}");

    let mut one = Terminal::shell(&swarm, &here, send);
    one.sees("sprat receive ");
    let code = one.sees("\r\n");
    let there = swarm.home("there");
    let receive = receive.replace("/tmp/other", there.to_str().unwrap());
    let mut other = Terminal::shell(&swarm, &here, &format!("{receive} {}", code.trim()));
    other.sees("photo.jpg");
    other.enters("y");
    assert_eq!((other.ends(), one.ends()), (0, 0));
    assert!(downloaded(&there, "photo.jpg") == picture);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

/// A copy of the repository's `peers`, and the program where its README's commands look for it.
fn repository(swarm: &Swarm) -> std::path::PathBuf {
    let top = swarm.home("repository");
    let release = top.join("target/release");
    std::fs::create_dir_all(&release).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sprat"), release.join("sprat")).unwrap();
    for peer in ["peer1", "peer2", "peer3"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("peers")
            .join(peer)
            .join("shared");
        let to = top.join("peers").join(peer).join("shared");
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    top
}

#[test]
fn two_homes_that_are_ready_find_each_other_and_hand_over_a_picture() {
    let begun = Instant::now();
    let swarm = Swarm::new();
    let top = repository(&swarm);
    let picture = noise(2, 300_000);
    let [first, second, third] = ["peer1", "peer2", "peer3"].map(|peer| {
        let line = the(&format!("cd peers/{peer}"));
        // Any port, since others may test at the same time.
        let (before, rest) = line.split_once("-t ").unwrap();
        let (port, after) = rest.split_once(' ').unwrap();
        assert!(port.parse::<u16>().is_ok(), "{line}");
        format!("{before}-t 0 {after}")
    });
    std::fs::write(top.join("peers/peer1/photo.jpg"), &picture).unwrap();
    let mut one = Terminal::shell(&swarm, &top, &first);
    one.sees("sprat> ");
    let mut other = Terminal::shell(&swarm, &top, &second);
    other.sees("sprat> ");
    one.sees("peer2 joined");
    let mut last = Terminal::shell(&swarm, &top, &third);
    last.sees("sprat> ");
    one.sees("peer3 joined");
    let typed = README.split("In the third, type").nth(1).unwrap();
    let mut typed = typed.split('`').skip(1).step_by(2);
    for seen in [
        "hello-from-peer1.txt",
        "got hello-from-peer1.txt",
        "127.0.0.1:",
    ] {
        last.enters(typed.next().unwrap());
        last.sees(seen);
    }
    let leave = typed.next().unwrap();
    // "Or at a prompt": to the one that is here.
    let send = README.split("# or at a prompt: ").nth(1).unwrap();
    let send = send.lines().next().unwrap();
    assert_eq!(send, "send photo.jpg --to alice");
    one.enters(&send.replace("alice", "peer2"));
    other.sees("asks to send you photo.jpg");
    let accept = README
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("accept 1 takes"));
    let accept = accept.and_then(|line| line.split(" takes").next()).unwrap();
    other.enters(accept);
    other.sees("got photo.jpg");
    assert!(downloaded(&top.join("peers/peer2"), "photo.jpg") == picture);
    for terminal in [&mut one, &mut other] {
        terminal.enters(leave);
        assert_eq!(terminal.ends(), 0);
    }
    last.enters(leave);
    last.sees("exit again leaves");
    last.enters(leave);
    assert_eq!(last.ends(), 0);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn what_is_to_be_made_can_be_made() {
    let makefile = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Makefile"));
    let made = said("make ");
    assert!(made.contains(&"make demo"), "{made:?}");
    for words in made {
        let target = words.split_whitespace().nth(1).unwrap();
        let rule = format!("\n{target}:");
        assert!(makefile.contains(&rule), "no rule for `{words}`");
    }
}
