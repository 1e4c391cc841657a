use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx};
use serde::{Deserialize, Serialize};

/// What visitors read in place of a site that is not shown, as a seller has written it. All of it is plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderPage {
    /// 1 to 80 characters on one line.
    pub title: String,
    /// 1 to 600 characters, also on several lines.
    pub text: String,
    /// Where visitors may turn to: an `https://` or `mailto:` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// A tenant whose sites are not to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    pub tenant: TenantId,
    /// What the nearest seller above it has written, if one has.
    pub page: Option<ProviderPage>,
}

/// Whom the provider has suspended.
#[async_trait]
pub trait Suspensions: Send + Sync + 'static {
    /// Tenants that are suspended or ending, and everybody below them. What changes it is told of in
    /// [`TENANT_CHANGED`](crate::events::TENANT_CHANGED), `TENANT_MOVED`, `TENANT_ENDING`, `TENANT_RESTORED` and
    /// `TENANT_SELLING_CHANGED`.
    ///
    /// # Errors
    /// When the database is away.
    async fn suspended(&self, tx: &mut PlatformTx) -> Result<Vec<Suspended>, Error>;
}
