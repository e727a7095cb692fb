//! The paths of the API, and what each does with the node. The contract for people is in
//! docs/api.md.

mod act;
mod events;
mod get;
mod links;
mod openapi;
mod read;
mod shared;
mod tickets;
mod uploads;

pub use tickets::files;

use super::{
    app::App,
    body::MAX_JSON,
    error::ApiError,
    run::{self, Run},
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri},
    routing::{delete, get, post},
};
use std::io;

/// Everything under `/api/v1`, and `/metrics`.
pub fn api(app: App) -> Router {
    let plain = Router::new()
        .route("/status", get(read::status))
        .route("/peers", get(read::peers))
        .route("/offers", get(read::offers))
        .route("/jobs", get(read::jobs))
        .route("/jobs/{job}", get(read::job))
        .route("/jobs/{job}/have", get(read::have))
        .route("/jobs/{job}/{act}", post(act::job))
        .route("/downloads", post(act::download))
        .route("/sends", post(act::send))
        .route("/later/{number}", delete(act::forget_later))
        .route("/links", get(links::list).post(links::make))
        .route("/links/{link}", delete(links::remove))
        .route("/asks", get(read::asks))
        .route("/asks/{ask}/accept", post(act::accept))
        .route("/asks/{ask}/refuse", post(act::refuse))
        .route("/chats", get(read::chats))
        .route("/chats/{who}", get(read::chat).post(act::say))
        .route("/people", get(read::people).post(act::people))
        .route("/settings", get(read::settings).patch(act::settings))
        .route("/log", get(read::log))
        .route("/doctor", get(read::doctor))
        .route("/leave", post(act::leave))
        .route(
            "/session",
            post(act::open_session).delete(act::close_sessions),
        )
        .route("/events", get(events::events))
        .route("/tickets", post(tickets::issue))
        .route("/openapi.json", get(openapi::description))
        .layer(DefaultBodyLimit::max(MAX_JSON));
    let uploads = Router::new()
        .route(
            "/share",
            get(read::share).post(shared::add).delete(shared::remove),
        )
        .route("/staged", post(uploads::stage))
        .route("/staged/{id}", delete(uploads::unstage))
        .layer(DefaultBodyLimit::disable());
    let version = plain.merge(uploads);
    Router::new()
        .nest("/api/v1", version)
        .route("/metrics", get(read::metrics))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(app)
}

/// The same on the socket of the home, with what only its owner may ask.
pub fn local(app: App, run: Run) -> Router {
    let codes = Router::new()
        .route("/api/v1/codes", post(act::new_code))
        .route("/api/v1/get", get(get::get))
        .with_state(app.clone());
    api(app).merge(codes).merge(run::router(run))
}

/// The address of the page with a code that opens it once.
///
/// # Errors
/// When there is no page, or the system has no randomness.
pub fn address(app: &App) -> io::Result<String> {
    let page = *app.page.lock();
    let page = page.ok_or_else(|| {
        let why = "this node serves no page: start it with --web";
        io::Error::new(io::ErrorKind::NotFound, why)
    })?;
    let code = app.sessions.new_code()?;
    Ok(format!("http://{page}/#code={code}"))
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::missing(format!("there is no {}", uri.path()))
}

async fn no_such_method(method: Method) -> ApiError {
    let why = format!("{method} is not for this path");
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        crate::node::Exit::Usage,
        why,
    )
}
