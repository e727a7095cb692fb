//! What changes something.

use super::{
    super::{
        answers::{Delivered, Named, NodeSettings, PageAddress, Started},
        app::App,
        body::{Given, InPath, MAX_NUMBER},
        error::ApiError,
    },
    read::{SERVER, settings_of},
};
use crate::{
    core::id::NodeId,
    node::{
        DownloadRequest, Exit, JobId, JobInfo, Landing, SendEvent, SendRequest, Shape, parse_name,
    },
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{path::PathBuf, time::Duration};

/// How long is looked for what or whom is meant, unless told otherwise.
const WAIT: f64 = 5.0;
/// The most words, people or files in a request.
const MANY: usize = 10_000;
/// Places in which a download looks for chunks.
pub(super) const PLACES: usize = 64;

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

/// Cancels, pauses or resumes a job.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/jobs/{job}/{act}", tag = "jobs", operation_id = "act_on_job", params(("job" = u64, Path), ("act" = Act, Path)), responses((status = 200, description = "Done", body = JobInfo))))]
pub async fn job(
    State(app): State<App>,
    InPath((job, act)): InPath<(JobId, String)>,
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

/// What can be done to a job.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[cfg_attr(test, schema(rename_all = "lowercase"))]
#[expect(dead_code, reason = "only its shape is used")]
pub enum Act {
    Cancel,
    Pause,
    Resume,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Download {
    what: Vec<String>,
    /// A folder of this machine, from its root.
    #[cfg_attr(test, schema(value_type = Option<String>))]
    into: Option<PathBuf>,
    #[serde(default)]
    overwrite: bool,
    from: Option<String>,
    #[serde(default)]
    all_versions: bool,
    /// Files and folders of this machine, from its root, that may have chunks of it.
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    reuse: Vec<PathBuf>,
    wait: Option<f64>,
    timeout: Option<f64>,
}

fn started(job: JobId) -> Response {
    (StatusCode::ACCEPTED, Json(Started { job })).into_response()
}

/// Begins a download.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/downloads", tag = "downloads", request_body = Download, responses((status = 202, description = "It begins", body = Started))))]
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
    let whole = wanted.reuse.iter().all(|path| path.is_absolute());
    if !whole || wanted.reuse.len() > PLACES {
        return Err(ApiError::usage(
            "`reuse` has paths from the root of this machine, 64 at most",
        ));
    }
    let (job, mut events) = app.node.download(DownloadRequest {
        what: wanted.what,
        into: folder(wanted.into)?,
        shape: Shape::Path,
        overwrite: wanted.overwrite,
        reuse: wanted.reuse,
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
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Send {
    to: Vec<String>,
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    paths: Vec<PathBuf>,
    #[serde(default)]
    staged: Vec<String>,
    #[serde(default)]
    trust_new: bool,
    wait: Option<f64>,
    pin: Option<String>,
}

/// Begins to send files.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/sends", tag = "sends", request_body = Send, responses((status = 202, description = "It begins", body = Started))))]
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
        pin: what.pin,
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

/// Takes back what waits for somebody.
#[cfg_attr(test, utoipa::path(delete, path = "/api/v1/later/{number}", tag = "later", params(("number" = u32, Path)), responses((status = 204, description = "Done"))))]
pub async fn forget_later(
    State(app): State<App>,
    InPath(number): InPath<u32>,
) -> Result<StatusCode, ApiError> {
    if app.node.forget_later(number).await {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::missing(format!("nothing waits as {number}")))
    }
}

#[derive(Deserialize, Default)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// A folder of this machine, from its root.
    #[cfg_attr(test, schema(value_type = Option<String>))]
    into: Option<PathBuf>,
}

/// Takes what is asked.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/asks/{ask}/accept", tag = "asks", params(("ask" = u32, Path)), request_body = Accept, responses((status = 204, description = "Done"))))]
pub async fn accept(
    State(app): State<App>,
    InPath(ask): InPath<u32>,
    Given(accept): Given<Accept>,
) -> Result<StatusCode, ApiError> {
    let landing = Landing::from(folder(accept.into)?);
    app.node.accept(ask, landing).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says no to an ask.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/asks/{ask}/refuse", tag = "asks", params(("ask" = u32, Path)), responses((status = 204, description = "Done"))))]
pub async fn refuse(
    State(app): State<App>,
    InPath(ask): InPath<u32>,
) -> Result<StatusCode, ApiError> {
    app.node.refuse(ask)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Saying {
    text: String,
    #[serde(default)]
    trust_new: bool,
}

/// Says something to somebody.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/chats/{who}", tag = "chats", params(("who" = String, Path)), request_body = Saying, responses((status = 200, description = "Done", body = Delivered))))]
pub async fn say(
    State(app): State<App>,
    InPath(who): InPath<String>,
    Given(said): Given<Saying>,
) -> Result<Json<Delivered>, ApiError> {
    let found = app.node.find_person(&who, said.trust_new).await;
    let person = found.map_err(|error| ApiError::nobody(&who, &error))?;
    let time = app.node.message(person.node, &said.text).await?;
    let peer = person.node.to_string();
    let to = person.name;
    Ok(Json(Delivered { to, peer, time }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PeopleChange {
    signup: Option<String>,
    release: Option<String>,
    add: Option<String>,
    /// The key of a rendezvous server: at it alone.
    server: Option<String>,
    #[serde(default)]
    trust_new: bool,
}

/// Signs up, gives a name up, or adds a person.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/people", tag = "people", operation_id = "change_people", request_body = PeopleChange, responses((status = 200, description = "Done", body = Named))))]
pub async fn people(
    State(app): State<App>,
    Given(what): Given<PeopleChange>,
) -> Result<Json<Named>, ApiError> {
    let (name, release) = match (what.signup, what.release, what.add) {
        (Some(name), None, None) => (name, false),
        (None, Some(name), None) => (name, true),
        (None, None, Some(name)) => {
            let added = app.node.add_person(&name, what.trust_new, SERVER).await?;
            let peer = Some(added.node.to_string());
            let (name, server) = (added.name, added.server);
            return Ok(Json(Named { name, server, peer }));
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
    let server = servers.join(", ");
    let peer = None;
    Ok(Json(Named { name, server, peer }))
}

/// What of the settings changes.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct SettingsChange {
    /// Bytes a second; null is none.
    #[cfg_attr(test, schema(minimum = 1024, maximum = 9_007_199_254_740_992_i64))]
    upload_limit: Option<u64>,
    /// Bytes a second; null is none.
    #[cfg_attr(test, schema(minimum = 1024, maximum = 9_007_199_254_740_992_i64))]
    download_limit: Option<u64>,
    /// 1 to 64 bytes without control characters.
    #[cfg_attr(test, schema(value_type = String, required = false, min_length = 1))]
    name: Option<String>,
    /// Bytes.
    #[cfg_attr(test, schema(value_type = u64, required = false, maximum = 9_007_199_254_740_992_i64))]
    replica_quota: Option<u64>,
}

fn rate(key: &str, value: &Value) -> Result<Option<u64>, ApiError> {
    match (value.is_null(), value.as_u64()) {
        (true, _) => Ok(None),
        (_, Some(rate @ 1024..=MAX_NUMBER)) => Ok(Some(rate)),
        _ => {
            let why = format!("`{key}` is bytes a second, 1024 to 2^53, or null");
            Err(ApiError::usage(why))
        }
    }
}

/// Changes settings.
#[cfg_attr(test, utoipa::path(patch, path = "/api/v1/settings", tag = "settings", operation_id = "change_settings", request_body = SettingsChange, responses((status = 200, description = "Done", body = NodeSettings))))]
pub async fn settings(
    State(app): State<App>,
    Given(changes): Given<Map<String, Value>>,
) -> Result<Json<NodeSettings>, ApiError> {
    let mut limits = app.node.rate_limits();
    let (mut name, mut quota) = (None, None);
    for (key, value) in changes {
        match &*key {
            "upload_limit" => limits.upload = rate(&key, &value)?,
            "download_limit" => limits.download = rate(&key, &value)?,
            "name" => {
                let text = value.as_str().unwrap_or_default();
                name = Some(parse_name(text).map_err(ApiError::usage)?);
            }
            "replica_quota" => {
                let bytes = value.as_u64().filter(|bytes| *bytes <= MAX_NUMBER);
                let wrong = || ApiError::usage("`replica_quota` is a number of bytes");
                quota = Some(bytes.ok_or_else(wrong)?);
            }
            _ => {
                let why = format!("`{key}` cannot be changed while the node runs");
                return Err(ApiError::usage(why));
            }
        }
    }
    // What may fail comes first.
    if let Some(name) = name {
        app.node.rename(name).await?;
    }
    if let Some(quota) = quota {
        app.node.set_replica_quota(quota).await?;
    }
    app.node.set_rate_limits(limits);
    settings_of(&app.node).await.map(Json)
}

/// Ends the node in good order.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/leave", tag = "leave", responses((status = 202, description = "It ends"))))]
pub async fn leave(State(app): State<App>) -> StatusCode {
    app.leave.cancel();
    StatusCode::ACCEPTED
}

/// An address that opens the page once (on the socket alone).
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/codes", tag = "codes", responses((status = 200, description = "Done", body = PageAddress))))]
pub async fn new_code(State(app): State<App>) -> Result<Json<PageAddress>, ApiError> {
    let address = super::address(&app);
    let address = address
        .map_err(|error| ApiError::new(StatusCode::CONFLICT, Exit::Failed, error.to_string()))?;
    Ok(Json(PageAddress { address }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Code {
    code: String,
}

/// Opens a session with a code.
#[cfg_attr(test, utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Code, responses((status = 204, description = "The cookie is set"))))]
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

/// Ends every session.
#[cfg_attr(test, utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "Done"))))]
pub async fn close_sessions(State(app): State<App>) -> StatusCode {
    app.sessions.close_all();
    app.tickets.clear();
    StatusCode::NO_CONTENT
}
