//! Who may ask the page of a server what, and how often.
//!
//! Owns the rule of hosts and the counts of each address ([`origin`]). Invariants: a name that
//! another site resolves to this machine (rebinding) gets nothing, for only addresses and the names
//! that the owner gave are served; a page of another site cannot make a browser ask about names;
//! names can be tried only one by one and slowly, by an address and by all together.

use crate::{
    core::{
        chance::Chance,
        origin::origin,
        rate::{Bucket, Buckets, Rate},
    },
    node::Exit,
    web::{error::ApiError, guard::OWN},
};
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use parking_lot::Mutex;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The path that tells of names.
pub const NAME: &str = "/api/name";
/// What one address may ask in all: a page is some twenty files, and a class is behind one router.
const PAGES: Rate = Rate {
    per_second: 20.0,
    burst: 400.0,
};
/// Names that one address may try: a day for 17,000.
const NAMES: Rate = Rate {
    per_second: 0.2,
    burst: 20.0,
};
/// Names that all together may try.
const NAMES_OF_ALL: Rate = Rate {
    per_second: 20.0,
    burst: 200.0,
};
/// Addresses that are remembered at a time.
const MOST: usize = 8192;

/// From where a request came.
#[derive(Clone, Copy)]
pub struct From(pub IpAddr);

/// By which host somebody reached the page: a name or an address, without the port.
#[derive(Clone)]
pub struct Host(pub String);

/// See the module.
pub struct Door {
    hosts: Vec<String>,
    begun: Instant,
    counts: Mutex<Counts>,
}

struct Counts {
    pages: Buckets<IpAddr>,
    names: Buckets<IpAddr>,
    names_of_all: Bucket,
    chance: Chance,
}

impl Door {
    /// With these names besides addresses, in small letters.
    pub fn new(hosts: Vec<String>) -> Self {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            hosts,
            begun: Instant::now(),
            counts: Mutex::new(Counts {
                pages: Buckets::new(PAGES, MOST),
                names: Buckets::new(NAMES, MOST),
                names_of_all: Bucket::new(NAMES_OF_ALL, Duration::ZERO),
                chance: Chance::new(seed.unwrap_or_default().as_nanos() as u64),
            }),
        }
    }

    /// Judges the head of a request; gives the host that is meant.
    fn judge(&self, uri: &Uri, headers: &HeaderMap, from: IpAddr) -> Result<Host, ApiError> {
        self.judge_at(uri, headers, from, self.begun.elapsed())
    }

    fn judge_at(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        from: IpAddr,
        now: Duration,
    ) -> Result<Host, ApiError> {
        let mut counts = self.counts.lock();
        let counts = &mut *counts;
        let from = origin(from);
        let busy = |why: &str| ApiError::new(StatusCode::TOO_MANY_REQUESTS, Exit::Refused, why);
        if !counts.pages.of(from, now, &mut counts.chance).take(now) {
            return Err(busy("too many requests from this address"));
        }
        let host = host(uri, headers, &self.hosts).ok_or_else(|| {
            let why =
                "this host is not served here; the server's owner can name it: --web-host NAME";
            ApiError::new(StatusCode::MISDIRECTED_REQUEST, Exit::Refused, why)
        })?;
        if uri.path().starts_with("/api/") && headers.get(OWN).is_none_or(|value| value != "1") {
            let why = "what asks carries the header X-Sprat: 1";
            return Err(ApiError::new(StatusCode::FORBIDDEN, Exit::Refused, why));
        }
        if uri.path() == NAME
            && !(counts.names.of(from, now, &mut counts.chance).take(now)
                && counts.names_of_all.take(now))
        {
            return Err(busy("too many names were tried: again in a minute"));
        }
        Ok(Host(host))
    }
}

