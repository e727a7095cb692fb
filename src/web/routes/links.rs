//! Links for people with only a browser: made, listed and taken back by the owner.

use super::super::{
    app::App,
    body::{Given, InPath},
    error::ApiError,
};
use crate::{
    core::qr::Matrix,
    node::{LeftOut, LinkInfo, LinkRequest},
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// What a link is to be about, and on what terms.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct LinkWanted {
    /// Files and folders of this machine, from its root.
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    paths: Vec<PathBuf>,
    /// Names, folders or ids of what the swarm offers.
    #[serde(default)]
    names: Vec<String>,
    /// Instead: others hand files in.
    #[serde(default)]
    upload: bool,
    /// Seconds.
    expires: Option<u64>,
    /// Addresses.
    uses: Option<u32>,
    /// Empty: six digits are made.
    pin: Option<String>,
    #[serde(default)]
    web_seed: bool,
    #[serde(default)]
    tls: bool,
    /// People of LocalSend may fetch the files, too.
    #[serde(default)]
    localsend: bool,
}

/// A link, with the modules of its QR code.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Link {
    #[serde(flatten)]
    made: LinkInfo,
    /// A row each, `1` for a dark one.
    qr: Option<Vec<String>>,
    /// What of the folders is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Option<Object>))]
    left_out: Option<LeftOut>,
}

impl Link {
    fn of(link: LinkInfo, left: LeftOut) -> Self {
        let qr = Matrix::of(&link.address).map(|code| code.rows());
        let left_out = Some(left).filter(|left| !left.is_empty());
        Self {
            made: link,
            qr,
            left_out,
        }
    }
}

/// The links that there are, the oldest first.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Links {
    links: Vec<Link>,
}

/// The links that there are, the oldest first.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/links", tag = "links", operation_id = "links", responses((status = 200, description = "Done", body = Links))))]
pub async fn list(State(app): State<App>) -> Json<Links> {
    let links = app.node.links().into_iter();
    let links = links.map(|link| Link::of(link, LeftOut::default()));
    let links = links.collect();
    Json(Links { links })
}

/// Makes a link.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/links", tag = "links", operation_id = "make_link", request_body = LinkWanted, responses((status = 201, description = "It is there", body = Link))))]
pub async fn make(
    State(app): State<App>,
    Given(wanted): Given<LinkWanted>,
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
        localsend: wanted.localsend,
    };
    let (info, left) = app.node.add_link(request).await?;
    let link = Link::of(info, left);
    Ok((StatusCode::CREATED, Json(link)).into_response())
}

/// Takes a link back.
#[cfg_attr(test, utoipa::path(delete, path = "/api/v1/links/{link}", tag = "links", operation_id = "remove_link", params(("link" = u32, Path)), responses((status = 204, description = "Done"))))]
pub async fn remove(
    State(app): State<App>,
    InPath(number): InPath<u32>,
) -> Result<StatusCode, ApiError> {
    app.node.remove_link(number)?;
    Ok(StatusCode::NO_CONTENT)
}
