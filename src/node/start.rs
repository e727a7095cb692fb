//! How a node comes to life: home and lock, index, sockets, the shared folder, then the actor.

mod opened;

use super::{
    Node, Shared,
    actor::{Actor, ActorParts},
    api::{NodeEvent, Settings, StartError},
    book::Book,
    chat,
    command::Command,
    consent::{self, Consent},
    directory::Names,
    distribute,
    holdings::Holdings,
    knowledge::Knowledge,
    large::Large,
    later::Later,
    limit::Limiter,
    localsend::{LocalSend, Neighbours},
    lookups::Lookups,
    meeting::{self, Meeting},
    news::News,
    pair::{PairConfig, Pairings},
    reach,
    reading::Readings,
    serve::Server,
    services::Services,
    settings::cut_name,
    streams::{Inboxes, Takers},
    swarm::{OwnCatalog, Seed, State, Swarm},
    windows::Windows,
};
use crate::{
    core::{id::NodeId, path::RelPath},
    net::{
        BeaconConfig, BeaconError, Beacons, Heard, Net, NetConfig, NetError, NetEvent,
        PairingConfig, Router,
    },
    store::{Chats, ChunkReader, Fetched, FileRecord, Home, Index, Replicas, Share},
    wire::{
        control::{Held, Offer, Scan},
        signer::Signer,
    },
};
use opened::{Opened, open};
use parking_lot::Mutex;
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Events that a slow watcher may be behind.
const EVENTS: usize = 1024;
/// Changes of the shared folder that wait for the actor: it must not run out of them before the
/// thread that makes them has slept.
const SHARE_EVENTS: usize = 4096;
/// Commands that wait for the actor.
const COMMANDS: usize = 256;
/// Have-updates that a job may be behind before it asks anew.
const HELD: usize = 1024;

