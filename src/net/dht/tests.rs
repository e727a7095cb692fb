//! Against another implementation (`mainline`), and against nodes that lie, on loopback.

use super::*;
use crate::{
    core::dht::MAX_ASKED,
    wire::{
        bencode::{Value, put_bytes, put_number},
        signer::Signer,
    },
};
use mainline::Testnet;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

async fn testnet(count: usize) -> Testnet {
    let starting = move || Testnet::builder(count).build().unwrap();
    tokio::task::spawn_blocking(starting).await.unwrap()
}

fn anna() -> (Signer, Slot) {
    let signer = Signer::new([1; 32]).unwrap();
    let slot = Slot::of_node(signer.node(), None);
    (signer, slot)
}

#[tokio::test]
async fn what_one_puts_another_gets_through_the_other_implementation() {
    let testnet = testnet(12).await;
    let (signer, slot) = anna();
    let one = Dht::new(testnet.bootstrap[..2].to_vec());
    let found = one.get(&slot).await.unwrap();
    assert_eq!((found.item.clone(), found.reach), (None, Reach::Loopback));
    let first = Item::new(&slot, 100, b"first".to_vec(), &signer);
    assert_eq!(one.put(&found, (&slot, &first), None).await.unwrap(), K);

    let two = Dht::new(testnet.bootstrap[5..6].to_vec());
    let found = two.get(&slot).await.unwrap();
    assert_eq!(found.item, Some(first.clone()));

    // A later one takes its place, an earlier one does not, nor one in the place of another.
    let later = Item::new(&slot, 200, b"later".to_vec(), &signer);
    let kept = two.put(&found, (&slot, &later), Some(99)).await.unwrap();
    assert_eq!(kept, 0);
    let kept = two.put(&found, (&slot, &later), Some(100)).await.unwrap();
    assert_eq!(kept, K);
    assert_eq!(two.put(&found, (&slot, &first), None).await.unwrap(), 0);
    assert_eq!(one.get(&slot).await.unwrap().item, Some(later));

    // Nobody else writes there.
    let eve = Signer::new([2; 32]).unwrap();
    let forged = Item::new(&slot, 300, b"forged".to_vec(), &eve);
    assert_eq!(two.put(&found, (&slot, &forged), None).await.unwrap(), 0);
}

#[tokio::test]
async fn without_anybody_there_it_ends_soon_and_says_so() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = nobody.local_addr().unwrap().to_string();
    let (_, slot) = anna();
    let begun = Instant::now();
    let found = Dht::new(vec![at]).get(&slot).await;
    assert!(matches!(found, Err(DhtError::Silent)), "{found:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let none = Dht::new(vec!["nowhere.invalid:1".into()]).get(&slot).await;
    assert!(matches!(none, Err(DhtError::NoEntry(_))), "{none:?}");
}

/// A node of the DHT that says what it is told to, and counts what it hears.
struct Liar {
    at: SocketAddr,
    heard: Arc<AtomicUsize>,
    times: Arc<parking_lot::Mutex<Vec<Instant>>>,
}

impl Liar {
    /// `says` is what stands in its answer beside its id.
    async fn start(says: impl Fn(usize) -> Vec<u8> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let liar = Self {
            at,
            heard: Arc::default(),
            times: Arc::default(),
        };
        let (heard, times) = (liar.heard.clone(), liar.times.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let count = heard.fetch_add(1, Ordering::Relaxed);
                times.lock().push(Instant::now());
                let asked = Value::parse(&buffer[..length]).unwrap();
                let mut answer = b"d1:rd2:id20:".to_vec();
                let mut id = [7; 20];
                id[..2].copy_from_slice(&at.port().to_be_bytes());
                answer.extend_from_slice(&id);
                answer.extend(says(count));
                answer.extend_from_slice(b"e1:t");
                put_bytes(&mut answer, asked.get("t").unwrap().bytes().unwrap());
                answer.extend_from_slice(b"1:y1:re");
                let _ = socket.send_to(&answer, from).await;
            }
        });
        liar
    }
}

/// An answer with an item.
fn with_item(slot: &Slot, item: &Item) -> Vec<u8> {
    let mut said = b"1:k".to_vec();
    put_bytes(&mut said, slot.key.as_bytes());
    said.extend_from_slice(b"3:seq");
    put_number(&mut said, item.seq);
    said.extend_from_slice(b"3:sig");
    put_bytes(&mut said, &item.signature);
    said.extend_from_slice(b"5:token1:t1:v");
    put_bytes(&mut said, &item.value);
    said
}

