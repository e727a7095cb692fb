//! Who may ask what over TCP, decided from the head of a request alone. Pure.
//!
//! Invariants: a name that another site resolves to this machine (rebinding) gets nothing; a page
//! of another site can neither read nor change anything, whatever form or media type it uses;
//! nothing is changed without a header that a page of another site cannot set.

use super::{error::ApiError, session::Sessions};
use crate::node::Exit;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

/// The header that writes carry.
pub const OWN: &str = "x-sprat";

/// How somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// By the cookie of a session: a browser.
    Cookie,
    /// By the token of the home: a script.
    Token,
}

/// Judges a request to the listener at `port`.
///
/// # Errors
/// What is to be answered instead.
pub fn judge(
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    port: u16,
    sessions: &Sessions,
) -> Result<(), ApiError> {
    let host = host(uri, headers, port)?;
    if !uri.path().starts_with("/api/") && uri.path() != "/metrics" {
        return match *method {
            Method::GET | Method::HEAD => Ok(()),
            _ => Err(refused("the page is only read")),
        };
    }
    let writes = !matches!(*method, Method::GET | Method::HEAD);
    let opens = uri.path() == "/api/v1/session" && *method == Method::POST;
    let key = if opens {
        Some(Key::Cookie)
    } else {
        key(headers, sessions)
    };
    let Some(key) = key else {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            Exit::Refused,
            "no session: `sprat web` opens one",
        ));
    };
    from_here(headers, &host, writes && key == Key::Cookie)?;
    if writes && headers.get(OWN).is_none_or(|value| value != "1") {
        return Err(refused(
            "what changes something carries the header X-Sprat: 1",
        ));
    }
    Ok(())
}

fn refused(why: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, Exit::Refused, why)
}

/// The host that is meant, if it is this machine by a name of its own.
///
/// # Errors
/// 421 otherwise.
pub fn host(uri: &Uri, headers: &HeaderMap, port: u16) -> Result<String, ApiError> {
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => "",
    };
    let allowed = ["127.0.0.1", "localhost", "[::1]"];
    let allowed = allowed.map(|name| format!("{name}:{port}"));
    let same = uri.authority().is_none_or(|named| named.as_str() == host);
    match allowed.into_iter().find(|allowed| allowed == host) {
        Some(host) if same => Ok(host),
        _ => Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            Exit::Refused,
            "this host is not served here",
        )),
    }
}

fn key(headers: &HeaderMap, sessions: &Sessions) -> Option<Key> {
    let text = |name| headers.get(name)?.to_str().ok();
    if let Some(given) = text(header::AUTHORIZATION) {
        let token = given.strip_prefix("Bearer ")?;
        return sessions.is_token(token).then_some(Key::Token);
    }
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let known = cookies.any(|(name, value)| sessions.is_open(name, value));
    known.then_some(Key::Cookie)
}

/// Whether the page that asks is this node's own, as far as the browser says; for what `must` be
/// so, it has to say it.
fn from_here(headers: &HeaderMap, host: &str, must: bool) -> Result<(), ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let own = origin
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("http://"));
        return match (own, origins.next()) {
            (Some(own), None) if own == host => Ok(()),
            _ => Err(refused("another site may not ask this")),
        };
    }
    let site = headers.get("sec-fetch-site");
    let site = site.map(HeaderValue::as_bytes);
    match site {
        Some(b"same-origin") => Ok(()),
        None | Some(b"none") if !must => Ok(()),
        _ => Err(refused("another site may not ask this")),
    }
}

#[cfg(test)]
mod tests;
