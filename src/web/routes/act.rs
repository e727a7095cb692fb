//! What changes something.

use super::{
    super::{app::App, body::Given, error::ApiError},
    read::{SERVER, settings_of},
};
use crate::{
    core::id::NodeId,
    node::{
        DownloadRequest, Exit, JobId, JobInfo, Landing, RateLimits, SendEvent, SendRequest, Shape,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{path::PathBuf, time::Duration};

/// How long is looked for what or whom is meant, unless told otherwise.
const WAIT: f64 = 5.0;
/// The most words, people or files in a request.
const MANY: usize = 10_000;

/// A time that a request names.
fn seconds(seconds: f64) -> Result<Duration, ApiError> {
    let time = Duration::try_from_secs_f64(seconds).ok();
    let time = time.filter(|time| *time < Duration::from_secs(366 * 24 * 3600));
    time.ok_or_else(|| ApiError::usage("a time is a number of seconds, at most a year"))
}

/// A folder that a request names: one of this machine, from its root.
fn folder(path: Option<PathBuf>) -> Result<Option<PathBuf>, ApiError> {
    match path {
        Some(path) if !path.is_absolute() => Err(ApiError::usage(
            "`into` is a path from the root of this machine",
        )),
        path => Ok(path),
    }
}

pub async fn job(
    State(app): State<App>,
    Path((job, act)): Path<(JobId, String)>,
) -> Result<Json<JobInfo>, ApiError> {
    match &*act {
        "cancel" => app.node.cancel(job)?,
        "pause" => app.node.pause(job)?,
        "resume" => app.node.resume(job)?,
        _ => return Err(ApiError::missing(format!("a job cannot {act}"))),
    }
    let found = app.node.job(job);
    found.map(Json).ok_or_else(ApiError::stopping)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    what: Vec<String>,
    into: Option<PathBuf>,
    #[serde(default)]
    overwrite: bool,
    from: Option<String>,
    #[serde(default)]
    all_versions: bool,
    wait: Option<f64>,
    timeout: Option<f64>,
}

fn started(job: JobId) -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "job": job }))).into_response()
}

pub async fn download(
    State(app): State<App>,
    Given(wanted): Given<Download>,
) -> Result<Response, ApiError> {
    let Download { what, .. } = &wanted;
    if what.is_empty() || what.len() > MANY || what.iter().any(String::is_empty) {
        return Err(ApiError::usage("`what` names files, folders or ids"));
    }
    if wanted.from.is_some() && wanted.all_versions {
        let why = "`from` and `all_versions` exclude each other";
        return Err(ApiError::usage(why));
    }
    let (job, mut events) = app.node.download(DownloadRequest {
        what: wanted.what,
        into: folder(wanted.into)?,
        shape: Shape::Path,
        overwrite: wanted.overwrite,
        from: wanted.from,
        all_versions: wanted.all_versions,
        wait: seconds(wanted.wait.unwrap_or(WAIT))?,
        timeout: wanted.timeout.map(seconds).transpose()?,
    });
    // The book has all that is told.
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    Ok(started(job))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    to: Vec<String>,
    #[serde(default)]
    paths: Vec<PathBuf>,
    #[serde(default)]
    staged: Vec<String>,
    #[serde(default)]
    trust_new: bool,
    wait: Option<f64>,
}

pub async fn send(State(app): State<App>, Given(what): Given<Send>) -> Result<Response, ApiError> {
    let wait = seconds(what.wait.unwrap_or(WAIT))?;
    let many = what.to.len().max(what.paths.len()).max(what.staged.len());
    if what.to.is_empty() || what.to.iter().any(String::is_empty) || many > MANY {
        return Err(ApiError::usage("`to` names people"));
    }
    if what.paths.is_empty() && what.staged.is_empty() {
        return Err(ApiError::usage("`paths` or `staged` names what is sent"));
    }
    if let Some(path) = what.paths.iter().find(|path| !path.is_absolute()) {
        let why = format!(
            "{} is no path from the root of this machine",
            path.display()
        );
        return Err(ApiError::usage(why));
    }
    let (held, uploads) = app.staged.take(&app.node, &what.staged).await?;
    let mut files = what.paths;
    files.extend(uploads);
    let (job, mut events) = app.node.send(SendRequest {
        files,
        to: what.to,
        trust_new: what.trust_new,
        wait,
    });
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if matches!(event, SendEvent::End) {
                break;
            }
        }
        // What was uploaded for it goes with it.
        let _ = tokio::task::spawn_blocking(move || drop(held)).await;
    });
    Ok(started(job))
}

