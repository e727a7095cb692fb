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
mod tests;
