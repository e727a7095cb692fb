//! What the actor is told, and what it is asked that has to wait or changes something.
//!
//! Plain data, so that those who ask need not know the actor, nor one another. What can be read at
//! once is asked of `swarm`.

use super::{
    api::{Gaps, Person, Status, WhoError},
    holdings::FollowerNews,
};
use crate::{
    core::{
        doctor::{Interface, Server},
        id::{FileId, NodeId},
        path::RelPath,
        via::Via,
    },
    wire::control::Offer,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What front ends and jobs tell and ask.
pub enum Command {
    Status(oneshot::Sender<Status>),
    /// Answered once every catalog is here and nobody new has come for a while, or at the deadline.
    Settled(Instant, oneshot::Sender<()>),
    /// Answered once everything that the others offer is known, or waiting (so long, at least) does
    /// not help.
    AwaitOffers((Duration, bool), oneshot::Sender<Gaps>),
    /// Answered once everything is taken in that was told before, by the network, too.
    CaughtUp(oneshot::Sender<()>),
    /// The jobs are to look again who has what.
    Wake,
    /// A download is about these contents: who has them is asked of those who did not tell all that
    /// they offer.
    LookFor(Vec<FileId>),
    /// Those who follow a download are to hear what came of it, by requests.
    Tell(FollowerNews),
    /// Names are offered, changed or (with `None`) withdrawn.
    Offers(Vec<(RelPath, FileId, Option<Offer>)>),
    /// The same for what is kept for the swarm: it shows when nothing better goes by that name.
    OfferReplicas(Vec<(RelPath, FileId, Option<Offer>)>),
    /// Who is it, with `true` among people of LocalSend, too? A new key is taken and remembered.
    Trust(String, bool, oneshot::Sender<Result<Person, WhoError>>),
    /// Somebody of LocalSend is here, calls themselves so, and is there.
    Neighbour(NodeId, String, SocketAddr),
    /// They are not heard any more.
    NeighbourGone(NodeId),
    /// Something was sent to it by a person: it is remembered before others.
    Met(NodeId, oneshot::Sender<()>),
    /// From now on this name means this key; with `true`, in place of one that was known.
    Add(String, NodeId, bool, oneshot::Sender<Result<(), NodeId>>),
    /// What is known of the networks.
    Examine(oneshot::Sender<Seen>),
    /// There is no straight path to a peer (`None`), or now there is.
    PathNews(NodeId, Option<Via>),
    /// A peer sent what it should not: no more of it. Answered once it is no source any more.
    Drop(NodeId, String, oneshot::Sender<()>),
    /// This node is called so from now on.
    Rename(String, oneshot::Sender<()>),
    /// Whether it keeps copies for others from now on.
    Keeps(bool),
    /// A hidden node shows itself from now on.
    Appear,
    /// Goodbye.
    Leave(oneshot::Sender<()>),
}

/// What the actor knows of the networks.
#[derive(Default)]
pub struct Seen {
    pub interfaces: Vec<Interface>,
    pub discovery_port: u16,
    pub found: Vec<IpAddr>,
    pub servers: BTreeMap<NodeId, Server>,
    /// Connected peers, and whether by relay.
    pub peers: Vec<(NodeId, String, Via)>,
}
