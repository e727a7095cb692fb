//! The description of the API says what the routes are, and what they answer.

use super::*;
use serde_json::Map;
use std::collections::BTreeSet;

const BASE: &str = "/api/v1";
/// The routes of the API, as they are written.
const ROUTES: &str = include_str!("../routes.rs");
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

fn described(api: &Value) -> BTreeSet<(String, String)> {
    let paths = api["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.clone(), path.clone()))
    });
    all.collect()
}

/// Each `.route("PATH", get(…).post(…))` of a source.
fn routed(source: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for call in source.split(".route(").skip(1) {
        let mut depth = 1;
        let end = call.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let call = &call[..end.unwrap()];
        let path = call.split('"').nth(1).unwrap();
        let whole = path.starts_with(BASE) || path == "/metrics";
        let path = if whole {
            path.to_owned()
        } else {
            format!("{BASE}{path}")
        };
        for method in METHODS {
            if call.contains(&format!("{method}(")) {
                found.insert((method.to_owned(), path.clone()));
            }
        }
    }
    found
}

/// Whether a value is what a schema says: the keywords that ours use. What is not described is
/// wrong, and so is a keyword that this does not know.
fn check(api: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let empty = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        let place = name.strip_prefix('#').unwrap();
        let meant = api.pointer(place).ok_or(format!("no {name}"))?;
        return check(api, meant, value);
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(all) = schema[word].as_array() {
            let fits = all.iter().map(|one| check(api, one, value));
            let (good, bad): (Vec<_>, Vec<_>) = fits.partition(Result::is_ok);
            let right = if word == "oneOf" {
                good.len() == 1
            } else {
                !good.is_empty()
            };
            return if right {
                Ok(())
            } else {
                Err(format!("{} of {word}: {bad:?}", good.len()))
            };
        }
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |one: &&str| *one == kind || (*one == "number" && kind == "integer");
    if !kinds.is_empty() && !kinds.iter().any(fits) {
        return Err(format!("{value} is no {kinds:?}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is none of {allowed:?}"));
    }
    for one in value.as_array().unwrap_or(&empty) {
        check(api, &schema["items"], one)?;
    }
    // One that says nothing of its keys may have any.
    let says = schema.get("properties").or(schema.get("allOf")).is_some();
    if let Some(object) = value.as_object().filter(|_| says) {
        let (known, required) = keys(api, schema);
        for key in &required {
            if !object.contains_key(key) {
                return Err(format!("{key} lacks in {value}"));
            }
        }
        for (key, value) in object {
            let schema = known.get(key).ok_or(format!("{key} is not described"))?;
            check(api, schema, value).map_err(|error| format!("{key}: {error}"))?;
        }
    }
    Ok(())
}

/// The keys of an object, those of its parts included.
fn keys(api: &Value, schema: &Value) -> (Map<String, Value>, Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return keys(api, api.pointer(&name[1..]).unwrap());
    }
    let mut known = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let required = required
        .iter()
        .filter_map(|key| Some(key.as_str()?.to_owned()));
    let mut required: Vec<String> = required.collect();
    for part in schema["allOf"].as_array().unwrap_or(&Vec::new()) {
        let (more, needed) = keys(api, part);
        known.extend(more);
        required.extend(needed);
    }
    (known, required)
}

/// Holds an answer against what is described for it.
fn fits(api: &Value, method: &str, path: &str, answer: &Answer) {
    let responses = &api["paths"][path][method]["responses"];
    let status = answer.status.to_string();
    let response = match &responses[&status] {
        Value::Null => &responses["default"],
        response => response,
    };
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        assert!(
            answer.status < 300,
            "{method} {path}: {status} is not described"
        );
        return;
    }
    let told = check(api, schema, &answer.json());
    assert_eq!(told, Ok(()), "{method} {path} {status}: {}", answer.json());
}

