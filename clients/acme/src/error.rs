//! What an authority answers when it does not do what it was asked.

use std::time::Duration;

/// Why a request to an authority failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It answered with a problem document (RFC 8555 §6.7).
    #[error("{0}")]
    Problem(Problem),
    /// It could not be reached, or answered something that is not ACME.
    #[error("the certificate authority does not answer: {0}")]
    Unreachable(String),
    /// It does not offer what was asked for.
    #[error("the certificate authority does not support {0}")]
    Unsupported(&'static str),
    /// A key or a request that was handed in here is not usable.
    #[error("not usable: {0}")]
    Unusable(String),
}

impl Error {
    /// The problem's kind, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Problem(problem) => Some(problem.kind),
            _ => None,
        }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// For people, in the authority's words.
    pub detail: String,
    /// HTTP status.
    pub status: Option<u16>,
    /// What is wrong with each of several names (§6.7.1).
    pub subproblems: Vec<Subproblem>,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.detail.is_empty() {
            self.kind.word()
        } else {
            &self.detail
        })?;
        for sub in &self.subproblems {
            write!(f, "; {}: {}", sub.name.as_deref().unwrap_or("?"), sub.detail)?;
        }
        Ok(())
    }
}

/// A problem with one name of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subproblem {
    pub name: Option<String>,
    pub kind: ProblemKind,
    pub detail: String,
}

/// The kinds of RFC 8555 §6.7 and RFC 9773 §7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    AccountDoesNotExist,
    AlreadyReplaced,
    AlreadyRevoked,
    BadCsr,
    BadNonce,
    BadPublicKey,
    Caa,
    Compound,
    Connection,
    Dns,
    ExternalAccountRequired,
    IncorrectResponse,
    InvalidContact,
    Malformed,
    OrderNotReady,
    RateLimited,
    RejectedIdentifier,
    ServerInternal,
    Tls,
    Unauthorized,
    UnsupportedContact,
    UnsupportedIdentifier,
    UserActionRequired,
    /// One that is in no RFC known here.
    Other,
}

const KINDS: &[(&str, ProblemKind)] = &[
    ("accountDoesNotExist", ProblemKind::AccountDoesNotExist),
    ("alreadyReplaced", ProblemKind::AlreadyReplaced),
    ("alreadyRevoked", ProblemKind::AlreadyRevoked),
    ("badCSR", ProblemKind::BadCsr),
    ("badNonce", ProblemKind::BadNonce),
    ("badPublicKey", ProblemKind::BadPublicKey),
    ("caa", ProblemKind::Caa),
    ("compound", ProblemKind::Compound),
    ("connection", ProblemKind::Connection),
    ("dns", ProblemKind::Dns),
    ("externalAccountRequired", ProblemKind::ExternalAccountRequired),
    ("incorrectResponse", ProblemKind::IncorrectResponse),
    ("invalidContact", ProblemKind::InvalidContact),
    ("malformed", ProblemKind::Malformed),
    ("orderNotReady", ProblemKind::OrderNotReady),
    ("rateLimited", ProblemKind::RateLimited),
    ("rejectedIdentifier", ProblemKind::RejectedIdentifier),
    ("serverInternal", ProblemKind::ServerInternal),
    ("tls", ProblemKind::Tls),
    ("unauthorized", ProblemKind::Unauthorized),
    ("unsupportedContact", ProblemKind::UnsupportedContact),
    ("unsupportedIdentifier", ProblemKind::UnsupportedIdentifier),
    ("userActionRequired", ProblemKind::UserActionRequired),
];

impl ProblemKind {
    pub(crate) fn parse(uri: Option<&str>) -> Self {
        let word = uri.and_then(|uri| uri.strip_prefix("urn:ietf:params:acme:error:"));
        let found = KINDS.iter().find(|(name, _)| Some(*name) == word);
        found.map_or(Self::Other, |(_, kind)| *kind)
    }

    /// The RFC's word for it, `other` where it has none.
    #[must_use]
    pub fn word(self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("other", |(name, _)| name)
    }

    /// Whether the authority as a whole is in trouble, or has had enough, rather than this request being wrong.
    #[must_use]
    pub fn is_the_authoritys(self) -> bool {
        matches!(
            self,
            Self::AccountDoesNotExist
                | Self::ExternalAccountRequired
                | Self::RateLimited
                | Self::ServerInternal
                | Self::UserActionRequired
        )
    }
}
