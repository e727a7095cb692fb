//! What each path answers.

use super::*;
use crate::node::JobState;

#[tokio::test(flavor = "multi_thread")]
async fn every_path_that_is_read_answers() {
    let served = serve().await;
    for (path, keys) in [
        (
            "status",
            &[
                "peer", "name", "safe", "later", "version", "home", "revision", "rates",
            ][..],
        ),
        ("peers", &["peers"]),
        (
            "offers?sort=size&desc=1&limit=5",
            &["total", "offset", "revision", "folders", "offers", "gaps"],
        ),
        ("jobs", &["jobs"]),
        ("asks", &["asks"]),
        ("chats", &["chats"]),
        (
            "settings",
            &[
                "name",
                "home",
                "upload_limit",
                "download_limit",
                "replica_quota",
                "accepting",
            ],
        ),
        ("log", &["lines", "first", "next"]),
        ("share", &["total", "files"]),
    ] {
        let answer = served.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        let value = answer.json();
        for key in keys {
            assert!(value.get(*key).is_some(), "{path} has no {key}: {value}");
        }
    }
    for (method, path, status, code) in [
        ("GET", "/api/v1/nothing", 404, 5),
        ("GET", "/api/v1/jobs/9", 404, 5),
        ("GET", "/api/v1/jobs/9/have", 404, 5),
        ("GET", "/api/v1/people", 400, 2),
        ("GET", "/api/v1/offers?sort=luck", 400, 2),
        ("GET", "/api/v1/downloads", 405, 2),
        ("POST", "/api/v1/jobs/9/pause", 404, 5),
        ("POST", "/api/v1/jobs/9/fly", 404, 5),
        ("POST", "/api/v1/asks/9/refuse", 404, 5),
        ("DELETE", "/api/v1/later/9", 404, 5),
        ("DELETE", "/api/v1/status", 405, 2),
    ] {
        let headers = served.own_headers("application/json");
        let answer = served.ask(method, path, &headers, b"").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["code"], code, "{method} {path}");
        assert!(answer.json()["message"].is_string());
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_told_what_is_wrong() {
    let served = serve().await;
    for (path, body, status) in [
        ("downloads", json!({ "what": [] }), 400),
        (
            "downloads",
            json!({ "what": ["x"], "into": "relative" }),
            400,
        ),
        ("downloads", json!({ "what": ["x"], "wait": -1 }), 400),
        ("downloads", json!({ "what": ["x"], "wat": 1 }), 400),
        (
            "downloads",
            json!({ "what": ["x"], "from": "a", "all_versions": true }),
            400,
        ),
        ("sends", json!({ "to": [], "paths": ["/x"] }), 400),
        ("sends", json!({ "to": ["bob"] }), 400),
        ("sends", json!({ "to": ["bob"], "paths": ["x"] }), 400),
        ("sends", json!({ "to": ["bob"], "staged": ["9"] }), 404),
        ("chats/bob", json!({ "text": "hi" }), 404),
        ("people", json!({}), 400),
        ("asks/1/accept", json!({}), 404),
        ("session", json!({ "code": "0" }), 401),
    ] {
        let answer = served.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.json());
        assert!(answer.json()["message"].is_string());
    }
    let headers = served.own_headers("application/json");
    for (body, status) in [
        (json!({ "upload_limit": 0 }), 400),
        (json!({ "name": "" }), 400),
        (json!({ "name": 5 }), 400),
        (json!({ "home": "/" }), 400),
        (json!({ "replica_quota": -1 }), 400),
        (json!({ "replica_quota": 1.5 }), 400),
        (json!({ "name": "anna b", "replica_quota": 5_000_000 }), 200),
        (
            json!({ "upload_limit": 500_000, "download_limit": null }),
            200,
        ),
    ] {
        let text = body.to_string();
        let answer = served
            .ask("PATCH", "/api/v1/settings", &headers, text.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{body}");
    }
    assert_eq!(
        served.get("/api/v1/settings").await.json()["upload_limit"],
        500_000
    );
    assert_eq!(served.node.rate_limits().upload, Some(500_000));
    let status = served.get("/api/v1/status").await.json();
    assert_eq!(
        (&status["name"], &status["replicas"]["quota"]),
        (&json!("anna b"), &json!(5_000_000))
    );
    let kept = served.home.path().join(".sprat/config.toml");
    let kept = std::fs::read_to_string(kept).unwrap();
    assert_eq!(kept, "name = \"anna b\"\nreplica-quota = 5000000\n");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_begun_and_followed_as_a_job() {
    let served = serve().await;
    let wanted = json!({ "what": ["nothing"], "wait": 0 });
    let answer = served.post("/api/v1/downloads", &wanted).await;
    assert_eq!(answer.status, 202);
    let job = answer.json()["job"].as_u64().unwrap();
    let mut changes = served.node.job_changes();
    let ended = async {
        while !served
            .node
            .job(job)
            .is_some_and(|job| job.state.has_ended())
        {
            changes.changed().await.unwrap();
        }
    };
    timeout(DEADLINE, ended).await.unwrap();
    assert_eq!(served.node.job(job).unwrap().state, JobState::Failed);
    let told = served.get(&format!("/api/v1/jobs/{job}")).await.json();
    assert_eq!(
        (&told["state"], &told["code"]),
        (&json!("failed"), &json!(5))
    );
    let again = served
        .post(&format!("/api/v1/jobs/{job}/cancel"), &json!({}))
        .await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!(4)));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_uploaded_are_shared_or_wait_to_be_sent() {
    let served = serve().await;
    let shared = served.home.path().join("shared");
    let headers = served.own_headers("application/octet-stream");
    let share = async |name: &str| {
        let path = format!("/api/v1/share?name={name}");
        served.ask("POST", &path, &headers, b"bytes").await
    };
    let answer = share("photos/b%20c.jpg").await;
    assert_eq!(answer.status, 201, "{}", answer.head);
    assert_eq!(
        answer.json(),
        json!({ "name": "photos/b c.jpg", "size": 5 })
    );
    assert_eq!(
        std::fs::read(shared.join("photos/b c.jpg")).unwrap(),
        b"bytes"
    );
    assert_eq!(share("photos/b%20c.jpg").await.status, 409);
    assert_eq!(share("photos/b%20c.jpg&overwrite=1").await.status, 201);
    for name in [
        "../x",
        "%2e%2e/x",
        "..%2fx",
        "/etc/x",
        "a/../../x",
        "",
        "a%00b",
        ".sprat/x/../../y",
    ] {
        assert_eq!(share(name).await.status, 400, "{name}");
    }
    assert!(!served.home.path().join("x").exists());
    let staged = served
        .ask("POST", "/api/v1/staged?name=a.txt", &headers, b"hi")
        .await;
    assert_eq!(staged.status, 201);
    let id = staged.json()["staged"].as_str().unwrap().to_owned();
    let send = json!({ "to": ["nobody-is-here"], "staged": [id], "wait": 0 });
    assert_eq!(served.post("/api/v1/sends", &send).await.status, 202);
    assert_eq!(
        served.post("/api/v1/sends", &send).await.status,
        404,
        "it is taken once"
    );
    folders_are_staged(&served, &headers).await;
    let json_headers = served.own_headers("application/json");
    let form = served
        .ask("POST", "/api/v1/staged?name=z", &json_headers, b"{}")
        .await;
    assert_eq!(form.status, 415);
    served.end().await;
}

async fn folders_are_staged(served: &Served, headers: &str) {
    let stage = async |name: &str| {
        let path = format!("/api/v1/staged?name={name}");
        let staged = served.ask("POST", &path, headers, b"hi").await;
        assert_eq!(staged.status, 201, "{name}");
        assert_eq!(staged.json()["name"], name);
        staged.json()["staged"].as_str().unwrap().to_owned()
    };
    for name in ["../x", "trip/..%2f..%2fx", "/x", "trip%2f%2fx", "trip%5cx"] {
        let path = format!("/api/v1/staged?name={name}");
        let refused = served.ask("POST", &path, headers, b"hi").await;
        assert_eq!(refused.status, 400, "{name}");
    }
    let send = async |ids: &[&String]| {
        let send = json!({ "to": ["nobody-is-here"], "staged": ids, "wait": 0 });
        served.post("/api/v1/sends", &send).await
    };
    let (one, two) = (stage("trip/day1/a").await, stage("trip/b").await);
    let (same, inside) = (stage("trip/b").await, stage("trip/b/c").await);
    // Nothing is taken by a send that cannot be.
    assert_eq!(send(&[&one, &two, &same]).await.status, 400);
    assert_eq!(send(&[&one, &two, &inside]).await.status, 400);
    for left in [same, inside] {
        let path = format!("/api/v1/staged/{left}");
        assert_eq!(served.ask("DELETE", &path, headers, b"").await.status, 204);
        assert_eq!(served.ask("DELETE", &path, headers, b"").await.status, 404);
    }
    let (three, plain) = (stage("trip/day1/c").await, stage("z").await);
    // A folder with nothing in it goes with the others.
    let empty = "/api/v1/staged?name=trip/empty&folder=1";
    let refused = served.ask("POST", empty, headers, b"hi").await;
    assert_eq!(refused.status, 400, "its bytes would be lost");
    let empty = served.ask("POST", empty, headers, b"").await.json();
    assert_eq!(empty["size"], 0);
    let empty = empty["staged"].as_str().unwrap().to_owned();
    let answer = send(&[&one, &two, &three, &plain, &empty]).await;
    assert_eq!(answer.status, 202);
    let path = format!("/api/v1/jobs/{}", answer.json()["job"]);
    let files = async {
        loop {
            let job = served.get(&path).await.json();
            if job["files"] == 4 {
                return;
            }
            assert!(job["ended"].is_null() || job["files"] == 4, "{job}");
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, files).await.expect("the folder is read");
    // All that was uploaded goes with the send.
    let spools = served.home.path().join(".sprat/spool");
    let empty = async {
        while std::fs::read_dir(&spools).unwrap().next().is_some() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, empty).await.expect("the uploads go");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_the_home_is_its_owners_and_runs_commands() {
    use std::os::unix::fs::PermissionsExt as _;
    use tokio::net::UnixStream;
    let served = serve().await;
    let path = served.node.api_socket();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = async |method: &str, to: &str, body: &Value| {
        let body = body.to_string();
        let length = body.len();
        let request = format!(
            "{method} {to} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let stream = UnixStream::connect(&path).await.unwrap();
        exchange(stream, request.as_bytes()).await
    };
    assert_eq!(
        ask("GET", "/api/v1/status", &json!({})).await.json()["name"],
        "anna"
    );
    let page = ask("POST", "/api/v1/codes", &json!({})).await.json();
    assert!(
        page["address"].as_str().unwrap().contains("/#code="),
        "{page}"
    );
    let said = ask("POST", "/api/v1/run", &json!({ "say": "hello" })).await;
    let lines = String::from_utf8(said.body).unwrap();
    assert_eq!(lines, "{\"run\":1}\n{\"out\":\"hello\"}\n{\"exit\":0}\n");
    // One that waits is stopped from another connection.
    let given = json!({ "say": "wait", "wait": true });
    let waiting = ask("POST", "/api/v1/run", &given);
    let stopping = async {
        while ask("POST", "/api/v1/run/2/stop", &json!({})).await.status != 204 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (said, ()) = tokio::join!(waiting, stopping);
    assert!(said.body.ends_with(b"{\"exit\":130}\n"));
    // Over TCP neither exists.
    for path in ["/api/v1/run", "/api/v1/codes"] {
        assert_eq!(served.post(path, &json!({})).await.status, 404);
    }
    let node = served.node.clone();
    timeout(DEADLINE, served.web.close()).await.unwrap();
    assert!(!path.exists(), "it goes with the node");
    // What a crash left is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists() && UnixStream::connect(&path).await.is_err());
    let web = Web::open(&node, None, run()).await.unwrap();
    assert!(UnixStream::connect(&path).await.is_ok());
    assert!(web.page().is_none() && web.address().is_err());
    web.close().await;
    node.leave().await;
}
