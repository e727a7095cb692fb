//! Paths on which large packets get lost: who is to be dialled with small segments.
//!
//! Where a leg carries less than the ends think, and no router tells them (one whose ICMP is
//! dropped, a switch in the way of jumbo frames), connections are made and small messages come
//! through, but each falls silent with the first bulk. One that did so may have lost its network;
//! the second in a row, made in between, did not.
//!
//! Owns the count of such connections by address, and the socket option. Never dials. Invariants:
//! loopback and a path that carried bulk never count; at most [`PLACES`] addresses are remembered;
//! a path is small for [`SMALL`] at most.

use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::net::{TcpSocket, TcpStream};

/// A connection without a sign of life for this long at its end fell silent: pings come each 4 s.
pub(super) const QUIET: Duration = Duration::from_secs(6);
/// Bytes that came by one connection which show that its path carries bulk.
pub(super) const BULK: u64 = 64 << 10;
/// So many silent ones…
const IN_A_ROW: u32 = 2;
/// …each within this long of the one before.
const ROW: Duration = Duration::from_secs(60);
/// How long segments are small: then the path may have been mended.
const SMALL: Duration = Duration::from_secs(3600);
/// Addresses remembered; the one that fell silent longest ago gives way.
const PLACES: usize = 256;
/// Bytes of a segment, options of TCP included: with all headers below the least that IPv6 allows a
/// network to carry (1,280), and as small as the first packets of QUIC.
#[cfg(unix)]
const SEGMENT: u32 = 1180;

#[derive(Clone, Copy)]
struct Path {
    silent: u32,
    last: Instant,
    told: bool,
}

impl Path {
    fn is_small(&self, now: Instant) -> bool {
        self.silent >= IN_A_ROW && now < self.last + SMALL
    }
}

/// See the module. Shared by the driver, which sees connections end, and the transport, which
/// dials.
#[derive(Default)]
pub(super) struct Segments(Mutex<HashMap<IpAddr, Path>>);

impl Segments {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Path>> {
        self.0.lock()
    }

    /// A connection with ordinary segments to that address, which stood `since` then, fell silent
    /// before it carried bulk. Of several that stood side by side one counts.
    pub(super) fn fell_silent(&self, ip: IpAddr, since: Instant, now: Instant) {
        if ip.is_loopback() || ip.is_unspecified() {
            return;
        }
        let mut paths = self.lock();
        if paths.len() >= PLACES && !paths.contains_key(&ip) {
            let oldest = paths.iter().min_by_key(|(_, path)| path.last);
            let oldest = oldest.map(|(ip, _)| *ip);
            oldest.map(|oldest| paths.remove(&oldest));
        }
        let path = paths.entry(ip).or_insert(Path {
            silent: 0,
            last: now,
            told: false,
        });
        if path.silent > 0 && since < path.last {
            return;
        }
        if !path.is_small(now) && now >= path.last + ROW {
            path.silent = 0;
        }
        path.silent = path.silent.saturating_add(1);
        path.last = now;
    }

    /// Whether to dial that address with small segments.
    pub(super) fn are_small(&self, ip: IpAddr, now: Instant) -> bool {
        self.lock().get(&ip).is_some_and(|path| path.is_small(now))
    }

    /// A connection with small segments stands. What to tell the person, once for each address.
    pub(super) fn news(&self, ip: IpAddr) -> Option<String> {
        let mut paths = self.lock();
        let path = paths.get_mut(&ip)?;
        (!std::mem::replace(&mut path.told, true)).then(|| {
            format!(
                "large packets seem to get lost on the way to {ip}, and nothing says so (a network between carries less than these machines \
                 think): small ones are used now. To mend it, set the MTU of the network interfaces to 1280, or let ICMP through the firewalls"
            )
        })
    }
}

/// Connects, with small segments both ways if `small`: a receiver is told of them by the first
/// packet.
pub(super) async fn connect(to: SocketAddr, small: bool) -> std::io::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if small {
        shrink(&socket);
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Without it everything is as it was.
#[cfg(unix)]
fn shrink(socket: &TcpSocket) {
    let _ = socket2::SockRef::from(socket).set_tcp_mss(SEGMENT);
}

/// Windows looks for such paths itself (`EnablePMTUBHDetect`), and has no such option.
#[cfg(not(unix))]
fn shrink(_: &TcpSocket) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn the_second_silent_connection_in_a_row_makes_segments_small() {
        let (segments, begun) = (Segments::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        segments.fell_silent(ip(1), begun, at(10));
        // One that stood beside it.
        segments.fell_silent(ip(1), begun, at(10));
        assert!(!segments.are_small(ip(1), at(10)));
        segments.fell_silent(ip(1), at(11), at(21));
        assert!(segments.are_small(ip(1), at(22)));
        assert!(!segments.are_small(ip(2), at(22)));
        assert!(segments.news(ip(1)).unwrap().contains("10.0.0.1"));
        assert_eq!(segments.news(ip(1)), None);
        assert_eq!(segments.news(ip(2)), None);
        // Some time later it is tried as it was.
        assert!(!segments.are_small(ip(1), at(21) + SMALL));
    }

    #[test]
    fn one_now_and_then_and_loopback_change_nothing() {
        let (segments, begun) = (Segments::default(), Instant::now());
        for n in 0..10 {
            let now = begun + ROW * n;
            segments.fell_silent(ip(1), now, now);
            segments.fell_silent([127, 0, 0, 1].into(), now, now);
            segments.fell_silent([127, 0, 0, 1].into(), now, now);
            assert!(!segments.are_small(ip(1), now));
            assert!(!segments.are_small([127, 0, 0, 1].into(), now));
        }
    }

    #[test]
    fn many_addresses_cost_no_more_than_there_are_places() {
        let (segments, now) = (Segments::default(), Instant::now());
        for n in 0..2 * PLACES as u32 {
            let ip = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            let now = now + Duration::from_millis(u64::from(n));
            segments.fell_silent(ip, now, now);
        }
        assert_eq!(segments.lock().len(), PLACES);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn both_ends_of_a_small_connection_know_that_it_is_small() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let size = |stream: &TcpStream| socket2::SockRef::from(stream).tcp_mss().unwrap();
        for small in [true, false] {
            let ours = connect(address, small).await.unwrap();
            let (theirs, _) = listener.accept().await.unwrap();
            for end in [&ours, &theirs] {
                assert_eq!(size(end) <= SEGMENT, small, "{}", size(end));
            }
        }
    }
}
