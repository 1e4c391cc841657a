//! `mpanel tenant move|end|restore`: what changes the tree.

use serde_json::{Map, Value, json};

use super::connection::Cx;
use super::failure::Failure;
use super::{find, plan, prompt, view};

/// What is shown of a tenant.
pub const FIELDS: [view::Field; 9] = [
    ("Id", "/id"),
    ("Name", "/name"),
    ("Short name", "/slug"),
    ("Kind", "/kind"),
    ("State", "/state"),
    ("Ends", "/ends_at"),
    ("Plan", "/plan/name"),
    ("Plan version", "/plan/version"),
    ("Created", "/created_at"),
];

/// Where a tenant goes.
#[derive(Debug, clap::Args)]
pub struct Move {
    /// Its id or short name
    tenant: String,
    /// Id or short name of the seller below which it is to stand
    #[arg(long, value_name = "TENANT")]
    to: String,
    /// Id or name of the plan of that seller, for a tenant that is on a plan
    #[arg(long)]
    plan: Option<String>,
    /// Another limit than the plan's, such as disk_bytes=20G; repeat for several
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = plan::limit, requires = "plan")]
    limits: Vec<(String, Value)>,
}

/// How a tenant ends.
#[derive(Debug, clap::Args)]
pub struct End {
    /// Its id or short name
    tenant: String,
    /// Days in which it can be restored
    #[arg(long, value_name = "DAYS")]
    grace_days: Option<u32>,
    /// How many tenants stand below it and end as well
    #[arg(long, value_name = "NUMBER")]
    tenants_below: Option<u32>,
    /// Do not ask for its name
    #[arg(long)]
    yes: bool,
}

/// # Errors
/// The server's problem.
pub async fn place(cx: &Cx, args: Move) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, &args.tenant).await?;
    let to = seller(cx, &args.to).await?;
    let mut body = json!({"parent_id": to});
    if let Some(plan) = args.plan {
        let plans = cx.all(&["tenants", &to, "plans"], &[]).await?;
        let known = find::is_id(find::PLAN, &plan);
        body["plan_id"] = if known {
            plan
        } else {
            find::pick(find::PLAN, &plan, &plans)?
        }
        .into();
    }
    if !args.limits.is_empty() {
        body["overrides"] = Value::Object(args.limits.into_iter().collect::<Map<_, _>>());
    }
    let answer = cx.api.put(&["tenants", &id, "place"], &body).await?;
    cx.show(&answer, &FIELDS)
}

/// A seller is one of those below, or the tenant that one acts for.
///
/// # Errors
/// When there is none of that name.
pub async fn seller(cx: &Cx, wanted: &str) -> Result<String, Failure> {
    match find::id(cx, find::TENANT, wanted).await {
        Err(Failure::NotFound(_)) => find::tenant_to_act_for(&cx.api, wanted).await,
        found => found,
    }
}

/// # Errors
/// The server's problem, or that another name is typed.
pub async fn end(cx: &Cx, args: End) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, &args.tenant).await?;
    let shown = cx.api.get(&["tenants", &id]).await?;
    let name = shown.text("/name").to_owned();
    let what = format!(
        "the tenant {} with everything that it and those below it have",
        view::clean(&name)
    );
    prompt::name_to_delete(&what, &name, args.yes)?;
    let mut body = json!({"name": name});
    if let Some(days) = args.grace_days {
        body["grace_days"] = days.into();
    }
    if let Some(below) = args.tenants_below {
        body["tenants_below"] = below.into();
    }
    let answer = cx.api.delete_with(&["tenants", &id], &body).await?;
    let until = view::at(&answer.value, "/ends_at");
    cx.done(
        &answer,
        &format!("{name} ends on {until}; until then: mpanel tenant restore {id}"),
    )
}

/// # Errors
/// The server's problem.
pub async fn restore(cx: &Cx, wanted: &str) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, wanted).await?;
    let answer = cx.api.post(&["tenants", &id, "restore"], &json!({})).await?;
    cx.show(&answer, &FIELDS)
}
