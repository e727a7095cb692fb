//! The protocols that this node speaks on streams, and the loops that hand each stream to its task.
//!
//! To add one: its lines in [`Inboxes`], and what takes its streams. Nothing else in `node` or
//! `net` needs to know.

use super::{
    chat::Door,
    consent::Consent,
    distribute::{DistributorParts, accept},
    pair::Pairings,
    requests,
    serve::Server,
    services::Services,
};
use crate::{
    net::{Asked, Inbound, Router},
    wire::{chat, chunk, consent, distribute, pairing},
};
use futures::{FutureExt as _, future::BoxFuture};
use std::future::Future;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What takes the streams that come in.
pub struct Takers {
    pub services: Services,
    pub server: Server,
    /// `None` in a node that only looks or fetches.
    pub pushes: Option<DistributorParts>,
    pub door: Door,
    pub consent: Consent,
    pub pairings: Pairings,
}

/// Where the streams of each protocol come out.
pub struct Inboxes {
    /// Chunks that others ask for.
    pub chunks: mpsc::Receiver<Inbound>,
    /// Chunks that others want kept.
    pub pushes: mpsc::Receiver<Inbound>,
    /// Messages.
    pub chats: mpsc::Receiver<Inbound>,
    /// Proofs that two nodes have paired.
    pub proofs: mpsc::Receiver<Inbound>,
    /// Pairing with a node that is not near.
    pub pairing: mpsc::Receiver<Inbound>,
    /// Asks to send something.
    pub asks: mpsc::Receiver<Inbound>,
    /// Requests about files.
    pub requests: mpsc::Receiver<Asked>,
}

/// The protocols with streams of their own, for those who ask what this node speaks.
pub const NAMES: [&str; 6] = [
    chunk::PROTOCOL.name,
    distribute::PROTOCOL.name,
    chat::PROTOCOL.name,
    pairing::PROTOCOL.name,
    pairing::TALK_PROTOCOL.name,
    consent::PROTOCOL.name,
];

impl Inboxes {
    /// Names each protocol to the network.
    pub fn register(router: &mut Router) -> Self {
        Self {
            chunks: router.register(chunk::PROTOCOL),
            pushes: router.register(distribute::PROTOCOL),
            chats: router.register(chat::PROTOCOL),
            proofs: router.register(pairing::PROTOCOL),
            pairing: router.register(pairing::TALK_PROTOCOL),
            asks: router.register(consent::PROTOCOL),
            requests: router.requests(),
        }
    }

    /// Which task takes the streams of which protocol.
    pub fn take_all(self, stop: &CancellationToken, to: Takers) {
        let Takers {
            services,
            server,
            pushes,
            door,
            consent,
            pairings,
        } = to;
        take(self.chunks, stop, move |one| {
            server.clone().serve(one.node, one.stream)
        });
        take(
            self.pushes,
            stop,
            greeted(&services, move |one| {
                // A server carries only what a person asked for.
                let parts = pushes.clone().filter(|_| !one.relayed);
                async move {
                    if let Some(parts) = parts {
                        accept(parts, one.node, one.stream).await;
                    }
                }
            }),
        );
        let chat = move |one: Inbound| door.clone().accept(one.node, one.stream);
        take(self.chats, stop, greeted(&services, chat));
        let ask = move |one: Inbound| consent.clone().take(one.node, one.stream);
        take(self.asks, stop, greeted(&services, ask));
        tokio::spawn(requests::run(services, self.requests, stop.clone()));
        let proven = pairings.clone();
        take(self.proofs, stop, move |one| {
            proven.accept(one.node, one.stream);
            std::future::ready(())
        });
        take(self.pairing, stop, move |one| {
            pairings.listen(one.node, one.stream);
            std::future::ready(())
        });
    }
}

/// For a task that asks who the peer is.
fn greeted<F>(
    services: &Services,
    task: impl Fn(Inbound) -> F + Send + 'static,
) -> impl Fn(Inbound) -> BoxFuture<'static, ()> + Send + 'static
where
    F: Future<Output = ()> + Send + 'static,
{
    let services = services.clone();
    move |one| {
        let (services, node) = (services.clone(), one.node);
        let run = task(one);
        let greeted = async move {
            services.greet(&node).await;
            run.await;
        };
        greeted.boxed()
    }
}

/// Gives each stream to a task of its own, until the node stops.
fn take<F>(
    mut inbox: mpsc::Receiver<Inbound>,
    stop: &CancellationToken,
    task: impl Fn(Inbound) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = stop.clone();
    tokio::spawn(async move {
        while let Some(Some(inbound)) = stop.run_until_cancelled(inbox.recv()).await {
            tokio::spawn(task(inbound));
        }
    });
}
