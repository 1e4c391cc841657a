use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::PlatformTx;

use crate::EntitlementKey;

impl EntitlementKey {
    /// Whether use is measured as it happens and counted by calendar month, not reserved before.
    #[must_use]
    pub const fn is_measured(self) -> bool {
        matches!(self, Self::TrafficBytesMonth)
    }
}

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

impl Month {
    #[must_use]
    pub fn of_day(day: Date) -> Self {
        Self(day.first_of_month())
    }

    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self::of_day(moment.to_zoned(TimeZone::UTC).date())
    }

    #[must_use]
    pub fn first_day(self) -> Date {
        self.0
    }

    /// When the next month begins.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.0
            .checked_add(1.month())
            .and_then(|next| next.to_zoned(TimeZone::UTC))
            .map_or(Timestamp::MAX, |next| next.timestamp())
    }
}

/// Measured use was not counted: the database is away.
pub type MeteringError = Box<dyn std::error::Error + Send + Sync>;

/// Counts what tenants have used of keys that are measured. What happened is recorded, over a limit too.
#[async_trait]
pub trait Metering: Send + Sync + 'static {
    /// Adds to the use in `month` of each tenant and all its ancestors, in the caller's transaction. A tenant whose
    /// use passes its limit by that is told of in [`ENTITLEMENT_EXCEEDED`](crate::events::ENTITLEMENT_EXCEEDED).
    ///
    /// # Errors
    /// When the database is away.
    async fn record(
        &self,
        tx: &mut PlatformTx,
        key: EntitlementKey,
        month: Month,
        used: &[(TenantId, i64)],
        now: Timestamp,
    ) -> Result<(), MeteringError>;

    /// Tenants that have used more in a month than they may, or stand below one that has. Who has no plan may
    /// use nothing.
    ///
    /// # Errors
    /// When the database is away.
    async fn exceeded(
        &self,
        tx: &mut PlatformTx,
        key: EntitlementKey,
        month: Month,
    ) -> Result<Vec<TenantId>, MeteringError>;
}
