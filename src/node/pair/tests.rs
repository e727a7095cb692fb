//! Real nodes' networks on loopback, each with what the actor does for pairing. Nothing waits but
//! for an event.

use super::*;
use crate::net::{NetConfig, Router};
use crate::wire::pairing;
use futures::{AsyncReadExt, AsyncWriteExt};
use std::net::Ipv4Addr;
use tokio::{task::JoinHandle, time::timeout};

/// Above every deadline of the module itself.
const DEADLINE: Duration = Duration::from_secs(40);
const GOOD: &str = "7-amber-falcon";
const BAD: &str = "7-amber-dragon";
const LONG: &str = "7-amber-falcon-river-piano";

/// A port that is free now, and that nobody else is likely to be given.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.local_addr().unwrap().port()
}

struct Home {
    net: Net,
    pairings: Pairings,
    config: PairConfig,
    actor: JoinHandle<()>,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.actor.abort();
    }
}

impl Home {
    fn new(seed: u8, discovery_port: u16, swarm_key: Option<[u8; 32]>) -> Self {
        let listen = vec![Ipv4Addr::LOCALHOST.into()];
        let config = NetConfig {
            secret: [seed; 32],
            transfer_port: 0,
            listen: listen.clone(),
            interfaces: Vec::new(),
            mdns: false,
            swarm_key,
            relayed: true,
            agent: "sprat/test".into(),
        };
        let mut router = Router::default();
        let mut proofs = router.register(pairing::PROTOCOL);
        let mut talk = router.register(pairing::TALK_PROTOCOL);
        let (net, mut events) = Net::start(config, router).unwrap();
        let pairings = Pairings::default();
        let accepting = pairings.clone();
        let actor = tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = events.recv() => if event.is_none() { return },
                    Some(one) = proofs.recv() => accepting.accept(one.node, one.stream),
                    Some(one) = talk.recv() => accepting.listen(one.node, one.stream),
                }
            }
        });
        let sockets = PairingConfig {
            discovery_port,
            listen,
            interfaces: Vec::new(),
            swarm_key,
        };
        let config = PairConfig {
            sockets,
            name: format!("home {seed}"),
            wait: Duration::from_secs(20),
        };
        Self {
            net,
            pairings,
            config,
            actor,
        }
    }

    fn offer(&self, code: &str) -> JoinHandle<Result<Paired, PairError>> {
        let (net, pairings) = (self.net.clone(), self.pairings.clone());
        let (config, code) = (self.config.clone(), code.parse().unwrap());
        tokio::spawn(async move { offer(&net, &pairings, config, code).await })
    }

    async fn find(&self, code: &str) -> Result<Paired, PairError> {
        self.find_among(code, &[]).await
    }

    /// Looks among these, too, which are connected to.
    async fn find_among(&self, code: &str, far: &[&Self]) -> Result<Paired, PairError> {
        let (nodes, arriving) = mpsc::channel(16);
        for other in far {
            let node = other.net.node();
            self.net.dial(Some(node), other.net.addresses()).await;
            nodes.send(node).await.unwrap();
        }
        let found = find(
            &self.net,
            self.config.clone(),
            code.parse().unwrap(),
            arriving,
            |node| node,
        );
        let found = timeout(DEADLINE, found).await.expect("an end in time");
        found.map(|(paired, met)| {
            assert_eq!(paired.peer, met);
            paired
        })
    }

    fn paired(&self) -> Paired {
        let (peer, name) = (self.net.node(), self.config.name.clone());
        Paired { peer, name }
    }
}

async fn end<T>(task: JoinHandle<T>) -> T {
    timeout(DEADLINE, task)
        .await
        .expect("an end in time")
        .unwrap()
}

