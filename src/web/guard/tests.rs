//! Requests as browsers, scripts and hostile pages send them.

use super::*;
use crate::core::id::NodeId;

const PORT: u16 = 45680;

struct Door {
    sessions: Sessions,
    cookie: String,
}

fn door() -> Door {
    let sessions = Sessions::new(&NodeId([7; 32]), "t0ken".into());
    let code = sessions.new_code().unwrap();
    let cookie = sessions.open(&code).unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    Door { sessions, cookie }
}

impl Door {
    /// The status that is answered; 200 when the request passes.
    fn ask(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = if *value == "COOKIE" {
                &*self.cookie
            } else {
                value
            };
            map.append(
                axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let uri: Uri = path.parse().unwrap();
        match judge((method, &uri, &map), PORT, &self.sessions) {
            Ok(()) => 200,
            Err(error) => error.status.as_u16(),
        }
    }
}

const HOST: (&str, &str) = ("host", "127.0.0.1:45680");
const COOKIE: (&str, &str) = ("cookie", "COOKIE");
const OWN_HEADER: (&str, &str) = ("x-sprat", "1");
const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:45680");

#[test]
fn only_names_of_this_machine_with_this_port_are_served() {
    let door = door();
    let get = |headers: &[_]| door.ask(&Method::GET, "/", headers);
    for host in ["127.0.0.1:45680", "localhost:45680", "[::1]:45680"] {
        assert_eq!(get(&[("host", host)]), 200, "{host}");
    }
    for host in [
        "evil.example:45680",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost.:45680",
        "LOCALHOST:45680@evil.example",
        "127.0.0.1:45680.evil.example",
        "0.0.0.0:45680",
        "",
    ] {
        assert_eq!(get(&[("host", host)]), 421, "{host}");
    }
    assert_eq!(get(&[]), 421);
    assert_eq!(get(&[HOST, ("host", "evil.example")]), 421, "two of them");
    let absolute = "http://evil.example:45680/";
    assert_eq!(door.ask(&Method::GET, absolute, &[HOST]), 421);
}

#[test]
fn the_page_is_for_everyone_and_the_api_for_those_with_a_key() {
    let door = door();
    let path = "/api/v1/status";
    assert_eq!(door.ask(&Method::GET, "/css/base.css", &[HOST]), 200);
    assert_eq!(
        door.ask(&Method::POST, "/", &[HOST, COOKIE, OWN_HEADER, ORIGIN]),
        403
    );
    assert_eq!(door.ask(&Method::GET, path, &[HOST]), 401);
    assert_eq!(door.ask(&Method::GET, "/metrics", &[HOST]), 401);
    assert_eq!(door.ask(&Method::GET, path, &[HOST, COOKIE]), 200);
    let of_another = ("cookie", "sprat-other=0123");
    assert_eq!(door.ask(&Method::GET, path, &[HOST, of_another]), 401);
    let among = format!("a=b; {}; c", door.cookie);
    assert_eq!(
        door.ask(&Method::GET, path, &[HOST, ("cookie", &among)]),
        200
    );
    let token = ("authorization", "Bearer t0ken");
    assert_eq!(door.ask(&Method::GET, path, &[HOST, token]), 200);
    let wrong = ("authorization", "Bearer t0ke");
    assert_eq!(door.ask(&Method::GET, path, &[HOST, wrong]), 401);
}

#[test]
fn another_site_changes_nothing_and_reads_nothing() {
    let door = door();
    let path = "/api/v1/jobs/1/cancel";
    let post = |headers: &[_]| door.ask(&Method::POST, path, headers);
    assert_eq!(post(&[HOST, COOKIE, OWN_HEADER, ORIGIN]), 200);
    let same = ("sec-fetch-site", "same-origin");
    assert_eq!(post(&[HOST, COOKIE, OWN_HEADER, same]), 200);
    // A form, a script of another site, a sandboxed frame, another port, and a browser that says
    // nothing.
    assert_eq!(post(&[HOST, COOKIE, ORIGIN]), 403);
    assert_eq!(
        post(&[HOST, COOKIE, OWN_HEADER, ("origin", "http://evil.example")]),
        403
    );
    assert_eq!(post(&[HOST, COOKIE, OWN_HEADER, ("origin", "null")]), 403);
    assert_eq!(
        post(&[
            HOST,
            COOKIE,
            OWN_HEADER,
            ("origin", "http://127.0.0.1:1234")
        ]),
        403
    );
    assert_eq!(
        post(&[
            HOST,
            COOKIE,
            OWN_HEADER,
            ("origin", "https://127.0.0.1:45680")
        ]),
        403
    );
    assert_eq!(
        post(&[HOST, COOKIE, OWN_HEADER, ORIGIN, ("origin", "null")]),
        403
    );
    assert_eq!(
        post(&[HOST, COOKIE, OWN_HEADER, ("sec-fetch-site", "cross-site")]),
        403
    );
    assert_eq!(post(&[HOST, COOKIE, OWN_HEADER]), 403);
    // A script needs no origin, and may not have a foreign one.
    let token = ("authorization", "Bearer t0ken");
    assert_eq!(post(&[HOST, token, OWN_HEADER]), 200);
    assert_eq!(post(&[HOST, token]), 403);
    assert_eq!(
        post(&[HOST, token, OWN_HEADER, ("origin", "http://evil.example")]),
        403
    );
    let get = |site| {
        let site = ("sec-fetch-site", site);
        door.ask(&Method::GET, "/api/v1/status", &[HOST, COOKIE, site])
    };
    assert_eq!((get("same-origin"), get("none")), (200, 200));
    assert_eq!((get("cross-site"), get("same-site")), (403, 403));
}

#[test]
fn a_session_is_opened_by_the_page_alone() {
    let door = door();
    let post = |headers: &[_]| door.ask(&Method::POST, "/api/v1/session", headers);
    assert_eq!(post(&[HOST, OWN_HEADER, ORIGIN]), 200);
    assert_eq!(post(&[HOST, ORIGIN]), 403);
    assert_eq!(
        post(&[HOST, OWN_HEADER, ("origin", "http://evil.example")]),
        403
    );
    assert_eq!(door.ask(&Method::GET, "/api/v1/session", &[HOST]), 401);
    assert_eq!(
        door.ask(
            &Method::DELETE,
            "/api/v1/session",
            &[HOST, OWN_HEADER, ORIGIN]
        ),
        401
    );
}
