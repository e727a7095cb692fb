//! Who may use a link that somebody with only a browser was given: its time, its uses, its PIN.
//! Pure.
//!
//! Owns the counting. Never knows what the link is about. Invariants: a link that has ended stays
//! ended; a PIN can be tried [`TRIES`] times from one place and [`TRIES_IN_ALL`] times from all of
//! them before it rests for [`REST`], and what is remembered of those who try has a bound.

use super::Now;
use core::net::IpAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Wrong PINs from one place before it has to wait.
pub const TRIES: u32 = 3;
/// Wrong PINs from all places together before all have to wait.
pub const TRIES_IN_ALL: u32 = 30;
/// How long they have to wait.
pub const REST: Duration = Duration::from_secs(600);
/// The most uses that can be counted.
pub const MAX_USES: u32 = 1000;
/// The longest PIN, in bytes.
pub const MAX_PIN: usize = 64;
/// Places that are remembered because of wrong PINs.
const REMEMBERED: usize = 256;

/// Where somebody asks from: an IPv4 address, or the first 64 bits of an IPv6 one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place(pub u64);

impl Place {
    /// Where an address is: somebody with an IPv6 network has 2^64 addresses of it.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => Self((ip.to_bits() >> 64) as u64),
        }
    }
}

/// The secret part of a link's address: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// Reads 32 hex digits, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = Some(text).filter(|text| text.len() == 32 && digits)?;
        let number = u128::from_str_radix(number, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// On what terms a link is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When it ends.
    pub until: Option<Now>,
    /// From how many places it may be used.
    pub uses: Option<u32>,
    /// What has to be typed first.
    pub pin: Option<String>,
}

/// Why somebody may not use a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Its time is over.
    Expired,
    /// It was used as often as it may be.
    Used,
}

/// What came of a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is right.
    Right,
    /// It is not; so many tries are left.
    Wrong(u32),
    /// No try is left for so long.
    Resting(Duration),
}

#[derive(Clone, Copy, Default)]
struct Wrong {
    count: u32,
    last: Now,
}

impl Wrong {
    /// How long is still to be waited.
    fn rests(&self, most: u32, now: Now) -> Option<Duration> {
        let until = self.last + REST;
        until
            .checked_sub(now)
            .filter(|left| self.count >= most && !left.is_zero())
    }

    fn add(&mut self, now: Now) {
        if self.last + REST <= now {
            self.count = 0;
        }
        self.count += 1;
        self.last = now;
    }
}

/// The state of one link. See the module.
pub struct Gate {
    terms: Terms,
    users: BTreeSet<Place>,
    wrong: BTreeMap<Place, Wrong>,
    all: Wrong,
}

