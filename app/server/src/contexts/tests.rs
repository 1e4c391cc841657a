use mpanel_authz::{Role, TenantKind};

use super::parts::{BELONGINGS, ERASERS, EXPORTERS, Part, RESOURCES};
use super::{CONTEXTS, permissions, resources};

/// Lists that a context with things of tenants is in, or why not.
const TENANCY_ITSELF: &str = "tenancy goes through the lists, and sees to its own beside them";
const NODES: &str = "nodes are the platform's, which neither ends nor becomes another";
const EXCEPTED: &[(&str, &str, &str)] = &[
    ("ERASERS", "tenancy", TENANCY_ITSELF),
    ("ERASERS", "fleet", NODES),
    ("EXPORTERS", "tenancy", TENANCY_ITSELF),
    ("EXPORTERS", "fleet", NODES),
    (
        "EXPORTERS",
        "identity",
        "who the people of a tenant are is in tenancy's list of members; the rest is theirs, or opens something",
    ),
    ("BELONGINGS", "tenancy", TENANCY_ITSELF),
    ("BELONGINGS", "fleet", NODES),
    ("RESOURCES", "tenancy", TENANCY_ITSELF),
    ("RESOURCES", "fleet", NODES),
    ("RESOURCES", "identity", "people are found where they are members"),
    (
        "RESOURCES",
        "certificates",
        "they are found by the sites that they are for",
    ),
];

fn schemas<T: ?Sized>(parts: &[Part<T>]) -> Vec<&'static str> {
    parts.iter().map(|(schema, _)| *schema).collect()
}

#[test]
fn what_a_context_has_of_tenants_is_erased_exported_kept_apart_and_found_or_says_why_not() {
    let lists = [
        ("ERASERS", schemas(ERASERS)),
        ("EXPORTERS", schemas(EXPORTERS)),
        ("BELONGINGS", schemas(BELONGINGS)),
        ("RESOURCES", schemas(RESOURCES)),
    ];
    let has_tenants = |schema: &str| {
        let context = CONTEXTS.iter().find(|context| context.migrations.schema == schema);
        context.is_some_and(|context| {
            let mut files = context.migrations.files.iter();
            files.any(|(_, sql)| sql.contains(&format!("mpanel.protect('{schema}.")))
        })
    };
    for (list, schemas) in &lists {
        for schema in CONTEXTS.iter().map(|context| context.migrations.schema) {
            let excepted = EXCEPTED.iter().any(|(of, known, _)| of == list && *known == schema);
            assert_eq!(
                has_tenants(schema),
                schemas.contains(&schema) || excepted,
                "give {schema} a line in {list} of app/server/src/contexts/parts.rs, or say here why it has none"
            );
            assert!(
                !(excepted && schemas.contains(&schema)),
                "{schema} is in {list} and excepted"
            );
        }
        for (index, schema) in schemas.iter().enumerate() {
            assert!(!schemas[..index].contains(schema), "{schema} stands twice in {list}");
        }
    }
    for (list, schema, _) in EXCEPTED {
        assert!(lists.iter().any(|(known, _)| known == list), "there is no list {list}");
        assert!(
            has_tenants(schema),
            "{schema} has nothing of tenants, and needs no exception"
        );
    }
}

#[test]
fn people_are_told_of_everything_that_can_be_permitted_and_of_nothing_else() {
    let table = permissions().unwrap();
    let silent: Vec<_> = table.resources().filter(|name| table.about(name).is_none()).collect();
    assert!(silent.is_empty(), "describe in RESOURCES: {silent:?}");
    let idle: Vec<_> = resources()
        .into_iter()
        .filter(|info| !table.resources().any(|name| name == info.name))
        .collect();
    assert!(idle.is_empty(), "no role may do anything to these: {idle:?}");
}

/// Nobody gives what they do not have: an admin could make no developer otherwise.
#[test]
fn each_built_in_role_may_do_what_the_next_one_may() {
    let table = permissions().unwrap();
    for kind in TenantKind::ALL {
        for pair in Role::ALL.windows(2) {
            let missing: Vec<_> = table
                .of(pair[1], kind)
                .filter(|(resource, action)| !table.allows(pair[0], kind, resource, *action))
                .collect();
            assert!(
                missing.is_empty(),
                "{:?} of a {kind:?} may not, and {:?} may: {missing:?}",
                pair[0],
                pair[1]
            );
        }
    }
}
