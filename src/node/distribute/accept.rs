//! The other end of a push: what is offered is looked over, what there is room for is wanted,
//! received, verified and kept.
//!
//! Invariants: no byte is read that was not wanted, and nothing is wanted without room set aside
//! for it; at most [`ROUNDS`](super::gate) rounds are under way, one of a peer, each with one chunk in memory, or
//! a few small ones; a peer that is slow or silent loses its stream in a bounded time; a round is
//! over before its last answer is written, so what the peer sends next finds room.

mod batch;

use super::orders::DistributorParts;
use crate::{
    core::{
        chunk::VerifiedChunk,
        have::HaveSet,
        id::{FileId, NodeId},
        manifest::Manifest,
        path::RelPath,
    },
    net::Stream,
    node::manifest::{self, NoManifest},
    store::{ReplicaOffer, Replicas, Reservation, StoreError, clock::unix_now},
    wire::{
        control::{Held, Offer},
        distribute::{self, Answer, Kept, Offered, PushRefusal},
        manifest::Root,
    },
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    collections::HashSet,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking, time::timeout};

/// Between two offers on one stream.
const IDLE: Duration = Duration::from_secs(60);
/// Without a byte for so long, the other side is stuck.
const STALL: Duration = Duration::from_secs(10);
/// For one chunk in all, so that a trickle is a stall too.
const TRICKLE: Duration = Duration::from_secs(60);

/// Why a round did not come to its end.
enum End {
    Refused(PushRefusal),
    Broken(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Serves one stream until it ends.
pub async fn accept(parts: DistributorParts, node: NodeId, mut stream: Stream) {
    loop {
        let offered: Offered = match timeout(IDLE, distribute::read(&mut stream)).await {
            Ok(Ok(Some(offered))) => offered,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::debug!(peer = %node.short(), %error, "what was pushed makes no sense");
                return;
            }
        };
        if offered.check().is_err() {
            return;
        }
        let round = match parts.gate.rounds.admit(node) {
            Some(_turn) => round(&parts, node, &offered, &mut stream).await,
            None => Err(End::Refused(PushRefusal::Busy)),
        };
        let ended = match round {
            Ok(kept) => answer(&mut stream, &kept).await,
            Err(End::Refused(why)) => answer(&mut stream, &Answer::Refuse(why)).await,
            Err(End::Broken(error)) => Err(error),
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %node.short(), %error, "an inbound push broke off");
            return;
        }
    }
}

async fn answer<T: serde::Serialize>(stream: &mut Stream, message: &T) -> io::Result<()> {
    let sent = async {
        distribute::write(stream, message).await?;
        stream.flush().await
    };
    timeout(STALL, sent)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, End> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(StoreError::NoSpace { .. })) => Err(End::Refused(PushRefusal::NoRoom)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a chunk for the swarm cannot be kept");
            Err(End::Refused(PushRefusal::NoRoom))
        }
        Err(error) => Err(End::Broken(io::Error::other(error))),
    }
}

/// One offer, from what it says to what was kept.
async fn round(
    parts: &DistributorParts,
    node: NodeId,
    offered: &Offered,
    stream: &mut Stream,
) -> Result<Kept, End> {
    let services = &parts.services;
    let Some(replicas) = services
        .replicas
        .clone()
        .filter(|replicas| parts.keeps && replicas.limits().quota > 0)
    else {
        return Err(End::Refused(PushRefusal::Off));
    };
    if !offered.more.is_empty() {
        return batch::round(parts, node, offered, &replicas, stream).await;
    }
    let file = offered.file;
    // What a peer does not offer to everyone is not kept for it: its catalog has the name, too.
    let asked = services.swarm.offers_of(node, vec![file]).await;
    let Some((name, offer, whole_here)) = asked.into_iter().next().flatten() else {
        return Err(End::Refused(PushRefusal::Unknown));
    };
    let count = offered.chunks.len() as u32;
    if whole_here {
        answer(
            stream,
            &Answer::Want(HaveSet::empty(count).to_bytes().into()),
        )
        .await?;
        let bits = HaveSet::full(count).to_bytes().into();
        return Ok(Kept { bits });
    }
    if let Some((address, friend)) = services.swarm.standing(&node) {
        replicas.meet(node, address, friend);
    }
    let (manifest, _room) = manifest_of(parts, node, file, &replicas, &offer).await?;
    if offered
        .chunks
        .last()
        .is_none_or(|&last| last >= manifest.len())
    {
        return Err(End::Refused(PushRefusal::Unknown));
    }
    begin(&replicas, &manifest, node, &offered.origins, name, offer).await?;
    let taken = take(parts, node, &replicas, &manifest, offered, stream).await;
    // A file of which nothing came in the end leaves no trace.
    let _ = blocking(move || match replicas.have(&file)? {
        Some(have) if have.count() == 0 => replicas.remove(&file, None),
        _ => Ok(0),
    })
    .await;
    taken
}

