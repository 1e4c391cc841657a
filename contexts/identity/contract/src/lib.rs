//! What other contexts may ask of identity.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_crypto::Token;
use mpanel_events::Change;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{Error, TenantTx};

/// Events that identity emits.
pub mod events {
    pub const USER_CLAIMED: &str = "identity.user.claimed.v1";
    pub const USER_ACTIVATED: &str = "identity.user.activated.v1";
    /// Somebody joined the tenant with an account that they had elsewhere.
    pub const INVITATION_ACCEPTED: &str = "identity.invitation.accepted.v1";
    pub const PASSWORD_CHANGED: &str = "identity.password.changed.v1";
    /// Somebody asked for a link to a new password.
    pub const PASSWORD_RESET_REQUESTED: &str = "identity.password.reset_requested.v1";
    /// A password was set by such a link.
    pub const PASSWORD_RESET: &str = "identity.password.reset.v1";
    pub const EMAIL_CHANGE_REQUESTED: &str = "identity.email.change_requested.v1";
    pub const EMAIL_CHANGED: &str = "identity.email.changed.v1";
    /// An invitation has new links, and the earlier ones open nothing.
    pub const INVITATION_RESENT: &str = "identity.invitation.resent.v1";
    pub const INVITATION_REVOKED: &str = "identity.invitation.revoked.v1";
    /// Somebody tried whether mail goes out.
    pub const MAIL_TESTED: &str = "identity.mail.tested.v1";
    pub const SESSION_STARTED: &str = "identity.session.started.v1";
    pub const SESSION_ENDED: &str = "identity.session.ended.v1";
    /// All sessions of somebody, but perhaps the one that asked.
    pub const SESSIONS_ENDED: &str = "identity.session.all_ended.v1";
    /// The person of a session has shown again who they are.
    pub const SESSION_PROVEN: &str = "identity.session.proven.v1";
    pub const API_TOKEN_CREATED: &str = "identity.api_token.created.v1";
    pub const API_TOKEN_REVOKED: &str = "identity.api_token.revoked.v1";
    /// Another token takes its place, and it ends soon.
    pub const API_TOKEN_ROTATED: &str = "identity.api_token.rotated.v1";
    pub const SERVICE_ACCOUNT_CREATED: &str = "identity.service_account.created.v1";
    pub const SERVICE_ACCOUNT_CHANGED: &str = "identity.service_account.changed.v1";
    pub const SERVICE_ACCOUNT_DELETED: &str = "identity.service_account.deleted.v1";
    pub const REALM_CREATED: &str = "identity.realm.created.v1";
    pub const REALM_CHANGED: &str = "identity.realm.changed.v1";
    /// A new secret waits to be confirmed.
    pub const TOTP_STARTED: &str = "identity.totp.started.v1";
    pub const TOTP_ENABLED: &str = "identity.totp.enabled.v1";
    pub const TOTP_DISABLED: &str = "identity.totp.disabled.v1";
    /// From where and by which device somebody signed in, or tried to, is no longer known.
    pub const SIGN_INS_ERASED: &str = "identity.sign_ins.erased.v1";
}

/// A person, as others in the tenant see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub email: EmailAddress,
    pub name: String,
    /// Whether they have set a password and can sign in.
    pub active: bool,
}

/// An account for an address.
#[derive(Debug)]
pub struct Invited {
    pub user: UserId,
    /// For an account that nobody has activated yet: what its owner needs to do so, shown once.
    pub activation: Option<Activation>,
}

/// Why somebody is not invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Each is a mail to somebody who need not want it. Whether it is the address that has enough of them is not told.
    #[error(
        "too many invitations were mailed in a day, from here or to this address; try again later, or ask your provider"
    )]
    TooMany { retry_after: u32 },
    #[error("{most} invitations wait for an answer here; take some back, or wait until somebody has accepted")]
    TooManyWait { most: u32 },
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
}

impl From<Error> for InviteError {
    fn from(error: Error) -> Self {
        Self::Spine(error.into())
    }
}

impl PublicError for InviteError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooMany { .. } => Kind::RateLimited,
            Self::TooManyWait { .. } => Kind::Conflict,
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "identity.invitation.too_many",
            Self::TooManyWait { .. } => "identity.invitation.too_many_wait",
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Spine(error) => error.public_text(),
            other => other.to_string(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::TooManyWait { .. } => None,
            Self::Spine(error) => error.retry_after(),
        }
    }
}

/// Lets the owner of an account set its password; single use.
#[derive(Debug)]
pub struct Activation {
    /// Goes into the fragment of `/activate#…`.
    pub token: Token,
    pub expires_at: Timestamp,
}

/// Accounts of people.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// Finds the account that is meant by an address in `home`, or creates one there that waits for
    /// its activation, in the caller's transaction. `home` is the transaction's tenant or one below
    /// it. Meant is the account of a member of `home`, else `home`'s own for that address, else an
    /// activated one of a tenant above; an address need not be whose account it names, so what other
    /// tenants gave for it does not count. An account that waits gets new links, one by mail and the other in the
    /// answer; earlier ones no longer work. The one by mail alone shows that the address is its holder's.
    ///
    /// # Errors
    /// When too many are invited, or the database is away: the transaction is to be given up.
    async fn invite(
        &self,
        tx: &mut TenantTx,
        home: TenantId,
        email: &EmailAddress,
        name: &str,
        now: Timestamp,
    ) -> Result<Invited, InviteError>;

    /// Names and addresses of users; ones that do not exist are absent.
    ///
    /// # Errors
    /// When the database is away.
    async fn profiles(&self, users: &[UserId]) -> Result<HashMap<UserId, Profile>, Error>;
}

/// The history of people's sign-ins.
#[async_trait]
pub trait SignIns: Send + Sync + 'static {
    /// The tenant that somebody is at home in, where their history stands; `None` for whom nobody knows. It takes a connection
    /// of its own.
    ///
    /// # Errors
    /// When the database is away.
    async fn home(&self, person: UserId) -> Result<Option<TenantId>, Error>;

    /// Blanks addresses and devices in the history of somebody who is at home in `home`, and records that, if there were any:
    /// says in how many lines. The caller has made sure that the change reaches there.
    ///
    /// # Errors
    /// When the database refuses or is away.
    async fn erase(&self, change: &mut Change, person: UserId, home: TenantId) -> Result<u64, mpanel_events::Error>;
}
