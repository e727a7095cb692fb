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
mod walk;

pub use walk::{NAMED, Walk};

use super::{Now, chance::Chance, id::NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Nodes of which a card is asked for at once.
pub const MAX_WANTED: usize = 256;
/// Questions under way.
const MAX_ASKING: usize = 8;
/// Between an answer without a card and the next question for it, at first.
const ROUND: Duration = Duration::from_millis(200);
/// The same for the card of a newcomer, which all lack at once, so that those of several share a
/// question…
const ROUND_OF_NEW: Duration = Duration::from_millis(400);
/// …and the first of these comes so long after it was heard: soon it has something else to offer
/// than at its start, and who is connected with it has asked it by then.
const SETTLED: Duration = Duration::from_millis(800);
/// Who began less than so long ago is a newcomer itself, and so may all others be.
const BEGINS: Duration = Duration::from_secs(10);
/// A teller that has not answered by then is not waited for.
const SLOW: Duration = Duration::from_secs(2);
/// How soon is looked again while nobody is connected.
const NOBODY: Duration = Duration::from_millis(30);
/// Who begins asks so many for everybody, one after the other…
const TELLERS: usize = 2;
/// …and up to so many later on, in a crowd that begins with it…
const LATER_TELLERS: usize = 4;
/// …as long as the last one told of more than one of so many that was not known…
const FEW_ARE_NEW: usize = 50;
/// …each so long after the one before…
const LATER: Duration = Duration::from_secs(3);
/// …and no more than so many, with those who do not answer.
const TRIES: u32 = 8;
/// So many of those who are connected are asked before the node itself is.
const ROUNDS: u32 = 16;
/// After so many the pause doubles.
const ROUNDS_ALIKE: u32 = 10;
/// Between two questions for a card that even its node did not give, for want of an answer.
const PAUSE: Duration = Duration::from_secs(10);
/// So many others are asked again for such a card, after a pause that doubles up to some minutes: a
/// node may have no room for a connection, and its card gets about slowly.
const ROUNDS_AGAIN: u32 = 4;
/// How often it is looked who is known no more.
const RETAINED: Duration = Duration::from_secs(1);
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
    /// Nobody had the card, nor did its node answer: others may have it then.
    again: Option<Now>,
    /// How often that was so.
    in_vain: u32,
}

