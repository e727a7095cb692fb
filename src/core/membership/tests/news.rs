//! How a change of the own catalog is said.

use super::{crowd::*, *};

#[test]
fn the_first_change_is_said_at_once_and_again_soon_and_many_no_oftener_than_others_bear() {
    let (mut it, told) = crowd(300, ms(0));
    for node in told.0 {
        it.handle(MembershipEvent::Disconnected { node }, ms(1));
    }
    let said = |done: &[MembershipAction]| {
        let said = |it: &&MembershipAction| matches!(it, MembershipAction::Announce(_));
        done.iter().filter(said).count()
    };
    run(&mut it, ms(30_000));
    let quiet = it.announcing.next;
    assert!(quiet > ms(32_000), "{quiet:?}");
    // A change at an arbitrary moment between two beacons.
    assert_eq!(said(&it.handle(MembershipEvent::Changed, ms(30_500))), 0);
    assert_eq!(it.next_tick(), ms(30_500));
    let at = ms(30_500);
    assert_eq!(said(&it.handle(MembershipEvent::Tick, at)), 1);
    assert!((at + ms(500)..=at + ms(700)).contains(&it.announcing.next));
    // One that changes all the time is heard twice in each short pause, of 3.5 s among so many.
    let mut count = 0;
    for n in 0..360 {
        let now = at + ms(n * 100);
        count += said(&it.handle(MembershipEvent::Changed, now));
        count += said(&it.handle(MembershipEvent::Tick, now));
    }
    assert!((15..=30).contains(&count), "{count}");
}
