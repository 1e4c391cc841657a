//! The exceptions, each with its reason: those that `cargo xtask tidy` reads too, and those that only the catalogue shows.

use std::collections::BTreeMap;

/// Tables that are not protected by tenant.
pub fn platform_tables() -> BTreeMap<String, String> {
    parse(include_str!("../../../../../xtask/platform-tables.toml"))
}

/// Functions that run as the platform role.
pub fn definer_functions() -> BTreeMap<String, String> {
    parse(include_str!("../../../../../xtask/definer-functions.toml"))
}

fn parse(text: &str) -> BTreeMap<String, String> {
    toml::from_str(text).unwrap()
}

/// Schemas whose rows the spine role works on: the queue, the outbox and the look-ups of credentials.
pub const SPINE_SCHEMAS: [&str; 3] = ["spine", "jobs", "identity"];

/// Foreign keys between tenants, by table and target.
pub const ACROSS_TENANTS: &[(&str, &str, &str)] = &[(
    "tenancy.subscriptions",
    "tenancy.plan_versions",
    "a subscription belongs to the buyer and refers to the seller's plan",
)];

/// Unique over the whole installation, so that an error could tell of another tenant's row.
pub const UNIQUE_EVERYWHERE: &[(&str, &str)] = &[
    (
        "tenancy.tenants_one_platform",
        "there is one platform, and nobody creates another",
    ),
    (
        "identity.users_id_key",
        "random ids do not collide; foreign keys of other schemas need none",
    ),
    (
        "identity.users_email",
        "an address signs in to one account; the answer to an invitation is the same either way",
    ),
    ("identity.sessions_token_hash_key", "256 random bits do not collide"),
    ("identity.activations_token_hash_key", "256 random bits do not collide"),
    (
        "identity.api_tokens_id_key",
        "the server makes ids, and random ones do not collide",
    ),
    (
        "sites.groups_gid_key",
        "numbers come from one sequence and are never chosen",
    ),
    (
        "sites.sites_uid_key",
        "numbers come from one sequence and are never chosen",
    ),
    ("identity.api_tokens_token_hash_key", "256 random bits do not collide"),
    (
        "identity.activations_mail_token_hash_key",
        "256 random bits do not collide",
    ),
    (
        "identity.email_changes_token_hash_key",
        "256 random bits do not collide",
    ),
    (
        "identity.password_resets_token_hash_key",
        "256 random bits do not collide",
    ),
];
