//! What the program is to the system that it runs on: a service, its version, its manual, a report
//! of a fault, a home of another version.
#![cfg(target_os = "linux")]

use crate::common::{
    Ran, Running, Swarm, share, terminal::Terminal, unnamed, until, with_environment,
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// The same without a terminal that could be closed.
fn detached(command: &Command) -> Command {
    let mut detached = Command::new("setsid");
    detached.arg("--wait").arg(command.get_program());
    detached.args(command.get_args()).stderr(Stdio::piped());
    with_environment(&mut detached, command);
    detached
}

#[test]
fn the_system_hears_that_a_node_is_ready_alive_and_leaving() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "a.txt", b"some text");
    let place = swarm.home("alice").join("notify");
    let heard = UnixDatagram::bind(&place).unwrap();
    heard.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = swarm.command("alice", &["serve", "--json"]);
    command.env("NOTIFY_SOCKET", &place);
    // A second of patience, so a sign of life each third of one.
    command.env("WATCHDOG_USEC", "1000000");
    let node = Running::of(command);
    let next = || {
        let mut text = [0; 512];
        let length = heard.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(next(), "READY=1\n");
    let mut alive = Vec::new();
    while alive.len() < 3 || !next().contains("1 file") {
        let said = next();
        if said.contains("WATCHDOG=1\nSTATUS=") {
            alive.push(Instant::now());
        }
        assert!(alive.len() < 200, "{said}");
    }
    // Without somebody who watches it is each ten seconds.
    let pauses = alive.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.min() < Some(Duration::from_secs(5)));
    node.signal("TERM");
    while next() != "STOPPING=1\n" {}
}

#[test]
fn the_system_hears_when_the_options_are_read_again() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let place = home.join("notify");
    let heard = UnixDatagram::bind(&place).unwrap();
    heard.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = swarm.command("alice", &["serve", "--json"]);
    command.env("NOTIFY_SOCKET", &place);
    let mut node = Running::of(command);
    let until_said = |wanted: &str| loop {
        let mut text = [0; 512];
        let length = heard.recv(&mut text).unwrap();
        let said = String::from_utf8_lossy(&text[..length]).into_owned();
        if said.starts_with(wanted) {
            return said;
        }
    };
    until_said("READY=1");
    node.event("ready");
    node.signal("HUP");
    // As `Type=notify-reload` has it.
    let reloading = until_said("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until_said("READY=1");
    node.signal("TERM");
    until_said("STOPPING=1");
}

#[test]
fn a_hangup_of_a_service_reads_the_options_again() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    let mut command = unnamed(&swarm.command("alice", &["serve"]));
    // As systemd does; nobody listens there.
    command.env("NOTIFY_SOCKET", home.join("nobody"));
    let mut node = Running::start(&mut detached(&command));
    node.wait("its name", |line| line.contains(" is here, on "));
    let config = home.join(".sprat/config.toml");
    let pid = fs::read_to_string(home.join(".sprat/lock")).unwrap();
    let hang_up = || {
        let done = Command::new("kill").args(["-HUP", pid.trim()]).status();
        assert!(done.unwrap().success());
    };
    let name = || swarm.run("alice", &["status", "--json"]).json()[0]["name"].clone();
    fs::write(&config, "name = 'somebody else'\nupload-limit = '2M'\n").unwrap();
    hang_up();
    node.wait("the options", |line| {
        line.contains("read the options again")
    });
    assert_eq!(name(), "somebody else");
    // A mistake changes nothing, and is told.
    fs::write(&config, "nome = 'nobody'\n").unwrap();
    hang_up();
    node.wait("the mistake", |line| line.contains("did you mean `name`"));
    fs::write(&config, "").unwrap();
    assert_eq!(name(), "somebody else");
    let done = Command::new("kill").arg(pid.trim()).status();
    assert!(done.unwrap().success());
    assert_eq!(node.end(), 0);
}

/// A folder with a program that notes what it is told, and ends with what `code` says.
fn with_program(command: &mut Command, place: &Path, name: &str) {
    fs::create_dir_all(place.join("bin")).unwrap();
    let program = place.join("bin").join(name);
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> '{0}/told'\nexit \"$(cat '{0}/code' 2>/dev/null || echo 0)\"\n",
        place.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}/bin:{path}", place.display()));
    command.env("XDG_CONFIG_HOME", place.join("config"));
    command.env("HOME", place);
}

#[test]
fn a_service_is_installed_shown_and_removed() {
    let swarm = Swarm::new();
    let place = tempfile::tempdir().unwrap();
    let run = |what: &str| {
        let mut command = swarm.command("alice", &["service", what, "--json"]);
        with_program(&mut command, place.path(), "systemctl");
        Ran::of(command)
    };
    let unit = place.path().join("config/systemd/user/sprat.service");
    assert_eq!(run("install").succeeds().json()[0]["state"], "installed");
    let text = fs::read_to_string(&unit).unwrap();
    let home = fs::canonicalize(swarm.home("alice")).unwrap();
    assert!(
        text.contains(&format!("--home \"{}\" serve", home.display())),
        "{text}"
    );
    assert_eq!(run("status").succeeds().json()[0]["state"], "running");
    fs::write(place.path().join("code"), "3").unwrap();
    let stopped = run("status");
    assert_eq!(
        (stopped.code(), &stopped.json()[0]["state"]),
        (5, &"stopped".into())
    );
    fs::write(place.path().join("code"), "0").unwrap();
    assert_eq!(run("remove").succeeds().json()[0]["state"], "removed");
    assert!(!unit.exists());
    let told = fs::read_to_string(place.path().join("told")).unwrap();
    for wanted in ["--user enable", "--user start sprat", "--user disable"] {
        assert!(told.contains(wanted), "{told}");
    }
    fs::write(place.path().join("code"), "4").unwrap();
    assert_eq!(run("status").json()[0]["state"], "none");
}

