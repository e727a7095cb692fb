//! A rendezvous server as a whole: its home, its network and its directory of names.
//!
//! Owns starting, running and ending it. It has a node's home folder (lock, identity), and nothing
//! else of a node: it shares no folder, keeps no file, is of no swarm. Names are decided in
//! `directory`, here they meet signatures and the disk. Invariant: a sign-up is confirmed when it
//! is on the disk, not before.

mod announce;
mod desk;
mod directory;
mod net;
mod record;
mod register;
mod service;
mod visitors;
mod wide;

use crate::{
    core::id::NodeId,
    net::NetError,
    store::{DirectoryStore, Home, HomeError, StoreError},
};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::task::AbortOnDropHandle;

use desk::About;
pub use desk::{Desk, Free, Overview};
pub use net::PeerServer;
pub use net::{Load, Quotas};
use net::{Peers, Server, ServerConfig, ServerEvent};

/// The port of a server that is told no other.
pub const PORT: u16 = 12000;
/// What is said while no one listens.
const NEWS: usize = 64;

/// Why a server did not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The home folder cannot be used, or another program uses it.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A port or an address cannot be had.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The disk does not do what is needed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(String),
    /// A task of the program itself failed: a bug, not the user's doing.
    #[error("an internal task failed ({0}): this is a bug in sprat, please report it")]
    Internal(String),
}

impl ServerError {
    /// Whether room on the disk is all that is wanted.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(
            self,
            Self::Home(HomeError::NoSpace(_)) | Self::Store(StoreError::NoSpace { .. })
        )
    }
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The home folder.
    pub home: PathBuf,
    /// The port, TCP and UDP; 0 = any free one.
    pub port: u16,
    /// The addresses to listen on; empty = all.
    pub listen: Vec<IpAddr>,
    /// Where others reach it besides the addresses of its interfaces: `IP` or `IP:PORT`.
    pub external: Vec<String>,
    /// The swarm whose nodes are to find it by the DHT, and how that is entered.
    pub dht: Option<ServerDht>,
    /// Other servers, which are asked for names that nobody has here.
    pub peer_servers: Vec<PeerServer>,
    /// What it gives to whom.
    pub quotas: Quotas,
    /// How often its owner is told how much goes on, if that changed; `None`: never.
    pub report: Option<Duration>,
}

/// How a server is found by the DHT.
#[derive(Clone)]
pub struct ServerDht {
    /// The DHT's entries (`host:port`); none: those of the internet.
    pub bootstrap: Vec<String>,
    /// The words of the swarm. From them comes the key under which it is found; the server uses
    /// them for nothing else.
    pub passphrase: String,
}

impl fmt::Debug for ServerDht {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words are nobody's to read.
        write!(f, "ServerDht({:?})", self.bootstrap)
    }
}

/// What a server has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerNews {
    /// Others see it at an address that none of its interfaces has.
    Seen(SocketAddr),
    /// How much goes on.
    Load(Load),
    /// Something that its owner should know.
    Notice(String),
}

/// A running server.
#[derive(Debug)]
pub struct Rendezvous {
    desk: Desk,
    news: mpsc::Receiver<ServerNews>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// It ends with the server.
    _announcing: Option<AbortOnDropHandle<()>>,
}

