//! The words of RFC 8555, and the traits that speak them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Error;

/// Where an authority is, and how its server is known to be it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Absolute `https` URL of the directory (§7.1.1).
    pub url: String,
    /// The root that signs the server's own certificate, for authorities that are nobody's but the operator's.
    pub root_pem: Option<String>,
}

/// A new account's key, made and kept before anybody is asked: asking twice with it is one account (§7.3.1).
#[derive(Clone)]
pub struct AccountKey(pub(crate) Vec<u8>);

impl AccountKey {
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, Error> {
        let (_, key) = instant_acme::Key::generate_pkcs8().map_err(|error| Error::Unusable(error.to_string()))?;
        Ok(Self(key.secret_pkcs8_der().to_vec()))
    }

    /// From [`AccountKey::as_bytes`].
    #[must_use]
    pub fn new(pkcs8: Vec<u8>) -> Self {
        Self(pkcs8)
    }

    /// PKCS#8; a secret.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A binding to an account that somebody has with the authority by other means (§7.3.4).
#[derive(Clone)]
pub struct ExternalAccount {
    pub kid: String,
    /// The MAC key's own bytes, decoded.
    pub hmac: Vec<u8>,
}

/// What opens an account again.
#[derive(Clone)]
pub struct Credentials {
    pub url: String,
    pub key: AccountKey,
}

/// Certificate authorities.
#[async_trait]
pub trait Acme: Send + Sync + 'static {
    /// Makes an account, or finds the one that `key` has already. With an external account the account's key is another one,
    /// made at that moment; `instant-acme` signs such a binding with no key that is given to it.
    ///
    /// `contact` are URLs such as `mailto:ops@example.com`. Whoever calls has agreed to the authority's terms.
    async fn new_account(
        &self,
        directory: &Directory,
        key: &AccountKey,
        contact: &[String],
        external: Option<&ExternalAccount>,
    ) -> Result<Credentials, Error>;

    /// Opens an account; asks the authority for its directory and for nothing else.
    async fn account(&self, directory: &Directory, credentials: &Credentials) -> Result<Arc<dyn Account>, Error>;
}

/// An account with an authority.
#[async_trait]
pub trait Account: Send + Sync + 'static {
    /// Its URL at the authority, which is what CAA records name (RFC 8657).
    fn url(&self) -> &str;

    /// Orders a certificate for names, `*.` for wildcards. `replaces` is the [id](Renewal) of a certificate that it renews.
    async fn new_order(&self, names: &[String], replaces: Option<&str>) -> Result<Order, Error>;

    /// Orders that are neither finished nor failed, for these names and no others, as far as the authority lists orders
    /// (§7.1.2.1); those that do not answer with nothing.
    async fn open_orders(&self, names: &[String]) -> Result<Vec<Order>, Error>;

    async fn order(&self, url: &str) -> Result<Order, Error>;

    /// The authorizations of an order with all they offer.
    async fn authorizations(&self, order_url: &str) -> Result<Vec<Authorization>, Error>;

    /// Says that the challenges of `kind` of the order's pending authorizations can be looked at; others are left alone, so
    /// that saying it again does no harm.
    async fn ready(&self, order_url: &str, kind: ChallengeKind) -> Result<(), Error>;

    /// Hands in the CSR (DER) of an order that is ready.
    async fn finalize(&self, order_url: &str, csr: &[u8]) -> Result<Order, Error>;

    /// The chain of a valid order, PEM, leaf first.
    async fn certificate(&self, order_url: &str) -> Result<String, Error>;

    /// Revokes a certificate (DER) of this account.
    async fn revoke(&self, certificate: &[u8]) -> Result<(), Error>;

    /// When the authority would have a certificate renewed (RFC 9773). `id` is its key identifier and serial number, in
    /// base64url with a dot between (§4.1).
    async fn renewal(&self, id: &str) -> Result<Renewal, Error>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub url: String,
    pub status: OrderStatus,
    /// Why it is invalid, when that is known.
    pub error: Option<Error>,
    /// When the authority wants to be asked again.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Without the `*.` of a wildcard.
    pub name: String,
    pub wildcard: bool,
    pub status: AuthorizationStatus,
    pub challenges: Vec<Challenge>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationStatus {
    Pending,
    Valid,
    /// Invalid, expired, revoked or deactivated: a new order is needed.
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ChallengeKind {
    #[serde(rename = "dns-01")]
    Dns01,
    #[serde(rename = "http-01")]
    Http01,
    /// RFC 8737.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl ChallengeKind {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Dns01 => "dns-01",
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub kind: ChallengeKind,
    pub token: String,
    /// The token with the account's thumbprint (§8.1): the body of an HTTP-01 answer.
    pub key_authorization: String,
    /// What a DNS-01 record says (§8.4): the base64url of the key authorization's SHA-256.
    pub dns_value: String,
    /// Why it failed.
    pub error: Option<Error>,
}

/// When a certificate is to be renewed, and when to ask that again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    pub start: Timestamp,
    pub end: Timestamp,
    pub ask_again: Duration,
}
