//! Outbound HTTP on behalf of customers, which cannot be turned against the provider's own network.
//!
//! Every address a name resolves to is checked at the moment of connecting, so there is no second look-up that could
//! answer differently; addresses written into the URL or a redirect are checked too. Only `http` and `https` on few
//! ports, no redirects unless asked for, no proxies from the environment, bounded time and answer.
//! (OWASP ASVS 1.3.6, 13.2.4, 13.2.5; IANA special-purpose address registries, RFC 6890.)
#![forbid(unsafe_code)]

mod address;
mod client;
mod resolver;

pub use address::is_public;
pub use client::{Builder, Client, Response};

/// Why a request was not made or gave no answer. No text names an address that a name resolved to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The URL itself is refused.
    #[error("the URL is not allowed: {0}")]
    Url(&'static str),
    /// The host is, or resolves only to, addresses that are not public.
    #[error("`{0}` is not a public host")]
    NotPublic(String),
    /// Name resolution or the connection failed.
    #[error("no connection: {0}")]
    Connect(String),
    /// No complete answer in time.
    #[error("no answer in time")]
    Timeout,
    /// More redirects than allowed.
    #[error("too many redirects")]
    Redirects,
    /// Anything else between the request and the end of its answer.
    #[error("the request failed: {0}")]
    Failed(String),
}

#[cfg(test)]
mod tests;
