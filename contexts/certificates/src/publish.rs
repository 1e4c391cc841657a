//! Certificates on their way to the edges and from them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mpanel_crypto::{Place, seal_to};
use mpanel_events::{Change, State};
use mpanel_feed::topics::{EDGE_CERTIFICATE, EDGE_CERTIFICATE_HPKE_INFO, EdgeCertificate};
use mpanel_fleet_contract::EdgeKey;
use mpanel_kernel::ids::CertificateId;

use crate::error::Error;
use crate::store::certificates::{self, Stored};

/// Removes a certificate. The row goes first: who is sealing it anew at the same time has then published before this, or finds
/// it gone.
pub async fn withdraw(change: &mut Change, id: CertificateId) -> Result<(), Error> {
    certificates::delete(change.tx(), id).await?;
    let gone = State::delete(EDGE_CERTIFICATE, id.to_string(), i64::MAX);
    Ok(change.publish(&gone).await?)
}

pub fn key_place(id: CertificateId) -> Place {
    Place::new("certificates.certificates", "sealed_key", id)
}

/// The edges' keys as of this pass.
pub struct Edges {
    keys: Vec<EdgeKey>,
    /// Names the set of keys.
    pub fingerprint: String,
}

impl Edges {
    pub fn new(keys: Vec<EdgeKey>) -> Self {
        let fingerprint = keys
            .iter()
            .map(|edge| format!("{}={}", edge.node, edge.key))
            .collect::<Vec<_>>()
            .join(" ");
        Self { keys, fingerprint }
    }

    pub fn state(&self, stored: &Stored, key_pem: &[u8], generation: i64) -> Result<State, Error> {
        let mut sealed_key = BTreeMap::new();
        for edge in &self.keys {
            let aad = stored.id.to_string();
            let sealed = seal_to(&edge.key, EDGE_CERTIFICATE_HPKE_INFO, aad.as_bytes(), key_pem)?;
            sealed_key.insert(edge.node.to_string(), STANDARD.encode(sealed));
        }
        let value = EdgeCertificate {
            names: stored.names.clone(),
            chain_pem: stored.chain_pem.clone(),
            sealed_key,
            not_after: stored.not_after.to_string(),
        };
        Ok(State::upsert(
            EDGE_CERTIFICATE,
            stored.id.to_string(),
            generation,
            &value,
        )?)
    }
}
