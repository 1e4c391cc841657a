//! What other contexts may ask of certificates.
#![forbid(unsafe_code)]

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Error, TenantTx};

/// Events that certificates emit.
pub mod events {
    /// A host name is to have a certificate, or no longer.
    pub const WANTED_CHANGED: &str = "certificates.host.wanted_changed.v1";
    pub const ISSUED: &str = "certificates.certificate.issued.v1";
    /// An order for a public certificate has come to nothing.
    pub const ORDER_FAILED: &str = "certificates.order.failed.v1";
    /// What was shown for an order is taken back; its host may have another one.
    pub const ORDER_ENDED: &str = "certificates.order.ended.v1";
    /// A public authority was set up, or is no longer to be asked.
    pub const ISSUER_CREATED: &str = "certificates.issuer.created.v1";
    pub const ISSUER_DELETED: &str = "certificates.issuer.deleted.v1";
    /// An account with it is there.
    pub const ISSUER_REGISTERED: &str = "certificates.issuer.registered.v1";
}

/// How it stands with the certificate of a host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostCertificate {
    /// Asked for; not there yet.
    Pending { message: String },
    /// Published to the edges.
    Valid {
        not_after: Timestamp,
        issuer: String,
        /// From an authority that every browser knows; otherwise from this installation's own.
        public: bool,
        /// What keeps the host from a public certificate, or from its renewal.
        waits: Option<Waiting>,
    },
}

/// Something that has not come about yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What is in the way and what to do, as a sentence.
    pub message: String,
    /// When it is tried again; absent, nothing but a change will help.
    pub next_at: Option<Timestamp>,
}

/// Certificates for host names. One certificate carries one exact name.
#[async_trait]
pub trait Certificates: Send + Sync + 'static {
    /// The transaction's tenant wants `host` served over TLS; a reconciler sees to it after commit.
    /// Asking again is no change.
    ///
    /// # Errors
    /// When the database is away.
    async fn want(&self, tx: &mut TenantTx, host: &DomainName) -> Result<(), Error>;

    /// The host is no longer served; its certificate is withdrawn from the edges after commit.
    ///
    /// # Errors
    /// When the database is away.
    async fn unwant(&self, tx: &mut TenantTx, host: &DomainName) -> Result<(), Error>;

    /// How it stands with each of the tenant's hosts, in the order asked.
    ///
    /// # Errors
    /// When the database is away.
    async fn status(&self, tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<Option<HostCertificate>>, Error>;
}
