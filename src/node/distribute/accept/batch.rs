//! A round of several small files: one look at the catalog, one question for manifests, one answer,
//! one sync for all of them.
//!
//! Invariants: those of a round; the files have at most [`MAX_OFFERED`] chunks together, whether
//! they are offered or not, so their manifests take no more than a few kilobytes.

use super::{End, StoreError, answer, blocking, no_use, note, read, written};
use crate::{
    core::{
        chunk::VerifiedChunk,
        have::HaveSet,
        id::{ChunkId, FileId, NodeId},
        manifest::{Entry, Manifest},
        path::RelPath,
    },
    net::Stream,
    node::{
        distribute::DistributorParts,
        manifest::{self, Head},
    },
    store::{Replicas, Reservation},
    wire::{
        control::Offer,
        distribute::{Answer, Kept, MAX_OFFERED, Offered, PushRefusal},
        manifest::Root,
    },
};
use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
};
use tokio::task::spawn_blocking;

/// Bytes of chunks that are read before they are written; a larger chunk alone.
const GROUP: usize = 256 << 10;

/// A file that may be kept.
struct One {
    /// Its place in the offer.
    place: usize,
    file: FileId,
    name: RelPath,
    offer: Offer,
    /// Its positions, and where the first of them stands among all.
    chunks: Vec<u32>,
    first: u32,
}

/// A chunk that is to come.
#[derive(Clone, Copy)]
struct Wanted {
    file: FileId,
    id: ChunkId,
    len: u32,
}

/// What becomes of each file, and of each position.
struct Fate {
    refused: Vec<(u32, PushRefusal)>,
    kept: HaveSet,
    wanted: HaveSet,
    /// Something did not fit.
    tight: bool,
}

impl Fate {
    fn refuse(&mut self, place: usize, why: PushRefusal) {
        self.refused.push((place as u32, why));
    }
}

/// One offer, from what it says to what was kept.
pub(super) async fn round(
    parts: &DistributorParts,
    node: NodeId,
    offered: &Offered,
    replicas: &Replicas,
    stream: &mut Stream,
) -> Result<Kept, End> {
    let services = &parts.services;
    let files: Vec<FileId> = offered.files().map(|(file, _)| file).collect();
    let count = offered.files().map(|(_, chunks)| chunks.len() as u32).sum();
    let mut fate = Fate {
        refused: Vec::new(),
        kept: HaveSet::empty(count),
        wanted: HaveSet::empty(count),
        tight: false,
    };
    // What a peer does not offer to everyone is not kept for it.
    let known = services.swarm.offers_of(node, files).await;
    let mut known = known.into_iter();
    let (mut ones, mut first) = (Vec::new(), 0);
    for (place, (file, chunks)) in offered.files().enumerate() {
        match known.next().flatten() {
            None => fate.refuse(place, PushRefusal::Unknown),
            Some((_, _, true)) => {
                for at in first..first + chunks.len() as u32 {
                    fate.kept.insert(at);
                }
            }
            Some((name, offer, false)) => ones.push(One {
                place,
                file,
                name,
                offer,
                chunks: chunks.to_vec(),
                first,
            }),
        }
        first += chunks.len() as u32;
    }
    if let Some((address, friend)) = services.swarm.standing(&node) {
        replicas.meet(node, address, friend);
    }
    let manifests = manifests_of(parts, node, replicas, &ones, &mut fate).await?;
    let begun: Vec<FileId> = manifests.keys().copied().collect();
    let taken = take(
        parts,
        node,
        replicas,
        (ones, manifests),
        offered,
        fate,
        stream,
    );
    let taken = taken.await;
    // A file of which nothing came in the end leaves no trace.
    let replicas = replicas.clone();
    let _ = blocking(move || {
        for file in begun {
            if replicas.have(&file)?.is_some_and(|have| have.count() == 0) {
                replicas.remove(&file, None)?;
            }
        }
        Ok(())
    })
    .await;
    taken
}

