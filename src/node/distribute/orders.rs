//! What the distributor is asked to do by the rest of the node, and what it needs for it.
//!
//! Invariant: the queue of orders is bounded; only who needs the answer waits for room in it.

use super::gate::Gate;
use crate::{
    core::id::NodeId,
    node::{
        api::{Copies, Safe, Settings},
        services::Services,
    },
};
use std::time::Duration;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// For what was kept to be offered, before the one that gave it hears that it is kept.
const SHOWN: Duration = Duration::from_secs(2);
/// Orders that wait.
const ORDERS: usize = 64;

/// What others want of it.
pub enum Order {
    /// How safe is it to leave, and on whose downloads does that rest?
    Safe(oneshot::Sender<(Safe, Vec<NodeId>)>),
    /// Something was refused for want of room.
    MakeRoom,
    /// Offer now what was kept, and say when that is done.
    Show(oneshot::Sender<()>),
}

/// What a node needs to give and to take replicas. Clones are handles to the same.
#[derive(Clone)]
pub struct DistributorParts {
    pub services: Services,
    pub gate: Gate,
    /// Whether it may keep any for others, if its quota has room.
    pub keeps: bool,
    pub copies: Copies,
    pub grace: Duration,
    pub orders: mpsc::Sender<Order>,
}

impl DistributorParts {
    /// Asks for room, without waiting for it.
    pub(super) fn make_room(&self) {
        let _ = self.orders.try_send(Order::MakeRoom); // Full: it was asked for already.
    }

    /// What was kept is offered from now on. To wait for it matters: a node that hears that a file is
    /// kept may leave at once, and a newcomer should find it here then.
    pub(super) async fn show(&self) {
        let (reply, shown) = oneshot::channel();
        let show = async {
            let _ = self.orders.send(Order::Show(reply)).await;
            let _ = shown.await;
        };
        let _ = timeout(SHOWN, show).await;
    }
}

/// The parts, and the queue that [`run`](super::run) empties.
#[must_use]
pub fn parts(
    services: &Services,
    keeps: bool,
    settings: &Settings,
) -> (DistributorParts, mpsc::Receiver<Order>) {
    let (orders, queue) = mpsc::channel(ORDERS);
    if let Some(replicas) = &services.replicas {
        let news = services.news.clone();
        replicas.on_lost(move |file, _| news.files([file]));
    }
    let parts = DistributorParts {
        services: services.clone(),
        gate: Gate::default(),
        keeps,
        copies: settings.replicas,
        grace: settings.replica_grace,
        orders,
    };
    (parts, queue)
}
