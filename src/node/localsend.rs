//! LocalSend: phones and computers with its app see this node, hand files in, and are sent some.
//!
//! Owns what comes in: who says to be here, asks, and files. What goes out is `consent::localsend`.
//! Never opens a listener: `web::localsend` does, and says where. Invariants: nothing is stored
//! before the yes; who has no certificate is a guest by another name; what a stranger's word costs
//! is bounded by `core::localsend`, and an ask by the rules of all asks.

mod discovery;
mod fetch;
mod neighbours;
mod offers;
mod scan;

pub use fetch::FetchError;
pub use neighbours::{Neighbours, Outgoing};

use super::{
    Node,
    api::{AskRefusal, GuestError, GuestFile, GuestState, NodeEvent, Person, Settings},
    consent::{Asker, Consent, GuestAsk},
    links::Guests,
    services::Services,
};
use crate::{
    core::{
        id::NodeId,
        link::{Gate, Place, Terms, Token, Tried},
        localsend::{NoEntry, Sessions, called},
        path::RelPath,
    },
    net::localsend::{Identity, IdentityError},
    store::{StoreError, Times, keep_certificate, kept_certificate},
    wire::localsend::{File, Info, MAX_FILES, Prepare, Prepared},
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    io::Read,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Notify, broadcast};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a session may stand still: apps do not come back to one.
#[cfg(not(test))]
const PATIENCE: Duration = Duration::from_secs(120);
#[cfg(test)]
const PATIENCE: Duration = Duration::from_secs(3);
/// How long after the start the first answers may take.
const ANSWERS: Duration = Duration::from_millis(1200);
/// The most that an ask can be about, in bytes.
const MOST: u64 = 1 << 53;

/// From where a request came, and what it showed.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// The address.
    pub from: SocketAddr,
    /// The SHA-256 of the certificate whose key it has.
    pub key: Option<[u8; 32]>,
}

impl Visitor {
    fn place(&self) -> Place {
        Place::of(self.from.ip())
    }
}

