use jiff::Timestamp;
use mpanel_kernel::ids::TenantId;

use super::RealmId;

/// Who shares a sign-in page.
#[derive(Debug, Clone)]
pub struct Realm {
    pub id: RealmId,
    pub name: String,
    /// The tenant whose brand it is; `None` for the realm of everybody else.
    pub brand: Option<TenantId>,
    /// Where its people sign in; the realm without a brand is at all other names as well.
    pub hosts: Vec<String>,
    pub created_at: Timestamp,
}

#[derive(Debug)]
pub struct NewRealm {
    pub name: String,
    pub brand: TenantId,
    pub hosts: Vec<String>,
}

/// What shall be otherwise; what is absent stays.
#[derive(Debug, Default)]
pub struct RealmPatch {
    pub name: Option<String>,
    pub hosts: Option<Vec<String>>,
}
