//! What the actor is asked and told.
//!
//! Plain data, so that those who ask need not know the actor, nor one another.

use super::{
    api::{Gaps, Listing, PeerInfo, Person, Status, WhoError},
    knowledge::Replica,
    peers::{Owned, Question, Resolution, Source},
    swarm::survey::Survey,
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
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What front ends and jobs ask.
pub enum Command {
    List(Option<String>, oneshot::Sender<Vec<Listing>>),
    Peers(oneshot::Sender<Vec<PeerInfo>>),
    Status(oneshot::Sender<Status>),
    /// Answered once every catalog is here and nobody new has come for a while, or at the deadline.
    Settled(Instant, oneshot::Sender<()>),
    /// Answered once everything that the others offer is known, or waiting (so long, at least) does not help.
    Look(Duration, oneshot::Sender<Gaps>),
    /// Who has not told all that they offer?
    Gaps(oneshot::Sender<Gaps>),
    /// What do these words mean now?
    Resolve(Question, oneshot::Sender<Resolution>),
    /// Who has (some of) these files?
    Sources(Vec<FileId>, oneshot::Sender<Vec<Vec<Source>>>),
    /// Which of these nodes are here?
    Present(Vec<NodeId>, oneshot::Sender<Vec<Source>>),
    /// The jobs are to look again who has what.
    Wake,
    /// Names are offered, changed or (with `None`) withdrawn.
    Offers(Vec<(RelPath, FileId, Option<Offer>)>),
    /// The same for what is kept for the swarm: it shows when nothing better goes by that name.
    OfferReplica(RelPath, FileId, Option<Offer>),
    /// What do those who are here share by these names, and does anybody have all of these contents?
    Owned(Vec<(String, FileId)>, oneshot::Sender<Owned>),
    /// Who has another version of these names?
    Versions(Vec<(RelPath, FileId)>, oneshot::Sender<Vec<Vec<Source>>>),
    /// Who has these files, and who is here?
    Survey(Vec<FileId>, oneshot::Sender<Survey>),
    /// All files of the shared folder.
    Shared(oneshot::Sender<Vec<FileId>>),
    /// What a peer offers a file as, and whether all of it is here.
    OfferOf(
        NodeId,
        FileId,
        oneshot::Sender<Option<(RelPath, Offer, bool)>>,
    ),
    /// Where a peer is, and whether the user dealt with it.
    Standing(NodeId, oneshot::Sender<Option<(IpAddr, bool)>>),
    /// The peers that keep a part of these files.
    Keepers(Vec<FileId>, oneshot::Sender<Vec<Replica>>),
    /// About people: who is meant, and what is remembered of them.
    People(PeopleAsk),
    /// What is known of the networks.
    Examine(oneshot::Sender<Seen>),
    /// There is no straight path to a peer (`None`), or now there is.
    PathNews(NodeId, Option<Via>),
    /// A peer sent what it should not: no more of it.
    Drop(NodeId, String),
    /// A hidden node shows itself from now on.
    Appear,
    /// Goodbye.
    Leave(oneshot::Sender<()>),
}

/// What is asked about people.
pub enum PeopleAsk {
    /// Who is it? With `true`, a new key is taken and remembered.
    Find(String, bool, oneshot::Sender<Found>),
    /// Does any of these words mean this one, who goes by this name?
    Means(Vec<String>, Person, oneshot::Sender<bool>),
    /// What is a node called, and was another key known for that name? `None` when it is not here.
    Named(NodeId, oneshot::Sender<Option<(String, bool)>>),
    /// Something was sent to it by a person: it is remembered before others.
    Met(NodeId),
    /// By which name was this key added?
    Added(NodeId, oneshot::Sender<Option<String>>),
    /// From now on this name means this key; with `true`, in place of one that was known.
    Add(String, NodeId, bool, oneshot::Sender<Result<(), NodeId>>),
    /// The key that is remembered for a name.
    Known(String, oneshot::Sender<Option<NodeId>>),
}

/// Whom a word means, as one look shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Among those who are here.
    pub who: Result<Person, WhoError>,
    /// It means somebody who announced themselves and is not connected yet.
    pub coming: bool,
}

impl Found {
    /// Nobody, and nobody is expected.
    pub const NOBODY: Self = Self {
        who: Err(WhoError::Nobody),
        coming: false,
    };
}

/// What the actor knows when it is asked.
#[derive(Default)]
pub struct Seen {
    pub interfaces: Vec<Interface>,
    pub discovery_port: u16,
    pub found: Vec<IpAddr>,
    pub servers: BTreeMap<NodeId, Server>,
    /// Connected peers, and whether by relay.
    pub peers: Vec<(NodeId, String, Via)>,
}
