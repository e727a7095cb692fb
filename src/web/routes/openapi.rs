//! The description of the API, by the rules of `OpenAPI`, from the types that are served. Tests hold
//! it against the routes and against what they answer.

use super::{super::answers::Failure, act, events, get, links, read, shared, tickets, uploads};
use axum::{http::header, response::IntoResponse};
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, Ref, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "sprat",
        description = "The local API of a running node. docs/api.md says it in words.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        read::status, read::peers, read::offers, read::jobs, read::job, read::have, read::asks,
        read::chats, read::chat, read::people, read::settings, read::log, read::share, read::doctor,
        read::metrics, act::job, act::download, act::send, act::forget_later, act::accept,
        act::refuse, act::say, act::people, act::settings, act::leave, act::new_code,
        act::open_session, act::close_sessions, uploads::stage, uploads::share, events::events,
        links::list, links::make, links::remove, uploads::unstage, shared::remove, get::get, tickets::issue, description,
    ),
    components(schemas(Failure)),
    modifiers(&Everywhere)
)]
struct Described;

/// What holds for every path: what is answered when something is not done, and who may ask.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_with(Components::new);
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure")));
        let failure = ResponseBuilder::new()
            .description("It was not done")
            .content("application/json", content.build())
            .build();
        for item in api.paths.paths.values_mut() {
            let all = [
                &mut item.get,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in all.into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                responses.insert("default".into(), failure.clone().into());
                let none: [&str; 0] = [];
                operation.security = Some(vec![SecurityRequirement::new("token", none)]);
            }
        }
    }
}

static TEXT: LazyLock<String> =
    LazyLock::new(|| Described::openapi().to_json().unwrap_or_default());

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi.json",
    responses((status = 200, description = "Done", body = Object)))]
pub async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
