//! Why an order does not go on, as it follows from what its authority has said.

use jiff::SignedDuration;
use mpanel_client_acme::{Error as AcmeError, Problem, ProblemKind};

use crate::error::Error;
use crate::store::issuers::StoredIssuer;

/// Before an order that waits is looked at again.
pub const SOON: SignedDuration = SignedDuration::from_secs(2);
pub const LATER: SignedDuration = SignedDuration::from_secs(30);
/// For an authority that has said that it cannot now, and not until when.
const REST: SignedDuration = SignedDuration::from_mins(5);

/// Why an order does not go on now.
pub enum Halt {
    /// It goes on by itself.
    Wait(String, SignedDuration),
    /// It has come to nothing.
    Fail(String),
    /// It has come to nothing, and is not to be asked for again before so long.
    Refused(String, SignedDuration),
    /// The authority is in trouble, and has not taken the order.
    Authority(AcmeError),
    Ours(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Ours(error.into())
    }
}

/// What an authority's error means for an order that it has.
pub fn judge(issuer: &StoredIssuer, error: AcmeError) -> Halt {
    let text = format!("{}: {error}", issuer.name);
    match error {
        AcmeError::Problem(problem) if matches!(problem.kind, ProblemKind::BadNonce | ProblemKind::OrderNotReady) => {
            Halt::Wait(text, asked_to_wait(&problem).max(SOON))
        }
        AcmeError::Problem(problem) if problem.kind.is_the_authoritys() => {
            Halt::Wait(text, asked_to_wait(&problem).max(REST))
        }
        AcmeError::Unreachable(_) => Halt::Wait(text, LATER),
        _ => Halt::Fail(text),
    }
}

/// What it means for one that it may not have.
pub fn judge_new(issuer: &StoredIssuer, error: AcmeError) -> Halt {
    match &error {
        AcmeError::Unreachable(_) => Halt::Authority(error),
        // Most limits are those of a name or a domain: one tenant's must not keep the others waiting.
        AcmeError::Problem(problem) if problem.kind == ProblemKind::RateLimited => {
            Halt::Refused(format!("{}: {error}", issuer.name), asked_to_wait(problem))
        }
        AcmeError::Problem(problem) if problem.kind.is_the_authoritys() || problem.kind == ProblemKind::BadNonce => {
            Halt::Authority(error)
        }
        _ => judge(issuer, error),
    }
}

fn asked_to_wait(problem: &Problem) -> SignedDuration {
    let asked = problem.retry_after.and_then(|wait| SignedDuration::try_from(wait).ok());
    asked.unwrap_or_default()
}
