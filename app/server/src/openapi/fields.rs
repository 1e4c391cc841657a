//! Header fields that are the same everywhere: described once, and named by the operations that know them.

use mpanel_http::utoipa::openapi::header::HeaderBuilder;
use mpanel_http::utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use mpanel_http::utoipa::openapi::{Components, Object, ObjectBuilder, Ref, RefOr, Required, Type};

const TENANT: &str = "Mpanel-Tenant";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IF_MATCH: &str = "If-Match";
const ETAG: &str = "ETag";

/// What the references of [`refer`] lead to.
pub fn describe(components: &mut Components) {
    let field = |name: &str, pattern: &str, description: &str| {
        let parameter: Parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(
                ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)),
            ))
            .build();
        (name.to_owned(), RefOr::T(parameter))
    };
    components.parameters.extend([
        field(
            TENANT,
            "^tnt_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            "The tenant that is acted for, such as `tnt_01h2xcejqtf2nbrexx3vqjhp41`; without it the credential's own",
        ),
        field(
            IDEMPOTENCY_KEY,
            "^[!-~]{1,255}$",
            "1 to 255 visible ASCII characters of your choice. A repeated request with the same key does nothing again and \
             gets the first one's answer, without secrets that are shown once, for 24 hours; another request with it is \
             refused (422), and so is one while the first is still running (409). Method, path, query and body make a \
             request the same; of an archive that is the body, the bytes are compared once they have arrived, so a \
             repeated deployment sends them again",
        ),
        field(
            IF_MATCH,
            "^(\\*|\"[!#-~]*\")$",
            "The `ETag` of the version that the change is meant for; answers 412 when there is a newer one",
        ),
    ]);
    let etag = HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::String)))
        .description(Some("The version of what is shown, for `If-Match`"))
        .build();
    components.headers.insert(ETAG.to_owned(), etag.into());
}

/// Names the fields that operations with an actor know.
pub fn refer(item: &mut PathItem) {
    // Whoever answers that there is a newer version has been told a version.
    let versioned = |operation: &&mut Operation| operation.responses.responses.contains_key("412");
    if let Some(patch) = item.patch.as_mut().filter(versioned) {
        takes(patch, IF_MATCH);
        answers_etag(patch);
        item.get.iter_mut().for_each(answers_etag);
    }
    let with_actor = |operation: &&mut Operation| operation.security.is_some();
    if let Some(post) = item.post.as_mut().filter(with_actor) {
        // What makes something or begins something happens once; the rest may be repeated anyway.
        let responses = &post.responses.responses;
        if responses.contains_key("201") || responses.contains_key("202") {
            takes(post, IDEMPOTENCY_KEY);
        }
    }
    super::each(item)
        .filter(with_actor)
        .for_each(|operation| takes(operation, TENANT));
}

fn takes(operation: &mut Operation, name: &str) {
    let parameter = Ref::new(format!("#/components/parameters/{name}"));
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::Ref(parameter));
}

fn answers_etag(operation: &mut Operation) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let header = Ref::new(format!("#/components/headers/{ETAG}"));
        response.headers.insert(ETAG.to_owned(), RefOr::Ref(header));
    }
}
