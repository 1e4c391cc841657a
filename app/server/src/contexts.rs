//! The contexts, and which of them owns the ports that another needs. A new context is a line in [`CONTEXTS`], a field that
//! [`Contexts::open`] fills, its module in [`Contexts::modules`], and a line in each list of [`parts`] that it has something
//! for; docs/adding-a-context.md goes through them.

mod parts;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use mpanel_authz::{Permissions, ResourceInfo};
use mpanel_certificates::{Acknowledgements, CertificateStore};
use mpanel_client_acme::{Network, Rfc8555};
use mpanel_client_agent::{Agent, UnixAgent};
use mpanel_client_mailer::Post;
use mpanel_config::Config;
use mpanel_dns::Dns;
use mpanel_events::{SealedColumn, ServedBoard, Spine, Tail};
use mpanel_fleet::Fleet;
use mpanel_fleet_contract::Nodes;
use mpanel_http::{Api, Context, Module};
use mpanel_identity::Identity;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::names::{DomainName, Suffix};
use mpanel_pg::Migrations;
use mpanel_sites::Sites;
use mpanel_tenancy::{Projection, Tenancy};

use self::parts::Part;
use crate::{data_plane, post};

/// In the order in which they build on each other.
const CONTEXTS: &[Context] = &[
    mpanel_tenancy::CONTEXT,
    mpanel_identity::CONTEXT,
    mpanel_fleet::CONTEXT,
    mpanel_certificates::CONTEXT,
    mpanel_dns::CONTEXT,
    mpanel_sites::CONTEXT,
];

/// In the order in which they run.
pub static MIGRATIONS: LazyLock<Vec<Migrations>> = LazyLock::new(|| {
    let below = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let contexts = CONTEXTS.iter().map(|context| context.migrations);
    below.into_iter().chain(contexts).collect()
});

/// What only the master key opens, from all crates that seal.
pub fn sealed() -> Vec<SealedColumn> {
    let others = [mpanel_events::SEALED, mpanel_client_mailer::SEALED];
    let contexts = CONTEXTS.iter().map(|context| context.sealed);
    others.into_iter().chain(contexts).flatten().copied().collect()
}

/// What the operations of each are like.
pub fn apis() -> Vec<Api> {
    let own = [crate::http::api(), crate::http::work::api(), crate::http::audit::api()];
    own.into_iter()
        .chain(CONTEXTS.iter().map(|context| (context.api)()))
        .collect()
}

/// What people are told of everything that can be permitted.
fn resources() -> Vec<ResourceInfo> {
    let own = [crate::http::RESOURCES, crate::http::work::RESOURCES];
    let contexts = CONTEXTS.iter().map(|context| context.resources);
    own.into_iter().chain(contexts).flatten().copied().collect()
}

/// The role table of the whole product.
pub fn permissions() -> anyhow::Result<Arc<Permissions>> {
    let own = [crate::http::ROLES, crate::http::work::ROLES];
    let contexts = CONTEXTS.iter().map(|context| context.roles);
    let roles = own.into_iter().chain(contexts).flatten().copied();
    Ok(Arc::new(Permissions::new(roles)?.described(resources())))
}

/// Every context, open.
pub struct Contexts {
    spine: Spine,
    /// Whoever writes to people does it through this one.
    pub post: Post,
    pub identity: Identity,
    pub tenancy: Tenancy,
    pub fleet: Fleet,
    pub certificates: CertificateStore,
    pub dns: Dns,
    pub sites: Sites,
}

impl Contexts {
    pub async fn open(
        config: &Config,
        rootless: bool,
        spine: &Spine,
        clock: &SharedClock,
        (board, tail): (&ServedBoard, &Tail),
    ) -> anyhow::Result<Self> {
        let nameservers = nameservers(config)?;
        let reserved = reserved(config, &nameservers)?;
        let tenancy = Tenancy::open(spine.clone(), &**clock, &reserved).await?;
        let platform = tenancy.platform();
        let post = post::open(config, spine, clock)?;
        let identity = open_identity(config, rootless, spine, clock, (&tenancy, &post)).await?;
        let addresses = data_plane::addresses(config);
        let fleet = Fleet::open(spine.clone(), clock.clone(), board.clone(), platform, addresses).await?;
        let nodes: Arc<dyn Nodes> = Arc::new(fleet.clone());
        let dns = Dns::new(
            spine.clone(),
            clock.clone(),
            (Arc::new(tenancy.clone()), Arc::new(tenancy.clone())),
            nameservers,
            board.clone(),
        );
        let network = Network {
            allow: config.outbound.allow.clone(),
        };
        let certificate_ports = mpanel_certificates::Ports {
            nodes: nodes.clone(),
            acme: Arc::new(Rfc8555::new(network)),
            records: Arc::new(dns.clone()),
            served: Arc::new(Acknowledgements {
                board: board.clone(),
                tail: tail.clone(),
                db: spine.db().clone(),
            }),
        };
        let certificates = CertificateStore::open(spine.clone(), clock.clone(), certificate_ports, platform).await?;
        let agent: Arc<dyn Agent> = Arc::new(UnixAgent::new(config.data.join("run/agent.sock")));
        let ports = mpanel_sites::Ports {
            entitlements: Arc::new(tenancy.clone()),
            metering: Arc::new(tenancy.clone()),
            suspensions: Arc::new(tenancy.clone()),
            claims: Arc::new(tenancy.clone()),
            certificates: Arc::new(certificates.clone()),
            records: Arc::new(dns.clone()),
            nodes,
            agent,
            board: board.clone(),
            tail: tail.clone(),
        };
        let sites = Sites::new(spine.clone(), clock.clone(), ports, site_settings(config, reserved)?);
        Ok(Self {
            spine: spine.clone(),
            post,
            identity,
            tenancy,
            fleet,
            certificates,
            dns,
            sites,
        })
    }

