//! What the operator reads about the demo.

use std::fmt::Write as _;
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
    let mut line = |key: &str, value: &str| {
        writeln!(text, "    {key:<10}{value}").expect("writing to a String does not fail");
    };
    line("panel", &shown.panel);
    line("sign in", &accounts.owner().email);
    if first {
        line("password", &format!("{} (shown only now)", accounts.owner().password));
    }
    line("accounts", &format!("{}: also those of the customers", kept.display()));
    text.push('\n');
    for (tenant, site) in world::tenants()
        .into_iter()
        .flat_map(|tenant| tenant.sites.iter().map(move |site| (tenant, site)))
    {
        let host = format!("{}.localhost", site.slug);
        writeln!(
            text,
            "    {:<10}{:<34}{}",
            site.slug,
            address(&host, shown.https_port),
            tenant.name
        )
        .expect("writing to a String does not fail");
    }
    text +=
        "\n  Browsers warn about these addresses until this machine trusts mPanel's own authority: `mpanel trust`\n\n";
    text
}

/// With the port unless browsers know it.
pub fn address(host: &str, port: u16) -> String {
    match port {
        443 => format!("https://{host}/"),
        _ => format!("https://{host}:{port}/"),
    }
}
