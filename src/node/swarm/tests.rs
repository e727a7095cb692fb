use super::*;
use crate::{
    core::{
        Now,
        membership::{Beacon, Kind, MembershipEvent},
        via::Via,
    },
    node::api::{Gap, Missing, WhoError},
    wire::control::CatalogEntry,
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const ME: NodeId = NodeId([1; 32]);
const ANNA: NodeId = NodeId([7; 32]);
const DEADLINE: Duration = Duration::from_secs(60);

fn room() -> State {
    State::of(ME)
}

fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 7000).into()
}

fn announced(state: &mut State) {
    let beacon = Beacon {
        kind: Kind::Join,
        node: ANNA,
        name: "anna".into(),
        tcp: 7000,
        udp: 7000,
        epoch: 1,
        revision: 0,
        seq: 1,
        suspects: Vec::new(),
    };
    let (from, room) = (address(), 1200);
    let heard = MembershipEvent::Heard { beacon, from, room };
    state.membership.handle(heard, Now::ZERO);
}

fn goodbye(node: NodeId) -> MembershipEvent {
    let (from, room) = (address(), 1200);
    let beacon = Beacon {
        kind: Kind::Leave,
        node,
        name: String::new(),
        tcp: 7000,
        udp: 7000,
        epoch: 1,
        revision: 0,
        seq: 1,
        suspects: Vec::new(),
    };
    MembershipEvent::Heard { beacon, from, room }
}

fn connected_to_peers(state: &mut State) {
    let name = "anna".to_owned();
    state
        .peers
        .connected(ANNA, name, address(), Via::Lan, Now::ZERO);
}

fn connected_to_membership(state: &mut State) {
    let connected = MembershipEvent::Connected {
        node: ANNA,
        address: address(),
    };
    state.membership.handle(connected, Now::ZERO);
}

fn anna() -> Person {
    Person {
        name: "anna".into(),
        node: ANNA,
    }
}

#[test]
fn a_node_that_announced_itself_is_coming_until_it_is_here() {
    let mut state = room();
    assert_eq!(state.find("anna"), Found::NOBODY);
    announced(&mut state);
    let coming = state.find("ANNA");
    assert_eq!((coming.who, coming.coming), (Err(WhoError::Nobody), true));
    connected_to_peers(&mut state);
    connected_to_membership(&mut state);
    let here = state.find("anna");
    assert_eq!((here.who, here.coming), (Ok(anna()), false));
}

/// In the middle of the turn they are neither, which nobody may see.
#[test]
fn a_turn_is_seen_whole_or_not_at_all() {
    let swarm = Swarm::new(room());
    announced(&mut swarm.turn());
    let mut turn = swarm.turn();
    connected_to_membership(&mut turn);
    assert_eq!(turn.find("anna"), Found::NOBODY, "the turn itself sees it");
    let (looking, begun) = mpsc::sync_channel(1);
    let reader = {
        let swarm = swarm.clone();
        thread::spawn(move || {
            looking.send(()).unwrap();
            swarm.find("anna")
        })
    };
    begun.recv().unwrap();
    connected_to_peers(&mut turn);
    drop(turn);
    assert_eq!(reader.join().unwrap().who, Ok(anna()));
}

/// The actor waits for a long look, and no short look waits for the actor.
#[test]
fn a_short_look_does_not_queue_behind_a_long_one() {
    let swarm = Swarm::new(room());
    let long = swarm.0.state.read();
    let actor = {
        let swarm = swarm.clone();
        thread::spawn(move || drop(swarm.turn()))
    };
    let until = Instant::now() + DEADLINE;
    // An ordinary look queues as soon as the actor does.
    while swarm.0.state.try_read().is_some() {
        assert!(Instant::now() < until, "the actor does not come");
        thread::yield_now();
    }
    let (done, seen) = mpsc::sync_channel(1);
    let reader = {
        let swarm = swarm.clone();
        thread::spawn(move || done.send(swarm.is_here(&ANNA)))
    };
    assert_eq!(seen.recv_timeout(DEADLINE), Ok(false));
    drop(long);
    actor.join().unwrap();
    reader.join().unwrap().unwrap();
}

#[tokio::test]
async fn one_at_a_time_goes_through_all_offers() {
    let swarm = Swarm::new(room());
    let (go, going) = mpsc::sync_channel::<()>(1);
    let first = {
        let swarm = swarm.clone();
        tokio::spawn(async move { swarm.at_length(move |_| going.recv().is_ok()).await })
    };
    while swarm.0.long.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let mut second = Box::pin(swarm.list(None));
    assert!(futures::poll!(second.as_mut()).is_pending());
    // The caller has gone away, but what it asked for is still under way.
    first.abort();
    assert!(first.await.is_err());
    assert_eq!(swarm.0.long.available_permits(), 0);
    go.send(()).unwrap();
    assert!(second.await.is_empty());
}

