//! Which of the servers that a server knows to ask whose a name is, and what their answers say
//! together.
//!
//! Owns the pauses after one did not answer, and what is known of each question. Never checks a
//! signature, and reads no clock. Invariants: a question goes to each server once at most, so it
//! ends; one that failed is not asked before its pause is over, and is not waited for.

use super::{Now, id::NodeId};
use std::{collections::BTreeMap, time::Duration};

/// Servers that one may know.
pub const MAX_PEER_SERVERS: usize = 32;
/// Questions under way at a time: so many exchanges a server takes on one connection.
pub const MAX_QUESTIONS: usize = 8;
/// So long is waited for the answers to one.
pub const ANSWER: Duration = Duration::from_secs(3);
/// The first and the longest pause after a server failed.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

#[derive(Debug, Default)]
struct Failing {
    failures: u32,
    retry: Now,
}

#[derive(Debug)]
struct Question<E> {
    until: Now,
    /// Who is still to answer.
    open: Vec<NodeId>,
    /// Who said that somebody has the name.
    found: Vec<(NodeId, E)>,
    complete: bool,
}

/// What the others say of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<E> {
    /// By which server, and what; in the order of the answers.
    pub found: Vec<(NodeId, E)>,
    /// Whether all of them answered.
    pub complete: bool,
}

/// See the module; `E` is what a server says of somebody who has a name.
#[derive(Debug)]
pub struct PeerServers<E> {
    servers: BTreeMap<NodeId, Failing>,
    questions: BTreeMap<u64, Question<E>>,
    next: u64,
}

