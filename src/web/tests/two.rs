//! Two nodes that have found each other: what one tells of the other.

use super::*;

/// A second one that knows where the first is, once each has heard what the other is called.
async fn two() -> (Served, Served) {
    let anna = serve().await;
    let at = anna.node.status().await.unwrap().addresses;
    let bob = serve_beside("bob", Accepting::Nobody, at).await;
    until("bob knows anna", async || peers(&bob).await == ["anna"]).await;
    until("anna knows bob", async || peers(&anna).await == ["bob"]).await;
    (anna, bob)
}

/// What the others are called, as the API has it.
async fn peers(served: &Served) -> Vec<String> {
    let told = served.get("/api/v1/peers").await.json();
    let rows = told["peers"].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect(what);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_changed_is_seen_by_the_others() {
    let (anna, bob) = two().await;
    let headers = anna.own_headers("application/json");
    let body = json!({ "name": "anna b" }).to_string();
    let changed = anna
        .ask("PATCH", "/api/v1/settings", &headers, body.as_bytes())
        .await;
    assert_eq!(
        (changed.status, &changed.json()["name"]),
        (200, &json!("anna b"))
    );
    until("bob hears of it", async || peers(&bob).await == ["anna b"]).await;
    // As somebody whom it was said of, and as the owner of what she offers.
    let met = bob.get("/api/v1/chats").await.json();
    assert_eq!(met["chats"][0]["name"], "anna b", "{met}");
    std::fs::write(anna.home.path().join("shared/hers"), "hers").unwrap();
    let path = format!("/api/v1/jobs/{}", fetch(&bob, "hers").await);
    let sources = bob.get(&path).await.json()["sources"].clone();
    assert_eq!(sources[0]["name"], "anna b", "{sources}");
    bob.end().await;
    anna.end().await;
}

/// Downloads something to its end; gives the job.
async fn fetch(served: &Served, what: &str) -> u64 {
    let wanted = json!({ "what": [what], "wait": 30 });
    let begun = served.post("/api/v1/downloads", &wanted).await.json();
    let job = begun["job"].as_u64().unwrap();
    let ended = async || {
        let job = served.node.job(job);
        job.is_some_and(|job| job.state.has_ended())
    };
    until("the download ends", ended).await;
    let told = served.get(&format!("/api/v1/jobs/{job}")).await.json();
    assert_eq!(told["state"], "done", "{told}");
    job
}

/// Bytes of chunks that came and went, as Prometheus reads them.
async fn moved(served: &Served) -> (u64, u64) {
    let text = String::from_utf8(served.get("/metrics").await.body).unwrap();
    let count = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim().parse().expect(name)
    };
    (
        count("sprat_chunks_received_bytes_total"),
        count("sprat_chunks_sent_bytes_total"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counters_of_bytes_count_what_moved_and_nothing_else() {
    let (anna, bob) = two().await;
    let put = |served: &Served, name: &str, bytes: &[u8]| {
        std::fs::write(served.home.path().join("shared").join(name), bytes).unwrap();
    };
    let first = noise(1, 3 << 20);
    put(&anna, "first.bin", &first);
    fetch(&bob, "first.bin").await;
    let size = first.len() as u64;
    assert_eq!(moved(&bob).await, (size, 0));
    // The sender counts once the last bytes have left.
    until("anna counts", async || moved(&anna).await == (0, size)).await;

    // What is here already does not move again, neither as a whole nor as a part of something else.
    fetch(&bob, "first.bin").await;
    assert_eq!(moved(&bob).await, (size, 0));
    let longer = [&first[..], &noise(2, 1 << 20)].concat();
    put(&anna, "longer.bin", &longer);
    let job = fetch(&bob, "longer.bin").await;
    let sources = bob.node.job(job).unwrap().sources;
    let came: u64 = sources.iter().map(|source| source.bytes).sum();
    assert!((1 << 20..2 << 20).contains(&came), "{came}");
    assert_eq!(moved(&bob).await, (size + came, 0));
    until("anna counts", async || {
        moved(&anna).await == (0, size + came)
    })
    .await;

    // The other way.
    put(&bob, "back.bin", &noise(3, 100_000));
    fetch(&anna, "back.bin").await;
    assert_eq!(moved(&anna).await, (100_000, size + came));
    until("bob counts", async || {
        moved(&bob).await == (size + came, 100_000)
    })
    .await;
    bob.end().await;
    anna.end().await;
}

/// Bytes that do not repeat.
fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut output = blake3::Hasher::new().update(&[seed]).finalize_xof();
    output.fill(&mut bytes);
    bytes
}