/// One forges, one plays back what was true once, one writes too much; the honest one's counts.
#[tokio::test]
async fn forged_old_and_oversized_items_are_not_believed() {
    let (signer, slot) = anna();
    let eve = Signer::new([2; 32]).unwrap();
    let true_one = Item::new(&slot, 100, b"true".to_vec(), &signer);
    let mut answers = vec![
        with_item(&slot, &Item::new(&slot, 900, b"forged".to_vec(), &eve)),
        with_item(&slot, &Item::new(&slot, 50, b"old".to_vec(), &signer)),
        with_item(&slot, &Item::new(&slot, 800, vec![7; 1001], &signer)),
        with_item(
            &Slot::of_node(eve.node(), None),
            &Item::new(&slot, 950, b"eve".to_vec(), &eve),
        ),
        with_item(&slot, &true_one),
    ];
    // The same with the signature of another number.
    let renumbered = Item {
        seq: 700,
        ..true_one.clone()
    };
    answers.push(with_item(&slot, &renumbered));
    let mut entries = Vec::new();
    for answer in answers {
        entries.push(Liar::start(move |_| answer.clone()).await.at.to_string());
    }
    let found = Dht::new(entries.clone()).get(&slot).await.unwrap();
    assert_eq!(found.item, Some(true_one));
    let found = Dht::new(entries[..1].to_vec()).get(&slot).await.unwrap();
    assert_eq!(found.item, None);
}

/// Each answer names twenty others that do not exist, at loopback addresses that nobody has.
#[tokio::test]
async fn ten_thousand_contacts_cost_a_bound_of_datagrams_at_a_bounded_rate() {
    let listener = Liar::start(|_| Vec::new()).await;
    let port = listener.at.port();
    let liar = Liar::start(move |count| {
        let mut nodes = Vec::new();
        for n in 0..60u8 {
            nodes.extend_from_slice(&[n; 18]);
            nodes.extend_from_slice(&[count as u8, n]);
            nodes.extend_from_slice(&[127, 0, 0, 1]);
            // All but one lead nowhere.
            let port = if n == 0 { port } else { 1 + u16::from(n) };
            nodes.extend_from_slice(&port.to_be_bytes());
        }
        let mut said = b"5:nodes".to_vec();
        put_bytes(&mut said, &nodes);
        said
    })
    .await;
    let (_, slot) = anna();
    let entries: Vec<String> = vec![liar.at.to_string(); MAX_BOOTSTRAP];
    let begun = Instant::now();
    let _ = Dht::new(entries).get(&slot).await;
    // Each was asked once.
    assert_eq!(liar.heard.load(Ordering::Relaxed), 1);
    assert!(listener.heard.load(Ordering::Relaxed) <= 1);
    assert!(begun.elapsed() < Duration::from_secs(25));
}

/// Everything that one lookup and one put send goes to nodes that count it.
#[tokio::test]
async fn never_more_than_twenty_datagrams_go_out_in_a_second() {
    let mut liars = Vec::new();
    for _ in 0..40 {
        liars.push(Liar::start(|_| b"5:token1:t".to_vec()).await);
    }
    let ports: Vec<u16> = liars.iter().map(|liar| liar.at.port()).collect();
    let first = Liar::start(move |_| {
        let mut nodes = Vec::new();
        for (n, port) in ports.iter().enumerate() {
            nodes.extend_from_slice(&[n as u8; 20]);
            nodes.extend_from_slice(&[127, 0, 0, 1]);
            nodes.extend_from_slice(&port.to_be_bytes());
        }
        let mut said = b"5:nodes".to_vec();
        put_bytes(&mut said, &nodes);
        said.extend_from_slice(b"5:token1:t");
        said
    })
    .await;
    let (signer, slot) = anna();
    let dht = Dht::new(vec![first.at.to_string()]);
    let found = dht.get(&slot).await.unwrap();
    let item = Item::new(&slot, 1, b"x".to_vec(), &signer);
    assert_eq!(dht.put(&found, (&slot, &item), None).await.unwrap(), K);
    let again = dht.get(&slot).await.unwrap();
    assert!(again.keepers.len() == K);
    let all = liars.iter().chain([&first]);
    let mut times: Vec<Instant> = all.flat_map(|liar| liar.times.lock().clone()).collect();
    times.sort_unstable();
    assert!(times.len() > 2 * K + 1 && times.len() <= 2 * MAX_ASKED + K);
    let second = Duration::from_secs(1);
    for (place, time) in times.iter().enumerate() {
        let within = times[place..].iter().take_while(|at| **at < *time + second);
        assert!(within.count() <= 20);
    }
}
