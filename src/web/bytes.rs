//! A file's bytes as an answer over HTTP: the whole, or the part that is asked for.
//!
//! Never decides who may have them. Invariants: what a file is called, or says that it is, makes no
//! browser run it: only a short list of media types is shown, everything else is saved; a body that
//! breaks off is shorter than its length says, and so is never taken for the whole.

use crate::{
    core::{
        path::printable,
        range::{Part, part},
    },
    node::{OpenError, Reader},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use std::{fmt::Write as _, ops::Range};

/// What a browser may show by itself: nothing in these runs.
const SHOWN: [&str; 19] = [
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "audio/x-flac",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/mp4",
    "video/ogg",
    "video/webm",
];

/// Whether a browser may show files of this type, and as what.
#[must_use]
pub fn shown(media: &str) -> Option<&'static str> {
    let kind = media.split(';').next().unwrap_or_default().trim();
    let found = SHOWN.into_iter().find(|one| one.eq_ignore_ascii_case(kind));
    match found {
        Some("text/plain") => Some("text/plain; charset=utf-8"),
        other => other,
    }
}

/// Answers GET and HEAD. `show` says that a browser may show it, if it is of a type that may be.
pub fn answer(reader: &Reader, method: &Method, asked: &HeaderMap, show: bool) -> Response {
    let size = reader.size();
    let tag = format!("\"{}\"", reader.file());
    let is = |name: &header::HeaderName| {
        let said = asked.get(name)?.to_str().ok()?;
        Some(
            said.split(',')
                .any(|one| one.trim() == tag || one.trim() == "*"),
        )
    };
    let wanted = asked
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    // A part of other contents than those that somebody has would not fit them.
    let fits = is(&header::IF_RANGE).unwrap_or(true);
    let part = match wanted.filter(|_| fits && *method == Method::GET) {
        Some(range) => part(range, size),
        None => Part::Whole,
    };
    let mut response = if is(&header::IF_NONE_MATCH) == Some(true) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match part {
            Part::None => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                put(
                    &mut response,
                    header::CONTENT_RANGE,
                    &format!("bytes */{size}"),
                );
                return response;
            }
            Part::Whole => body(reader, method, 0..size),
            Part::Some(range) => {
                let said = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let mut response = body(reader, method, range);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                put(&mut response, header::CONTENT_RANGE, &said);
                response
            }
        }
    };
    let inline = shown(reader.media()).filter(|_| show);
    let media = inline.unwrap_or("application/octet-stream");
    put(&mut response, header::CONTENT_TYPE, media);
    put(&mut response, header::ETAG, &tag);
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    let kind = if inline.is_some() {
        "inline"
    } else {
        "attachment"
    };
    let disposition = disposition(kind, reader.name());
    put(&mut response, header::CONTENT_DISPOSITION, &disposition);
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn body(reader: &Reader, method: &Method, range: Range<u64>) -> Response {
    let length = range.end - range.start;
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        let name = reader.name().to_owned();
        let bytes = reader.stream(range).inspect(move |item| {
            if let Err(error) = item {
                tracing::info!("{} breaks off: {error}", printable(&name));
            }
        });
        Body::from_stream(bytes.map(|item| item.map_err(broken)))
    };
    let mut response = Response::new(body);
    put(&mut response, header::CONTENT_LENGTH, &length.to_string());
    response
}

fn broken(error: OpenError) -> std::io::Error {
    std::io::Error::other(error)
}

/// The last part of a name.
#[must_use]
pub fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// Text as a part of an address: what would deceive a reader is spelt out.
#[must_use]
pub fn coded(text: &str) -> String {
    let mut coded = String::new();
    for byte in printable(text).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            coded.push(char::from(byte));
        } else {
            let _ = write!(coded, "%{byte:02X}"); // It is a string.
        }
    }
    coded
}

/// What a browser saves it as.
fn disposition(kind: &str, name: &str) -> String {
    let name = last_part(name);
    let plain = printable(name);
    let plain = plain.chars().map(|c| match c {
        '"' | '\\' | '%' => '_',
        c if c.is_ascii() => c,
        _ => '_',
    });
    let (plain, coded) = (plain.collect::<String>(), coded(name));
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{coded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_runs_is_shown() {
        for media in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/pdf",
            "text/xml",
            "text/javascript",
            "",
            "image/",
            "multipart/mixed",
        ] {
            assert_eq!(shown(media), None, "{media}");
        }
        assert_eq!(shown("image/PNG"), Some("image/png"));
        assert_eq!(
            shown("text/plain;charset=x"),
            Some("text/plain; charset=utf-8")
        );
    }

    #[test]
    fn a_name_cannot_leave_its_header_or_deceive_its_reader() {
        for (name, plain, coded) in [
            ("photos/a b.jpg", "a b.jpg", "a%20b.jpg"),
            ("ü\".txt", "__.txt", "%C3%BC%22.txt"),
            (
                "a\r\nSet-Cookie: x",
                "a_r_nSet-Cookie: x",
                "a%5Cr%5CnSet-Cookie%3A%20x",
            ),
            ("gpj\u{202e}exe", "gpj_u{202e}exe", "gpj%5Cu%7B202e%7Dexe"),
        ] {
            let wanted = format!("inline; filename=\"{plain}\"; filename*=UTF-8''{coded}");
            assert_eq!(disposition("inline", name), wanted);
        }
    }
}
