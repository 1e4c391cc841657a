//! How a site does, in plain words.

use jiff::Timestamp;
use mpanel_certificates_contract::{HostCertificate, Waiting};
use mpanel_dns_contract::HostDns;
use mpanel_events::Served;
use serde::{Deserialize, Serialize};

use super::{Address, Paused, Site, SiteState};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    True,
    False,
    /// Not yet, or not for us to know.
    Unknown,
}

/// One thing that must be right for a site to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `suspended` when it is, `traffic` when it is used up, `release`, `dns`, `certificate` or `edge`.
    #[serde(rename = "type")]
    pub kind: String,
    pub status: Truth,
    /// One word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// Since when it is so.
    pub at: Timestamp,
}

/// What was found about a site.
pub struct Observation {
    /// Each domain with how its addresses are answered.
    pub dns: Vec<(String, HostDns)>,
    /// Each host with its certificate.
    pub certificates: Vec<(String, Option<HostCertificate>)>,
    /// Each host with who serves it as it is now.
    pub edge: Vec<(String, Served)>,
    /// Addresses at which the site's node is reached.
    pub addresses: Vec<String>,
    /// Whether the active release's files are where they should be; `None` when nobody looked.
    pub files: Option<bool>,
    /// Whether servers answer for the whole site.
    pub passed_on: bool,
    /// Why visitors see another page, if they do.
    pub paused: Option<Paused>,
}

/// What follows: the conditions, whether the site is ready, and one sentence.
pub fn assess(site: &Site, seen: &Observation, address: Address, now: Timestamp) -> (Vec<Condition>, bool, String) {
    let mut conditions: Vec<Finding> = seen.paused.map(paused).into_iter().collect();
    conditions.push(release(site, seen));
    if !seen.dns.is_empty() {
        conditions.push(dns(seen));
    }
    conditions.push(certificate(seen));
    conditions.push(edge(seen));
    let conditions: Vec<Condition> = conditions
        .into_iter()
        .map(|(kind, status, reason, message)| Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message,
            at: now,
        })
        .collect();
    // Whose DNS is elsewhere may still be reached; that is for its owner to see to.
    let ready = conditions
        .iter()
        .all(|c| c.status == Truth::True || (c.kind == "dns" && c.status == Truth::Unknown));
    let summary = match conditions.iter().find(|c| c.status != Truth::True) {
        _ if site.state == SiteState::Deleting => "is being deleted".to_owned(),
        None => format!("live at {}", address.of(own_host(site))),
        Some(c) if ready => format!("live at {}; {}", address.of(&site.preview_host), c.message),
        Some(c) => c.message.clone(),
    };
    (conditions, ready && site.state == SiteState::Active, summary)
}

fn own_host(site: &Site) -> &str {
    site.primary_host.as_deref().unwrap_or(&site.preview_host)
}

type Finding = (&'static str, Truth, &'static str, String);

const MISSING: &str = "missing";

/// Whether the files of the active release were missing then.
#[must_use]
pub fn misses_files(conditions: &[Condition]) -> bool {
    conditions.iter().any(|c| c.kind == "release" && c.reason == MISSING)
}

fn release(site: &Site, seen: &Observation) -> Finding {
    let (truth, reason, message) = match (site.active_release, seen.files) {
        _ if seen.passed_on => (
            Truth::True,
            "servers",
            "requests are passed on to the servers of the site".to_owned(),
        ),
        (None, _) => (
            Truth::False,
            "none",
            "has no release yet; upload an archive of the site".to_owned(),
        ),
        (Some(_), Some(false)) => (
            Truth::False,
            MISSING,
            "the files of the active release are missing; activate another release".to_owned(),
        ),
        (Some(_), _) => (Truth::True, "active", "a release is active".to_owned()),
    };
    ("release", truth, reason, message)
}