#[expect(
    clippy::too_many_lines,
    reason = "one thing after the other, and each needs what came before"
)]
pub async fn start(settings: Settings) -> Result<Node, StartError> {
    let named = reach::parse_all(&settings.peers).map_err(StartError::Setting)?;
    let servers = meeting::parse_all(&settings.rendezvous).map_err(StartError::Setting)?;
    let wanted = settings.clone();
    let opened = tokio::task::spawn_blocking(move || open(&wanted)).await;
    let Opened {
        home,
        index,
        notice,
        secret,
        epoch,
        swarm_key,
        people,
        servers: (servers_file, learned),
        fetched,
        reader,
        replicas,
        sent,
        kept,
        localsend,
    } = opened.map_err(|error| StartError::Internal(error.to_string()))??;

    let signer = Signer::new(secret).map_err(|error| StartError::Internal(error.to_string()))?;
    let pairing = pairing(&settings, swarm_key);
    let mut router = Router::default();
    // For benchmarks, so that both ways can be compared: they look the same from outside.
    if std::env::var_os("SPRAT_NO_BULK").is_some() {
        router.without_bulk();
    }
    let inboxes = Inboxes::register(&mut router);
    let (net, net_events) = listen(&settings, secret, swarm_key, router)?;
    let (beacons, heard) = announce(&settings, (secret, epoch), swarm_key)?;

    let keeps = settings.share && replicas.limits().quota > 0;
    let (share_events, share) = mpsc::channel(SHARE_EVENTS);
    let sharing = if settings.share {
        let fetched = Fetched::start(&home.downloads(), &index, &reader, share_events.clone())?;
        let share = Share::start(&home, &index, &reader, share_events)?;
        Some((share, fetched))
    } else {
        None
    };
    let (events, first_events) = broadcast::channel(EVENTS);
    if settings.share {
        sweep(index.clone());
    }
    let disk = (home, index, reader, replicas);
    let stop = CancellationToken::new();
    let (commands, commands_in) = mpsc::channel(COMMANDS);
    let hosts = servers.iter().map(|server| &server.host);
    let table = reach::Named::new(named.iter(), hosts);
    let meeting = meeting::Setup {
        servers,
        named: table.clone(),
        learned,
        file: servers_file,
        swarm_key,
        found: settings.share,
        leave: settings.leave_server,
        hidden: settings.hidden,
        seed: seed(&net.node(), epoch.wrapping_add(2)),
        // Who pairs shows themselves to nobody else.
        dht: (settings.dht.clone())
            .filter(|_| !settings.hidden)
            .map(|entries| (entries, signer.clone())),
        net: net.clone(),
        events: events.clone(),
        commands: commands.clone(),
    };
    let meeting = Meeting::start(meeting, &stop);
    let (people, people_file) = people;
    let mut own = OwnCatalog::new(cut_name(&settings.name), epoch, keeps)
        .with(settings.unnamed, !settings.share);
    offer_fetched(&mut own, fetched);
    let swarm = Swarm::new(State::new(Seed {
        me: net.node(),
        name: cut_name(&settings.name),
        hidden: settings.hidden,
        // A node that only looks or fetches leaves its folder alone.
        scanning: settings.share.then(Scan::default),
        looks_for: settings.looks_for.clone(),
        own,
        people,
        servers: meeting.view(),
        named: table.clone(),
        random: seed(&net.node(), epoch),
    }));
    let book = Book::new(events.clone());
    let neighbours = localsend.map(|identity| {
        let seed = seed(&net.node(), epoch.wrapping_add(3));
        Neighbours::new(identity, seed)
    });
    let handles = (swarm, meeting, table, neighbours.clone());
    let (services, changed) = services(&settings, &net, disk, (commands, book), handles);
    let (distribute, queue) = distribute::parts(&services, settings.share, &settings);
    let orders = distribute.orders.clone();
    let tasks = TaskTracker::new();
    let consent = Consent::new(
        consent_of(&settings),
        services.clone(),
        sent,
        events.clone(),
        (tasks.clone(), stop.clone()),
    );
    let guests = super::links::Guests::new(&settings);
    let localsend = neighbours.map(|neighbours| {
        let parts = (consent.clone(), services.clone(), guests.clone());
        let ends = (tasks.clone(), stop.clone());
        LocalSend::new(&settings, neighbours, parts, events.clone(), ends)
    });
    let server = Server::new(&services);
    let actor = Actor::new(ActorParts {
        name: cut_name(&settings.name),
        relay: settings.relay,
        net_events,
        beacons,
        heard,
        share,
        commands: commands_in,
        events: events.clone(),
        changed,
        people: people_file,
        signer: signer.clone(),
        services: services.clone(),
    });
    tokio::spawn(actor.run());
    inboxes.take_all(
        &stop,
        Takers {
            services: services.clone(),
            server: server.clone(),
            pushes: settings.share.then(|| distribute.clone()),
            // A command that only looks or fetches has nobody who reads.
            door: chat::Door::new(
                services.clone(),
                events.clone(),
                settings.share,
                seed(&net.node(), epoch.wrapping_add(1)),
            ),
            consent: consent.clone(),
            pairings: services.pairings.clone(),
        },
    );
    if settings.share {
        let (run, stop) = (distribute::run(distribute, queue), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(run).await });
    } else {
        // Nobody asks what is new, so it need not be noted one by one.
        services.news.all();
    }
    let appeared = CancellationToken::new();
    if !settings.hidden {
        appeared.cancel();
    }
    reach_out(&net, named, &services.named, &appeared, &stop);
    tell(&events, notice);
    let later = Later::start(
        consent.clone(),
        services.clone(),
        events.clone(),
        stop.clone(),
        kept,
    );
    let readings = Readings::new(&services, &tasks, &stop);
    let shared = Shared {
        services,
        readings,
        events,
        first_events: Mutex::new(Some(first_events)),
        consent,
        guests,
        localsend,
        later,
        server,
        pairing,
        names: Names { signer, swarm_key },
        tasks,
        appeared,
        meters: Mutex::default(),
        stop,
        orders,
        share: Mutex::new(sharing),
    };
    let shared = Arc::new(shared);
    tokio::spawn(super::mend::watch(Arc::downgrade(&shared)));
    Ok(Node { shared })
}

/// Removes the manifests that nothing needs, beside whatever else happens.
fn sweep(index: Index) {
    let sweeping = move || match index.sweep() {
        Ok(0) => {}
        Ok(removed) => tracing::info!("removed {removed} manifests that nothing needs"),
        Err(error) => tracing::debug!(%error, "unused manifests cannot be removed"),
    };
    // Without it, they stay until the next start.
    let _ = std::thread::Builder::new()
        .name("sweep".into())
        .spawn(sweeping);
}

