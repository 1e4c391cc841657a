use std::fmt;

use crate::{Action, Permissions};

/// What an API token is narrowed to: permissions `resource:action`, `resource:*` or `*`. A token
/// can do what its owner's role allows *and* its scopes name, never more. [`Scopes::BELOW`] besides lets a program act for
/// the tenants below without a reason given each time; `*` does not say that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// A scope names no permission that exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scope:?} is no scope; a scope is *, below, or a resource and an action such as sites.site:read")]
pub struct ScopeError {
    /// Position in the given list.
    pub index: usize,
    pub scope: String,
}

impl Scopes {
    pub const BELOW: &str = "below";

    /// Checks scopes given by a caller against the permissions that exist.
    ///
    /// # Errors
    /// [`ScopeError`] for the first one that means nothing.
    pub fn parse(scopes: Vec<String>, permissions: &Permissions) -> Result<Self, ScopeError> {
        for (index, scope) in scopes.iter().enumerate() {
            let known = scope == "*"
                || scope == Self::BELOW
                || scope.split_once(':').is_some_and(|(resource, action)| {
                    permissions.resources().any(|r| r == resource)
                        && (action == "*" || Action::ALL.iter().any(|a| a.as_str() == action))
                });
            if !known {
                return Err(ScopeError {
                    index,
                    scope: scope.clone(),
                });
            }
        }
        Ok(Self(scopes))
    }

    /// Scopes as stored; ones that mean nothing any more simply grant nothing.
    #[must_use]
    pub fn stored(scopes: Vec<String>) -> Self {
        Self(scopes)
    }

    #[must_use]
    pub fn allows(&self, resource: &str, action: Action) -> bool {
        self.0.iter().any(|scope| {
            scope == "*"
                || scope
                    .split_once(':')
                    .is_some_and(|(r, a)| r == resource && (a == "*" || a == action.as_str()))
        })
    }

    /// Whether a program with it may act for the tenants below by itself.
    #[must_use]
    pub fn acts_below(&self) -> bool {
        self.0.iter().any(|scope| scope == Self::BELOW)
    }

    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
