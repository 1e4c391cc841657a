//! `mpanel role`: roles that a tenant defines.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, view};

/// Commands of `role`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the roles that the tenant has defined
    List(Page),
    /// Show a role
    Show {
        /// Its id or name
        role: String,
    },
    /// Define a role
    Create {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// What it allows, such as sites.site:read; repeat for several
        #[arg(long = "allow", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// Let members with it act for the tenants below
        #[arg(long)]
        below: bool,
    },
    /// Change a role for all who have it; what is not named stays
    Update {
        /// Its id or name
        role: String,
        /// Another name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Allow this as well; repeat for several
        #[arg(long = "allow", value_name = "PERMISSION")]
        allow: Vec<String>,
        /// Allow this no more; repeat for several
        #[arg(long = "forbid", value_name = "PERMISSION")]
        forbid: Vec<String>,
        /// Whether members with it may act for the tenants below
        #[arg(long, value_enum)]
        below: Option<Switch>,
    },
    /// Remove a role that nobody has
    Delete {
        /// Its id or name
        role: String,
    },
    /// List everything that can be allowed, and to which built-in roles it is
    Permissions,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

const FIELDS: [view::Field; 7] = [
    ("Id", "/id"),
    ("Name", "/name"),
    ("For", "/description"),
    ("Allows", "/permissions"),
    ("Acts below", "/reaches_descendants"),
    ("Members", "/members"),
    ("Created", "/created_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("MEMBERS", "/members"),
                ("ACTS BELOW", "/reaches_descendants"),
                ("FOR", "/description"),
                ("ID", "/id"),
            ];
            let empty = "no roles are defined here: mpanel role create NAME --allow sites.site:read";
            cx.list(&["roles"], &[], &page, &fields, empty).await
        }
        Command::Show { role } => {
            let id = find::id(cx, find::ROLE, &role).await?;
            cx.show(&cx.api.get(&["roles", &id]).await?, &FIELDS)
        }
        Command::Create {
            name,
            description,
            permissions,
            below,
        } => {
            let body = json!({
                "name": name, "description": description, "permissions": permissions, "reaches_descendants": below,
            });
            let answer = cx.api.post(&["roles"], &body).await?;
            cx.done(&answer, &format!("{name} ({})", answer.text("/id")))
        }
        Command::Update {
            role,
            name,
            description,
            allow,
            forbid,
            below,
        } => {
            let id = find::id(cx, find::ROLE, &role).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = name.into();
            }
            if let Some(text) = description {
                body["description"] = text.into();
            }
            if let Some(below) = below {
                body["reaches_descendants"] = (below == Switch::On).into();
            }
            if !allow.is_empty() || !forbid.is_empty() {
                let before = cx.api.get(&["roles", &id]).await?;
                body["permissions"] = changed(&before.value, allow, &forbid).into();
            }
            cx.show(&cx.api.patch(&["roles", &id], &body).await?, &FIELDS)
        }
        Command::Delete { role } => {
            let id = find::id(cx, find::ROLE, &role).await?;
            let answer = cx.api.delete(&["roles", &id]).await?;
            cx.done(&answer, &format!("the role {role} is removed"))
        }
        Command::Permissions => {
            let answer = cx.api.get(&["permissions"]).await?;
            if cx.json {
                return cx.done(&answer, "");
            }
            let fields = [
                ("PERMISSION", "/permission"),
                ("OF", "/title"),
                ("BUILT-IN ROLES", "/roles"),
                ("YOURS", "/held"),
            ];
            view::print(&view::table(&fields, &rows(&answer.value)))
        }
    }
}

/// The permissions of a role with some more and some less.
pub fn changed(role: &Value, allow: Vec<String>, forbid: &[String]) -> Vec<String> {
    let had = role.pointer("/permissions").and_then(Value::as_array);
    let had = had.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    had.chain(allow)
        .filter(|permission| !forbid.contains(permission))
        .collect()
}

/// Every permission on a line of its own, without what is one's own anyway.
fn rows(table: &Value) -> Vec<Value> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for resource in list(table, "resources") {
        for mut action in list(&resource, "actions") {
            if action.get("personal") == Some(&Value::Bool(false)) {
                action["title"] = resource.get("title").cloned().unwrap_or_default();
                rows.push(action);
            }
        }
    }
    rows
}

/// A role as the API takes it: a built-in one's word, or the id of one that the tenant has defined.
///
/// # Errors
/// When there is no role of this name.
pub async fn role(cx: &Cx, wanted: &str) -> Result<String, Failure> {
    let word = wanted.to_lowercase();
    if ["owner", "admin", "developer", "viewer"].contains(&word.as_str()) {
        return Ok(word);
    }
    find::id(cx, find::ROLE, wanted).await
}