#[test]
fn a_service_that_cannot_be_started_now_is_said_to_be_installed_and_can_be_removed() {
    let swarm = Swarm::new();
    let place = tempfile::tempdir().unwrap();
    // As without a session: only files can be changed.
    let program = place.path().join("bin/systemctl");
    let script = "#!/bin/sh\ncase $2 in enable|disable) exit 0;; esac\n\
        echo 'Failed to connect to bus: No medium found' >&2\nexit 1\n";
    let run = |what: &str| {
        let mut command = swarm.command("alice", &["service", what]);
        with_program(&mut command, place.path(), "systemctl");
        fs::write(&program, script).unwrap();
        Ran::of(command)
    };
    let unit = place.path().join("config/systemd/user/sprat.service");
    let installed = run("install");
    assert_eq!(installed.code(), 3, "{}", installed.err());
    assert!(installed.out().contains("does not run yet") && installed.out().contains("logged in"));
    assert!(unit.exists());
    assert_eq!(run("status").code(), 1);
    run("remove").succeeds();
    assert!(!unit.exists());
}

#[test]
fn a_broken_file_is_told_and_keeps_no_service_from_being_looked_at_or_removed() {
    let swarm = Swarm::new();
    let place = tempfile::tempdir().unwrap();
    let run = |what: &[&str]| {
        let mut command = swarm.command("alice", &[&["service"], what].concat());
        with_program(&mut command, place.path(), "systemctl");
        Ran::of(command)
    };
    let told = || fs::read_to_string(place.path().join("told")).unwrap_or_default();
    let config = swarm.home("alice").join(".sprat/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, "name = 'alice'\nnome = 'nobody'\n").unwrap();
    let is_told = |ran: &Ran| {
        let err = ran.err();
        assert!(err.contains("config.toml, line 2: "), "{err}");
    };
    // What would end at once with a mistake is not started.
    let installed = run(&["install"]);
    is_told(&installed);
    assert_eq!(installed.code(), 3, "{}", installed.err());
    assert!(installed.out().contains("does not run yet"));
    assert!(told().contains("--user enable") && !told().contains("--user start"));
    let status = run(&["status", "--json"]);
    assert_eq!(status.code(), 0);
    let said = status.json();
    assert_eq!(said[0]["event"], "error");
    assert_eq!(said[1]["state"], "running");
    let removed = run(&["remove"]);
    is_told(&removed);
    removed.succeeds();
    assert!(told().contains("--user disable"));
    // A report of what is wrong is made without a node.
    let report = swarm.run("alice", &["bug-report"]);
    is_told(&report);
    assert!(report.out().contains("name = (left out)") && !report.out().contains("nobody"));
    assert!(!report.out().contains("networks:"));
    report.succeeds();
    // Any other command is refused as before.
    assert_eq!(swarm.run("alice", &["list"]).code(), 2);
    // Once it is mended, the same command starts it.
    fs::write(&config, "name = 'alice'\n").unwrap();
    run(&["install"]).succeeds();
    assert!(told().contains("--user start sprat"));
}

#[test]
fn a_home_of_a_later_version_is_refused_with_words() {
    let swarm = Swarm::new();
    swarm.run("alice", &["status"]).succeeds();
    let format = swarm.home("alice").join(".sprat/format");
    let known = fs::read_to_string(&format).unwrap();
    fs::write(&format, "4000\n").unwrap();
    let refused = swarm.run("alice", &["status"]);
    assert_eq!(refused.code(), 1);
    assert!(refused.err().contains("later version"), "{}", refused.err());
    assert_eq!(fs::read_to_string(&format).unwrap(), "4000\n");
    // That of the first version had no number.
    fs::remove_file(&format).unwrap();
    swarm.run("alice", &["status"]).succeeds();
    assert_eq!(fs::read_to_string(&format).unwrap(), known);
}

#[test]
fn the_version_and_the_manual_need_no_home() {
    let swarm = Swarm::new();
    let version = swarm.run("alice", &["version", "--json"]).succeeds();
    assert_eq!(version.json()[0]["version"], env!("CARGO_PKG_VERSION"));
    let pages = swarm.home("alice").join("man");
    swarm
        .run("alice", &["manual", pages.to_str().unwrap()])
        .succeeds();
    let page = fs::read_to_string(pages.join("sprat-download.1")).unwrap();
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(!swarm.home("alice").join(".sprat").exists());
}

#[test]
fn a_report_of_a_fault_names_nobody() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "secret-plan.txt", b"x");
    swarm.run("alice", &["status"]).succeeds();
    fs::write(
        swarm.home("alice").join(".sprat/config.toml"),
        "rendezvous = ['192.0.2.77:4000']\nreplicas = 2\n",
    )
    .unwrap();
    let report = swarm
        .run("alice", &["bug-report", "--wait", "0.1"])
        .succeeds()
        .out();
    for kept in [
        "sprat 0.",
        "replicas = 2",
        "rendezvous = (left out)",
        "conclusion: ",
    ] {
        assert!(report.contains(kept), "{report}");
    }
    for hidden in ["alice", "secret-plan", "192.0.2.77", "127.0.0.1"] {
        assert!(!report.contains(hidden), "{hidden}: {report}");
    }
}