/// The manifests that are here, or came from the node that pushes: of each file that is not refused
/// one. Nothing of them is written before it has room in the quota.
async fn manifests_of(
    parts: &DistributorParts,
    node: NodeId,
    replicas: &Replicas,
    ones: &[One],
    fate: &mut Fate,
) -> Result<HashMap<FileId, Arc<Manifest>>, End> {
    let services = &parts.services;
    let index = services.index.clone();
    let files: Vec<FileId> = ones.iter().map(|one| one.file).collect();
    let here = blocking(move || {
        let (mut here, mut left) = (HashMap::new(), MAX_OFFERED);
        for file in files {
            let root = index.root(&file)?;
            let root = root.and_then(|root| Root::decode(file, &root).ok());
            // What is too large is not read: it does not belong here.
            let Some(rest) = root.and_then(|root| left.checked_sub(root.chunks as usize)) else {
                continue;
            };
            if let Some(manifest) = index.manifest(&file)? {
                left = rest;
                here.insert(file, Arc::new(manifest));
            }
        }
        Ok(here)
    });
    let mut manifests: HashMap<FileId, Arc<Manifest>> = here.await?;
    let unknown = ones.iter().map(|one| one.file);
    let unknown: Vec<FileId> = unknown
        .filter(|file| !manifests.contains_key(file))
        .collect();
    if !unknown.is_empty() {
        let heads = match manifest::heads(&services.net, node, &unknown).await {
            Ok(heads) => heads,
            Err(why) => return Err(no_use(parts, node, why).await),
        };
        let known = manifests.values().map(|manifest| manifest.len() as usize);
        let mut left = MAX_OFFERED.saturating_sub(known.sum());
        // Its catalog may say one thing and its manifest another.
        let sizes: HashMap<_, _> = ones.iter().map(|one| (one.file, one.offer.size)).collect();
        let mut fits = |head: &Head| {
            let chunks = head.root.chunks as usize;
            let fits = sizes.get(&head.file()) == Some(&head.root.size) && chunks <= left;
            left -= if fits { chunks } else { 0 };
            fits
        };
        let heads: Vec<Head> = heads.into_iter().flatten().filter(&mut fits).collect();
        let counts: Vec<u32> = heads.iter().map(|head| head.root.chunks).collect();
        let replicas = replicas.clone();
        let reserved = blocking(move || {
            let all = counts.iter().map(|&chunks| replicas.manifest_bytes(chunks));
            let gone = replicas.make_way(&node, all.sum())?;
            let room = |chunks| replicas.reserve_manifest(&node, chunks);
            Ok((gone, counts.into_iter().map(room).collect::<Vec<_>>()))
        });
        let (gone, reserved) = reserved.await?;
        services.news.files(gone);
        for (head, room) in heads.into_iter().zip(&reserved) {
            let file = head.file();
            if room.is_none() {
                fate.tight = true;
                let place = ones.iter().find(|one| one.file == file);
                fate.refuse(place.map_or(0, |one| one.place), PushRefusal::NoRoom);
                continue;
            }
            match head.fetch(&services.net).await {
                Ok(manifest) => drop(manifests.insert(file, Arc::new(manifest))),
                Err(why) => return Err(no_use(parts, node, why).await),
            }
        }
    }
    let refused: HashSet<u32> = fate.refused.iter().map(|&(place, _)| place).collect();
    for one in ones {
        let fits =
            |manifest: &Arc<Manifest>| one.chunks.last().is_some_and(|&at| at < manifest.len());
        if !manifests.get(&one.file).is_some_and(fits) {
            manifests.remove(&one.file);
            if !refused.contains(&(one.place as u32)) {
                fate.refuse(one.place, PushRefusal::Unknown);
            }
        }
    }
    Ok(manifests)
}

/// Wants what fits, takes it, and says what is kept.
async fn take(
    parts: &DistributorParts,
    node: NodeId,
    replicas: &Replicas,
    (ones, manifests): (Vec<One>, HashMap<FileId, Arc<Manifest>>),
    offered: &Offered,
    fate: Fate,
    stream: &mut Stream,
) -> Result<Kept, End> {
    let (store, origins) = (replicas.clone(), offered.origins.clone());
    // The accounts wait for a commit, and the disk for how much is free: not here.
    let chosen = blocking(move || choose(&store, node, &origins, (ones, &manifests), fate));
    let (mut fate, wanted, reservation, gone) = chosen.await?;
    parts.services.news.files(gone);
    if fate.tight {
        parts.make_room();
    }
    let Some(mut reservation) = reservation else {
        return Err(End::Refused(PushRefusal::Busy)); // Others took the room meanwhile.
    };
    let each = Answer::Each {
        bits: fate.wanted.to_bytes().into(),
        refused: std::mem::take(&mut fate.refused),
    };
    answer(stream, &each).await?;
    if !wanted.is_empty() {
        let whose = node.short();
        tracing::info!("keeping {} chunks of small files for {whose}", wanted.len());
        let mut rest = &wanted[..];
        while !rest.is_empty() {
            let (group, after) = group(rest);
            reservation = receive(parts, node, group.to_vec(), stream, reservation).await?;
            rest = after;
        }
        let committed = match blocking(move || reservation.commit()).await {
            // Too late to refuse: what is not kept is not claimed.
            Err(End::Refused(_)) => Vec::new(),
            other => other?,
        };
        let here: HashMap<FileId, HashSet<u32>> = committed
            .into_iter()
            .map(|(file, at)| (file, at.into_iter().collect()))
            .collect();
        let positions = offered
            .files()
            .flat_map(|(file, chunks)| chunks.iter().map(move |&at| (file, at)));
        for (bit, (file, at)) in (0..).zip(positions) {
            if here.get(&file).is_some_and(|here| here.contains(&at)) {
                fate.kept.insert(bit);
            }
        }
        parts.services.news.files(here.into_keys());
        parts.show().await;
    }
    let bits = fate.kept.to_bytes().into();
    Ok(Kept { bits })
}

