//! Who may come in by a link: the secret in the path, https where that is wanted, the link's time
//! and uses, its PIN.
//!
//! Invariant: a wrong secret, a link that was taken back and a path that never was give the same
//! answer.

use super::{listen::Visit, page, words::Words};
use crate::node::{Guests, Link, Token, Tried};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// The longest form with a PIN.
pub const FORM: usize = 1024;

/// Nothing is here.
pub fn nothing(words: &Words) -> Response {
    page::message(StatusCode::NOT_FOUND, words, words.nothing)
}

/// The link that a path means, if its guest may come in.
///
/// # Errors
/// The answer, if not.
pub fn enter(
    guests: &Guests,
    token: &str,
    visit: Visit,
    headers: &HeaderMap,
) -> Result<Arc<Link>, Response> {
    let words = Words::of(headers);
    let link = known(guests, token, visit, words)?;
    if link.has_pin() && !has_pass(&link, visit, headers) {
        return Err(page::pin(StatusCode::UNAUTHORIZED, words, words.type_pin));
    }
    Ok(link)
}

/// The same for programs, which give the PIN as a password.
///
/// # Errors
/// The answer, if not.
pub fn enter_with_password(
    guests: &Guests,
    token: &str,
    visit: Visit,
    headers: &HeaderMap,
) -> Result<Arc<Link>, Response> {
    let words = Words::of(headers);
    let link = known(guests, token, visit, words)?;
    if !link.has_pin() || has_pass(&link, visit, headers) {
        return Ok(link);
    }
    let tried = password(headers).map(|pin| link.try_pin(visit.place, &pin));
    match tried {
        Some(Tried::Right) => Ok(link),
        Some(Tried::Resting(_)) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            Err(page::message(status, words, words.resting))
        }
        Some(Tried::Wrong(_)) | None => {
            let status = StatusCode::UNAUTHORIZED;
            let mut answer = page::message(status, words, words.type_pin);
            let basic = HeaderValue::from_static("Basic realm=\"PIN\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            Err(answer)
        }
    }
}

fn known(guests: &Guests, token: &str, visit: Visit, words: &Words) -> Result<Arc<Link>, Response> {
    let link = Token::parse(token).and_then(|token| guests.find(token));
    let link = link.ok_or_else(|| nothing(words))?;
    if link.needs_tls() && !visit.tls {
        let status = StatusCode::FORBIDDEN;
        return Err(page::message(status, words, words.https_only));
    }
    link.look(visit.place)
        .map_err(|_| page::message(StatusCode::GONE, words, words.over))?;
    Ok(link)
}

/// Somebody types a PIN into the page.
pub fn try_pin(
    guests: &Guests,
    token: &str,
    visit: Visit,
    headers: &HeaderMap,
    form: &[u8],
) -> Response {
    let words = Words::of(headers);
    let link = match known(guests, token, visit, words) {
        Ok(link) => link,
        Err(answer) => return answer,
    };
    let typed = typed(form).unwrap_or_default();
    match link.try_pin(visit.place, &typed) {
        Tried::Right => {
            let secure = if visit.tls { "; Secure" } else { "" };
            let (token, pass) = (link.token(), link.pass(visit.place));
            let cookie = format!(
                "{}={pass}; HttpOnly; SameSite=Strict; Path=/{token}/{secure}",
                cookie(&link)
            );
            let head = [
                (header::LOCATION, "./".to_owned()),
                (header::SET_COOKIE, cookie),
            ];
            (StatusCode::SEE_OTHER, head).into_response()
        }
        Tried::Wrong(left) => {
            let text = words.wrong_pin.replace("{}", &left.to_string());
            page::pin(StatusCode::UNAUTHORIZED, words, &text)
        }
        Tried::Resting(_) => page::message(StatusCode::TOO_MANY_REQUESTS, words, words.resting),
    }
}

/// The name of the cookie with the pass.
fn cookie(link: &Link) -> String {
    format!("sprat-guest-{}", link.number())
}

fn has_pass(link: &Link, visit: Visit, headers: &HeaderMap) -> bool {
    let (name, pass) = (cookie(link), link.pass(visit.place));
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    // Hashes are compared in constant time.
    cookies.any(|(key, value)| {
        key == name && blake3::hash(value.as_bytes()) == blake3::hash(pass.as_bytes())
    })
}

/// The password of `Authorization: Basic`.
fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value
        .strip_prefix("Basic ")
        .filter(|text| text.len() < FORM)?;
    let text = String::from_utf8(base64(encoded.trim())?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

/// `pin=…` of a form.
fn typed(form: &[u8]) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let mut fields = form.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.find(|(name, _)| *name == "pin")?;
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_and_programs_send_is_read() {
        assert_eq!(typed(b"pin=47+11%21").as_deref(), Some("47 11!"));
        assert_eq!(typed(b"x=1&pin=%C3%A4").as_deref(), Some("ä"));
        assert_eq!(typed(b"pin=%ff"), None);
        assert_eq!(typed(b""), None);
        assert_eq!(base64("eDo0NzEx").as_deref(), Some(&b"x:4711"[..]));
        assert_eq!(base64("OjQ3MTE=").as_deref(), Some(&b":4711"[..]));
        assert_eq!(base64("!"), None);
    }
}
