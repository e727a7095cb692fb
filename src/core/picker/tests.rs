mod urgent;

use super::{claims::MAX_DENIED, *};

impl Picker {
    /// Panics where an invariant does not hold.
    pub(crate) fn check<'a>(&self, peers: impl Iterator<Item = &'a Claims>) {
        let peers: Vec<_> = peers.collect();
        let mut heads = BTreeSet::new();
        for at in 0..self.segments.len() {
            let segment = &self.segments[at];
            let full = peers.iter().filter(|peer| peer.full.has(at as u32));
            assert_eq!(segment.full, full.count() as u64);
            let expected: BTreeSet<u64> = self
                .range(at)
                .iter()
                .filter(|position| self.open.has(position.0))
                .map(|position| self.key(UniqueChunk(position.0)))
                .collect();
            assert_eq!(segment.order, expected);
            let head = expected.first().map(|key| key + (segment.full << 48));
            assert_eq!(segment.head, head);
            assert_eq!(self.unfinished.has(at as u32), head.is_some());
            heads.extend(head);
        }
        assert_eq!(self.heads, heads);
        for chunk in self.missing.iter() {
            let claims = peers.iter().filter(|peer| peer.chunks.has(chunk)).count();
            assert_eq!(usize::from(self.claims[chunk as usize]), claims);
        }
        assert!(self.open.iter().all(|chunk| self.missing.has(chunk)));
    }
}

/// The positions from `start` up to `end`.
fn span(start: u32, end: u32) -> Span {
    Span {
        start: Position(start),
        len: end - start,
    }
}

const ME: NodeId = NodeId([1; 32]);
const OTHER: NodeId = NodeId([200; 32]);

fn id(at: u32) -> ChunkId {
    ChunkId(*blake3::hash(&at.to_le_bytes()).as_bytes())
}

fn picker(me: NodeId, chunks: u32) -> Picker {
    let mut picker = Picker::new(me);
    picker.append((0..chunks).map(|at| (id(at), true)));
    picker
}

fn drain(picker: &mut Picker, claims: &Claims) -> Vec<u32> {
    std::iter::from_fn(|| {
        let chunk = picker.pick(claims)?;
        picker.take(chunk);
        Some(chunk.0)
    })
    .collect()
}

#[test]
fn alone_it_goes_through_a_file_in_order_from_a_place_of_its_own() {
    let begins = [ME, OTHER].map(|me| {
        let mut picker = picker(me, 100);
        let mut seed = Claims::default();
        assert!(picker.claim_all(&mut seed, span(0, 100)));
        let order = drain(&mut picker, &seed);
        let begin = order[0];
        assert!(order.into_iter().eq((begin..100).chain(0..begin)));
        assert_eq!(picker.pick(&seed), None);
        begin
    });
    assert_ne!(begins[0], begins[1]);
    // A short one is begun where it begins.
    let (mut picker, mut seed) = (picker(ME, 31), Claims::default());
    picker.claim_all(&mut seed, span(0, 31));
    assert!(drain(&mut picker, &seed).into_iter().eq(0..31));
}

#[test]
fn what_fewest_have_comes_first_across_files_too() {
    let mut picker = picker(ME, 4);
    picker.append((4..8).map(|at| (id(at), true)));
    let (mut seed, mut other, mut third) =
        (Claims::default(), Claims::default(), Claims::default());
    picker.claim_all(&mut seed, span(0, 8));
    picker.claim_all(&mut other, span(0, 4));
    for chunk in [4, 6, 7] {
        picker.claim(&mut third, UniqueChunk(chunk));
    }
    picker.check([&seed, &other, &third].into_iter());
    assert_eq!(drain(&mut picker, &seed), [5, 0, 1, 2, 3, 4, 6, 7]);
}

#[test]
fn two_downloaders_put_different_chunks_first() {
    let (mut mine, mut theirs) = (picker(ME, 1000), picker(OTHER, 1000));
    let mut seed = Claims::default();
    mine.claim_all(&mut seed, span(0, 1000));
    theirs.claim_all(&mut Claims::default(), span(0, 1000));
    mine.set_rivals([OTHER], None);
    theirs.set_rivals([ME], None);
    let first: BTreeSet<u32> = drain(&mut mine, &seed).into_iter().take(400).collect();
    let other: BTreeSet<u32> = drain(&mut theirs, &seed).into_iter().take(400).collect();
    assert!(first.is_disjoint(&other));
}

#[test]
fn a_peer_with_one_rare_chunk_among_many_is_asked_for_it() {
    let mut picker = picker(ME, 10_000);
    let (mut half, mut one) = (Claims::default(), Claims::default());
    for chunk in 0..9_000 {
        picker.claim(&mut half, UniqueChunk(chunk));
    }
    let rare = UniqueChunk(8_999);
    picker.claim(&mut one, rare);
    assert_eq!(picker.pick(&one), Some(rare));
    picker.take(rare);
    assert_eq!(picker.pick(&one), None);
    assert!(picker.is_useful(&one));
    picker.settle(rare);
    assert!(!picker.is_useful(&one));
}

#[test]
fn a_peer_that_denies_what_it_claimed_is_believed_no_more() {
    let mut picker = picker(ME, 1000);
    let mut liar = Claims::default();
    picker.claim_all(&mut liar, span(0, 1000));
    for _ in 0..=MAX_DENIED {
        let denied = picker.pick(&liar).unwrap();
        picker.deny(&mut liar, denied);
    }
    assert_eq!(picker.pick(&liar), None);
    picker.check([&liar].into_iter());
}

#[test]
fn who_has_a_chunk_is_asked_for_it_by_the_few_whose_turn_it_is() {
    let nodes: Vec<NodeId> = (1..=40).map(|at| NodeId([at; 32])).collect();
    let asking = |holders: usize| {
        let mine = nodes.iter().filter(|&&me| {
            let mut picker = picker(me, 1);
            picker.set_rivals(nodes.iter().copied().filter(|&other| other != me), None);
            let mut claims: Vec<Claims> = (0..holders).map(|_| Claims::default()).collect();
            picker.append((1..3).map(|at| (id(at), true)));
            for holder in &mut claims {
                picker.claim(holder, UniqueChunk(1));
            }
            assert_eq!(picker.pick(&claims[0]), Some(UniqueChunk(1)));
            picker.pick_in_turn(&claims[0]).is_some()
        });
        mine.count()
    };
    assert_eq!([1, 2, 9].map(asking), [8, 12, 40]);
}
