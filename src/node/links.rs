//! Links for people with only a browser: what each is about, on what terms, and who may use it.
//!
//! Owns the table of links. Never opens a socket: who serves guests follows [`Guests::wanted`] and
//! says where they come in. Invariants: a link leads to the files that were found when it was made
//! and to nothing else; its address has 128 random bits in it; at most [`MAX_LINKS`] links and
//! [`MAX_FILES`] files of all of them are remembered, and none is on the disk.

mod address;
mod file;
mod make;
#[cfg(test)]
mod tests;

pub use file::{LinkFile, OpenFile};

use super::api::{Closed, LinkError, LinkInfo, LinkRequest, Place, Settings, Terms, Token, Tried};
use crate::{
    core::{Now, consent::title, link::Gate},
    store::clock::unix_now,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

/// Links at a time.
pub const MAX_LINKS: usize = 64;
/// Files of all links together: a quarter of a kilobyte each.
pub const MAX_FILES: usize = 100_000;
/// Bytes of the names of those that people of LocalSend are told.
const LOCALSEND_NAMES: usize = 1 << 20;
/// How long the listener may take to open.
const OPENING: Duration = Duration::from_secs(10);

/// Where guests come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Entrance {
    /// Nowhere.
    #[default]
    Closed,
    /// On this port, by http and https; the SHA-256 of the certificate, as browsers show it.
    Open {
        /// The port.
        port: u16,
        /// The fingerprint.
        fingerprint: String,
    },
    /// Nowhere: why.
    Failed(String),
}

/// The links of a node. Clones are handles to the same.
#[derive(Clone)]
pub struct Guests(Arc<Inner>);

struct Inner {
    started: Instant,
    called: String,
    place: address::Chosen,
    table: Mutex<Table>,
    wanted: watch::Sender<bool>,
    entrance: watch::Sender<Entrance>,
}

#[derive(Default)]
struct Table {
    last: u32,
    links: BTreeMap<u32, Arc<Link>>,
    tokens: HashMap<Token, u32>,
}

/// One link.
#[expect(clippy::struct_excessive_bools, reason = "each is a term of its own")]
pub struct Link {
    number: u32,
    token: Token,
    name: String,
    files: Vec<LinkFile>,
    by_name: HashMap<String, usize>,
    size: u64,
    upload: bool,
    web_seed: bool,
    tls: bool,
    localsend: bool,
    expires: Option<u64>,
    gate: Mutex<Gate>,
    /// What passes are made with.
    secret: [u8; 32],
    started: Instant,
    over: CancellationToken,
}

fn random<const N: usize>() -> Result<[u8; N], LinkError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| LinkError::NotServed(error.to_string()))?;
    Ok(bytes)
}

impl Link {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The secret part of its address.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// What it is about, in a word or two.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &[LinkFile] {
        &self.files
    }

    /// One of them by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&LinkFile> {
        self.by_name.get(name).map(|at| &self.files[*at])
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether others hand files in.
    #[must_use]
    pub fn is_upload(&self) -> bool {
        self.upload
    }

    /// Whether files can be fetched by their names.
    #[must_use]
    pub fn is_web_seed(&self) -> bool {
        self.web_seed
    }

    /// Whether it works by https alone.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        self.tls
    }

    /// When it ends: seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    fn now(&self) -> Now {
        self.started.elapsed()
    }

    /// Whether somebody may look at it.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn look(&self, from: Place) -> Result<(), Closed> {
        self.gate.lock().look(from, self.now())
    }

    /// Whether somebody may take something by it, or hand something in; counts as a use.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn take(&self, from: Place) -> Result<(), Closed> {
        self.gate.lock().take(from, self.now())
    }

    /// Whether a PIN has to be typed first.
    #[must_use]
    pub fn has_pin(&self) -> bool {
        self.gate.lock().terms().pin.is_some()
    }

    /// Somebody types a PIN.
    #[must_use]
    pub fn try_pin(&self, from: Place, typed: &str) -> Tried {
        let now = self.now();
        self.gate.lock().try_pin(from, typed, now)
    }

    /// What shows that somebody at this place has typed the PIN: good there alone, as long as the
    /// link.
    #[must_use]
    pub fn pass(&self, from: Place) -> String {
        let pass = blake3::keyed_hash(&self.secret, &from.0.to_be_bytes());
        pass.to_hex()[..32].to_owned()
    }

    /// Comes when it is taken back.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        self.over.clone().cancelled_owned()
    }

    fn has_ended(&self) -> bool {
        let until = self.gate.lock().terms().until;
        until.is_some_and(|until| until <= self.now())
    }
}

/// Whether what people of LocalSend are told stays small with these files.
fn suit_localsend<'a>(links: impl Iterator<Item = &'a Arc<Link>>, new: &[LinkFile]) -> bool {
    let links = links.filter(|link| link.localsend);
    let files = links.flat_map(|link| &link.files).chain(new);
    let (count, bytes) = files.fold((0, 0), |(count, bytes), file| {
        (count + 1, bytes + file.name.as_str().len())
    });
    count <= crate::wire::localsend::MAX_FILES && bytes <= LOCALSEND_NAMES
}

