//! Servers that know one another, on loopback: honest ones, and one that says what it likes.

use super::*;
use crate::wire::{
    directory::{Claim, SignedClaim, SwarmTag},
    signer::Signer,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What a server says to a question.
type Says = Box<dyn Fn(&Request, NodeId) -> Response + Send>;

fn entry(name: &str, owner: u8, server: NodeId) -> Entry {
    let signer = Signer::new([owner; 32]).unwrap();
    let claim = Claim {
        name: name.into(),
        node: signer.node(),
        server,
        swarm: SwarmTag::default(),
        made: 1,
    };
    Entry {
        claim: SignedClaim::new(&claim, &signer),
        present: true,
        seen: 1,
    }
}

fn people(people: Vec<Entry>) -> Response {
    let more = false;
    Response::People { people, more }
}

/// A server of nothing but the directory's protocol; without `says` it stays silent.
async fn server(seed: u8, says: Option<Says>) -> (PeerServer, Arc<AtomicUsize>) {
    let keys = identity::keypair([seed; 32]).unwrap();
    let key = identity::node(&keys.public().to_peer_id()).unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(
            tcp::Config::new(),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|_| codec::directory_server())
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build();
    swarm
        .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
        .unwrap();
    let at = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address::socket(&address).unwrap();
        }
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            if let SwarmEvent::Behaviour(Event::Message {
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            }) = swarm.select_next_some().await
            {
                count.fetch_add(1, Ordering::SeqCst);
                match &says {
                    Some(says) => {
                        let response = says(&request, key);
                        let _ = swarm.behaviour_mut().send_response(channel, response);
                    }
                    None => held.push(channel),
                }
            }
        }
    });
    let host = at.to_string();
    (PeerServer { key, host }, asked)
}

fn start(servers: &[PeerServer]) -> Peers {
    Peers::start([1; 32], servers.to_vec()).unwrap()
}

#[tokio::test]
async fn all_are_asked_in_the_narrow_way_and_who_has_the_name_is_told() {
    let narrow = |request: &Request| matches!(request, Request::Person { wide: false, .. });
    let (one, asked) = server(11, Some(Box::new(|_, _| Response::Unknown))).await;
    let says = move |request: &Request, me| {
        assert!(narrow(request), "nothing may go round in circles");
        people(vec![entry("Anna", 2, me)])
    };
    let (two, _) = server(12, Some(Box::new(says))).await;
    let peers = start(&[one, two.clone()]);
    let said = peers.who_has("anna".into()).await;
    assert!(said.complete);
    assert_eq!(said.found.len(), 1);
    assert_eq!(said.found[0].0, two.key);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_the_owner_of_a_name_did_not_sign_for_that_server_is_not_believed() {
    let lies: Vec<Says> = vec![
        Box::new(|_, me| people(vec![entry("ben", 2, me)])),
        Box::new(|_, _| people(vec![entry("anna", 2, NodeId([9; 32]))])),
        Box::new(|_, me| {
            let mut lie = entry("anna", 2, me);
            lie.claim.signature[3] ^= 1;
            people(vec![lie])
        }),
        Box::new(|_, _| Response::Done),
        Box::new(|_, _| Response::Busy),
    ];
    for lie in lies {
        let (liar, _) = server(13, Some(lie)).await;
        let (honest, _) = server(
            14,
            Some(Box::new(|_, me| people(vec![entry("anna", 3, me)]))),
        )
        .await;
        let said = start(&[liar, honest.clone()]).who_has("anna".into()).await;
        assert_eq!(said.found.len(), 1);
        assert_eq!(said.found[0].0, honest.key);
        assert!(!said.complete, "it was heard of no truth from one");
    }
    // Of many only the first counts.
    let many = |_: &Request, me| people((1..60).map(|n| entry("anna", n, me)).collect());
    let (talker, _) = server(15, Some(Box::new(many))).await;
    let said = start(&[talker]).who_has("anna".into()).await;
    assert_eq!(said.found.len(), 1);
}

#[tokio::test]
async fn another_key_at_its_place_is_nobody_and_who_is_silent_is_not_waited_for_long() {
    let (mut real, asked) = server(
        16,
        Some(Box::new(|_, me| people(vec![entry("anna", 2, me)]))),
    )
    .await;
    real.key = identity::node(&identity::keypair([99; 32]).unwrap().public().to_peer_id()).unwrap();
    let (silent, _) = server(17, None).await;
    let begun = Instant::now();
    let said = start(&[real, silent]).who_has("anna".into()).await;
    assert!(said.found.is_empty() && !said.complete);
    assert!(begun.elapsed() < Duration::from_secs(8), "{begun:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// Thousands of questions at once: those that wait are bounded, and each ends.
#[tokio::test]
async fn a_flood_of_questions_is_bounded_by_places_and_time() {
    let (silent, asked) = server(18, None).await;
    let peers = start(&[silent]);
    let all = (0..2000).map(|n| peers.who_has(format!("n{n}")));
    let said = futures::future::join_all(all).await;
    assert!(said.iter().all(|said| !said.complete));
    let asked = asked.load(Ordering::SeqCst);
    assert!(
        asked <= WAITING + crate::core::peer_servers::MAX_QUESTIONS,
        "{asked}"
    );
}
