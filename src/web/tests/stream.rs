//! The stream of events.

use super::*;

/// A stream that is read message by message.
struct Follower {
    stream: TcpStream,
    text: String,
}

impl Follower {
    async fn new(served: &Served, more: &str) -> Self {
        let Served { at, cookie, .. } = served;
        let request =
            format!("GET /api/v1/events HTTP/1.1\r\nHost: {at}\r\nCookie: {cookie}\r\n{more}\r\n");
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = String::new();
        Self { stream, text }
    }

    /// The status of the answer.
    async fn status(&mut self) -> u16 {
        let head = self.upto("\r\n\r\n").await;
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn upto(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.text.find(end) {
                let rest = self.text.split_off(at + end.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let mut bytes = [0; 4096];
            let read = timeout(DEADLINE, self.stream.read(&mut bytes)).await;
            let read = read.expect("something").unwrap();
            assert!(read > 0, "it ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// The next message: its id, its event and its data.
    async fn next(&mut self) -> (String, String, Value) {
        loop {
            let text = self.upto("\n\n").await;
            let field = |name: &str| {
                let mut lines = text.lines();
                lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
            };
            if let (Some(id), Some(event), Some(data)) =
                (field("id"), field("event"), field("data"))
            {
                return (id, event, serde_json::from_str(&data).unwrap());
            }
        }
    }

    async fn until(&mut self, wanted: &str) -> (String, Value) {
        loop {
            let (id, event, data) = self.next().await;
            if event == wanted {
                return (id, data);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_comes_first_then_what_happens_then_what_was_missed() {
    let served = serve().await;
    let mut follower = Follower::new(&served, "").await;
    assert_eq!(follower.status().await, 200);
    let (_, event, snapshot) = follower.next().await;
    assert_eq!(event, "snapshot");
    assert_eq!(snapshot["status"]["name"], "anna");
    assert!(snapshot["jobs"].is_array() && snapshot["peers"].is_array());
    let wanted = json!({ "what": ["nothing"], "wait": 0 });
    served.post("/api/v1/downloads", &wanted).await;
    let (id, job) = loop {
        let (id, job) = follower.until("job").await;
        if job["state"] == "failed" {
            break (id, job);
        }
    };
    assert_eq!((&job["job"], &job["code"]), (&json!(1), &json!(5)));
    drop(follower);
    // Another one happens while nobody follows; who comes back hears of it, and of nothing before.
    served.post("/api/v1/downloads", &wanted).await;
    let mut back = Follower::new(&served, &format!("Last-Event-ID: {id}\r\n")).await;
    assert_eq!(back.status().await, 200);
    let (_, event, job) = loop {
        let message = back.next().await;
        assert_ne!(message.1, "snapshot", "it remembers");
        if message.1 == "job" && message.2["job"] == 2 {
            break message;
        }
    };
    assert_eq!((&*event, &job["kind"]), ("job", &json!("download")));
    // An id of another life means nothing.
    let mut other = Follower::new(&served, "Last-Event-ID: 1-1\r\n").await;
    other.status().await;
    assert_eq!(other.next().await.1, "snapshot");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thirty_third_follower_is_turned_away() {
    let served = serve().await;
    let mut all = Vec::new();
    for _ in 0..32 {
        let mut follower = Follower::new(&served, "").await;
        assert_eq!(follower.status().await, 200);
        all.push(follower);
    }
    assert_eq!(served.get("/api/v1/events").await.status, 503);
    all.pop();
    let again = async {
        loop {
            let mut follower = Follower::new(&served, "").await;
            if follower.status().await == 200 {
                return;
            }
        }
    };
    timeout(DEADLINE, again)
        .await
        .expect("a place that is free again");
    served.end().await;
}

/// Who begins to follow; `None` when it is turned away, at the door or within.
async fn follows(served: &Served) -> Option<TcpStream> {
    let Served { at, cookie, .. } = served;
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {at}\r\nCookie: {cookie}\r\n\r\n");
    let mut stream = TcpStream::connect(at).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut status = [0; 12];
    let read = timeout(DEADLINE, stream.read_exact(&mut status)).await;
    let begun = read.expect("an answer or an end").is_ok();
    assert!(!begun || [b"200", b"503"].contains(&status[9..].try_into().unwrap()));
    (begun && status.ends_with(b"200")).then_some(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_followers_32_are_served_and_the_owner_has_room_besides() {
    use futures::StreamExt as _;
    let served = serve().await;
    let all = futures::stream::iter(0..1000).map(|_| follows(&served));
    let all = all.buffer_unordered(200).filter_map(std::future::ready);
    let all: Vec<TcpStream> = all.collect().await;
    assert_eq!(all.len(), 32);
    assert_eq!(served.get("/api/v1/status").await.status, 200);
    // None of them reads: what happens is told to the others, and no more is kept for them.
    let wanted = json!({ "what": ["nothing"], "wait": 0 });
    for _ in 0..100 {
        assert_eq!(served.post("/api/v1/downloads", &wanted).await.status, 202);
    }
    drop(all);
    let again = async { while follows(&served).await.is_none() {} };
    timeout(DEADLINE, again)
        .await
        .expect("a place that is free again");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_turn_of_the_actor_is_no_news_of_the_status() {
    let served = serve().await;
    let before = status::status(&served.node, 0).await.unwrap();
    let mut after = status::status(&served.node, 0).await.unwrap();
    let turns = after.status.turns;
    assert!(turns.count() > before.status.turns.count());
    assert!(!after.is_news_after(&before));
    assert_eq!(after.status.turns, turns, "they are told with the next");
    after.revision += 1;
    assert!(after.is_news_after(&before));
    served.end().await;
}
