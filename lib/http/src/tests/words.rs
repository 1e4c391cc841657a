use utoipa::{PartialSchema, ToSchema};

use crate::RoleWord;

#[derive(ToSchema)]
#[schema(as = test::Thing)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Thing {
    /// Who it is for.
    #[schema(value_type = RoleWord)]
    role: &'static str,
    #[schema(value_type = Option<RoleWord>)]
    other: Option<String>,
}

#[test]
fn a_field_refers_to_its_words_and_keeps_its_description() {
    let schema = serde_json::to_value(Thing::schema()).unwrap();
    let role = &schema["properties"]["role"];
    assert_eq!(role["$ref"], "#/components/schemas/tenancy.Role");
    assert_eq!(role["description"], "Who it is for.");
    assert!(
        schema["properties"]["other"]
            .to_string()
            .contains("#/components/schemas/tenancy.Role")
    );
}

#[test]
fn the_words_are_those_that_are_sent() {
    let schema = serde_json::to_value(RoleWord::schema()).unwrap();
    assert_eq!(schema["type"], "string");
    assert_eq!(
        schema["enum"],
        serde_json::json!(["owner", "admin", "developer", "viewer"])
    );
    let mut schemas = Vec::new();
    Thing::schemas(&mut schemas);
    assert!(
        schemas.iter().any(|(name, _)| name == "tenancy.Role"),
        "it is part of the document"
    );
}
