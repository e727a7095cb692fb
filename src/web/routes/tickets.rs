//! The bytes of files for the owner's browser: on a port of their own, so that whatever is in a
//! file has another origin than the page, and no key to it.
//!
//! Invariants: only who has a ticket gets anything, and that file alone; a name in an address is
//! never looked at.

use super::super::{
    answers::Ticket,
    app::App,
    body::Given,
    bytes::{self, shown},
    error::ApiError,
    guard,
    headers::plain,
    tickets::UNUSED,
};
use crate::{
    core::id::FileId,
    node::{Exit, OpenError, Reader},
};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

/// What no file may do in a browser: run, load anything, be framed, or act as this origin.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The same for sound and film: a browser's player asks for parts of it, from its own origin.
const OF_MEDIA: &str = "sandbox allow-same-origin; default-src 'none'; media-src 'self'; \
    style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// For which file, and whether a browser is to show it.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = TicketWanted))]
pub struct Wanted {
    /// A name as a download takes it, or an id.
    what: Option<String>,
    /// Or the id and the name of an offer, or of something received.
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    show: bool,
}

/// Gives an address for a file's bytes.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/tickets", tag = "tickets", request_body = Wanted,
    responses((status = 201, description = "It is good for a while", body = Ticket))))]
pub async fn issue(
    State(app): State<App>,
    Given(wanted): Given<Wanted>,
) -> Result<Response, ApiError> {
    let at = app.tickets.at();
    let at = at.ok_or_else(|| {
        let why = "this node serves no page: start it with --web";
        ApiError::new(StatusCode::CONFLICT, Exit::Refused, why)
    })?;
    let reader = open(&app, &wanted).await?;
    let shown = shown(reader.media()).is_some();
    let show = wanted.show && shown;
    let key = app.tickets.issue(reader.clone(), show);
    let key = key.map_err(|error| OpenError::Disk {
        what: "no ticket can be made".into(),
        why: error.to_string(),
    })?;
    let name = bytes::coded(bytes::last_part(reader.name()));
    let ticket = Ticket {
        url: format!("http://{at}/t/{key}/{name}"),
        name: reader.name().to_owned(),
        id: reader.file().to_string(),
        size: reader.size(),
        shown,
        seconds: UNUSED.as_secs(),
    };
    Ok((StatusCode::CREATED, Json(ticket)).into_response())
}

async fn open(app: &App, wanted: &Wanted) -> Result<Reader, ApiError> {
    match (&wanted.what, &wanted.id, &wanted.name) {
        (Some(what), None, None) => Ok(app.node.open(what).await?),
        (None, Some(id), Some(name)) => {
            let id = FileId::from_hex(id);
            let id = id.ok_or_else(|| ApiError::usage("`id` has 64 hexadecimal digits"))?;
            let (node, name) = (app.node.clone(), name.clone());
            let opened = tokio::task::spawn_blocking(move || node.open_file(id, &name)).await;
            Ok(opened.map_err(|_| ApiError::stopping())??)
        }
        _ => Err(ApiError::usage(
            "a ticket is for `what`, or for `id` and `name`",
        )),
    }
}

/// Serves files to those who have tickets, on this port.
pub fn files(app: App, port: u16) -> Router {
    let guard = move |request: Request, next: middleware::Next| async move {
        let (method, headers) = (request.method(), request.headers());
        if let Err(error) = guard::host(request.uri(), headers, port) {
            return error.into_response();
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        next.run(request).await
    };
    Router::new()
        .route("/t/{ticket}/{name}", get(serve))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(app)
        .layer(middleware::from_fn(guard))
        .layer(middleware::map_response(strict))
}

async fn serve(
    State(app): State<App>,
    Path((ticket, _)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    match app.tickets.honour(&ticket) {
        Some((reader, show)) => bytes::answer(&reader, &method, &headers, show),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn strict(response: Response) -> Response {
    let mut response = plain(response).await;
    let media = response.headers().get(header::CONTENT_TYPE);
    let plays = media.is_some_and(|media| {
        let media = media.as_bytes();
        media.starts_with(b"audio/") || media.starts_with(b"video/")
    });
    let policy = if plays { OF_MEDIA } else { POLICY };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