fn paused(paused: Paused) -> Finding {
    match paused {
        Paused::Suspended => {
            let message = "suspended by the provider; visitors see a page that says that it is not available";
            ("suspended", Truth::False, "suspended", message.to_owned())
        }
        Paused::UsedUp(until) => {
            let message = format!(
                "the traffic of the plan is used up; visitors see a page that says so until {} or until the plan allows \
                 more",
                until.strftime("%-d %B %Y")
            );
            ("traffic", Truth::False, "used_up", message)
        }
    }
}

fn dns(seen: &Observation) -> Finding {
    let elsewhere = seen.dns.iter().find(|(_, dns)| *dns == HostDns::Elsewhere);
    let own = seen
        .dns
        .iter()
        .find(|(_, dns)| matches!(dns, HostDns::OwnRecords { .. }));
    let addresses = seen.addresses.join(" and ");
    let (truth, reason, message) = match (elsewhere, own) {
        (Some((name, _)), _) => (
            Truth::Unknown,
            "elsewhere",
            format!("DNS of {name} is kept elsewhere; let it point to {addresses}"),
        ),
        (None, Some((name, _))) => (
            Truth::Unknown,
            "own_records",
            format!("{name} has records of your own in its zone; let them point to {addresses}"),
        ),
        (None, None) => (
            Truth::True,
            "managed",
            "DNS answers with this server's addresses".to_owned(),
        ),
    };
    ("dns", truth, reason, message)
}

fn certificate(seen: &Observation) -> Finding {
    let pending = seen.certificates.iter().find_map(|(host, found)| match found {
        Some(HostCertificate::Valid { .. }) => None,
        Some(HostCertificate::Pending { message }) if !message.is_empty() => Some(format!("{host}: {message}")),
        _ => Some(format!("the certificate for {host} is on its way")),
    });
    let waits = seen.certificates.iter().find_map(|(host, found)| match found {
        // Without a time, nothing is on its way: the name is one for which only this installation signs.
        Some(HostCertificate::Valid {
            public: false,
            waits: Some(Waiting {
                message,
                next_at: Some(next_at),
            }),
            ..
        }) => Some(format!(
            "{host} has this installation's own certificate until a public one can be had: {message}; it is tried again at {}",
            next_at.strftime("%F %H:%M UTC")
        )),
        _ => None,
    });
    match (pending, waits) {
        (Some(message), _) => ("certificate", Truth::Unknown, "pending", message),
        (None, Some(message)) => ("certificate", Truth::True, "internal", message),
        (None, None) => (
            "certificate",
            Truth::True,
            "valid",
            "every host has a certificate".to_owned(),
        ),
    }
}

fn edge(seen: &Observation) -> Finding {
    let waiting = seen.edge.iter().find_map(|(host, served)| match served {
        Served::Everywhere => None,
        Served::NobodyConnected => Some((
            Truth::Unknown,
            "not_connected",
            "no edge is connected; those that run serve what they last heard".to_owned(),
        )),
        Served::Refused(why) => Some((
            Truth::False,
            "refused",
            format!("the edge cannot serve the newest state of {host} and goes on with the one before: {why}"),
        )),
        Served::NotPublished => Some((
            Truth::Unknown,
            "on_its_way",
            format!("the newest change of {host} is on its way"),
        )),
        Served::Lagging(who) => Some((
            Truth::Unknown,
            "on_its_way",
            format!("the newest change of {host} has not reached {}", who.join(", ")),
        )),
    });
    match waiting {
        Some((truth, reason, message)) => ("edge", truth, reason, message),
        None => (
            "edge",
            Truth::True,
            "served",
            "the edge serves the newest state".to_owned(),
        ),
    }
}

/// Gives conditions that have not changed the time since when they are so.
pub fn keep_times(mut new: Vec<Condition>, old: &[Condition]) -> Vec<Condition> {
    for condition in &mut new {
        let same =
            |c: &&Condition| c.kind == condition.kind && c.status == condition.status && c.reason == condition.reason;
        if let Some(known) = old.iter().find(same) {
            condition.at = known.at;
        }
    }
    new
}
