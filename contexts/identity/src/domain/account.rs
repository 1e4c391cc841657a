use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_authz::{Role, RoleRef, TenantKind};
use mpanel_crypto::{MIN_OWNER_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
use mpanel_kernel::ids::{ApiTokenId, SessionId, TenantId, UserId};
use mpanel_tenancy_contract::Membership;

use super::{Device, Networks};

/// An account, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: UserId,
    pub home: TenantId,
    pub email: String,
    pub name: String,
    /// Whether its owner has opened a link that was mailed to the address.
    pub email_proven: bool,
    pub totp_enabled: bool,
    /// It had one, which went with the installation's key: another has to be set up.
    pub totp_lost: bool,
}

/// What `/me` tells.
#[derive(Debug, Clone)]
pub struct MeTenant {
    pub account: Account,
    /// Where requests without `Mpanel-Tenant` act.
    pub home: Membership,
    pub memberships: Vec<Membership>,
    /// Whether nothing else works until a second factor is set up.
    pub totp_setup_required: bool,
}

#[derive(Debug, Clone)]
pub struct SessionInfo {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub address: Option<IpAddr>,
    /// The name at which it was started, and works.
    pub host: String,
    pub user_agent: String,
    pub device: Device,
    pub current: bool,
}

/// A token, whosever it is.
#[derive(Debug, Clone)]
pub struct TokenFacts {
    pub id: ApiTokenId,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub networks: Networks,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub last_used_address: Option<IpAddr>,
}

/// A token of a person.
#[derive(Debug, Clone)]
pub struct ApiToken {
    pub user: UserId,
    pub facts: TokenFacts,
}

#[derive(Debug)]
pub struct NewApiToken {
    pub name: String,
    pub scopes: Vec<String>,
    pub expires_at: Option<Timestamp>,
    pub allowed_networks: Vec<String>,
}

/// The least characters of a password: more for those whose role in a platform or a reseller reaches the tenants below, and for
/// those with a role that one of these has defined: what that gives may grow when the password is set.
#[must_use]
pub fn password_minimum(memberships: &[Membership]) -> usize {
    let is_mighty = |role: RoleRef| role.built_in().is_none_or(Role::reaches_descendants);
    let sells = memberships
        .iter()
        .any(|m| is_mighty(m.role) && TenantKind::SELLERS.contains(&m.tenant.kind));
    if sells {
        MIN_OWNER_PASSWORD_CHARS
    } else {
        MIN_PASSWORD_CHARS
    }
}
