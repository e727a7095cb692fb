use super::*;

const WAIT: Duration = Duration::from_secs(3);

/// One peer, whose catalog is on its way.
const TELLING: Sight = Sight {
    here: 1,
    telling: 1,
    failing: 0,
    reading: 0,
    expected: 0,
    hoping: false,
    quiet: true,
    answered: false,
    listened: true,
    told: 0,
};

/// When it stops waiting for what `sight` shows at each moment, in seconds, and how.
fn ends(empty: bool, sight: impl Fn(u64) -> Sight) -> (u64, Verdict) {
    let mut patience = Patience::new(WAIT, Now::ZERO);
    let mut look = |second| patience.judge(&sight(second), empty, Duration::from_secs(second));
    let mut looks = (0..100_000).map(|second| (second, look(second)));
    let end = looks.find(|(_, verdict)| *verdict != Verdict::Wait);
    end.expect("an end")
}

#[test]
fn a_node_that_tells_all_it_has_is_waited_for_however_long_that_takes() {
    // A page each eight seconds, for a minute.
    let sight = |second| Sight {
        telling: u32::from(second < 60),
        told: second / 8 * 512,
        ..TELLING
    };
    assert_eq!(ends(false, sight), (60, Verdict::Settled));
}

#[test]
fn a_node_that_falls_silent_is_given_up() {
    let sight = |second: u64| Sight {
        told: second.min(20) * STEP,
        ..TELLING
    };
    assert_eq!(ends(false, sight), (20 + STALL.as_secs(), Verdict::GiveUp));
    assert_eq!(ends(false, |_| TELLING).0, STALL.as_secs());
}

#[test]
fn a_node_that_drips_names_holds_no_one_up() {
    // One name each second is slower than any network.
    let drip = |second| Sight {
        told: second,
        ..TELLING
    };
    assert_eq!(ends(false, drip), (STALL.as_secs(), Verdict::GiveUp));
    let flood = |second| Sight {
        told: second * 1000,
        ..TELLING
    };
    assert_eq!(ends(false, flood).0, (WAIT + LONGEST).as_secs());
}

#[test]
fn a_folder_that_is_read_is_waited_for_as_long_as_was_asked() {
    let reading = |until: u64| {
        move |second| Sight {
            telling: 0,
            reading: u32::from(second < until),
            ..TELLING
        }
    };
    assert_eq!(ends(true, reading(2)), (2, Verdict::Settled));
    assert_eq!(ends(true, reading(50)), (3, Verdict::GiveUp));
}

#[test]
fn a_handshake_under_way_is_waited_for_beyond_that_when_there_is_nothing_else() {
    let alone = |second| Sight {
        here: u32::from(second >= 9),
        telling: 0,
        expected: u32::from(second < 9),
        ..TELLING
    };
    assert_eq!(ends(true, alone), (9, Verdict::Settled));
    let never = Sight {
        here: 0,
        telling: 0,
        expected: 1,
        ..TELLING
    };
    assert_eq!(ends(true, |_| never).0, (WAIT + HANDSHAKE).as_secs());
    // With something to answer, a node behind a firewall costs the wait and no more.
    let other = Sight { here: 1, ..never };
    assert_eq!(ends(false, |_| other).0, WAIT.as_secs());
}

#[test]
fn one_whole_name_does_not_wait_for_newcomers_nobody_knows_of() {
    let told = Sight {
        telling: 0,
        quiet: false,
        ..TELLING
    };
    assert!(told.has_told() && !told.is_settled());
    // Nor does anything else, once all who are near have answered.
    let answered = Sight {
        answered: true,
        ..told
    };
    assert!(answered.is_settled());
    let late = Sight {
        telling: 1,
        ..answered
    };
    assert!(!late.is_settled());
    let expected = Sight {
        expected: 1,
        ..told
    };
    let reading = Sight { reading: 1, ..told };
    for coming in [TELLING, expected, reading] {
        assert!(!coming.has_told());
    }
}

#[test]
fn nobody_at_all_is_waited_for_as_long_as_was_asked() {
    let nobody = Sight {
        here: 0,
        telling: 0,
        ..TELLING
    };
    assert_eq!(ends(true, |_| nobody), (3, Verdict::GiveUp));
    // Who asks a node that has listened for a while need not wait for that.
    assert!(nobody.is_alone());
    let answered = Sight {
        answered: true,
        quiet: false,
        ..nobody
    };
    assert!(!answered.is_settled() && !answered.is_alone());
    let coming: [fn(&mut Sight); 5] = [
        |sight| sight.here = 1,
        |sight| sight.expected = 1,
        |sight| sight.hoping = true,
        |sight| sight.quiet = false,
        |sight| sight.listened = false,
    ];
    for change in coming {
        let mut sight = nobody;
        change(&mut sight);
        assert!(!sight.is_alone(), "{sight:?}");
    }
}
