//! Spreading the shared files before anyone asks, and keeping others' for them.
//!
//! Owns the placement machine and the fate of the replicas here. `push` gives, `accept` takes,
//! `News` is how it hears that something changed. Never on the way of a download: it makes way
//! for them ([`traffic`]). Invariants: what it knows of a file is asked of the swarm anew after
//! each change, so nothing has to be told twice; at most one pass over the news is under way; as long
//! as nobody took copies and nothing was kept here, it knows no file at all.

mod accept;
mod ahead;
mod gate;
mod keep;
mod orders;
mod push;
mod safety;
mod traffic;

pub use accept::accept;
pub use orders::{DistributorParts, Order, parts};

use super::{
    knowledge::Replica,
    services::Services,
    swarm::{FileView, PeerView},
};
use crate::{
    core::{
        Now,
        have::HaveSet,
        id::{FileId, NodeId},
        path::RelPath,
        placement::{ChunkList, Placement, PlacementAction, PlacementEvent},
    },
    net::timers::calm,
    store::ReplicaFile,
    wire::control::{Held, Offer, ReplicaParts},
};
use push::{Push, push};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::ready,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::sleep_until,
};
use traffic::Traffic;

/// How long news is gathered before it is looked at.
const GATHER: Duration = Duration::from_millis(200);
/// Files that are looked up at a time.
const PAGE: usize = 512;
/// How often the replicas are looked over for what is no longer wanted.
const LOOK_OVER: Duration = Duration::from_secs(5);
/// What a task brings back.
enum Found {
    /// What others keep.
    Sets(Vec<(Replica, Arc<HaveSet>)>),
    /// The pushes of a batch ended.
    Pushed(Vec<PlacementEvent>),
}

struct Distributor {
    parts: DistributorParts,
    /// Files are followed: there was a reason to.
    awake: bool,
    traffic: Traffic,
    placement: Placement,
    started: Instant,
    /// The files that the placement knows, and whether they are this node's own.
    files: HashMap<FileId, bool>,
    /// Own files that it does not know yet: see [`ahead`].
    ahead: BTreeSet<FileId>,
    /// Who is here, and whether all of its catalog is.
    peers: HashMap<NodeId, PeerView>,
    /// What this node keeps, by file.
    kept: HashMap<FileId, ReplicaFile>,
    /// Who shares each file of interest, of those who are here.
    origins: HashMap<FileId, Vec<NodeId>>,
    /// Who has some of it.
    holding: HashMap<FileId, HashSet<NodeId>>,
    /// What is offered of each file that is kept here: the name, and how much.
    shown: HashMap<FileId, (String, ReplicaParts)>,
    /// Offers that are to be told.
    showing: Vec<(RelPath, FileId, Option<Offer>)>,
    /// The files of which all was kept here when the placement was told what is.
    whole: HashSet<FileId>,
    tasks: JoinSet<Found>,
}