#[test]
fn of_whom_others_only_told_is_missing_and_so_is_who_does_not_say_who_is_here() {
    let mut state = room();
    connected_to_peers(&mut state);
    let told = NodeId([8; 32]);
    assert_eq!(state.sight(false).expected, 0);
    state.told_of([told, ME].into_iter());
    assert_eq!(state.sight(false).expected, 1);
    let gaps = state.gaps(false);
    let gap = gaps.catalogs.iter().find(|gap| gap.node.node == told);
    assert_eq!(gap.map(|gap| gap.why), Some(Missing::Connection));
    // What is known of it counts from then on.
    let event = MembershipEvent::Introduced {
        node: told,
        address: address(),
        epoch: 1,
        revision: 1,
        age: std::time::Duration::ZERO,
    };
    state.membership.handle(event, Now::ZERO);
    assert_eq!(state.sight(false).expected, 0);
    // So does that it said goodbye, or that nobody is there.
    let [left, nobody] = [7, 6].map(|n| NodeId([n; 32]));
    state.told_of([left, nobody].into_iter());
    assert_eq!(state.sight(false).expected, 2);
    state.membership.handle(goodbye(left), Now::ZERO);
    assert_eq!(state.sight(false).expected, 1);
    state.is_not_there(&nobody);
    assert_eq!(state.sight(false).expected, 0);
    // Nor can a teller name more than there is room for.
    let many =
        (0..u32::MAX).map(|n| NodeId([n.to_be_bytes(); 8].as_flattened().try_into().unwrap()));
    state.told_of(many.take(20_000));
    assert_eq!(
        state.sight(false).expected as usize,
        crate::core::membership::MAX_KNOWN
    );
    let mut state = room();
    connected_to_peers(&mut state);
    let before = state.gaps(false);
    state.asked_for_everybody = Some(ANNA);
    assert!(state.sight(false).hoping);
    let silent = |gap: &&Gap| gap.why == Missing::Others;
    assert!(!before.catalogs.iter().any(|gap| silent(&gap)));
    assert_eq!(state.gaps(false).catalogs.iter().filter(silent).count(), 1);
}

/// Many names, of which one is sought.
fn of_many() -> (Swarm, Position, impl Fn() -> Sought) {
    let mut state = room();
    for at in 0..20_000u32 {
        let name = RelPath::parse(&format!("{at}.bin")).unwrap();
        let file = FileId(*blake3::hash(&at.to_le_bytes()).as_bytes());
        state.own.set(&name, file, Some(offered()));
    }
    let from = Position::default();
    let sought = || Sought::listed("12345");
    (Swarm::new(state), from, sought)
}

fn offered() -> Offer {
    Offer {
        size: 1,
        mtime: 0,
        executable: false,
        mode: None,
        media: "text/plain".into(),
        held: crate::wire::control::Held::Shared,
        parts: None,
    }
}

#[tokio::test]
async fn a_second_question_of_a_peer_that_takes_long_is_not_taken_while_there_is_one() {
    let (swarm, from, sought) = of_many();
    assert!(swarm.read().own.is_far(&from));
    // Until the actor's turn is over nobody looks.
    let (held, holds) = mpsc::sync_channel(1);
    let (end, ended) = mpsc::sync_channel::<()>(1);
    let turn = thread::spawn({
        let swarm = swarm.clone();
        move || {
            let _turn = swarm.turn();
            held.send(()).unwrap();
            let _ = ended.recv();
        }
    });
    holds.recv().unwrap();
    let first = tokio::spawn({
        let (swarm, sought) = (swarm.clone(), sought());
        async move { swarm.page(ANNA, from, sought).await }
    });
    while swarm.0.asking.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = swarm.page(ANNA, from, sought());
    let second = tokio::time::timeout(Duration::from_secs(5), second).await;
    assert_eq!(second.expect("it is taken"), None);
    let other = swarm.page(ME, from, sought());
    drop(end);
    turn.join().unwrap();
    let (first, other) = tokio::time::timeout(DEADLINE, async { tokio::join!(first, other) })
        .await
        .unwrap();
    for page in [first.unwrap(), other] {
        let page = page.unwrap();
        assert_eq!((page.entries.len(), page.more), (1, false));
    }
    // And then the next one is.
    assert!(swarm.page(ANNA, from, sought()).await.is_some());
    let near = Position {
        epoch: 1,
        since: 20_000,
        ..from
    };
    assert!(!swarm.read().own.is_far(&near));
}

#[tokio::test]
async fn what_goes_through_all_names_goes_through_the_last_of_them() {
    let mut state = room();
    connected_to_peers(&mut state);
    let file = |at: usize| FileId(*blake3::hash(&at.to_le_bytes()).as_bytes());
    let many = PART + 10;
    let name = |at: usize| {
        let folder = if at == many - 1 { "zoo" } else { "many" };
        format!("{folder}/{at}.txt")
    };
    let entries = (0..many).map(|at| CatalogEntry {
        revision: at as u64 + 1,
        name: name(at),
        file: file(at),
        offer: Some(offered()),
    });
    let page = CatalogPage {
        name: "anna".into(),
        keeps: false,
        unchosen: false,
        visiting: false,
        epoch: 1,
        revision: many as u64,
        reset: true,
        more: false,
        through: None,
        names: None,
        entries: entries.collect(),
        scan: None,
        holds: Vec::new(),
    };
    state.peers.take_in(&ANNA, page).unwrap();
    let own = RelPath::parse("mine.txt").unwrap();
    state.own.set(&own, file(many), Some(offered()));
    let swarm = Swarm::new(state);
    let shown = swarm.beginnings(String::new(), 10).await;
    assert_eq!(shown, ["many/", "mine.txt", "zoo/"]);
    // By the last part of a name, and not what it is itself.
    let files = [0, many - 1].map(|at| {
        let last = name(at).replace(['z', 'm'], "x");
        [
            (RelPath::parse(&last).unwrap(), file(many + 1)),
            (RelPath::parse(&name(at)).unwrap(), file(at)),
        ]
    });
    let found = swarm.versions(files.concat()).await;
    let found: Vec<usize> = found.iter().map(Vec::len).collect();
    assert_eq!(found, [1, 0, 1, 0]);
}