/// Wants what fits, takes it, and says what is kept.
async fn take(
    parts: &DistributorParts,
    node: NodeId,
    replicas: &Replicas,
    manifest: &Arc<Manifest>,
    offered: &Offered,
    stream: &mut Stream,
) -> Result<Kept, End> {
    let (mut kept, wanted, mut reservation) =
        choose(parts, replicas, manifest, node, &offered.chunks).await?;
    answer(stream, &Answer::Want(wanted.to_bytes().into())).await?;
    if wanted.count() > 0 {
        let (of, whose) = (offered.file.short(), node.short());
        tracing::info!("keeping {} chunks of {of} for {whose}", wanted.count());
    }
    for at in wanted.iter() {
        let position = offered.chunks[at as usize];
        reservation = receive(parts, node, manifest, position, stream, reservation).await?;
    }
    if wanted.count() > 0 {
        let committed = blocking(move || reservation.commit()).await;
        let committed = match committed {
            // Too late to refuse: what is not kept is not claimed.
            Err(End::Refused(_)) => Vec::new(),
            other => other?,
        };
        let here: HashSet<u32> = committed.into_iter().flat_map(|(_, at)| at).collect();
        for (at, position) in (0..).zip(&offered.chunks) {
            if here.contains(position) {
                kept.insert(at);
            }
        }
        parts.services.news.files([offered.file]);
        parts.show().await;
    }
    let bits = kept.to_bytes().into();
    Ok(Kept { bits })
}

/// The manifest, from here or from the node that pushes, and its room in memory. Nothing of it is
/// written before it has room in the quota, and it gets that before a page of it is asked for.
async fn manifest_of(
    parts: &DistributorParts,
    node: NodeId,
    file: FileId,
    replicas: &Replicas,
    offer: &Offer,
) -> Result<(Arc<Manifest>, Option<OwnedSemaphorePermit>), End> {
    let (services, gate) = (&parts.services, &parts.gate);
    let index = services.index.clone();
    let known = blocking(move || {
        let root = index.root(&file)?;
        Ok(root.and_then(|root| Root::decode(file, &root).ok()))
    });
    if let Some(root) = known.await? {
        let room = gate.room(root.chunks).map_err(End::Refused)?;
        let index = services.index.clone();
        if let Some(known) = blocking(move || index.manifest(&file)).await? {
            return Ok((Arc::new(known), room));
        }
    }
    let head = match manifest::head(&services.net, node, file).await {
        Ok(head) => head,
        Err(why) => return Err(no_use(parts, node, why).await),
    };
    // Its catalog says one thing and its manifest another.
    if head.root.size != offer.size {
        return Err(End::Refused(PushRefusal::Unknown));
    }
    let chunks = head.root.chunks;
    let room = gate.room(chunks).map_err(End::Refused)?;
    let replicas = replicas.clone();
    let reserved = blocking(move || {
        let gone = replicas.make_way(&node, replicas.manifest_bytes(chunks))?;
        Ok((gone, replicas.reserve_manifest(&node, chunks)))
    });
    let (gone, reserved) = reserved.await?;
    services.news.files(gone);
    let Some(_reserved) = reserved else {
        parts.make_room();
        return Err(End::Refused(PushRefusal::NoRoom));
    };
    match head.fetch(&services.net).await {
        Ok(manifest) => Ok((Arc::new(manifest), room)),
        Err(why) => Err(no_use(parts, node, why).await),
    }
}

/// What becomes of a round whose manifest did not come. A peer that sends a false one is dropped
/// for good.
async fn no_use(parts: &DistributorParts, node: NodeId, why: NoManifest) -> End {
    match why {
        NoManifest::Lied(why) => {
            let why = format!("its manifest is false: {why}");
            parts.services.drop_peer(node, why).await;
            End::Broken(io::ErrorKind::InvalidData.into())
        }
        NoManifest::Missing | NoManifest::Disk(_) => End::Refused(PushRefusal::Unknown),
    }
}

/// Notes what the file is called and whose it is.
async fn begin(
    replicas: &Replicas,
    manifest: &Arc<Manifest>,
    node: NodeId,
    origins: &[NodeId],
    name: RelPath,
    offer: Offer,
) -> Result<(), End> {
    let (replicas, manifest) = (replicas.clone(), manifest.clone());
    let origins = origins.to_vec();
    blocking(move || note(&replicas, &manifest, node, &origins, &name, &offer)).await
}

