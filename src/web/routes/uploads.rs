//! Files that come in the body of a request: into the shared folder, or to be sent.

use super::super::{
    answers::Uploaded,
    app::App,
    body::{Asked, InPath, upload},
    error::ApiError,
    staged::Upload,
};
use crate::{
    core::path::RelPath,
    node::{Spool, beside},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Named {
    name: String,
    overwrite: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Staging {
    name: String,
    /// `1`: a folder with nothing in it, without a body.
    folder: Option<String>,
}

fn is_on(word: Option<&String>) -> bool {
    word.is_some_and(|word| word != "0")
}

/// The only way from a request to a path: parts that may be written, below a folder that the
/// request does not name.
fn path_of(name: &str) -> Result<RelPath, ApiError> {
    let parsed = RelPath::parse(name);
    parsed.map_err(|error| ApiError::usage(format!("that name cannot be saved: {error}")))
}

fn made(name: &str, staged: Option<String>, size: u64) -> Response {
    let name = name.to_owned();
    let made = Uploaded { name, size, staged };
    (StatusCode::CREATED, Json(made)).into_response()
}

/// Takes a file, or a folder with nothing in it, in for a send.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/staged", tag = "staged", params(Staging), request_body(content = crate::web::answers::Octets, content_type = "application/octet-stream"), responses((status = 201, description = "It is here", body = Uploaded))))]
pub async fn stage(
    State(app): State<App>,
    Asked(named): Asked<Staging>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = path_of(&named.name)?;
    app.staged.check_room()?;
    let (spool, path, size) = if is_on(named.folder.as_ref()) {
        if axum::body::to_bytes(body, 0).await.is_err() {
            return Err(ApiError::usage("a folder with nothing in it has no body"));
        }
        let (spool, path) = app.node.take_in_folder(name.clone()).await?;
        (spool, path, 0)
    } else {
        take_in(&app, &name, &headers, body).await?
    };
    let shown = name.as_str().to_owned();
    let id = app.staged.add(Upload { spool, name, path })?;
    Ok(made(&shown, Some(id), size))
}

/// Takes back what was taken in for a send.
#[cfg_attr(test, utoipa::path(delete, path = "/api/v1/staged/{id}", tag = "staged", params(("id" = String, Path)),
    responses((status = 204, description = "Done"))))]
pub async fn unstage(
    State(app): State<App>,
    InPath(id): InPath<String>,
) -> Result<StatusCode, ApiError> {
    let upload = app.staged.remove(&id)?;
    let _ = tokio::task::spawn_blocking(move || drop(upload)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes a file into the shared folder.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/share", tag = "share", operation_id = "share_upload", params(Named), request_body(content = crate::web::answers::Octets, content_type = "application/octet-stream"), responses((status = 201, description = "It is shared", body = Uploaded))))]
pub async fn share(
    State(app): State<App>,
    Asked(named): Asked<Named>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = path_of(&named.name)?;
    let overwrite = is_on(named.overwrite.as_ref());
    let (spool, path, size) = take_in(&app, &name, &headers, body).await?;
    let placed = app.node.share_file(&name, &path, overwrite).await;
    let _ = tokio::task::spawn_blocking(move || drop(spool)).await;
    if !placed? {
        let why = format!("another file is shared as `{}`", name.as_str());
        let refused = crate::node::Exit::Refused;
        return Err(ApiError::new(StatusCode::CONFLICT, refused, why));
    }
    Ok(made(name.as_str(), None, size))
}

/// Writes a body beside the home's files, under its name; gives how long it is, too.
async fn take_in(
    app: &App,
    name: &RelPath,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Spool, PathBuf, u64), ApiError> {
    let (moving, bytes) = upload(headers, body)?;
    let taking = app.node.take_in(name.clone(), bytes);
    let (spool, path) = beside(taking, moving).await?;
    let size = size_of(&path).await;
    Ok((spool, path, size))
}

async fn size_of(path: &Path) -> u64 {
    let path = path.to_owned();
    let size =
        tokio::task::spawn_blocking(move || std::fs::metadata(path).map(|about| about.len()));
    size.await.ok().and_then(Result::ok).unwrap_or(0)
}
