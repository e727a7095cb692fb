//! What people read of a node, word for word.

use super::*;
use crate::ui::leaving::Word;

#[test]
fn what_is_safe_is_said_in_a_sentence() {
    let safe = |files, elsewhere| Safe {
        files,
        elsewhere,
        keepers: true,
        reading: false,
        room: true,
        downloads: 0,
    };
    for (files, elsewhere, expected) in [
        (0, 0, "yes"),
        (5, 5, "yes"),
        (5, 3, "no, 3 of 5 files have a copy elsewhere"),
        (5, 1, "no, 1 of 5 files has a copy elsewhere"),
        (1, 0, "no, the only file has no copy elsewhere"),
    ] {
        let text = safe_to_leave(&safe(files, elsewhere), &[]);
        assert_eq!(text, format!("safe to leave: {expected}"));
    }
    let reading = Safe {
        reading: true,
        ..safe(0, 0)
    };
    let text = safe_to_leave(&reading, &[]);
    assert!(
        text.contains("not known yet") && !reading.to_leave(),
        "{text}"
    );
    assert!(
        Word::Reading(reading)
            .sentence()
            .contains("still being read")
    );
    assert_eq!(
        Word::Soon(safe(3, 1)).sentence(),
        "2 of 3 shared files have no copy elsewhere yet: leaving as soon as that is done; \
         exit again leaves at once, cancel stays"
    );
    assert_eq!(
        Word::Alone(safe(1, 0)).sentence(),
        "the only shared file has no copy elsewhere, and nobody here keeps copies: \
         exit again leaves all the same"
    );
    assert_eq!(
        Word::Full(safe(1, 0)).sentence(),
        "the only shared file has no copy elsewhere, and nobody here has room for one: \
         exit again leaves all the same"
    );
    let lent = |downloads, files| Safe {
        downloads,
        ..safe(files, files)
    };
    let names = ["bob@desk".to_owned(), "carol".to_owned()];
    assert_eq!(
        safe_to_leave(&lent(1, 1), &names[..1]),
        "safe to leave: yes, as long as bob@desk keeps what was downloaded there: the only file lies nowhere else"
    );
    assert_eq!(
        left_to(&lent(2, 3), &names),
        "what is shared here can be had as long as bob@desk, carol keep what was downloaded there: 2 of 3 files lie nowhere else"
    );
    assert!(left_behind(&safe(3, 2)).starts_with("1 of 3 shared files has no copy elsewhere"));
    assert_eq!(kept(Kept::default()), "keeping nothing for others");
    assert_eq!(
        kept(Kept {
            used: 1 << 20,
            quota: 1 << 30,
            received: 2 << 10,
            sent: 0,
        }),
        "keeping 1.0 MiB for others, at most 1.0 GiB; copies received 2.0 KiB, sent 0 B"
    );
}
