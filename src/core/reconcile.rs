//! Two nodes find out in what they differ of who is here, and with which offers.
//!
//! Each has a set of nodes with their versions. By the first bits of ids it falls into ranges, and of
//! a range a fingerprint says whether both have the same; of those that differ the parts are
//! compared, or what is in them is listed (range-based set reconciliation: A. Meyer, 2023). So what
//! both know alike costs one number, and a difference some dozen. What one lacks it is then
//! introduced to. In a room of thousands each does this now and then with one of those with whom it
//! is connected, so who missed a beacon learns what it said though the next one is minutes away.
//!
//! Invariants: one comparison at a time, of `MAX_QUESTIONS` questions and [`MAX_WANTED`] nodes at
//! most, whatever a teller says; a teller that does not know the question is not asked again.

#[cfg(test)]
mod tests;

use super::{Now, cards::Version, chance::Chance, id::NodeId, score::word};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// Ranges in one question.
pub const MAX_RANGES: usize = 64;
/// Into so many parts a range is divided.
pub const PARTS: usize = 16;
/// Nodes that one part of an answer lists.
pub const MAX_LISTED: usize = 64;
/// Nodes that are introduced after one comparison.
pub const MAX_WANTED: usize = 256;
/// A range with so few is not divided.
const FEW: usize = 12;
/// The bits of a part.
const STEP: u8 = PARTS.ilog2() as u8;
/// Questions of one comparison.
const MAX_QUESTIONS: usize = 12;
/// The first one is so long after there is reason for it…
const FIRST: Duration = Duration::from_secs(8);
/// …and further ones are so far apart, at least, and up to twice that.
const PAUSE: Duration = Duration::from_secs(30);
/// Nodes that are remembered for not knowing the question.
const MAX_UNABLE: usize = 1024;

/// Those nodes whose ids begin with so many bits of a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Range {
    word: u64,
    bits: u8,
}

impl Range {
    /// All.
    pub const ALL: Self = Self { word: 0, bits: 0 };

    /// The range of so many bits, if there is one: at most 64, and none set beyond.
    #[must_use]
    pub fn new(word: u64, bits: u8) -> Option<Self> {
        let range = Self { word, bits };
        (bits <= 64 && word & range.beyond() == 0).then_some(range)
    }

    /// The word and the number of its bits.
    #[must_use]
    pub fn into_bits(self) -> (u64, u8) {
        (self.word, self.bits)
    }

    fn beyond(self) -> u64 {
        u64::MAX.checked_shr(self.bits.into()).unwrap_or(0)
    }

    /// The least id in it.
    #[must_use]
    pub fn first(self) -> NodeId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.word.to_be_bytes());
        NodeId(id)
    }

    /// Whether a node is in it.
    #[must_use]
    pub fn holds(self, node: &NodeId) -> bool {
        word(node.as_bytes()) & !self.beyond() == self.word
    }

    /// Whether all ids in it are smaller than those of another one.
    #[must_use]
    pub fn before(self, other: Self) -> bool {
        self.word | self.beyond() < other.word
    }

    fn part_of(self, node: &NodeId) -> usize {
        let shift = 64 - u32::from(self.bits + STEP);
        (word(node.as_bytes()) >> shift) as usize % PARTS
    }

    /// Its parts, if it can be divided.
    fn parts(self) -> impl Iterator<Item = Self> {
        let bits = self.bits.saturating_add(STEP);
        let parts = if bits > 64 { 0 } else { PARTS as u64 };
        (0..parts).map(move |part| Self {
            word: self.word | part << (64 - u32::from(bits)),
            bits,
        })
    }
}

/// A node in a set, and the version of what it offers.
pub type Item = (NodeId, Version);

/// A set of nodes, in the order of their ids.
pub trait Held {
    /// Those from this id on.
    fn from(&self, node: NodeId) -> impl Iterator<Item = Item>;

    /// Those in a range.
    fn within(&self, range: Range) -> impl Iterator<Item = Item> {
        self.from(range.first())
            .take_while(move |(node, _)| range.holds(node))
    }
}

/// The fingerprint of some: a sum under a number that nobody knew before, so none are made to fit.
#[must_use]
pub fn print(salt: u64, items: impl Iterator<Item = Item>) -> u64 {
    items.fold(0, |sum, (node, (epoch, revision))| {
        let words = node.as_bytes().as_chunks::<8>().0.iter();
        let words = words.map(|bytes| u64::from_be_bytes(*bytes));
        let words = words.chain([epoch, revision]);
        sum.wrapping_add(words.fold(salt, |print, word| mix(print ^ word)))
    })
}

/// `SplitMix64`'s finish.
fn mix(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// What a teller says of a range in which it has something else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// The fingerprints of its parts, or nothing, and then…
    pub prints: Vec<u64>,
    /// …those in it.
    pub here: Vec<Item>,
}

