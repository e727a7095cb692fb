//! Whom to dial next. Decides from the table alone.
//!
//! Invariants: at most [`MAX_DIALS`] are under way, and [`MAX_DIALS_PER_SOURCE`] of them to nodes that
//! one address announced and that were never connected; who announces many has smaller odds for each.

use super::{MAX_DIALS, MAX_DIALS_PER_SOURCE, peer::Peer};
use crate::core::{Now, chance::Chance, id::NodeId};
use std::{collections::BTreeMap, net::IpAddr};

/// Those to dial now.
pub(super) fn due(peers: &BTreeMap<NodeId, Peer>, now: Now, chance: &mut Chance) -> Vec<NodeId> {
    let is_due = |peer: &Peer| peer.retry_at().is_some_and(|at| at <= now);
    // The usual case, and under a flood it is asked at each datagram.
    if !peers.values().any(is_due) {
        return Vec::new();
    }
    let mut strangers = BTreeMap::<IpAddr, u64>::new();
    for stranger in peers.values().filter(|peer| !peer.confirmed) {
        *strangers.entry(stranger.source).or_default() += 1;
    }
    let mut under_way = 0;
    let mut per_source = BTreeMap::<IpAddr, usize>::new();
    let mut due = Vec::new();
    for (node, peer) in peers {
        if peer.dial_ends().is_some() {
            under_way += 1;
            *per_source.entry(peer.source).or_default() += usize::from(!peer.confirmed);
        } else if is_due(peer) {
            // Peers that were lost come first. Among the others chance decides, with odds that
            // shrink with the number of nodes that the same address announces.
            let crowd = strangers.get(&peer.source).copied().unwrap_or(1);
            let crowd = if peer.confirmed { 0 } else { crowd };
            due.push(((chance.bits() >> 32) * crowd, *node, peer));
        }
    }
    due.sort_unstable_by_key(|(draw, node, _)| (*draw, *node));
    let mut chosen = Vec::new();
    for (_, node, peer) in due {
        if under_way >= MAX_DIALS {
            break;
        }
        let here = per_source.entry(peer.source).or_default();
        if !peer.confirmed && *here >= MAX_DIALS_PER_SOURCE {
            continue;
        }
        *here += usize::from(!peer.confirmed);
        under_way += 1;
        chosen.push(node);
    }
    chosen
}
