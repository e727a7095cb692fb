//! What came of a simulated swarm.

use super::{Node, Swarm, links::HEADERS};

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Of those with an ordinary link that stayed from begin to end: over the time that the file
    /// takes on one link.
    pub last: f64,
    pub median: f64,
    /// The same for the slow ones, on their own links; and for those who came later, from when they
    /// came.
    pub slow: f64,
    pub late: f64,
    /// Bytes that the first seed sent, over the file.
    pub seed_sent: f64,
    /// How much of its line each seed used until the last one had the file, headers included.
    pub seeds: Vec<f64>,
    /// Bytes of questions and news that a node sent, on average, and of news for each chunk and
    /// follower.
    pub control: f64,
    pub news: f64,
    /// Chunks that came twice, of all that came.
    pub twice: f64,
    pub unfinished: usize,
    /// Connections for which there was no room, for each node.
    pub refused: f64,
}

impl Swarm {
    pub(super) fn report(&self) -> Report {
        let size: u64 = self.entries.iter().map(|entry| u64::from(entry.len)).sum();
        let over = |node: &Node| {
            let took = node
                .ended
                .map_or(f64::INFINITY, |end| (end - node.began) as f64 / 1e9);
            took * node.down as f64 / size as f64
        };
        let seeds = self.scenario.seeds;
        let fast = |node: &&Node| node.down == self.scenario.rate;
        let all = &self.nodes[seeds..];
        let first = &all[..self.scenario.nodes];
        let stayed = || first.iter().filter(|node| node.alive);
        let mut times: Vec<f64> = stayed().filter(fast).map(over).collect();
        times.sort_by(f64::total_cmp);
        let most = |times: &mut dyn Iterator<Item = f64>| times.fold(0.0, f64::max);
        let ends = first.iter().filter_map(|node| node.ended);
        let end = ends.max().unwrap_or(0) as f64 / 1e9;
        let used = |seed: &Node| {
            let wire = seed.sent as f64 * HEADERS.0 as f64 / HEADERS.1 as f64;
            wire / (seed.up as f64 * end)
        };
        Report {
            last: times.last().copied().unwrap_or(0.0),
            median: times.get(times.len() / 2).copied().unwrap_or(0.0),
            slow: most(&mut stayed().filter(|node| !fast(node)).map(over)),
            late: most(
                &mut all[self.scenario.nodes..]
                    .iter()
                    .filter(|node| node.ended.is_some())
                    .map(over),
            ),
            seeds: self.nodes[..seeds].iter().map(used).collect(),
            seed_sent: self.nodes[0].sent as f64 / size as f64,
            control: all.iter().map(|node| node.control).sum::<u64>() as f64 / all.len() as f64,
            news: all.iter().map(|node| node.news).sum::<u64>() as f64 / self.told.max(1) as f64,
            twice: self.twice as f64 / self.came.max(1) as f64,
            refused: self.refusals as f64 / all.len() as f64,
            unfinished: stayed().filter(|node| node.ended.is_none()).count(),
        }
    }
}
