//! What a reader waits for comes soon, wherever it lies, and everything else comes all the same.

use super::*;

/// 100 Mbit/s.
const LINE: Manners = Manners {
    bytes_per_second: 12_500_000,
    rtt: Duration::from_millis(20),
    ..HONEST
};

fn window(start: u32, len: u32) -> Span {
    Span {
        start: Position(start),
        len,
    }
}

impl Simulation {
    fn urge(&mut self, windows: &[Span]) {
        let actions = self.job.urge(windows, self.now);
        self.job.check();
        self.carry_out(actions);
    }

    fn is_here(&self, chunk: u32) -> bool {
        self.job.positions(UniqueChunk(chunk)).is_empty()
    }

    /// How long a reader waits for this chunk.
    fn wait_for(&mut self, chunk: u32) -> Duration {
        let begun = self.now;
        while !self.is_here(chunk) {
            assert!(
                self.now < begun + Duration::from_secs(60),
                "{chunk} never comes"
            );
            self.run(self.now + ms(10));
        }
        self.now.saturating_sub(begun)
    }
}

#[test]
fn a_reader_that_seeks_to_the_middle_of_a_film_waits_less_than_a_second() {
    // 4 GiB, of which nothing is here, from one seed or three.
    for peers in [1, 3] {
        let mut sim = Simulation::new(file(16 << 10), vec![LINE; peers], 7);
        sim.urge(&[window(0, 128)]);
        assert!(sim.wait_for(0) < ms(500));
        // Meanwhile its pipelines are full of what comes next.
        sim.urge(&[]);
        sim.run(sim.now + Duration::from_secs(5));
        sim.urge(&[window(8_000, 128)]);
        let took = sim.wait_for(8_000);
        assert!(took < Duration::from_secs(1), "{took:?} from {peers}");
        let took = sim.wait_for(8_004);
        assert!(took < Duration::from_secs(1), "{took:?} from {peers}");
    }
}

#[test]
fn two_readers_get_their_first_chunks_before_either_gets_its_tenth() {
    let mut sim = Simulation::new(file(4_000), vec![LINE], 7);
    sim.urge(&[window(1_000, 128), window(3_000, 128)]);
    sim.wait_for(1_000);
    sim.wait_for(3_000);
    assert!(![1_010, 3_010].iter().any(|&chunk| sim.is_here(chunk)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn readers_that_come_move_and_go_keep_no_download_from_its_end(
        others in prop::collection::vec(manners(), 0..4), seed: u64,
        seeks in prop::collection::vec((0u32..300, 0u32..140), 0..12),
    ) {
        let mut peers = others;
        peers.push(HONEST);
        let mut sim = Simulation::new(file(300), peers, seed);
        for (start, len) in seeks {
            sim.urge(&[window(start, len), window(299 - start, len)]);
            sim.run(sim.now + ms(50));
        }
        sim.urge(&[]);
        sim.run(sim.now + Duration::from_secs(600));
        prop_assert!(sim.completed_at.is_some());
        prop_assert_eq!(sim.job.missing_bytes(), 0);
    }

    #[test]
    fn without_windows_nothing_is_asked_for_otherwise(
        others in prop::collection::vec(manners(), 0..4), seed: u64,
    ) {
        let mut peers = others;
        peers.push(HONEST);
        let [mut plain, mut urged] = [(); 2].map(|()| Simulation::new(file(100), peers.clone(), seed));
        for _ in 0..40 {
            urged.urge(&[]);
            let until = plain.now.max(urged.now) + ms(20);
            plain.run(until);
            urged.run(until);
            prop_assert_eq!(&plain.fetches, &urged.fetches);
        }
    }
}

#[test]
fn questions_for_what_nobody_waits_for_are_taken_back_unless_they_are_being_answered() {
    let mut job = Download::new(ME);
    job.add(&file(400), &HaveSet::empty(400));
    let peer = node(0);
    let source = TransferEvent::Source {
        peer,
        rtt: ms(1),
        at: Position(0),
        have: HaveSet::full(400),
        downloading: false,
    };
    let fetched = |actions: &[TransferAction]| -> Vec<UniqueChunk> {
        let fetches = actions.iter().filter_map(|action| match action {
            TransferAction::Fetch { chunk, .. } => Some(*chunk),
            _ => None,
        });
        fetches.collect()
    };
    let asked = fetched(&job.handle(source, ms(0)));
    let (begun, waiting) = (asked[0], asked[1]);
    job.handle(TransferEvent::Started { peer, chunk: begun }, ms(1));
    let first = (asked.iter().map(|chunk| chunk.0).max().unwrap() + 100) % 400;
    let actions = job.urge(&[window(first, 20)], ms(2));
    job.check();
    let back = |chunk| actions.contains(&TransferAction::Cancel { peer, chunk });
    assert!(back(waiting) && !back(begun), "{actions:?}");
    assert_eq!(fetched(&actions)[0], UniqueChunk(first));
    // When the window moves on and its first chunks are on their way, all stays as it is.
    let actions = job.urge(&[window(first, 21)], ms(3));
    assert!(actions.is_empty(), "{actions:?}");
}
