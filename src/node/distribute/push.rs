//! The pushes of one batch: chunks of files are offered to a node, and those that it wants are sent.
//!
//! Invariants: one chunk is in memory at a time, or a few small ones; nothing is sent that was not
//! wanted; it ends within a bounded time whatever the other side does.

use super::{orders::DistributorParts, traffic::Traffic};
use crate::{
    core::{
        have::HaveSet,
        id::{ChunkId, FileId, NodeId},
        manifest::Manifest,
        placement::{self, PlacementEvent, PlacementRefusal},
    },
    net::Stream,
    wire::{
        chunk::invalid,
        distribute::{self, Answer, Kept, MAX_ORIGINS, More, Offered, PushRefusal},
    },
};
use futures::AsyncWriteExt;
use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::timeout;

/// For an answer: the other side may have to fetch the manifest first.
const ANSWER: Duration = Duration::from_secs(30);
/// Without a byte taken for so long, the other side is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// For making it last, at the other side.
const KEEP: Duration = Duration::from_secs(60);
/// Bytes written between two looks at the clock.
const PIECE: usize = 64 << 10;

/// Bytes of chunks that are read from the disk together; a larger chunk alone.
const GROUP: usize = 256 << 10;

// What the placement puts together fits one offer.
const _: () = assert!(
    placement::MAX_BATCH <= distribute::MAX_FILES
        && placement::MAX_BATCH_CHUNKS as usize <= distribute::MAX_OFFERED
        && placement::MAX_PUSH_CHUNKS <= distribute::MAX_OFFERED
);

/// Chunks of one file.
type Part = (FileId, Vec<u32>);

/// What is to be pushed to one node: what has the same origins together.
pub struct Push {
    pub node: NodeId,
    pub rounds: Vec<(Vec<NodeId>, Vec<Part>)>,
}

/// What came of each file that was answered.
type Answered = HashMap<FileId, Result<Vec<u32>, PushRefusal>>;

/// Does it; gives the event that ends the push of each file.
pub async fn push(parts: &DistributorParts, traffic: &Traffic, push: Push) -> Vec<PlacementEvent> {
    let node = push.node;
    let files = push.rounds.iter().flat_map(|(_, files)| files);
    let files: Vec<FileId> = files.map(|&(file, _)| file).collect();
    let mut answered = Answered::new();
    if let Err(error) = attempt(parts, traffic, push, &mut answered).await {
        tracing::debug!(peer = %node.short(), %error, "a push broke off");
    }
    let end = |file| match answered.remove(&file) {
        Some(Ok(chunks)) => PlacementEvent::Kept { file, node, chunks },
        Some(Err(why)) => PlacementEvent::Refused {
            file,
            node,
            why: match why {
                PushRefusal::Off => PlacementRefusal::Off,
                PushRefusal::NoRoom => PlacementRefusal::NoRoom,
                PushRefusal::Busy | PushRefusal::Unknown => PlacementRefusal::Busy,
            },
        },
        None => PlacementEvent::Failed { file, node },
    };
    files.into_iter().map(end).collect()
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
    answered: &mut Answered,
) -> io::Result<()> {
    let services = &parts.services;
    let stream = services.net.stream(push.node, distribute::PROTOCOL).await;
    let stream = stream.map_err(io::Error::other)?;
    let mut sender = Sender {
        parts,
        traffic,
        node: push.node,
        stream,
        buffer: Vec::new(),
    };
    for (mut origins, files) in push.rounds {
        origins.truncate(MAX_ORIGINS);
        let index = services.index.clone();
        let read = tokio::task::spawn_blocking(move || {
            let with = |(file, chunks)| {
                // One whose manifest is gone is withdrawn: others need not wait for it.
                let manifest = index.manifest(&file).ok().flatten()?;
                Some((Arc::new(manifest), chunks))
            };
            files.into_iter().filter_map(with).collect()
        });
        let files: Vec<(Arc<Manifest>, Vec<u32>)> = read.await?;
        if files.len() > 1 && sender.together(&origins, &files, answered).await? {
            continue;
        }
        for (manifest, chunks) in files {
            if answered.contains_key(&manifest.file()) {
                continue;
            }
            let kept = sender.one(&origins, &manifest, chunks).await?;
            let no_more = matches!(kept, Err(PushRefusal::Busy | PushRefusal::Off));
            answered.insert(manifest.file(), kept);
            if no_more {
                return Ok(());
            }
        }
    }
    let _ = within(STUCK, sender.stream.close()).await; // What matters is done.
    Ok(())
}

/// One end of a stream to a node.
struct Sender<'a> {
    parts: &'a DistributorParts,
    traffic: &'a Traffic,
    node: NodeId,
    stream: Stream,
    buffer: Vec<u8>,
}

