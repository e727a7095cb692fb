//! Cards: what others offer, signed by them and passed on, so that in a crowd not everybody has to
//! be connected with everybody. Whom to ask is decided by `core::cards`.
//!
//! Invariants: a card is kept only of a peer, and goes with it; a catalog that is being asked for of
//! its node is not changed by a card meanwhile.

use super::{
    Actor, ActorParts, Note,
    compare::Comparing,
    told::{MAX_TOLD, Told, opened},
};
use crate::{
    core::{
        Now,
        cards::{CardAction, Cards, Version, Walk},
        id::NodeId,
        membership::MembershipEvent,
        via::Via,
    },
    net::RequestError,
    node::{
        api::NodeEvent,
        swarm::{Asking, Next, Position, State},
    },
    wire::{
        control::{Card, CardWanted, CatalogPage, Request, Response},
        signer::Signer,
    },
};
use std::{net::SocketAddr, time::Duration};
use tokio::task::spawn_blocking;

/// How much longer for each node it takes until all have asked one that has no card.
const SPREAD: Duration = Duration::from_millis(10);

fn wanted((node, (epoch, revision)): (NodeId, Version)) -> CardWanted {
    CardWanted {
        node,
        epoch,
        revision,
    }
}

/// What is kept for it.
pub struct Desk {
    pub(super) cards: Cards,
    pub(super) comparing: Comparing,
    me: NodeId,
    signer: Signer,
    /// This node's own card.
    own: Option<Card>,
}

impl Desk {
    pub fn new(parts: &ActorParts) -> Self {
        let me = parts.services.me;
        let mut seed = parts.services.swarm.turn().own.version().0;
        for byte in me.as_bytes() {
            seed = seed.rotate_left(8) ^ u64::from(*byte);
        }
        Self {
            cards: Cards::new(seed),
            comparing: Comparing::new(seed.rotate_left(31)),
            me,
            signer: parts.signer.clone(),
            own: None,
        }
    }

    pub fn next_tick(&self) -> Option<Now> {
        let compares = self.comparing.reconcile.next_tick();
        self.cards.next_tick().into_iter().chain(compares).min()
    }

    pub fn gone(&mut self, node: &NodeId) {
        self.cards.gone(node);
    }

    /// What others are told who ask for these.
    pub fn told_to(&mut self, swarm: &State, of: &[CardWanted]) -> Vec<Card> {
        let (mut cards, mut bytes) = (Vec::new(), 0);
        for wanted in of {
            let card = if wanted.node == self.me {
                Some(self.own(swarm))
            } else {
                swarm
                    .peers
                    .get(&wanted.node)
                    .and_then(|peer| peer.card.as_ref())
            };
            let known = (wanted.epoch, wanted.revision);
            let newer = card.filter(|card| card.version > known);
            if let Some(card) = newer.filter(|card| bytes + card.weight() <= MAX_TOLD) {
                bytes += card.weight();
                cards.push(card.clone());
            }
        }
        cards
    }

    fn own(&mut self, swarm: &State) -> &Card {
        let version = swarm.own.version();
        let known = self.own.take().filter(|card| card.version == version);
        let fresh = || Card::new(swarm.own.page(&Position::default()), &self.signer);
        let card = known.unwrap_or_else(fresh);
        self.own.insert(card)
    }
}

impl Actor {
    /// A peer says that its catalog is at that version.
    pub(super) fn catalog_news(&mut self, swarm: &mut State, node: NodeId, version: Version) {
        let peer = swarm.peers.get(&node);
        if !peer.is_some_and(|peer| peer.catalog.is_behind(version.0, version.1)) {
            return;
        }
        if swarm.membership.is_crowd() {
            self.want_card(swarm, node, version);
        } else {
            self.ask_catalog(swarm, node);
        }
    }

    /// A node was heard or connected: in a crowd its card is wanted, for this node and for others.
    pub(super) fn card_news(&mut self, swarm: &mut State, node: NodeId) {
        let Some(version) = swarm.membership.catalog_of(&node) else {
            return;
        };
        // Of one that rests only what is offered is of use here.
        let connected = swarm.membership.is_connected(&node);
        let known = swarm.peers.get(&node);
        let told = known.is_some_and(|peer| peer.catalog.version() == version);
        if (connected || !told) && swarm.membership.is_crowd() {
            self.want_card(swarm, node, version);
        }
    }

    fn want_card(&mut self, swarm: &State, node: NodeId, version: Version) {
        let spread = SPREAD.saturating_mul(swarm.membership.known() as u32);
        let connected = swarm.membership.is_connected(&node);
        let card = swarm.peers.get(&node).and_then(|peer| peer.card.as_ref());
        let news = (version, card.map_or((0, 0), |card| card.version));
        let cards = &mut self.cards.cards;
        cards.news(node, news, (connected, spread), swarm.now());
    }

