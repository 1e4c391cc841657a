use mpanel_authz::{OpCx, actions};
use mpanel_dns_contract::Place;
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::{NodeId, SiteId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::TenantTx;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{ClaimKind, EntitlementKey, NameError};
use serde_json::{Value, json};

use crate::domain::{Domain, DomainKind, redirect_target};
use crate::error::Error;
use crate::{Sites, authz, store};

/// The statuses that redirect; RFC 9110 §15.4.
const REDIRECTS: [u16; 4] = [301, 302, 307, 308];

pub struct AddDomain {
    pub name: DomainName,
    pub kind: DomainKind,
    /// Of a redirect; the site's own address when absent.
    pub target: Option<String>,
    /// Of a redirect; 301 when absent.
    pub status: Option<i64>,
}

impl AddDomain {
    /// Where a redirect leads and with which status.
    fn redirect(&self) -> Result<(Option<String>, Option<u16>), Error> {
        if self.kind != DomainKind::Redirect {
            let field = match (&self.target, self.status) {
                (Some(_), _) => "/target",
                (None, Some(_)) => "/status",
                (None, None) => return Ok((None, None)),
            };
            return Err(Error::field(
                field,
                "sites.domain.not_a_redirect",
                "only a domain of kind redirect has a target and a status",
            ));
        }
        let target = self.target.as_deref().map(redirect_target).transpose()?;
        let host = target.as_deref().and_then(|target| target.strip_prefix("https://"));
        if host.and_then(|host| host.split(':').next()) == Some(self.name.as_str()) {
            return Err(Error::field(
                "/target",
                "sites.domain.loop",
                "a domain cannot redirect to itself",
            ));
        }
        let status = u16::try_from(self.status.unwrap_or(301)).unwrap_or_default();
        if !REDIRECTS.contains(&status) {
            return Err(Error::field(
                "/status",
                "sites.domain.bad_status",
                "a redirect has the status 301, 302, 307 or 308",
            ));
        }
        Ok((target, Some(status)))
    }
}

impl Sites {
    pub async fn list_domains(&self, cx: &OpCx, site: SiteId) -> Result<Vec<Domain>, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let site = store::sites::get(&mut tx, site).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Domain, _>(actions::List)?;
        tx.end_read();
        site.domains()
    }

    pub async fn add_domain(&self, cx: &OpCx, site: SiteId, new: AddDomain) -> Result<Domain, Error> {
        let mut change = match self.spine.begin_once(cx, "domains_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(name) => {
                cx.authorize::<authz::Domain, _>(actions::Create)?;
                let mut tx = self.spine.db().tenant(cx.tenant()).await?;
                let added = domain(&mut tx, site, &name).await?;
                tx.end_read();
                return Ok(added);
            }
        };
        let row = store::sites::lock(change.tx(), site).await?;
        cx.authorize::<authz::Domain, _>(actions::Create)?;
        let node = row.active()?.node;
        self.attach(cx, change.tx(), (site, node), &new, "/name").await?;
        self.publish(change.tx(), site, &[]).await?;
        let added = domain(change.tx(), site, &new.name).await?;
        let record = Record::new(events::DOMAIN_ADDED, site, facts(&added)).after(facts(&added));
        change.record(record).await?;
        change.commit_with(&new.name).await?;
        Ok(added)
    }

    /// Claims a name for a site and sees to its addresses and certificate; `pointer` is the field
    /// that held the name. The caller publishes.
    pub(super) async fn attach(
        &self,
        cx: &OpCx,
        tx: &mut TenantTx,
        (site, node): (SiteId, NodeId),
        new: &AddDomain,
        pointer: &'static str,
    ) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Domain, _>(actions::Create)?;
        let (target, status) = new.redirect()?;
        if store::domains::exists(tx, &new.name).await? {
            return Err(Error::DomainExists(new.name.to_string()));
        }
        // Locks alone, in the order of `Entitlements::reserve`.
        self.ports.entitlements.reserve(tx, EntitlementKey::Domains, 0).await?;
        let claim = self.ports.claims.claim(tx, &new.name, ClaimKind::Site).await;
        claim.map_err(|error| name_error(pointer, error))?;
        if new.kind == DomainKind::Primary {
            store::domains::demote(tx, site).await?;
        }
        let row = store::domains::NewDomain {
            name: &new.name,
            kind: new.kind,
            target: target.as_deref(),
            status,
        };
        store::domains::insert(tx, &allowed, site, &row, cx.clock().now()).await?;
        let addresses = self.ports.nodes.addresses(node);
        self.ports.records.point(tx, &new.name, &addresses, true).await?;
        // Only now: the name's zone may just have given up its place for it.
        self.ports.entitlements.reserve(tx, EntitlementKey::Domains, 1).await?;
        self.ports.certificates.want(tx, &new.name).await?;
        Ok(())
    }

    pub async fn remove_domain(&self, cx: &OpCx, site: SiteId, name: &DomainName) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        let before = store::sites::lock(change.tx(), site).await?;
        let domains = before.domains()?;
        let domain = domains.iter().find(|domain| domain.name == *name);
        let domain = domain.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Domain, _>(actions::Delete)?;
        before.active()?;
        // Locks alone, in the order of `Entitlements::reserve`.
        let entitlements = &self.ports.entitlements;
        entitlements.reserve(change.tx(), EntitlementKey::Domains, 0).await?;
        store::domains::remove(change.tx(), &allowed, site, name).await?;
        self.detached(change.tx(), name).await?;
        self.publish(change.tx(), site, &[name.to_string()]).await?;
        let record = Record::new(events::DOMAIN_REMOVED, site, json!({"name": name}));
        change.record(record.before(facts(domain))).await?;
        change.commit().await?;
        Ok(())
    }

    /// Takes back what [`Sites::attach`] did; a name that the site no longer has is no error.
    pub(crate) async fn detach(&self, tx: &mut TenantTx, site: SiteId, name: &DomainName) -> Result<(), Error> {
        // Locks alone, in the order of `Entitlements::reserve`.
        self.ports.entitlements.reserve(tx, EntitlementKey::Domains, 0).await?;
        match store::domains::delete(tx, site, name).await? {
            true => self.detached(tx, name).await,
            false => Ok(()),
        }
    }

    /// Takes back what hangs on a name that a site no longer has.
    async fn detached(&self, tx: &mut TenantTx, name: &DomainName) -> Result<(), Error> {
        if self.ports.records.withdraw(tx, name).await? == Place::Free {
            self.ports.entitlements.reserve(tx, EntitlementKey::Domains, -1).await?;
        }
        self.ports.certificates.unwant(tx, name).await?;
        let released = self.ports.claims.release(tx, name, ClaimKind::Site).await;
        released.map_err(|error| name_error("/name", error))
    }
}

pub(crate) fn name_error(pointer: &'static str, error: NameError) -> Error {
    match error {
        NameError::Db(error) => error.into(),
        error => Error::Name { pointer, error },
    }
}

/// A domain of a site as it is stored.
async fn domain(tx: &mut TenantTx, site: SiteId, name: &DomainName) -> Result<Domain, Error> {
    let site = store::sites::get(tx, site).await?.ok_or(Error::NotFound)?;
    let found = site.domains()?.into_iter().find(|domain| domain.name == *name);
    found.ok_or(Error::NotFound)
}

/// What the log tells of a domain, before and after.
fn facts(domain: &Domain) -> Value {
    json!({"name": domain.name, "kind": domain.kind.as_str(), "target": domain.target, "status": domain.status})
}
