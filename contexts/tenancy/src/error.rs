use mpanel_authz::Denied;
use mpanel_identity_contract::InviteError;
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use mpanel_tenancy_contract::EntitlementKey;

/// What can go wrong in tenancy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such object here")]
    NotFound,
    #[error("{}", .0.first().map_or("the request is not valid", |f| f.message.as_str()))]
    Invalid(Vec<FieldError>),
    #[error("a customer has no tenants below it; act for a reseller or the platform")]
    NotASeller,
    #[error("the account is suspended")]
    Suspended,
    #[error("only the seller directly above puts a tenant on a plan; act for it and try again")]
    NotTheSeller,
    #[error("a plan of this name exists; choose another name, or add a version to it")]
    PlanNameTaken,
    #[error("the plan is archived and takes no new subscribers")]
    PlanArchived,
    #[error("the plan gives more {} than the seller itself has", .0.as_str())]
    Oversold(EntitlementKey),
    #[error("this user is a member already")]
    AlreadyMember,
    #[error("an owner is changed or removed only by an owner, and the last owner stays")]
    OwnerStays,
    #[error("a role of this name exists; choose another name")]
    RoleNameTaken,
    #[error("members have this role; give them another one first")]
    RoleInUse,
    #[error("this tenant is not below the acting one, so there is nothing to ask for")]
    NotBelow,
    #[error("your role does not reach the tenants below")]
    NoReach,
    #[error("only a person acts for a tenant below with a reason; a program needs a token that may act below")]
    NotAPerson,
    #[error("only the tenant itself agrees to that")]
    OwnConsent,
    #[error("this tenant wants to be asked first: act for it, which asks it, and try again")]
    ConsentRequired,
    #[error("nobody waits for an answer to this any more")]
    NotWaiting,
    #[error("somebody changed this meanwhile; load it again and repeat your change")]
    Stale,
    #[error("a tenant's state is changed by those above it, not by itself")]
    OwnState,
    #[error("a tenant is moved by those above it, not by itself")]
    OwnPlace,
    #[error("a tenant is taken over at the wish of those above it, not at its own")]
    OwnMerge,
    #[error("this keeps the tenant from being taken over: {}", .0.first().map_or("", |f| f.message.as_str()))]
    InTheWay(Vec<FieldError>),
    #[error("a tenant cannot stand below itself")]
    BelowItself,
    #[error("the tenant is ending; restore it first, if there is still time")]
    Ending,
    #[error("the tenant is not ending")]
    NotEnding,
    #[error("the tenant uses more {} than the plan gives", .0.as_str())]
    UsesMore(EntitlementKey),
    #[error("the tenant uses more {} than a seller above its new place has left", .0.as_str())]
    NoRoom(EntitlementKey),
    #[error("an archive of this account is being made already; wait for it, or cancel it")]
    ExportRunning,
    #[error("the archive is not finished, or it is gone")]
    ExportNotReady,
    #[error("the account has three archives; remove one before another is made")]
    ExportsFull,
    #[error("there is not enough free disk space to make an archive")]
    ExportNoSpace,
    #[error("somebody else asked for this archive; act for the account, and say why, to download it")]
    ExportOfOthers,
    #[error("the archives cannot be reached")]
    Exports(#[source] std::io::Error),
    #[error(transparent)]
    Jobs(#[from] mpanel_jobs::Error),
    #[error(transparent)]
    Invite(#[from] InviteError),
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
}

impl Error {
    pub(crate) fn field(pointer: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, code, message)])
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
            Self::Denied(_) | Self::NoReach | Self::NotAPerson | Self::OwnConsent | Self::ExportOfOthers => {
                Kind::Forbidden
            }
            Self::ExportNoSpace => Kind::Unavailable,
            Self::NotFound => Kind::NotFound,
            Self::Invalid(_) => Kind::Invalid,
            // The same wherever it is met: at the door, or when something is counted.
            Self::Suspended => Kind::Forbidden,
            Self::NotASeller
            | Self::NotTheSeller
            | Self::PlanNameTaken
            | Self::PlanArchived
            | Self::AlreadyMember
            | Self::OwnerStays
            | Self::RoleNameTaken
            | Self::RoleInUse
            | Self::NotBelow
            | Self::ConsentRequired
            | Self::NotWaiting
            | Self::OwnState
            | Self::OwnPlace
            | Self::OwnMerge
            | Self::InTheWay(_)
            | Self::BelowItself
            | Self::Ending
            | Self::NotEnding
            | Self::ExportRunning
            | Self::ExportNotReady
            | Self::ExportsFull => Kind::Conflict,
            Self::Oversold(_) | Self::UsesMore(_) | Self::NoRoom(_) => Kind::Quota,
            Self::Stale => Kind::Stale,
            Self::Exports(_) => Kind::Internal,
            Self::Jobs(error) => error.kind(),
            Self::Invite(error) => error.kind(),
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::NotFound => "request.not_found",
            Self::Invalid(_) => "request.invalid",
            Self::NotASeller => "tenancy.tenant.not_a_seller",
            Self::Suspended => "tenancy.tenant.suspended",
            Self::NotTheSeller => "tenancy.tenant.not_the_seller",
            Self::PlanNameTaken => "tenancy.plan.name_taken",
            Self::PlanArchived => "tenancy.plan.archived",
            Self::Oversold(_) => "tenancy.plan.oversold",
            Self::AlreadyMember => "tenancy.member.exists",
            Self::OwnerStays => "tenancy.member.owner_stays",
            Self::RoleNameTaken => "tenancy.role.name_taken",
            Self::RoleInUse => "tenancy.role.in_use",
            Self::NotBelow => "tenancy.assumption.not_below",
            Self::NoReach => "request.forbidden",
            Self::NotAPerson => "tenancy.assumption.not_a_person",
            Self::OwnConsent => "tenancy.assumption.own_consent",
            Self::ConsentRequired => "tenancy.assumption.consent_required",
            Self::NotWaiting => "tenancy.assumption.not_waiting",
            Self::Stale => "request.stale",
            Self::Invite(error) => error.code(),
            Self::OwnState => "tenancy.tenant.own_state",
            Self::OwnPlace => "tenancy.tenant.own_place",
            Self::OwnMerge => "tenancy.tenant.own_merge",
            Self::InTheWay(_) => "tenancy.tenant.merge_in_the_way",
            Self::BelowItself => "tenancy.tenant.below_itself",
            Self::Ending => "tenancy.tenant.ending",
            Self::NotEnding => "tenancy.tenant.not_ending",
            Self::UsesMore(_) => "tenancy.tenant.uses_more",
            Self::NoRoom(_) => "tenancy.tenant.no_room",
            Self::ExportRunning => "tenancy.export.running",
            Self::ExportNotReady => "tenancy.export.not_ready",
            Self::ExportsFull => "tenancy.export.full",
            Self::ExportNoSpace => "tenancy.export.no_space",
            Self::ExportOfOthers => "tenancy.export.of_others",
            Self::Exports(_) => "tenancy.internal",
            Self::Jobs(error) => error.code(),
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Jobs(error) => error.public_text(),
            Self::Invite(error) => error.public_text(),
            Self::Spine(error) => error.public_text(),
            other => other.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) | Self::InTheWay(fields) => fields.clone(),
            Self::Spine(error) => error.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Jobs(error) => error.retry_after(),
            Self::ExportNoSpace => Some(60),
            Self::Invite(error) => error.retry_after(),
            Self::Spine(error) => error.retry_after(),
            _ => None,
        }
    }
}