/// What to answer of one range of a question; `None` when both have the same.
#[must_use]
pub fn compared(salt: u64, range: Range, theirs: u64, mine: &impl Held) -> Option<Difference> {
    let (mut prints, mut count, mut sum) = ([0u64; PARTS], 0, 0u64);
    let divides = range.bits + STEP <= 64;
    for item in mine.within(range) {
        let one = print(salt, std::iter::once(item));
        sum = sum.wrapping_add(one);
        count += 1;
        if divides {
            let part = &mut prints[range.part_of(&item.0)];
            *part = part.wrapping_add(one);
        }
    }
    if sum == theirs {
        return None;
    }
    let lists = count <= FEW || !divides;
    Some(if lists {
        let here = mine.within(range).take(MAX_LISTED).collect();
        let prints = Vec::new();
        Difference { prints, here }
    } else {
        let (prints, here) = (prints.to_vec(), Vec::new());
        Difference { prints, here }
    })
}

/// A comparison under way.
#[derive(Debug)]
struct Round {
    teller: NodeId,
    salt: u64,
    questions: usize,
    /// Those that differ, in order, with what is here.
    open: VecDeque<(Range, u64)>,
    wanted: Vec<NodeId>,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Ask for what differs in these ranges; [`Reconcile::answered`] or [`Reconcile::failed`] is
    /// expected back.
    Compare {
        /// Whom.
        teller: NodeId,
        /// Under which number.
        salt: u64,
        /// The ranges, and what they have here.
        of: Vec<(Range, u64)>,
    },
    /// Ask for these nodes' cards, and where they are.
    Introduce {
        /// Whom.
        teller: NodeId,
        /// At most [`MAX_WANTED`].
        of: Vec<NodeId>,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Reconcile {
    chance: Chance,
    next: Option<Now>,
    round: Option<Round>,
    unable: BTreeSet<NodeId>,
}

impl Reconcile {
    /// Nothing was compared.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            next: None,
            round: None,
            unable: BTreeSet::new(),
        }
    }

    /// When [`Self::due`] has something to do.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        self.next.filter(|_| self.round.is_none())
    }

    /// Begins, if it is time: in a room that is `far`, with one of those who are connected.
    pub fn due(
        &mut self,
        far: bool,
        connected: &[NodeId],
        mine: &impl Held,
        now: Now,
    ) -> Option<Step> {
        if !far {
            self.next = None;
            return None;
        }
        let jitter = self.chance.fraction();
        let at = *self.next.get_or_insert(now + FIRST.mul_f64(1.0 + jitter));
        if now < at || self.round.is_some() {
            return None;
        }
        self.next = Some(now + PAUSE.mul_f64(1.0 + jitter));
        let able = |node: &&NodeId| !self.unable.contains(*node);
        let able: Vec<NodeId> = connected.iter().filter(able).copied().collect();
        let teller = *able.get(self.chance.below(able.len()))?;
        let salt = self.chance.bits();
        let all = mine.within(Range::ALL).filter(|(node, _)| *node != teller);
        let open = VecDeque::from([(Range::ALL, print(salt, all))]);
        let (questions, wanted) = (0, Vec::new());
        self.round = Some(Round {
            teller,
            salt,
            questions,
            open,
            wanted,
        });
        self.step()
    }

    /// The next question of the comparison under way, or its end.
    fn step(&mut self) -> Option<Step> {
        let round = self.round.as_mut()?;
        let teller = round.teller;
        round.questions += 1;
        let full = round.questions > MAX_QUESTIONS || round.wanted.len() >= MAX_WANTED;
        if round.open.is_empty() || full {
            let of = self.round.take()?.wanted;
            return (!of.is_empty()).then_some(Step::Introduce { teller, of });
        }
        let some = round.open.len().min(MAX_RANGES);
        Some(Step::Compare {
            teller,
            salt: round.salt,
            of: round.open.iter().take(some).copied().collect(),
        })
    }

    /// What a teller answered: which of the ranges differ, by their places in the question. Older
    /// versions than those here are not wanted.
    pub fn answered(
        &mut self,
        teller: &NodeId,
        differences: Vec<(usize, Difference)>,
        mine: &impl Held,
    ) -> Option<Step> {
        let round = self.round.as_mut().filter(|it| it.teller == *teller)?;
        let some = round.open.len().min(MAX_RANGES);
        let asked: Vec<(Range, u64)> = round.open.drain(..some).collect();
        let mut parts = Vec::new();
        for (at, difference) in differences.into_iter().take(asked.len()) {
            let Some((range, _)) = asked.get(at) else {
                continue;
            };
            let divided = range.parts().zip(&difference.prints);
            for (part, theirs) in divided {
                let items = mine.within(part).filter(|(node, _)| node != teller);
                let ours = print(round.salt, items);
                if ours != *theirs {
                    parts.push((part, ours));
                }
            }
            for (node, version) in difference.here.into_iter().take(MAX_LISTED) {
                let known = mine.from(node).next().filter(|(it, _)| *it == node);
                let lacks = known.is_none_or(|(_, known)| known < version);
                if range.holds(&node) && lacks && round.wanted.len() < MAX_WANTED {
                    round.wanted.push(node);
                }
            }
        }
        // Deeper first: so not more is open than one answer divides at each depth.
        parts.sort_unstable();
        for part in parts.into_iter().rev() {
            round.open.push_front(part);
        }
        self.step()
    }

    /// A teller did not answer, or with `unable` never will.
    pub fn failed(&mut self, teller: NodeId, unable: bool) {
        self.round.take_if(|round| round.teller == teller);
        if unable && self.unable.len() < MAX_UNABLE {
            self.unable.insert(teller);
        }
    }
}
