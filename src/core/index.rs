//! The numbers by which a download tells chunks apart, each of a type of its own, so that none is
//! taken for another.

/// Which chunk of a file, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkIndex(pub u32);

/// A place in the flat list of a download: the chunks of its files, one file after another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position(pub u32);

/// A chunk that is fetched once, wherever it is wanted: the number of the position that stands for
/// all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UniqueChunk(pub u32);

impl ChunkIndex {
    /// As an index into a manifest.
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

impl UniqueChunk {
    /// The position that stands for it.
    #[must_use]
    pub fn position(self) -> Position {
        Position(self.0)
    }
}

/// A row of positions: those of one file, or of many small ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first one.
    pub start: Position,
    /// How many.
    pub len: u32,
}

impl Span {
    /// All that is not in it any more begins here.
    #[must_use]
    pub fn end(self) -> Position {
        Position(self.start.0.saturating_add(self.len))
    }

    /// Whether a position is in it.
    #[must_use]
    pub fn contains(self, position: Position) -> bool {
        (self.start..self.end()).contains(&position)
    }

    /// Which of its chunks stands at a position; `None` outside.
    #[must_use]
    pub fn index_of(self, position: Position) -> Option<ChunkIndex> {
        let inside = self.contains(position);
        inside.then(|| ChunkIndex(position.0 - self.start.0))
    }

    /// The position of one of its chunks; `None` outside.
    #[must_use]
    pub fn position_of(self, chunk: ChunkIndex) -> Option<Position> {
        (chunk.0 < self.len).then(|| Position(self.start.0 + chunk.0))
    }

    /// The positions, ascending.
    pub fn iter(self) -> impl Iterator<Item = Position> {
        (self.start.0..self.end().0).map(Position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_knows_its_own_positions_only() {
        let span = Span {
            start: Position(3),
            len: 2,
        };
        assert!(span.iter().eq([Position(3), Position(4)]));
        assert_eq!(span.index_of(Position(4)), Some(ChunkIndex(1)));
        assert_eq!(span.position_of(ChunkIndex(1)), Some(Position(4)));
        assert_eq!([2, 5].map(|at| span.index_of(Position(at))), [None, None]);
        assert_eq!(span.position_of(ChunkIndex(2)), None);
    }
}
