use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A set that is all there is.
#[derive(Clone, Default)]
struct Set(BTreeMap<NodeId, Version>);

impl Held for Set {
    fn from(&self, node: NodeId) -> impl Iterator<Item = Item> {
        self.0
            .range(node..)
            .map(|(node, version)| (*node, *version))
    }
}

fn one(n: u32) -> NodeId {
    NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

const TELLER: u32 = 1_000_000;
const FAR: bool = true;

/// What a teller answers, as `node/actor` has it, and the numbers that crossed for it.
fn answer(salt: u64, of: &[(Range, u64)], theirs: &Set) -> (Vec<(usize, Difference)>, usize) {
    let answer = of.iter().enumerate().filter_map(|(at, (range, print))| {
        compared(salt, *range, *print, theirs).map(|difference| (at, difference))
    });
    let answer: Vec<_> = answer.collect();
    let numbers = |(_, it): &(usize, Difference)| it.prints.len() + it.here.len() * 5;
    let sum = answer.iter().map(numbers).sum::<usize>() + of.len() * 2;
    (answer, sum)
}

/// Compares once: whom the asker wants, and how many questions and numbers that took.
fn compare(mine: &Set, theirs: &Set, seed: u64) -> (BTreeSet<NodeId>, usize, usize) {
    let mut it = Reconcile::new(seed);
    let begin = Duration::from_secs(100);
    assert_eq!(it.due(FAR, &[one(TELLER)], mine, Duration::ZERO), None);
    let mut step = it.due(FAR, &[one(TELLER)], mine, begin);
    let (mut questions, mut numbers) = (0, 0);
    loop {
        match step {
            Some(Step::Compare { teller, salt, of }) => {
                questions += 1;
                assert!(
                    of.is_sorted_by(|(a, _), (b, _)| a.before(*b)),
                    "in order, apart"
                );
                let (answered, sum) = answer(salt, &of, theirs);
                numbers += sum;
                step = it.answered(&teller, answered, mine);
            }
            Some(Step::Introduce { of, .. }) => {
                return (of.into_iter().collect(), questions, numbers);
            }
            None => return (BTreeSet::new(), questions, numbers),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn who_compares_learns_exactly_what_it_lacks(
        all in 0..3_000u32,
        lacking in prop::collection::btree_set(0..3_000u32, 0..100),
        older in prop::collection::btree_set(0..3_000u32, 0..40),
        more in prop::collection::btree_set(5_000..6_000u32, 0..40),
        seed in any::<u64>(),
    ) {
        let theirs = Set((0..all).map(|n| (one(n), (1, 2))).collect());
        let mut mine = theirs.clone();
        let mut wanted = BTreeSet::new();
        for n in older.iter().filter(|n| **n < all) {
            mine.0.insert(one(*n), (1, 1));
            wanted.insert(one(*n));
        }
        for n in lacking.iter().filter(|n| **n < all) {
            mine.0.remove(&one(*n));
            wanted.insert(one(*n));
        }
        mine.0.extend(more.iter().map(|n| (one(*n), (1, 1))));
        // What the teller is, it does not say of itself.
        mine.0.insert(one(TELLER), (9, 9));
        let (found, questions, numbers) = compare(&mine, &theirs, seed);
        prop_assert_eq!(&found, &wanted);
        let differing = wanted.len() + more.len();
        prop_assert!(numbers <= 2 + differing * 110, "{} of {}", numbers, differing);
        prop_assert!(questions <= MAX_QUESTIONS);
    }

    #[test]
    fn ranges_divide_into_what_they_hold(word in any::<u64>(), depth in 0..16u8) {
        let bits = depth * 4;
        let range = Range::new(word & !u64::MAX.checked_shr(bits.into()).unwrap_or(0), bits).unwrap();
        let mut id = [7; 32];
        id[..8].copy_from_slice(&word.to_be_bytes());
        let node = NodeId(id);
        prop_assert!(range.holds(&node) && range.first() <= node);
        let parts: Vec<Range> = range.parts().collect();
        let holding: Vec<_> = parts.iter().filter(|part| part.holds(&node)).collect();
        prop_assert_eq!(holding, vec![&parts[range.part_of(&node)]]);
        prop_assert!(parts.is_sorted_by(|a, b| a.before(*b)));
    }
}

#[test]
fn what_is_the_same_costs_one_question() {
    let set = Set((0..10_000).map(|n| (one(n), (1, 2))).collect());
    assert_eq!(compare(&set, &set, 1), (BTreeSet::new(), 1, 2));
    // One that differs among ten thousand: some dozen numbers in four questions.
    let mut mine = set.clone();
    mine.0.remove(&one(77));
    let (wanted, questions, numbers) = compare(&mine, &set, 1);
    assert_eq!(wanted, BTreeSet::from([one(77)]));
    assert!(questions <= 5 && numbers < 120, "{questions}, {numbers}");
}

#[test]
fn a_teller_that_lies_is_asked_a_bounded_number_of_times_and_wastes_one_answer() {
    let mine = Set((0..500).map(|n| (one(n), (1, 2))).collect());
    let mut it = Reconcile::new(1);
    it.due(FAR, &[one(TELLER)], &mine, Duration::ZERO);
    let mut step = it.due(FAR, &[one(TELLER)], &mine, Duration::from_secs(60));
    let mut asked = 0;
    while let Some(Step::Compare { teller, of, .. }) = step {
        asked += 1;
        assert!(of.len() <= MAX_RANGES && asked <= MAX_QUESTIONS);
        // All parts of all differ, it names nodes of other ranges, and ranges that were not asked for.
        let lies = |at| {
            let prints = (0..100).map(|n| n + asked as u64).collect();
            let here = (0..100).map(|n| (one(7_000 + n), (1, 1))).collect();
            (at, Difference { prints, here })
        };
        step = it.answered(&teller, (0..200).map(lies).collect(), &mine);
    }
    let Some(Step::Introduce { of, .. }) = step else {
        panic!("{step:?}")
    };
    assert!(of.len() <= MAX_WANTED);
    // An answer that nobody waits for changes nothing.
    assert_eq!(
        it.answered(&one(TELLER), vec![(0, Difference::default())], &mine),
        None
    );
}

#[test]
fn who_does_not_know_the_question_is_asked_once_and_few_ask_nobody() {
    let mine = Set::default();
    let mut it = Reconcile::new(1);
    assert_eq!(
        it.due(false, &[one(1)], &mine, Duration::from_secs(1_000)),
        None
    );
    assert_eq!(it.next_tick(), None);
    let mut asked = 0;
    for second in 0..1_000 {
        let now = Duration::from_secs(second);
        if let Some(Step::Compare { teller, .. }) = it.due(FAR, &[one(1), one(2)], &mine, now) {
            asked += 1;
            it.failed(teller, true);
        }
    }
    assert_eq!(asked, 2);
    // One that does not answer in time is asked again.
    let mut it = Reconcile::new(1);
    let mut asked = 0;
    for second in 0..1_000 {
        let now = Duration::from_secs(second);
        if let Some(Step::Compare { teller, .. }) = it.due(FAR, &[one(1)], &mine, now) {
            asked += 1;
            it.failed(teller, false);
        }
    }
    assert!((16..=33).contains(&asked), "{asked}");
}