impl Guests {
    /// No links yet.
    pub(super) fn new(settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            called: settings.name.clone(),
            place: address::Chosen::new(settings),
            table: Mutex::default(),
            wanted: watch::Sender::new(false),
            entrance: watch::Sender::new(Entrance::Closed),
        }))
    }

    /// What this node is called.
    #[must_use]
    pub fn called(&self) -> &str {
        &self.0.called
    }

    /// Whether there are links, so that guests have to be served.
    #[must_use]
    pub fn wanted(&self) -> watch::Receiver<bool> {
        self.0.wanted.subscribe()
    }

    /// Where to listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.place.listen()
    }

    /// Who serves guests says where they come in.
    pub fn opened(&self, entrance: Entrance) {
        self.0.entrance.send_replace(entrance);
    }

    /// The link with this secret.
    #[must_use]
    pub fn find(&self, token: Token) -> Option<Arc<Link>> {
        let table = self.0.table.lock();
        let number = table.tokens.get(&token)?;
        table.links.get(number).cloned()
    }

    /// Forgets the links whose time is over.
    pub fn tend(&self) {
        let ended: Vec<u32> = {
            let table = self.0.table.lock();
            let ended = table.links.values().filter(|link| link.has_ended());
            ended.map(|link| link.number).collect()
        };
        for number in ended {
            self.remove(number);
        }
    }

    /// Those that were made for people of LocalSend, too.
    #[must_use]
    pub fn for_localsend(&self) -> Vec<Arc<Link>> {
        self.tend();
        let table = self.0.table.lock();
        let links = table.links.values().filter(|link| link.localsend);
        links.cloned().collect()
    }

    fn remove(&self, number: u32) -> bool {
        let mut table = self.0.table.lock();
        let Some(link) = table.links.remove(&number) else {
            return false;
        };
        table.tokens.remove(&link.token);
        link.over.cancel();
        if table.links.is_empty() {
            self.0.wanted.send_replace(false);
        }
        true
    }

    fn add(
        &self,
        request: &LinkRequest,
        files: Vec<LinkFile>,
        terms: Terms,
    ) -> Result<Arc<Link>, LinkError> {
        let (token, secret) = (Token(random()?), random()?);
        let expires = request.expires.map(|time| unix_now() + time.as_secs());
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let name = if request.upload {
            self.0.called.clone()
        } else {
            title(&names)
        };
        let mut table = self.0.table.lock();
        let held: usize = table.links.values().map(|link| link.files.len()).sum();
        if table.links.len() >= MAX_LINKS {
            return Err(LinkError::TooMany(MAX_LINKS));
        }
        if held + files.len() > MAX_FILES {
            return Err(LinkError::TooManyFiles(MAX_FILES));
        }
        if request.localsend && !suit_localsend(table.links.values(), &files) {
            return Err(LinkError::Terms(
                "LocalSend takes 4096 files at most, and a megabyte of names",
            ));
        }
        table.last += 1;
        let by_name = files.iter().zip(0..);
        let link = Arc::new(Link {
            number: table.last,
            token,
            name,
            by_name: by_name
                .map(|(file, at)| (file.name.as_str().to_owned(), at))
                .collect(),
            size: files.iter().map(|file| file.size).sum(),
            files,
            upload: request.upload,
            web_seed: request.web_seed,
            tls: request.tls,
            localsend: request.localsend,
            expires,
            gate: Mutex::new(Gate::new(terms)),
            secret,
            started: self.0.started,
            over: CancellationToken::new(),
        });
        table.tokens.insert(token, link.number);
        table.links.insert(link.number, link.clone());
        self.0.wanted.send_replace(true);
        Ok(link)
    }

    /// Waits until guests are served.
    async fn entered(&self) -> Result<(), LinkError> {
        let mut entrance = self.0.entrance.subscribe();
        let open = entrance.wait_for(|entrance| *entrance != Entrance::Closed);
        let open = timeout(OPENING, open).await;
        let open = open.ok().and_then(Result::ok).map(|open| open.clone());
        match open {
            Some(Entrance::Open { .. }) => Ok(()),
            Some(Entrance::Failed(why)) => Err(LinkError::NotServed(why)),
            Some(Entrance::Closed) | None => {
                Err(LinkError::NotServed("nothing listens for them".into()))
            }
        }
    }

    /// What is told of a link, but for where LocalSend is served.
    fn info(&self, link: &Link) -> LinkInfo {
        let (port, fingerprint) = match &*self.0.entrance.borrow() {
            Entrance::Open { port, fingerprint } => (*port, Some(fingerprint.clone())),
            Entrance::Closed | Entrance::Failed(_) => (0, None),
        };
        let scheme = if link.tls { "https" } else { "http" };
        let host = self.0.place.shown(port);
        let address = format!("{scheme}://{host}/{}/", link.token);
        let gate = link.gate.lock();
        LinkInfo {
            number: link.number,
            web_seed: link.web_seed.then(|| format!("{address}seed/")),
            address,
            name: link.name.clone(),
            files: link.files.len() as u64,
            size: link.size,
            upload: link.upload,
            expires: link.expires,
            uses: gate.terms().uses,
            used: gate.used(),
            pin: gate.terms().pin.clone(),
            tls: link.tls,
            localsend: None,
            fingerprint: fingerprint.filter(|_| link.tls),
        }
    }
}
