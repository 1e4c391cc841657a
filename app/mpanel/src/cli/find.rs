//! Objects by id, or by the name people know them under.

use serde_json::Value;

use super::api::Api;
use super::connection::{Cx, all};
use super::failure::Failure;
use super::view;

/// What kind of object is meant.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// For messages.
    pub noun: &'static str,
    /// Of its ids, with the underscore.
    pub prefix: &'static str,
    pub path: &'static str,
    /// Fields that may name it; the first that matches wins.
    pub names: &'static [&'static str],
    /// The command that lists them.
    pub list: &'static str,
}

pub const SITE: Kind = Kind {
    noun: "site",
    prefix: "site_",
    path: "sites",
    names: &["slug", "name"],
    list: "mpanel site list",
};
pub const ZONE: Kind = Kind {
    noun: "zone",
    prefix: "zone_",
    path: "zones",
    names: &["apex"],
    list: "mpanel zone list",
};
pub const PLAN: Kind = Kind {
    noun: "plan",
    prefix: "plan_",
    path: "plans",
    names: &["name"],
    list: "mpanel plan list",
};
pub const TENANT: Kind = Kind {
    noun: "tenant",
    prefix: "tnt_",
    path: "tenants",
    names: &["slug", "name"],
    list: "mpanel tenant list",
};
pub const ROLE: Kind = Kind {
    noun: "role",
    prefix: "role_",
    path: "roles",
    names: &["name"],
    list: "mpanel role list",
};
pub const ISSUER: Kind = Kind {
    noun: "authority",
    prefix: "issuer_",
    path: "certificate-issuers",
    names: &["name"],
    list: "mpanel issuer list",
};
pub const NODE: Kind = Kind {
    noun: "node",
    prefix: "node_",
    path: "nodes",
    names: &["name"],
    list: "mpanel node list",
};
pub const TOKEN: Kind = Kind {
    noun: "token",
    prefix: "tok_",
    path: "api-tokens",
    names: &["name"],
    list: "mpanel token list",
};
pub const SERVICE_ACCOUNT: Kind = Kind {
    noun: "service account",
    prefix: "sva_",
    path: "service-accounts",
    names: &["name"],
    list: "mpanel service-account list",
};
pub const REALM: Kind = Kind {
    noun: "realm",
    prefix: "realm_",
    path: "realms",
    names: &["name"],
    list: "mpanel realm list",
};

/// The id of what `wanted` means.
///
/// # Errors
/// When there is none, or several have the name.
pub async fn id(cx: &Cx, kind: Kind, wanted: &str) -> Result<String, Failure> {
    if is_id(kind, wanted) {
        return Ok(wanted.to_owned());
    }
    pick(kind, wanted, &cx.all(&[kind.path], &[]).await?)
}

/// Whether it looks like an id; whether there is such an object is for the server to say.
pub fn is_id(kind: Kind, wanted: &str) -> bool {
    wanted
        .strip_prefix(kind.prefix)
        .is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The id of the one item with this name.
///
/// # Errors
/// When none has it, or several.
pub fn pick(kind: Kind, wanted: &str, items: &[Value]) -> Result<String, Failure> {
    let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
    for name in kind.names {
        let has_name = |item: &&Value| {
            let held = item.get(name).and_then(Value::as_str);
            held.is_some_and(|held| held.eq_ignore_ascii_case(wanted))
        };
        let found: Vec<&str> = items
            .iter()
            .filter(has_name)
            .filter_map(|item| item.get("id").and_then(Value::as_str))
            .collect();
        match found.as_slice() {
            [] => {}
            [id] => return Ok((*id).to_owned()),
            several => {
                let ids = view::clean(&several.join(", "));
                let text = format!("several {}s have the {name} {wanted}: give an id ({ids})", kind.noun);
                return Err(Failure::Usage(text));
            }
        }
    }
    Err(Failure::NotFound(format!(
        "there is no {} {wanted}: see `{}`",
        kind.noun, kind.list
    )))
}

/// The id of the tenant to act for: one's own memberships first, then the tenants below.
///
/// # Errors
/// When there is none of this name.
pub async fn tenant_to_act_for(api: &Api, wanted: &str) -> Result<String, Failure> {
    if is_id(TENANT, wanted) {
        return Ok(wanted.to_owned());
    }
    let me = api.get(&["me"]).await?;
    let memberships = me.value.pointer("/memberships").and_then(Value::as_array);
    let own: Vec<Value> = memberships
        .into_iter()
        .flatten()
        .filter_map(|membership| membership.get("tenant").cloned())
        .collect();
    match pick(TENANT, wanted, &own) {
        Err(Failure::NotFound(_)) => pick(TENANT, wanted, &all(api, &["tenants"], &[]).await?),
        found => found,
    }
}
