//! `mpanel me`.

use serde_json::Value;

use super::connection::Cx;
use super::failure::Failure;
use super::view;

/// Arguments of `me`.
#[derive(Debug, clap::Args)]
pub struct Me {}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx) -> Result<(), Failure> {
    let me = cx.api.get(&["me"]).await?;
    cx.show(
        &me,
        &[
            ("User", "/user/id"),
            ("Name", "/user/name"),
            ("E-mail", "/user/email"),
            ("Second factor", "/user/totp_enabled"),
        ],
    )?;
    let memberships = me.value.pointer("/memberships").and_then(Value::as_array);
    match memberships {
        Some(memberships) if !cx.json && !memberships.is_empty() => {
            let fields = [
                ("TENANT", "/tenant/slug"),
                ("NAME", "/tenant/name"),
                ("KIND", "/tenant/kind"),
                ("ROLE", "/role"),
                ("ID", "/tenant/id"),
            ];
            view::print(&format!("\n{}", view::table(&fields, memberships)))
        }
        _ => Ok(()),
    }
}
