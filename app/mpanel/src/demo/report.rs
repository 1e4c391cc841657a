//! What the operator reads about the demo.

use std::io::Write as _;
use std::path::PathBuf;

use super::accounts::Accounts;
use super::world;

/// Addresses as this start has them.
#[derive(Debug)]
pub struct Shown {
    pub panel: String,
    pub https_port: u16,
    pub data: PathBuf,
    /// This program, which the operator may not have in the path.
    pub program: PathBuf,
}

/// A line of progress. The terminal may be gone; that is no reason to end.
pub fn progress(text: &str) {
    print(&format!("  demo: {text}\n"));
}

pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The table at the end. The password is in it once, when the account was just made.
pub fn table(shown: &Shown, accounts: &Accounts, first: bool) -> String {
    let kept = Accounts::path(&shown.data);
    let mut text = String::from("\n  The demo provider is ready.\n\n");
    let mut line = |name: &str, value: &str, more: &str| {
        let line = format!("    {name:<10}{value:<38}{more}");
        text += line.trim_end();
        text.push('\n');
    };
    line("panel", &shown.panel, "");
    line("sign in", &accounts.owner().email, "");
    if first {
        line("password", &accounts.owner().password, "shown only now");
    }
    line("accounts", &kept.display().to_string(), "");
    line("", "", "");
    for tenant in world::tenants() {
        for site in tenant.sites {
            let host = format!("{}.localhost", site.slug);
            line(site.slug, &address(&host, shown.https_port), tenant.name);
        }
    }
    text + &format!(
        "\n  The sites belong to customers: in the panel choose one at the top left, or sign in as one (see accounts).\n  \
         Browsers warn about the sites until this machine trusts mPanel's own certificate authority:\n\n    \
         {} trust --data {}\n\n",
        shown.program.display(),
        shown.data.display()
    )
}

/// With the port unless browsers know it.
pub fn address(host: &str, port: u16) -> String {
    match port {
        443 => format!("https://{host}/"),
        _ => format!("https://{host}:{port}/"),
    }
}