impl Known {
    /// Whether no card of it came yet.
    fn is_new(&self) -> bool {
        self.card == Version::default()
    }
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
    /// Ask for everybody who announces itself there, with their cards; [`Cards::introduced`] or
    /// [`Cards::alone`] is expected back.
    Everybody {
        /// Whom.
        teller: NodeId,
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
    /// Those whose newest card is wanted, or had no other way.
    nodes: BTreeMap<NodeId, Known>,
    /// Those with something due, by when: with thousands known not all are gone through.
    order: BTreeSet<(Now, NodeId)>,
    /// When it was looked who is known no more.
    retained: Now,
    unable: BTreeSet<NodeId>,
    asking: usize,
    /// When somebody was connected first.
    begun: Option<Now>,
    /// Who was asked for everybody.
    tellers: BTreeSet<NodeId>,
    /// The next one is asked then.
    everybody: Option<Now>,
    /// One is being asked.
    asking_for_everybody: bool,
    /// How often that is still done.
    tries: u32,
    /// Of whom it told.
    lacked: usize,
}

impl Cards {
    /// Of nobody is anything known.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            nodes: BTreeMap::new(),
            order: BTreeSet::new(),
            retained: Now::ZERO,
            unable: BTreeSet::new(),
            asking: 0,
            begun: None,
            tellers: BTreeSet::new(),
            everybody: None,
            asking_for_everybody: false,
            tries: TRIES,
            lacked: 0,
        }
    }

    /// Somebody is connected, who may be asked for everybody.
    pub fn connected(&mut self, node: &NodeId, now: Now) {
        self.begun.get_or_insert(now);
        let wanted = self.tellers.len() < TELLERS && !self.asking_for_everybody;
        if wanted && self.everybody.is_none() && !self.unable.contains(node) {
            self.everybody = Some(now);
        }
    }

    /// Whether this node is connected for long enough to know all that were here before.
    fn is_old(&self, now: Now) -> bool {
        self.begun.is_some_and(|at| now >= at + BEGINS)
    }

    /// Whether this node begins, and one of the first who were asked for everybody has not answered:
    /// one who does not is waited for once.
    #[must_use]
    pub fn expects_everybody(&self) -> bool {
        self.asking_for_everybody && self.tries as usize + TELLERS >= TRIES as usize
    }

    /// A node's catalog is at that version, by its own word; `card` is what its card here says, if
    /// there is one. `connected`: it can be asked itself. `spread`: within that time all others should
    /// ask it, if they have to.
    pub fn news(
        &mut self,
        node: NodeId,
        (version, card): (Version, Version),
        (connected, spread): (bool, Duration),
        now: Now,
    ) {
        // Of thousands nearly all are known as they are.
        if version <= card && !self.nodes.contains_key(&node) {
            return;
        }
        let (draw, is_old) = (self.chance.fraction(), self.is_old(now));
        let unable = self.unable.contains(&node);
        let known = self.nodes.entry(node).or_default();
        known.card = known.card.max(card);
        known.newest = known.newest.max(card);
        self.change(&node, |known| {
            let wait = if connected {
                Duration::ZERO
            } else if known.large || unable {
                spread.mul_f64(draw)
            } else if is_old && known.is_new() {
                SETTLED.min(spread) + ROUND_OF_NEW.mul_f64(draw)
            } else {
                ROUND.mul_f64(draw)
            };
            // What nobody gave may be had now, of the node itself.
            let waits = known.due.is_some() || known.large || unable;
            let lacking = known.card < known.newest && !waits;
            let again = known.again.take_if(|at| *at <= now).is_some();
            let same = version == known.newest;
            if version < known.newest || (same && !(lacking && (connected || again))) {
                return;
            }
            let few = same && !connected;
            let begun = if few { ROUNDS - ROUNDS_AGAIN } else { 0 };
            (known.newest, known.rounds) = (version, begun);
            known.due.get_or_insert(now + wait);
        });
    }

    /// Only these are known. Not looked at each time, since of who is not known at most a question
    /// is left.
    pub fn retain(&mut self, known: impl Fn(&NodeId) -> bool, now: Now) {
        if now >= self.retained + RETAINED {
            self.retained = now;
            self.nodes.retain(|node, _| known(node));
            self.order.retain(|(_, node)| known(node));
        }
    }

    /// A node is known no more.
    pub fn gone(&mut self, node: &NodeId) {
        let due = self.nodes.remove(node).and_then(|known| known.due);
        due.map(|at| self.order.remove(&(at, *node)));
    }

    /// Changes what is known of a node, and keeps in order what is due.
    fn change<R>(&mut self, node: &NodeId, change: impl FnOnce(&mut Known) -> R) -> Option<R> {
        let known = self.nodes.get_mut(node)?;
        let before = known.due;
        let done = change(known);
        if before != known.due {
            before.map(|at| self.order.remove(&(at, *node)));
            known.due.map(|at| self.order.insert((at, *node)));
        }
        Some(done)
    }

    /// A card came that its node signed.
    pub fn came(&mut self, node: NodeId, version: Version) {
        let newest = self.change(&node, |known| {
            known.card = known.card.max(version);
            known.large = false;
            known.card >= known.newest
        });
        if newest == Some(true) {
            self.gone(&node);
        }
    }

    /// The same of one whose catalog is too large for a card: its names are its own to tell.
    pub fn large(&mut self, node: NodeId, version: Version) {
        self.came(node, version);
        let known = self.nodes.entry(node).or_default();
        known.card = known.card.max(version);
        known.newest = known.newest.max(version);
        known.large = true;
    }

    /// When [`Self::due`] has something to say.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        let cards = self.next_question();
        cards.into_iter().chain(self.everybody).min()
    }

    fn next_question(&self) -> Option<Now> {
        if self.asking >= MAX_ASKING {
            return None; // An answer comes, or none in time.
        }
        self.order.first().map(|(at, _)| *at)
    }

    /// What to ask now, of these who are connected.
    pub fn due(&mut self, connected: &[NodeId], now: Now) -> Vec<CardAction> {
        let mut actions = self.ask_for_everybody(connected, now);
        if self.next_question().is_none_or(|at| at > now) {
            return actions;
        }
        let soon = |order: &BTreeSet<(Now, NodeId)>, until: Now| {
            let due = order.iter().take_while(|(at, _)| *at <= until);
            let mut due: Vec<NodeId> = due.map(|(_, node)| *node).collect();
            due.sort_unstable();
            due
        };
        if connected.is_empty() {
            for node in soon(&self.order, now + NOBODY) {
                self.change(&node, |known| known.due = Some(now + NOBODY));
            }
            return actions;
        }
        let able = |node: &&NodeId| !self.unable.contains(*node);
        let tellers: Vec<NodeId> = connected.iter().filter(able).copied().collect();
        let mut of = Vec::new();
        let teller = tellers.get(self.chance.below(tellers.len())).copied();
        // Those that are due in this round share a question.
        for node in soon(&self.order, now + ROUND) {
            let usual = self.unable.contains(&node);
            let near = connected.contains(&node);
            let (asks, shares) = (self.asking < MAX_ASKING, of.len() < MAX_WANTED);
            let action = self.change(&node, |known| {
                let is_due = known.due.is_some_and(|at| at <= now);
                if known.large || usual {
                    known.due.take_if(|_| is_due)?;
                    return Some(CardAction::Catalog { node });
                }
                let itself = near || known.rounds >= ROUNDS || teller.is_none();
                if itself && is_due && asks {
                    (known.due, known.asked) = (Some(now + PAUSE), Some(known.newest));
                    let of = vec![(node, known.card)];
                    return Some(CardAction::Ask { teller: node, of });
                }
                if !itself && shares {
                    known.due = Some(now + SLOW);
                    known.rounds += 1;
                    of.push((node, known.card));
                }
                None
            });
            if let Some(action) = action.flatten() {
                self.asking += usize::from(matches!(action, CardAction::Ask { .. }));
                actions.push(action);
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
            self.next_round(of, now);
            return None;
        }
        let action = self.change(&teller, |known| {
            let asked = known.asked.take()?;
            if known.card >= asked {
                // There may be news of since then.
                known.due = (known.card < known.newest).then_some(now);
                return None;
            }
            // It said nothing of itself.
            (known.large, known.due) = (true, None);
            Some(CardAction::Catalog { node: teller })
        });
        action.flatten()
    }

    /// A teller did not answer, or told what is not so: with `unable`, it never will do better.
    pub fn untold(
        &mut self,
        teller: NodeId,
        of: &[NodeId],
        unable: bool,
        now: Now,
    ) -> Option<CardAction> {
        self.asking = self.asking.saturating_sub(1);
        if of != [teller] {
            self.next_round(of, now);
        }
        if unable && self.unable.len() < MAX_UNABLE {
            self.unable.insert(teller);
        }
        if of != [teller] {
            return None;
        }
        self.change(&teller, |known| {
            (known.due, known.asked) = (None, None);
            known.again = Some(now + PAUSE * (1 << known.in_vain.min(5)));
            known.in_vain += 1;
            CardAction::Catalog { node: teller }
        })
    }

    /// A newcomer asks one of those with whom it is connected, and a second one, since the first
    /// may not know all.
    fn ask_for_everybody(&mut self, connected: &[NodeId], now: Now) -> Vec<CardAction> {
        if self.everybody.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.everybody = None;
        let able = |node: &&NodeId| !self.unable.contains(*node) && !self.tellers.contains(*node);
        let tellers: Vec<NodeId> = connected.iter().filter(able).copied().collect();
        let teller = tellers.get(self.chance.below(tellers.len())).copied();
        let Some(teller) = teller.filter(|_| self.tries > 0) else {
            return Vec::new();
        };
        self.tries -= 1;
        self.asking_for_everybody = true;
        self.tellers.insert(teller);
        vec![CardAction::Everybody { teller }]
    }

    /// A teller told of so many who were not named to it, and has more to say.
    pub fn lacked(&mut self, count: usize) {
        self.lacked += count;
    }

    /// A teller told of everybody whom it knows, in a crowd of so many. Where nearly all were known
    /// and nodes `compare`, the others are found that way if there are any.
    pub fn introduced(&mut self, (crowd, compare): (Option<usize>, bool), now: Now) {
        self.asking_for_everybody = false;
        let lacked = std::mem::take(&mut self.lacked);
        let begins = crowd.is_some_and(|known| !compare || lacked > known / FEW_ARE_NEW);
        self.everybody = match self.tellers.len() {
            0..TELLERS => Some(now),
            TELLERS..LATER_TELLERS if begins => Some(now + LATER),
            _ => None,
        };
    }

    /// A teller did not, and with `unable` never will.
    pub fn alone(&mut self, teller: NodeId, unable: bool, now: Now) {
        (self.asking_for_everybody, self.lacked) = (false, 0);
        // One that knows no such question is not asked again.
        if !unable {
            self.tellers.remove(&teller);
        }
        self.everybody = Some(now + if unable { Duration::ZERO } else { SLOW });
    }

    /// Those of which the answer had nothing are asked for again soon.
    fn next_round(&mut self, of: &[NodeId], now: Now) {
        let is_old = self.is_old(now);
        let round = |known: &Known| {
            let new = is_old && known.is_new();
            if new { ROUND_OF_NEW } else { ROUND }
        };
        for node in of {
            self.change(node, |known| {
                let rounds = known.rounds.saturating_sub(1);
                let pause = round(known) * (1 << (rounds / ROUNDS_ALIKE).min(8));
                if known.asked.is_none() {
                    known.due = known.due.map(|at| at.min(now + pause));
                }
            });
        }
    }
}
