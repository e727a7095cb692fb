//! What stands at the head of every answer to guests, and how a name stands in it.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Of the page: its own style and script, and the files of the link as pictures and media.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Characters that mean themselves in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const WHOLE: &AsciiSet = &PATH.remove(b'/');

/// A part of a path.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// A path, whose parts stay apart.
#[must_use]
pub fn encoded_path(path: &str) -> String {
    utf8_percent_encode(path, WHOLE).to_string()
}

/// `attachment` or `inline`, with the name to save it by: in ASCII for old programs, and as it is.
#[must_use]
pub fn disposition(kind: &str, name: &str) -> HeaderValue {
    let plain = |c: char| match c {
        '"' | '\\' | '%' => '_',
        ' '..='~' => c,
        _ => '_',
    };
    let ascii: String = name.chars().map(plain).collect();
    let text = format!(
        "{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}",
        encoded(name)
    );
    // Nothing but visible ASCII is in it.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// For every answer; what has a policy of its own keeps it.
pub async fn strict(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(POLICY);
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    let usual = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(usual);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_header() {
        for name in [
            "a\"; x=\"b",
            "a\r\nSet-Cookie: x",
            "ä€.txt",
            "a%22b",
            "\u{202e}gpj.exe",
        ] {
            let value = disposition("attachment", name);
            let text = value.to_str().unwrap();
            assert_eq!(text.matches('"').count(), 2, "{text}");
            assert!(text.starts_with("attachment; filename="), "{text}");
        }
        assert_eq!(encoded_path("a b/ä?#.jpg"), "a%20b/%C3%A4%3F%23.jpg");
        assert_eq!(encoded("a/b"), "a%2Fb");
    }
}
