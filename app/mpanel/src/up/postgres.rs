//! How the private PostgreSQL is run.

use std::path::Path;

use mpanel_pg::server;

use super::accounts::Accounts;
use super::logs;

/// The private server, which `serve`'s account may use as the panel's role.
pub fn options(data: &Path, accounts: Option<&Accounts>) -> server::Options {
    let run = data.join("run");
    let mut options = server::Options::new(
        data.join("postgres"),
        run.join("pg"),
        run.join("pg-conf"),
        logs::path(data, "postgres"),
    );
    if let Some(all) = accounts {
        options.account = Some(all.postgres.clone());
        options.socket_group = Some(all.panel.gid);
        options.access.push(server::Access {
            os_user: all.panel.name.clone(),
            role: server::PANEL.to_owned(),
        });
    }
    options
}
