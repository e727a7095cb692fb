//! What the options make of a node's settings: the defaults, the passphrase, the name that nobody
//! chose.
//!
//! Invariant: the command line counts before the environment, that before the home's file (`cli`
//! settles these), that before the defaults.

use super::{
    cli::Options,
    face::{Door, Opener, PageOpener},
};
use crate::node::{DISCOVERY_PORT, LOCALSEND_PORT, Settings};
use std::{
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long to wait for the swarm, unless told otherwise.
pub const WAIT: Duration = Duration::from_secs(3);

/// The same with `--dht`, which takes some seconds to answer.
const DHT_WAIT: Duration = Duration::from_secs(15);

/// A configuration that makes no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
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
        "that passphrase is easy to guess, and anybody who can reach one of the nodes can try guesses: take one that \
         `sprat passphrase` makes, on every machine of the swarm, or go on with --weak-passphrase"
    )]
    Weak,
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
    /// The options that were typed.
    pub typed: Vec<String>,
    /// What is wrong with the file of the home, for a command that goes on without it.
    pub broken: Option<String>,
    /// How long a download goes without a source before giving up.
    pub timeout: Option<Duration>,
    /// Where else chunks of a download may lie.
    pub reuse: Vec<PathBuf>,
    /// Whether results are JSON.
    pub json: bool,
    /// Whether bars may be shown.
    pub progress: bool,
    /// Whether the desktop is to show asks, arrivals and messages.
    pub notify: bool,
    /// Where a node that stays serves its page.
    pub web: Option<SocketAddr>,
    /// What serves it, and the socket of the home.
    pub face: Option<Opener>,
    /// What serves the page of a rendezvous server.
    pub server_page: Option<PageOpener>,
    /// What serves LocalSend apps.
    pub localsend: Option<Door>,
}

/// Puts options and defaults together. `words` is `SPRAT_PASSPHRASE`, which counts when no file is
/// named.
///
/// # Errors
/// [`ConfigError`] when a file cannot be used.
pub fn settle(options: Options, words: Option<OsString>) -> Result<Setup, ConfigError> {
    let passphrase = match options.passphrase_file {
        Some(file) => Some(read_passphrase(file)?),
        // Set but empty is a mistake of a script; taking it for the public swarm would show it
        // everything.
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
    if !options.weak_passphrase
        && passphrase
            .as_deref()
            .is_some_and(super::passphrase::is_weak)
    {
        return Err(ConfigError::Weak);
    }
    let mut settings = Settings::new(options.home);
    settings.unnamed = options.name.is_none();
    settings.name = options.name.unwrap_or_else(|| default_name(&settings.home));
    settings.transfer_port = options.transfer_port.unwrap_or(0);
    settings.discovery_port = options.discovery_port.unwrap_or(DISCOVERY_PORT);
    settings.listen = options.listen;
    settings.interfaces = options.interface;
    settings.peers = options.peer;
    settings.rendezvous = options.rendezvous;
    let dht = options.dht.unwrap_or(false);
    settings.dht = dht.then_some(options.dht_bootstrap);
    settings.relay = !options.no_relay.unwrap_or(false);
    settings.leave_server = options.leave_server.unwrap_or(false);
    // mDNS has one name for all: nodes with a discovery port of their own would meet everybody else
    // by it.
    let apart = settings.discovery_port != DISCOVERY_PORT;
    settings.mdns = !options.no_mdns.unwrap_or(apart);
    settings.passphrase = passphrase;
    settings.replicas = options.replicas.unwrap_or(settings.replicas);
    settings.replica_quota = options.replica_quota;
    settings.replica_grace = options.replica_grace.unwrap_or(settings.replica_grace);
    settings.upload_limit = options.upload_limit;
    settings.download_limit = options.download_limit;
    settings.ask_expiry = options.ask_expiry.unwrap_or(settings.ask_expiry);
    settings.reuse.clone_from(&options.reuse);
    let localsend = options.localsend.unwrap_or(false);
    let port = options.localsend_port.unwrap_or(LOCALSEND_PORT);
    settings.localsend = localsend.then_some(port);
    settings.localsend_pin = options.localsend_pin;
    // The file's is about the swarm; reading a code aloud takes longer.
    settings.code_wait = options.patience.unwrap_or(settings.code_wait);
    Ok(Setup {
        settings,
        wait: options.wait.unwrap_or(if dht { DHT_WAIT } else { WAIT }),
        patience: options.patience,
        typed: options.typed,
        broken: options.broken,
        timeout: options.timeout,
        reuse: options.reuse,
        json: options.json,
        progress: !options.no_progress && !options.json,
        notify: options.notify,
        web: options.web,
        face: None,
        server_page: None,
        localsend: None,
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

/// `user@host`, and after a `/` the home's folder, which tells several homes of one machine apart.
/// (In the user's own home folder it would say nothing.)
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
