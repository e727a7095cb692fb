//! `HOME/.sprat/config.toml`, and how it, the environment and the command line make a node's settings.
//!
//! Invariant: the command line counts before the environment, that before the file, that before the defaults. (clap
//! settles the first two.) A mistake in the file stops the start and names its line: a misspelt key is never ignored.

use super::cli::{Options, parse_name, parse_rate, parse_size, seconds_from};
use crate::node::{Copies, DISCOVERY_PORT, Settings};
use serde::Deserialize;
use std::{
    ffi::OsString,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long to wait for the swarm, unless told otherwise.
pub const WAIT: Duration = Duration::from_secs(3);

/// What may stand in the file: the long options' names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    transfer_port: Option<u16>,
    discovery_port: Option<u16>,
    name: Option<String>,
    listen: Option<Vec<IpAddr>>,
    interface: Option<Vec<String>>,
    peer: Option<Vec<String>>,
    rendezvous: Option<Vec<String>>,
    no_relay: Option<bool>,
    leave_server: Option<bool>,
    wait: Option<f64>,
    no_mdns: Option<bool>,
    weak_passphrase: Option<bool>,
    replicas: Option<NumberOrText>,
    replica_quota: Option<NumberOrText>,
    replica_grace: Option<f64>,
    upload_limit: Option<NumberOrText>,
    download_limit: Option<NumberOrText>,
}

/// Whether the text of a value makes sense.
type Check = fn(&str) -> Result<(), String>;

/// `3`, or `"500M"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl NumberOrText {
    fn parse<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        match self {
            Self::Number(number) => parse(&number.to_string()),
            Self::Text(text) => parse(text),
        }
    }
}

/// A configuration that makes no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A line of the file is wrong.
    #[error("{}, line {line}: {why}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The passphrase file holds no words.
    #[error("{} is empty: a passphrase is expected in it", file.display())]
    NoPassphrase {
        /// The file.
        file: PathBuf,
    },
    /// The passphrase in the environment cannot be used.
    #[error("SPRAT_PASSPHRASE {0}: unset it for the public swarm")]
    Words(&'static str),
    /// It would be found by trying what people choose.
    #[error(
        "that passphrase is easy to guess, and whoever can reach one of the nodes can try guesses: take one that \
         `sprat passphrase` makes, on every machine of the swarm, or go on with --weak-passphrase"
    )]
    Weak,
}

impl Config {
    /// Reads the file of a home; one that does not exist says nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and the line.
    pub fn read(home: &Path) -> Result<Self, ConfigError> {
        let file = home.join(".sprat").join("config.toml");
        match fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text, &file),
            // A home that is none is for the node to refuse.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Read { file, source }),
        }
    }

    fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let wrong = |line, why: &str| ConfigError::Line {
            file: file.to_owned(),
            line,
            why: why.to_owned(),
        };
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            wrong(
                before.map_or(1, |before| before.split('\n').count()),
                error.message(),
            )
        })?;
        // What the types cannot say is found by its key.
        let line_of = |key: &str| {
            text.lines()
                .position(|line| line.trim_start().starts_with(key))
                .map_or(1, |at| at + 1)
        };
        if let Some(wait) = config.wait {
            seconds_from(wait).map_err(|why| wrong(line_of("wait"), &format!("wait: {why}")))?;
        }
        if let Some(grace) = config.replica_grace {
            seconds_from(grace)
                .map_err(|why| wrong(line_of("replica-grace"), &format!("replica-grace: {why}")))?;
        }
        let sizes: [(_, _, Check); 4] = [
            ("replicas", &config.replicas, |text| {
                text.parse::<Copies>().map(drop)
            }),
            ("replica-quota", &config.replica_quota, |text| {
                parse_size(text).map(drop)
            }),
            ("upload-limit", &config.upload_limit, |text| {
                parse_rate(text).map(drop)
            }),
            ("download-limit", &config.download_limit, |text| {
                parse_rate(text).map(drop)
            }),
        ];
        for (key, value, parse) in sizes {
            if let Some(value) = value {
                value
                    .parse(parse)
                    .map_err(|why| wrong(line_of(key), &format!("{key}: {why}")))?;
            }
        }
        if let Some(name) = &config.name {
            parse_name(name).map_err(|why| wrong(line_of("name"), &why))?;
        }
        Ok(config)
    }
}

