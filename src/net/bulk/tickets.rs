//! Tickets for connections that are to come. Pure.
//!
//! Invariants: a ticket is good once, and not after its time; there are at most so many.

use crate::wire::bulk::TICKET;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// See the module.
pub(super) struct Tickets<T> {
    waiting: HashMap<[u8; TICKET], (Instant, T)>,
    most: usize,
    life: Duration,
}

impl<T> Tickets<T> {
    pub(super) fn new(most: usize, life: Duration) -> Self {
        Self {
            waiting: HashMap::new(),
            most,
            life,
        }
    }

    fn expire(&mut self, now: Instant) {
        self.waiting.retain(|_, (until, _)| *until > now);
    }

    /// Keeps one. What is too much is dropped.
    pub(super) fn put(&mut self, ticket: [u8; TICKET], what: T, now: Instant) {
        self.expire(now);
        if self.waiting.len() < self.most {
            self.waiting.insert(ticket, (now + self.life, what));
        }
    }

    /// Takes it, if it is good.
    pub(super) fn take(&mut self, ticket: &[u8; TICKET], now: Instant) -> Option<T> {
        self.expire(now);
        self.waiting.remove(ticket).map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_not_after_its_time() {
        let (mut tickets, now) = (Tickets::new(2, Duration::from_secs(10)), Instant::now());
        tickets.put([1; TICKET], 'a', now);
        tickets.put([2; TICKET], 'b', now + Duration::from_secs(5));
        tickets.put([3; TICKET], 'c', now + Duration::from_secs(5));
        assert_eq!(tickets.take(&[3; TICKET], now), None, "too many");
        assert_eq!(tickets.take(&[1; TICKET], now), Some('a'));
        assert_eq!(tickets.take(&[1; TICKET], now), None, "once");
        let late = now + Duration::from_secs(15);
        assert_eq!(tickets.take(&[2; TICKET], late), None, "too late");
        tickets.put([4; TICKET], 'd', late);
        assert_eq!(tickets.take(&[4; TICKET], late), Some('d'));
    }
}
