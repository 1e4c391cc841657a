//! What other contexts may ask of DNS.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use async_trait::async_trait;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::names::DomainName;
use mpanel_pg::TenantTx;

/// Events that DNS emits.
pub mod events {
    pub const ZONE_CREATED: &str = "dns.zone.created.v1";
    pub const ZONE_DELETED: &str = "dns.zone.deleted.v1";
    pub const RECORD_CREATED: &str = "dns.record.created.v1";
    pub const RECORD_CHANGED: &str = "dns.record.changed.v1";
    pub const RECORD_DELETED: &str = "dns.record.deleted.v1";
}

/// How a host name's addresses are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostDns {
    /// In a zone of the tenant on this platform.
    Managed { apex: DomainName },
    /// The tenant's zone has records of its own at that name, which are left alone.
    OwnRecords { apex: DomainName },
    /// No zone of the tenant covers the name: its DNS is elsewhere.
    Elsewhere,
}

/// What becomes of the place that a site's domain took in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Place {
    /// Nobody needs it: the caller gives it back.
    Free,
    /// The domain's zone stays and takes it over: it is not given back.
    TakenByZone,
}

/// Addresses could not be arranged.
#[derive(Debug, thiserror::Error)]
pub enum DnsPortError {
    #[error(transparent)]
    Db(#[from] mpanel_pg::Error),
    #[error("the zone's change could not be published: {0}")]
    Spine(String),
}

impl PublicError for DnsPortError {
    fn kind(&self) -> Kind {
        match self {
            Self::Db(error) if error.is_unavailable() => Kind::Unavailable,
            Self::Db(_) | Self::Spine(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        "dns.internal"
    }

    fn public_text(&self) -> String {
        match self {
            Self::Db(error) => error.public_text(),
            Self::Spine(_) => "DNS could not be changed; nothing was changed".into(),
        }
    }
}

/// Address records of host names that the platform serves.
#[async_trait]
pub trait HostRecords: Send + Sync + 'static {
    /// Lets `host` answer with `addresses`, in the caller's transaction: in the tenant's zone that
    /// covers it; without one, a zone is created if `create_zone`, `host` is a domain that one
    /// registers or its `www`, not another name below one, and the domain can be claimed. Asking
    /// again brings the addresses up to date.
    ///
    /// `create_zone` says as well that the host is new, and that the caller reserves a place for it in
    /// the plan (`domains`): a zone that no other host shares its place with has none of its own any
    /// more. The caller holds the tenant's counters already, and reserves after this call.
    ///
    /// Calls for one tenant wait for each other to the end of their transactions.
    ///
    /// # Errors
    /// When the database is away.
    async fn point(
        &self,
        tx: &mut TenantTx,
        host: &DomainName,
        addresses: &[IpAddr],
        create_zone: bool,
    ) -> Result<HostDns, DnsPortError>;

    /// Removes the records that [`HostRecords::point`] made for `host`; others stay, and so do zones. Says
    /// whether the place that the host had in the plan is to be given back.
    ///
    /// # Errors
    /// When the database is away.
    async fn withdraw(&self, tx: &mut TenantTx, host: &DomainName) -> Result<Place, DnsPortError>;

    /// How `host` is answered now.
    ///
    /// # Errors
    /// When the database is away.
    async fn status(&self, tx: &mut TenantTx, host: &DomainName) -> Result<HostDns, DnsPortError>;
}
