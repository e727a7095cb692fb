//! What a request carries, read with a bound and a deadline, or refused in the API's own words.

use super::error::ApiError;
use crate::node::Exit;
use axum::{
    Json,
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use std::{io, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// The most bytes of JSON.
pub const MAX_JSON: usize = 64 << 10;
/// The largest number that every reader of JSON takes as it is.
pub const MAX_NUMBER: u64 = 1 << 53;
/// How long JSON may take to come.
const JSON: Duration = Duration::from_secs(20);
/// How long an upload may stand still.
const PIECE: Duration = Duration::from_secs(60);
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

/// The bytes of an upload, for a thread that reads. A cut one ends with an error, never as if it
/// were whole.
///
/// # Errors
/// 415 for another media type: a form of another site cannot send this one.
pub fn upload(headers: &HeaderMap, body: Body) -> Result<impl io::Read + Send + use<>, ApiError> {
    let media = headers.get(header::CONTENT_TYPE);
    if media.is_none_or(|media| media != "application/octet-stream") {
        let why = "an upload is application/octet-stream";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, Exit::Usage, why));
    }
    Ok(pieces(body, AHEAD))
}

/// The bytes of a body, for a thread that reads, as they come; so many pieces may wait for it.
pub fn pieces(body: Body, ahead: usize) -> impl io::Read + Send + use<> {
    let (sender, pieces) = mpsc::channel(ahead);
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        loop {
            let piece = match timeout(PIECE, body.next()).await {
                Ok(None) => break,
                Ok(Some(piece)) => piece.map_err(io::Error::other),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            };
            let failed = piece.is_err();
            // The reader has stopped, or what comes is not whole.
            if sender.send(Some(piece)).await.is_err() || failed {
                return;
            }
        }
        let _ = sender.send(None).await;
    });
    Pieces {
        coming: pieces,
        current: axum::body::Bytes::new(),
        failed: None,
        ended: false,
    }
}

struct Pieces {
    coming: mpsc::Receiver<Option<io::Result<axum::body::Bytes>>>,
    current: axum::body::Bytes,
    /// What came after the bytes that were read last.
    failed: Option<io::Error>,
    ended: bool,
}

impl Pieces {
    fn put(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.current.len());
        out[..count].copy_from_slice(&self.current.split_to(count));
        count
    }
}

impl io::Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        while self.current.is_empty() && !self.ended {
            match self.coming.blocking_recv() {
                Some(Some(piece)) => self.current = piece?,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let mut count = self.put(out);
        // What is there already goes along: a write for each record of TLS would be many.
        while count < out.len() && !self.ended {
            match self.coming.try_recv() {
                Ok(Some(Ok(piece))) => {
                    self.current = piece;
                    count += self.put(&mut out[count..]);
                }
                Ok(Some(Err(error))) => {
                    self.failed = Some(error);
                    break;
                }
                Ok(None) => self.ended = true,
                Err(_) => break,
            }
        }
        Ok(count)
    }
}
