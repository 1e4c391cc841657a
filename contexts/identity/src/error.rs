use mpanel_authz::{Denied, ScopeError};
use mpanel_crypto::WeakPassword;
use mpanel_identity_contract::InviteError;
use mpanel_kernel::error::{FieldError, Kind, PublicError};

/// What can go wrong in identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such object here")]
    NotFound,
    #[error("{}", .0.first().map_or("the request is not valid", |f| f.message.as_str()))]
    Invalid(Vec<FieldError>),
    #[error("this claim link is used or too old; start mPanel again for a new one")]
    ClaimGone,
    #[error("this activation link is used or too old; ask whoever invited you for a new one")]
    ActivationGone,
    #[error("this link to a new password is used or too old; ask for another one")]
    ResetGone,
    #[error("this link to another address is used, too old or somebody else's; change the address again")]
    EmailChangeGone,
    #[error("another account of your tenant has this address")]
    EmailTaken,
    #[error("an owner's invitation is for owners")]
    OwnersInvitation,
    #[error("this invitation offers more than you may do; whoever may do as much invites again")]
    InvitationAbove,
    #[error("this tenant wants to be asked first: act for it, which asks it, and try again")]
    ConsentRequired,
    #[error("whoever invited you is suspended by the provider; the link works again when that ends")]
    InviterSuspended,
    #[error(transparent)]
    Invite(#[from] InviteError),
    #[error("address or password is wrong")]
    InvalidCredentials,
    #[error("enter the code of your authenticator app, or one of your backup codes")]
    TotpRequired,
    #[error("this code is wrong or was used already; wait for the next one")]
    TotpWrong,
    #[error("too many attempts; wait a moment and try again")]
    TooMany { retry_after: u32 },
    #[error("your account is not a member of any tenant any more; ask your provider")]
    NoMembership,
    #[error("this is only done over HTTPS, or on the machine itself")]
    Insecure,
    #[error("the request comes from another site")]
    CrossSite,
    #[error("begin with POST /me/totp")]
    TotpNotStarted,
    #[error("a service account has no profile, password, sessions or second factor")]
    NotAPerson,
    #[error("this token may not be used from your address")]
    WrongNetwork,
    #[error("this account signs in at another address; ask your provider which")]
    OtherRealm,
    #[error("an owner's sessions are for owners to end")]
    OwnersSessions,
    #[error("programs outlast your leave to act here: its own people make them, and give them tokens")]
    ServiceAccountFromAbove,
    #[error("a token outlasts your leave to act here: make it where you belong, or let one of its own people make it")]
    ApiTokenFromAbove,
    #[error("this service account may do more than you may")]
    ServiceAccountAbove,
    #[error("another service account has this name")]
    ServiceAccountTaken,
    #[error("there are 50 valid tokens; revoke one first")]
    TooManyTokens,
    #[error("this tenant has a realm already")]
    RealmExists,
    #[error("one of these names belongs to another realm")]
    HostTaken,
    #[error(transparent)]
    Credential(#[from] crate::CredentialError),
    #[error("password hashing: {0}")]
    Crypto(#[from] mpanel_crypto::Error),
    #[error("file of leaked passwords: {0}")]
    LeakedPasswords(#[source] std::io::Error),
    #[error("claim file: {0}")]
    ClaimFile(#[source] std::io::Error),
    #[error("job: {0}")]
    Job(#[source] mpanel_jobs::Error),
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
}

impl Error {
    pub(crate) fn field(pointer: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, code, message)])
    }

    pub(crate) fn weak_password(pointer: &'static str, weak: WeakPassword) -> Self {
        let code = match weak {
            WeakPassword::TooShort { .. } => "identity.password.too_short",
            WeakPassword::TooLong => "identity.password.too_long",
            WeakPassword::Common => "identity.password.common",
            WeakPassword::Breached => "identity.password.breached",
            WeakPassword::Personal => "identity.password.personal",
        };
        Self::field(pointer, code, weak.to_string())
    }
}

impl From<ScopeError> for Error {
    fn from(error: ScopeError) -> Self {
        let pointer = format!("/scopes/{}", error.index);
        Self::Invalid(vec![FieldError::new(
            pointer,
            "identity.api_token.bad_scope",
            error.to_string(),
        )])
    }
}

impl From<mpanel_jobs::Error> for Error {
    fn from(error: mpanel_jobs::Error) -> Self {
        match error {
            mpanel_jobs::Error::Db(error) => error.into(),
            mpanel_jobs::Error::Spine(error) => Self::Spine(error),
            other => Self::Job(other),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Spine(error.into())
    }
}

impl From<mpanel_pg::Error> for Error {
    fn from(error: mpanel_pg::Error) -> Self {
        Self::Spine(error.into())
    }
}

impl PublicError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Denied(_)
            | Self::NoMembership
            | Self::Insecure
            | Self::CrossSite
            | Self::NotAPerson
            | Self::WrongNetwork
            | Self::OtherRealm
            | Self::OwnersSessions
            | Self::ServiceAccountFromAbove
            | Self::ServiceAccountAbove
            | Self::ApiTokenFromAbove
            | Self::OwnersInvitation
            | Self::InvitationAbove
            | Self::ConsentRequired
            | Self::InviterSuspended => Kind::Forbidden,
            Self::NotFound => Kind::NotFound,
            Self::Invalid(_) | Self::TotpWrong => Kind::Invalid,
            Self::ClaimGone | Self::ActivationGone | Self::ResetGone | Self::EmailChangeGone => Kind::Gone,
            Self::TotpNotStarted
            | Self::EmailTaken
            | Self::ServiceAccountTaken
            | Self::TooManyTokens
            | Self::RealmExists
            | Self::HostTaken => Kind::Conflict,
            Self::InvalidCredentials | Self::TotpRequired => Kind::Unauthenticated,
            Self::TooMany { .. } => Kind::RateLimited,
            Self::Credential(error) => error.kind(),
            Self::Crypto(_) | Self::ClaimFile(_) | Self::LeakedPasswords(_) | Self::Job(_) => Kind::Internal,
            Self::Invite(error) => error.kind(),
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::NotFound => "request.not_found",
            Self::Invalid(_) => "request.invalid",
            Self::ClaimGone => "identity.claim.gone",
            Self::ActivationGone => "identity.activation.gone",
            Self::ResetGone => "identity.password_reset.gone",
            Self::EmailChangeGone => "identity.email.change_gone",
            Self::EmailTaken => "identity.email.taken",
            Self::OwnersInvitation => "identity.invitation.owners",
            Self::InvitationAbove => "identity.invitation.above",
            Self::ConsentRequired => "tenancy.assumption.consent_required",
            Self::InviterSuspended => "identity.invitation.suspended",
            Self::InvalidCredentials => "identity.session.invalid_credentials",
            Self::TotpRequired => "identity.session.totp_required",
            Self::TotpWrong => "identity.totp.wrong_code",
            Self::TooMany { .. } => "identity.session.too_many_attempts",
            Self::NoMembership => "identity.session.no_membership",
            Self::Insecure => "identity.session.insecure",
            Self::CrossSite => "identity.session.cross_site",
            Self::TotpNotStarted => "identity.totp.not_started",
            Self::NotAPerson => "identity.account.not_a_person",
            Self::WrongNetwork => "identity.api_token.wrong_network",
            Self::OtherRealm => "identity.session.other_realm",
            Self::OwnersSessions => "identity.session.owners",
            Self::ServiceAccountFromAbove => "identity.service_account.from_above",
            Self::ApiTokenFromAbove => "identity.api_token.from_above",
            Self::ServiceAccountAbove => "identity.service_account.above",
            Self::ServiceAccountTaken => "identity.service_account.name_taken",
            Self::TooManyTokens => "identity.api_token.too_many",
            Self::RealmExists => "identity.realm.exists",
            Self::HostTaken => "identity.realm.host_taken",
            Self::Credential(error) => error.code(),
            Self::Crypto(_) | Self::ClaimFile(_) | Self::LeakedPasswords(_) | Self::Job(_) => "identity.internal",
            Self::Invite(error) => error.code(),
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Invite(error) => error.public_text(),
            Self::Spine(error) => error.public_text(),
            Self::Crypto(_) | Self::ClaimFile(_) | Self::LeakedPasswords(_) | Self::Job(_) => {
                "something went wrong on our side; nothing was changed".into()
            }
            other => other.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) => fields.clone(),
            Self::TotpWrong => vec![FieldError::new("/code", self.code(), self.to_string())],
            Self::Spine(error) => error.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Invite(error) => error.retry_after(),
            Self::Spine(error) => error.retry_after(),
            _ => None,
        }
    }
}
