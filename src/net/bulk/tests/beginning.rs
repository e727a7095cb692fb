//! What strangers may try when a bulk connection begins.

use super::{super::Waiting, *};
use crate::net::streams::Activity;
use futures::FutureExt as _;
use libp2p::swarm::ConnectionId;

const PEER: NodeId = NodeId([1; 32]);

/// One end that listens, and waits for the holder of a ticket.
struct Holder {
    bulk: Bulk,
    streams: mpsc::Receiver<Inbound>,
}

impl Holder {
    fn new() -> Self {
        let (sender, streams) = mpsc::channel(8);
        Self {
            bulk: Bulk::new(NodeId([2; 32]), 1, None, sender),
            streams,
        }
    }

    /// Has a ticket for the peer.
    fn expects(&self, keys: &Keys) {
        let waiting = Waiting {
            node: PEER,
            keys: keys.clone(),
            path: PathId(ConnectionId::new_unchecked(1)),
            activity: Activity::default(),
            permit: self.bulk.0.admission.admit(PEER).expect("room"),
        };
        let mut tickets = self.bulk.0.tickets.lock();
        tickets.put(keys.ticket, waiting, Instant::now());
    }

    /// Its ticket is good no longer, if it still was.
    fn forget(&self, keys: &Keys) {
        let mut tickets = self.bulk.0.tickets.lock();
        drop(tickets.take(&keys.ticket, Instant::now()));
    }

    /// What of a connection that says that, and then ends, is passed on.
    async fn passes_on(&mut self, said: &[u8]) -> Option<Vec<u8>> {
        let (mut ours, theirs) = sockets().await;
        ours.write_all(said).await.unwrap();
        drop(ours);
        timeout(DEADLINE, self.bulk.clone().take(theirs))
            .await
            .unwrap();
        let mut stream = self.streams.try_recv().ok()?.stream;
        let mut got = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut got))
            .await
            .unwrap();
        Some(got)
    }

    /// Whether every place is free again.
    fn is_as_before(&self) -> bool {
        let mut all = Vec::new();
        while let Some(permit) = self.bulk.0.admission.admit(PEER) {
            all.push(permit);
        }
        all.len() == MOST_EACH && self.bulk.0.half_open.available_permits() == HALF_OPEN
    }
}

fn beginning(keys: &Keys, records: &[&[u8]]) -> Vec<u8> {
    [&MAGIC[..], &keys.ticket, &records.concat()].concat()
}

#[tokio::test]
async fn only_the_first_record_of_who_agreed_opens_it_once() {
    let ours = keys(Cipher::Aes);
    let records = line(&[b"one", b"two"]).await;
    let (one, two) = (&records[0][..], &records[1][..]);
    let good = beginning(&ours, &[one, two]);

    let mut holder = Holder::new();
    holder.expects(&ours);
    assert_eq!(
        holder.passes_on(&good).await.as_deref(),
        Some(&b"onetwo"[..])
    );
    assert_eq!(holder.passes_on(&good).await, None, "a second time");

    let mut flipped = one.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let mut other_ticket = good.clone();
    other_ticket[MAGIC.len()] ^= 1;
    for (what, said) in [
        ("a changed record", beginning(&ours, &[&flipped])),
        ("the second first", beginning(&ours, &[two, one])),
        ("a cut record", beginning(&ours, &[&one[..one.len() - 1]])),
        ("no record", beginning(&ours, &[])),
        ("a cut ticket", good[..10].to_vec()),
        ("another ticket", other_ticket),
    ] {
        let mut holder = Holder::new();
        holder.expects(&ours);
        assert_eq!(holder.passes_on(&said).await, None, "{what}");
        holder.forget(&ours);
        assert!(holder.is_as_before(), "{what}");
    }
}

#[tokio::test]
async fn a_ticket_is_of_no_use_to_another_swarm() {
    let agreement = Agreement {
        requester: PEER,
        holder: NodeId([2; 32]),
        requester_bytes: [3; FRESH],
        holder_bytes: [4; FRESH],
        swarm_key: Some([9; 32]),
        cipher: Cipher::Aes,
    };
    let ours = agreement.keys();
    assert_ne!(ours.ticket, keys(Cipher::Aes).ticket);
    // Sealed by one who knows everything but the swarm's key.
    let records = line(&[b"hello"]).await;
    for ticket in [keys(Cipher::Aes).ticket, ours.ticket] {
        let mut holder = Holder::new();
        holder.expects(&ours);
        let said = [&MAGIC[..], &ticket, &records[0]].concat();
        assert_eq!(holder.passes_on(&said).await, None);
    }
}

#[tokio::test]
async fn so_many_may_say_nothing_and_one_more_is_closed_at_once() {
    let mut holder = Holder::new();
    let (mut silent, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..HALF_OPEN {
        let (mut ours, theirs) = sockets().await;
        ours.write_all(&MAGIC).await.unwrap();
        silent.push(ours);
        taken.push(tokio::spawn(holder.bulk.clone().take(theirs)));
    }
    while holder.bulk.0.half_open.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let ours = keys(Cipher::Aes);
    holder.expects(&ours);
    let records = line(&[b"hello"]).await;
    let said = beginning(&ours, &[&records[0]]);
    assert_eq!(holder.passes_on(&said).await, None, "there is no room");
    // A place that gets free is one.
    drop(silent.pop());
    while holder.bulk.0.half_open.available_permits() == 0 {
        tokio::task::yield_now().await;
    }
    let passed = holder.passes_on(&said).await;
    assert_eq!(passed.as_deref(), Some(&b"hello"[..]));
    // And in the end all are.
    for one in taken {
        timeout(DEADLINE, one).await.unwrap().unwrap();
    }
    assert!(holder.is_as_before());
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_keep_a_place() {
    let holder = Holder::new();
    let ours = keys(Cipher::Aes);
    holder.expects(&ours);
    let records = line(&[b"hello"]).await;
    let said = beginning(&ours, &[&records[0]]);
    let (mut slow, theirs) = sockets().await;
    let taking = holder.bulk.clone().take(theirs);
    let trickling = async {
        for byte in said.iter().cycle() {
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            // Between two bytes, as long as it can do it without an end.
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    };
    tokio::select! {
        () = timeout(DEADLINE, taking).map(|taken| taken.expect("its time is up")) => {}
        () = trickling => {}
    }
    holder.forget(&ours);
    assert!(holder.is_as_before());
}