/// The same, where it may block. The pusher pays from its share, no matter what it says of the
/// origins.
fn note(
    replicas: &Replicas,
    manifest: &Arc<Manifest>,
    node: NodeId,
    origins: &[NodeId],
    name: &RelPath,
    offer: &Offer,
) -> Result<(), StoreError> {
    let now = unix_now();
    let described = ReplicaOffer {
        name: name.as_str().to_owned(),
        mtime: offer.mtime,
        rights: offer.rights(),
        media: offer.media.clone(),
    };
    replicas.set_file(manifest, &described, &node, now)?;
    if offer.held != Held::Shared {
        for origin in origins.iter().filter(|origin| **origin != node) {
            replicas.touch(&manifest.file(), origin, now)?;
        }
    }
    Ok(())
}

/// What of the offer is here already, what is wanted, and the room for it: as much as fits.
async fn choose(
    parts: &DistributorParts,
    replicas: &Replicas,
    manifest: &Arc<Manifest>,
    node: NodeId,
    chunks: &[u32],
) -> Result<(HaveSet, HaveSet, Reservation), End> {
    let (replicas, manifest, chunks) = (replicas.clone(), manifest.clone(), chunks.to_vec());
    // The accounts wait for a commit, and the disk for how much is free: not here.
    let chosen = blocking(move || {
        let have = replicas.have(&manifest.file())?;
        let have = have.unwrap_or_else(|| HaveSet::empty(manifest.len()));
        let count = chunks.len() as u32;
        let (mut kept, mut wanted) = (HaveSet::empty(count), HaveSet::empty(count));
        let lacking = |at: &&u32| !have.has(**at);
        let len = |at: &u32| u64::from(manifest.entries()[*at as usize].len);
        let gone = replicas.make_way(&node, chunks.iter().filter(lacking).map(len).sum())?;
        let (mut bytes, mut tight) = (0, false);
        for (at, &position) in (0..).zip(&chunks) {
            let len = u64::from(manifest.entries()[position as usize].len);
            if have.has(position) {
                kept.insert(at);
            } else if !tight && replicas.room_for(&node, bytes + len) {
                wanted.insert(at);
                bytes += len;
            } else {
                tight = true;
            }
        }
        Ok((kept, wanted, replicas.reserve(&node, bytes), tight, gone))
    });
    let (kept, wanted, reservation, tight, gone) = chosen.await?;
    parts.services.news.files(gone);
    if tight {
        parts.make_room();
    }
    let nothing = tight && wanted.count() == 0 && kept.count() == 0;
    match reservation {
        Some(reservation) if !nothing => Ok((kept, wanted, reservation)),
        _ => Err(End::Refused(PushRefusal::NoRoom)),
    }
}

/// Reads one chunk, verifies it and writes it. A peer that sends something else is dropped for
/// good.
async fn receive(
    parts: &DistributorParts,
    node: NodeId,
    manifest: &Arc<Manifest>,
    position: u32,
    stream: &mut Stream,
    mut reservation: Reservation,
) -> Result<Reservation, End> {
    let entry = manifest.entries()[position as usize];
    let buffer = read(parts, stream, entry.len as usize).await?;
    let file = manifest.file();
    let kept = spawn_blocking(move || match VerifiedChunk::check(entry.id, &buffer) {
        Ok(chunk) => Some(reservation.keep(&file, &[chunk]).map(|()| reservation)),
        Err(_) => None,
    });
    written(parts, node, kept.await.map_err(io::Error::other)?).await
}

/// So many bytes.
async fn read(parts: &DistributorParts, stream: &mut Stream, len: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; len];
    let body = async {
        let mut filled = 0;
        while filled < buffer.len() {
            match timeout(STALL, stream.read(&mut buffer[filled..])).await {
                Ok(read) => match read? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => {
                        filled += count;
                        let came = count as u64;
                        parts.services.copied_in.fetch_add(came, Ordering::Relaxed);
                        parts.services.download.take(count).await;
                    }
                },
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        Ok::<_, io::Error>(())
    };
    let whole = timeout(TRICKLE, body).await;
    whole.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(buffer)
}

/// What became of bytes that came: nothing, when they were not what they should be.
async fn written(
    parts: &DistributorParts,
    node: NodeId,
    written: Option<Result<Reservation, StoreError>>,
) -> Result<Reservation, End> {
    match written {
        Some(Ok(reservation)) => Ok(reservation),
        // Half of the round is lost with it: it is told by the end of the stream.
        Some(Err(error)) => Err(End::Broken(io::Error::other(error))),
        None => {
            let why = "it pushed bytes that are not what they should be".to_owned();
            parts.services.drop_peer(node, why).await;
            Err(End::Broken(io::ErrorKind::InvalidData.into()))
        }
    }
}
