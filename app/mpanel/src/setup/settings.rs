//! The text of the settings' file: what stands there, or what the options make.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use mpanel_config::Config;

use super::{CONFIG, Wishes};
use crate::checks::Machine;
use crate::up::announce::outward_address;

/// The file as it will stand. A file that is there is the operator's and stays, unless the options ask for another.
///
/// # Errors
/// When options were given that a file which is there would silently overrule, or it cannot be read.
pub fn text(machine: &Machine, wishes: &Wishes) -> anyhow::Result<String> {
    let path = machine.path(CONFIG);
    let wished = written(wishes, &outward());
    if wishes.reconfigure || !path.exists() {
        return Ok(wished);
    }
    let there = std::fs::read_to_string(&path).with_context(|| format!("cannot read {CONFIG}"))?;
    // The same command again, after it was killed, finds what it wrote.
    ensure!(
        there == wished || !wishes.are_any(),
        "{CONFIG} is there already and stays as it is: change it there and run `systemctl reload mpanel`, or give \
         --reconfigure to write it anew"
    );
    Ok(there)
}

/// What the text means.
///
/// # Errors
/// Everything that is wrong in it.
pub fn parse(text: &str) -> anyhow::Result<Config> {
    let file = tempfile::NamedTempFile::new().context("a temporary file")?;
    std::fs::write(file.path(), text).context("a temporary file")?;
    super::load(file.path()).map_err(|error| {
        // The place that people know.
        let told = error.to_string().replace(&file.path().display().to_string(), CONFIG);
        anyhow::anyhow!(told)
    })
}

/// Where others reach this machine, as far as it knows itself.
fn outward() -> Vec<IpAddr> {
    let v4 = outward_address(false).filter(IpAddr::is_ipv4);
    let v6 = outward_address(true).filter(IpAddr::is_ipv6);
    v4.into_iter()
        .chain(v6)
        .filter(|address| !address.is_loopback())
        .collect()
}

impl Wishes {
    fn are_any(&self) -> bool {
        let Self {
            host,
            public_address,
            nameserver,
            local,
            panel,
            edge_http,
            edge_https,
            dns,
            reconfigure: _,
        } = self;
        !host.is_empty()
            || !public_address.is_empty()
            || !nameserver.is_empty()
            || *local
            || [panel, edge_http, edge_https, dns].into_iter().any(Option::is_some)
    }
}

/// The file that the options make on a machine with these addresses.
pub(super) fn written(wishes: &Wishes, outward: &[IpAddr]) -> String {
    let everywhere = match outward.iter().any(IpAddr::is_ipv6) {
        // Takes both families.
        true => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let place = |given: Option<SocketAddr>, public: u16, local: u16| {
        given.unwrap_or(match wishes.local {
            true => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), local),
            false => SocketAddr::new(everywhere, public),
        })
    };
    let loopback = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7080);
    let public = match (wishes.public_address.as_slice(), wishes.local) {
        ([], true) => &[],
        ([], false) => outward,
        (given, _) => given,
    };
    let mut text = format!(
        "# The settings of mPanel, first written by `mpanel setup`. They are yours to change: `mpanel config check` says\n\
         # whether they can be used, `mpanel config print` lists all, `systemctl reload mpanel` uses them.\n\
         panel = \"{}\"\nedge_http = \"{}\"\nedge_https = \"{}\"\ndns = \"{}\"\n",
        wishes.panel.unwrap_or(loopback),
        place(wishes.edge_http, 80, 8080),
        place(wishes.edge_https, 443, 8443),
        place(wishes.dns, 53, 8053),
    );
    let addresses = public.iter().map(IpAddr::to_string).collect::<Vec<_>>();
    for (key, values) in [
        ("hosts", &wishes.host),
        ("public_addresses", &addresses),
        ("nameservers", &wishes.nameserver),
    ] {
        if !values.is_empty() {
            let list = toml::Value::from(values.clone());
            writeln!(text, "{key} = {list}").expect("writing to a String does not fail");
        }
    }
    text
}