impl Rendezvous {
    /// Opens the home, the directory and the sockets.
    ///
    /// # Errors
    /// [`ServerError`] says what to do.
    pub async fn start(settings: ServerSettings) -> Result<Self, ServerError> {
        let home = settings.home.clone();
        let dht = settings.dht.clone();
        let opened = tokio::task::spawn_blocking(move || {
            // Before anything is opened: it may be wrong.
            let finding = dht.map(announce::Announcing::new).transpose();
            let finding = finding.map_err(ServerError::Setting)?;
            let home = Home::open(&home)?;
            let secret = home.identity()?;
            let directory = DirectoryStore::open(&home)?;
            Ok::<_, ServerError>((home, secret, directory, finding))
        });
        let opened = opened.await;
        let (home, secret, directory, announcing) =
            opened.map_err(|error| ServerError::Internal(error.to_string()))??;
        let external = settings.external.iter().map(|text| {
            external(text, settings.port).ok_or_else(|| {
                ServerError::Setting(format!(
                    "`{text}` is not an address that others could use: write it as 203.0.113.7 or 203.0.113.7:{PORT}"
                ))
            })
        });
        let external: Vec<SocketAddr> = external.collect::<Result<_, _>>()?;
        let (net, events) = Server::start(ServerConfig {
            secret,
            port: settings.port,
            listen: settings.listen,
            external: external.clone(),
            quotas: settings.quotas,
            agent: format!("sprat/{}", env!("CARGO_PKG_VERSION")),
        })?;
        let mut addresses = external;
        for address in net.addresses() {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        let node = net.node();
        let mut known = settings.peer_servers;
        // Its own address may be in a list that all of them are given.
        known.retain(|server| server.key != node);
        let peers = if known.is_empty() {
            None
        } else {
            Some(Peers::start(secret, known.clone())?)
        };
        let (news, heard) = mpsc::channel(NEWS);
        let announcing = announcing.map(|announcing| {
            let running = announcing.run(node, addresses.clone(), news.clone());
            AbortOnDropHandle::new(tokio::spawn(running))
        });
        let (stop, stopped) = oneshot::channel();
        let (desk, counter) = desk::open(About {
            node,
            addresses,
            home: settings.home,
        });
        let task = tokio::spawn(run(
            home,
            (net, events),
            directory,
            (news, settings.report),
            counter,
            (known, peers),
            stopped,
        ));
        Ok(Self {
            desk,
            news: heard,
            stop,
            task,
            _announcing: announcing,
        })
    }

    /// Its key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.desk.id()
    }

    /// Where it can be reached: what it was told first, then its interfaces', loopback last.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.desk.addresses()
    }

    /// A handle for those who show how it does.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// What it has to say; `None` when it ended by itself, which it should not.
    pub async fn news(&mut self) -> Option<ServerNews> {
        self.news.recv().await
    }

    /// Closes everything in good order.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// `IP` or `IP:PORT`, of somewhere that can be dialled.
fn external(text: &str, port: u16) -> Option<SocketAddr> {
    let port = if port == 0 { PORT } else { port };
    let parsed = text.parse::<SocketAddr>().ok();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = parsed.or_else(|| Some(SocketAddr::new(bare.parse().ok()?, port)))?;
    let usable = parsed.port() != 0 && !parsed.ip().is_unspecified() && !parsed.ip().is_multicast();
    usable.then_some(parsed)
}

async fn run(
    home: Home,
    (net, mut events): (Server, mpsc::Receiver<ServerEvent>),
    directory: crate::store::OpenedDirectory,
    (news, report): (mpsc::Sender<ServerNews>, Option<Duration>),
    counter: desk::Counter,
    (known, peers): (Vec<PeerServer>, Option<Peers>),
    mut stopped: oneshot::Receiver<()>,
) {
    let notice = directory.notice.clone();
    let (node, others) = (net.node(), (&known[..], peers));
    let mut service = service::Service::new(node, directory, news.clone(), report, counter, others);
    if let Some(notice) = notice {
        drop(news.try_send(ServerNews::Notice(notice)));
    }
    tokio::select! {
        () = service.run(&mut events) => {}
        _ = &mut stopped => {}
    }
    service.close().await;
    net.stop().await;
    // Until here no other process may use it.
    drop(home);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_address_may_leave_the_port_out() {
        let at = |text| external(text, 4000).map(|address| address.to_string());
        assert_eq!(at("203.0.113.7").as_deref(), Some("203.0.113.7:4000"));
        assert_eq!(at("203.0.113.7:9").as_deref(), Some("203.0.113.7:9"));
        assert_eq!(at("2001:db8::1").as_deref(), Some("[2001:db8::1]:4000"));
        assert_eq!(at("[2001:db8::1]:9").as_deref(), Some("[2001:db8::1]:9"));
        for wrong in ["here", "0.0.0.0", "1.2.3.4:0", "1.2.3.4:x", "224.0.0.1"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
