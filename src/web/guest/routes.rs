//! The paths that guests have.

use super::{answer, door, file, listen::Visit, page, seed, upload, words::Words, zip};
use crate::node::{Guests, Link, Node};
use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use std::{sync::Arc, time::Duration};

/// How long a form may take to come.
const FORM: Duration = Duration::from_secs(20);

/// All of them. See the module.
pub fn router(node: &Node) -> Router {
    let links = Router::new()
        .route("/{token}/", get(list))
        .route("/{token}/pin", post(pin))
        .route("/{token}/f/{number}/{name}", get(attached))
        .route("/{token}/v/{number}/{name}", get(shown))
        .route("/{token}/zip/{name}", get(zipped))
        .route("/{token}/seed/", get(seed::names))
        .route("/{token}/seed/{*name}", get(seed::one))
        .layer(DefaultBodyLimit::max(door::FORM))
        .with_state(node.guests());
    let uploads = Router::new()
        .route("/{token}/asks", post(upload::ask))
        .route("/{token}/asks/{ask}", get(upload::state))
        .route("/{token}/asks/{ask}/{number}", put(upload::file))
        .layer(DefaultBodyLimit::disable())
        .with_state(upload::Uploads::new(node));
    let asset = |media, bytes: &'static [u8]| {
        let head = [
            (header::CONTENT_TYPE, media),
            (header::CACHE_CONTROL, "max-age=600"),
        ];
        get(move || async move { (head, Bytes::from_static(bytes)) })
    };
    let colours = include_bytes!("../assets/css/colours.css");
    let style = include_bytes!("../assets/guest/guest.css");
    let script = include_bytes!("../assets/guest/guest.js");
    let icon = include_bytes!("../assets/icon.svg");
    Router::new()
        .route("/colours.css", asset("text/css; charset=utf-8", colours))
        .route("/guest.css", asset("text/css; charset=utf-8", style))
        .route("/guest.js", asset("text/javascript; charset=utf-8", script))
        .route("/icon.svg", asset("image/svg+xml", icon))
        .merge(links)
        .merge(uploads)
        .fallback(nothing)
        .layer(middleware::map_response(answer::strict))
}

async fn nothing(headers: HeaderMap) -> Response {
    door::nothing(Words::of(&headers))
}

async fn list(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let words = Words::of(&headers);
    let page = uri
        .query()
        .and_then(|query| query.strip_prefix("page=")?.parse().ok());
    let page = page.unwrap_or(1);
    match door::enter(&guests, &token, visit, &headers) {
        Ok(link) if link.is_upload() => page::upload(guests.called(), words, visit),
        Ok(link) => page::list(&link, guests.called(), words, visit, page),
        Err(answer) => answer,
    }
}

async fn pin(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Response {
    let form = tokio::time::timeout(FORM, axum::body::to_bytes(body, door::FORM)).await;
    match form {
        Ok(Ok(form)) => door::try_pin(&guests, &token, visit, &headers, &form),
        Ok(Err(_)) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// The link, when something is taken by it.
fn taken(
    guests: &Guests,
    token: &str,
    visit: Visit,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Arc<Link>, Response> {
    let link = door::enter(guests, token, visit, headers)?;
    if method != Method::HEAD && link.take(visit.place).is_err() {
        let words = Words::of(headers);
        return Err(page::message(StatusCode::GONE, words, words.over));
    }
    Ok(link)
}

async fn numbered(
    guests: &Guests,
    visit: Visit,
    (token, number): (String, usize),
    (method, headers): (Method, HeaderMap),
    inline: bool,
) -> Response {
    // What is not there is no use.
    let there = door::enter(guests, &token, visit, &headers);
    match there {
        Ok(link) if link.files().get(number).is_none() => {
            return door::nothing(Words::of(&headers));
        }
        Ok(_) => {}
        Err(answer) => return answer,
    }
    match taken(guests, &token, visit, (&method, &headers)) {
        Ok(link) => file::give(&link, &link.files()[number], &headers, inline).await,
        Err(answer) => answer,
    }
}

async fn attached(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path((token, number, _)): Path<(String, usize, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    numbered(&guests, visit, (token, number), (method, headers), false).await
}

async fn shown(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path((token, number, _)): Path<(String, usize, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    numbered(&guests, visit, (token, number), (method, headers), true).await
}

async fn zipped(
    State(guests): State<Guests>,
    Extension(visit): Extension<Visit>,
    Path((token, _)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    match taken(&guests, &token, visit, (&method, &headers)) {
        Ok(link) if link.files().is_empty() => door::nothing(Words::of(&headers)),
        Ok(link) => zip::give(&link),
        Err(answer) => answer,
    }
}
