//! `mpanel tenant merge`: one tenant takes over another.

use serde_json::{Value, json};

use super::connection::Cx;
use super::failure::Failure;
use super::{find, prompt, tree, view};

/// Who takes over whom.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// Id or short name of the tenant that is taken over
    tenant: String,
    /// Id or short name of the tenant that takes over
    #[arg(long, value_name = "TENANT")]
    into: String,
    /// How many tenants stand below it and go along; as shown before, when you are asked for its name
    #[arg(long, value_name = "NUMBER")]
    tenants_below: Option<u32>,
    /// Leave its people behind
    #[arg(long)]
    without_members: bool,
    /// Days in which what is left of it can be restored
    #[arg(long, value_name = "DAYS")]
    grace_days: Option<u32>,
    /// Show what would go where, and what stands in the way; change nothing
    #[arg(long)]
    preview: bool,
    /// Do not ask for its name
    #[arg(long)]
    yes: bool,
}

/// # Errors
/// The server's problem, that something is in the way, or that another name is typed.
pub async fn run(cx: &Cx, args: Merge) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, &args.tenant).await?;
    let into = tree::seller(cx, &args.into).await?;
    let members = if args.without_members { "false" } else { "true" };
    let query = [("into", into.as_str()), ("members", members)];
    let shown = cx.api.get_with(&["tenants", &id, "merge"], &query).await?;
    if args.preview {
        return cx.done(&shown, outlook(&shown.value).trim_end());
    }
    let name = shown.text("/tenant/name").to_owned();
    let mut below = args.tenants_below;
    if !args.yes {
        view::say(outlook(&shown.value).trim_end());
        let what = format!("the tenant {}, once all that has gone", view::clean(&name));
        prompt::name_to_delete(&what, &name, false)?;
        let counted = shown.value.pointer("/tenants_below").and_then(Value::as_u64);
        below = below.or(counted.and_then(|count| u32::try_from(count).ok()));
    }
    let mut body = json!({"into": into, "name": name, "members": !args.without_members});
    if let Some(below) = below {
        body["tenants_below"] = below.into();
    }
    if let Some(days) = args.grace_days {
        body["grace_days"] = days.into();
    }
    let answer = cx.api.post(&["tenants", &id, "merge"], &body).await?;
    let until = view::at(&answer.value, "/ends_at");
    let into = shown.text("/into/name");
    cx.done(
        &answer,
        &format!("{into} has taken over {name}, of which the rest ends on {until}"),
    )
}

/// What would become of what, for people.
pub fn outlook(value: &Value) -> String {
    let at = |pointer: &str| view::at(value, pointer);
    let items = |pointer: &str| {
        let items = value.pointer(pointer).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let mut text = format!(
        "{} goes into {}: {} directly below it, {} in all\n",
        at("/tenant/name"),
        at("/into/name"),
        at("/children"),
        at("/tenants_below")
    );
    for (title, pointer, fields) in [
        (
            "Plans",
            "/plans",
            [("PLAN", "/name"), ("BECOMES", "/becomes"), ("TENANTS", "/subscribers")],
        ),
        (
            "People",
            "/members",
            [("E-MAIL", "/email"), ("THERE", "/arrival"), ("ROLE", "/role")],
        ),
        (
            "Roles",
            "/roles",
            [("ROLE", "/name"), ("BECOMES", "/becomes"), ("ID", "/id")],
        ),
    ] {
        let rows = items(pointer);
        if !rows.is_empty() {
            text += &format!("\n{title}\n{}", view::table(&fields, &rows));
        }
    }
    let obstacles = items("/in_the_way");
    if !obstacles.is_empty() {
        text += "\nThis stands in the way\n";
    }
    for obstacle in obstacles {
        text += &format!("- {}\n", view::at(&obstacle, "/message"));
    }
    text
}