#[test]
fn the_log_can_be_objects_and_as_loud_as_rust_log_says() {
    let swarm = Swarm::new();
    let mut command = swarm.command("alice", &["status", "--log-format", "json"]);
    command.env("RUST_LOG", "debug");
    let said = Ran::of(command).succeeds().err();
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    assert!(lines.iter().any(|line| line["level"] == "DEBUG"), "{said}");
}

#[test]
fn a_folder_that_is_no_home_is_asked_about_once() {
    let swarm = Swarm::new();
    let place = tempfile::tempdir().unwrap();
    let (elsewhere, own) = (place.path().join("elsewhere"), place.path().join("sprat"));
    fs::create_dir(&elsewhere).unwrap();
    let line = format!(
        "XDG_STATE_HOME= HOME='{}' sprat status",
        place.path().display()
    );
    let mut shell = Terminal::shell(&swarm, &elsewhere, &line);
    shell.sees("This folder is no home of sprat yet");
    shell.sees("which one? [1/2] ");
    shell.enters("both");
    shell.sees("which one? [1/2] ");
    shell.enters("2");
    shell.sees("offering 0 files");
    assert_eq!(shell.ends(), 0);
    assert!(own.join(".sprat").is_dir() && !elsewhere.join(".sprat").exists());
    // Its state follows XDG.
    let state = place.path().join(".local/state/sprat/.sprat");
    let kept = |path: &Path| fs::read(path.join("identity.key")).unwrap();
    assert!(own.join(".sprat").is_symlink());
    assert_eq!(kept(&state), kept(&own.join(".sprat")));
    let mut shell = Terminal::shell(&swarm, &elsewhere, &line);
    shell.sees("using the home in ");
    assert_eq!(shell.ends(), 0);
}

#[test]
fn a_home_of_the_first_version_is_taken_over_whole() {
    let swarm = Swarm::new();
    let home = swarm.home("old");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/home-0.1.0.tar.gz");
    let unpacked = Command::new("tar")
        .args(["xzf", kept.to_str().unwrap(), "--strip-components=1", "-C"])
        .arg(&home)
        .status();
    assert!(unpacked.unwrap().success());
    let mut old = swarm.start_all("old", &["serve", "--json", "--replicas", "2"]);
    old.event("scanned");
    let offered = swarm.run("carol", &["list", "--json"]).succeeds().json();
    let mut names: Vec<&str> = offered
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    names.sort_unstable();
    // What somebody sent stays private.
    assert_eq!(names, ["deep/leaf.txt", "one.txt", "two.txt"]);
    let status = swarm.run("old", &["status", "--json"]).json();
    assert_eq!(
        status[0]["peer"],
        "12D3KooWCLMKnMB3n3GdztCkrgDrSqNkuMboLaHCukukam8aeaFB"
    );
    assert!(
        status[0]["replicas"]["used"].as_u64().unwrap() > 0,
        "{status:?}"
    );
    let history = swarm
        .run("old", &["history", "bob", "--json"])
        .succeeds()
        .out();
    assert!(history.contains("hello there"), "{history}");
    old.signal("TERM");
    assert_eq!(old.end(), 0);
    let told: Vec<&String> = old
        .seen
        .iter()
        .filter(|line| !line.starts_with('{'))
        .collect();
    assert!(told.is_empty(), "{told:?}");
    let lies = fs::read_dir(home.join(".sprat")).unwrap();
    let lies: Vec<String> = lies
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        !lies.iter().any(|name| name.starts_with("index.")),
        "{lies:?}"
    );
}

#[test]
fn a_message_is_shown_on_the_desktop_of_those_who_want_it() {
    let swarm = Swarm::new();
    let place = tempfile::tempdir().unwrap();
    let told = place.path().join("told");
    let mut command = swarm.command("alice", &["serve", "--json", "--notify"]);
    with_program(&mut command, place.path(), "notify-send");
    let mut alice = Running::of(command);
    alice.event("scanned");
    swarm
        .run("bob", &["msg", "alice", "look <here>"])
        .succeeds();
    until("the notification", || {
        fs::read_to_string(&told).is_ok_and(|told| told.contains("look &lt;here&gt;"))
    });
    assert!(
        fs::read_to_string(&told)
            .unwrap()
            .starts_with("--app-name=sprat -- sprat bob")
    );
}
