//! One file of a link as an answer: whole or a part (RFC 9110), as an attachment, or as what a
//! browser plays and shows without running anything.

use super::{super::bytes::shown, answer::disposition};
use crate::{
    core::range::{Part, part},
    node::{Link, LinkFile, OpenFile},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use std::{ops::Range, sync::Arc};

/// A browser that opens a file itself gets nothing but the file.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// The same for sound and film: a browser's player asks for parts of it, from its own origin.
const OF_MEDIA: &str = "sandbox allow-same-origin; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Gives a file; `inline` where it may be shown.
pub async fn give(
    link: &Arc<Link>,
    file: &LinkFile,
    headers: &HeaderMap,
    inline: bool,
) -> Response {
    let open = match file.open().await {
        Ok(open) => open,
        Err(error) => {
            tracing::info!(%error, "a linked file cannot be opened");
            return StatusCode::NOT_FOUND.into_response();
        }
    };
    let tag = format!("\"{}\"", open.tag);
    let said = |name| {
        let value: Option<&HeaderValue> = headers.get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let known = said(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    // A part of what has changed meanwhile would not fit the rest.
    let same = said(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    let wanted = said(header::RANGE).filter(|_| same);
    let wanted = wanted.map_or(Part::Whole, |range| part(range, open.size));
    let (status, range) = match wanted {
        Part::Whole => (StatusCode::OK, 0..open.size),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::None => {
            let all = format!("bytes */{}", open.size);
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            return (status, [(header::CONTENT_RANGE, all)]).into_response();
        }
    };
    let media = shown(&file.media());
    let kind = if inline && media.is_some() {
        "inline"
    } else {
        "attachment"
    };
    let mut answer = Response::new(body(link, &open, range.clone()));
    *answer.status_mut() = status;
    let head = answer.headers_mut();
    let media = media.unwrap_or("application/octet-stream");
    let plays = media.starts_with("audio/") || media.starts_with("video/");
    let policy = if plays { OF_MEDIA } else { SANDBOX };
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    head.insert(
        header::CONTENT_DISPOSITION,
        disposition(kind, file.name.file_name()),
    );
    head.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    head.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    head.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    let tag = HeaderValue::from_str(&tag);
    head.extend(tag.ok().map(|tag| (header::ETAG, tag)));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, open.size);
        let value = HeaderValue::from_str(&text);
        head.extend(value.ok().map(|value| (header::CONTENT_RANGE, value)));
    }
    answer
}

/// The bytes, until the link is taken back.
fn body(link: &Arc<Link>, open: &OpenFile, range: Range<u64>) -> Body {
    let pieces = open.stream(range).take_until(Box::pin(link.over()));
    Body::from_stream(pieces)
}