/// Keeps trying the nodes that were named, from when this one may be seen.
fn reach_out(
    net: &Net,
    named: Vec<String>,
    table: &reach::Named,
    appeared: &CancellationToken,
    stop: &CancellationToken,
) {
    for peer in named {
        let reaching = reach::reach(net.clone(), peer, table.clone(), stop.clone());
        let (appeared, stop) = (appeared.clone(), stop.clone());
        tokio::spawn(async move {
            let seen = stop.run_until_cancelled(appeared.cancelled()).await;
            if seen.is_some() {
                reaching.await;
            }
        });
    }
}

fn tell(events: &broadcast::Sender<NodeEvent>, notice: Option<String>) {
    if let Some(notice) = notice {
        tracing::warn!("{notice}");
        let _ = events.send(NodeEvent::Notice(notice));
    }
}

/// What the actor and the jobs have in common, and the actor's ends of it.
fn services(
    settings: &Settings,
    net: &Net,
    (home, index, reader, replicas): (Home, Index, ChunkReader, Replicas),
    (commands, book): (mpsc::Sender<Command>, Book),
    (swarm, meeting, named, localsend): (Swarm, Meeting, reach::Named, Option<Neighbours>),
) -> (Services, watch::Sender<u64>) {
    let (changed, watch) = watch::channel(0);
    let windows = Windows::default();
    let services = Services {
        chats: Chats::of(home.root()),
        me: net.node(),
        net: net.clone(),
        index,
        reader,
        lookups: Lookups::default(),
        home: Arc::new(home),
        holdings: Holdings::read_through(&windows),
        windows,
        swarm,
        commands,
        changed: watch,
        held: broadcast::channel(HELD).0,
        book,
        received: Arc::new(AtomicU64::new(0)),
        sent: Arc::new(AtomicU64::new(0)),
        copied_in: Arc::default(),
        copied_out: Arc::default(),
        replicas: Some(replicas),
        known: Knowledge::default(),
        news: News::default(),
        upload: Limiter::new(settings.upload_limit),
        download: Limiter::new(settings.download_limit),
        pairings: Pairings::default(),
        meeting,
        named,
        localsend,
        circle: None,
        reuse: settings.reuse.clone().into(),
        large: Large::default(),
    };
    (services, changed)
}

fn consent_of(settings: &Settings) -> consent::Settings {
    consent::Settings {
        name: cut_name(&settings.name),
        accepting: settings.accepting.clone(),
        expiry: settings.ask_expiry,
    }
}

fn listen(
    settings: &Settings,
    secret: [u8; 32],
    swarm_key: Option<[u8; 32]>,
    router: Router,
) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    let config = NetConfig {
        secret,
        transfer_port: settings.transfer_port,
        listen: settings.listen.clone(),
        interfaces: settings.interfaces.clone(),
        // Its records have the port in clear, and begin with the start.
        mdns: settings.mdns && !settings.hidden,
        swarm_key,
        relayed: settings.relay,
        agent: format!("sprat/{}", env!("CARGO_PKG_VERSION")),
    };
    Net::start(config, router)
}

/// How this node finds another by a code.
fn pairing(settings: &Settings, swarm_key: Option<[u8; 32]>) -> PairConfig {
    PairConfig {
        sockets: PairingConfig {
            discovery_port: settings.discovery_port,
            listen: settings.listen.clone(),
            interfaces: settings.interfaces.clone(),
            swarm_key,
        },
        name: cut_name(&settings.name),
        wait: settings.code_wait,
    }
}

fn announce(
    settings: &Settings,
    (secret, epoch): ([u8; 32], u64),
    swarm_key: Option<[u8; 32]>,
) -> Result<(Beacons, mpsc::Receiver<Heard>), BeaconError> {
    Beacons::start(BeaconConfig {
        discovery_port: settings.discovery_port,
        listen: settings.listen.clone(),
        interfaces: settings.interfaces.clone(),
        swarm_key,
        secret,
        epoch,
    })
}

/// What earlier runs downloaded is offered again.
fn offer_fetched(own: &mut OwnCatalog, fetched: Vec<FileRecord>) {
    for record in fetched {
        let Ok(name) = RelPath::parse(&record.name) else {
            continue;
        };
        let offer = Offer {
            size: record.stamp.size,
            mtime: record.stamp.mtime,
            executable: record.rights.executable(),
            mode: record.rights.mode(),
            media: record.media,
            held: Held::Fetched,
            parts: None,
        };
        own.set(&name, record.file, Some(offer));
    }
}

fn seed(node: &NodeId, epoch: u64) -> u64 {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        random.copy_from_slice(&node.as_bytes()[..8]);
    }
    u64::from_le_bytes(random) ^ epoch
}
