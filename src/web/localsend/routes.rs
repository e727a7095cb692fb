//! The paths of LocalSend's protocol, version 2.

use crate::{
    node::{
        AskRefusal, Declined, GuestError, LocalInfo, LocalSend, MAX_LOCAL_INFO, MAX_LOCAL_PREPARE,
        StoreError, Visitor, beside, pieces,
    },
    web::guest::{file::give, listen::Visit},
};
use axum::{
    Extension, Json, Router,
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// How long JSON may take to come.
const COMING: Duration = Duration::from_secs(20);
/// Pieces of a file, of 16 KiB each, that wait for the disk.
const AHEAD: usize = 32;
/// Asks that are read at a time: each may have two megabytes.
const READING: usize = 8;

#[derive(Clone)]
struct Served {
    local: LocalSend,
    reading: Arc<Semaphore>,
}

/// All of them.
pub fn router(local: &LocalSend) -> Router {
    let served = Served {
        local: local.clone(),
        reading: Arc::new(Semaphore::new(READING)),
    };
    Router::new()
        .route("/api/localsend/v1/info", get(info))
        .route("/api/localsend/v2/info", get(info))
        .route("/api/localsend/v2/register", post(register))
        .route("/api/localsend/v2/prepare-upload", post(prepare))
        .route("/api/localsend/v2/upload", post(upload))
        .route("/api/localsend/v2/cancel", post(cancel))
        .route("/api/localsend/v2/prepare-download", post(offer))
        .route("/api/localsend/v2/download", get(download))
        .layer(DefaultBodyLimit::disable())
        .with_state(served)
}

fn said(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({ "message": why.into() }))).into_response()
}

/// Who comes, over a connection that nobody reads along.
fn visitor(visit: Visit) -> Result<Visitor, Response> {
    if !visit.tls {
        return Err(said(StatusCode::FORBIDDEN, "only https is spoken here"));
    }
    Ok(Visitor {
        from: visit.from,
        key: visit.certificate,
    })
}

async fn json<T: DeserializeOwned>(body: Body, most: usize) -> Result<T, Response> {
    let bytes = match timeout(COMING, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(said(StatusCode::PAYLOAD_TOO_LARGE, "that is too long")),
        Err(_) => return Err(said(StatusCode::REQUEST_TIMEOUT, "it did not come in time")),
    };
    let read = serde_json::from_slice(&bytes);
    read.map_err(|_| said(StatusCode::BAD_REQUEST, "that is not understood"))
}

/// Who this node is.
async fn info(State(served): State<Served>) -> Response {
    Json(served.local.own().answered()).into_response()
}

/// Somebody says that they are here.
async fn register(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    body: Body,
) -> Response {
    let read = async {
        let visitor = visitor(visit)?;
        let info: LocalInfo = json(body, MAX_LOCAL_INFO).await?;
        served.local.register(visitor, &info).await;
        Ok::<_, Response>(Json(served.local.own().answered()))
    };
    read.await.into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    session_id: Option<String>,
    pin: Option<String>,
}

/// An ask, which waits for its answer.
async fn prepare(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    Query(given): Query<Given>,
    body: Body,
) -> Response {
    let visitor = match visitor(visit) {
        Ok(visitor) => visitor,
        Err(answer) => return answer,
    };
    let prepare = {
        let Ok(_reading) = served.reading.try_acquire() else {
            return declined(&Declined::Full);
        };
        match json(body, MAX_LOCAL_PREPARE).await {
            Ok(prepare) => prepare,
            Err(answer) => return answer,
        }
    };
    let pin = given.pin.as_deref();
    match served.local.ask(visitor, pin, prepare).await {
        Ok(prepared) => Json(prepared).into_response(),
        Err(why) => declined(&why),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Which {
    session_id: Option<String>,
    file_id: Option<String>,
    token: Option<String>,
}

/// One file.
async fn upload(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    Query(which): Query<Which>,
    body: Body,
) -> Response {
    let visitor = match visitor(visit) {
        Ok(visitor) => visitor,
        Err(answer) => return answer,
    };
    let (Some(session), Some(file), Some(token)) =
        (&which.session_id, &which.file_id, &which.token)
    else {
        return said(StatusCode::BAD_REQUEST, "sessionId, fileId and token");
    };
    let which = (&**session, &**file, &**token);
    let (moving, bytes) = pieces(body.into_data_stream(), AHEAD);
    match beside(served.local.take(visitor, which, bytes), moving).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(why) => declined(&why),
    }
}

/// No more of it.
async fn cancel(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    Query(which): Query<Which>,
) -> Response {
    match visitor(visit) {
        Ok(visitor) => {
            served.local.cancel(visitor, which.session_id.as_deref());
            StatusCode::OK.into_response()
        }
        Err(answer) => answer,
    }
}

/// What there is to fetch.
async fn offer(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    Query(given): Query<Given>,
) -> Response {
    let found = visitor(visit).and_then(|visitor| {
        let (session, pin) = (given.session_id.as_deref(), given.pin.as_deref());
        let offer = served.local.offer(visitor, session, pin);
        offer.map_err(|why| declined(&why))
    });
    found.map(Json).into_response()
}

/// One file of it.
async fn download(
    State(served): State<Served>,
    Extension(visit): Extension<Visit>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Response {
    let found = visitor(visit).and_then(|visitor| {
        let (Some(session), Some(file)) = (&which.session_id, &which.file_id) else {
            return Err(said(StatusCode::BAD_REQUEST, "sessionId and fileId"));
        };
        let found = served.local.offered(visitor, session, file);
        found.map_err(|why| declined(&why))
    });
    match found {
        Ok((link, at)) => give(&link, &link.files()[at], &headers, false).await,
        Err(answer) => answer,
    }
}

fn declined(why: &Declined) -> Response {
    let status = match why {
        Declined::Nonsense(_) => StatusCode::BAD_REQUEST,
        Declined::Refused(AskRefusal::Busy | AskRefusal::Full) | Declined::Full => {
            StatusCode::CONFLICT
        }
        Declined::Pin => StatusCode::UNAUTHORIZED,
        Declined::Refused(AskRefusal::TooOften) | Declined::Pins => StatusCode::TOO_MANY_REQUESTS,
        Declined::Refused(_) | Declined::Said(_) | Declined::NoEntry => StatusCode::FORBIDDEN,
        Declined::Damaged => StatusCode::UNPROCESSABLE_ENTITY,
        Declined::File(GuestError::Twice) => StatusCode::CONFLICT,
        Declined::File(GuestError::Store(StoreError::NoSpace { .. })) => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        Declined::File(error) => {
            // Where it was to lie is nothing to a stranger.
            tracing::info!(%error, "what comes by LocalSend cannot be taken");
            return said(
                StatusCode::BAD_REQUEST,
                "it broke off, or is not as long as was said",
            );
        }
    };
    said(status, why.to_string())
}