/// Why a request is not granted.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// It makes no sense.
    #[error("{0}")]
    Nonsense(&'static str),
    /// Nobody is asked, or somebody said no.
    #[error("{}", .0.why())]
    Refused(AskRefusal),
    /// No PIN came, or a wrong one.
    #[error("a PIN is asked for")]
    Pin,
    /// Too many wrong ones came.
    #[error("too many wrong PINs came: wait")]
    Pins,
    /// Somebody said no.
    #[error("{0}")]
    Said(&'static str),
    /// No such session, file or token, or from elsewhere.
    #[error("there is nothing of that name and token for you")]
    NoEntry,
    /// Too much is on its way.
    #[error("too much is on its way here")]
    Full,
    /// It is not what was said; whether it may come once more.
    #[error("the contents are not what was said")]
    Damaged,
    /// It could not be taken.
    #[error(transparent)]
    File(GuestError),
}

struct Wanted {
    port: u16,
    listen: Vec<IpAddr>,
    interfaces: Vec<String>,
}

/// See the module. Clones are handles to the same.
#[derive(Clone)]
pub struct LocalSend(Arc<Inner>);

struct Inner {
    neighbours: Neighbours,
    settings: Wanted,
    consent: Consent,
    services: Services,
    guests: Guests,
    events: broadcast::Sender<NodeEvent>,
    sessions: Mutex<Sessions<GuestAsk>>,
    /// What has to be said before an ask.
    pin: Mutex<Gate>,
    /// Somebody has to be told by a datagram that this node is here.
    reply: Notify,
    /// All addresses near are being asked.
    scanning: tokio::sync::Mutex<()>,
    /// Asks that wait for their answers: as many as may be open.
    waiting: Mutex<Vec<(Place, GuestAsk)>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Node {
    /// LocalSend, if it is wanted, for what serves it.
    #[must_use]
    pub fn localsend(&self) -> Option<LocalSend> {
        self.shared.localsend.clone()
    }

    /// Waits until those of LocalSend who are near had time to answer a node that has just begun.
    pub async fn await_neighbours(&self) {
        if let Some(local) = &self.shared.localsend {
            let since = local.0.neighbours.started();
            tokio::time::sleep_until((since + ANSWERS).into()).await;
        }
    }
}

/// The certificate that the home keeps, or a new one that is kept from now on.
///
/// # Errors
/// When the disk refuses, or what is kept is damaged.
pub fn identity(root: &Path) -> Result<Identity, StoreError> {
    let failed = |error: &IdentityError| StoreError::Corrupt(error.to_string());
    if let Some((certificate, key)) = kept_certificate(root)? {
        return Identity::of(certificate, key).map_err(|error| failed(&error));
    }
    let identity = Identity::new().map_err(|error| failed(&error))?;
    let (certificate, key) = identity.kept();
    keep_certificate(root, certificate, key)?;
    Ok(identity)
}

impl LocalSend {
    /// Nothing is served yet.
    #[must_use]
    pub fn new(
        settings: &Settings,
        neighbours: Neighbours,
        (consent, services, guests): (Consent, Services, Guests),
        events: broadcast::Sender<NodeEvent>,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self(Arc::new(Inner {
            neighbours,
            settings: Wanted {
                port: settings.localsend.unwrap_or_default(),
                listen: settings.listen.clone(),
                interfaces: settings.interfaces.clone(),
            },
            consent,
            services,
            guests,
            events,
            sessions: Mutex::default(),
            pin: Mutex::new(Gate::new(Terms {
                pin: settings.localsend_pin.clone(),
                ..Terms::default()
            })),
            reply: Notify::new(),
            scanning: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            tasks,
            stop,
        }))
    }

    /// Where to listen, if that can be had.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let Wanted { port, listen, .. } = &self.0.settings;
        let all = [IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let chosen = match &listen[..] {
            [] => &all[..],
            chosen => chosen,
        };
        let at = |ip: &IpAddr| SocketAddr::new(*ip, *port);
        chosen.iter().map(at).collect()
    }

    /// What answers handshakes.
    ///
    /// # Errors
    /// [`IdentityError`], when the key is none.
    pub fn acceptor(&self) -> Result<TlsAcceptor, IdentityError> {
        self.0.neighbours.identity().acceptor()
    }

    /// Runs a task that the node waits for when it leaves.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// Cancelled when the node leaves.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Where it is served; 0 = not yet.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.neighbours.port()
    }

    /// It is served on this port: others may know of it.
    pub fn opened(&self, port: u16) {
        let wanted = self.0.settings.port;
        if wanted != 0 && port != wanted {
            self.notice(format!(
                "port {wanted} is taken, by a LocalSend app of this machine perhaps: those of LocalSend reach this \
                 node on port {port} instead"
            ));
        }
        self.0.neighbours.opened(port);
        let (local, stop) = (self.clone(), self.0.stop.clone());
        self.0.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(local.discover()).await;
        });
    }

    /// It cannot be served.
    pub fn failed(&self, why: &str) {
        self.notice(format!("LocalSend cannot be served: {why}"));
    }

    fn notice(&self, text: String) {
        tracing::warn!("{text}");
        let _ = self.0.events.send(NodeEvent::Notice(text)); // Nobody watches: fine.
    }

    /// What this node says of itself.
    #[must_use]
    pub fn own(&self) -> Info {
        let neighbours = &self.0.neighbours;
        let fingerprint = neighbours.identity().fingerprint();
        let own = Info::own(&self.0.consent.name(), &fingerprint, neighbours.port());
        Info {
            download: Some(!self.0.guests.for_localsend().is_empty()),
            ..own
        }
    }

    /// Somebody says that they are here. With their own certificate that shows it; without one they
    /// are asked at the place that they say.
    pub async fn register(&self, visitor: Visitor, info: &Info) {
        let mut at = visitor.from;
        at.set_port(info.port());
        match visitor.key {
            Some(key) if info.key() == Some(key) && info.is_encrypted() => {
                for change in self.0.neighbours.shown(at, key, info.name()) {
                    self.tell(change).await;
                }
            }
            Some(_) => {}
            None => self.look_into(info, visitor.from),
        }
    }

    /// Asks the person here, and waits for the answer. Whoever stops waiting takes it back.
    ///
    /// # Errors
    /// [`Declined`].
    pub async fn ask(
        &self,
        visitor: Visitor,
        pin: Option<&str>,
        prepare: Prepare,
    ) -> Result<Prepared, Declined> {
        self.look_at_pin(visitor.place(), pin)?;
        let Prepare { info, files } = prepare;
        let (wanted, ids) = wanted(files)?;
        if !self.0.sessions.lock().has_room(GuestAsk::has_ended) {
            return Err(Declined::Full);
        }
        self.register(visitor, &info).await;
        // Whose name that is, is known then.
        self.0.services.caught_up().await;
        let asker = asker(visitor, &info);
        let ask = self.0.consent.ask_for(asker, wanted).await;
        let ask = ask.map_err(Declined::Refused)?;
        let mut asking = self.waits(visitor.place(), ask.clone());
        let session = match ask.answered().await {
            GuestState::Accepted => self.session(visitor, ids, ask)?,
            GuestState::Refused { why } => return Err(Declined::Said(why)),
            _ => return Err(Declined::Said("it was taken back")),
        };
        asking.ask = None; // It is an open session now.
        Ok(session)
    }

    /// An app asks without a PIN first, to see whether there is one: that is no try.
    fn look_at_pin(&self, from: Place, typed: Option<&str>) -> Result<(), Declined> {
        let (now, mut gate) = (self.0.neighbours.now(), self.0.pin.lock());
        let tried = match typed.filter(|typed| !typed.is_empty()) {
            _ if gate.terms().pin.is_none() => return Ok(()),
            None => gate
                .rests(from, now)
                .map_or(Tried::Wrong(0), Tried::Resting),
            Some(typed) => gate.try_pin(from, typed, now),
        };
        match tried {
            Tried::Right => Ok(()),
            Tried::Wrong(_) => Err(Declined::Pin),
            Tried::Resting(_) => Err(Declined::Pins),
        }
    }

    fn session(
        &self,
        visitor: Visitor,
        ids: Vec<String>,
        ask: GuestAsk,
    ) -> Result<Prepared, Declined> {
        let session = token()?;
        let tokens: Vec<Token> = ids.iter().map(|_| token()).collect::<Result<_, _>>()?;
        let files = ids.iter().cloned().zip(tokens.iter().copied());
        let opened = {
            let mut sessions = self.0.sessions.lock();
            sessions.has_room(GuestAsk::has_ended)
                && sessions.open(session, visitor.place(), files, ask)
        };
        if !opened {
            return Err(Declined::Full);
        }
        let files = ids.into_iter().zip(tokens.iter().map(Token::to_string));
        let files: BTreeMap<String, String> = files.collect();
        let session_id = session.to_string();
        Ok(Prepared { session_id, files })
    }

    /// Takes one file in, to its end.
    ///
    /// # Errors
    /// [`Declined`]; nothing of it is kept then.
    pub async fn take(
        &self,
        visitor: Visitor,
        (session, file, token): (&str, &str, &str),
        bytes: impl Read + Send + 'static,
    ) -> Result<(), Declined> {
        let entered = {
            let sessions = self.0.sessions.lock();
            let entered = sessions.enter(session, file, token, visitor.place());
            entered.map(|(ask, number)| (ask.clone(), number))
        };
        let (ask, number) = entered.map_err(|why| match why {
            NoEntry::Unknown => Declined::NoEntry,
            NoEntry::Damaged => Declined::Damaged,
        })?;
        match ask.take(number, bytes).await {
            Ok(()) => Ok(()),
            Err(GuestError::Sum) => {
                if !self.0.sessions.lock().damaged(session, file) {
                    ask.withdraw("a file came damaged three times");
                }
                Err(Declined::Damaged)
            }
            Err(GuestError::NotAsked) => Err(Declined::NoEntry),
            Err(error) => Err(Declined::File(error)),
        }
    }

    fn waits(&self, place: Place, ask: GuestAsk) -> Asking {
        self.0.waiting.lock().push((place, ask.clone()));
        let local = self.clone();
        let ask = Some(ask);
        Asking { local, place, ask }
    }

    /// Somebody wants no more of a session, theirs or ours, or (`None`) of what they ask.
    pub fn cancel(&self, visitor: Visitor, session: Option<&str>) {
        let place = visitor.place();
        let Some(session) = session else {
            let waiting = self.0.waiting.lock().clone();
            let theirs = waiting.iter().filter(|(of, _)| *of == place);
            return theirs.for_each(|(_, ask)| ask.withdraw("stopped by the sender"));
        };
        let cancelled = self.0.sessions.lock().cancel(session, place);
        match cancelled {
            Some(ask) => ask.withdraw("stopped by the sender"),
            None => self.0.neighbours.end_outgoing(session, place),
        }
    }
}

