//! A certificate that an authority has issued, put in the place of the one that its host has.

use aws_lc_rs::digest;
use jiff::Timestamp;
use mpanel_certificates_contract::events;
use mpanel_events::Record;
use mpanel_kernel::ids::CertificateId;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Obtain;
use super::halt::Halt;
use super::step::key_of;
use crate::error::Error;
use crate::metrics;
use crate::publish::{Edges, key_place, withdraw};
use crate::store::certificates::{self, Stored};
use crate::store::hosts;
use crate::store::issuers::{self, StoredIssuer};
use crate::store::orders::{self, State, StoredOrder};

impl Obtain {
    /// Puts the certificate in the place of the one that the host has.
    pub(super) async fn keep(
        &self,
        issuer: &StoredIssuer,
        order: &StoredOrder,
        chain: &str,
    ) -> Result<Option<StoredOrder>, Halt> {
        let now = self.certificates.clock.now();
        // Only now: an edge may have come while the authority was looking, and was told of the certificates that there were.
        let edges = Edges::new(self.certificates.ports.nodes.edge_keys().await?);
        let mut change = self.certificates.spine.begin(&self.cx(order.tenant)).await?;
        match orders::lock(change.tx(), order.id).await? {
            Some(found) if found.state == State::Keyed => {}
            _ => return Ok(None),
        }
        let host = hosts::lock(change.tx(), &order.host).await?;
        let Some(host) = host.filter(|host| host.wanted && host.names == order.names) else {
            drop(change);
            return Ok(self.give_up(order, None).await?);
        };
        let sealer = self.certificates.spine.vault().tenant(change.tx()).await?;
        let sealed = order.sealed_key.as_deref().unwrap_or_default();
        let key = sealer.open(&key_of(order.id), sealed).map_err(Error::from)?;
        let unreadable = || Halt::Fail(format!("the certificate of {} cannot be read", issuer.name));
        let text = std::str::from_utf8(&key).map_err(|_| unreadable())?;
        let leaf = leaf(chain, text).ok_or_else(unreadable)?;
        let id = CertificateId::generate();
        let stored = Stored {
            id,
            names: order.names.clone(),
            issuer: issuer.name.clone(),
            chain_pem: chain.to_owned(),
            sealed_key: sealer.seal(&key_place(id), &key),
            fingerprint: leaf.fingerprint,
            not_before: leaf.not_before,
            not_after: leaf.not_after,
            generation: 1,
            issuer_id: Some(issuer.id),
            created_at: now,
        };
        certificates::insert(change.tx(), &stored, &edges.fingerprint).await?;
        change.publish(&edges.state(&stored, &key, 1)?).await?;
        hosts::set_certificate(change.tx(), &order.host, id).await?;
        orders::succeeded(change.tx(), &order.host).await?;
        if let Some(old) = host.certificate {
            withdraw(&mut change, old).await?;
        }
        let mut order = order.clone();
        order.state = State::Ending;
        orders::save(change.tx(), &order, now).await?;
        let facts = json!({"names": stored.names, "not_after": stored.not_after, "issuer": stored.issuer});
        change
            .record(Record::new(events::ISSUED, id, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        metrics::issued(&issuer.name, now.duration_since(order.created_at));
        if issuer.failures > 0 {
            let mut tx = self.certificates.spine.db().tenant(issuer.tenant).await?;
            issuers::recovered(&mut tx, issuer.id).await?;
            tx.commit().await?;
        }
        Ok(Some(order))
    }
}

struct Leaf {
    fingerprint: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What a chain's first certificate says, if it is one for this key.
fn leaf(chain_pem: &str, key_pem: &str) -> Option<Leaf> {
    let der = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).next()?.ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let key = KeyPair::from_pem(key_pem).ok()?;
    if certificate.public_key().raw != key.subject_public_key_info() {
        return None;
    }
    let hash = digest::digest(&digest::SHA256, &der);
    let moment = |at: i64| Timestamp::from_second(at).ok();
    Some(Leaf {
        fingerprint: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        not_before: moment(certificate.validity().not_before.timestamp())?,
        not_after: moment(certificate.validity().not_after.timestamp())?,
    })
}
