//! What strangers may not do to a rendezvous server.

use crate::server::Server;
use crate::visitor::Visitor;
use sprat::{
    core::id::NodeId,
    wire::directory::{Claim, Request, Response, SignedClaim, SwarmTag},
};
use std::time::Duration;

impl Server {
    fn claim(&self, visitor: &Visitor, name: &str) -> Claim {
        Claim {
            name: name.into(),
            node: visitor.signer.node(),
            server: self.key,
            swarm: SwarmTag::default(),
            made: 1,
        }
    }

    fn sign_up(&self, visitor: &Visitor, name: &str) -> Request {
        let claim = SignedClaim::new(&self.claim(visitor, name), &visitor.signer);
        Request::SignUp { claim }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_signer_at_this_server_gets_a_name() {
    let server = Server::start(&[]);
    let mut one = Visitor::arrive(1, &server.address).await.unwrap();
    let mut two = Visitor::arrive(2, &server.address).await.unwrap();
    let theirs = server.sign_up(&one, "anna");
    assert_eq!(two.ask(&theirs).await, Some(Response::Refused));
    let mut elsewhere = server.claim(&two, "anna");
    elsewhere.server = NodeId([1; 32]);
    let claim = SignedClaim::new(&elsewhere, &two.signer);
    let asked = two.ask(&Request::SignUp { claim }).await;
    assert_eq!(asked, Some(Response::Refused));
    let mut claim = SignedClaim::new(&server.claim(&two, "anna"), &two.signer);
    claim.signature[0] ^= 1;
    let asked = two.ask(&Request::SignUp { claim }).await;
    assert_eq!(asked, Some(Response::Refused));
    assert_eq!(one.ask(&theirs).await, Some(Response::Done));
    let squat = server.sign_up(&two, "ANNA");
    assert_eq!(two.ask(&squat).await, Some(Response::Taken));
    // Nothing is told of a swarm to who did not enter it, and nothing absurd is answered.
    let (pattern, after) = (None, None);
    let people = Request::People { pattern, after };
    assert_eq!(two.ask(&people).await, Some(Response::Refused));
    let whence = Request::Whence {
        node: one.signer.node(),
    };
    let addresses = Vec::new();
    assert_eq!(two.ask(&whence).await, Some(Response::Whence { addresses }));
    assert_eq!(two.say(vec![0x5a, 0xff, 0xff, 0xff, 0xff]).await, None);
    assert_eq!(two.say(vec![0; 1 << 20]).await, None);
    let swarm = SwarmTag::default();
    let entered = two.ask(&Request::Enter { swarm }).await;
    assert!(matches!(entered, Some(Response::Entered { .. })));
    let Some(Response::People { people, more }) = two.ask(&people).await else {
        panic!("no people");
    };
    assert!(people.len() == 1 && people[0].present && !more);
    assert_eq!(people[0].claim.verify().unwrap().name, "anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_its_share_of_connections_and_no_more() {
    let server = Server::start(&["--per-address", "4"]);
    let mut inside = Vec::new();
    for number in 0..4 {
        inside.push(Visitor::arrive(number, &server.address).await.unwrap());
    }
    assert!(Visitor::arrive(9, &server.address).await.is_err());
    drop(inside.pop());
    let mut tries = 0;
    while Visitor::arrive(9, &server.address).await.is_err() {
        tries += 1;
        assert!(tries < 200, "no place becomes free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// As many as `SPRAT_IDLE` says; 200 otherwise.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn many_sign_up_at_once_and_cost_little_while_they_wait() {
    let count = std::env::var("SPRAT_IDLE").ok();
    let count: u16 = count.map_or(200, |text| text.parse().unwrap());
    let server = Server::start(&["--per-address", "2000"]);
    let before = server.memory();
    let mut arriving = tokio::task::JoinSet::new();
    for number in 0..count {
        let address = server.address.clone();
        arriving.spawn(async move { Visitor::arrive(number, &address).await.unwrap() });
    }
    let visitors = arriving.join_all().await;
    let mut asking = tokio::task::JoinSet::new();
    for (number, mut visitor) in visitors.into_iter().enumerate() {
        let request = server.sign_up(&visitor, &format!("person {number}"));
        asking.spawn(async move {
            let answer = visitor.ask(&request).await;
            (answer, visitor)
        });
    }
    let answered = asking.join_all().await;
    let done = answered
        .iter()
        .filter(|(answer, _)| *answer == Some(Response::Done));
    assert_eq!(done.count(), usize::from(count.min(400)));
    let (all, each) = (
        server.memory(),
        (server.memory() - before) / u64::from(count),
    );
    println!(
        "{} MiB in all, {} KiB for each of {count}",
        all >> 20,
        each >> 10
    );
    // The limit is 64 KiB (benches/compare/idle-clients.sh); what is not optimized keeps more in
    // its tasks.
    let most = if cfg!(debug_assertions) { 128 } else { 64 };
    assert!(each <= most << 10, "{each} bytes each");
    assert!(all <= 128 << 20, "{all} bytes");
}
