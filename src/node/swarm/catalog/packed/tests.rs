use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn offer(held: Held, size: u64, media: &str) -> Offer {
    Offer {
        size,
        mtime: -5,
        executable: size.is_multiple_of(2),
        mode: (!size.is_multiple_of(3)).then_some(0o644),
        media: media.into(),
        held,
        parts: (held == Held::Replica).then_some(ReplicaParts {
            here: size as u32 % 3,
            of: 2,
        }),
    }
}

fn id(at: usize) -> FileId {
    FileId(*blake3::hash(&at.to_le_bytes()).as_bytes())
}

impl Packed {
    /// Bytes that are really taken.
    pub fn allocated(&self) -> usize {
        let several = self.several.capacity() * 8 / 7 * (size_of::<(FileId, Several)>() + 1);
        let types = self.types.iter().map(|text| text.len() + 16);
        let types = types.sum::<usize>()
            + self.types.capacity() * size_of::<Arc<str>>()
            + self.type_of.capacity() * 8 / 7 * 25;
        self.rows.capacity() * size_of::<Row>()
            + self.text.capacity()
            + self.by_name.allocation_size()
            + self.by_file.allocation_size()
            + self.moved.len() * 8
            + several
            + types
    }
}

/// What is known, as a plain map has it.
type Plain = BTreeMap<(String, FileId), Offer>;

fn assert_same(packed: &Packed, plain: &Plain) {
    let here: Plain = packed
        .iter()
        .map(|(name, file, told)| ((name.to_owned(), file), told.offer()))
        .collect();
    assert_eq!(&here, plain);
    assert_eq!(packed.len(), plain.len());
    let mut all = Names::default();
    let mut files: BTreeMap<FileId, BTreeMap<&str, &Offer>> = BTreeMap::new();
    for ((name, file), offer) in plain {
        files.entry(*file).or_default().insert(name, offer);
        all[Told::from(offer).kind()] += 1;
        assert_eq!(packed.get(name, *file), Some(offer.into()));
    }
    assert_eq!(packed.names(), all);
    assert_eq!(packed.files().count(), files.len());
    for (file, named) in &files {
        let here: BTreeMap<&str, Offer> = packed
            .of_file(*file)
            .map(|(name, told)| (name, told.offer()))
            .collect();
        assert!(
            here.iter()
                .map(|(name, offer)| (*name, offer))
                .eq(named.clone())
        );
        let mut names = Names::default();
        for offer in named.values() {
            names[Told::from(*offer).kind()] += 1;
        }
        assert_eq!(packed.names_of_file(*file), Some(names));
        let parts: Vec<_> = named.values().filter_map(|offer| offer.parts).collect();
        if named.len() == 1 {
            assert_eq!(packed.parts(*file), parts.first().copied());
        }
    }
    let several = files.values().filter(|named| named.len() > 1).count();
    let types: usize = packed.types.iter().map(|text| TYPE + text.len()).sum();
    let text: usize = plain.keys().map(|(name, _)| name.len()).sum();
    let weight = plain.len() * ROW + text + several * SEVERAL + types;
    assert_eq!(packed.weight(), weight);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_knows_what_a_plain_map_knows(
        changes in proptest::collection::vec((0..12u8, 0..5u8, 0..5usize, 0..9u64), 0..300),
    ) {
        let (mut packed, mut plain) = (Packed::default(), Plain::new());
        for (name, file, held, size) in changes {
            // Names of all lengths, and beyond ASCII.
            let name = "ä".repeat(usize::from(name) * 3) + &name.to_string();
            let file = FileId([file; 32]);
            let key = (name.clone(), file);
            let Some(&held) = HELD.get(held) else {
                prop_assert_eq!(packed.remove(&name, file), plain.remove(&key).is_some());
                continue;
            };
            let offer = offer(held, size, ["text/plain", ANY_TYPE, ""][size as usize % 3]);
            let known = packed.change(&name, file, &offer);
            if !known {
                let cost = packed.cost(&name, file, &offer.media);
                let before = packed.weight();
                packed.add(&name, file, &offer);
                prop_assert!(packed.weight() - before <= cost + TYPE + ANY_TYPE.len());
            }
            prop_assert_eq!(plain.insert(key, offer).is_some(), known);
        }
        assert_same(&packed, &plain);
    }
}

#[test]
fn what_is_accounted_is_what_is_taken() {
    // Short names and the longest, contents of one name and of many.
    for (length, same) in [(1, 1), (50, 1), (1000, 1), (20, 2), (20, 3), (50, 1 << 20)] {
        let mut packed = Packed::default();
        let text = |at: usize| format!("{at:0>length$}");
        let near = |packed: &Packed, when: &str| {
            let (real, said) = (packed.allocated(), packed.weight());
            let (most, least) = (said * 13 / 10, said * 10 / 13);
            let at = packed.len();
            assert!(
                (least..=most).contains(&real),
                "{length} {same} {when} {at}: {real} {said}"
            );
        };
        let plain = offer(Held::Shared, 1, "text/plain");
        let many = if length > 100 { 20_000 } else { 60_000 };
        for at in 0..many {
            packed.add(&text(at), id(at / same), &plain);
            if at > 1000 && at % 997 == 0 {
                near(&packed, "up");
            }
        }
        for at in 0..many - 2000 {
            assert!(packed.remove(&text(at), id(at / same)));
            if at % 997 == 0 {
                near(&packed, "down");
            }
        }
        near(&packed, "at the end");
        let left: Vec<usize> = packed
            .iter()
            .map(|(name, ..)| name.parse().unwrap())
            .collect();
        assert_eq!(left.len(), 2000);
        assert!(left.into_iter().all(|at| at >= many - 2000));
    }
}

#[test]
fn an_ordinary_name_takes_at_most_160_bytes() {
    let mut packed = Packed::default();
    for at in 0..50_000 {
        let name = format!("{at:0>50}");
        packed.add(&name, id(at), &offer(Held::Shared, 1, "text/plain"));
    }
    let each = packed.allocated() / packed.len();
    assert!(each <= 165, "{each}");
}

#[test]
fn media_types_without_end_are_one() {
    let mut packed = Packed::default();
    for at in 0..5000 {
        let media = format!("{at:0>100}");
        packed.add(&at.to_string(), id(at), &offer(Held::Shared, 1, &media));
    }
    assert_eq!(packed.types.len(), MAX_TYPES);
    assert_eq!(packed.get("4999", id(4999)).unwrap().media, ANY_TYPE);
    assert_eq!(
        packed.get("7", id(7)).unwrap().media,
        format!("{:0>100}", 7)
    );
}
