//! What stays where it is and is shared all the same.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_shared_and_shared_no_longer_and_nobody_else_learns_it() {
    let served = serve().await;
    let beside = tempfile::tempdir().unwrap();
    let song = beside.path().join("song");
    std::fs::write(&song, "la").unwrap();
    let song = std::fs::canonicalize(song).unwrap();
    let path = song.to_str().unwrap();
    let one = json!({ "path": path, "name": "tune" });
    let made = served.post("/api/v1/share", &one).await;
    assert_eq!(made.status, 201, "{}", made.head);
    assert_eq!(made.json(), json!({ "name": "tune", "path": path }));
    assert_eq!(served.post("/api/v1/share", &one).await.status, 200);
    let shared = served.get("/api/v1/share").await.json();
    let row = json!({ "name": "tune", "path": path, "there": true });
    assert_eq!(shared["paths"], json!([row]));
    // What others are told of it is what the offers have.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let offers = served.get("/api/v1/offers").await;
        let text = String::from_utf8(offers.body.clone()).unwrap();
        assert!(!text.contains(beside.path().to_str().unwrap()), "{text}");
        let names: Vec<Value> = offers.json()["offers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].clone())
            .collect();
        if names.contains(&json!("tune")) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{names:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (body, status) in [
        (json!({ "path": "song" }), 400),
        (json!({ "path": path, "name": "../x" }), 400),
        (json!({ "path": path, "name": "other" }), 409),
        (json!({ "path": beside.path().join("nothing") }), 404),
        (json!({ "path": served.home.path() }), 400),
        (json!({ "path": path, "wat": 1 }), 400),
        (json!({ "path": "x".repeat(70 << 10) }), 413),
    ] {
        let refused = served.post("/api/v1/share", &body).await;
        assert_eq!(refused.status, status, "{}", refused.head);
    }
    no_upload_goes_by_a_name_that_is_taken(&served, path).await;
    let headers = served.own_headers("application/json");
    let delete = async |what: &str| {
        let path = format!("/api/v1/share?name={what}");
        served.ask("DELETE", &path, &headers, b"").await
    };
    let removed = delete("tune").await;
    assert_eq!(
        removed.json(),
        json!({ "name": "tune", "path": path, "moved": false })
    );
    assert_eq!(delete("tune").await.status, 404);
    assert!(song.exists());
    let lies = delete("a.txt").await;
    assert_eq!((lies.status, &lies.json()["code"]), (409, &json!(4)));
    let moved = delete("a.txt&move=1").await;
    assert_eq!(moved.json()["moved"], true, "{}", moved.head);
    let at = served.home.path().join("downloads/a.txt");
    assert_eq!(std::fs::read(at).unwrap(), b"hello");
    served.end().await;
}

/// A file of the shared folder would be a second offer of what `tune` stands for, or lie in it.
async fn no_upload_goes_by_a_name_that_is_taken(served: &Served, tune: &str) {
    let headers = served.own_headers("application/octet-stream");
    let upload = async |name: &str| {
        let path = format!("/api/v1/share?name={name}");
        served.ask("POST", &path, &headers, b"other bytes").await
    };
    for name in ["tune", "tune&overwrite=1", "tune/b"] {
        let refused = upload(name).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!(4)));
        let why = format!(
            "{tune} is shared as `tune` where it lies: give this one another name, or `unshare tune` first"
        );
        assert_eq!(refused.json()["message"], why, "{name}");
    }
    assert!(!served.home.path().join("shared/tune").exists());
    let offers = served.get("/api/v1/offers?q=tune").await.json();
    assert_eq!(
        (&offers["total"], &offers["offers"][0]["size"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(upload("tunes").await.status, 201, "another name is free");
}
