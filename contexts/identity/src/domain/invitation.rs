use jiff::Timestamp;
use mpanel_authz::RoleRef;
use mpanel_kernel::ids::UserId;

/// Somebody who was asked to join a tenant and has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The account that waits; it becomes theirs, or goes when they join with one that they have.
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: RoleRef,
    /// Whether a link went by mail, beside the one that was handed over.
    pub mailed: bool,
    pub expires_at: Timestamp,
    pub expired: bool,
}
