//! Answers to control requests that need the index: they run on blocking threads, a bounded number at a time.

use crate::{
    net::Reply,
    store::Index,
    wire::{
        MAX_MANIFESTS, MAX_RESPONSE,
        control::{Have, ManifestHead, Request, Response},
        manifest::Root,
    },
};
use serde_bytes::ByteBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Look-ups at a time; more are told to come back.
const MAX_LOOKUPS: usize = 64;
static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

struct Ticket;

impl Drop for Ticket {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers `request` from the index, in a task of its own.
pub fn answer(index: &Index, request: Request, reply: Reply) {
    if LOOKUPS.fetch_add(1, Ordering::Relaxed) >= MAX_LOOKUPS {
        drop(Ticket);
        return reply.send(Response::Busy);
    }
    let index = index.clone();
    tokio::task::spawn_blocking(move || {
        let _ticket = Ticket;
        reply.send(look_up(&index, request));
    });
}

fn look_up(index: &Index, request: Request) -> Response {
    match request {
        Request::Manifests { files } => {
            let mut heads = Vec::new();
            let mut left = MAX_RESPONSE - 1024;
            for file in files.into_iter().take(MAX_MANIFESTS) {
                let root = index.root(&file).ok().flatten().unwrap_or_default();
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
            Ok(Some(page)) => Response::Page(ByteBuf::from(page)),
            _ => Response::Missing,
        },
        Request::Have { file, .. } => match index
            .root(&file)
            .ok()
            .flatten()
            .map(|root| Root::decode(file, &root))
        {
            Some(Ok(root)) => Response::Have(Have {
                chunks: root.chunks,
                bits: ByteBuf::new(),
            }),
            _ => Response::Missing,
        },
        _ => Response::Missing,
    }
}
