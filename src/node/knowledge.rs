//! Which chunks other nodes keep: their have-sets, asked for when they are needed and again when
//! their catalog says that they changed.
//!
//! A cache for those who count copies. Invariant: at most [`MOST`] bytes of have-sets are
//! remembered.

use crate::{
    core::{
        have::HaveSet,
        id::{FileId, NodeId},
    },
    net::Net,
    wire::{
        MAX_HAVES,
        control::{ReplicaParts, Request, Response},
    },
};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// Bytes of have-sets, about.
const MOST: usize = 32 << 20;
/// What a set takes besides its bits.
const ENTRY: usize = 150;
/// A node that has not answered for so long knows nothing.
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions at a time.
const AT_ONCE: usize = 16;

/// A replica of a part of a file, as a catalog tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Replica {
    pub node: NodeId,
    pub file: FileId,
    pub parts: ReplicaParts,
}

#[derive(Default)]
struct Table {
    sets: HashMap<(NodeId, FileId), (ReplicaParts, Arc<HaveSet>)>,
    bytes: usize,
}

/// The have-sets. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct Knowledge(Arc<Mutex<Table>>);

impl Knowledge {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }

    /// What is known of a replica, if that is still what its catalog says.
    fn get(&self, replica: &Replica) -> Option<Arc<HaveSet>> {
        let table = self.lock();
        let (parts, have) = table.sets.get(&(replica.node, replica.file))?;
        (*parts == replica.parts).then(|| have.clone())
    }

    fn put(&self, replica: &Replica, have: &Arc<HaveSet>) {
        let mut table = self.lock();
        let cost = ENTRY + have.len() as usize / 8;
        if table.bytes + cost > MOST {
            *table = Table::default();
        }
        table.bytes += cost;
        let key = (replica.node, replica.file);
        if let Some((_, old)) = table.sets.insert(key, (replica.parts, have.clone())) {
            table.bytes -= ENTRY + old.len() as usize / 8;
        }
    }

    /// A node is gone, and so is what it keeps.
    pub fn forget(&self, node: NodeId) {
        let mut table = self.lock();
        table.sets.retain(|(keeper, _), _| *keeper != node);
        table.bytes = table
            .sets
            .values()
            .map(|(_, have)| ENTRY + have.len() as usize / 8)
            .sum();
    }

    /// What each of `replicas` consists of, as far as its keeper answers in time.
    pub async fn learn(&self, net: &Net, replicas: Vec<Replica>) -> Vec<(Replica, Arc<HaveSet>)> {
        let mut known = Vec::new();
        let mut unknown: HashMap<NodeId, Vec<Replica>> = HashMap::new();
        for replica in replicas {
            match self.get(&replica) {
                Some(have) => known.push((replica, have)),
                None => unknown.entry(replica.node).or_default().push(replica),
            }
        }
        let mut questions: Vec<Vec<Replica>> = unknown
            .into_values()
            .flat_map(|of| of.chunks(MAX_HAVES).map(<[_]>::to_vec).collect::<Vec<_>>())
            .collect();
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < AT_ONCE
                && let Some(question) = questions.pop()
            {
                asked.spawn(ask(net.clone(), question));
            }
            let Some(answer) = asked.join_next().await else {
                return known;
            };
            for (replica, have) in answer.unwrap_or_default() {
                let have = Arc::new(have);
                self.put(&replica, &have);
                known.push((replica, have));
            }
        }
    }
}

/// Asks one keeper. Answers that do not fit what its catalog says count for nothing.
async fn ask(net: Net, replicas: Vec<Replica>) -> Vec<(Replica, HaveSet)> {
    let Some(node) = replicas.first().map(|replica| replica.node) else {
        return Vec::new();
    };
    let files = replicas.iter().map(|replica| replica.file).collect();
    let request = net.request(node, Request::Haves { files });
    let Ok(Ok(Response::Haves(haves))) = tokio::time::timeout(PATIENCE, request).await else {
        return Vec::new();
    };
    let pairs = replicas.into_iter().zip(haves);
    pairs
        .filter_map(|(replica, have)| {
            let have = have.filter(|have| have.chunks == replica.parts.of)?;
            // As long as the bits that came: a number alone allocates nothing.
            let set = HaveSet::from_bytes(&have.bits, have.chunks)?;
            Some((replica, set))
        })
        .collect()
}
