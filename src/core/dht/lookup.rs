//! One lookup: nodes nearer and nearer to a key are asked, until the nearest have answered
//! (Kademlia: P. Maymounkov, D. Mazières, 2002).
//!
//! Owns who was told of, asked and heard. Invariants: each address is asked once, at most
//! [`MAX_ASKED`] of them, [`MAX_UNDER_WAY`] at a time; of those told of the nearest
//! [`MAX_CANDIDATES`] are remembered, in a DHT of the internet one of an IP address; it ends by
//! itself after [`LONGEST`].

use super::{Contact, Key160, Reach};
use crate::core::Now;
use ::core::net::{Ipv4Addr, SocketAddrV4};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// An item is kept by so many nodes, the nearest.
pub const K: usize = 8;
/// Nodes asked in one lookup.
pub const MAX_ASKED: usize = 64;
/// Nodes remembered in one.
pub const MAX_CANDIDATES: usize = 64;
/// Questions without an answer yet.
const MAX_UNDER_WAY: usize = 8;
/// An answer that does not come for so long does not.
const ANSWER: Duration = Duration::from_secs(2);
/// No lookup takes longer.
const LONGEST: Duration = Duration::from_secs(20);
/// Addresses by which a DHT is entered.
const MAX_ENTRIES: usize = 24;

#[derive(Debug, PartialEq, Eq)]
enum State {
    New,
    Asked,
    Answered { token: Option<Vec<u8>> },
}

#[derive(Debug)]
struct Candidate {
    at: SocketAddrV4,
    state: State,
}

/// See the module.
#[derive(Debug)]
pub struct Lookup {
    target: Key160,
    reach: Reach,
    until: Now,
    /// By distance from the target.
    candidates: BTreeMap<Key160, Candidate>,
    /// Entries, of which no id is known; asked first.
    entries: Vec<SocketAddrV4>,
    asked: BTreeSet<SocketAddrV4>,
    under_way: BTreeMap<SocketAddrV4, Now>,
}

impl Lookup {
    /// Begins at these addresses, the last one first.
    #[must_use]
    pub fn new(target: Key160, reach: Reach, mut entries: Vec<SocketAddrV4>, now: Now) -> Self {
        entries.truncate(MAX_ENTRIES);
        Self {
            target,
            reach,
            until: now + LONGEST,
            candidates: BTreeMap::new(),
            entries,
            asked: BTreeSet::new(),
            under_way: BTreeMap::new(),
        }
    }

    /// Whom to ask now, if anybody.
    pub fn next(&mut self, now: Now) -> Option<SocketAddrV4> {
        self.expire(now);
        if now >= self.until
            || self.under_way.len() >= MAX_UNDER_WAY
            || self.asked.len() >= MAX_ASKED
        {
            return None;
        }
        let enough = self.heard() >= K;
        let at = loop {
            // Who is known to be near comes before who only lets in.
            let mut near = self.candidates.values_mut().take(K);
            let at = match near.find(|one| one.state == State::New) {
                Some(candidate) => {
                    candidate.state = State::Asked;
                    candidate.at
                }
                None if enough => return None,
                None => self.entries.pop()?,
            };
            if self.asked.insert(at) {
                break at;
            }
            // It was asked as an entry, or under another id.
            self.candidates
                .retain(|_, one| one.at != at || one.state != State::Asked);
        };
        self.under_way.insert(at, now + ANSWER);
        Some(at)
    }

    fn heard(&self) -> usize {
        let answered = |one: &&Candidate| matches!(one.state, State::Answered { .. });
        self.candidates.values().filter(answered).count()
    }

    /// Whether an answer from there is waited for.
    #[must_use]
    pub fn expects(&self, from: SocketAddrV4) -> bool {
        self.under_way.contains_key(&from)
    }

    /// An answer came.
    pub fn answered(
        &mut self,
        from: Contact,
        token: Option<Vec<u8>>,
        contacts: &[Contact],
        now: Now,
    ) {
        self.expire(now);
        if self.under_way.remove(&from.at).is_none() {
            return;
        }
        // It may have another id than was said.
        self.candidates.retain(|_, one| one.at != from.at);
        let state = State::Answered { token };
        self.remember(from, state);
        for contact in contacts.iter().take(super::MAX_CONTACTS) {
            let usable = contact.at.port() != 0 && self.reach.takes((*contact.at.ip()).into());
            if usable && !self.asked.contains(&contact.at) && !self.is_told(contact.at) {
                self.remember(*contact, State::New);
            }
        }
    }

    /// One of an address, or of an IP address where these are worth something.
    fn is_told(&self, at: SocketAddrV4) -> bool {
        let same = |ip: &Ipv4Addr| self.reach == Reach::Global && ip == at.ip();
        let mut known = self.candidates.values();
        known.any(|one| one.at == at || same(one.at.ip()))
    }

