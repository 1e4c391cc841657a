use async_trait::async_trait;
use mpanel_authz::Actor;
use mpanel_certificates_contract::{Certificates, HostCertificate, Waiting, events};
use mpanel_kernel::ids::{RequestId, TenantId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Error, TenantTx};
use mpanel_tenancy_contract::{Belonging, Belongings, EraseError, Erased, Eraser};
use serde_json::json;

use crate::CertificateStore;
use crate::domain;
use crate::store::{hosts, orders};

impl CertificateStore {
    /// Wakes the reconciler once the caller's transaction commits.
    async fn wanted_changed(&self, tx: &mut TenantTx, host: &DomainName, wanted: bool) -> Result<(), Error> {
        let tenant = Some(tx.tenant());
        let data = json!({"host": host, "wanted": wanted});
        let actor = Actor::System("certificates");
        let (kind, now) = (events::WANTED_CHANGED, self.clock.now());
        let sent = mpanel_events::event(
            tx,
            tenant,
            kind,
            host.as_str(),
            &actor,
            RequestId::generate(),
            &data,
            now,
        )
        .await;
        sent.map_err(|error| match error {
            mpanel_events::Error::Db(error) => error,
            // Nothing else can go wrong in writing an event.
            other => unreachable!("{other}"),
        })
    }
}

#[async_trait]
impl Certificates for CertificateStore {
    async fn want(&self, tx: &mut TenantTx, host: &DomainName) -> Result<(), Error> {
        if hosts::want(tx, host.as_str(), &[host.to_string()]).await? {
            self.wanted_changed(tx, host, true).await?;
        }
        Ok(())
    }

    async fn unwant(&self, tx: &mut TenantTx, host: &DomainName) -> Result<(), Error> {
        if hosts::unwant(tx, host.as_str()).await? {
            self.wanted_changed(tx, host, false).await?;
        }
        Ok(())
    }

    async fn status(&self, tx: &mut TenantTx, asked: &[DomainName]) -> Result<Vec<Option<HostCertificate>>, Error> {
        let names: Vec<String> = asked.iter().map(ToString::to_string).collect();
        let found = hosts::status(tx, &names).await?;
        let of = |name: &String| {
            let status = found.iter().find(|status| status.host == *name)?;
            Some(match &status.valid {
                Some((issuer, not_after)) => HostCertificate::Valid {
                    not_after: *not_after,
                    issuer: issuer.clone(),
                    public: status.public,
                    waits: waits(status),
                },
                None => HostCertificate::Pending {
                    message: status.message.clone(),
                },
            })
        };
        Ok(names.iter().map(of).collect())
    }
}

/// What keeps a host from a certificate that every browser knows, if anything is known.
fn waits(status: &hosts::HostStatus) -> Option<Waiting> {
    if let Err(never) = domain::all_registered(&status.names) {
        return (!status.public).then_some(Waiting {
            message: never,
            next_at: None,
        });
    }
    let under_way = status.order_message.as_ref().map(|message| match message.as_str() {
        "" => "a certificate has been ordered".to_owned(),
        message => message.to_owned(),
    });
    let message = under_way.unwrap_or_else(|| status.public_message.clone());
    (!message.is_empty()).then_some(Waiting {
        message,
        next_at: status.public_due_at,
    })
}

#[async_trait]
impl Eraser for CertificateStore {
    fn name(&self) -> &'static str {
        "certificates"
    }

    /// Sets tombstones, which the reconciler sees to. Most have one already, from the sites that went.
    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let left = hosts::unwant_all(&mut tx).await? + orders::count(&mut tx).await?;
        tx.commit().await?;
        Ok(match left {
            0 => Erased::All,
            _ => Erased::Going,
        })
    }
}

#[async_trait]
impl Belongings for CertificateStore {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, Error> {
        let (count, some) = hosts::all(tx).await?;
        let certificates = Belonging {
            code: "certificates.certificate.own",
            what: "certificates",
            count,
            some,
            remedy: "they go a moment after the sites and names that they are for",
        };
        Ok((count > 0).then_some(certificates).into_iter().collect())
    }
}
