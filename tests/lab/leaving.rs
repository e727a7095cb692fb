//! How nodes go, and how soon the others know.

use crate::{
    common::Running,
    hosts::{Lab, left, meets},
};
use std::time::{Duration, Instant};

/// What is promised for a node that says goodbye: it is gone before anyone looks.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What is promised for one that does not.
const SILENT: Duration = Duration::from_secs(15);

/// Waits until `watcher` says that `name` is gone; how long after `since` that was, and whether it
/// was said goodbye.
fn gone(watcher: &mut Running, name: &str, since: Instant) -> (Duration, bool) {
    let line = watcher.wait(&format!("{name} gone"), left(name));
    let after = since.elapsed();
    println!("{name} was gone after {after:?}");
    (after, line.contains(r#""announced":true"#))
}

#[test]
fn a_node_that_exits_or_is_told_to_stop_is_gone_at_once() {
    let Some(lab) = Lab::new(4) else { return };
    let mut watcher = lab.host(0).serve("watcher", &[]);
    let mut typed = lab.host(1).start("typed", &["--json"]);
    let interrupted = lab.host(2).serve("interrupted", &[]);
    let terminated = lab.host(3).serve("terminated", &[]);
    for name in ["typed", "interrupted", "terminated"] {
        meets(&mut watcher, name);
    }
    watcher.seen.clear();

    let since = Instant::now();
    typed.type_line("exit");
    let typed_gone = gone(&mut watcher, "typed", since);
    let since = Instant::now();
    interrupted.signal("INT");
    let interrupted_gone = gone(&mut watcher, "interrupted", since);
    let since = Instant::now();
    terminated.signal("TERM");
    let terminated_gone = gone(&mut watcher, "terminated", since);
    for (after, announced) in [typed_gone, interrupted_gone, terminated_gone] {
        assert!(announced && after < AT_ONCE, "{after:?}, {announced}");
    }
    for mut node in [typed, interrupted, terminated] {
        assert_eq!(node.end(), 0, "{:?}", node.seen);
    }
}

#[test]
fn a_killed_node_is_gone_and_its_next_life_is_seen() {
    let Some(lab) = Lab::new(2) else { return };
    let mut watcher = lab.host(0).serve("watcher", &[]);
    let victim = lab.host(1).serve("victim", &[]);
    meets(&mut watcher, "victim");
    let since = Instant::now();
    victim.signal("KILL");
    let (after, announced) = gone(&mut watcher, "victim", since);
    assert!(!announced && after < SILENT, "{after:?}");
    watcher.seen.clear();
    let _again = lab.host(1).serve("victim", &[]);
    meets(&mut watcher, "victim");
}

#[test]
fn a_host_that_falls_off_the_network_is_gone_within_fifteen_seconds_and_comes_back() {
    let Some(lab) = Lab::new(3) else { return };
    let mut watcher = lab.host(0).serve("watcher", &[]);
    let mut unplugged = lab.host(1).serve("unplugged", &[]);
    let mut switched_off = lab.host(2).serve("off", &[]);
    for name in ["unplugged", "off"] {
        meets(&mut watcher, name);
    }
    meets(&mut unplugged, "off");

    let since = Instant::now();
    lab.host(1).cable(0, false);
    lab.host(2).ip_command("link set eth0 down");
    // They may go in either order.
    let first = watcher.wait("one gone", |line| line.contains(r#""event":"left""#));
    let unplugged_first = first.contains("unplugged");
    let second = if unplugged_first { "off" } else { "unplugged" };
    let (after, announced) = gone(&mut watcher, second, since);
    assert!(after < SILENT, "{after:?}");
    assert!(!announced && !first.contains(r#""announced":true"#));
    // They are as alone as the network says.
    unplugged.wait("the watcher gone", left("watcher"));
    switched_off.wait("the watcher gone", left("watcher"));

    watcher.seen.clear();
    let since = Instant::now();
    lab.host(1).cable(0, true);
    lab.host(2).ip_command("link set eth0 up");
    meets(&mut watcher, "unplugged");
    meets(&mut watcher, "off");
    println!("both were back after {:?}", since.elapsed());
}
