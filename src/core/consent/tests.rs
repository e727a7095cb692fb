//! Asks in virtual time.

use super::*;
use crate::core::{Now, id::NodeId};
use proptest::prelude::*;

const DIGEST: [u8; 32] = [9; 32];

fn peer(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn id(n: u8) -> AskId {
    AskId([n; 16])
}

fn asked(who: u8, what: u8) -> InboxEvent {
    InboxEvent::Asked {
        peer: peer(who),
        id: id(what),
        digest: DIGEST,
    }
}

fn at(seconds: u64) -> Now {
    Duration::from_secs(seconds)
}

#[test]
fn an_ask_is_shown_answered_and_never_asked_again() {
    let mut inbox = Inbox::new(EXPIRY);
    assert_eq!(inbox.handle(asked(1, 1), at(0)), [InboxAction::Show(1)]);
    assert!(inbox.is_open(1));
    let declined = inbox.handle(InboxEvent::Refuse(1, AskRefusal::Person), at(1));
    assert_eq!(declined, [InboxAction::Decline(1, AskRefusal::Person)]);
    assert!(inbox.handle(InboxEvent::Accept(1), at(2)).is_empty());
    let replayed = inbox.handle(asked(1, 1), at(3));
    assert_eq!(replayed, [InboxAction::TurnAway(AskRefusal::Decided)]);
    assert_eq!(inbox.handle(asked(1, 2), at(3)), [InboxAction::Show(2)]);
}

#[test]
fn what_is_not_answered_expires_after_five_minutes() {
    let mut inbox = Inbox::new(EXPIRY);
    inbox.handle(asked(1, 1), at(0));
    assert_eq!(inbox.next_tick(), Some(at(300)));
    assert!(inbox.handle(InboxEvent::Tick, at(299)).is_empty());
    let expired = [
        InboxAction::Decline(1, AskRefusal::Expired),
        InboxAction::Gone(1, Gone::Expired),
    ];
    assert_eq!(inbox.handle(InboxEvent::Tick, at(300)), expired);
    assert_eq!(inbox.next_tick(), None);
    assert!(inbox.handle(InboxEvent::Accept(1), at(301)).is_empty());
    let again = inbox.handle(asked(1, 1), at(302));
    assert_eq!(again, [InboxAction::TurnAway(AskRefusal::Decided)]);
}

#[test]
fn one_open_ask_a_peer_and_ten_in_all() {
    let mut inbox = Inbox::new(EXPIRY);
    assert_eq!(inbox.handle(asked(1, 1), at(0)), [InboxAction::Show(1)]);
    let second = inbox.handle(asked(1, 2), at(0));
    assert_eq!(second, [InboxAction::TurnAway(AskRefusal::Busy)]);
    for n in 2..=10 {
        assert_eq!(
            inbox.handle(asked(n, n), at(0)),
            [InboxAction::Show(u32::from(n))]
        );
    }
    let eleventh = inbox.handle(asked(11, 11), at(0));
    assert_eq!(eleventh, [InboxAction::TurnAway(AskRefusal::Full)]);
    inbox.handle(InboxEvent::Accept(1), at(1));
    // What is accepted is open no longer.
    assert_eq!(inbox.handle(asked(1, 3), at(1)), [InboxAction::Show(11)]);
}

#[test]
fn a_peer_that_asks_too_often_waits() {
    let mut inbox = Inbox::new(EXPIRY);
    let shown = |inbox: &mut Inbox, what: u8, now| match inbox.handle(asked(1, what), now)[..] {
        [InboxAction::Show(number)] => {
            inbox.handle(InboxEvent::Refuse(number, AskRefusal::Person), now);
            true
        }
        [InboxAction::TurnAway(AskRefusal::TooOften)] => false,
        ref other => panic!("{other:?}"),
    };
    let many = (0..20).filter(|&what| shown(&mut inbox, what, at(0)));
    assert_eq!(many.count(), 10);
    assert!(!shown(&mut inbox, 100, at(5)));
    assert!(shown(&mut inbox, 101, at(6)));
    assert!(!shown(&mut inbox, 102, at(6)));
    assert_eq!(inbox.handle(asked(2, 1), at(6)).len(), 1);
}

#[test]
fn what_was_accepted_goes_on_without_asking_and_only_as_the_same() {
    let mut inbox = Inbox::new(EXPIRY);
    inbox.handle(asked(1, 1), at(0));
    assert_eq!(
        inbox.handle(InboxEvent::Accept(1), at(1)),
        [InboxAction::Begin(1)]
    );
    assert!(inbox.handle(InboxEvent::Lost(1), at(10)).is_empty());
    assert_eq!(inbox.next_tick(), Some(at(610)));
    let other = InboxEvent::Asked {
        peer: peer(1),
        id: id(1),
        digest: [8; 32],
    };
    let other = inbox.handle(other, at(20));
    assert_eq!(other, [InboxAction::TurnAway(AskRefusal::Decided)]);
    // Another peer with the same number is another ask.
    assert_eq!(inbox.handle(asked(2, 1), at(20)), [InboxAction::Show(2)]);
    assert_eq!(inbox.handle(asked(1, 1), at(21)), [InboxAction::Rejoin(1)]);
    inbox.handle(InboxEvent::Refuse(2, AskRefusal::Person), at(22));
    assert_eq!(inbox.next_tick(), None);
    inbox.handle(InboxEvent::Ended(1), at(30));
    let replayed = inbox.handle(asked(1, 1), at(31));
    assert_eq!(replayed, [InboxAction::TurnAway(AskRefusal::Decided)]);
}

#[test]
fn nobody_who_comes_back_ends_it() {
    let mut inbox = Inbox::new(EXPIRY);
    inbox.handle(asked(1, 1), at(0));
    inbox.handle(InboxEvent::Accept(1), at(1));
    inbox.handle(InboxEvent::Lost(1), at(10));
    inbox.handle(InboxEvent::Lost(1), at(400));
    assert_eq!(
        inbox.handle(InboxEvent::Tick, at(610)),
        [InboxAction::GiveUp(1)]
    );
    assert_eq!(inbox.next_tick(), None, "said once");
}

#[test]
fn an_open_ask_whose_sender_vanishes_is_gone_and_may_come_back() {
    let mut inbox = Inbox::new(EXPIRY);
    inbox.handle(asked(1, 1), at(0));
    let gone = inbox.handle(InboxEvent::Lost(1), at(1));
    assert_eq!(gone, [InboxAction::Gone(1, Gone::Lost)]);
    assert_eq!(inbox.handle(asked(1, 1), at(2)), [InboxAction::Show(2)]);
    // On a new stream before the old one is known to be broken.
    assert_eq!(inbox.handle(asked(1, 1), at(3)), [InboxAction::Rejoin(2)]);
    let taken = inbox.handle(InboxEvent::Withdrawn(2), at(4));
    assert_eq!(taken, [InboxAction::Gone(2, Gone::Withdrawn)]);
}

#[test]
fn an_errand_runs_from_the_ask_to_the_end() {
    let mut errand = Errand::new(EXPIRY, at(0));
    assert_eq!(errand.handle(Heard::Tick, at(0)), [Act::Ask]);
    assert!(errand.handle(Heard::Tick, at(1)).is_empty());
    errand.handle(Heard::Sent, at(1));
    assert_eq!(errand.handle(Heard::Shown, at(1)), [Act::TellAsked]);
    // What was not accepted reaches no one.
    assert!(errand.handle(Heard::Done, at(2)).is_empty());
    let begin = [Act::Begin { first: true }];
    assert_eq!(errand.handle(Heard::Accepted, at(2)), begin);
    assert_eq!(errand.next_tick(), None);
    let done = [Act::End(Outcome::Done)];
    assert_eq!(errand.handle(Heard::Done, at(3)), done);
    assert!(errand.handle(Heard::Broke, at(4)).is_empty());
}

#[test]
fn an_interrupted_errand_asks_again_and_goes_on() {
    let mut errand = Errand::new(EXPIRY, at(0));
    errand.handle(Heard::Tick, at(0));
    errand.handle(Heard::Sent, at(0));
    errand.handle(Heard::Shown, at(0));
    errand.handle(Heard::Accepted, at(1));
    assert_eq!(errand.handle(Heard::Broke, at(5)), [Act::TellWaiting]);
    assert_eq!(errand.handle(Heard::Tick, at(6)), [Act::Ask]);
    assert!(errand.handle(Heard::Broke, at(7)).is_empty(), "said once");
    assert_eq!(errand.handle(Heard::Tick, at(8)), [Act::Ask]);
    errand.handle(Heard::Sent, at(8));
    let again = [Act::Begin { first: false }];
    assert_eq!(errand.handle(Heard::Accepted, at(8)), again);
    assert_eq!(errand.handle(Heard::Broke, at(9)), [Act::TellWaiting]);
    assert_eq!(errand.handle(Heard::Tick, at(600)), [Act::Ask]);
    errand.handle(Heard::Broke, at(601));
    let gone = [Act::End(Outcome::Gone)];
    assert_eq!(errand.handle(Heard::Tick, at(609)), gone);
}

#[test]
fn an_errand_that_nobody_answers_expires_a_little_later_than_at_the_receiver() {
    let mut errand = Errand::new(EXPIRY, at(0));
    errand.handle(Heard::Tick, at(0));
    errand.handle(Heard::Sent, at(0));
    errand.handle(Heard::Shown, at(10));
    assert!(errand.handle(Heard::Tick, at(311)).is_empty());
    let expired = [Act::Cancel, Act::End(Outcome::Expired)];
    assert_eq!(errand.handle(Heard::Tick, at(325)), expired);
    let mut errand = Errand::new(EXPIRY, at(0));
    let refused = errand.handle(Heard::Refused(AskRefusal::Expired), at(1));
    assert_eq!(refused, [Act::End(Outcome::Expired)]);
    let mut errand = Errand::new(EXPIRY, at(0));
    let stopped = [Act::Cancel, Act::End(Outcome::Stopped)];
    assert_eq!(errand.handle(Heard::Stop, at(1)), stopped);
}

#[test]
fn several_files_are_called_by_their_folder_or_their_number() {
    assert_eq!(title(&["a/b.txt"]), "a/b.txt");
    assert_eq!(title(&["a/b", "a/c/d"]), "a/");
    assert_eq!(title(&["a/b", "ab/c"]), "2 files");
    assert_eq!(title(&["a", "b", "c"]), "3 files");
}

proptest! {
    /// Whatever strangers and the person do: never more open than allowed, and an ask is begun at
    /// most once.
    #[test]
    fn limits_hold_whatever_happens(events in proptest::collection::vec((0u8..7, 0u8..14, 0u8..6, 0u64..60), 0..200)) {
        let mut inbox = Inbox::new(EXPIRY);
        let (mut now, mut begun, mut open) = (at(0), std::collections::HashSet::new(), std::collections::BTreeSet::new());
        for (kind, who, what, pause) in events {
            now += at(pause);
            let number = u32::from(who) + u32::from(what);
            let event = match kind {
                0 | 1 => asked(who, what),
                2 => InboxEvent::Accept(number),
                3 => InboxEvent::Refuse(number, AskRefusal::Person),
                4 => InboxEvent::Lost(number),
                5 => InboxEvent::Ended(number),
                _ => InboxEvent::Tick,
            };
            for action in inbox.handle(event, now) {
                match action {
                    InboxAction::Show(number) => prop_assert!(open.insert(number)),
                    InboxAction::Begin(number) => prop_assert!(begun.insert(number)),
                    _ => {}
                }
            }
            open.retain(|&number| inbox.is_open(number));
            prop_assert!(open.len() <= MAX_OPEN);
        }
    }
}
