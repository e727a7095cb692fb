//! Whether it is safe to leave: what is shared here and would still be here without this node.
//!
//! Invariant: a yes is not said from memory alone. Those on whom it rests are asked first, and
//! look: downloads and kept parts may be deleted at any time. Who does not answer within
//! [`PATIENCE`] is believed.

use super::Distributor;
use crate::{
    core::{
        have::HaveSet,
        id::{FileId, NodeId},
        placement::PlacementEvent,
    },
    net::Net,
    node::api::Safe,
    wire::{
        MAX_HAVES,
        control::{Have, Request, Response},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// For all answers together.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions at a time.
const AT_ONCE: usize = 16;
/// Nodes that are named.
const NAMED: usize = 8;

/// A file that somebody was asked for, whether all of it should be there, and what is.
struct Found {
    node: NodeId,
    file: FileId,
    whole: bool,
    have: Option<Have>,
}

impl Distributor {
    /// How safe it is, and the nodes on whose downloads that rests.
    pub(super) async fn safe(&mut self) -> (Safe, Vec<NodeId>) {
        if !self.awake {
            // Nobody is here.
            let files = self.parts.services.swarm.shared_contents();
            let safe = Safe {
                files,
                ..Safe::default()
            };
            return (safe, Vec::new());
        }
        while self.looks_ahead() {
            self.look_ahead().await;
        }
        let whole = self.whole_elsewhere().await;
        let (mut safe, mut rests) = self.judge_safety(whole);
        if safe.to_leave() && safe.files > 0 {
            for found in ask_keepers(self.parts.services.net.clone(), self.supports()).await {
                self.correct(found);
            }
            (safe, rests) = self.judge_safety(whole);
        }
        let nodes: BTreeSet<NodeId> = rests.into_iter().flat_map(|(_, nodes)| nodes).collect();
        (safe, nodes.into_iter().take(NAMED).collect())
    }

    /// On whom it rests that the own files are safe; with each file whether all of it should be
    /// there.
    fn supports(&self) -> BTreeMap<NodeId, Vec<(FileId, bool)>> {
        let mut of: BTreeMap<NodeId, Vec<(FileId, bool)>> = BTreeMap::new();
        for (file, _) in self.files.iter().filter(|(_, shared)| **shared) {
            for (node, whole) in self.placement.leans_on(file) {
                of.entry(node).or_default().push((*file, whole));
            }
        }
        of
    }

    /// Takes in what somebody has of a file. Bits that are empty stand for all of it.
    fn correct(&mut self, found: Found) {
        let Found {
            node,
            file,
            whole,
            have,
        } = found;
        let chunks = self.placement.chunks(&file).unwrap_or_default();
        let part = match have {
            Some(have) if have.bits.is_empty() => return,
            Some(have) if have.chunks == chunks => HaveSet::from_bytes(&have.bits, chunks),
            _ => None,
        };
        match part {
            Some(have) if have.is_full() => return,
            // Of somebody who had all of it, a part is a download that began anew.
            Some(have) if !whole && have.count() > 0 => {
                return self.feed(PlacementEvent::Holder {
                    file,
                    node,
                    have,
                    origin: false,
                    lasting: true,
                });
            }
            _ => {}
        }
        if let Some(nodes) = self.holding.get_mut(&file) {
            nodes.remove(&node);
        }
        self.feed(PlacementEvent::NotHolder { file, node });
    }

    /// From what is known; with the files that rest on downloads, and whose. So many of those that
    /// are not followed are `whole` elsewhere.
    fn judge_safety(&self, whole: u64) -> (Safe, Vec<(FileId, Vec<NodeId>)>) {
        let own = self.files.iter().filter(|(_, shared)| **shared);
        let mut rests = Vec::new();
        let waiting = self.ahead.len() as u64;
        let mut safe = Safe {
            files: waiting,
            elsewhere: whole,
            keepers: self.peers.values().any(|peer| peer.keeps),
            room: waiting > whole && self.placement.has_room(),
            ..Safe::default()
        };
        for (file, _) in own {
            safe.files += 1;
            if !self.placement.safe(file) {
                safe.room |= self.placement.may_gain(file);
                continue;
            }
            safe.elsewhere += 1;
            let on = self.placement.rests_on(file);
            if !on.is_empty() {
                safe.downloads += 1;
                rests.push((*file, on));
            }
        }
        (safe, rests)
    }
}

/// Asks the nodes what they have of these files. Of those who do not answer in time nothing is
/// said.
async fn ask_keepers(net: Net, supports: BTreeMap<NodeId, Vec<(FileId, bool)>>) -> Vec<Found> {
    let pages = |(node, files): (NodeId, Vec<(FileId, bool)>)| {
        let pages: Vec<_> = files.chunks(MAX_HAVES).map(<[_]>::to_vec).collect();
        pages.into_iter().map(move |files| (node, files))
    };
    let mut questions: Vec<_> = supports.into_iter().flat_map(pages).collect();
    let (mut found, mut asked) = (Vec::new(), JoinSet::new());
    let all = async {
        loop {
            while asked.len() < AT_ONCE
                && let Some((node, files)) = questions.pop()
            {
                asked.spawn(ask(net.clone(), node, files));
            }
            match asked.join_next().await {
                Some(answer) => found.extend(answer.unwrap_or_default()),
                None => return,
            }
        }
    };
    let _ = timeout(PATIENCE, all).await;
    found
}

async fn ask(net: Net, node: NodeId, asked: Vec<(FileId, bool)>) -> Vec<Found> {
    let files = asked.iter().map(|(file, _)| *file).collect();
    let Ok(Response::Haves(haves)) = net.request(node, Request::Haves { files }).await else {
        return Vec::new();
    };
    let pairs = asked.into_iter().zip(haves);
    pairs
        .map(|((file, whole), have)| Found {
            node,
            file,
            whole,
            have,
        })
        .collect()
}
