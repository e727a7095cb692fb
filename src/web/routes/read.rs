//! What is only looked at.

use super::super::{
    answers::{
        Answerer, Asks, Chat, Chats, Jobs, Log, Logged, NodeSettings, NodeStatus, Partner, Peers,
        People, Said, SharedFile, SharedFiles,
    },
    app::App,
    body::{Asked, InPath, MAX_NUMBER},
    error::ApiError,
    metrics,
    offers::{Page, Wanted},
    status,
};
use crate::node::{Accepting, Diagnosis, HaveMap, JobId, JobInfo, Node, log_lines};
use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// How long a server may take.
pub const SERVER: Duration = Duration::from_secs(5);
/// Lines of a chat, unless told otherwise, and at most.
const LINES: usize = 100;
const MAX_LINES: usize = 10_000;

/// How the node does.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, description = "Done", body = NodeStatus))))]
pub async fn status(State(app): State<App>) -> Result<Json<NodeStatus>, ApiError> {
    let status = status::status(&app.node, app.hub.revision()).await;
    status.map(Json).ok_or_else(ApiError::stopping)
}

/// The same in numbers, as Prometheus reads them.
#[cfg_attr(test, utoipa::path(get, path = "/metrics", tag = "metrics", responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))))]
pub async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let counted = metrics::count(&app.node, app.since.elapsed()).await;
    let text = metrics::text(&counted.ok_or_else(ApiError::stopping)?);
    let text = text.map_err(|_| ApiError::stopping())?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA)], text))
}

/// What is the matter with the networks: takes some seconds.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/doctor", tag = "doctor", responses((status = 200, description = "Done", body = Diagnosis))))]
pub async fn doctor(State(app): State<App>) -> Result<Json<Diagnosis>, ApiError> {
    let busy = |_| ApiError::busy("it is being looked at already: ask again in some seconds");
    let _alone = app.doctor.try_lock().map_err(busy)?;
    Ok(Json(Diagnosis::of(&app.node.examine(SERVER).await)))
}

/// Who is here.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/peers", tag = "peers", responses((status = 200, description = "Done", body = Peers))))]
pub async fn peers(State(app): State<App>) -> Json<Peers> {
    Json(status::peers(&app.node))
}

