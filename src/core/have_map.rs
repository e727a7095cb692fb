//! Which parts of a download are here, small enough for a picture: at most [`CELLS`] cells,
//! whatever it has in chunks.

use super::have::HaveSet;

/// The most cells of a map.
pub const CELLS: usize = 512;

/// What is here of one file.
pub enum Part<'a> {
    /// Nothing, or it is not known.
    Nothing,
    /// All of it.
    All,
    /// These of its chunks.
    Some(&'a HaveSet),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct HaveMap {
    /// Chunks whose number is known, and those of them that are here.
    pub chunks: u64,
    /// See `chunks`.
    pub have: u64,
    /// From the first byte to the last, how much of each cell's part is here: 0 = nothing, 255 =
    /// all.
    pub cells: Vec<u8>,
}

impl HaveMap {
    /// Of files one after the other, each with its bytes. Chunks of a file count as equally long.
    #[must_use]
    pub fn of<'a>(files: impl Iterator<Item = (u64, Part<'a>)> + Clone) -> Self {
        let total: f64 = files.clone().map(|(size, _)| size as f64).sum();
        let mut map = Self::default();
        let mut pieces = 0;
        for (size, part) in files.clone() {
            match part {
                Part::Some(have) => {
                    map.chunks += u64::from(have.len());
                    map.have += u64::from(have.count());
                    pieces += have.len() as usize;
                }
                Part::Nothing | Part::All => pieces += 1 + usize::try_from(size >> 20).unwrap_or(0),
            }
        }
        if total <= 0.0 {
            return map;
        }
        let count = pieces.clamp(1, CELLS);
        let mut cells = vec![0.0; count];
        let scale = count as f64 / total;
        let mut at = 0.0;
        for (size, part) in files {
            let length = size as f64 * scale;
            match part {
                Part::Nothing => {}
                Part::All => fill(&mut cells, at, at + length),
                Part::Some(have) => {
                    let each = length / f64::from(have.len().max(1));
                    for chunk in have.iter() {
                        let start = at + each * f64::from(chunk);
                        fill(&mut cells, start, start + each);
                    }
                }
            }
            at += length;
        }
        let is_all = map.have == map.chunks;
        map.cells = cells
            .into_iter()
            // What is nearly all is not shown as all, nor a little as nothing.
            .map(|share: f64| match share {
                0.0 => 0,
                share if share > 1.0 - 1e-6 => 255,
                share if is_all && share > 0.999 => 255,
                share => ((share * 255.0) as u8).clamp(1, 254),
            })
            .collect();
        map
    }
}

/// Adds the stretch from `start` to `end`, in cells.
fn fill(cells: &mut [f64], start: f64, end: f64) {
    let mut at = start;
    while at < end {
        let cell = (at as usize).min(cells.len() - 1);
        let stop = end.min((cell + 1) as f64);
        cells[cell] += stop - at;
        if stop <= at {
            return;
        }
        at = stop;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(u64, Part)]) -> HaveMap {
        let files = files.iter().map(|(size, part)| {
            let part = match part {
                Part::Nothing => Part::Nothing,
                Part::All => Part::All,
                Part::Some(have) => Part::Some(have),
            };
            (*size, part)
        });
        HaveMap::of(files)
    }

    #[test]
    fn a_small_file_has_a_cell_for_each_chunk() {
        let mut have = HaveSet::empty(4);
        have.insert(1);
        have.insert(3);
        let map = of(&[(4000, Part::Some(&have))]);
        assert_eq!(map.cells, [0, 255, 0, 255]);
        assert_eq!((map.chunks, map.have), (4, 2));
    }

    #[test]
    fn a_large_one_is_drawn_in_few_cells_and_nothing_looks_whole_that_is_not() {
        let mut have = HaveSet::full(100_000);
        have.remove(50_000);
        let map = of(&[(1 << 40, Part::Some(&have))]);
        assert_eq!(map.cells.len(), CELLS);
        assert_eq!(map.cells.iter().filter(|cell| **cell != 255).count(), 1);
        assert_eq!(map.cells[256], 253);
        let full = HaveSet::full(100_000);
        let map = of(&[(1 << 40, Part::Some(&full))]);
        assert!(map.cells.iter().all(|cell| *cell == 255));
        let mut one = HaveSet::empty(100_000);
        one.insert(7);
        let map = of(&[(1 << 40, Part::Some(&one))]);
        assert_eq!(map.cells[0], 1);
        assert!(map.cells[1..].iter().all(|cell| *cell == 0));
    }

    #[test]
    fn files_lie_one_after_the_other_by_their_bytes() {
        let have = HaveSet::empty(2);
        let map = of(&[
            (3 << 20, Part::All),
            (1 << 20, Part::Nothing),
            (2 << 20, Part::Some(&have)),
        ]);
        assert_eq!(map.cells.len(), 8);
        assert_eq!(map.cells, [255, 255, 255, 255, 0, 0, 0, 0]);
        assert_eq!(of(&[]), HaveMap::default());
        assert_eq!(of(&[(0, Part::All)]).cells, Vec::<u8>::new());
    }
}
