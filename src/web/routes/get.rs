//! A file's bytes for the command beside this node, on the socket of the home alone. How it ends
//! stands behind them: the command ends as it would without a node.

use super::{
    super::{app::App, body::Asked, error::ApiError},
    act::PLACES,
};
use crate::{
    core::range::{Part, part},
    node::{DownloadRequest, Exit, OpenError},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::json;
use std::{convert::Infallible, path::PathBuf, time::Duration};

/// Where the end of a stream stands that broke off.
pub const END: &str = "x-sprat-end";

/// What is wanted, and how long it may take, in milliseconds.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Wanted {
    what: String,
    from: Option<String>,
    wait: u64,
    timeout: Option<u64>,
    /// Absolute paths, a line each, in which chunks of it are looked for, too.
    reuse: Option<String>,
}

/// A file's bytes, in order, while they come (on the socket alone).
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/get", tag = "get", params(Wanted), responses((status = 200,
    description = "Whole or a range of it", body = crate::web::answers::Octets, content_type = "application/octet-stream"))))]
pub async fn get(
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let request = DownloadRequest {
        what: vec![wanted.what.clone()],
        wait: Duration::from_millis(wanted.wait),
        from: wanted.from,
        ..DownloadRequest::default()
    };
    let mut reader = match request.from {
        Some(_) => app.node.open_from(request).await?,
        None => app.node.open_within(&wanted.what, request.wait).await?,
    };
    if let Some(timeout) = wanted.timeout {
        reader = reader.patient(Duration::from_millis(timeout));
    }
    if let Some(places) = wanted.reuse {
        reader = reader.reusing(places.lines().take(PLACES).map(PathBuf::from).collect());
    }
    let size = reader.size();
    let asked = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let range = match asked.map_or(Part::Whole, |range| part(range, size)) {
        Part::Whole => 0..size,
        Part::Some(range) => range,
        Part::None => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let why = format!("`{}` has {size} bytes, and none of those", reader.name());
            return Err(ApiError::new(status, Exit::Usage, why));
        }
    };
    let frames = reader.stream(range).map(|item| match item {
        Ok(bytes) => Frame::data(bytes),
        Err(error) => Frame::trailers(end(&error)),
    });
    let frames = frames.map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::TRAILER, END),
    ];
    Ok((headers, Body::new(StreamBody::new(frames))).into_response())
}

fn end(error: &OpenError) -> HeaderMap {
    let said = json!({ "code": Exit::from(error).code(), "message": error.to_string() });
    let value = HeaderValue::from_bytes(said.to_string().as_bytes());
    // What a header cannot carry is said without its name.
    let value = value.unwrap_or_else(|_| HeaderValue::from_static("{\"code\":1}"));
    HeaderMap::from_iter([(HeaderName::from_static(END), value)])
}
