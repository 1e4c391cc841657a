//! The internal authority: signs certificates that this installation's own trust store knows. It
//! serves names that no public authority can, and every name until a public one has answered.

use std::net::IpAddr;

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use mpanel_crypto::{Place, Sealer};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use crate::error::Error;
use crate::store::authorities::StoredAuthority;

const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Short enough that a lost key soon says nothing; browsers refuse more than 398 days.
const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Clocks of visitors differ.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    name: String,
    certificate_pem: String,
    certificate_der: Vec<u8>,
    not_after: Timestamp,
}

/// A new certificate with its key.
pub struct Leaf {
    pub chain_pem: String,
    pub key_pem: String,
    pub fingerprint: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Authority {
    pub fn create(now: Timestamp, sealer: &Sealer) -> Result<(Self, StoredAuthority), Error> {
        let id = mpanel_kernel::ids::CertificateId::generate();
        // The id tells authorities of two installations apart in one browser's list.
        let name = format!("mPanel internal CA {}", &id.to_string()[id.to_string().len() - 8..]);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = later(now, AUTHORITY_LIFE);
        params.not_before = moment(earlier(now, BACKDATED));
        params.not_after = moment(not_after);
        let certificate_pem = params.self_signed(&key)?.pem();
        let sealed_key = sealer.seal(&key_place(id), key.serialize_pem().as_bytes());
        let stored = StoredAuthority {
            id,
            name,
            certificate_pem,
            sealed_key,
            not_after,
            created_at: now,
        };
        Ok((Self::open(stored.clone(), sealer)?, stored))
    }

    pub fn open(stored: StoredAuthority, sealer: &Sealer) -> Result<Self, Error> {
        let key = sealer.open(&key_place(stored.id), &stored.sealed_key)?;
        let key = KeyPair::from_pem(std::str::from_utf8(&key).map_err(|_| mpanel_crypto::Error::Malformed("key"))?)?;
        let certificate_der = der(&stored.certificate_pem)?;
        let issuer = Issuer::from_ca_cert_pem(&stored.certificate_pem, key)?;
        Ok(Self {
            issuer,
            name: stored.name,
            certificate_pem: stored.certificate_pem,
            certificate_der,
            not_after: stored.not_after,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, &self.certificate_der);
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<Vec<_>>()
            .join(":")
    }

    /// A certificate for exactly these names, which are host names or IP addresses.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<Leaf, Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        // No common name: it is limited to 64 characters, and nobody reads it any more (RFC 9525).
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => Ok(SanType::DnsName(name.as_str().try_into()?)),
            })
            .collect::<Result<_, rcgen::Error>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // What outlives its issuer is not believed (RFC 5280 §6.1).
        let (not_before, not_after) = (earlier(now, BACKDATED), later(now, LEAF_LIFE).min(self.not_after));
        params.not_before = moment(not_before);
        params.not_after = moment(not_after);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let hash = digest::digest(&digest::SHA256, certificate.der());
        Ok(Leaf {
            chain_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            fingerprint: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before,
            not_after,
        })
    }
}

fn key_place(id: mpanel_kernel::ids::CertificateId) -> Place {
    Place::new("certificates.authorities", "sealed_key", id)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

/// The first certificate of a PEM text, as bytes.
fn der(pem: &str) -> Result<Vec<u8>, Error> {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(body);
    bytes.map_err(|_| mpanel_crypto::Error::Malformed("certificate").into())
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// X.509 counts whole seconds.
fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
