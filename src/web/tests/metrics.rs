//! What Prometheus reads.

use super::*;
use std::collections::BTreeMap;

/// Every series with its value; fails on what is no such text.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("an end");
    let mut kinds = BTreeMap::new();
    let mut series = BTreeMap::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let words: Vec<&str> = rest.splitn(3, ' ').collect();
            assert!(["HELP", "TYPE", "UNIT"].contains(&words[0]), "{line}");
            if words[0] == "TYPE" {
                assert!(
                    ["gauge", "counter", "histogram"].contains(&words[2]),
                    "{line}"
                );
                let known = kinds.insert(words[1].to_owned(), words[2].to_owned());
                assert!(known.is_none(), "{line} comes twice");
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a value");
        let family = name.split('{').next().unwrap();
        let family = ["_total", "_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| family.strip_suffix(end))
            .unwrap_or(family);
        assert!(kinds.contains_key(family), "{line} has no type");
        let known = series.insert(name.to_owned(), value.parse().unwrap());
        assert!(known.is_none(), "{line} comes twice");
    }
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_be_read_and_move_and_hold_no_text_of_others() {
    let served = serve().await;
    let own = format!("Host: {}\r\n", served.at);
    let answer = served.ask("GET", "/metrics", &own, b"").await;
    assert_eq!(answer.status, 401, "who has no key sees nothing");
    let look = async || {
        let answer = served.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(
            answer
                .head
                .contains("content-type: application/openmetrics-text")
        );
        String::from_utf8(answer.body).unwrap()
    };
    let before = parsed(&look().await);
    let failed = r#"sprat_jobs{kind="download",state="failed"}"#;
    for (name, value) in [
        (r#"sprat_peers{via="lan"}"#, 0.0),
        ("sprat_chunks_received_bytes_total", 0.0),
        ("sprat_chunks_sent_bytes_total", 0.0),
        ("sprat_asks", 0.0),
        (failed, 0.0),
    ] {
        assert_eq!(before.get(name), Some(&value), "{name}: {before:?}");
    }
    assert!(
        before.contains_key("sprat_replicas_quota_bytes"),
        "{before:?}"
    );
    if cfg!(target_os = "linux") {
        assert!(before["process_resident_memory_bytes"] > 1e6, "{before:?}");
        assert!(before["process_open_fds"] > 3.0, "{before:?}");
    }
    let turns = before["sprat_actor_turn_seconds_count"];
    let all = before[r#"sprat_actor_turn_seconds_bucket{le="+Inf"}"#];
    assert!(turns >= 1.0 && (all - turns).abs() < 0.1, "{before:?}");
    assert!(before.contains_key(r#"sprat_actor_turn_seconds_bucket{le="0.02"}"#));
    let services = &served.node;
    let name = "evil\"} 1\nsprat_evil 2\n";
    let wanted = json!({ "what": [name], "wait": 0 });
    let job = served.post("/api/v1/downloads", &wanted).await.json()["job"].as_u64();
    let mut changes = services.job_changes();
    let ended = async {
        while !services
            .job(job.unwrap())
            .is_some_and(|job| job.state.has_ended())
        {
            changes.changed().await.unwrap();
        }
    };
    timeout(DEADLINE, ended).await.unwrap();
    let text = look().await;
    let after = parsed(&text);
    assert!((after[failed] - 1.0).abs() < 0.1, "{text}");
    assert!(after["sprat_actor_turn_seconds_count"] > turns);
    assert!(after["sprat_uptime_seconds"] > before["sprat_uptime_seconds"]);
    assert!(!text.contains("evil") && !text.contains("anna"), "{text}");
    let names = |of: &BTreeMap<String, f64>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "a series came or went");
    served.end().await;
}
