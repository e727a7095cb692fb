//! One push: chunks of a file are offered to a node, and those that it wants are sent.
//!
//! Invariants: one chunk is in memory at a time; nothing is sent that was not wanted; it ends
//! within a bounded time whatever the other side does.

use super::{DistributorParts, traffic::Traffic};
use crate::{
    core::{
        have::HaveSet,
        id::{FileId, NodeId},
        manifest::Manifest,
        placement,
    },
    net::Stream,
    wire::{
        chunk::invalid,
        distribute::{self, Answer, Kept, MAX_ORIGINS, Offered, PushRefusal},
    },
};
use futures::AsyncWriteExt;
use std::{io, sync::atomic::Ordering, time::Duration};
use tokio::time::timeout;

/// For an answer: the other side may have to fetch the manifest first.
const ANSWER: Duration = Duration::from_secs(30);
/// Without a byte taken for so long, the other side is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// For making it last, at the other side.
const KEEP: Duration = Duration::from_secs(60);
/// Bytes written between two looks at the clock.
const PIECE: usize = 64 << 10;

/// What is to be pushed.
pub struct Push {
    pub file: FileId,
    pub node: NodeId,
    pub origins: Vec<NodeId>,
    pub chunks: Vec<u32>,
}

/// Does it; the event that comes back ends it.
pub async fn push(
    parts: &DistributorParts,
    traffic: &Traffic,
    push: Push,
) -> placement::PlacementEvent {
    let (file, node) = (push.file, push.node);
    match attempt(parts, traffic, push).await {
        Ok(Ok(chunks)) => placement::PlacementEvent::Kept { file, node, chunks },
        Ok(Err(why)) => placement::PlacementEvent::Refused {
            file,
            node,
            why: match why {
                PushRefusal::Off => placement::PlacementRefusal::Off,
                PushRefusal::NoRoom => placement::PlacementRefusal::NoRoom,
                PushRefusal::Busy | PushRefusal::Unknown => placement::PlacementRefusal::Busy,
            },
        },
        Err(error) => {
            tracing::debug!(peer = %node.short(), %error, "a push broke off");
            placement::PlacementEvent::Failed { file, node }
        }
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, work)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn attempt(
    parts: &DistributorParts,
    traffic: &Traffic,
    push: Push,
) -> io::Result<Result<Vec<u32>, PushRefusal>> {
    let services = &parts.services;
    let (index, file) = (services.index.clone(), push.file);
    let manifest = tokio::task::spawn_blocking(move || index.manifest(&file)).await?;
    let manifest = manifest.map_err(io::Error::other)?;
    let manifest = manifest.ok_or_else(|| io::Error::other("its manifest is gone"))?;
    let stream = services
        .net
        .stream(push.node, crate::wire::distribute::PROTOCOL)
        .await;
    let mut stream = stream.map_err(io::Error::other)?;
    let Push {
        mut origins,
        chunks,
        ..
    } = push;
    origins.truncate(MAX_ORIGINS);
    let count = chunks.len() as u32;
    let offered = Offered {
        file,
        origins,
        chunks,
    };
    let question = async {
        distribute::write(&mut stream, &offered).await?;
        stream.flush().await
    };
    within(STUCK, question).await?;
    let bits = match within(ANSWER, distribute::read(&mut stream)).await? {
        Some(Answer::Want(bits)) => bits,
        Some(Answer::Refuse(why)) => return Ok(Err(why)),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    let wanted = HaveSet::from_bytes(&bits, count).ok_or_else(|| invalid("bits out of bounds"))?;
    if wanted.count() > 0 {
        let (to, file) = (push.node.short(), file.short());
        tracing::info!("copying {} chunks of {file} to {to}", wanted.count());
    }
    let mut buffer = Vec::new();
    for at in wanted.iter() {
        traffic.give_way().await;
        buffer = send(
            parts,
            &manifest,
            offered.chunks[at as usize],
            &mut stream,
            buffer,
        )
        .await?;
    }
    within(STUCK, stream.flush()).await?;
    let Some(Kept { bits }) = within(KEEP, distribute::read(&mut stream)).await? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let kept = HaveSet::from_bytes(&bits, count).ok_or_else(|| invalid("bits out of bounds"))?;
    let _ = within(STUCK, stream.close()).await; // What matters is done.
    Ok(Ok(kept
        .iter()
        .map(|at| offered.chunks[at as usize])
        .collect()))
}

/// Reads one chunk and writes it; gives the buffer back.
async fn send(
    parts: &DistributorParts,
    manifest: &Manifest,
    position: u32,
    stream: &mut Stream,
    mut buffer: Vec<u8>,
) -> io::Result<Vec<u8>> {
    let id = manifest.entries()[position as usize].id;
    let reader = parts.services.reader.clone();
    let read = tokio::task::spawn_blocking(move || {
        let found = reader.read(&id, &mut buffer)?;
        Ok::<_, crate::store::StoreError>(found.then_some(buffer))
    });
    let buffer = read.await?.map_err(io::Error::other)?;
    let buffer = buffer.ok_or_else(|| io::Error::other("a chunk is no longer here"))?;
    for piece in buffer.chunks(parts.services.upload.piece().min(PIECE)) {
        parts.services.upload.take(piece.len()).await;
        within(STUCK, stream.write_all(piece)).await?;
        let sent = piece.len() as u64;
        parts.services.copied_out.fetch_add(sent, Ordering::Relaxed);
    }
    Ok(buffer)
}