    /// What can be found across the tree, kept in step with the contexts that have it.
    pub fn projection(&self) -> Projection {
        Projection::new(self.all(parts::RESOURCES))
    }

    fn all<T: ?Sized>(&self, parts: &[Part<T>]) -> Vec<Arc<T>> {
        parts.iter().map(|(_, part)| part(self)).collect()
    }

    /// What each gives to the server.
    pub fn modules(&self, config: &Config, clock: &SharedClock) -> Vec<Module> {
        let ports = mpanel_tenancy::Ports {
            accounts: Arc::new(self.identity.clone()),
            erasers: self.all(parts::ERASERS),
            exporters: self.all(parts::EXPORTERS),
            belongings: self.all(parts::BELONGINGS),
        };
        let settings = mpanel_tenancy::Settings {
            grace_days: config.tenants.grace_days,
            exports: config.data.join("blobs/exports"),
            export_limits: mpanel_tenancy::ExportLimits {
                kept: SignedDuration::from_hours(config.exports.expire_hours.into()),
                max_bytes: config.exports.max_bytes,
            },
            installation: config.hosts.first().unwrap_or(&config.preview_domain).clone(),
        };
        vec![
            mpanel_tenancy::module(self.tenancy.clone(), clock.clone(), ports, settings),
            mpanel_identity::module(self.identity.clone()),
            mpanel_fleet::module(self.fleet.clone()),
            mpanel_certificates::module(self.certificates.clone()),
            mpanel_dns::module(self.dns.clone()),
            mpanel_sites::module(self.sites.clone()),
        ]
    }
}

async fn open_identity(
    config: &Config,
    rootless: bool,
    spine: &Spine,
    clock: &SharedClock,
    (tenancy, post): (&Tenancy, &Post),
) -> anyhow::Result<Identity> {
    let settings = mpanel_identity::Settings {
        rootless,
        logins_per_minute_address: config.rate.logins_per_minute_address,
        logins_per_minute_account: config.rate.logins_per_minute_account,
        guesses_burst: config.rate.requests_burst,
        step_up: SignedDuration::from_mins(config.sign_in.step_up_minutes.into()),
        history_days: config.sign_in.history_days,
        invitations: mpanel_identity::InvitationLimits {
            per_tenant_day: config.mail.invitations_per_tenant_day,
            per_address_day: config.mail.invitations_per_address_day,
            waiting: config.mail.invitations_waiting,
        },
        breached_passwords_file: config.identity.breached_passwords_file.clone(),
    };
    let ports = mpanel_identity::Ports {
        memberships: Arc::new(tenancy.clone()),
        roster: Arc::new(tenancy.clone()),
        mail: post.clone(),
    };
    Ok(Identity::open(spine.clone(), clock.clone(), ports, settings).await?)
}

fn site_settings(config: &Config, reserved: Vec<DomainName>) -> anyhow::Result<mpanel_sites::Settings> {
    Ok(mpanel_sites::Settings {
        uploads: uploads_folder(config),
        previews: Suffix::parse(&config.preview_domain).context("setting preview_domain")?,
        reserved_hosts: reserved,
        https_port: config.public_https_port(),
        max_upload_bytes: config.uploads.max_bytes,
        upload_lifetime: SignedDuration::from_hours(config.uploads.expire_hours.into()),
        keep_releases: i32::try_from(config.releases.keep).unwrap_or(i32::MAX),
        max_release_bytes: config.releases.max_bytes,
        max_release_files: u32::try_from(config.releases.max_files).unwrap_or(u32::MAX),
        outbound_allow: config.outbound.allow.clone(),
        served_within: Duration::from_secs(10),
    })
}

fn uploads_folder(config: &Config) -> PathBuf {
    config.data.join("blobs/uploads")
}

/// What new zones name as their servers; without a setting, names that at least this machine knows.
fn nameservers(config: &Config) -> anyhow::Result<Vec<DomainName>> {
    if !config.nameservers.is_empty() {
        return domain_names("nameservers", &config.nameservers);
    }
    let domain = config.hosts.first().unwrap_or(&config.preview_domain);
    domain_names("hosts", &[format!("ns1.{domain}"), format!("ns2.{domain}")])
}

/// Names that no tenant may claim, nor anything below them.
fn reserved(config: &Config, nameservers: &[DomainName]) -> anyhow::Result<Vec<DomainName>> {
    let mut names = domain_names("hosts", &config.hosts)?;
    names.extend(nameservers.iter().cloned());
    // A preview domain of one label, such as localhost, is nobody's to claim anyway.
    if config.preview_domain.contains('.') {
        names.push(DomainName::parse(&config.preview_domain).context("preview_domain")?);
    }
    Ok(names)
}

fn domain_names(key: &'static str, names: &[String]) -> anyhow::Result<Vec<DomainName>> {
    names
        .iter()
        .map(|name| DomainName::parse(name).with_context(|| format!("setting {key}: {name}")))
        .collect()
}

#[cfg(test)]
mod tests;
