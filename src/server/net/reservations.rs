//! Who waits to be reached through the server, and who gives way when too many do.
//!
//! Counted by key and by address ([`origin`]), beside the library's own count of each client's.
//! Only marks who has to go: the driver closes its connections. Bounded by the places there are.

use crate::{
    core::{
        origin::origin,
        shares::{Room, Shares},
    },
    net::address,
};
use libp2p::{Multiaddr, PeerId};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, net::IpAddr, sync::Arc};

/// The table. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Reservations(Arc<Mutex<Table>>);

struct Table {
    shares: Shares,
    next: u64,
    /// From where each came, in the order in which they came.
    holders: HashMap<PeerId, (IpAddr, u64)>,
    going: Vec<PeerId>,
}

impl Reservations {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            shares: Shares::new(most),
            next: 0,
            holders: HashMap::new(),
            going: Vec::new(),
        })))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }

    /// Clients that have one.
    pub(super) fn count(&self) -> usize {
        self.table().holders.len()
    }

    /// Whether a client may have one, or keep it.
    pub(super) fn admit(&self, peer: PeerId, from: &Multiaddr) -> bool {
        let mut table = self.table();
        let Some(from) = address::ip(from).map(origin) else {
            return false;
        };
        if table.holders.contains_key(&peer) {
            return true;
        }
        match table.shares.room(from) {
            Room::Free => {}
            Room::InPlaceOf(fullest) => {
                let theirs = table.holders.iter().filter(|(_, (at, _))| *at == fullest);
                let oldest = theirs.min_by_key(|(_, (_, order))| *order);
                if let Some(peer) = oldest.map(|(peer, _)| *peer) {
                    table.remove(&peer);
                    table.going.push(peer);
                }
            }
            Room::None => return false,
        }
        let order = table.next;
        table.next += 1;
        table.holders.insert(peer, (from, order));
        table.shares.enter(from);
        true
    }

    /// It has none any more.
    pub(super) fn left(&self, peer: &PeerId) {
        self.table().remove(peer);
    }

    /// Those who have to go since the last time.
    pub(super) fn going(&self) -> Vec<PeerId> {
        std::mem::take(&mut self.table().going)
    }
}

impl Table {
    fn remove(&mut self, peer: &PeerId) {
        if let Some((from, _)) = self.holders.remove(peer) {
            self.shares.leave(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_has_all_gives_way_to_others_and_renewals_need_no_place() {
        let reservations = Reservations::new(4);
        let from = |host: u8| -> Multiaddr { format!("/ip4/10.0.0.{host}/tcp/1").parse().unwrap() };
        let flood: Vec<_> = (0..9).map(|_| PeerId::random()).collect();
        let admitted = flood
            .iter()
            .filter(|peer| reservations.admit(**peer, &from(1)));
        assert_eq!(admitted.count(), 4);
        let honest = PeerId::random();
        assert!(reservations.admit(honest, &from(2)));
        assert_eq!(reservations.going(), [flood[0]]);
        assert!(reservations.admit(flood[1], &from(1)) && reservations.admit(honest, &from(2)));
        assert!(!reservations.admit(flood[5], &from(1)));
        assert!(reservations.going().is_empty());
        assert_eq!(reservations.count(), 4);
        reservations.left(&honest);
        reservations.left(&honest);
        assert!(reservations.admit(flood[5], &from(1)));
    }
}
