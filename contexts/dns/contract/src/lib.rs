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
        match self {
            Self::Db(error) if error.is_unavailable() => error.code(),
            Self::Db(_) | Self::Spine(_) => "dns.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Db(error) => error.public_text(),
            Self::Spine(_) => "DNS could not be changed; nothing was changed".into(),
        }
    }
}

/// A challenge's record in a zone, as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// Of the zone that holds it, which is also its key in the feed's topic `dns.zone`.
    pub apex: DomainName,
    /// The zone's serial with the record in it: its generation in the feed.
    pub serial: i64,
}

/// The text records by which a certificate authority is shown that a name's DNS is in the tenant's hands (DNS-01, RFC 8555
/// §8.4). Customers neither edit them nor lose their own by them.
#[async_trait]
pub trait ChallengeRecords: Send + Sync + 'static {
    /// Lets `_acme-challenge.` before `name` answer with `value` too, in the caller's transaction; `None` when no zone of the
    /// tenant's covers it. Asking again is no change.
    ///
    /// # Errors
    /// When the database is away, or when the zone's own records leave no room for it.
    async fn show(
        &self,
        tx: &mut TenantTx,
        name: &DomainName,
        value: &str,
    ) -> Result<Option<ChallengeRecord>, DnsPortError>;

    /// Takes `value` back, and leaves others.
    ///
    /// # Errors
    /// When the database is away.
    async fn take_back(&self, tx: &mut TenantTx, name: &DomainName, value: &str) -> Result<(), DnsPortError>;
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

    /// How each of `hosts` is answered now, in their order, whatever their number, in one round trip.
    ///
    /// # Errors
    /// When the database is away.
    async fn status(&self, tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<HostDns>, DnsPortError>;
}
