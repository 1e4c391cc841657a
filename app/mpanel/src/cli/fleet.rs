//! `mpanel node` and `mpanel certificate`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{api, find, view};

/// Commands of `node`.
#[derive(Debug, Subcommand)]
pub enum Nodes {
    /// List the machines
    List(Page),
    /// Show a machine and its processes
    Show {
        /// Its id or name
        node: String,
    },
}

/// Commands of `certificate`.
#[derive(Debug, Subcommand)]
pub enum Certificates {
    /// List certificates
    List(Page),
    /// Show a certificate
    Show {
        /// Its id
        certificate: String,
    },
    /// Print the certificate of the panel's own authority (PEM)
    Authority,
}

/// # Errors
/// The server's problem.
pub async fn nodes(cx: &Cx, command: Nodes) -> Result<(), Failure> {
    match command {
        Nodes::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("STATE", "/state"),
                ("ROLES", "/roles"),
                ("VERSION", "/version"),
                ("LAST SEEN", "/last_seen_at"),
                ("ID", "/id"),
            ];
            cx.list(&["nodes"], &[], &page, &fields, "no machine has reported yet")
                .await
        }
        Nodes::Show { node } => {
            let id = find::id(cx, find::NODE, &node).await?;
            let answer = cx.api.get(&["nodes", &id]).await?;
            cx.show(
                &answer,
                &[
                    ("Id", "/id"),
                    ("Name", "/name"),
                    ("State", "/state"),
                    ("Roles", "/roles"),
                    ("Version", "/version"),
                    ("Last seen", "/last_seen_at"),
                ],
            )?;
            let processes = answer.value.pointer("/processes").and_then(Value::as_array);
            match processes {
                Some(processes) if !cx.json && !processes.is_empty() => {
                    let fields = [
                        ("PROCESS", "/process"),
                        ("ROLE", "/role"),
                        ("BEHIND", "/lag"),
                        ("LAST SEEN", "/last_seen_at"),
                    ];
                    view::print(&format!("\n{}", view::table(&fields, processes)))
                }
                _ => Ok(()),
            }
        }
    }
}

/// # Errors
/// The server's problem.
pub async fn certificates(cx: &Cx, command: Certificates) -> Result<(), Failure> {
    match command {
        Certificates::List(page) => {
            let fields = [
                ("NAMES", "/names"),
                ("STATE", "/state"),
                ("EXPIRES", "/not_after"),
                ("ISSUER", "/issuer"),
                ("ID", "/id"),
            ];
            let empty = "there are no certificates yet: a site's domain gets one, mpanel site domain add SITE NAME";
            cx.list(&["certificates"], &[], &page, &fields, empty).await
        }
        Certificates::Show { certificate } => {
            let answer = cx.api.get(&["certificates", &certificate]).await?;
            let fields = [
                ("Id", "/id"),
                ("Names", "/names"),
                ("State", "/state"),
                ("Issuer", "/issuer"),
                ("Valid from", "/not_before"),
                ("Valid to", "/not_after"),
                ("SHA-256", "/fingerprint"),
            ];
            cx.show(&answer, &fields)
        }
        Certificates::Authority => {
            let answer = cx.api.get(&["certificate-authority"]).await?;
            let pem = answer.raw.trim_end();
            if cx.json {
                let document = json!({"certificate": pem, "sha256": api::fingerprint(pem)?});
                return view::print(&format!("{document}\n"));
            }
            view::print(&format!("{pem}\n"))
        }
    }
}
