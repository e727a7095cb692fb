//! A plain path for programs: each file below it by its name, and a list of them.

use super::{door, file, listen::Visit, page::seed_line, words::Words};
use crate::node::{Guests, Link};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use std::{convert::Infallible, sync::Arc};

/// Lines that are sent together.
const LINES: usize = 256;

/// The names of all files, a line each, percent-encoded: `wget -i` and playlists take that.
pub async fn names(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let link = match door::enter_with_password(&guests, &token, visit, &headers) {
        Ok(link) if link.is_web_seed() => link,
        Ok(_) => return door::nothing(Words::of(&headers)),
        Err(answer) => return answer,
    };
    let firsts = (0..link.files().len()).step_by(LINES);
    let lines = move |first: usize| {
        let lines = link.files().iter().skip(first).take(LINES).map(seed_line);
        Ok::<_, Infallible>(Bytes::from(lines.collect::<String>()))
    };
    let media = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (media, Body::from_stream(stream::iter(firsts.map(lines)))).into_response()
}

/// One of them.
pub async fn one(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path((token, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let link: Arc<Link> = match door::enter_with_password(&guests, &token, visit, &headers) {
        Ok(link) => link,
        Err(answer) => return answer,
    };
    let Some(found) = link.named(&name).filter(|_| link.is_web_seed()) else {
        return door::nothing(Words::of(&headers));
    };
    if method != Method::HEAD && link.take(visit.place).is_err() {
        return StatusCode::GONE.into_response();
    }
    file::give(&link, found, &headers, true).await
}
