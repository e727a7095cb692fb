//! Where a node may be: a few addresses, best first.

use ::core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Addresses kept of one node.
pub(super) const MAX_ADDRESSES: usize = 4;

/// See the module. Nearly each node of a crowd has one, of IPv4.
#[derive(Debug)]
pub(super) enum Addresses {
    None,
    One(Ipv4Addr, u16),
    /// Any others.
    #[expect(
        clippy::box_collection,
        reason = "of eight bytes, where there are few of these"
    )]
    Many(Box<Vec<SocketAddr>>),
}

impl Addresses {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let (one, many) = match self {
            Self::None => (None, &[][..]),
            Self::One(ip, port) => (Some(SocketAddrV4::new(*ip, *port).into()), &[][..]),
            Self::Many(all) => (None, all.as_slice()),
        };
        one.into_iter().chain(many.iter().copied())
    }

    pub(super) fn first(&self) -> Option<SocketAddr> {
        self.iter().next()
    }

    pub(super) fn contains(&self, address: &SocketAddr) -> bool {
        self.iter().any(|known| known == *address)
    }

    pub(super) fn to_vec(&self) -> Vec<SocketAddr> {
        self.iter().collect()
    }

    /// Puts one first; true if it was not known. The last one goes if there are too many.
    pub(super) fn put_first(&mut self, address: SocketAddr) -> bool {
        if self.first() == Some(address) {
            return false;
        }
        if let (Self::None, SocketAddr::V4(only)) = (&*self, address) {
            *self = Self::One(*only.ip(), only.port());
            return true;
        }
        let mut all = self.to_vec();
        let known = all.iter().position(|known| *known == address);
        if let Some(at) = known {
            all.remove(at);
        }
        all.insert(0, address);
        all.truncate(MAX_ADDRESSES);
        *self = Self::Many(Box::new(all));
        known.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_was_named_comes_first_and_four_are_kept() {
        let at = |n: u16| SocketAddr::from(([10, 0, 0, 1], n));
        let six = SocketAddr::from(([0xfe80, 0, 0, 0, 0, 0, 0, 1], 7));
        let mut kept = Addresses::None;
        assert!(kept.is_empty() && kept.put_first(at(1)) && !kept.put_first(at(1)));
        assert!(matches!(kept, Addresses::One(..)));
        for address in [at(2), six, at(3)] {
            assert!(kept.put_first(address));
        }
        assert!(!kept.put_first(at(1)));
        assert_eq!(kept.to_vec(), [at(1), at(3), six, at(2)]);
        assert!(kept.put_first(at(4)) && kept.contains(&six));
        assert_eq!(kept.to_vec(), [at(4), at(1), at(3), six]);
        let mut first = Addresses::None;
        assert!(first.put_first(six) && first.first() == Some(six));
    }
}