impl Gate {
    /// A link that nobody used yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            users: BTreeSet::new(),
            wrong: BTreeMap::new(),
            all: Wrong::default(),
        }
    }

    /// Its terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// From how many places it was used, as far as that is counted.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.users.len() as u32
    }

    /// Whether somebody may look at it.
    ///
    /// # Errors
    /// [`Closed`] says why not.
    pub fn look(&self, from: Place, now: Now) -> Result<(), Closed> {
        if self.terms.until.is_some_and(|until| until <= now) {
            return Err(Closed::Expired);
        }
        let left = self.terms.uses.is_none_or(|uses| self.used() < uses);
        if left || self.users.contains(&from) {
            Ok(())
        } else {
            Err(Closed::Used)
        }
    }

    /// Whether somebody may take something by it. The first time from a place is a use; from there
    /// it may be taken again, since a transfer may break off.
    ///
    /// # Errors
    /// [`Closed`] says why not.
    pub fn take(&mut self, from: Place, now: Now) -> Result<(), Closed> {
        self.look(from, now)?;
        if self.users.len() < MAX_USES as usize {
            self.users.insert(from);
        }
        Ok(())
    }

    /// How long no PIN is looked at from there, if wrong ones came.
    #[must_use]
    pub fn rests(&self, from: Place, now: Now) -> Option<Duration> {
        let own = self.wrong.get(&from).and_then(|own| own.rests(TRIES, now));
        own.or_else(|| self.all.rests(TRIES_IN_ALL, now))
    }

    /// Somebody types a PIN.
    pub fn try_pin(&mut self, from: Place, typed: &str, now: Now) -> Tried {
        let Some(pin) = &self.terms.pin else {
            return Tried::Right;
        };
        if let Some(rest) = self.rests(from, now) {
            return Tried::Resting(rest);
        }
        // Hashes are compared in constant time.
        if typed.len() <= MAX_PIN && blake3::hash(typed.as_bytes()) == blake3::hash(pin.as_bytes())
        {
            self.wrong.remove(&from);
            return Tried::Right;
        }
        self.make_room(from, now);
        let own = self.wrong.entry(from).or_default();
        own.add(now);
        self.all.add(now);
        match own.rests(TRIES, now) {
            Some(rest) => Tried::Resting(rest),
            None => Tried::Wrong(TRIES - own.count),
        }
    }

    /// The bound in all ends before places that still rest would have to be forgotten.
    fn make_room(&mut self, from: Place, now: Now) {
        if self.wrong.len() >= REMEMBERED && !self.wrong.contains_key(&from) {
            self.wrong.retain(|_, wrong| wrong.last + REST > now);
            let oldest = self.wrong.iter().min_by_key(|(_, wrong)| wrong.last);
            if let Some(oldest) = oldest.map(|(place, _)| *place)
                && self.wrong.len() >= REMEMBERED
            {
                self.wrong.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Place = Place(1);
    const B: Place = Place(2);

    fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn gate(uses: Option<u32>, pin: Option<&str>) -> Gate {
        Gate::new(Terms {
            until: Some(at(5000)),
            uses,
            pin: pin.map(str::to_owned),
        })
    }

    #[test]
    fn a_network_of_ipv6_is_one_place() {
        let of = |ip: &str| Place::of(ip.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.8"), of("192.0.2.7"));
    }

    #[test]
    fn a_token_is_32_hex_digits_and_nothing_else() {
        let token = Token([0xab; 16]);
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        assert!(!format!("{token:?}").contains("ab"));
        let text = "0123456789abcdef0123456789abcdef";
        assert!(Token::parse(text).is_some());
        for wrong in [
            "",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            &format!("+{}", &text[1..]),
            "../../../../../../../../../../etc",
        ] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_link_ends_with_its_time() {
        let mut gate = gate(None, None);
        assert_eq!(gate.take(A, at(4999)), Ok(()));
        assert_eq!(gate.look(A, at(5000)), Err(Closed::Expired));
        assert_eq!(gate.take(A, at(9000)), Err(Closed::Expired));
    }

    #[test]
    fn looking_is_no_use_and_who_used_it_may_go_on() {
        let mut gate = gate(Some(1), None);
        assert_eq!((gate.look(A, at(0)), gate.look(B, at(0))), (Ok(()), Ok(())));
        assert_eq!(gate.used(), 0);
        assert_eq!(gate.take(A, at(1)), Ok(()));
        assert_eq!(gate.look(B, at(2)), Err(Closed::Used));
        assert_eq!(gate.take(B, at(2)), Err(Closed::Used));
        assert_eq!(gate.take(A, at(3)), Ok(()), "its transfer broke off");
        assert_eq!(gate.used(), 1);
    }

    #[test]
    fn users_that_are_not_limited_are_counted_to_a_bound() {
        let mut gate = gate(None, None);
        for place in 0..5000 {
            assert_eq!(gate.take(Place(place), at(1)), Ok(()));
        }
        assert_eq!(gate.used(), MAX_USES);
    }

    #[test]
    fn a_pin_can_be_tried_three_times_from_a_place() {
        let mut gate = gate(None, Some("4711"));
        assert_eq!(gate.try_pin(A, "0000", at(0)), Tried::Wrong(2));
        assert_eq!(gate.try_pin(A, "", at(1)), Tried::Wrong(1));
        assert_eq!(gate.try_pin(A, "471", at(2)), Tried::Resting(REST));
        assert_eq!(
            gate.try_pin(A, "4711", at(3)),
            Tried::Resting(REST.saturating_sub(at(1))),
            "not even the right one counts now"
        );
        assert_eq!(gate.try_pin(B, "4711", at(3)), Tried::Right);
        assert_eq!(gate.try_pin(A, "4711", at(2) + REST), Tried::Right);
        assert_eq!(gate.try_pin(A, "1", at(3) + REST), Tried::Wrong(2));
    }

    #[test]
    fn many_places_together_have_a_bound_and_little_is_remembered() {
        let mut gate = gate(None, Some("4711"));
        for place in 0..u64::from(TRIES_IN_ALL) {
            assert_eq!(gate.try_pin(Place(place), "1", at(0)), Tried::Wrong(2));
        }
        for place in 100..10_000 {
            let tried = gate.try_pin(Place(place), "4711", at(1));
            assert!(matches!(tried, Tried::Resting(_)), "{tried:?}");
        }
        assert!(gate.wrong.len() <= REMEMBERED);
        assert_eq!(gate.try_pin(A, "4711", at(0) + REST), Tried::Right);
    }
}
