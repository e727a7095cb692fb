//! The task that answers requests about files: who has which chunks, and manifests.
//!
//! Invariants: the task itself only looks into memory; what needs the index runs on blocking
//! threads, a bounded number at a time. The actor knows nothing of it.

use super::{holdings::Way, services::Services};
use crate::{
    core::{
        have::HaveSet,
        id::{FileId, NodeId},
    },
    net::{Asked, Reply},
    store::{ChunkReader, Replicas},
    wire::{
        MAX_MANIFESTS, MAX_RESPONSE,
        control::{Have, ManifestHead, Request, Response},
        manifest::Root,
    },
};
use serde_bytes::ByteBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Takes requests until the node stops.
pub async fn run(services: Services, mut inbox: mpsc::Receiver<Asked>, stop: CancellationToken) {
    while let Some(Some(asked)) = stop.run_until_cancelled(inbox.recv()).await {
        // What it asks may be news of it.
        services.greet(&asked.node).await;
        take(&services, asked);
    }
}

/// Answers what can be answered from memory; the rest goes to a blocking thread.
fn take(services: &Services, asked: Asked) {
    let Asked {
        node,
        request,
        reply,
    } = asked;
    let partials = match &request {
        Request::Held { file, chunks } => {
            services.heard(node, *file, Arc::new(chunks.clone()));
            return reply.send(Response::Done);
        }
        Request::Have {
            file,
            follow,
            stream,
        } => {
            let way = if *stream { Way::Stream } else { Way::Request };
            let partial = partial(services, *file, node, follow.then_some(way));
            if *follow && matches!(partial, Partial::Some(_)) {
                // Who wants to hear of it downloads it, too: the job need not wait for its catalog.
                services.heard(node, *file, Arc::default());
            }
            vec![partial]
        }
        Request::Haves { files } => {
            let partials = files
                .iter()
                .map(|&file| partial(services, file, node, None));
            partials.collect()
        }
        _ => Vec::new(),
    };
    answer(services, node, request, partials, reply);
}

/// What memory tells of a file that somebody asks about.
fn partial(services: &Services, file: FileId, node: NodeId, follow: Option<Way>) -> Partial {
    if services.swarm.has_whole(file) {
        return Partial::Whole;
    }
    if !services.may_follow(file, node) {
        return Partial::Nothing;
    }
    let have = services.holdings.answer(file, node, follow);
    have.map_or(Partial::Nothing, Partial::Some)
}

/// What memory tells of a file.
enum Partial {
    /// All of it is here.
    Whole,
    /// It is being downloaded.
    Some(Have),
    /// Nothing.
    Nothing,
}

/// Answers `request` of `node` from the disk, in a task of its own; for each file of a `Have` or
/// `Haves`, memory was asked first. What is private is missing for a node that was not granted it.
fn answer(
    services: &Services,
    node: NodeId,
    request: Request,
    partials: Vec<Partial>,
    reply: Reply,
) {
    let Ok(place) = Arc::clone(&services.lookups.0).try_acquire_owned() else {
        return reply.send(Response::Busy);
    };
    let (reader, replicas) = (
        services.reader.on_behalf_of(node),
        services.replicas.clone(),
    );
    tokio::task::spawn_blocking(move || {
        let _place = place;
        reply.send(look_up(&reader, replicas.as_ref(), request, partials));
    });
}

/// What is here of a file: what came of a download, and what is kept for the swarm.
fn have(
    reader: &ChunkReader,
    replicas: Option<&Replicas>,
    file: &FileId,
    partial: Partial,
) -> Option<Have> {
    let index = reader.index();
    if !reader.may_see(file).unwrap_or(false) {
        return None;
    }
    let whole = || {
        let root = index.root(file).ok().flatten()?;
        let chunks = Root::decode(*file, &root).ok()?.chunks;
        Some(Have::whole(chunks))
    };
    let partial = match partial {
        Partial::Whole if still_here(reader, replicas, file) => return whole(),
        // What people gave one another is in no catalog.
        Partial::Nothing
            if reader.grants().is_hidden(file)
                && index.files_of(file).is_ok_and(|files| !files.is_empty()) =>
        {
            return whole();
        }
        Partial::Some(have) => Some(have),
        Partial::Whole | Partial::Nothing => None,
    };
    let Some(kept) = kept(replicas, file) else {
        return partial;
    };
    let mut have = Have::part(&kept);
    if let Some(partial) = partial.filter(|partial| partial.bits.len() == have.bits.len()) {
        for (bit, more) in have.bits.iter_mut().zip(partial.bits.iter()) {
            *bit |= more;
        }
    }
    Some(have)
}

/// Which chunks of a file are kept for the swarm, as far as a look tells.
fn kept(replicas: Option<&Replicas>, file: &FileId) -> Option<HaveSet> {
    let replicas = replicas?;
    if let Err(error) = replicas.verify(file) {
        tracing::debug!(%error, file = %file.short(), "what is kept cannot be looked at");
    }
    replicas.have(file).ok().flatten()
}

/// Whether a file that is offered as a whole is here, as far as a look tells: the node that asks
/// may be about to leave because of it.
fn still_here(reader: &ChunkReader, replicas: Option<&Replicas>, file: &FileId) -> bool {
    reader.still_here(file).unwrap_or(false)
        || kept(replicas, file).is_some_and(|have| have.is_full())
}

fn look_up(
    reader: &ChunkReader,
    replicas: Option<&Replicas>,
    request: Request,
    partials: Vec<Partial>,
) -> Response {
    let index = reader.index();
    match request {
        Request::Manifests { files } => {
            let mut heads = Vec::new();
            let mut left = MAX_RESPONSE - 1024;
            for file in files.into_iter().take(MAX_MANIFESTS) {
                let seen = reader.may_see(&file).unwrap_or(false);
                let root = index.root(&file).ok().flatten().filter(|_| seen);
                let root = root.unwrap_or_default();
                let single = Root::decode(file, &root).is_ok_and(|root| root.pages.len() == 1);
                let page = single
                    .then(|| index.page(&file, 0).ok().flatten())
                    .flatten();
                let size = root.len() + page.as_ref().map_or(0, Vec::len) + 64;
                let Some(rest) = left.checked_sub(size) else {
                    break;
                };
                left = rest;
                heads.push(ManifestHead {
                    file,
                    root: ByteBuf::from(root),
                    page: page.map(ByteBuf::from),
                });
            }
            Response::Manifests(heads)
        }
        Request::Page { file, index: at } => match index.page(&file, at) {
            Ok(Some(page)) if reader.may_see(&file).unwrap_or(false) => {
                Response::Page(ByteBuf::from(page))
            }
            _ => Response::Missing,
        },
        Request::Have { file, .. } => {
            let partial = partials.into_iter().next().unwrap_or(Partial::Nothing);
            have(reader, replicas, &file, partial).map_or(Response::Missing, Response::Have)
        }
        Request::Haves { files } => {
            let mut left = MAX_RESPONSE - 1024;
            let mut haves = Vec::new();
            for (file, partial) in files.iter().zip(partials) {
                let have = have(reader, replicas, file, partial);
                let size = 32 + have.as_ref().map_or(0, |have| have.bits.len());
                let Some(rest) = left.checked_sub(size) else {
                    break;
                };
                left = rest;
                haves.push(have);
            }
            Response::Haves(haves)
        }
        Request::Chunks { ids } => match reader.has(&ids) {
            Ok(have) => Response::Chunks(ByteBuf::from(have.to_bytes())),
            Err(_) => Response::Missing,
        },
        _ => Response::Missing,
    }
}
