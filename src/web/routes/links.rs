//! Links for people with only a browser: made, listed and taken back by the owner.

use super::super::{app::App, body::Given, error::ApiError};
use crate::{
    core::qr::Matrix,
    node::{LinkInfo, LinkRequest},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    paths: Vec<PathBuf>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    upload: bool,
    expires: Option<u64>,
    uses: Option<u32>,
    pin: Option<String>,
    #[serde(default)]
    web_seed: bool,
    #[serde(default)]
    tls: bool,
}

/// A link, with the modules of its QR code: a row each, `1` for a dark one.
fn row(info: &LinkInfo) -> Value {
    let mut row = json!(info);
    row["qr"] = json!(Matrix::of(&info.address).map(|code| code.rows()));
    row
}

pub async fn list(State(app): State<App>) -> Json<Value> {
    let links: Vec<Value> = app.node.links().iter().map(row).collect();
    Json(json!({ "links": links }))
}

pub async fn make(
    State(app): State<App>,
    Given(wanted): Given<Wanted>,
) -> Result<Response, ApiError> {
    if wanted.paths.iter().any(|path| !path.is_absolute()) {
        let why = "`paths` are paths from the root of this machine";
        return Err(ApiError::usage(why));
    }
    let request = LinkRequest {
        paths: wanted.paths,
        names: wanted.names,
        upload: wanted.upload,
        expires: wanted.expires.map(Duration::from_secs),
        uses: wanted.uses,
        pin: wanted.pin,
        web_seed: wanted.web_seed,
        tls: wanted.tls,
    };
    let (info, left) = app.node.add_link(request).await?;
    let mut row = row(&info);
    if !left.is_empty() {
        row["left_out"] = json!(left);
    }
    Ok((StatusCode::CREATED, Json(row)).into_response())
}

pub async fn remove(
    State(app): State<App>,
    Path(number): Path<u32>,
) -> Result<StatusCode, ApiError> {
    app.node.remove_link(number)?;
    Ok(StatusCode::NO_CONTENT)
}
