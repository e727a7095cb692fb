//! The description of the API, by the rules of `OpenAPI`. Tests hold it against the types that are
//! served, against the routes and against what they answer.

#[cfg(test)]
mod described;

use axum::{http::header, response::IntoResponse};

/// This description.
#[cfg_attr(test, utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi.json",
    responses((status = 200, description = "Done", body = Object))))]
pub async fn description() -> impl IntoResponse {
    let text = include_str!("../openapi.json");
    ([(header::CONTENT_TYPE, "application/json")], text)
}
