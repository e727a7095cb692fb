//! What a request carries, read with a bound and a deadline, or refused in the API's own words.

use super::error::ApiError;
use crate::node::{Exit, Pieces, pieces};
use axum::{
    Json,
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// The most bytes of JSON.
pub const MAX_JSON: usize = 64 << 10;
/// The largest number that every reader of JSON takes as it is.
pub const MAX_NUMBER: u64 = 1 << 53;
/// How long JSON may take to come.
const JSON: Duration = Duration::from_secs(20);
/// Pieces of an upload that wait for the disk.
const AHEAD: usize = 4;

/// A JSON body; an absent one is `{}`.
pub struct Given<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = timeout(JSON, Json::<T>::from_request(request, state)).await;
        let late = |_| {
            let why = "the body did not come in time";
            ApiError::new(StatusCode::REQUEST_TIMEOUT, Exit::Failed, why)
        };
        match read.map_err(late)? {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(wrong(&rejection)),
        }
    }
}

fn wrong(rejection: &JsonRejection) -> ApiError {
    let status = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    ApiError::new(status, Exit::Usage, rejection.body_text())
}

/// What stands behind the `?`.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let Query(value) = read.map_err(|error| ApiError::usage(error.body_text()))?;
        Ok(Self(value))
    }
}

/// What stands in the path.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(value) = read.map_err(|error| ApiError::usage(error.body_text()))?;
        Ok(Self(value))
    }
}

/// The bytes of an upload, for a thread that reads, and what moves them there: to be awaited
/// beside it. A cut one ends with an error, never as if it were whole.
///
/// # Errors
/// 415 for another media type: a form of another site cannot send this one.
pub fn upload(
    headers: &HeaderMap,
    body: Body,
) -> Result<(impl Future<Output = ()> + Send + use<>, Pieces), ApiError> {
    let media = headers.get(header::CONTENT_TYPE);
    if media.is_none_or(|media| media != "application/octet-stream") {
        let why = "an upload is application/octet-stream";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, Exit::Usage, why));
    }
    Ok(pieces(body.into_data_stream(), AHEAD))
}
