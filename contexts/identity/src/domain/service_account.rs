use jiff::Timestamp;
use mpanel_authz::Role;
use mpanel_kernel::ids::ServiceAccountId;

use super::Networks;

/// An account of a tenant for programs.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    pub id: ServiceAccountId,
    pub name: String,
    pub role: Role,
    pub networks: Networks,
    pub created_at: Timestamp,
    /// Who made it, as audit rows name actors.
    pub created_by: String,
    pub disabled_at: Option<Timestamp>,
    /// When any of its tokens was used last.
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug)]
pub struct NewServiceAccount {
    pub name: String,
    pub role: Role,
    pub allowed_networks: Vec<String>,
}

/// What shall be otherwise; what is absent stays.
#[derive(Debug, Default)]
pub struct ServiceAccountPatch {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub allowed_networks: Option<Vec<String>>,
}
