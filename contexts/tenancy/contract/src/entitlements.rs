use std::str::FromStr;

use async_trait::async_trait;
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use mpanel_pg::TenantTx;
use serde::{Deserialize, Serialize};

/// What plans limit. A key is added here, once, and is then known to plans, usage and the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementKey {
    /// Websites.
    Sites,
    /// Domains attached to websites, and zones that none of these is in.
    Domains,
    /// Bytes of releases and uploads on disk; files and folders of releases in whole blocks of 4096.
    DiskBytes,
    /// Bytes served in a calendar month (UTC).
    TrafficBytesMonth,
}

/// How amounts of a key are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Count,
    Bytes,
}

impl EntitlementKey {
    pub const ALL: [EntitlementKey; 4] = [Self::Sites, Self::Domains, Self::DiskBytes, Self::TrafficBytesMonth];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Domains => "domains",
            Self::DiskBytes => "disk_bytes",
            Self::TrafficBytesMonth => "traffic_bytes_month",
        }
    }

    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Sites | Self::Domains => Unit::Count,
            Self::DiskBytes | Self::TrafficBytesMonth => Unit::Bytes,
        }
    }
}

impl FromStr for EntitlementKey {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|key| key.as_str() == text).ok_or(())
    }
}

/// A reservation was not made.
#[derive(Debug, thiserror::Error)]
pub enum EntitlementError {
    /// Some limit on the way from the tenant to the root would be passed. Whose is not told.
    #[error("the plan's limit for {} is reached: {used} of {limit} are in use", key.as_str())]
    Exceeded { key: EntitlementKey, used: i64, limit: i64 },
    /// A seller above has used up what it was given; the tenant's own plan has room.
    #[error("the provider has no room left for {}; ask them to enlarge it", key.as_str())]
    ExceededAbove { key: EntitlementKey },
    /// The tenant is suspended and may not grow.
    #[error("the account is suspended")]
    Suspended,
    #[error(transparent)]
    Db(#[from] mpanel_pg::Error),
}

impl PublicError for EntitlementError {
    fn kind(&self) -> Kind {
        match self {
            Self::Exceeded { .. } | Self::ExceededAbove { .. } => Kind::Quota,
            Self::Suspended => Kind::Forbidden,
            Self::Db(error) if error.is_unavailable() => Kind::Unavailable,
            Self::Db(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Exceeded { .. } => "tenancy.entitlement.exceeded",
            Self::ExceededAbove { .. } => "tenancy.entitlement.exceeded_above",
            Self::Suspended => "tenancy.tenant.suspended",
            Self::Db(error) if error.is_unavailable() => error.code(),
            Self::Db(_) => "tenancy.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Db(error) => error.public_text(),
            _ => self.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }
}

/// Counts what tenants use against what their plans allow.
#[async_trait]
pub trait Entitlements: Send + Sync + 'static {
    /// Adds `delta` (which may be negative) to the use of the transaction's tenant and all its
    /// ancestors. Growth past a limit changes nothing.
    ///
    /// The tenants on that path are locked, from the root to the leaf, to the end of the transaction.
    /// Nothing (`0`) only locks them, for who learns later how much it is.
    /// Lock the row that the change is about, such as a site, first; then reserve; then claim names, point
    /// hosts and want certificates: transactions that all keep to this order never wait for each other
    /// in a circle.
    ///
    /// # Errors
    /// [`EntitlementError::Exceeded`] and [`EntitlementError::ExceededAbove`].
    async fn reserve(&self, tx: &mut TenantTx, key: EntitlementKey, delta: i64) -> Result<(), EntitlementError>;

    /// What the transaction's tenant may still add of a key, the least over all its ancestors;
    /// `None` without limit.
    ///
    /// # Errors
    /// When the database is away.
    async fn headroom(&self, tx: &mut TenantTx, key: EntitlementKey) -> Result<Option<i64>, EntitlementError>;
}