pub async fn forget_later(
    State(app): State<App>,
    Path(number): Path<u32>,
) -> Result<StatusCode, ApiError> {
    if app.node.forget_later(number).await {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::missing(format!("nothing waits as {number}")))
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    into: Option<PathBuf>,
}

pub async fn accept(
    State(app): State<App>,
    Path(ask): Path<u32>,
    Given(accept): Given<Accept>,
) -> Result<StatusCode, ApiError> {
    let landing = Landing::from(folder(accept.into)?);
    app.node.accept(ask, landing).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn refuse(State(app): State<App>, Path(ask): Path<u32>) -> Result<StatusCode, ApiError> {
    app.node.refuse(ask)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    text: String,
    #[serde(default)]
    trust_new: bool,
}

pub async fn say(
    State(app): State<App>,
    Path(who): Path<String>,
    Given(said): Given<Said>,
) -> Result<Json<Value>, ApiError> {
    let found = app.node.find_person(&who, said.trust_new).await;
    let person = found.map_err(|error| ApiError::nobody(&who, &error))?;
    let time = app.node.message(person.node, &said.text).await?;
    let peer = person.node.to_string();
    Ok(Json(
        json!({ "to": person.name, "peer": peer, "time": time }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    signup: Option<String>,
    release: Option<String>,
    add: Option<String>,
    server: Option<String>,
    #[serde(default)]
    trust_new: bool,
}

pub async fn people(
    State(app): State<App>,
    Given(what): Given<People>,
) -> Result<Json<Value>, ApiError> {
    let (name, release) = match (what.signup, what.release, what.add) {
        (Some(name), None, None) => (name, false),
        (None, Some(name), None) => (name, true),
        (None, None, Some(name)) => {
            let added = app.node.add_person(&name, what.trust_new, SERVER).await?;
            return Ok(Json(json!(added)));
        }
        _ => return Err(ApiError::usage("one of `signup`, `release` and `add`")),
    };
    let at = what.server.map(|text| {
        let why = "`server` is the key of a rendezvous server";
        NodeId::parse(&text).ok_or_else(|| ApiError::usage(why))
    });
    let at = at.transpose()?;
    let mut servers = Vec::new();
    for (server, result) in app.node.sign_up(&name, release, at, SERVER).await? {
        result?;
        servers.push(server);
    }
    Ok(Json(json!({ "name": name, "server": servers.join(", ") })))
}

pub async fn settings(
    State(app): State<App>,
    Given(changes): Given<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    let mut limits = app.node.rate_limits();
    for (key, value) in changes {
        let place = match &*key {
            "upload_limit" => &mut limits.upload,
            "download_limit" => &mut limits.download,
            _ => {
                let why = format!("`{key}` cannot be changed while the node runs");
                return Err(ApiError::usage(why));
            }
        };
        *place = match (value.is_null(), value.as_u64()) {
            (true, _) => None,
            (_, Some(rate @ 1024..)) => Some(rate),
            _ => {
                let why = format!("`{key}` is bytes a second, 1024 or more, or null");
                return Err(ApiError::usage(why));
            }
        };
    }
    let RateLimits { upload, download } = limits;
    app.node.set_rate_limits(RateLimits { upload, download });
    Ok(Json(settings_of(&app.node)))
}

pub async fn leave(State(app): State<App>) -> StatusCode {
    app.leave.cancel();
    StatusCode::ACCEPTED
}

pub async fn new_code(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let address = super::address(&app);
    let address = address
        .map_err(|error| ApiError::new(StatusCode::CONFLICT, Exit::Failed, error.to_string()))?;
    Ok(Json(json!({ "address": address })))
}

#[derive(Deserialize)]
pub struct Code {
    code: String,
}

pub async fn open_session(
    State(app): State<App>,
    Given(given): Given<Code>,
) -> Result<Response, ApiError> {
    let cookie = app.sessions.open(&given.code).ok_or_else(|| {
        let why = "that code is not good any more: `sprat web` gives another one";
        ApiError::new(StatusCode::UNAUTHORIZED, Exit::Refused, why)
    })?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

pub async fn close_sessions(State(app): State<App>) -> StatusCode {
    app.sessions.close_all();
    app.tickets.clear();
    StatusCode::NO_CONTENT
}