/// Every `$ref` of it.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(value["$ref"].as_str());
    let (list, object) = (value.as_array(), value.as_object());
    let parts = list.into_iter().flatten();
    let parts = parts.chain(object.into_iter().flat_map(|object| object.values()));
    parts.for_each(|part| references(part, found));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route_and_what_it_answers() {
    let served = serve().await;
    let api = served.get("/api/v1/openapi.json").await;
    assert_eq!(api.status, 200);
    let api = api.json();
    assert_eq!(described(&api), routed(ROUTES));
    let mut found = Vec::new();
    references(&api, &mut found);
    for name in found {
        let place = name.strip_prefix('#').unwrap();
        assert!(api.pointer(place).is_some(), "{name} is nowhere");
    }
    // Of the socket alone.
    let elsewhere = ["/api/v1/codes", "/api/v1/get"];
    // They end what is asked, or never end.
    let kept_apart = ["/api/v1/leave", "/api/v1/session", "/api/v1/events"];
    let peer = served.node.id().to_string();
    let headers = served.own_headers("application/json");
    for (method, path) in described(&api) {
        if elsewhere.contains(&&*path) || kept_apart.contains(&&*path) {
            continue;
        }
        let filled = path.replace("{who}", &peer).replace("{act}", "pause");
        let filled = filled
            .split('/')
            .map(|part| if part.starts_with('{') { "7" } else { part });
        let filled = filled.collect::<Vec<_>>().join("/");
        let answer = served
            .ask(&method.to_uppercase(), &filled, &headers, b"{}")
            .await;
        let missing = || answer.json()["message"] == format!("there is no {filled}");
        assert!(answer.status != 405, "{method} {filled} is not there");
        assert!(
            answer.status != 404 || !missing(),
            "{method} {filled} is not there"
        );
        assert!(answer.status < 500, "{method} {filled}: {}", answer.status);
        fits(&api, &method, &path, &answer);
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_with_something_to_tell_answers_is_as_described() {
    let served = serve().await;
    let api = served.get("/api/v1/openapi.json").await.json();
    let octets = served.own_headers("application/octet-stream");
    for (path, query) in [("share", "photos/b.txt"), ("staged", "c.txt")] {
        let asked = format!("{BASE}/{path}?name={query}");
        let answer = served.ask("POST", &asked, &octets, b"bytes").await;
        assert_eq!(answer.status, 201);
        fits(&api, "post", &format!("{BASE}/{path}"), &answer);
    }
    let listed = async {
        while served
            .node
            .list(None)
            .await
            .iter()
            .filter(|row| row.shared)
            .count()
            < 2
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, listed)
        .await
        .expect("what was shared is offered");
    for (path, body) in [
        ("downloads", json!({ "what": ["a.txt"], "wait": 0 })),
        ("downloads", json!({ "what": ["nothing"], "wait": 0 })),
        (
            "sends",
            json!({ "to": ["nobody"], "staged": ["1"], "wait": 0 }),
        ),
        ("tickets", json!({ "what": "a.txt" })),
    ] {
        let path = format!("{BASE}/{path}");
        let answer = served.post(&path, &body).await;
        assert!([201, 202].contains(&answer.status), "{path}");
        fits(&api, "post", &path, &answer);
    }
    let mut changes = served.node.job_changes();
    let ended = async {
        while !served.node.jobs().iter().all(|job| job.state.has_ended()) {
            changes.changed().await.unwrap();
        }
    };
    timeout(DEADLINE, ended).await.unwrap();
    for (path, asked) in [
        ("status", "status"),
        ("offers", "offers?versions=1"),
        ("offers", "offers?folder=/"),
        ("share", "share"),
        ("jobs", "jobs"),
        ("jobs/{job}", "jobs/1"),
        ("jobs/{job}", "jobs/2"),
        ("jobs/{job}", "jobs/3"),
        ("jobs/{job}/have", "jobs/1/have"),
        ("log", "log"),
        ("settings", "settings"),
        ("doctor", "doctor"),
        ("chats", "chats"),
    ] {
        let answer = served.get(&format!("{BASE}/{asked}")).await;
        fits(&api, "get", &format!("{BASE}/{path}"), &answer);
        assert!(answer.status == 200 || path.ends_with("have"), "{path}");
    }
    served.end().await;
}

#[test]
fn the_check_of_schemas_finds_what_is_wrong() {
    let api = json!({ "s": { "type": "object", "required": ["a"], "properties": {
        "a": { "type": ["integer", "null"] }, "b": { "type": "array", "items": { "enum": ["x"] } } } } });
    let schema = json!({ "allOf": [{ "$ref": "#/s" }, { "type": "object", "properties": { "c": { "type": "number" } } }] });
    let is_good = |value: Value| check(&api, &schema, &value).is_ok();
    assert!(is_good(json!({ "a": 1, "b": ["x"], "c": 1.5 })));
    assert!(is_good(json!({ "a": null })));
    for bad in [
        json!({}),
        json!({ "a": "1" }),
        json!({ "a": 1.5 }),
        json!({ "a": 1, "b": ["y"] }),
        json!({ "a": 1, "d": 1 }),
        json!({ "a": 1, "c": null }),
    ] {
        assert!(!is_good(bad.clone()), "{bad}");
    }
    assert_eq!(
        routed(r#".route("/x", get(read::x).post(act::x)) .route("/y/{z}", delete(a))"#).len(),
        3
    );
}