/// The host that is meant, if it is an address, this machine or a name that the owner gave. The
/// port is not looked at: a router or a proxy may have another one.
fn host(uri: &Uri, headers: &HeaderMap, names: &[String]) -> Option<String> {
    let mut given = headers.get_all(header::HOST).iter();
    let (Some(text), None) = (given.next(), given.next()) else {
        return None;
    };
    let text = text.to_str().ok()?.to_lowercase();
    let meant = uri
        .authority()
        .map(|authority| authority.as_str().to_lowercase());
    if meant.is_some_and(|meant| meant != text) {
        return None;
    }
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let known = host.parse::<Ipv4Addr>().is_ok()
        || bare.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        || host == "localhost"
        || names.iter().any(|name| name == host);
    (known && port_fits).then(|| host.to_owned())
}

/// Lets a request in, or answers it.
pub async fn guard(door: Arc<Door>, mut request: Request, next: Next) -> Response {
    // A connection without an address is none of ours.
    let from = request.extensions().get::<From>().copied();
    let from = from.map_or(Ipv4Addr::UNSPECIFIED.into(), |from| from.0);
    match door.judge(request.uri(), request.headers(), from) {
        Ok(host) => {
            request.extensions_mut().insert(host);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        headers.insert(OWN, HeaderValue::from_static("1"));
        headers
    }

    #[test]
    fn addresses_and_the_names_of_the_owner_are_served_and_no_others() {
        let names = ["meet.example.org".to_owned()];
        let uri = Uri::from_static("/");
        for good in [
            "192.0.2.1:8080",
            "192.0.2.1",
            "[2001:db8::1]:8080",
            "localhost:80",
            "Meet.Example.Org",
            "meet.example.org:443",
        ] {
            assert!(host(&uri, &headers(good), &names).is_some(), "{good}");
        }
        for wrong in [
            "evil.example",
            "meet.example.org.evil.example",
            "192.0.2.1.evil.example",
            "192.0.2.1:x",
            "192.0.2.1:80:80",
            "[::1]x",
            "[meet.example.org]",
            "",
        ] {
            assert!(host(&uri, &headers(wrong), &names).is_none(), "{wrong}");
        }
        let mut twice = headers("192.0.2.1");
        twice.append(header::HOST, HeaderValue::from_static("192.0.2.1"));
        assert!(host(&uri, &twice, &names).is_none());
        let other = Uri::from_static("http://evil.example/");
        assert!(host(&other, &headers("192.0.2.1"), &names).is_none());
    }

    #[test]
    fn names_are_tried_slowly_from_an_address_and_others_are_not_hurt() {
        let door = Door::new(Vec::new());
        let uri = Uri::from_static("/api/name?name=anna");
        let headers = headers("192.0.2.1");
        let ask = |from: [u16; 8], at: u64| {
            let now = Duration::from_secs(at);
            let answer = door.judge_at(&uri, &headers, IpAddr::from(from), now);
            answer.map_err(|error| error.status)
        };
        let flood = |host: u16| [0x2001, 0xdb8, 0, 0, 0, 0, 0, host];
        let passed = (0..300).filter(|n| ask(flood(*n), 0).is_ok()).count();
        assert_eq!(passed, 20, "one network is one visitor");
        assert_eq!(ask(flood(1), 0).err(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert!(ask([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1], 0).is_ok());
        assert!(ask(flood(1), 5).is_ok() && ask(flood(1), 5).is_err());
    }

    #[test]
    fn another_site_cannot_make_a_browser_ask() {
        let door = Door::new(Vec::new());
        let mut headers = headers("192.0.2.1");
        headers.remove(OWN);
        let from = Ipv4Addr::LOCALHOST.into();
        let judged = |path| door.judge(&Uri::from_static(path), &headers, from);
        assert!(judged("/").is_ok());
        for path in ["/api/name?name=a", "/api/server", "/api/load", "/api/x"] {
            assert_eq!(judged(path).err().unwrap().status, StatusCode::FORBIDDEN);
        }
    }
}
