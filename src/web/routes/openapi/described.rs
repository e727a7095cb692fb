//! How the description of the API follows from the types that are served. Only tests need it: what
//! is served is a file, so no build of the program pays for this.

use super::super::{act, events, get, links, read, shared, tickets, uploads};
use crate::web::answers::Failure;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, ObjectBuilder, Ref, Required, ResponseBuilder, Type,
        path::{ParameterBuilder, ParameterIn},
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
        links::list, links::make, links::remove, uploads::unstage, shared::remove, get::get, tickets::issue, super::description,
    ),
    components(schemas(Failure, act::Act)),
    modifiers(&Everywhere)
)]
struct Described;

/// What holds for every path: what is answered when something is not done, who may ask, and what
/// writes carry.
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
        let own = ParameterBuilder::new()
            .name("X-Sprat")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("What a page of another site cannot set"))
            .schema(Some(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(["1"])),
            ))
            .build();
        for (path, item) in &mut api.paths.paths {
            let all = [
                &mut item.get,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ];
            for (number, operation) in all.into_iter().enumerate() {
                let Some(operation) = operation else {
                    continue;
                };
                let responses = &mut operation.responses.responses;
                responses.insert("default".into(), failure.clone().into());
                let none: [&str; 0] = [];
                let writes = number > 0;
                if writes {
                    let parameters = operation.parameters.get_or_insert_default();
                    parameters.push(own.clone().into());
                }
                // The code in its body is what opens a session.
                let opens = path.ends_with("/session") && number == 1;
                let token = SecurityRequirement::new("token", none);
                operation.security = Some(if opens { Vec::new() } else { vec![token] });
            }
        }
    }
}

#[test]
fn what_is_served_is_what_the_types_say() {
    let derived = Described::openapi().to_pretty_json().unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/openapi.json");
    if std::env::var_os("SPRAT_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &derived).unwrap();
    }
    let served = std::fs::read_to_string(path).unwrap();
    assert!(
        served == derived,
        "the API has changed: SPRAT_WRITE_OPENAPI=1 cargo test --lib what_is_served writes {path}"
    );
}
