//! Files that guests hand in: asked for first, and then each in a body of its own, straight to the
//! disk.
//!
//! Invariants: at most [`ASKS`] asks are remembered, and those that ended go first; an ask's path
//! has 128 random bits; a body takes a few pieces of memory, whatever its length, and may stand
//! still for a minute.

use super::{super::body::upload, door, listen::Visit, words::Words};
use crate::{
    core::path::{RelPath, printable_cut},
    node::{
        GUEST_FILES, GuestAsk, GuestError, GuestFile, Guests, Link, Node, StoreError, Times, Token,
        beside,
    },
};
use axum::{
    Extension, Json,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Asks that are remembered.
const ASKS: usize = 64;
/// Bytes of an ask: a thousand names.
const LONGEST: usize = 512 << 10;
/// How long an ask may take to come.
const COMING: Duration = Duration::from_secs(20);
/// Characters of a guest's name.
const NAME: usize = 40;

/// What the paths of uploads share.
#[derive(Clone)]
pub struct Uploads {
    node: Node,
    asks: Arc<Mutex<HashMap<Token, (u32, GuestAsk)>>>,
}

impl Uploads {
    pub fn new(node: &Node) -> Self {
        Self {
            node: node.clone(),
            asks: Arc::default(),
        }
    }

    fn guests(&self) -> Guests {
        self.node.guests()
    }

    /// Room for one more.
    fn has_room(&self) -> bool {
        let mut asks = self.asks.lock();
        if asks.len() >= ASKS {
            asks.retain(|_, (_, ask)| !ask.has_ended());
        }
        asks.len() < ASKS
    }

    fn find(&self, link: &Link, id: &str) -> Option<GuestAsk> {
        let asks = self.asks.lock();
        let (of, ask) = asks.get(&Token::parse(id)?)?;
        (*of == link.number()).then(|| ask.clone())
    }
}

fn said(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({ "message": why.into() }))).into_response()
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    name: String,
    files: Vec<WantedFile>,
}

#[derive(Deserialize)]
struct WantedFile {
    name: String,
    size: u64,
}

/// What is asked, or why it makes no sense.
fn read(body: &[u8]) -> Result<(String, Vec<GuestFile>), &'static str> {
    let wanted: Wanted = serde_json::from_slice(body).map_err(|_| "that is no ask")?;
    if wanted.files.is_empty() || wanted.files.len() > GUEST_FILES {
        return Err("from 1 to 1000 files can be handed in at once");
    }
    let mut all = 0_u64;
    let mut files = Vec::with_capacity(wanted.files.len());
    for file in wanted.files {
        let name = RelPath::parse(&file.name);
        let name = name.map_err(|_| "one of the names cannot be saved")?;
        let sum = all.checked_add(file.size).filter(|sum| *sum < 1 << 53);
        all = sum.ok_or("that is too much")?;
        let (name, size) = (name.as_str().to_owned(), file.size);
        files.push(GuestFile {
            name,
            size,
            sha256: None,
            times: Times::default(),
        });
    }
    Ok((wanted.name, files))
}

/// `anna (guest at 192.0.2.7)`: the name is the guest's own word.
fn called(name: &str, visit: Visit) -> String {
    let name = printable_cut(name.trim(), NAME);
    match &*name {
        "" => format!("guest at {}", visit.ip),
        name => format!("{name} (guest at {})", visit.ip),
    }
}

/// Asks.
pub async fn ask(
    State(uploads): State<Uploads>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let link = match enter(&uploads, &token, visit, &headers) {
        Ok(link) => link,
        Err(answer) => return answer,
    };
    let media = headers.get(header::CONTENT_TYPE);
    if media.is_none_or(|media| media != "application/json") {
        return said(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "an ask is application/json",
        );
    }
    let body = match timeout(COMING, to_bytes(body, LONGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return said(StatusCode::PAYLOAD_TOO_LARGE, "that is too long"),
        Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "it did not come in time"),
    };
    let (name, files) = match read(&body) {
        Ok(wanted) => wanted,
        Err(why) => return said(StatusCode::BAD_REQUEST, why),
    };
    if !uploads.has_room() {
        return said(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many hand something in",
        );
    }
    let mut id = [0; 16];
    if getrandom::fill(&mut id).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if link.take(visit.place).is_err() {
        return said(StatusCode::GONE, Words::of(&headers).over);
    }
    let name = called(&name, visit);
    match uploads.node.ask_for_guest(visit.place, name, files).await {
        Ok(ask) => {
            let state = ask.state();
            let id = Token(id);
            uploads.asks.lock().insert(id, (link.number(), ask));
            let mut row = json!(state);
            row["ask"] = json!(id.to_string());
            (StatusCode::CREATED, Json(row)).into_response()
        }
        Err(why) => said(StatusCode::CONFLICT, why.why()),
    }
}

fn enter(
    uploads: &Uploads,
    token: &str,
    visit: Visit,
    headers: &HeaderMap,
) -> Result<Arc<Link>, Response> {
    let link = door::enter(&uploads.guests(), token, visit, headers)?;
    if link.is_upload() {
        Ok(link)
    } else {
        Err(door::nothing(Words::of(headers)))
    }
}

/// How an ask stands.
pub async fn state(
    State(uploads): State<Uploads>,
    Extension(visit): Extension<Visit>,
    Path((token, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let link = match enter(&uploads, &token, visit, &headers) {
        Ok(link) => link,
        Err(answer) => return answer,
    };
    match uploads.find(&link, &id) {
        Some(ask) => Json::<Value>(json!(ask.state())).into_response(),
        None => said(StatusCode::NOT_FOUND, "there is no such ask"),
    }
}

/// One file.
pub async fn file(
    State(uploads): State<Uploads>,
    Extension(visit): Extension<Visit>,
    Path((token, id, number)): Path<(String, String, usize)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let link = match enter(&uploads, &token, visit, &headers) {
        Ok(link) => link,
        Err(answer) => return answer,
    };
    let Some(ask) = uploads.find(&link, &id) else {
        return said(StatusCode::NOT_FOUND, "there is no such ask");
    };
    let (moving, bytes) = match upload(&headers, body) {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let outcome = tokio::select! {
        outcome = beside(ask.take(number, bytes), moving) => outcome,
        () = link.over() => Err(GuestError::NotAsked),
    };
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error @ (GuestError::NotAsked | GuestError::Twice)) => {
            said(StatusCode::CONFLICT, error.to_string())
        }
        Err(GuestError::Store(StoreError::NoSpace { .. })) => said(
            StatusCode::INSUFFICIENT_STORAGE,
            "there is not enough room there",
        ),
        // Where it was to lie is nothing to a guest.
        Err(error) => {
            tracing::info!(%error, "what a guest hands in cannot be taken");
            said(
                StatusCode::BAD_REQUEST,
                "it broke off, or is not as long as was said",
            )
        }
    }
}