impl Sender<'_> {
    /// Offers chunks of one file, and sends what is wanted.
    async fn one(
        &mut self,
        origins: &[NodeId],
        manifest: &Manifest,
        chunks: Vec<u32>,
    ) -> io::Result<Result<Vec<u32>, PushRefusal>> {
        let offered = Offered {
            file: manifest.file(),
            origins: origins.to_vec(),
            chunks,
            more: Vec::new(),
        };
        match self.ask(&offered).await? {
            Answer::Want(bits) => {
                let kept = self.give(&[manifest], &offered, &bits).await?;
                let kept = kept.into_iter().map(|(_, at)| at).collect();
                Ok(Ok(kept))
            }
            Answer::Refuse(why) => Ok(Err(why)),
            Answer::Each { .. } => Err(invalid("an answer for several files")),
        }
    }

    /// Offers chunks of several files at once, and sends what is wanted. False when the other side
    /// looked at the first alone: an older node, to which they are offered one by one.
    async fn together(
        &mut self,
        origins: &[NodeId],
        files: &[(Arc<Manifest>, Vec<u32>)],
        answered: &mut Answered,
    ) -> io::Result<bool> {
        let mut all = files
            .iter()
            .map(|(of, chunks)| More(of.file(), chunks.clone()));
        let Some(More(file, chunks)) = all.next() else {
            return Ok(true);
        };
        let offered = Offered {
            file,
            origins: origins.to_vec(),
            chunks,
            more: all.collect(),
        };
        let manifests: Vec<&Manifest> = files.iter().map(|(manifest, _)| &**manifest).collect();
        match self.ask(&offered).await? {
            Answer::Each { bits, refused } => {
                let kept = self.give(&manifests, &offered, &bits).await?;
                let mut by_file: HashMap<FileId, Vec<u32>> = HashMap::new();
                for (file, at) in kept {
                    by_file.entry(file).or_default().push(at);
                }
                let refused: HashMap<u32, PushRefusal> = refused.into_iter().collect();
                for (place, (file, _)) in (0..).zip(offered.files()) {
                    let kept = by_file.remove(&file).unwrap_or_default();
                    let why = refused.get(&place).filter(|_| kept.is_empty());
                    answered.insert(file, why.map_or(Ok(kept), |why| Err(*why)));
                }
                Ok(true)
            }
            Answer::Refuse(why @ (PushRefusal::Off | PushRefusal::Busy)) => {
                let files = offered.files().map(|(file, _)| (file, Err(why)));
                answered.extend(files);
                Ok(true)
            }
            Answer::Refuse(why) => {
                answered.insert(file, Err(why));
                Ok(false)
            }
            Answer::Want(bits) => {
                let first = Offered {
                    more: Vec::new(),
                    ..offered
                };
                let kept = self.give(&manifests[..1], &first, &bits).await?;
                answered.insert(file, Ok(kept.into_iter().map(|(_, at)| at).collect()));
                Ok(false)
            }
        }
    }

    async fn ask(&mut self, offered: &Offered) -> io::Result<Answer> {
        let question = async {
            distribute::write(&mut self.stream, offered).await?;
            self.stream.flush().await
        };
        within(STUCK, question).await?;
        let answer = within(ANSWER, distribute::read(&mut self.stream)).await?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends what is wanted of an offer of these files. Gives what is kept there.
    async fn give(
        &mut self,
        manifests: &[&Manifest],
        offered: &Offered,
        bits: &[u8],
    ) -> io::Result<Vec<(FileId, u32)>> {
        let each = offered.files().zip(manifests);
        let each = each.flat_map(|((file, chunks), manifest)| {
            chunks.iter().map(move |&at| (file, at, manifest))
        });
        let each: Vec<(FileId, u32, &&Manifest)> = each.collect();
        let count = each.len() as u32;
        let set = |bits: &[u8]| {
            HaveSet::from_bytes(bits, count).ok_or_else(|| invalid("bits out of bounds"))
        };
        let wanted = set(bits)?;
        if wanted.count() > 0 {
            let (to, files) = (self.node.short(), manifests.len());
            tracing::info!("copying {} chunks of {files} files to {to}", wanted.count());
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        for at in wanted.iter() {
            let (_, position, manifest) = each[at as usize];
            let entry = manifest.entries()[position as usize];
            bytes += entry.len as usize;
            if bytes > GROUP && !group.is_empty() {
                self.send(std::mem::take(&mut group)).await?;
                bytes = entry.len as usize;
            }
            group.push(entry.id);
        }
        if !group.is_empty() {
            self.send(group).await?;
        }
        within(STUCK, self.stream.flush()).await?;
        let Some(Kept { bits }) = within(KEEP, distribute::read(&mut self.stream)).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let kept = set(&bits)?;
        let kept = kept.iter().map(|at| each[at as usize]);
        Ok(kept.map(|(file, at, _)| (file, at)).collect())
    }

    /// Reads a few chunks and writes them.
    async fn send(&mut self, group: Vec<ChunkId>) -> io::Result<()> {
        self.traffic.give_way().await;
        let services = &self.parts.services;
        let (reader, mut buffer) = (services.reader.clone(), std::mem::take(&mut self.buffer));
        let read = tokio::task::spawn_blocking(move || {
            let (first, rest) = group.split_first()?;
            let mut chunk = Vec::new();
            let mut all = || {
                let mut found = reader.read(first, &mut buffer)?;
                for id in rest {
                    found = found && reader.read(id, &mut chunk)?;
                    buffer.extend_from_slice(&chunk);
                }
                Ok::<_, crate::store::StoreError>(found)
            };
            Some(all().map(|found| found.then_some(buffer)))
        });
        let Some(read) = read.await? else {
            return Ok(());
        };
        let buffer = read.map_err(io::Error::other)?;
        let buffer = buffer.ok_or_else(|| io::Error::other("a chunk is no longer here"))?;
        for piece in buffer.chunks(services.upload.piece().min(PIECE)) {
            services.upload.take(piece.len()).await;
            within(STUCK, self.stream.write_all(piece)).await?;
            let sent = piece.len() as u64;
            services.copied_out.fetch_add(sent, Ordering::Relaxed);
        }
        self.buffer = buffer;
        Ok(())
    }
}
