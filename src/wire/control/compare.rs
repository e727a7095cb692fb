//! What two nodes compare, as it travels; what it means is in [`crate::core::reconcile`].

use crate::{
    core::{
        id::NodeId,
        reconcile::{Difference, MAX_LISTED, MAX_RANGES, PARTS, Range},
    },
    wire::{bounded, cbor::Malformed},
};
use serde::{Deserialize, Serialize};

/// The first bits of ids, how many they are, and the fingerprint of those whose ids begin so.
pub type RangePrint = (u64, u8, u64);

/// What is said of one range of a question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RangePart {
    /// Which of the question's, counted from 0.
    pub at: u8,
    /// The fingerprints of its sixteen parts, or none.
    #[serde(deserialize_with = "bounded::list::<_, _, PARTS>")]
    pub prints: Vec<u64>,
    /// Else who is in it, with their epochs and revisions.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_LISTED>")]
    pub here: Vec<(NodeId, u64, u64)>,
    /// And who was and is gone, with their epochs.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_LISTED>")]
    pub gone: Vec<(NodeId, u64)>,
}

impl RangePart {
    /// Of what differs.
    #[must_use]
    pub fn new(at: usize, difference: Difference, gone: Vec<(NodeId, u64)>) -> Self {
        let here = difference.here.into_iter();
        Self {
            at: at as u8,
            prints: difference.prints,
            here: here
                .map(|(node, (epoch, revision))| (node, epoch, revision))
                .collect(),
            gone,
        }
    }

    /// The same again.
    #[must_use]
    pub fn into_difference(self) -> Difference {
        let here = self.here.into_iter();
        Difference {
            prints: self.prints,
            here: here
                .map(|(node, epoch, revision)| (node, (epoch, revision)))
                .collect(),
        }
    }

    /// Bytes that it takes to keep and to send, about.
    pub(super) fn weight(&self) -> usize {
        16 + self.prints.len() * 9 + self.here.len() * 56 + self.gone.len() * 48
    }
}

/// The ranges of a question.
///
/// # Errors
/// [`Malformed`] when one is none, or they are not in order and apart: so a question goes through
/// nobody twice.
pub fn ranges(of: &[RangePrint]) -> Result<Vec<(Range, u64)>, Malformed> {
    let range = |&(word, bits, print): &RangePrint| Some((Range::new(word, bits)?, print));
    let ranges: Option<Vec<_>> = of.iter().map(range).collect();
    let apart = |ranges: &Vec<(Range, u64)>| ranges.is_sorted_by(|(a, _), (b, _)| a.before(*b));
    let few = of.len() <= MAX_RANGES;
    let ranges = ranges.filter(|ranges| few && apart(ranges));
    ranges.ok_or_else(|| Malformed("ranges that are none, or not apart".into()))
}

/// The same as they travel.
#[must_use]
pub fn range_prints(of: &[(Range, u64)]) -> Vec<RangePrint> {
    let prints = of.iter().map(|(range, print)| {
        let (word, bits) = range.into_bits();
        (word, bits, *print)
    });
    prints.collect()
}

pub(super) fn check(parts: &[RangePart]) -> Result<(), Malformed> {
    let few = parts.len() <= MAX_RANGES;
    let fits = |part: &RangePart| {
        let divided = part.prints.is_empty() || part.prints.len() == PARTS;
        divided && part.here.len() <= MAX_LISTED && part.gone.len() <= MAX_LISTED
    };
    if few && parts.iter().all(fits) {
        Ok(())
    } else {
        Err(Malformed("too many parts of ranges, or not sixteen".into()))
    }
}
