//! Where several paths lead to one peer: which of them each lane takes, and which lane gets an
//! order.
//!
//! Pure; times are arguments, paths are names. Two paths are used at once, so both are measured by
//! what they are there for; each lane gets orders as fast as it delivers them. A path that is many
//! times slower than the best one is left alone.

use std::{collections::BTreeMap, time::Duration};

/// Lanes to one peer.
pub const LANES: usize = 2;
/// A path so many times slower than the best one only holds chunks up.
const TOO_SLOW: f64 = 8.0;
/// A path is known when so much came over it…
const KNOWN: f64 = (512 << 10) as f64;
/// …of which this much is remembered.
const MEMORY: f64 = (8 << 20) as f64;
/// Orders that a lane gets on a path of which nothing is known.
const TRIAL: usize = 2;
/// An order may be owed so long on such a path before that says anything.
const GRACE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    bytes: f64,
    seconds: f64,
}

/// See the module; `P` names a path.
#[derive(Debug)]
pub struct Board<P> {
    measures: BTreeMap<P, Measure>,
    lanes: [Option<P>; LANES],
    /// There are several paths to be used.
    several: bool,
}

impl<P> Default for Board<P> {
    fn default() -> Self {
        Self {
            measures: BTreeMap::new(),
            lanes: [const { None }; LANES],
            several: false,
        }
    }
}

impl<P: Copy + Ord> Board<P> {
    /// So many bytes came over a path, for which it was kept busy so long.
    pub fn came(&mut self, path: P, bytes: u64, busy: Duration) {
        let measure = self.measures.entry(path).or_default();
        measure.bytes += bytes as f64;
        measure.seconds += busy.as_secs_f64();
        if measure.bytes > MEMORY {
            let part = MEMORY / measure.bytes;
            (measure.bytes, measure.seconds) = (MEMORY, measure.seconds * part);
        }
    }

    /// An order of so many bytes has been owed on a path for so long: what is known to be much
    /// faster elsewhere is not waited for until the path has shown how slow it is.
    pub fn owed(&mut self, path: P, bytes: u64, since: Duration) {
        let others = self.measures.keys().filter(|other| **other != path);
        let best = others
            .filter_map(|other| self.rate(*other))
            .fold(0.0, f64::max);
        let most = bytes as f64 / since.as_secs_f64().max(1e-6);
        if since > GRACE && self.rate(path).is_none() && most * TOO_SLOW < best {
            let (bytes, seconds) = (KNOWN, KNOWN / most);
            self.measures.insert(path, Measure { bytes, seconds });
        }
    }

    /// Bytes a second, once it is known.
    fn rate(&self, path: P) -> Option<f64> {
        let measure = self.measures.get(&path)?;
        (measure.bytes >= KNOWN).then(|| measure.bytes / measure.seconds.max(1e-6))
    }

    /// Which of these paths a lane should take, `None` without any.
    pub fn wanted(&mut self, lane: usize, paths: &[P]) -> Option<P> {
        self.measures.retain(|path, _| paths.contains(path));
        let best = paths.iter().filter_map(|path| self.rate(*path));
        let best = best.fold(0.0, f64::max);
        let usable = |path: &P| self.rate(*path).is_none_or(|rate| rate * TOO_SLOW >= best);
        let mut usable: Vec<P> = paths.iter().copied().filter(usable).collect();
        self.several = usable.len() > 1;
        // The best that is known, and beside it first what is not known yet.
        let speed = |path: &P| self.rate(*path).unwrap_or(f64::MAX);
        usable.sort_by(|one, other| speed(other).total_cmp(&speed(one)).then(one.cmp(other)));
        let known = usable.iter().position(|path| self.rate(*path).is_some());
        if let Some(at) = known.filter(|at| *at >= LANES) {
            usable.swap(LANES - 1, at);
        }
        usable.truncate(LANES);
        // In an order that does not change, or the lanes would only change places.
        usable.sort_unstable();
        usable.get(lane % usable.len().max(1)).copied()
    }

    /// A lane is on this path now, or on none.
    pub fn moved(&mut self, lane: usize, path: Option<P>) {
        if let Some(place) = self.lanes.get_mut(lane) {
            *place = path;
        }
    }

    /// The lane for the next order, where there are several paths; each has so many orders already.
    pub fn next(&self, loads: [usize; LANES]) -> Option<usize> {
        if !self.several {
            return None;
        }
        if self.lanes[0].is_some() && self.lanes[0] == self.lanes[1] {
            // One of them is to move, which it does when it has something to do.
            return (0..LANES).min_by_key(|lane| loads[*lane]);
        }
        let wait = |lane: usize| {
            let rate = self.lanes[lane].and_then(|path| self.rate(path));
            match rate {
                Some(rate) => (loads[lane] + 1) as f64 / rate,
                None if loads[lane] < TRIAL => 0.0,
                None => f64::MAX,
            }
        };
        (0..LANES).min_by(|one, other| {
            let by_load = || loads[*one].cmp(&loads[*other]);
            wait(*one).total_cmp(&wait(*other)).then_with(by_load)
        })
    }
}

#[cfg(test)]
mod tests;
