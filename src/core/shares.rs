//! Places that many want and few addresses may not take: which address has how many, and whose
//! place a newcomer gets.
//!
//! Pure. Never picks the thing that gives way, only the address that it belongs to. An address is
//! an [`origin`](super::origin::origin). Invariant: no address with fewer places than another one
//! gives way to it, and none gives way for nothing: afterwards it still has at least as many as the
//! newcomer.

use core::net::IpAddr;
use std::collections::BTreeMap;

/// What a newcomer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A place is free.
    Free,
    /// It takes a place of this address, which has most.
    InPlaceOf(IpAddr),
    /// No address has so much more that it should give way.
    None,
}

/// See the module.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    taken: usize,
    counts: BTreeMap<IpAddr, usize>,
}

impl Shares {
    /// So many places, all of them free.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Places that are taken: more than there are, when some were taken without asking.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Places of one address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> usize {
        self.counts.get(&address).copied().unwrap_or_default()
    }

    /// Whether there is room for one more from this address.
    #[must_use]
    pub fn room(&self, address: IpAddr) -> Room {
        if self.taken < self.most {
            return Room::Free;
        }
        let fullest = self.counts.iter().max_by_key(|(at, count)| (**count, **at));
        match fullest {
            Some((fullest, count)) if *count >= self.of(address) + 2 => Room::InPlaceOf(*fullest),
            _ => Room::None,
        }
    }

    /// One from this address has a place now.
    pub fn enter(&mut self, address: IpAddr) {
        *self.counts.entry(address).or_default() += 1;
        self.taken += 1;
    }

    /// One of this address's places is free again.
    pub fn leave(&mut self, address: IpAddr) {
        let Some(count) = self.counts.get_mut(&address) else {
            return;
        };
        *count -= 1;
        self.taken -= 1;
        if *count == 0 {
            self.counts.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// Comes, in another one's place if need be; whether it could.
    fn come(shares: &mut Shares, address: IpAddr) -> bool {
        match shares.room(address) {
            Room::Free => {}
            Room::InPlaceOf(other) => shares.leave(other),
            Room::None => return false,
        }
        shares.enter(address);
        true
    }

    #[test]
    fn one_address_may_have_all_until_another_one_comes() {
        let mut shares = Shares::new(8);
        assert_eq!((0..20).filter(|_| come(&mut shares, ip(1))).count(), 8);
        assert_eq!((0..20).filter(|_| come(&mut shares, ip(2))).count(), 4);
        assert_eq!((shares.of(ip(1)), shares.of(ip(2))), (4, 4));
        assert!(!come(&mut shares, ip(1)));
        assert!(come(&mut shares, ip(3)));
        shares.leave(ip(3));
        assert_eq!(shares.room(ip(1)), Room::Free);
        for _ in 0..9 {
            shares.leave(ip(1));
            shares.leave(ip(2));
        }
        assert!(shares.counts.is_empty() && shares.taken() == 0);
    }

    proptest! {
        #[test]
        fn an_address_with_less_than_its_share_gets_in(rush in prop::collection::vec(0u8..6, 0..400)) {
            let most = 24;
            let mut shares = Shares::new(most);
            for who in rush {
                come(&mut shares, ip(who));
                prop_assert!(shares.taken() <= most);
            }
            // Of seven, each may have three, whatever the others did.
            for _ in 0..3 {
                prop_assert!(come(&mut shares, ip(6)));
            }
        }
    }
}
