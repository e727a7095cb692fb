//! What is only looked at.

use super::super::{
    app::App,
    body::Asked,
    error::ApiError,
    metrics,
    offers::{Page, Wanted},
    status,
};
use crate::node::{Accepting, Diagnosis, JobId, JobInfo, Node, log_lines};
use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// How long a server may take.
pub const SERVER: Duration = Duration::from_secs(5);
/// Lines of a chat, unless told otherwise, and at most.
const LINES: usize = 100;
const MAX_LINES: usize = 10_000;

pub async fn status(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let status = status::status(&app.node, app.hub.revision()).await;
    status.map(Json).ok_or_else(ApiError::stopping)
}

pub async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let counted = metrics::count(&app.node, app.since.elapsed()).await;
    let text = metrics::text(&counted.ok_or_else(ApiError::stopping)?);
    let text = text.map_err(|_| ApiError::stopping())?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA)], text))
}

pub async fn doctor(State(app): State<App>) -> Result<Json<Diagnosis>, ApiError> {
    let busy = |_| ApiError::busy("it is being looked at already: ask again in some seconds");
    let _alone = app.doctor.try_lock().map_err(busy)?;
    Ok(Json(Diagnosis::of(&app.node.examine(SERVER).await)))
}

pub async fn peers(State(app): State<App>) -> Json<Value> {
    Json(status::peers(&app.node))
}

pub async fn offers(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Json<Page> {
    let revision = app.hub.revision();
    Json(app.offers.page(&app.node, &wanted, revision).await)
}

pub async fn jobs(State(app): State<App>) -> Json<Value> {
    Json(json!({ "jobs": app.node.jobs() }))
}

fn no_job(job: JobId) -> ApiError {
    crate::node::JobError::Unknown(job).into()
}

pub async fn job(
    State(app): State<App>,
    Path(job): Path<JobId>,
) -> Result<Json<JobInfo>, ApiError> {
    let found = app.node.job(job);
    found.map(Json).ok_or_else(|| no_job(job))
}

pub async fn have(State(app): State<App>, Path(job): Path<JobId>) -> Result<Json<Value>, ApiError> {
    let map = app.node.have_map(job).await;
    let map = map.ok_or_else(|| ApiError::missing(format!("job {job} has no map")))?;
    Ok(Json(json!(map)))
}

pub async fn asks(State(app): State<App>) -> Json<Value> {
    Json(json!({ "asks": app.node.asks() }))
}

pub async fn chats(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for peer in app.node.chats().await? {
        known.insert(peer.to_string(), None);
    }
    for peer in app.node.peers() {
        if !peer.visiting {
            known.insert(peer.node.to_string(), Some(peer.name));
        }
    }
    let row = |(peer, name): (String, Option<String>)| json!({ "peer": peer, "name": name });
    let rows: Vec<Value> = known.into_iter().map(row).collect();
    Ok(Json(json!({ "chats": rows })))
}

#[derive(Deserialize)]
pub struct Lines {
    count: Option<usize>,
}

pub async fn chat(
    State(app): State<App>,
    Path(who): Path<String>,
    Asked(lines): Asked<Lines>,
) -> Result<Json<Value>, ApiError> {
    let count = lines.count.unwrap_or(LINES).min(MAX_LINES);
    let history = app.node.history(&who, count).await?;
    let line = |line: &crate::node::ChatLine| json!({ "time": line.time, "mine": line.mine, "text": line.text });
    let lines: Vec<Value> = history.said.iter().map(line).collect();
    let peer = history.peer.to_string();
    Ok(Json(
        json!({ "peer": peer, "name": history.name, "lines": lines }),
    ))
}

#[derive(Deserialize)]
pub struct Part {
    q: Option<String>,
}

pub async fn people(
    State(app): State<App>,
    Asked(part): Asked<Part>,
) -> Result<Json<Value>, ApiError> {
    let part = part.q.filter(|part| !part.is_empty());
    let people = app.node.people(part.as_deref(), SERVER).await?;
    Ok(Json(json!({ "people": people })))
}

pub fn settings_of(node: &Node) -> Value {
    let limits = node.rate_limits();
    let accepting = match node.accepting() {
        Accepting::Nobody => "nobody",
        Accepting::Person => "person",
        Accepting::Some(_) => "some",
        Accepting::All => "all",
    };
    json!({
        "name": node.name(),
        "home": node.home().to_string_lossy(),
        "upload_limit": limits.upload,
        "download_limit": limits.download,
        "accepting": accepting,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

pub async fn settings(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let status = app.node.status().await.ok_or_else(ApiError::stopping)?;
    let mut settings = settings_of(&app.node);
    settings["replica_quota"] = json!(status.replicas.quota);
    Ok(Json(settings))
}

#[derive(Deserialize)]
pub struct After {
    #[serde(default)]
    after: u64,
}

pub async fn log(Asked(after): Asked<After>) -> Json<Value> {
    let (lines, next) = log_lines().since(after.after.saturating_add(1));
    let first = lines.first().map_or(next, |(number, _)| *number);
    let rows = lines.iter().map(|(at, line)| status::log_line(*at, line));
    Json(json!({ "lines": rows.collect::<Vec<_>>(), "first": first, "next": next }))
}

#[derive(Deserialize)]
pub struct PageOf {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

pub async fn share(State(app): State<App>, Asked(page): Asked<PageOf>) -> Json<Value> {
    let mut rows = app.node.list(None).await;
    rows.retain(|row| row.shared && !row.older);
    let total = rows.len();
    let limit = page.limit.unwrap_or(200).min(1000);
    let rows = rows.into_iter().skip(page.offset).take(limit).map(|row| {
        json!({ "name": row.name, "id": row.id.to_string(), "size": row.size, "type": row.media, "mtime": row.mtime })
    });
    Json(json!({ "total": total, "files": rows.collect::<Vec<_>>() }))
}