/// What they say of their files, and the ids of these in the same order.
fn wanted(files: BTreeMap<String, File>) -> Result<(Vec<GuestFile>, Vec<String>), Declined> {
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(Declined::Nonsense("an ask is about files"));
    }
    let (mut wanted, mut ids, mut all) = (Vec::new(), Vec::new(), 0_u64);
    for (id, file) in files {
        let name = RelPath::parse(&file.file_name);
        let name = name.map_err(|_| Declined::Nonsense("a name cannot be saved"))?;
        let sha256 = file.sum();
        let sha256 = sha256.map_err(|_| Declined::Nonsense("a sum is none"))?;
        let (modified, accessed) = file.times();
        let sum = all.checked_add(file.size).filter(|sum| *sum < MOST);
        all = sum.ok_or(Declined::Nonsense("that is too much"))?;
        let (name, size) = (name.as_str().to_owned(), file.size);
        wanted.push(GuestFile {
            name,
            size,
            sha256,
            times: Times { modified, accessed },
        });
        ids.push(id);
    }
    Ok((wanted, ids))
}

fn token() -> Result<Token, Declined> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Declined::Full)?;
    Ok(Token(random))
}

/// Who asks: by their certificate, whatever fingerprint they say; without one, by where they are.
fn asker(visitor: Visitor, info: &Info) -> Asker {
    let name = called(&info.name());
    let person = match visitor.key {
        Some(key) => Person {
            name,
            node: NodeId::localsend(&key),
        },
        None => Person {
            name: format!("{name} (at {})", visitor.from.ip().to_canonical()),
            node: NodeId::guest(visitor.place().0),
        },
    };
    Asker {
        person,
        proven: visitor.key.is_some(),
        patience: PATIENCE,
    }
}

/// An ask whose asker waits: taken back when they stop.
struct Asking {
    local: LocalSend,
    place: Place,
    ask: Option<GuestAsk>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        {
            let mut waiting = self.local.0.waiting.lock();
            let at = waiting.iter().position(|(place, _)| *place == self.place);
            at.map(|at| waiting.swap_remove(at));
        }
        if let Some(ask) = self.ask.take() {
            ask.withdraw("the sender has gone");
        }
    }
}
