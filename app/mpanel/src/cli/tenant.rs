//! `mpanel tenant`: customers, resellers, their members, plans and usage.

use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::api::Answer;
use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{export, find, merge, plan, role, selling, tree, view};

/// Commands of `tenant`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List customers and resellers
    List(Page),
    /// Show a tenant
    Show {
        /// Its id or short name
        tenant: String,
    },
    /// Add a customer or reseller
    Create {
        /// Its name
        name: String,
        #[arg(long, value_enum, default_value = "customer")]
        kind: Kind,
        /// Short name for addresses and `--tenant`
        #[arg(long)]
        slug: Option<String>,
        /// Id or name of the plan
        #[arg(long)]
        plan: Option<String>,
        /// E-mail address of its owner, who gets an activation link through you
        #[arg(long, value_name = "EMAIL")]
        owner_email: Option<String>,
        /// Name of its owner
        #[arg(long, value_name = "NAME", requires = "owner_email")]
        owner_name: Option<String>,
    },
    /// Give a tenant another name
    Rename {
        /// Its id or short name
        tenant: String,
        /// The new name
        name: String,
    },
    /// Take a tenant's sites offline and keep everything
    Suspend {
        /// Its id or short name
        tenant: String,
    },
    /// End a suspension
    Resume {
        /// Its id or short name
        tenant: String,
    },
    /// Show what a tenant uses of its plan
    Usage {
        /// Its id or short name
        tenant: String,
    },
    /// Put a tenant on the newest version of a plan
    Subscribe {
        /// Its id or short name
        tenant: String,
        /// Id or name of the plan
        plan: String,
        /// Another limit than the plan's, such as disk_bytes=20G or sites=unlimited; repeat for several
        #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = plan::limit)]
        limits: Vec<(String, Value)>,
    },
    /// Move a tenant, with everybody below it, to another seller
    Move(tree::Move),
    /// Let one tenant take over another, with everybody below it, its plans and its people
    Merge(merge::Merge),
    Selling(selling::Selling),
    /// Let a tenant end: its sites go offline now, and everything goes after a time
    End(tree::End),
    /// Call off the end of a tenant
    Restore {
        /// Its id or short name
        tenant: String,
    },
    /// Make an archive of everything that is a tenant's, for it to take away
    Export(export::Export),
    /// Archives of a tenant
    #[command(subcommand)]
    Exports(export::Exports),
    /// People of a tenant
    #[command(subcommand)]
    Member(Member),
}

/// What may be created.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    Customer,
    Reseller,
}

/// Commands of `tenant member`.
#[derive(Debug, Subcommand)]
pub enum Member {
    /// List the people of a tenant
    List {
        /// Its id or short name
        tenant: String,
    },
    /// Add a person
    Add {
        /// The tenant's id or short name
        tenant: String,
        /// E-mail address
        email: String,
        /// The person's name
        #[arg(long)]
        name: String,
        /// owner, admin, developer, viewer, or a role that you have defined, by id or name
        #[arg(long, default_value = "developer")]
        role: String,
    },
    /// Give a person another role
    Role {
        /// The tenant's id or short name
        tenant: String,
        /// E-mail address or user id
        user: String,
        /// owner, admin, developer, viewer, or a role that you have defined, by id or name
        role: String,
    },
    /// Remove a person
    Remove {
        /// The tenant's id or short name
        tenant: String,
        /// E-mail address or user id
        user: String,
    },
}

/// The name a value has on the command line, which is the API's.
fn word(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("SHORT NAME", "/slug"),
                ("NAME", "/name"),
                ("KIND", "/kind"),
                ("STATE", "/state"),
                ("PLAN", "/plan/name"),
                ("ID", "/id"),
            ];
            let empty = "there are no customers yet: mpanel tenant create NAME --plan PLAN --owner-email EMAIL";
            cx.list(&["tenants"], &[], &page, &fields, empty).await
        }
        Command::Show { tenant } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            cx.show(&cx.api.get(&["tenants", &id]).await?, &tree::FIELDS)
        }
        Command::Create {
            name,
            kind,
            slug,
            plan,
            owner_email,
            owner_name,
        } => {
            let mut body = json!({"kind": word(kind), "name": name});
            if let Some(slug) = slug {
                body["slug"] = slug.into();
            }
            if let Some(plan) = plan {
                body["plan_id"] = find::id(cx, find::PLAN, &plan).await?.into();
            }
            if let Some(email) = owner_email {
                let name = owner_name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
                body["owner"] = json!({"email": email, "name": name});
            }
            let answer = cx.api.post(&["tenants"], &body).await?;
            cx.done(
                &answer,
                &format!("{} ({})", answer.text("/tenant/slug"), answer.text("/tenant/id")),
            )?;
            activation(cx, &answer);
            Ok(())
        }
        Command::Rename { tenant, name } => patch(cx, &tenant, &json!({"name": name})).await,
        Command::Suspend { tenant } => patch(cx, &tenant, &json!({"state": "suspended"})).await,
        Command::Resume { tenant } => patch(cx, &tenant, &json!({"state": "active"})).await,
        Command::Usage { tenant } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let answer = cx.api.get(&["tenants", &id, "usage"]).await?;
            if cx.json {
                return cx.done(&answer, "");
            }
            let items = answer.value.pointer("/items").and_then(Value::as_array);
            view::print(&usage(items.map(Vec::as_slice).unwrap_or_default()))
        }
        Command::Subscribe { tenant, plan, limits } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let mut body = json!({"plan_id": find::id(cx, find::PLAN, &plan).await?});
            if !limits.is_empty() {
                body["overrides"] = Value::Object(limits.into_iter().collect::<Map<_, _>>());
            }
            let answer = cx.api.put(&["tenants", &id, "subscription"], &body).await?;
            cx.done(&answer, &format!("{tenant} is on the plan {plan}"))
        }
        Command::Move(place) => tree::place(cx, place).await,
        Command::Merge(merge) => merge::run(cx, merge).await,
        Command::Selling(wanted) => selling::run(cx, wanted).await,
        Command::End(end) => tree::end(cx, end).await,
        Command::Restore { tenant } => tree::restore(cx, &tenant).await,
        Command::Export(wanted) => export::export(cx, wanted).await,
        Command::Exports(command) => export::exports(cx, command).await,
        Command::Member(member) => members(cx, member).await,
    }
}

