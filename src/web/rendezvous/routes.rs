//! What the page of a server asks: how to join, whether a name is free, and with the owner's token
//! how much goes on. Nothing here changes anything.

use super::{State, door};
use crate::{
    core::qr::Matrix,
    node::Exit,
    server::{Desk, Free},
    web::error::ApiError,
};
use axum::{
    Extension, Json, Router,
    extract::{Query, State as Shared},
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

type App = Shared<Arc<State>>;

/// See the module.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/api/server", get(server))
        .route(door::NAME, get(name))
        .route("/api/load", get(load))
        .fallback(nothing)
        .with_state(state)
}

async fn nothing() -> ApiError {
    ApiError::missing("there is no such page")
}

async fn server(
    Shared(state): App,
    Extension(host): Extension<door::Host>,
) -> Result<Json<Value>, ApiError> {
    let address = state.address(&host.0);
    let address = address.ok_or_else(|| ApiError::busy("the server has no address"))?;
    let join = format!("sprat --rendezvous {address}");
    let seen = state.desk.overview();
    Ok(Json(json!({
        "peer": state.desk.id().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "address": address.to_string(),
        "qr": Matrix::of(&join).map(|code| code.rows()),
        "join": join,
        "nodes": seen.load.nodes,
        "takes_names": !seen.failing,
    })))
}

#[derive(Deserialize)]
struct Asked {
    name: String,
}

async fn name(
    Shared(state): App,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Ok(Query(asked)) = asked else {
        return Err(ApiError::usage("say which name: ?name=anna"));
    };
    match state.desk.is_free(&asked.name).await {
        Free::Yes => Ok(Json(json!({ "free": true }))),
        Free::No => Ok(Json(json!({ "free": false }))),
        Free::NoName => Err(ApiError::usage(
            "a name has 1 to 64 bytes and no control characters",
        )),
        Free::Busy => Err(ApiError::busy("the server is busy: try again in a moment")),
    }
}

async fn load(Shared(state): App, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if !given.is_some_and(|token| state.keys.is_token(token)) {
        let why = "that is not the token of this server";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, Exit::Refused, why));
    }
    let (seen, quotas) = (state.desk.overview(), &state.quotas);
    let load = seen.load;
    let row = |now: usize, most: usize| json!({ "now": now, "most": most });
    Ok(Json(json!({
        "seconds": state.begun.elapsed().as_secs(),
        "nodes": load.nodes,
        "connections": row(seen.connections, quotas.connections as usize),
        "per_address": quotas.per_address,
        "names": row(seen.names, Desk::most_names()),
        "registrations": row(load.registrations, quotas.registrations),
        "reservations": row(load.reachable, quotas.reservations),
        "circuits": row(load.circuits, quotas.circuits),
        "circuits_per_peer": quotas.circuits_per_peer,
        "circuit_bytes": quotas.circuit_bytes,
        "circuit_seconds": quotas.circuit_time.as_secs(),
        "introduced": load.introduced,
        "relayed": load.relayed,
        "relay_rate": quotas.relay_rate,
        "takes_names": !seen.failing,
    })))
}
