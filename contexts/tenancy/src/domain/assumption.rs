use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{AssumptionId, TenantId, UserId};
use mpanel_kernel::names::leaves_its_place;

/// So long somebody may wait for the tenant's leave.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(72);
const MOST_MINUTES: i32 = 480;

/// Leave to act for a tenant as a member of one above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    pub id: AssumptionId,
    pub user: UserId,
    pub from: TenantId,
    /// What that tenant was called when it was asked.
    pub from_name: String,
    pub reason: String,
    pub minutes: i32,
    pub asked_at: Timestamp,
    pub opened_at: Option<Timestamp>,
    /// Who agreed, where that was asked for.
    pub agreed_by: Option<UserId>,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<UserId>,
}

/// How an assumption stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssumptionState {
    /// For the tenant's leave.
    Waiting,
    Open,
    /// Its time is over, it was ended, or it was never agreed to.
    Ended,
}

impl AssumptionState {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Open, Self::Ended];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

impl Assumption {
    #[must_use]
    pub fn state(&self, now: Timestamp) -> AssumptionState {
        match (self.ended_at, self.opened_at) {
            (Some(_), _) => AssumptionState::Ended,
            _ if self.expires_at <= now => AssumptionState::Ended,
            (None, None) => AssumptionState::Waiting,
            (None, Some(_)) => AssumptionState::Open,
        }
    }
}

/// When `minutes` after `now` are over.
#[must_use]
pub fn until(now: Timestamp, minutes: i32) -> Timestamp {
    let span = SignedDuration::from_mins(i64::from(minutes));
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// # Errors
/// The [`FieldError`] of `/reason`: it has 5 to 300 characters on one line, for somebody shall learn from it.
pub fn reason(text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    if !(5..=300).contains(&text.chars().count()) || text.chars().any(leaves_its_place) {
        return Err(FieldError::new(
            "/reason",
            "tenancy.assumption.reason",
            "say why in 5 to 300 characters on one line; the tenant reads it",
        ));
    }
    Ok(text.to_owned())
}

/// # Errors
/// The [`FieldError`] of `/minutes`.
pub fn minutes(given: i32) -> Result<i32, FieldError> {
    if (1..=MOST_MINUTES).contains(&given) {
        return Ok(given);
    }
    Err(FieldError::new(
        "/minutes",
        "tenancy.assumption.minutes",
        "it lasts 1 to 480 minutes",
    ))
}