async fn patch(cx: &Cx, tenant: &str, body: &Value) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, tenant).await?;
    cx.show(&cx.api.patch(&["tenants", &id], body).await?, &tree::FIELDS)
}

/// The link to hand to a person who has no password yet.
fn activation(cx: &Cx, answer: &Answer) {
    let path = answer.text("/activation/url_path");
    if !path.is_empty() {
        view::say(&format!(
            "hand this activation link to them; it works once, until {}:\n  {}",
            view::at(&answer.value, "/activation/expires_at"),
            view::clean(&cx.api.page(path))
        ));
    }
}

/// A table of what is used, limits in the same unit.
pub fn usage(items: &[Value]) -> String {
    let amount = |item: &Value, name: &str| match (item.get(name).and_then(Value::as_u64), item.get("unit")) {
        (None, _) => "unlimited".to_owned(),
        (Some(count), Some(Value::String(unit))) if unit == "bytes" => view::bytes(count),
        (Some(count), _) => count.to_string(),
    };
    let row =
        |item: &Value| json!({"key": item.get("key"), "used": amount(item, "used"), "limit": amount(item, "limit")});
    let rows: Vec<Value> = items.iter().map(row).collect();
    view::table(&[("WHAT", "/key"), ("USED", "/used"), ("LIMIT", "/limit")], &rows)
}

async fn members(cx: &Cx, member: Member) -> Result<(), Failure> {
    match member {
        Member::List { tenant } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let fields = [
                ("E-MAIL", "/email"),
                ("NAME", "/name"),
                ("ROLE", "/role"),
                ("CALLED", "/role_name"),
                ("ACTIVE", "/active"),
                ("ID", "/user_id"),
            ];
            let empty = "nobody belongs to this tenant yet: mpanel tenant member add TENANT EMAIL --name NAME";
            cx.list(&["tenants", &id, "members"], &[], &Page::default(), &fields, empty)
                .await
        }
        Member::Add {
            tenant,
            email,
            name,
            role,
        } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let body = json!({"email": email, "name": name, "role": role::role(cx, &role).await?});
            let answer = cx.api.post(&["tenants", &id, "members"], &body).await?;
            cx.done(&answer, &format!("{email} is {role} of {tenant}"))?;
            activation(cx, &answer);
            Ok(())
        }
        Member::Role { tenant, user, role } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let user_id = member_id(cx, (&tenant, &id), &user).await?;
            let body = json!({"role": role::role(cx, &role).await?});
            let answer = cx.api.patch(&["tenants", &id, "members", &user_id], &body).await?;
            cx.done(&answer, &format!("{user} is {role} of {tenant}"))
        }
        Member::Remove { tenant, user } => {
            let id = find::id(cx, find::TENANT, &tenant).await?;
            let user_id = member_id(cx, (&tenant, &id), &user).await?;
            let answer = cx.api.delete(&["tenants", &id, "members", &user_id]).await?;
            cx.done(&answer, &format!("{user} no longer belongs to {tenant}"))
        }
    }
}

/// The id of a member, who may be named by address.
async fn member_id(cx: &Cx, (tenant, id): (&str, &str), user: &str) -> Result<String, Failure> {
    if !user.contains('@') {
        return Ok(user.to_owned());
    }
    let members = cx.all(&["tenants", id, "members"], &[]).await?;
    let has_address = |item: &&Value| {
        let email = item.get("email").and_then(Value::as_str);
        email.is_some_and(|email| email.eq_ignore_ascii_case(user))
    };
    let found = members
        .iter()
        .find(has_address)
        .and_then(|item| item.get("user_id")?.as_str());
    let missing = || Failure::NotFound(format!("{user} does not belong to {tenant}"));
    Ok(found.ok_or_else(missing)?.to_owned())
}