/// Hears announcements until another sender, who has just begun, has made four: that takes more
/// than a second, in which any pair that still announces would have been heard. The channels heard
/// are returned.
async fn channels_heard(port: u16) -> Vec<u16> {
    let clock = Home::new(99, port, None);
    let (_sockets, mut heard) = PairingSockets::looking(clock.config.sockets.clone()).unwrap();
    let ticking = clock.offer("999-zebra-zebra");
    let mut channels = Vec::new();
    let listening = async {
        let mut ticks = 0;
        while ticks < 8 {
            if let Some((Message::Wait { channel, .. }, _)) = heard.recv().await {
                ticks += usize::from(channel == 999);
                channels.push(channel);
            }
        }
    };
    timeout(DEADLINE, listening).await.unwrap();
    ticking.abort();
    channels
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_makes_a_pair_and_the_announcing_stops() {
    let port = free_port();
    let (anna, bert) = (Home::new(1, port, None), Home::new(2, port, None));
    let offering = anna.offer(GOOD);
    assert_eq!(bert.find(GOOD).await.unwrap(), anna.paired());
    assert_eq!(end(offering).await.unwrap(), bert.paired());
    // On loopback each announcement is heard twice, by broadcast and by multicast.
    let heard = channels_heard(port).await;
    assert!(!heard.contains(&7), "{heard:?}");
    assert!(anna.pairings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_nobody_found_goes_on_announcing() {
    // That the test above can fail at all.
    let port = free_port();
    let anna = Home::new(1, port, None);
    let offering = anna.offer(GOOD);
    assert!(channels_heard(port).await.contains(&7));
    offering.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_is_told_to_both_and_the_code_is_burnt() {
    let port = free_port();
    let (anna, bert) = (Home::new(1, port, None), Home::new(2, port, None));
    let offering = anna.offer(GOOD);
    assert!(matches!(bert.find(BAD).await, Err(PairError::WrongCode)));
    assert!(matches!(end(offering).await, Err(PairError::Burnt)));
    let heard = channels_heard(port).await;
    assert!(!heard.contains(&7), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_after_the_wait() {
    let mut bert = Home::new(2, free_port(), None);
    bert.config.wait = Duration::from_millis(50);
    assert!(matches!(bert.find(GOOD).await, Err(PairError::NobodyThere)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_swarm_pairs_among_itself() {
    let port = free_port();
    let key = Some([5; 32]);
    let (anna, bert) = (Home::new(1, port, key), Home::new(2, port, key));
    let mut stranger = Home::new(3, port, None);
    stranger.config.wait = Duration::from_millis(1500);
    let offering = anna.offer(GOOD);
    assert!(matches!(
        stranger.find(GOOD).await,
        Err(PairError::NobodyThere)
    ));
    assert_eq!(bert.find(GOOD).await.unwrap(), anna.paired());
    assert_eq!(end(offering).await.unwrap(), bert.paired());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_at_once_do_not_hear_each_others_receivers() {
    let port = free_port();
    let homes: Vec<Home> = (1..5).map(|n| Home::new(n, port, None)).collect();
    let (one, two) = (
        homes[0].offer("1-river-piano"),
        homes[1].offer("2-zebra-tulip"),
    );
    let (a, b) = tokio::join!(
        homes[2].find("1-river-piano"),
        homes[3].find("2-zebra-tulip")
    );
    assert_eq!(
        (a.unwrap(), b.unwrap()),
        (homes[0].paired(), homes[1].paired())
    );
    assert_eq!(end(one).await.unwrap(), homes[2].paired());
    assert_eq!(end(two).await.unwrap(), homes[3].paired());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_paired_one_by_one_and_ends_when_nobody_listens() {
    let port = free_port();
    let anna = Home::new(1, port, None);
    let short = GOOD.parse().unwrap();
    let refused = offer_group(&anna.net, &anna.pairings, anna.config.clone(), short, ());
    assert!(matches!(refused, Err(PairError::Code(CodeError::Group))));
    let code = LONG.parse().unwrap();
    let mut news = offer_group(&anna.net, &anna.pairings, anna.config.clone(), code, ()).unwrap();
    let class: Vec<Home> = (2..6).map(|n| Home::new(n, port, None)).collect();
    let found = futures::future::join_all(class.iter().map(|home| home.find(LONG))).await;
    assert!(
        found
            .into_iter()
            .all(|found| found.unwrap() == anna.paired())
    );
    let mut came = Vec::new();
    for _ in 0..4 {
        match timeout(DEADLINE, news.recv()).await.unwrap().unwrap() {
            GroupNews::Paired(paired) => came.push(paired.name),
            other => panic!("{other:?}"),
        }
    }
    came.sort();
    assert_eq!(came, ["home 2", "home 3", "home 4", "home 5"]);
    // One who comes late, and one who is mistaken, which the code bears.
    let (late, mistaken) = (Home::new(6, port, None), Home::new(7, port, None));
    let wrong = "7-amber-falcon-river-panda";
    assert!(matches!(
        mistaken.find(wrong).await,
        Err(PairError::WrongCode)
    ));
    let guessed = timeout(DEADLINE, news.recv()).await.unwrap();
    assert!(matches!(guessed, Some(GroupNews::Guessed { left: 9 })));
    assert_eq!(late.find(LONG).await.unwrap(), anna.paired());
    drop(news);
    // Announcing ends with the last news.
    let heard = channels_heard(port).await;
    assert!(!heard.contains(&7), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_expected_proves_nothing() {
    let port = free_port();
    let (anna, bert) = (Home::new(1, port, None), Home::new(2, port, None));
    let offering = anna.offer(GOOD);
    // It knows the address and the protocol, not the code.
    bert.net
        .dial(Some(anna.net.node()), anna.net.addresses())
        .await;
    let opening = async {
        loop {
            if let Ok(stream) = bert.net.stream(anna.net.node(), pairing::PROTOCOL).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = timeout(DEADLINE, opening).await.unwrap();
    let proof = crate::wire::pairing::Proof {
        attempt: Id([1; 16]),
        name: "bert".into(),
        mac: [2; 32],
    };
    let _ = crate::wire::distribute::write(&mut stream, &proof).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty());
    // And the one who knows the code is still served.
    assert_eq!(bert.find(GOOD).await.unwrap(), anna.paired());
    assert_eq!(end(offering).await.unwrap(), bert.paired());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_the_port_does_not_hide_the_sender() {
    let port = free_port();
    let (anna, bert) = (Home::new(1, port, None), Home::new(2, port, None));
    let flooder = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    flooder.set_broadcast(true).unwrap();
    let flood = tokio::spawn(async move {
        for n in 0..20_000u32 {
            // False senders of the same channel, and garbage that begins as pairing does.
            let sender = NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes());
            let wait = Message::Wait { channel: 7, sender };
            let mut bytes = crate::wire::pairing::encode(&wait, None, [0; 24]).unwrap();
            if n % 2 == 0 {
                bytes.truncate(20);
            }
            let _ = flooder.send_to(&bytes, ("127.255.255.255", port)).await;
            tokio::task::yield_now().await;
        }
    });
    let offering = anna.offer(GOOD);
    assert_eq!(bert.find(GOOD).await.unwrap(), anna.paired());
    assert_eq!(end(offering).await.unwrap(), bert.paired());
    flood.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_near_pairs_over_a_stream_and_others_on_the_channel_do_not_disturb() {
    let (anna, bert) = (
        Home::new(1, free_port(), None),
        Home::new(2, free_port(), None),
    );
    let silent = Home::new(3, free_port(), None);
    let offering = anna.offer(GOOD);
    let found = bert.find_among(GOOD, &[&silent, &anna]).await;
    assert_eq!(found.unwrap(), anna.paired());
    assert_eq!(end(offering).await.unwrap(), bert.paired());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_word_burns_the_code_over_a_stream_too() {
    let (anna, bert) = (
        Home::new(1, free_port(), None),
        Home::new(2, free_port(), None),
    );
    let offering = anna.offer(GOOD);
    let found = bert.find_among(BAD, &[&anna]).await;
    assert!(matches!(found, Err(PairError::WrongCode)), "{found:?}");
    assert!(matches!(end(offering).await, Err(PairError::Burnt)));
}