    /// Asks for those that are due.
    pub(super) fn ask_for_cards(&mut self, swarm: &mut State) {
        self.compare(swarm);
        let now = swarm.now();
        if self.cards.cards.next_tick().is_none_or(|at| at > now) {
            return;
        }
        let membership = &swarm.membership;
        self.cards.cards.retain(|node| membership.knows(node), now);
        let connected: Vec<NodeId> = membership.connected().collect();
        for action in self.cards.cards.due(&connected, now) {
            self.card_action(swarm, action);
        }
    }

    fn card_action(&mut self, swarm: &mut State, action: CardAction) {
        let (teller, of) = match action {
            CardAction::Ask { teller, of } => (teller, of),
            CardAction::Everybody { teller } => {
                return self.ask_for_everybody(swarm, teller, Walk::new());
            }
            CardAction::Catalog { node } => return self.ask_catalog(swarm, node),
        };
        let asked: Vec<NodeId> = of.iter().map(|(node, _)| *node).collect();
        let request = Request::Cards {
            of: of.into_iter().map(wanted).collect(),
        };
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let told = match net.request(teller, request).await {
                Ok(Response::Cards { cards }) => {
                    let of = asked.clone();
                    let opening = spawn_blocking(move || opened(cards, Vec::new(), &of));
                    opening.await.unwrap_or(Told::Nothing)
                }
                // An earlier version closes the stream of a question that it does not know.
                Err(RequestError::Refused) => Told::Unable,
                _ => Told::Nothing,
            };
            let _ = notes.send(Note::Cards(teller, asked, told)).await;
        });
    }

    pub(super) fn cards_told(
        &mut self,
        swarm: &mut State,
        teller: NodeId,
        of: &[NodeId],
        told: Told,
    ) {
        let cards = &mut self.cards.cards;
        let next = match told {
            Told::Nothing => cards.untold(teller, of, false, swarm.now()),
            Told::Unable => cards.untold(teller, of, true, swarm.now()),
            Told::Cards(told, _) => {
                for (card, page) in told {
                    self.card_came(swarm, card, page, None);
                }
                self.cards.cards.told(teller, of, swarm.now())
            }
        };
        if let Some(action) = next {
            self.card_action(swarm, action);
        }
    }

    /// A card came, of a peer, or of a node that becomes one: it announces itself, or is `told`
    /// to do so at that address.
    pub(super) fn card_came(
        &mut self,
        swarm: &mut State,
        card: Card,
        page: CatalogPage,
        told: Option<(SocketAddr, Duration)>,
    ) {
        let (node, version) = (card.node, (page.epoch, page.revision));
        let (epoch, revision) = version;
        let signed = MembershipEvent::Signed {
            node,
            epoch,
            revision,
        };
        self.member(swarm, signed);
        let membership = &swarm.membership;
        let told = told.filter(|at| membership.may_introduce(&node, *at, page.epoch));
        let stranger = !swarm.peers.is_here(&node);
        if stranger {
            let Some(address) = membership.may_vouch(&node).or(told.map(|it| it.0)) else {
                return;
            };
            let (name, now) = (page.name.clone(), swarm.now());
            self.parts.services.meeting.here(node, Via::Lan);
            swarm.peers.connected(node, name, address, Via::Lan, now);
        }
        let large = page.more;
        if large {
            self.cards.cards.large(node, version);
        } else {
            self.cards.cards.came(node, version);
        }
        swarm.peers.keep_card(card);
        let Some(peer) = swarm.peers.get_mut(&node) else {
            return;
        };
        let newer = peer.catalog.version() < version;
        let takes = (stranger || newer && peer.asking == Asking::No) && !large;
        let name = page.name.clone();
        let (mut changed, mut freed) = (false, false);
        peer.acquainted = true;
        if takes {
            let names = page.entries.len();
            (peer.failed, peer.failures) = (false, 0);
            let Some(applied) = swarm.peers.take_in(&node, page) else {
                return;
            };
            (changed, freed) = (applied.changed, applied.freed);
            let news = &self.parts.services.news;
            news.files(applied.files);
            if changed {
                news.came(node);
            }
            swarm.peers.told(names);
            if applied.next != Next::Nothing {
                self.ask_catalog(swarm, node);
            }
        }
        if stranger {
            let event = match told {
                Some((address, age)) => MembershipEvent::Introduced {
                    node,
                    address,
                    epoch,
                    revision,
                    age,
                },
                None => MembershipEvent::Vouched { node },
            };
            self.member(swarm, event);
        }
        if large && newer {
            self.ask_catalog(swarm, node);
        }
        if freed {
            self.read_on(swarm);
        }
        self.introduce(swarm, node, Some(&name));
        if changed {
            self.wake_jobs();
            self.tell(NodeEvent::CatalogChanged { node });
        }
    }
}
