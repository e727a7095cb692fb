use super::*;
use crate::ui::cli;

fn options(line: &str, text: &str) -> Options {
    cli::read_with(line, text).options
}

fn setup(line: &str, text: &str) -> Setup {
    settle(options(line, text), None).expect(line)
}

#[test]
fn the_command_line_counts_before_the_file_and_that_before_the_defaults() {
    let text = "transfer-port = 4001\nname = 'file'\npeer = ['f:1']\nwait = 7\nno-mdns = true\n";
    let plain = setup("sprat", text);
    assert_eq!(plain.settings.transfer_port, 4001);
    assert_eq!(plain.settings.name, "file");
    assert_eq!(plain.settings.peers, ["f:1"]);
    assert_eq!(plain.wait, Duration::from_secs(7));
    assert!(!plain.settings.mdns);
    assert_eq!(plain.settings.discovery_port, DISCOVERY_PORT);

    let text = "rendezvous = ['meet:1']\nno-relay = true\nleave-server = true\n";
    let plain = setup("sprat", text).settings;
    assert_eq!(plain.rendezvous, ["meet:1"]);
    assert!(!plain.relay && plain.leave_server);
    let line = "sprat --rendezvous a --rendezvous b:2 --no-relay=false --leave-server=false";
    let given = setup(line, text).settings;
    assert_eq!(given.rendezvous, ["a", "b:2"]);
    assert!(given.relay && !given.leave_server);
    let none = setup("sprat", "").settings;
    assert!(none.rendezvous.is_empty() && none.relay && !none.leave_server);

    let given = setup(
        "sprat -t 4002 --name line --peer l:1 --wait 1 --no-mdns=false",
        text,
    );
    assert_eq!(given.settings.transfer_port, 4002);
    assert_eq!(given.settings.name, "line");
    assert_eq!(given.settings.peers, ["l:1"]);
    assert_eq!(given.wait, Duration::from_secs(1));
    assert!(given.settings.mdns);
}

#[test]
fn places_to_reuse_from_are_each_a_path() {
    let said = |line| setup(line, "reuse = ['/srv/a,b', 'old']\n").reuse;
    assert_eq!(
        said("sprat download x"),
        [Path::new("/srv/a,b"), Path::new("old")]
    );
    let given = said("sprat download x --reuse c --reuse d,e");
    assert_eq!(given, [Path::new("c"), Path::new("d,e")]);
}

#[test]
fn how_long_a_code_is_waited_for_is_nothing_for_the_file() {
    for (line, text, patience) in [
        ("sprat", "wait = 7", None),
        ("sprat list --wait 8", "wait = 7", Some(8)),
        ("sprat --wait 7 list", "wait = 7", Some(7)),
        ("sprat", "", None),
    ] {
        let setup = setup(line, text);
        assert_eq!(setup.patience, patience.map(Duration::from_secs), "{line}");
        assert_eq!(
            setup.settings.code_wait == crate::node::CODE_WAIT,
            patience.is_none()
        );
    }
}

#[test]
fn a_file_takes_nothing_from_the_command_line() {
    let line = "sprat --json --no-progress -vv --home /h --peer a:1 list -l";
    let (with, without) = (
        options(line, "name = 'n'\nno-mdns = true\npeer = ['b:1']\n"),
        options(line, ""),
    );
    assert_eq!(with.name.as_deref(), Some("n"));
    for read in [with, without] {
        assert!(read.json && read.no_progress && read.verbose == 2);
        assert_eq!((read.home, &read.peer[0]), ("/h".into(), &"a:1".to_owned()));
    }
}

#[test]
fn every_form_of_a_value_is_taken() {
    let text = "replicas = 2\nreplica-quota = '1K'\nreplica-grace = 0.5\nupload-limit = 4096\nlisten = ['::1', '127.0.0.1']\n";
    let settings = setup("sprat serve", text).settings;
    assert_eq!(settings.replicas, crate::node::Copies::Some(2));
    assert_eq!(settings.replica_quota, Some(1024));
    assert_eq!(settings.replica_grace, Duration::from_millis(500));
    assert_eq!(settings.upload_limit, Some(4096));
    assert_eq!(settings.listen.len(), 2);
    let settings = setup("sprat serve --listen 127.0.0.2 --replicas all", text).settings;
    assert_eq!(settings.listen.len(), 1);
    assert_eq!(settings.replicas, crate::node::Copies::All);
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment_and_the_file_counts_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("words");
    let words = || Some("from the environment around".into());
    let with = |file: Option<PathBuf>| Options {
        passphrase_file: file,
        ..Options::default()
    };
    let got = |options| settle(options, words()).map(|s| s.settings.passphrase);
    assert_eq!(
        got(with(None)).expect("ok").as_deref(),
        Some("from the environment around")
    );
    fs::write(&path, "hunter2\n").expect("written");
    assert!(matches!(
        got(with(Some(path.clone()))),
        Err(ConfigError::Weak)
    ));
    // A swarm that has such a one goes on, by the option or the file.
    let all_the_same = Options {
        weak_passphrase: true,
        ..with(Some(path.clone()))
    };
    assert_eq!(got(all_the_same).expect("ok").as_deref(), Some("hunter2"));
    let line = format!("sprat --passphrase-file {}", path.display());
    for (text, taken) in [
        ("weak-passphrase = true", true),
        ("weak-passphrase = false", false),
    ] {
        assert_eq!(settle(options(&line, text), None).is_ok(), taken, "{text}");
    }
    let empty = settle(with(None), Some(OsString::new()));
    assert!(matches!(empty, Err(ConfigError::Words(_))));
    fs::write(&path, "from the file on disk\r\n").expect("written");
    assert_eq!(
        got(with(Some(path.clone()))).expect("ok").as_deref(),
        Some("from the file on disk")
    );
    fs::write(&path, "\n").expect("written");
    assert!(got(with(Some(path))).is_err());
}

#[test]
fn the_default_name_fits_a_beacon_and_tells_the_homes_of_a_machine_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = "ä".repeat(100);
    let names = ["peer1", "peer2", &long].map(|home| {
        let home = folder.path().join(home);
        fs::create_dir(&home).expect("a home");
        default_name(&home)
    });
    for name in &names {
        assert!(name.contains('@') && name.len() <= crate::node::MAX_NAME);
    }
    assert!(names[0].ends_with("/peer1") && names[1].ends_with("/peer2"));
    let most = crate::node::MAX_NAME;
    for (who, folder) in [
        ("a@b", "x".repeat(200)),
        (&*"u".repeat(99), "x".repeat(200)),
        (&*"u".repeat(99), "peer1".to_owned()),
    ] {
        let name = made_up(who, Some(&folder));
        assert_eq!(name.len(), most, "{name}");
        assert!(name.contains('/') && !name.ends_with('/'), "{name}");
    }
    assert_eq!(made_up("a@b\n", Some("c\u{7}d")), "a@b/cd");
    assert_eq!(made_up("a@b", Some("\n")), "a@b");
    assert_eq!(made_up("a@b", None), "a@b");
}

#[test]
fn a_discovery_port_of_ones_own_keeps_apart_from_all_others() {
    assert!(setup("sprat", "").settings.mdns);
    assert!(!setup("sprat --no-mdns", "").settings.mdns);
    assert!(!setup("sprat --discovery-port 5000", "").settings.mdns);
    assert!(!setup("sprat", "discovery-port = 5000").settings.mdns);
    let asked = setup("sprat --discovery-port 5000 --no-mdns=false", "");
    assert!(asked.settings.mdns);
}