/// Runs until the node leaves.
pub async fn run(parts: DistributorParts, mut orders: mpsc::Receiver<Order>) {
    let mut distributor = Distributor {
        traffic: Traffic::new(&parts.services),
        placement: Placement::new(parts.services.me),
        started: Instant::now(),
        files: HashMap::new(),
        ahead: BTreeSet::new(),
        peers: HashMap::new(),
        kept: HashMap::new(),
        origins: HashMap::new(),
        holding: HashMap::new(),
        shown: HashMap::new(),
        showing: Vec::new(),
        whole: HashSet::new(),
        tasks: JoinSet::new(),
        awake: false,
        parts,
    };
    distributor.parts.services.news.all();
    let mut look_over = tokio::time::interval(LOOK_OVER);
    look_over.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let news = distributor.parts.services.news.clone();
    let mut look_at: Option<Instant> = None;
    loop {
        let tick = distributor.next_tick();
        tokio::select! {
            () = news.changed(), if look_at.is_none() => look_at = Some(Instant::now() + GATHER),
            () = sleep_until(look_at.unwrap_or(tick).into()), if look_at.is_some() => {
                look_at = None;
                if distributor.take_in().await.is_none() {
                    return; // The node is stopping.
                }
            }
            Some(Ok(found)) = distributor.tasks.join_next() => distributor.found(found),
            order = orders.recv() => match order {
                Some(Order::Safe(reply)) => {
                    // Not what was true a moment ago.
                    if distributor.take_in().await.is_none() {
                        return;
                    }
                    // Whoever is here may have all of them.
                    if !distributor.awake && !distributor.peers.is_empty() {
                        distributor.awake = true;
                        distributor.parts.services.news.all();
                        if distributor.take_in().await.is_none() {
                            return;
                        }
                    }
                    let _ = reply.send(distributor.safe().await);
                }
                Some(Order::MakeRoom) => distributor.make_room().await,
                Some(Order::Show(reply)) => {
                    if distributor.take_in().await.is_none() {
                        return;
                    }
                    let _ = reply.send(());
                }
                None => return,
            },
            _ = look_over.tick() => distributor.look_over().await,
            () = ready(()), if distributor.looks_ahead() => distributor.look_ahead().await,
            () = sleep_until(calm(tick).into()), if look_at.is_none() => distributor.feed(PlacementEvent::Tick),
        }
    }
}

impl Distributor {
    fn now(&self) -> Now {
        self.started.elapsed()
    }

    fn next_tick(&self) -> Instant {
        let at = self
            .placement
            .next_tick()
            .unwrap_or(Duration::from_secs(3600) + self.now());
        (self.started + at).max(Instant::now() + Duration::from_millis(1))
    }

    /// Reads what is kept here.
    async fn all_kept(&mut self) {
        if let Some(replicas) = self.parts.services.replicas.clone() {
            let files = spawn_blocking(move || replicas.files())
                .await
                .unwrap_or_default();
            self.kept = files.into_iter().map(|kept| (kept.file, kept)).collect();
        }
    }

    /// Whether there is a reason to follow files: somebody takes copies, or some are kept here. To
    /// know of each file what placing it needs costs as much as its name and more.
    async fn wakes(&mut self) -> bool {
        self.all_kept().await;
        self.meet(self.parts.services.swarm.survey(&[]).peers);
        !self.kept.is_empty() || self.peers.values().any(|peer| peer.keeps)
    }

    /// Looks at what is new. `None` when the node is stopping.
    async fn take_in(&mut self) -> Option<()> {
        let mut fresh = self.parts.services.news.take();
        for node in fresh.gone {
            // If it came back meanwhile it is met again below.
            self.peers.remove(&node);
            self.feed(PlacementEvent::Gone { node });
        }
        if !self.awake {
            self.awake = self.wakes().await;
            if !self.awake {
                return Some(());
            }
            fresh.all = true;
        }
        let mut files = fresh.files;
        if fresh.all {
            files.extend(self.files.keys().chain(self.kept.keys()));
            let own = self.parts.services.swarm.shared().await?.into_iter();
            self.ahead = own.filter(|file| !self.files.contains_key(file)).collect();
        }
        // A node that came may be the owner of what is kept here, although its catalog does not say
        // so. Of one that was here, only what changed is looked at.
        let mut came = fresh.came;
        came.retain(|node| !self.peers.contains_key(node));
        if !came.is_empty() {
            let owner = |kept: &&ReplicaFile| kept.origins.iter().any(|node| came.contains(node));
            files.extend(self.kept.values().filter(owner).map(|kept| kept.file));
        }
        let files: Vec<FileId> = files.into_iter().collect();
        // Who is here is asked even if no file is.
        let none: Option<&[FileId]> = files.is_empty().then_some(&[]);
        for page in files.chunks(PAGE).chain(none) {
            let more = self.placement.wants_files();
            self.look_at(page, more).await;
        }
        Some(())
    }

    /// Looks at these files. Own ones that are new are followed if `more` of them are wanted, and
    /// wait otherwise.
    async fn look_at(&mut self, files: &[FileId], more: bool) {
        self.read_kept(files).await;
        let survey = self.parts.services.swarm.survey(files);
        self.meet(survey.peers);
        self.view(survey.files, more).await;
    }