    fn remember(&mut self, contact: Contact, state: State) {
        let distance = self.distance(&contact.id);
        if self.candidates.len() >= MAX_CANDIDATES {
            let last = self.candidates.last_key_value().map(|(last, _)| *last);
            if last.is_some_and(|last| last <= distance) {
                return;
            }
            self.candidates.pop_last();
        }
        let at = contact.at;
        let known = self.candidates.get(&distance);
        // Nobody takes the place of one who answered by claiming its id.
        if !known.is_some_and(|known| matches!(known.state, State::Answered { .. })) {
            self.candidates.insert(distance, Candidate { at, state });
        }
    }

    fn distance(&self, id: &Key160) -> Key160 {
        let mut distance = *id;
        for (byte, target) in distance.iter_mut().zip(self.target) {
            *byte ^= target;
        }
        distance
    }

    fn expire(&mut self, now: Now) {
        let late = |until: &Now| *until <= now;
        let late: Vec<SocketAddrV4> = self
            .under_way
            .iter()
            .filter(|(_, until)| late(until))
            .map(|(at, _)| *at)
            .collect();
        for at in late {
            self.under_way.remove(&at);
            self.candidates
                .retain(|_, one| one.at != at || one.state != State::Asked);
        }
    }

    /// Whether there is nothing to do and to wait for. Asked after [`Self::next`].
    #[must_use]
    pub fn is_over(&self, now: Now) -> bool {
        let waits = self.under_way.values().any(|until| *until > now);
        let near = || self.candidates.values().take(K);
        let more = near().any(|one| one.state == State::New)
            || (self.heard() < K && !self.entries.is_empty());
        now >= self.until || !(waits || (more && self.asked.len() < MAX_ASKED))
    }

    /// When something is given up, if nothing comes.
    #[must_use]
    pub fn next_tick(&self) -> Now {
        let answers = self.under_way.values().copied();
        answers.min().unwrap_or(self.until).min(self.until)
    }

    /// The nearest of those that answered, which may keep an item: where, and with which token.
    #[must_use]
    pub fn nearest(&self) -> Vec<(SocketAddrV4, Vec<u8>)> {
        let answered = self.candidates.values().filter_map(|one| match &one.state {
            State::Answered { token } => Some((one.at, token.clone()?)),
            _ => None,
        });
        answered.take(K).collect()
    }

    /// Some of those that answered: the next lookup can begin with them.
    #[must_use]
    pub fn heard_from(&self) -> Vec<SocketAddrV4> {
        let answered = |one: &&Candidate| matches!(one.state, State::Answered { .. });
        let heard = self.candidates.values().filter(answered);
        heard.map(|one| one.at).take(2 * K).collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.candidates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::chance::Chance;
    use proptest::prelude::*;

    const NOW: Now = Duration::from_secs(100);
    const TARGET: Key160 = [0; 20];

    fn contact(n: u32, chance: &mut Chance) -> Contact {
        let mut id = [0; 20];
        id[..8].copy_from_slice(&chance.bits().to_be_bytes());
        let at = SocketAddrV4::new(Ipv4Addr::from(0x0800_0000 + n), 6881);
        Contact { id, at }
    }

    /// A DHT of so many: each knows some that are near the target, and some that are not.
    fn network(count: u32) -> Vec<Contact> {
        let mut chance = Chance::new(7);
        let mut all: Vec<Contact> = (0..count).map(|n| contact(n, &mut chance)).collect();
        all.sort_by_key(|one| one.id);
        all
    }

    /// Runs it to its end; gives how many were asked.
    fn run(
        lookup: &mut Lookup,
        answer: impl Fn(SocketAddrV4) -> Option<(Contact, Vec<Contact>)>,
    ) -> usize {
        let (mut now, mut asked) = (NOW, 0);
        loop {
            if let Some(at) = lookup.next(now) {
                asked += 1;
                if let Some((from, contacts)) = answer(at) {
                    lookup.answered(from, Some(vec![1]), &contacts, now);
                }
                now += super::super::PACE;
            } else if lookup.is_over(now) {
                return asked;
            } else {
                now = lookup.next_tick();
            }
            assert!(lookup.len() <= MAX_CANDIDATES && lookup.under_way.len() <= MAX_UNDER_WAY);
        }
    }

    fn honest(all: &[Contact], at: SocketAddrV4) -> Option<(Contact, Vec<Contact>)> {
        let place = all.iter().position(|one| one.at == at)?;
        // Half as far from the target, and around there.
        let contacts = all.iter().skip((place / 2).saturating_sub(4));
        let contacts = contacts.take(K).copied().collect();
        Some((all[place], contacts))
    }

    #[test]
    fn the_nearest_are_found_among_thousands_with_few_questions() {
        let all = network(4000);
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![all[3999].at], NOW);
        let asked = run(&mut lookup, |at| honest(&all, at));
        let nearest: Vec<_> = lookup.nearest().into_iter().map(|(at, _)| at).collect();
        let expected: Vec<_> = all[..K].iter().map(|one| one.at).collect();
        assert_eq!(nearest, expected);
        assert!(asked < 50, "{asked}");
    }

