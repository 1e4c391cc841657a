//! What else is installed: PostgreSQL, which is needed, and other panels, which are not wanted.

use mpanel_pg::server;

use super::{Check, Machine};

/// A file that only this panel brings, and its name.
const PANELS: [(&str, &str); 12] = [
    ("/usr/local/cpanel/cpanel", "cPanel"),
    ("/usr/local/psa/version", "Plesk"),
    ("/usr/local/directadmin/directadmin", "DirectAdmin"),
    ("/usr/local/hestia/conf/hestia.conf", "HestiaCP"),
    ("/usr/local/vesta/conf/vesta.conf", "VestaCP"),
    ("/usr/local/CyberCP", "CyberPanel"),
    ("/usr/local/ispconfig/server/lib/config.inc.php", "ISPConfig"),
    ("/usr/share/webmin/miniserv.pl", "Webmin or Virtualmin"),
    ("/www/server/panel/BT-Panel", "aaPanel"),
    ("/usr/bin/clpctl", "CloudPanel"),
    ("/data/coolify/source/.env", "Coolify"),
    ("/etc/dokploy", "Dokploy"),
];

pub fn panels(machine: &Machine) -> Check {
    let (id, title) = ("other-panel", "other panels");
    let found: Vec<&str> = PANELS
        .iter()
        .filter(|(file, _)| machine.has(file))
        .map(|(_, name)| *name)
        .collect();
    if found.is_empty() {
        return Check::ok(id, title, "none");
    }
    Check::failure(
        id,
        title,
        format!("{} is installed here", found.join(", ")),
        "use a machine of its own: both would answer for the same ports, users and domains",
    )
}

pub fn postgresql(external: bool) -> Check {
    let (id, title) = ("postgresql", "PostgreSQL");
    if external {
        return Check::ok(id, title, "an existing server was named (database_url)");
    }
    match server::installed(None).as_deref() {
        Ok([newest, ..]) => Check::ok(
            id,
            title,
            format!("version {} in {}", newest.major, newest.bin.display()),
        ),
        _ => Check::failure(
            id,
            title,
            format!("no version from {} up is installed", server::MINIMUM),
            "apt-get install postgresql; mPanel runs a server of its own and needs the programs only",
        ),
    }
}
