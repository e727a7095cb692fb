//! What this node shares: bytes that come, and files and folders that stay where they are.

use super::{
    super::{
        answers::Unshared,
        app::App,
        body::{Asked, Given, MAX_JSON},
        error::ApiError,
    },
    uploads,
};
use crate::{
    core::path::RelPath,
    node::{Added, Removed},
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, FromRequest as _, FromRequestParts as _, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharePath {
    path: PathBuf,
    name: Option<String>,
}

/// JSON names what stays where it is; anything else is an upload.
pub async fn add(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let media = request.headers().get(header::CONTENT_TYPE);
    let media = media.and_then(|media| media.to_str().ok());
    if !media.is_some_and(|media| media.starts_with("application/json")) {
        let (mut parts, body) = request.into_parts();
        let named = Asked::from_request_parts(&mut parts, &()).await?;
        return uploads::share(State(app), named, parts.headers, body).await;
    }
    let mut request = request;
    DefaultBodyLimit::max(MAX_JSON).apply(&mut request);
    let Given(SharePath { path, name }) = Given::from_request(request, &()).await?;
    if !path.is_absolute() {
        let why = "`path` is a path from the root of this machine";
        return Err(ApiError::usage(why));
    }
    let name = name.map(|name| RelPath::parse(&name)).transpose();
    let name = name.map_err(|error| ApiError::usage(error.to_string()))?;
    let (status, one) = match app.node.share_path(&path, name).await? {
        Added::New(one) => (StatusCode::CREATED, one),
        Added::Already(one) => (StatusCode::OK, one),
    };
    let row = json!({ "name": one.name.as_str(), "path": one.path.to_string_lossy() });
    Ok((status, Json(row)).into_response())
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct What {
    name: String,
    r#move: Option<String>,
}

/// Shares something no longer.
#[cfg_attr(test, utoipa::path(delete, path = "/api/v1/share", tag = "share", params(What), responses((status = 200, description = "Done", body = Unshared))))]
pub async fn remove(
    State(app): State<App>,
    Asked(what): Asked<What>,
) -> Result<Json<Unshared>, ApiError> {
    let move_away = what.r#move.as_deref().is_some_and(|word| word != "0");
    let (name, path, moved) = match app.node.unshare(&what.name, move_away).await? {
        Removed::Left(one) => (one.name.as_str().to_owned(), one.path, false),
        Removed::Moved(path) => (what.name, path, true),
    };
    let path = path.to_string_lossy().into_owned();
    Ok(Json(Unshared { name, path, moved }))
}
