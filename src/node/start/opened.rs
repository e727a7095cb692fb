//! What a node has on its disk when it starts: the home and its lock, the index, and what was
//! written down in earlier lives.

use crate::{
    core::{id::NodeId, people::People},
    net::localsend::Identity,
    node::{
        api::{Settings, StartError},
        localsend,
    },
    store::{
        ChunkReader, Errand, FileRecord, Home, Index, LaterFile, Limits, PeopleFile, Replicas,
        Sent, ServersFile, clock::since_1970, remove_unused,
    },
    wire::passphrase::swarm_key,
};

/// What is there.
pub(super) struct Opened {
    pub(super) home: Home,
    pub(super) index: Index,
    pub(super) notice: Option<String>,
    pub(super) secret: [u8; 32],
    pub(super) epoch: u64,
    pub(super) swarm_key: Option<[u8; 32]>,
    /// What is remembered of people.
    pub(super) people: (People, PeopleFile),
    /// The keys of rendezvous servers.
    pub(super) servers: (ServersFile, Vec<(String, NodeId)>),
    /// What earlier runs downloaded and still lies there unchanged.
    pub(super) fetched: Vec<FileRecord>,
    pub(super) reader: ChunkReader,
    pub(super) replicas: Replicas,
    pub(super) sent: Sent,
    /// What waits for people; a command that runs once leaves it alone.
    pub(super) kept: Vec<Errand>,
    /// What LocalSend apps know this node by, if they are to.
    pub(super) localsend: Option<Identity>,
}

/// What needs the disk, or much of the processor.
///
/// # Errors
/// Why the home cannot be used.
pub(super) fn open(settings: &Settings) -> Result<Opened, StartError> {
    let home = Home::open(&settings.home)?;
    let secret = home.identity()?;
    let (index, notice) = Index::open(&home)?;
    // A clock before 1970 counts as 1970: the home makes the epoch grow all the same.
    let epoch = home.next_epoch(since_1970().as_millis() as u64)?;
    let swarm_key = match &settings.passphrase {
        Some(words) => {
            Some(swarm_key(words).map_err(|error| StartError::Setting(error.to_string()))?)
        }
        None => None,
    };
    let fetched = index.fetched()?;
    let reader = ChunkReader::new(index.clone());
    // Before anybody can ask for anything: what is private is known.
    let sent = Sent::open(reader.clone())?;
    let replicas = Replicas::open(&home, &index, &reader, limits(settings))?;
    home.keep_spare();
    if let Err(error) = remove_unused(&home, &index) {
        tracing::warn!(%error, "downloads that were broken off cannot be removed");
    }
    let people_file = PeopleFile::of(home.root());
    let mut people = People::default();
    for person in people_file.read()? {
        people.recall(person);
    }
    let servers_file = ServersFile::of(home.root());
    let learned = servers_file.read()?;
    let kept = if settings.share {
        LaterFile::of(home.root()).read()?
    } else {
        Vec::new()
    };
    // Nobody is to hear of a hidden one.
    let localsend = settings.localsend.filter(|_| !settings.hidden);
    let localsend = localsend.map(|_| localsend::identity(home.root()));
    Ok(Opened {
        localsend: localsend.transpose()?,
        servers: (servers_file, learned),
        people: (people, people_file),
        home,
        index,
        notice,
        secret,
        epoch,
        swarm_key,
        fetched,
        reader,
        replicas,
        sent,
        kept,
    })
}

/// The room for others' files.
fn limits(settings: &Settings) -> Limits {
    let usual = Limits::default_for(&settings.home);
    Limits {
        quota: settings.replica_quota.unwrap_or(usual.quota),
        ..usual
    }
}
