//! 100,000 offers: what a key costs is counted, not timed.

use super::*;
use std::sync::atomic::Ordering;

const MANY: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_search_of_100_000_offers_costs_a_page() {
    let served = serve().await;
    let topics = ["harbour", "Festival", "garden", "quartet", "river"];
    let name = |at: usize| format!("{}/{at:05} {}.txt", at % 50, topics[at % topics.len()]);
    served.node.believe("bob", (0..MANY).map(name));
    let work = || {
        let work = served.web.app.offers.work();
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        (of(&work.waited), of(&work.looked), of(&work.rows))
    };
    let ask = async |query: &str| {
        let begun = std::time::Instant::now();
        let page = served
            .get(&format!("/api/v1/offers?{query}&limit=100"))
            .await;
        println!("{query}: {:?}", begun.elapsed());
        page.json()
    };
    let all = async {
        loop {
            let page = ask("q=").await;
            if page["total"] == MANY + 1 {
                return page["revision"].as_u64().unwrap();
            }
        }
    };
    // Of what is held: the swarm may have changed since that page was made.
    let revision = timeout(DEADLINE, all).await.expect("its own file, too");
    let (waits, _, before) = work();
    for (query, total) in [
        ("q=f", MANY / 5),
        ("q=fe", MANY / 5),
        ("q=fest", MANY / 5),
        ("q=festival", MANY / 5),
        ("q=0777", 20),
        ("q=07771", 1),
        ("q=", MANY + 1),
        ("q=&sort=size&desc=1", MANY + 1),
        ("q=river&sort=size&desc=1", MANY / 5),
        ("q=*garden*", MANY / 5),
        ("q=&folder=7", MANY / 50),
        ("q=&folder=/", 1),
    ] {
        let page = ask(query).await;
        assert_eq!(page["total"], total, "{query}");
    }
    let (waited, looked, rows) = work();
    let changes = served.web.app.hub.revision() - revision;
    assert!(
        waited - waits <= changes,
        "a key waited for all rows to be made"
    );
    assert!(
        rows - before <= 12 * 100,
        "{} rows were copied",
        rows - before
    );
    // One glob goes through all; `07771` looks at what `0777` found.
    assert!(looked <= MANY as u64 + 21, "{looked} names were looked at");
    let last = ask("q=&sort=size&desc=1").await;
    assert_eq!(last["offers"][0]["name"], name(MANY - 1));

    // A change that came meanwhile is not waited for by who types.
    served
        .node
        .believe("carol", std::iter::once("festoon.txt".into()));
    served.web.app.hub.changed();
    let before = work().0;
    let page = ask("q=festo&soon=1").await;
    assert!(page["stale"] == true || page["total"] == 1, "{page}");
    let seen = async {
        loop {
            let page = ask("q=festo&soon=1").await;
            if page["total"] == 1 && page["stale"].is_null() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, seen).await.expect("it is made meanwhile");
    assert_eq!(work().0, before, "a key waited for all rows to be made");
    served.end().await;
}