    #[test]
    fn those_that_are_silent_are_passed_over() {
        let all = network(400);
        let dead = |at: SocketAddrV4| all.iter().position(|one| one.at == at).unwrap() % 3 == 1;
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![all[399].at], NOW);
        run(&mut lookup, |at| honest(&all, at).filter(|_| !dead(at)));
        let nearest = lookup.nearest();
        assert_eq!(nearest.len(), K);
        assert!(nearest.iter().all(|(at, _)| !dead(*at)));
        assert_eq!(nearest[0].0, all[0].at);
    }

    /// Liars name ten thousand that do not exist, each nearer than the one before.
    #[test]
    fn liars_cost_a_bound_of_questions_and_of_memory() {
        let mut nearer: u64 = u64::MAX;
        let told = std::cell::RefCell::new(Vec::new());
        for n in 0..10_000u32 {
            nearer -= 1 << 40;
            let mut id = [0; 20];
            id[..8].copy_from_slice(&nearer.to_be_bytes());
            let at = SocketAddrV4::new(Ipv4Addr::from(0x0900_0000 + n), 1);
            told.borrow_mut().push(Contact { id, at });
        }
        let entry = SocketAddrV4::new(Ipv4Addr::new(8, 8, 8, 8), 1);
        let liar = Contact {
            id: [255; 20],
            at: entry,
        };
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![entry], NOW);
        let asked = run(&mut lookup, |at| {
            let from = Contact { at, ..liar };
            let mut told = told.borrow_mut();
            let next = told.len().saturating_sub(20);
            Some((from, told.split_off(next)))
        });
        assert!(asked <= 64, "{asked}");
        // And when nobody answers, it ends all the same.
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![entry], NOW);
        assert_eq!(run(&mut lookup, |_| None), 1);
        assert!(lookup.nearest().is_empty());
    }

    #[test]
    fn nobody_is_sent_to_a_private_network_nor_twice_to_one_address() {
        let entry = SocketAddrV4::new(Ipv4Addr::new(8, 8, 8, 8), 1);
        let from = Contact {
            id: [255; 20],
            at: entry,
        };
        let at = |text: &str| text.parse::<SocketAddrV4>().unwrap();
        let told = |lookup: &mut Lookup, ats: &[&str]| {
            let id = |n: usize| [n as u8; 20];
            let contacts: Vec<Contact> = ats
                .iter()
                .enumerate()
                .map(|(n, text)| Contact {
                    id: id(n + 1),
                    at: at(text),
                })
                .collect();
            assert_eq!(lookup.next(NOW), Some(entry));
            assert!(lookup.expects(entry) && !lookup.expects(at("9.9.9.9:9")));
            lookup.answered(from, None, &contacts, NOW);
            let mut asked = Vec::new();
            while let Some(at) = lookup.next(NOW) {
                asked.push(at.to_string());
            }
            asked
        };
        let ats = [
            "10.0.0.1:1",
            "127.0.0.1:53",
            "1.1.1.1:0",
            "1.1.1.1:53",
            "1.1.1.1:54",
            "255.255.255.255:1",
        ];
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![entry], NOW);
        assert_eq!(told(&mut lookup, &ats), ["1.1.1.1:53"]);
        let mut lookup = Lookup::new(TARGET, Reach::Loopback, vec![entry], NOW);
        let asked = told(&mut lookup, &ats);
        assert_eq!(
            asked,
            ["10.0.0.1:1", "127.0.0.1:53", "1.1.1.1:53", "1.1.1.1:54"]
        );
    }

    #[test]
    fn who_was_not_asked_is_not_heard_nor_one_twice() {
        let all = network(20);
        let mut lookup = Lookup::new(TARGET, Reach::Global, vec![all[0].at], NOW);
        lookup.answered(all[1], Some(vec![1]), &[], NOW);
        assert!(lookup.nearest().is_empty());
        assert_eq!(lookup.next(NOW), Some(all[0].at));
        lookup.answered(all[0], Some(vec![1]), &[], NOW);
        lookup.answered(all[0], Some(vec![2]), &all[2..4], NOW);
        assert_eq!(lookup.nearest(), [(all[0].at, vec![1])]);
        assert!(lookup.next(NOW).is_none() && lookup.is_over(NOW));
    }

    proptest! {
        #[test]
        fn it_ends_whatever_is_answered(seed in any::<u64>(), reach in 0..3usize) {
            let reach = [Reach::Loopback, Reach::Private, Reach::Global][reach];
            let chance = std::cell::RefCell::new(Chance::new(seed));
            let entries = (0..30).map(|n| contact(n, &mut chance.borrow_mut()).at).collect();
            let mut lookup = Lookup::new(TARGET, reach, entries, NOW);
            let asked = run(&mut lookup, |at| {
                let mut chance = chance.borrow_mut();
                let from = Contact { at, ..contact(0, &mut chance) };
                let told = (0..chance.below(40)).map(|_| {
                    let n = chance.below(1000) as u32;
                    contact(n, &mut chance)
                });
                let told: Vec<Contact> = told.collect();
                (chance.below(4) > 0).then_some((from, told))
            });
            prop_assert!(asked <= MAX_ASKED);
            prop_assert!(lookup.nearest().len() <= K);
        }
    }
}