    /// Reads anew what is kept here of these files.
    async fn read_kept(&mut self, files: &[FileId]) {
        let Some(replicas) = self.parts.services.replicas.clone() else {
            return;
        };
        let wanted = files.to_vec();
        let read = spawn_blocking(move || replicas.files_among(&wanted));
        let read = read.await.unwrap_or_default();
        for file in files {
            self.kept.remove(file);
        }
        self.kept
            .extend(read.into_iter().map(|kept| (kept.file, kept)));
    }

    fn meet(&mut self, peers: Vec<PeerView>) {
        for peer in peers {
            let news = self
                .peers
                .get(&peer.node)
                .is_none_or(|known| known.keeps != peer.keeps);
            if news && peer.complete {
                self.feed(PlacementEvent::Peer {
                    node: peer.node,
                    offers_room: peer.keeps,
                });
            }
            if peer.complete {
                self.peers.insert(peer.node, peer);
            }
        }
    }

    /// What the swarm knows of these files, and what the disk does.
    async fn view(&mut self, views: Vec<FileView>, more: bool) {
        let mut unread = Vec::new();
        for view in &views {
            let (file, shared) = (view.file, view.shared);
            let here = self.kept.get(&file).filter(|kept| kept.here > 0);
            let whole = here.is_some_and(|kept| kept.here == kept.chunks);
            let kept = here.is_some();
            let fresh = shared && !kept && !self.files.contains_key(&file);
            if fresh && !more {
                self.ahead.insert(file);
                continue;
            }
            self.ahead.remove(&file);
            let sharing = view.holders.iter().filter(|one| one.held == Held::Shared);
            let origins: Vec<NodeId> = sharing.map(|one| one.node).collect();
            // A million files are this node's own alone.
            if origins.is_empty() || (!shared && !kept) {
                self.origins.remove(&file);
            } else {
                self.origins.insert(file, origins);
            }
            if !shared && !kept {
                self.holding.remove(&file);
                self.whole.remove(&file);
                if self.files.remove(&file).is_some() {
                    self.feed(PlacementEvent::FileGone { file });
                }
            } else {
                let was_whole = if whole {
                    !self.whole.insert(file)
                } else {
                    self.whole.remove(&file);
                    false
                };
                if self.files.insert(file, shared) != Some(shared) || (kept && !was_whole) {
                    unread.push((file, shared));
                }
            }
        }
        let read = read_files(&self.parts.services, unread).await;
        for (file, shared, chunks, mine) in read {
            let Some(chunks) = chunks else {
                self.files.remove(&file); // Its manifest is gone: the one who withdraws it says so, too.
                self.whole.remove(&file);
                self.feed(PlacementEvent::FileGone { file });
                continue;
            };
            self.feed(PlacementEvent::File {
                file,
                origin_here: shared,
                copies: self.parts.copies,
                chunks,
                mine,
            });
        }
        let mut replicas = Vec::new();
        for view in &views {
            if self.files.contains_key(&view.file) {
                self.holders(view, &mut replicas);
            }
        }
        if !replicas.is_empty() {
            let services = self.parts.services.clone();
            self.tasks.spawn(async move {
                Found::Sets(services.known.learn(&services.net, replicas).await)
            });
        }
        for view in &views {
            if self.kept.contains_key(&view.file) {
                self.judge(view.file).await;
            }
        }
        self.tell_shown().await;
    }