/// What the swarm offers.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/offers", tag = "offers", params(Wanted), responses((status = 200, description = "Done", body = Page))))]
pub async fn offers(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Json<Page> {
    let revision = app.hub.revision();
    Json(app.offers.page(&app.node, &wanted, revision).await)
}

/// Downloads, sends and receives: those that run, and the last that ended.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", responses((status = 200, description = "Done", body = Jobs))))]
pub async fn jobs(State(app): State<App>) -> Json<Jobs> {
    let jobs = app.node.jobs();
    Json(Jobs { jobs })
}

fn no_job(job: JobId) -> ApiError {
    crate::node::JobError::Unknown(job).into()
}

/// One of them.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/jobs/{job}", tag = "jobs", params(("job" = u64, Path)), responses((status = 200, description = "Done", body = JobInfo))))]
pub async fn job(
    State(app): State<App>,
    InPath(job): InPath<JobId>,
) -> Result<Json<JobInfo>, ApiError> {
    let found = app.node.job(job);
    found.map(Json).ok_or_else(|| no_job(job))
}

/// Which parts of it are here.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/jobs/{job}/have", tag = "jobs", params(("job" = u64, Path)), responses((status = 200, description = "Done", body = HaveMap))))]
pub async fn have(
    State(app): State<App>,
    InPath(job): InPath<JobId>,
) -> Result<Json<HaveMap>, ApiError> {
    let map = app.node.have_map(job).await;
    let none = || ApiError::missing(format!("job {job} has no map"));
    map.map(Json).ok_or_else(none)
}

/// Who asks to send something.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/asks", tag = "asks", responses((status = 200, description = "Done", body = Asks))))]
pub async fn asks(State(app): State<App>) -> Json<Asks> {
    let asks = app.node.asks();
    Json(Asks { asks })
}

/// Whom one can talk to.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/chats", tag = "chats", responses((status = 200, description = "Done", body = Chats))))]
pub async fn chats(State(app): State<App>) -> Result<Json<Chats>, ApiError> {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for peer in app.node.chats().await? {
        known.insert(peer.to_string(), None);
    }
    for peer in app.node.peers() {
        if !peer.visiting && !peer.unproven {
            known.insert(peer.node.to_string(), Some(peer.name));
        }
    }
    let row = |(peer, name)| Partner { peer, name };
    let chats = known.into_iter().map(row).collect();
    Ok(Json(Chats { chats }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Lines {
    count: Option<usize>,
}

/// What was said with somebody.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/chats/{who}", tag = "chats", params(("who" = String, Path), Lines), responses((status = 200, description = "Done", body = Chat))))]
pub async fn chat(
    State(app): State<App>,
    InPath(who): InPath<String>,
    Asked(lines): Asked<Lines>,
) -> Result<Json<Chat>, ApiError> {
    let count = lines.count.unwrap_or(LINES).min(MAX_LINES);
    let history = app.node.history(&who, count).await?;
    Ok(Json(Chat {
        peer: history.peer.to_string(),
        name: history.name,
        lines: history.said.into_iter().map(Said::from).collect(),
    }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Part {
    q: Option<String>,
}

/// Who is signed up at the rendezvous servers.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/people", tag = "people", params(Part), responses((status = 200, description = "Done", body = People))))]
pub async fn people(
    State(app): State<App>,
    Asked(part): Asked<Part>,
) -> Result<Json<People>, ApiError> {
    let part = part.q.filter(|part| !part.is_empty());
    let people = app.node.people(part.as_deref(), SERVER).await?;
    Ok(Json(People { people }))
}

pub async fn settings_of(node: &Node) -> Result<NodeSettings, ApiError> {
    let status = node.status().await.ok_or_else(ApiError::stopping)?;
    let limits = node.rate_limits();
    Ok(NodeSettings {
        name: status.name,
        home: node.home().to_string_lossy().into_owned(),
        upload_limit: limits.upload,
        download_limit: limits.download,
        replica_quota: status.replicas.quota,
        accepting: match node.accepting() {
            Accepting::Nobody => Answerer::Nobody,
            Accepting::Person => Answerer::Person,
            Accepting::Some(_) => Answerer::Some,
            Accepting::All => Answerer::All,
        },
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The settings of the node.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, description = "Done", body = NodeSettings))))]
pub async fn settings(State(app): State<App>) -> Result<Json<NodeSettings>, ApiError> {
    settings_of(&app.node).await.map(Json)
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct After {
    #[serde(default)]
    #[cfg_attr(test, param(maximum = 9_007_199_254_740_992_i64))]
    after: u64,
}

/// The newest lines of the log.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/log", tag = "log", params(After), responses((status = 200, description = "Done", body = Log))))]
pub async fn log(Asked(after): Asked<After>) -> Result<Json<Log>, ApiError> {
    if after.after > MAX_NUMBER {
        return Err(ApiError::usage("`after` is the number of a line"));
    }
    let (lines, next) = log_lines().since(after.after + 1);
    let first = lines.first().map_or(next, |(number, _)| *number);
    let lines = lines.into_iter().map(|(at, line)| Logged::new(at, line));
    Ok(Json(Log {
        lines: lines.collect(),
        first,
        next,
    }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct PageOf {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

/// What the shared folder of this node offers, and what is offered where it lies.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/share", tag = "share", params(PageOf), responses((status = 200, description = "Done", body = SharedFiles))))]
pub async fn share(
    State(app): State<App>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<SharedFiles>, ApiError> {
    let paths = app.node.shared_paths().await?;
    let mut rows = app.node.list(None).await;
    rows.retain(|row| row.shared && !row.older);
    let total = rows.len();
    let limit = page.limit.unwrap_or(200).min(1000);
    let rows = rows.into_iter().skip(page.offset).take(limit);
    let files = rows.map(|row| SharedFile {
        name: row.name,
        id: row.id.to_string(),
        size: row.size,
        media: row.media,
        mtime: row.mtime,
    });
    Ok(Json(SharedFiles {
        total,
        files: files.collect(),
        paths,
    }))
}
