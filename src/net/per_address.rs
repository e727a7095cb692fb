//! A cap on inbound connections from one IP address, handshakes under way included. A public IPv6 address counts by its
//! /64, for whoever has one of these has all.
//!
//! Refuses before the handshake, so a flood from one machine costs this one no cryptography, and leaves places for
//! others. Invariant: `counts` has exactly the addresses that `open` has, so it is empty when nobody is connected.

use super::address;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
};

/// Inbound connections that one address may have: a house behind one NAT, not one machine's flood.
pub(super) const PER_ADDRESS: usize = 64;
/// The same for loopback, where many homes on one machine share the address.
pub(super) const PER_LOOPBACK: usize = 256;

/// One address has too many connections.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from {0}")]
pub struct TooMany(IpAddr);

/// See the module.
#[derive(Default)]
pub struct Behaviour {
    open: HashMap<ConnectionId, IpAddr>,
    counts: HashMap<IpAddr, usize>,
}

/// The address that a connection counts against. Within a network of our own each machine counts by itself.
fn whose(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !address::is_local(ip.into()) => {
            Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()
        }
        ip => ip,
    }
}

impl Behaviour {
    fn close(&mut self, connection: ConnectionId) {
        let Some(ip) = self.open.remove(&connection) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&ip);
            }
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // A relayed connection has the relay's address; the relay's own limits hold there.
        let Some(ip) = address::ip(remote).filter(|_| !address::is_relayed(remote)) else {
            return Ok(());
        };
        let ip = whose(ip);
        let most = if ip.is_loopback() {
            PER_LOOPBACK
        } else {
            PER_ADDRESS
        };
        let count = self.counts.entry(ip).or_default();
        if *count >= most {
            return Err(ConnectionDenied::new(TooMany(ip)));
        }
        *count += 1;
        self.open.insert(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.close(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.close(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(gate: &mut Behaviour, number: usize, from: &str) -> bool {
        gate.handle_pending_inbound_connection(
            ConnectionId::new_unchecked(number),
            &"/ip4/10.0.0.1/tcp/1".parse().unwrap(),
            &from.parse().unwrap(),
        )
        .is_ok()
    }

    #[test]
    fn a_flood_from_one_address_leaves_places_for_others() {
        let mut gate = Behaviour::default();
        for number in 0..PER_ADDRESS {
            assert!(arrive(
                &mut gate,
                number,
                &format!("/ip4/10.0.0.9/tcp/{}", number + 1)
            ));
        }
        assert!(!arrive(&mut gate, 1000, "/ip4/10.0.0.9/tcp/999"));
        assert!(!arrive(&mut gate, 1001, "/ip4/10.0.0.9/udp/999/quic-v1"));
        assert!(!arrive(&mut gate, 1002, "/ip6/::ffff:10.0.0.9/tcp/999"));
        assert!(arrive(&mut gate, 1003, "/ip4/10.0.0.8/tcp/999"));
        // One leaves, one may come.
        gate.close(ConnectionId::new_unchecked(0));
        assert!(arrive(&mut gate, 1004, "/ip4/10.0.0.9/tcp/999"));
        assert!(!arrive(&mut gate, 1005, "/ip4/10.0.0.9/tcp/999"));
    }

    #[test]
    fn a_public_ipv6_network_counts_as_one_and_a_local_one_does_not() {
        let mut gate = Behaviour::default();
        for number in 0..PER_ADDRESS {
            let host = number + 1;
            assert!(arrive(
                &mut gate,
                number,
                &format!("/ip6/2001:db8::{host:x}/tcp/1")
            ));
            assert!(arrive(
                &mut gate,
                number + 1000,
                &format!("/ip6/fd00::{host:x}/tcp/1")
            ));
        }
        assert!(!arrive(&mut gate, 5000, "/ip6/2001:db8::ffff/tcp/1"));
        assert!(arrive(&mut gate, 5001, "/ip6/2001:db8:0:1::1/tcp/1"));
        assert!(arrive(&mut gate, 5002, "/ip6/fd00::ffff/tcp/1"));
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let mut gate = Behaviour::default();
        arrive(&mut gate, 1, "/ip4/10.0.0.9/tcp/1");
        gate.close(ConnectionId::new_unchecked(1));
        gate.close(ConnectionId::new_unchecked(1));
        assert!(gate.open.is_empty() && gate.counts.is_empty());
    }
}
