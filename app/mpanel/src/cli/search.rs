//! `mpanel find`: whose domain is this?

use serde_json::Value;

use super::connection::Cx;
use super::failure::Failure;
use super::view;

/// Arguments of `find`.
#[derive(Debug, clap::Args)]
pub struct Find {
    /// A domain, or the beginning of a host name or of a site's name
    text: String,
    /// Only things of this kind
    #[arg(long, value_parser = ["site", "domain", "zone"])]
    kind: Option<String>,
}

const FIELDS: [view::Field; 6] = [
    ("KIND", "/kind"),
    ("NAME", "/name"),
    ("TENANT", "/tenant/name"),
    ("TENANT STATE", "/tenant/state"),
    ("TENANT ID", "/tenant/id"),
    ("ID", "/subject"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, args: &Find) -> Result<(), Failure> {
    let mut query = vec![("q", args.text.as_str())];
    query.extend(args.kind.as_deref().map(|kind| ("filter[kind]", kind)));
    let answer = cx.api.get_with(&["subtree"], &query).await?;
    if cx.json {
        return cx.done(&answer, "");
    }
    let items = answer.value.pointer("/items").and_then(Value::as_array);
    let rows: Vec<Value> = items.into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        view::say("nothing of that name is yours or below you");
        return Ok(());
    }
    view::print(&view::table(&FIELDS, &rows))
}

/// An item with the one id that it has.
fn row(item: &Value) -> Value {
    let mut row = item.clone();
    let id = ["/site_id", "/zone_id"]
        .iter()
        .find_map(|id| item.pointer(id)?.as_str());
    if let (Some(row), Some(id)) = (row.as_object_mut(), id) {
        row.insert("subject".to_owned(), id.into());
    }
    row
}
