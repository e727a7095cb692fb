//! The prompt at a terminal, as a person sees it.
#![cfg(unix)]

use crate::common::{Running, Swarm, noise, share, terminal::Terminal};
use std::os::unix::fs::PermissionsExt as _;

fn hears_goodbye(of: &mut Running, name: &str) {
    let said = of.wait("the goodbye", |line| {
        line.contains(r#""event":"left""#) && line.contains(&format!(r#""{name}""#))
    });
    assert!(said.contains(r#""announced":true"#), "{said}");
}

#[test]
fn tab_completes_commands_and_offered_names() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "holiday-in-norway.txt", b"fjord");
    let _alice = swarm.serve_scanned("alice", &[]);
    let mut bob = Terminal::prompt(&swarm, "bob");
    bob.sees("alice joined");
    bob.types("dow\t");
    bob.sees("download");
    bob.types("holi\t");
    bob.sees("holiday-in-norway.txt");
    bob.enters("");
    bob.sees("got holiday-in-norway.txt, 5 B");
    // Lines that are typed or pasted ahead wait for their turn.
    bob.types("# a comment\rhelp cancel\rpeers\r");
    bob.sees("the only one that runs");
    bob.sees("127.0.0.1:");
    bob.enters("status");
    bob.sees("received 5 B, sent 0 B");
    bob.enters("help");
    bob.sees("say goodbye and leave the swarm");
    bob.enters("frobnicate");
    bob.sees("there is no command `frobnicate`");
    bob.enters("exit");
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);

    let history = swarm.home("bob").join(".sprat/history");
    let mode = std::fs::metadata(&history).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(kept.contains("download holiday-in-norway.txt"), "{kept}");
    // The next prompt knows it: up, up, up… to the first line, and no further.
    let mut bob = Terminal::prompt(&swarm, "bob");
    bob.types(&"\u{1b}[A".repeat(20));
    bob.sees("download holiday-in-norway.txt");
    // Ctrl-U and not Ctrl-C, which forgets what is typed ahead: nothing that is seen tells when all
    // of the ups were drawn.
    bob.control('u');
    bob.enters("exit");
    assert_eq!(bob.ends(), 0);
}

#[test]
fn a_message_does_not_break_the_line_being_typed() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "one.txt", b"one");
    let mut bob = Terminal::prompt(&swarm, "bob");
    bob.types("list on");
    bob.sees("list on");
    let mut alice = swarm.serve("alice", &[]);
    bob.sees("alice joined");
    bob.sees("sprat> list on"); // Drawn again below the message.
    bob.enters("e.txt");
    bob.sees("HOLDERS");
    bob.sees("one.txt");
    bob.control('d');
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
    hears_goodbye(&mut alice, "bob");
}

#[test]
fn ctrl_c_clears_the_line_and_twice_leaves() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve("alice", &[]);
    let mut bob = Terminal::prompt(&swarm, "bob");
    bob.sees("alice joined"); // Later it would draw the line again.
    bob.types("list something");
    bob.sees("list something");
    bob.control('c');
    bob.sees("sprat> ");
    bob.control('c');
    bob.sees("press Ctrl-C again");
    bob.sees("sprat> ");
    bob.control('c');
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
    hears_goodbye(&mut alice, "bob");
}

#[test]
fn a_signal_at_the_prompt_leaves_in_good_order() {
    let swarm = Swarm::new();
    let mut alice = swarm.serve("alice", &[]);
    for signal in ["TERM", "INT"] {
        let mut bob = Terminal::prompt(&swarm, "bob");
        alice.wait("bob joined", |line| line.contains(r#""event":"joined""#));
        // The lock of a home names the node that holds it.
        let pid = std::fs::read_to_string(swarm.home("bob").join(".sprat/lock")).unwrap();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{signal}"), pid.trim()])
            .status();
        assert!(sent.unwrap().success());
        hears_goodbye(&mut alice, "bob");
        assert_eq!(bob.ends(), 130);
    }
}

#[test]
fn a_long_scan_has_a_bar_which_is_gone_afterwards() {
    let swarm = Swarm::new();
    // Zeros that take no room on the disk, and seconds to read.
    let file = std::fs::File::create(swarm.home("alice").join("shared/big.img")).unwrap();
    file.set_len(2 << 30).unwrap();
    let mut alice = Terminal::open(&swarm, "alice", &["serve"]);
    alice.sees("is here, on 127.0.0.1:");
    let before = alice.sees("reading shared/ [");
    assert!(!before.contains("looking for it"), "{before}");
    alice.sees("/2.00 GiB eta ");
    alice.sees("offering 1 file, 2.0 GiB");
    alice.control('c');
    let after = alice.sees("left the swarm");
    assert!(!after.contains("reading"), "{after}");
    assert_eq!(alice.ends(), 0);
}

#[test]
fn a_download_at_a_terminal_has_a_bar_and_ctrl_c_keeps_what_is_here() {
    let swarm = Swarm::new();
    let bytes = noise(9, 1 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let mut alice = swarm.serve_scanned("alice", &[]);
    let mut bob = Terminal::open(
        &swarm,
        "bob",
        &["download", "big.bin", "nowhere", "--wait", "60"],
    );
    bob.sees("looking for it");
    alice.wait("bob looks", |line| line.contains(r#""joined""#));
    bob.control('c');
    bob.sees("stopped; what is here is kept");
    assert_eq!(bob.ends(), 130);
    hears_goodbye(&mut alice, "bob");
}