impl<E> PeerServers<E> {
    /// Of these, [`MAX_PEER_SERVERS`] at most.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = NodeId>) -> Self {
        let servers = servers.into_iter().take(MAX_PEER_SERVERS);
        Self {
            servers: servers.map(|key| (key, Failing::default())).collect(),
            questions: BTreeMap::new(),
            next: 0,
        }
    }

    /// Whether one more may be asked.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.questions.len() < MAX_QUESTIONS
    }

    /// A new question: its number, and whom to ask. It is over at once when there is nobody.
    pub fn ask(&mut self, now: Now) -> (u64, Vec<NodeId>) {
        let ready = |(key, server): (&NodeId, &Failing)| (server.retry <= now).then_some(*key);
        let open: Vec<NodeId> = self.servers.iter().filter_map(ready).collect();
        self.next += 1;
        let question = Question {
            until: now + ANSWER,
            complete: open.len() == self.servers.len(),
            open: open.clone(),
            found: Vec::new(),
        };
        self.questions.insert(self.next, question);
        (self.next, open)
    }

    /// A server answers: somebody has the name, or nobody.
    pub fn answered(&mut self, number: u64, server: NodeId, found: Option<E>) {
        if let Some(failing) = self.servers.get_mut(&server) {
            *failing = Failing::default();
        }
        if let Some(question) = self.questions.get_mut(&number)
            && let Some(at) = question.open.iter().position(|open| *open == server)
        {
            question.open.swap_remove(at);
            question.found.extend(found.map(|entry| (server, entry)));
        }
    }

    /// It does not answer this one, or nothing of use. `lost`: nor will it answer others.
    pub fn silent(&mut self, number: u64, server: NodeId, lost: bool, now: Now) {
        if let Some(question) = self.questions.get_mut(&number)
            && let Some(at) = question.open.iter().position(|open| *open == server)
        {
            question.open.swap_remove(at);
            question.complete = false;
        }
        if lost {
            self.failed(server, now);
        }
    }

    fn failed(&mut self, server: NodeId, now: Now) {
        let Some(failing) = self.servers.get_mut(&server) else {
            return;
        };
        // Several questions fail at once with one connection.
        if failing.retry <= now {
            let factor = 1 << failing.failures.min(6);
            failing.retry = now + (PAUSES[0] * factor).min(PAUSES[1]);
            failing.failures += 1;
        }
    }

    /// Those questions that are over. Who let one wait until its end has failed.
    pub fn over(&mut self, now: Now) -> Vec<(u64, Said<E>)> {
        let over = |question: &Question<E>| question.open.is_empty() || question.until <= now;
        let numbers = self.questions.iter();
        let numbers = numbers.filter(|(_, question)| over(question));
        let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
        let taken = |number: u64| Some((number, self.questions.remove(&number)?));
        let over: Vec<_> = numbers.into_iter().filter_map(taken).collect();
        let late = over.iter().flat_map(|(_, question)| &question.open);
        for server in late.copied().collect::<Vec<_>>() {
            self.failed(server, now);
        }
        let said = |(number, question): (u64, Question<E>)| {
            let complete = question.complete && question.open.is_empty();
            let found = question.found;
            (number, Said { found, complete })
        };
        over.into_iter().map(said).collect()
    }

    /// When time ends one.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        self.questions.values().map(|question| question.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    #[test]
    fn all_are_asked_once_and_what_they_say_comes_together() {
        let mut servers = PeerServers::new([key(1), key(2)]);
        let (number, asked) = servers.ask(Now::ZERO);
        assert_eq!(asked, [key(1), key(2)]);
        servers.answered(number, key(2), Some("anna"));
        // Nobody answers twice.
        servers.answered(number, key(2), Some("ben"));
        assert!(servers.over(Now::ZERO).is_empty());
        servers.answered(number, key(1), None);
        let found = vec![(key(2), "anna")];
        let complete = true;
        assert_eq!(
            servers.over(Now::ZERO),
            [(number, Said { found, complete })]
        );
        assert!(servers.over(Now::ZERO).is_empty());
    }

    #[test]
    fn who_says_nothing_is_waited_for_three_seconds_and_then_it_is_known_that_one_is_missing() {
        let mut servers = PeerServers::<()>::new([key(1), key(2)]);
        let (number, _) = servers.ask(Now::ZERO);
        servers.answered(number, key(1), None);
        assert_eq!(servers.next_tick(), Some(ANSWER));
        let over = servers.over(ANSWER);
        assert!(over.len() == 1 && !over[0].1.complete);
        // The next question does not wait for it.
        assert_eq!(servers.ask(ANSWER).1, [key(1)]);
    }

    #[test]
    fn one_that_failed_is_left_out_for_growing_pauses_and_asked_again_when_it_answers() {
        let mut servers = PeerServers::<()>::new([key(1)]);
        let (mut now, mut tries) = (Now::ZERO, 0);
        while now < Duration::from_secs(600) {
            let (number, asked) = servers.ask(now);
            tries += asked.len();
            for server in asked {
                servers.silent(number, server, true, now);
            }
            let over = servers.over(now);
            assert!(!over[0].1.complete);
            now += Duration::from_millis(500);
        }
        assert!((12..20).contains(&tries), "{tries}");
        now += Duration::from_secs(60);
        let (number, asked) = servers.ask(now);
        servers.answered(number, asked[0], None);
        assert!(servers.over(now)[0].1.complete);
        assert_eq!(servers.ask(now).1, [key(1)]);
    }

    proptest! {
        #[test]
        fn every_question_ends_within_its_time_and_they_are_bounded(
            steps in proptest::collection::vec((0..4u8, 0..70u64, 0..5u8, 0..900u64), 1..300),
        ) {
            let mut servers = PeerServers::new((0..4).map(key));
            let (mut now, mut begun) = (Now::ZERO, BTreeMap::new());
            for (what, number, of, pause) in steps {
                match what {
                    0 if servers.has_room() => drop(begun.insert(servers.ask(now).0, now)),
                    1 => servers.answered(number, key(of), Some(of)),
                    2 => servers.silent(number, key(of), number % 2 == 0, now),
                    _ => now += Duration::from_millis(pause),
                }
                for (number, said) in servers.over(now) {
                    begun.remove(&number);
                    prop_assert!(said.found.len() <= 4);
                }
                prop_assert!(begun.len() <= MAX_QUESTIONS);
                prop_assert!(begun.values().all(|at| *at + ANSWER > now));
            }
        }
    }
}