/// What a front end is to do, settled.
#[derive(Clone, Debug)]
pub struct Setup {
    /// For the node.
    pub settings: Settings,
    /// How long to wait for the swarm to answer.
    pub wait: Duration,
    /// The same, if a person said so: who waits for a person waits as long as it takes otherwise.
    pub patience: Option<Duration>,
    /// How long a download goes without a source before giving up.
    pub timeout: Option<Duration>,
    /// Whether results are JSON.
    pub json: bool,
    /// Whether bars may be shown.
    pub progress: bool,
}

/// Puts options, file and defaults together. `words` is `SPRAT_PASSPHRASE`, which counts when no file is named.
///
/// # Errors
/// [`ConfigError`] when a file cannot be used.
pub fn settle(
    options: Options,
    file: Config,
    words: Option<OsString>,
) -> Result<Setup, ConfigError> {
    fn either<T>(given: Vec<T>, file: Option<Vec<T>>) -> Vec<T> {
        if given.is_empty() {
            file.unwrap_or_default()
        } else {
            given
        }
    }
    let passphrase = match options.passphrase_file {
        Some(file) => Some(read_passphrase(file)?),
        // Set but empty is a mistake of a script; taking it for the public swarm would show it everything.
        None if words.as_ref().is_some_and(|words| words.is_empty()) => {
            return Err(ConfigError::Words("is empty"));
        }
        None => words
            .map(|words| {
                words
                    .into_string()
                    .map_err(|_| ConfigError::Words("is not UTF-8"))
            })
            .transpose()?,
    };
    let weak = options.weak_passphrase || file.weak_passphrase.unwrap_or(false);
    if !weak
        && passphrase
            .as_deref()
            .is_some_and(super::passphrase::is_weak)
    {
        return Err(ConfigError::Weak);
    }
    let mut settings = Settings::new(options.home);
    let name = options
        .name
        .or_else(|| file.name.map(|name| name.trim().to_owned()));
    settings.unnamed = name.is_none();
    settings.name = name.unwrap_or_else(|| default_name(&settings.home));
    settings.transfer_port = options.transfer_port.or(file.transfer_port).unwrap_or(0);
    settings.discovery_port = options
        .discovery_port
        .or(file.discovery_port)
        .unwrap_or(DISCOVERY_PORT);
    settings.listen = either(options.listen, file.listen);
    settings.interfaces = either(options.interface, file.interface);
    settings.peers = either(options.peer, file.peer);
    settings.rendezvous = either(options.rendezvous, file.rendezvous);
    settings.relay = !options.no_relay.or(file.no_relay).unwrap_or(false);
    settings.leave_server = options.leave_server.or(file.leave_server).unwrap_or(false);
    // mDNS has one name for all: nodes with a discovery port of their own would meet everybody else by it.
    let apart = settings.discovery_port != DISCOVERY_PORT;
    settings.mdns = !options.no_mdns.or(file.no_mdns).unwrap_or(apart);
    settings.passphrase = passphrase;
    let size = |value: &Option<NumberOrText>| value.as_ref()?.parse(parse_size).ok();
    let copies = file.replicas.as_ref();
    let copies = copies.and_then(|value| value.parse(str::parse::<Copies>).ok());
    settings.replicas = options.replicas.or(copies).unwrap_or(settings.replicas);
    settings.replica_quota = options.replica_quota.or_else(|| size(&file.replica_quota));
    let grace = file
        .replica_grace
        .and_then(|seconds| seconds_from(seconds).ok());
    settings.replica_grace = options
        .replica_grace
        .or(grace)
        .unwrap_or(settings.replica_grace);
    settings.upload_limit = options.upload_limit.or_else(|| size(&file.upload_limit));
    settings.download_limit = options
        .download_limit
        .or_else(|| size(&file.download_limit));
    settings.ask_expiry = options.ask_expiry.unwrap_or(settings.ask_expiry);
    // The file's is about the swarm; whoever reads a code aloud needs longer.
    settings.code_wait = options.wait.unwrap_or(settings.code_wait);
    let file_wait = file.wait.and_then(|seconds| seconds_from(seconds).ok());
    Ok(Setup {
        settings,
        wait: options.wait.or(file_wait).unwrap_or(WAIT),
        patience: options.wait,
        timeout: options.timeout,
        json: options.json,
        progress: !options.no_progress && !options.json,
    })
}

