//! How the connections in all are shared among addresses ([`origin`]), beside the cap on each.
//!
//! While all places are taken the newest connection of the address with most of them makes room:
//! who was there first is rather a client than a flood. Handshakes under way, which cannot be
//! ended, are as many for one address as are free for others, so some always are. Only reports whom
//! to close. Bounded by the places there are.

use crate::{
    core::{
        origin::origin,
        shares::{Room, Shares},
    },
    net::{address, streamless::Streamless},
};
use libp2p::{
    Multiaddr, PeerId,
    swarm::{ConnectionDenied, ConnectionId, FromSwarm},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
    task::{Context, Poll},
};

/// Why not.
#[derive(Debug, thiserror::Error)]
#[error("no place for another connection from {0}")]
pub struct Full(IpAddr);

/// See the module.
pub(in crate::server) struct Crowd {
    most_pending: usize,
    all: Shares,
    pending: Shares,
    arriving: HashMap<ConnectionId, IpAddr>,
    here: BTreeMap<ConnectionId, IpAddr>,
    going: VecDeque<ConnectionId>,
}

impl Crowd {
    /// So many connections, and so many handshakes at a time.
    pub(super) fn new(most: usize, most_pending: usize) -> Self {
        Self {
            most_pending,
            all: Shares::new(most),
            pending: Shares::new(most_pending),
            arriving: HashMap::new(),
            here: BTreeMap::new(),
            going: VecDeque::new(),
        }
    }

    /// Takes the newest of an address out; false when all of its are handshakes.
    fn end_one(&mut self, address: IpAddr) -> bool {
        let newest = self.here.iter().rev().find(|(_, at)| **at == address);
        let Some(id) = newest.map(|(id, _)| *id) else {
            return false;
        };
        self.here.remove(&id);
        self.all.leave(address);
        self.going.push_back(id);
        true
    }

    fn closed(&mut self, id: ConnectionId) {
        if let Some(from) = self.arriving.remove(&id) {
            self.pending.leave(from);
            self.all.leave(from);
        }
        if let Some(from) = self.here.remove(&id) {
            self.all.leave(from);
        }
    }
}

impl Streamless for Crowd {
    type Event = ConnectionId;

    fn arriving(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(from) = address::ip(remote).map(origin) else {
            return Ok(());
        };
        let free = self.most_pending.saturating_sub(self.pending.taken());
        let may = self.pending.of(from) < free
            && match self.all.room(from) {
                Room::Free => true,
                Room::InPlaceOf(fullest) => self.end_one(fullest),
                Room::None => false,
            };
        if !may {
            return Err(ConnectionDenied::new(Full(from)));
        }
        self.arriving.insert(id, from);
        self.pending.enter(from);
        self.all.enter(from);
        Ok(())
    }

    fn arrived(
        &mut self,
        id: ConnectionId,
        _: &PeerId,
        _: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if let Some(from) = self.arriving.remove(&id) {
            self.pending.leave(from);
            self.here.insert(id, from);
        }
        Ok(())
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.closed(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.closed(failure.connection_id),
            _ => {}
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionId> {
        // Whatever fills it comes from the swarm, which asks again after that.
        self.going.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    fn begin(crowd: &mut Crowd, number: usize, host: u8) -> bool {
        let from = format!("/ip4/10.0.0.{host}/tcp/1").parse().unwrap();
        let here = "/ip4/10.0.1.1/tcp/1".parse().unwrap();
        crowd.arriving(id(number), &here, &from).is_ok()
    }

    fn come(crowd: &mut Crowd, number: usize, host: u8) -> bool {
        let anywhere = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        let begun = begin(crowd, number, host);
        begun
            && crowd
                .arrived(id(number), &PeerId::random(), &anywhere)
                .is_ok()
    }

    #[test]
    fn few_addresses_do_not_take_all_places() {
        let mut crowd = Crowd::new(8, 100);
        let came = (0..20).filter(|number| come(&mut crowd, *number, 1 + (number % 2) as u8));
        assert_eq!(came.count(), 8);
        assert!(come(&mut crowd, 100, 3));
        assert_eq!(crowd.going.len(), 1);
        assert!(crowd.going.pop_front() < Some(id(100)));
        assert!(!come(&mut crowd, 101, 1) || crowd.all.taken() <= 8);
        for number in 0..200 {
            crowd.closed(id(number));
        }
        assert!(crowd.all.taken() == 0 && crowd.here.is_empty());
    }

    #[test]
    fn handshakes_of_few_addresses_leave_some_for_others() {
        let mut crowd = Crowd::new(1000, 30);
        let begun = (0..90).filter(|number| begin(&mut crowd, *number, 1 + (number % 5) as u8));
        assert!((20..30).contains(&begun.count()));
        assert!(begin(&mut crowd, 500, 9));
        for number in 0..600 {
            crowd.closed(id(number));
        }
        assert!(crowd.pending.taken() == 0 && crowd.arriving.is_empty());
    }
}