    /// Tells the placement who holds a file; whose part is not known here stands in `replicas`
    /// afterwards.
    fn holders(&mut self, view: &FileView, replicas: &mut Vec<Replica>) {
        let file = view.file;
        let before = self.holding.remove(&file).unwrap_or_default();
        let mut now = HashSet::new();
        for one in &view.holders {
            let (node, held) = (one.node, one.held);
            match (held, one.parts) {
                (Held::Shared | Held::Fetched, _) => {
                    let have = HaveSet::full(self.placement.chunks(&file).unwrap_or(0));
                    now.insert(node);
                    self.feed(PlacementEvent::Holder {
                        file,
                        node,
                        have,
                        origin: held == Held::Shared,
                        lasting: one.lasting,
                    });
                }
                (Held::Replica, Some(parts))
                    if self.placement.chunks(&file) == Some(parts.here) =>
                {
                    // All of it: there is nothing to ask.
                    now.insert(node);
                    self.keeps(node, file, HaveSet::full(parts.here));
                }
                (Held::Replica, Some(parts)) => {
                    now.insert(node);
                    replicas.push(Replica { node, file, parts });
                }
                _ => {}
            }
        }
        for node in before.difference(&now).copied() {
            self.feed(PlacementEvent::NotHolder { file, node });
        }
        if !now.is_empty() {
            self.holding.insert(file, now);
        }
    }

    /// A node keeps these chunks of a file for others.
    fn keeps(&mut self, node: NodeId, file: FileId, have: HaveSet) {
        self.feed(PlacementEvent::Holder {
            file,
            node,
            have,
            origin: false,
            lasting: true,
        });
    }

    fn found(&mut self, found: Found) {
        match found {
            Found::Sets(sets) => {
                for (Replica { node, file, .. }, have) in sets {
                    // It may have gone, or got all of it, meanwhile.
                    if self
                        .holding
                        .get(&file)
                        .is_some_and(|nodes| nodes.contains(&node))
                    {
                        self.keeps(node, file, (*have).clone());
                    }
                }
            }
            Found::Pushed(events) => {
                for event in events {
                    self.feed(event);
                }
            }
        }
    }

    fn feed(&mut self, event: PlacementEvent) {
        let mut pushes: Vec<Push> = Vec::new();
        for action in self.placement.handle(event, self.now()) {
            let PlacementAction::Push { file, node, chunks } = action;
            let mut origins = self.origins.get(&file).cloned().unwrap_or_default();
            if self.files.get(&file) == Some(&true) {
                origins.insert(0, self.parts.services.me);
            }
            // Those who are away count: it is kept for them.
            let known = self.kept.get(&file).map(|kept| kept.origins.clone());
            for origin in known.unwrap_or_default() {
                if !origins.contains(&origin) {
                    origins.push(origin);
                }
            }
            tracing::debug!(file = %file.short(), to = %node.short(), chunks = chunks.len(), "push");
            let part = (file, chunks);
            let Some(push) = pushes.iter_mut().find(|push| push.node == node) else {
                let rounds = vec![(origins, vec![part])];
                pushes.push(Push { node, rounds });
                continue;
            };
            match push.rounds.iter_mut().find(|(of, _)| *of == origins) {
                Some((_, parts)) => parts.push(part),
                None => push.rounds.push((origins, vec![part])),
            }
        }
        for order in pushes {
            let (parts, traffic) = (self.parts.clone(), self.traffic.clone());
            self.tasks
                .spawn(async move { Found::Pushed(push(&parts, &traffic, order).await) });
        }
    }
}

/// The chunks of files, and which of them are here; nothing of one whose manifest is not here.
async fn read_files(
    services: &Services,
    files: Vec<(FileId, bool)>,
) -> Vec<(FileId, bool, Option<Arc<ChunkList>>, HaveSet)> {
    let (index, replicas) = (services.index.clone(), services.replicas.clone());
    let read = spawn_blocking(move || {
        let one = |(file, shared): (FileId, bool)| {
            let Some(manifest) = index.manifest(&file).ok().flatten() else {
                return (file, shared, None, HaveSet::empty(0));
            };
            let kept = || replicas.as_ref()?.have(&file).ok().flatten();
            let mine = if shared {
                HaveSet::full(manifest.len())
            } else {
                kept().unwrap_or_else(|| HaveSet::empty(manifest.len()))
            };
            (file, shared, Some(Arc::new(ChunkList::of(&manifest))), mine)
        };
        files.into_iter().map(one).collect()
    });
    read.await.unwrap_or_default()
}
