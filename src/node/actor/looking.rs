//! Those who want to know what there is, and what of it is still on its way.
//!
//! How long they wait is decided by `core::patience`.

use super::Actor;
use crate::{
    core::patience::{Patience, Sight, Verdict},
    node::{
        api::{Gap, Gaps, Missing, Owner},
        peers::{Question, Resolution},
    },
};
use std::time::Duration;
use tokio::sync::oneshot;

/// Somebody who waits for what the others offer.
pub struct Looker {
    patience: Patience,
    reply: oneshot::Sender<Gaps>,
}

impl Actor {
    pub(super) fn look(&mut self, wait: Duration, reply: oneshot::Sender<Gaps>) {
        let patience = Patience::new(wait, self.now());
        self.looking.push(Looker { patience, reply });
    }

    pub(super) fn answer_those_who_look(&mut self) {
        if self.looking.is_empty() {
            return;
        }
        let (sight, now) = (self.sight(true), self.now());
        let mut looking = std::mem::take(&mut self.looking);
        let done = looking.extract_if(.., |looker| {
            looker.reply.is_closed()
                || looker.patience.look(&sight, sight.here == 0, now) != Verdict::Wait
        });
        for looker in done {
            let _ = looker.reply.send(self.gaps(true));
        }
        self.looking = looking;
    }

    /// Whether all who were heard of are here and told what they offer.
    pub(super) fn everybody_told(&self) -> bool {
        let sight = Sight {
            reading: 0,
            failing: 0,
            ..self.sight(false)
        };
        sight.is_settled()
    }

    /// What is known of the others; with `own`, this node's own folder counts, too.
    fn sight(&self, own: bool) -> Sight {
        let mut sight = self.peers.sight(self.now());
        sight.expected = self.membership.expected().count() as u32;
        // Whoever was heard of, here or at a server, may be here in a moment.
        sight.hoping = self.membership.expects_somebody()
            || self.exchange.expects_answers(self.now())
            || self.parts.context.meeting.expects_somebody();
        sight.reading += u32::from(own && self.scanning.is_some());
        sight
    }

    /// What is not known; with `own`, of this node's own folder, too.
    pub(super) fn gaps(&self, own: bool) -> Gaps {
        let mut gaps = self.peers.gaps();
        let expected = self.membership.expected().map(|(node, name)| Gap {
            node: Owner {
                node,
                name: if name.is_empty() {
                    node.short()
                } else {
                    name.to_owned()
                },
            },
            known: 0,
            why: Missing::Connection,
        });
        gaps.catalogs.extend(expected);
        if let Some(scan) = self.scanning.filter(|_| own) {
            let me = Owner {
                node: self.parts.context.net.node(),
                name: self.parts.name.clone(),
            };
            gaps.scanning.push((me, scan));
        }
        let key = |owner: &Owner| (owner.name.clone(), owner.node);
        gaps.catalogs.sort_by_key(|gap| key(&gap.node));
        gaps.scanning.sort_by_key(|(node, _)| key(node));
        gaps
    }

    pub(super) fn resolve(&self, question: &Question) -> Resolution {
        let mut from = None;
        if let Some(who) = &question.from {
            match self.people().find(who, &self.peers.named(), false) {
                Ok(node) => from = Some(node),
                Err(why) => {
                    return Resolution {
                        missing: question.what.clone(),
                        sight: self.sight(false),
                        who: Some(why),
                        ..Resolution::default()
                    };
                }
            }
        }
        let now = self.now();
        let mut resolution = self.peers.resolve(&self.catalog, question, from, now);
        resolution.sight = self.sight(false);
        resolution
    }
}
