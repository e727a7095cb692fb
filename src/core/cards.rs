//! Whom to ask for the cards of others: what a node offers, signed by it, passed on by those who
//! have it.
//!
//! In a crowd few are connected with a node that has news, and all want to know them. Who is
//! connected asks that node; the others ask one of those with whom they are connected, and another
//! one a moment later, so that the news spread as an epidemic does (A. Demers and others, *Epidemic
//! algorithms for replicated database maintenance*, 1987: pull). Who still has none after some
//! rounds asks the node itself. Never checks a signature. Invariants: at most `MAX_ASKING`
//! questions are under way; a teller that lies or has no cards is asked no more; one node's news
//! cost a bounded number of questions, whatever it claims, and then the usual way of a catalog is
//! taken.

#[cfg(test)]
mod tests;

use super::{Now, chance::Chance, id::NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Nodes of which a card is asked for at once.
pub const MAX_WANTED: usize = 256;
/// Questions under way.
const MAX_ASKING: usize = 8;
/// Between two questions for the same card.
const ROUND: Duration = Duration::from_millis(200);
/// How soon is looked again while nobody is connected.
const NOBODY: Duration = Duration::from_millis(30);
/// So many of those who are connected are asked before the node itself is.
const ROUNDS: u32 = 12;
/// Between two questions for a card that even its node did not give, for want of an answer.
const PAUSE: Duration = Duration::from_secs(10);
/// Nodes that are remembered for having no cards.
const MAX_UNABLE: usize = 1024;

/// Which state of a catalog: its life, and the revision in that.
pub type Version = (u64, u64);

#[derive(Debug, Default)]
struct Known {
    /// What the card here says.
    card: Version,
    newest: Version,
    /// Its catalog is too large for a card.
    large: bool,
    rounds: u32,
    due: Option<Now>,
    /// Its node is being asked, when this was the newest.
    asked: Option<Version>,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CardAction {
    /// Ask `teller` for newer cards than these; [`Cards::told`] or [`Cards::untold`] is expected
    /// back.
    Ask {
        /// Whom; it may have to be connected first.
        teller: NodeId,
        /// Of whom, and which is known.
        of: Vec<(NodeId, Version)>,
    },
    /// Ask a node what changed in its catalog, as if there were no cards.
    Catalog {
        /// Which.
        node: NodeId,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Cards {
    chance: Chance,
    nodes: BTreeMap<NodeId, Known>,
    unable: BTreeSet<NodeId>,
    asking: usize,
}

impl Cards {
    /// Of nobody is anything known.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            nodes: BTreeMap::new(),
            unable: BTreeSet::new(),
            asking: 0,
        }
    }

    /// A node's catalog is at that version, by its own word. `connected`: it can be asked itself.
    /// `spread`: within that time all others should ask it, if they have to.
    pub fn news(
        &mut self,
        node: NodeId,
        version: Version,
        (connected, spread): (bool, Duration),
        now: Now,
    ) {
        let draw = self.chance.fraction();
        let unable = self.unable.contains(&node);
        let known = self.nodes.entry(node).or_default();
        let wait = if connected {
            Duration::ZERO
        } else if known.large || unable {
            spread.mul_f64(draw)
        } else {
            ROUND.mul_f64(draw)
        };
        // What nobody gave may be had now, of the node itself.
        let lacking = known.card < known.newest && known.due.is_none() && !known.large && !unable;
        if version < known.newest || (version == known.newest && !(lacking && connected)) {
            return;
        }
        (known.newest, known.rounds) = (version, 0);
        known.due.get_or_insert(now + wait);
    }

    /// Only these are known.
    pub fn retain(&mut self, known: impl Fn(&NodeId) -> bool) {
        self.nodes.retain(|node, _| known(node));
    }

    /// A node is known no more.
    pub fn gone(&mut self, node: &NodeId) {
        self.nodes.remove(node);
    }

    /// A card came that its node signed.
    pub fn came(&mut self, node: NodeId, version: Version) {
        let known = self.nodes.entry(node).or_default();
        known.card = known.card.max(version);
        known.newest = known.newest.max(version);
        known.large = false;
        if known.card == known.newest {
            (known.due, known.rounds) = (None, 0);
        }
    }

    /// The same of one whose catalog is too large for a card: its names are its own to tell.
    pub fn large(&mut self, node: NodeId, version: Version) {
        self.came(node, version);
        if let Some(known) = self.nodes.get_mut(&node) {
            known.large = true;
        }
    }

    /// When [`Self::due`] has something to say.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        if self.asking >= MAX_ASKING {
            return None; // An answer comes, or none in time.
        }
        self.nodes.values().filter_map(|known| known.due).min()
    }

    /// What to ask now, of these who are connected.
    pub fn due(&mut self, connected: &[NodeId], now: Now) -> Vec<CardAction> {
        if self.next_tick().is_none_or(|at| at > now) {
            return Vec::new();
        }
        if connected.is_empty() {
            let due = self
                .nodes
                .values_mut()
                .filter_map(|known| known.due.as_mut());
            due.for_each(|at| *at = (*at).max(now + NOBODY));
            return Vec::new();
        }
        let able = |node: &&NodeId| !self.unable.contains(*node);
        let tellers: Vec<NodeId> = connected.iter().filter(able).copied().collect();
        let (mut actions, mut of) = (Vec::new(), Vec::new());
        let teller = tellers.get(self.chance.below(tellers.len())).copied();
        for (&node, known) in &mut self.nodes {
            // Those that are due in this round share a question.
            let Some(due) = known.due.filter(|at| *at <= now + ROUND) else {
                continue;
            };
            if known.large || self.unable.contains(&node) {
                if due <= now {
                    known.due = None;
                    actions.push(CardAction::Catalog { node });
                }
                continue;
            }
            let last = known.rounds >= ROUNDS || teller.is_none();
            let itself = last || connected.contains(&node);
            if itself && due <= now && self.asking < MAX_ASKING {
                (known.due, known.asked) = (Some(now + PAUSE), Some(known.newest));
                self.asking += 1;
                let of = vec![(node, known.card)];
                actions.push(CardAction::Ask { teller: node, of });
            } else if !itself && of.len() < MAX_WANTED {
                known.due = Some(now + ROUND);
                known.rounds += 1;
                of.push((node, known.card));
            }
        }
        if let Some(teller) = teller.filter(|_| !of.is_empty()) {
            self.asking += 1;
            actions.push(CardAction::Ask { teller, of });
        }
        actions
    }

    /// A teller answered; the cards that came are told of by [`Self::came`] before.
    pub fn told(&mut self, teller: NodeId, of: &[NodeId], now: Now) -> Option<CardAction> {
        self.asking = self.asking.saturating_sub(1);
        if of != [teller] {
            return None;
        }
        let known = self.nodes.get_mut(&teller)?;
        let asked = known.asked.take()?;
        if known.card >= asked {
            // There may be news of since then.
            known.due = (known.card < known.newest).then_some(now);
            return None;
        }
        // It said nothing of itself.
        (known.large, known.due) = (true, None);
        Some(CardAction::Catalog { node: teller })
    }

    /// A teller did not answer, or told what is not so: with `unable`, it never will do better.
    pub fn untold(&mut self, teller: NodeId, of: &[NodeId], unable: bool) -> Option<CardAction> {
        self.asking = self.asking.saturating_sub(1);
        if unable && self.unable.len() < MAX_UNABLE {
            self.unable.insert(teller);
        }
        let known = self.nodes.get_mut(&teller).filter(|_| of == [teller])?;
        (known.due, known.asked) = (None, None);
        Some(CardAction::Catalog { node: teller })
    }
}