/// The words in a file, without the end of their line.
fn read_passphrase(file: PathBuf) -> Result<String, ConfigError> {
    match fs::read_to_string(&file) {
        Ok(text) => {
            let words = text.trim_end_matches(['\r', '\n']);
            if words.is_empty() {
                Err(ConfigError::NoPassphrase { file })
            } else {
                Ok(words.to_owned())
            }
        }
        Err(source) => Err(ConfigError::Read { file, source }),
    }
}

/// `user@host`, and after a `/` the home's folder, which tells several homes of one machine apart. (In the user's own
/// home folder it would say nothing.)
fn default_name(home: &Path) -> String {
    let user = whoami::username().unwrap_or_else(|_| "somebody".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "somewhere".to_owned());
    let whole = fs::canonicalize(home).unwrap_or_else(|_| home.to_owned());
    let users = std::env::home_dir().and_then(|own| fs::canonicalize(own).ok());
    let folder = whole.file_name().map(|name| name.to_string_lossy());
    let folder = folder.filter(|_| users.is_none_or(|own| own != whole));
    made_up(&format!("{user}@{host}"), folder.as_deref())
}

/// Both parts, cut to what a beacon carries: a long folder leaves half of it to the rest.
fn made_up(who: &str, folder: Option<&str>) -> String {
    const MOST: usize = crate::node::MAX_NAME;
    let room = (MOST / 2).max(MOST.saturating_sub(who.len() + 1));
    let folder = shown(folder.unwrap_or_default(), room);
    if folder.is_empty() {
        return shown(who, MOST);
    }
    let who = shown(who, MOST - 1 - folder.len());
    format!("{who}/{folder}")
}

/// Text without control characters, cut to so many bytes.
fn shown(text: &str, most: usize) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    while text.len() > most {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::cli::Cli;
    use clap::Parser as _;

    fn file(text: &str) -> Config {
        Config::parse(text, Path::new("config.toml")).expect(text)
    }

    fn setup(line: &str, text: &str) -> Setup {
        let cli = Cli::try_parse_from(line.split_whitespace()).expect(line);
        settle(cli.options, file(text), None).expect(line)
    }

    #[test]
    fn the_command_line_counts_before_the_file_and_that_before_the_defaults() {
        let text =
            "transfer-port = 4001\nname = 'file'\npeer = ['f:1']\nwait = 7\nno-mdns = true\n";
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
    fn a_bad_file_is_named_with_its_line() {
        let cases = [
            ("name = 'a'\ntransfer-prot = 1\n", 2),
            ("\n\ntransfer-port = 'x'\n", 3),
            ("name = 'a\n", 1),
            ("name = 'a'\nwait = -1\n", 2),
            ("name = \"\"\n", 1),
        ];
        for (text, expected) in cases {
            match Config::parse(text, Path::new("h/config.toml")) {
                Err(error @ ConfigError::Line { line, .. }) => {
                    assert_eq!(line, expected, "{text}: {error}");
                    assert!(error.to_string().starts_with("h/config.toml, line "));
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_home_without_a_file_has_the_defaults() {
        let home = tempfile::tempdir().expect("a folder");
        let config = Config::read(home.path()).expect("nothing to read");
        assert!(config.name.is_none());
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
        let got =
            |options| settle(options, Config::default(), words()).map(|s| s.settings.passphrase);
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
        let kept = file("weak-passphrase = true\n");
        assert!(settle(with(Some(path.clone())), kept, None).is_ok());
        let empty = settle(with(None), Config::default(), Some(OsString::new()));
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
}