type Chosen = (
    Fate,
    Vec<Wanted>,
    Option<Reservation>,
    std::collections::BTreeSet<FileId>,
);

/// Notes what the files are called and whose they are; of their chunks, what is here already, what
/// is wanted, and the room for that: as much as fits.
fn choose(
    replicas: &Replicas,
    node: NodeId,
    origins: &[NodeId],
    (ones, manifests): (Vec<One>, &HashMap<FileId, Arc<Manifest>>),
    mut fate: Fate,
) -> Result<Chosen, StoreError> {
    let mut lacking: Vec<(usize, u32, Wanted)> = Vec::new();
    for one in &ones {
        let Some(manifest) = manifests.get(&one.file) else {
            continue;
        };
        match note(replicas, manifest, node, origins, &one.name, &one.offer) {
            Ok(()) => {}
            Err(StoreError::NoSpace { .. }) => {
                fate.tight = true;
                fate.refuse(one.place, PushRefusal::NoRoom);
                continue;
            }
            Err(error) => return Err(error),
        }
        let have = replicas.have(&one.file)?;
        for (bit, &position) in (one.first..).zip(&one.chunks) {
            if have.as_ref().is_some_and(|have| have.has(position)) {
                fate.kept.insert(bit);
                continue;
            }
            let Entry { id, len } = manifest.entries()[position as usize];
            let file = one.file;
            lacking.push((one.place, bit, Wanted { file, id, len }));
        }
    }
    let all = lacking.iter().map(|(.., chunk)| u64::from(chunk.len)).sum();
    let gone = replicas.make_way(&node, all)?;
    let (mut wanted, mut bytes, mut short) = (Vec::new(), 0, HashSet::new());
    let mut full = false;
    for (place, bit, chunk) in lacking {
        let more = bytes + u64::from(chunk.len);
        // How much is free is asked once more by the reservation.
        full = full || !replicas.room_for(&node, more);
        if full {
            short.insert(place);
        } else {
            bytes = more;
            fate.wanted.insert(bit);
            wanted.push(chunk);
        }
    }
    fate.tight |= full;
    // A file of which nothing fits is refused; of the others, what is lacking is offered again.
    for one in ones.iter().filter(|one| short.contains(&one.place)) {
        let mut bits = one.first..one.first + one.chunks.len() as u32;
        if !bits.any(|bit| fate.wanted.has(bit) || fate.kept.has(bit)) {
            fate.refuse(one.place, PushRefusal::NoRoom);
        }
    }
    Ok((fate, wanted, replicas.reserve(&node, bytes), gone))
}

/// The first few chunks that are read together, and the rest.
fn group(chunks: &[Wanted]) -> (&[Wanted], &[Wanted]) {
    let mut bytes = 0;
    let more = |chunk: &&Wanted| {
        bytes += chunk.len as usize;
        bytes <= GROUP
    };
    let few = chunks.iter().take_while(more).count();
    chunks.split_at(few.max(1))
}

/// Reads a few chunks, verifies them and writes them. A peer that sends something else is dropped
/// for good.
async fn receive(
    parts: &DistributorParts,
    node: NodeId,
    group: Vec<Wanted>,
    stream: &mut Stream,
    mut reservation: Reservation,
) -> Result<Reservation, End> {
    let len = group.iter().map(|chunk| chunk.len as usize).sum();
    let buffer = read(parts, stream, len).await?;
    let kept = spawn_blocking(move || {
        let mut rest = &buffer[..];
        for chunk in group {
            let (bytes, after) = rest.split_at_checked(chunk.len as usize)?;
            let verified = VerifiedChunk::check(chunk.id, bytes).ok()?;
            if let Err(error) = reservation.keep(&chunk.file, &[verified]) {
                return Some(Err(error));
            }
            rest = after;
        }
        Some(Ok(reservation))
    });
    written(parts, node, kept.await.map_err(io::Error::other)?).await
}
