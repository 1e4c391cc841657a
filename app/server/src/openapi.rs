//! The one OpenAPI document: what the contexts say, completed with what is the same everywhere.

mod fields;
mod ordered;

use mpanel_http::ProblemDocument;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder, SecurityRequirement};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

pub use ordered::ordered;

/// Where all operations stand.
pub const PREFIX: &str = "/api/v1";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "mPanel",
        description = "Everything that the panel and the command line do. Act for a tenant with the header `Mpanel-Tenant`; \
            send `Idempotency-Key` with POST to repeat a request safely; problems are `application/problem+json` (RFC 9457). \
            Query parameters that an operation does not list are refused (422).",
    ),
    components(schemas(ProblemDocument))
)]
struct Base;

/// What the contexts say, under one prefix, completed with what is the same everywhere.
#[must_use]
pub fn document() -> OpenApi {
    let mut public_operations = Vec::new();
    let mut collected = OpenApi::default();
    for api in crate::contexts::apis() {
        public_operations.extend(operations(&api.public));
        collected.merge(api.operations);
        collected.merge(api.public);
    }
    let mut document = Base::openapi().nest(PREFIX, collected);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-mpanel_session"))),
    );
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("mpk_…")
                .build(),
        ),
    );
    fields::describe(components);
    components
        .schemas
        .insert("Problem".to_owned(), ProblemDocument::schema());
    let problem = ResponseBuilder::new()
        .description("A problem; `code` tells which")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(ProblemDocument::name())))
                .build(),
        )
        .build();
    let both = [
        SecurityRequirement::new("session", Vec::<String>::new()),
        SecurityRequirement::new("token", Vec::<String>::new()),
    ];
    for operation in document.paths.paths.values_mut().flat_map(each) {
        let is_public = operation
            .operation_id
            .as_ref()
            .is_some_and(|id| public_operations.contains(id));
        if !is_public {
            operation.security = Some(both.to_vec());
        }
        // Problems have one shape and one media type; the contexts only say which statuses to expect.
        let responses = &mut operation.responses.responses;
        for (status, response) in responses.iter_mut() {
            if status.starts_with(['4', '5']) {
                *response = problem.clone().into();
            }
        }
        responses.insert("default".to_owned(), problem.clone().into());
    }
    document.paths.paths.values_mut().for_each(fields::refer);
    document
}

fn operations(document: &OpenApi) -> Vec<String> {
    let mut document = document.clone();
    document
        .paths
        .paths
        .values_mut()
        .flat_map(each)
        .filter_map(|operation| operation.operation_id.clone())
        .collect()
}

fn each(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
        &mut item.head,
        &mut item.options,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}
