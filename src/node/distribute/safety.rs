//! Whether it is safe to leave: what is shared here and would still be here without this node.
//!
//! Invariant: a yes is not said from memory alone. What rests on somebody's downloads is asked for there first, since they may be deleted at
//! any time; who does not answer within [`PATIENCE`] is believed.

use super::Distributor;
use crate::{
    core::{
        id::{FileId, NodeId},
        placement::Event,
    },
    net::Net,
    node::api::Safe,
    wire::{
        MAX_HAVES,
        control::{Request, Response},
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

impl Distributor {
    /// How safe it is, and the nodes on whose downloads that rests.
    pub(super) async fn safe(&mut self) -> (Safe, Vec<NodeId>) {
        let (mut safe, mut rests) = self.judge_safety();
        if safe.to_leave() && safe.downloads > 0 {
            for (node, file) in gone(self.parts.context.net.clone(), &rests).await {
                if let Some(nodes) = self.holding.get_mut(&file) {
                    nodes.remove(&node);
                }
                self.feed(Event::NotHolder { file, node });
            }
            (safe, rests) = self.judge_safety();
        }
        let nodes: BTreeSet<NodeId> = rests.into_iter().flat_map(|(_, nodes)| nodes).collect();
        (safe, nodes.into_iter().take(NAMED).collect())
    }

    /// From what is known; with the files that rest on downloads, and whose.
    fn judge_safety(&self) -> (Safe, Vec<(FileId, Vec<NodeId>)>) {
        let own = self.files.iter().filter(|(_, shared)| **shared);
        let mut rests = Vec::new();
        let mut safe = Safe {
            keepers: self.peers.values().any(|peer| peer.keeps),
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

/// Asks the nodes whether they still have these files; gives those that they have no longer.
async fn gone(net: Net, rests: &[(FileId, Vec<NodeId>)]) -> Vec<(NodeId, FileId)> {
    let mut of: BTreeMap<NodeId, Vec<FileId>> = BTreeMap::new();
    for (file, nodes) in rests {
        for node in nodes {
            of.entry(*node).or_default().push(*file);
        }
    }
    let questions = of.into_iter().flat_map(|(node, files)| {
        let pages: Vec<_> = files.chunks(MAX_HAVES).map(<[_]>::to_vec).collect();
        pages.into_iter().map(move |files| (node, files))
    });
    let mut questions: Vec<_> = questions.collect();
    let (mut gone, mut asked) = (Vec::new(), JoinSet::new());
    let all = async {
        loop {
            while asked.len() < AT_ONCE
                && let Some((node, files)) = questions.pop()
            {
                asked.spawn(missing(net.clone(), node, files));
            }
            match asked.join_next().await {
                Some(missing) => gone.extend(missing.unwrap_or_default()),
                None => return,
            }
        }
    };
    let _ = timeout(PATIENCE, all).await;
    gone
}

async fn missing(net: Net, node: NodeId, files: Vec<FileId>) -> Vec<(NodeId, FileId)> {
    let asked = Request::Haves {
        files: files.clone(),
    };
    let Ok(Response::Haves(haves)) = net.request(node, asked).await else {
        return Vec::new();
    };
    // Bits that are empty stand for all of it.
    let lacks = haves
        .into_iter()
        .map(|have| have.is_none_or(|have| !have.bits.is_empty()));
    let pairs = files.into_iter().zip(lacks).filter(|(_, lacks)| *lacks);
    pairs.map(|(file, _)| (node, file)).collect()
}
