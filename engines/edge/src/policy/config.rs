//! What a host may be told beside its target. Everything is optional, and absent fields change nothing.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Rules of one host. Fields that it does not know are refused: a rule that protects must not be passed over in silence.
/// A request passes them in the order of the fields; `headers` and `hsts` are for answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What its handshakes demand.
    pub tls: Option<TlsRules>,
    /// Who may come, by address. All rules whose path matches must agree.
    pub access: Vec<AccessRule>,
    /// How often one may ask. All rules whose path matches must agree.
    pub rates: Vec<RateRule>,
    /// A page instead of the site.
    pub maintenance: Option<Maintenance>,
    /// Redirects and rewrites: the first whose path matches is followed.
    pub rules: Vec<Rule>,
    /// Areas that ask for a name and a password: the first whose path matches asks.
    pub auth: Vec<BasicAuth>,
    /// Changes to the header of answers, in order.
    pub headers: Vec<HeaderRule>,
    /// Tells browsers to use HTTPS only; sent over TLS.
    pub hsts: Option<Hsts>,
}

/// What the handshakes of a host demand beyond those of others. What the engine offers without is Mozilla's intermediate
/// configuration: TLS 1.2 and 1.3, forward secrecy, authenticated encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsRules {
    /// Clients that know no newer version than the one before are not served.
    pub min_version: TlsVersion,
    /// Asks clients for a certificate (mutual TLS). The host is not served over plain HTTP then.
    pub client_auth: Option<ClientAuth>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Which clients' certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAuth {
    /// Certificates of authorities, PEM: a client's must be signed by one of them.
    pub authorities_pem: String,
    /// Whether clients without one are served too.
    #[serde(default)]
    pub optional: bool,
}

/// Refuses with 403 whom it does not let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// For which paths; see [`RateRule::path`].
    #[serde(default = "everything")]
    pub path: String,
    /// Only these networks may come, when there are any.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// These may not.
    #[serde(default)]
    pub deny: Vec<IpNet>,
}

/// Refuses with 429 and `Retry-After` what is too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRule {
    /// `/exact`, `/area/*` (which covers `/area` too) or `/a/:any/b`, against the decoded path. A final slash does not matter.
    #[serde(default = "everything")]
    pub path: String,
    /// Whose requests are counted together.
    #[serde(default)]
    pub per: RateScope,
    /// So many at once, and so many in each `seconds` after that.
    pub requests: u32,
    /// In which `requests` are regained.
    pub seconds: u32,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateScope {
    /// Those of one IPv4 address or IPv6 /64.
    #[default]
    Client,
    /// Everybody's.
    Host,
}

/// A page with status 503 for everybody but some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Heading, plain text.
    pub title: String,
    /// What stands below it, plain text; also on several lines.
    pub text: String,
    /// When it is over: the `Retry-After` of the answer.
    #[serde(default)]
    pub retry_at: Option<jiff::Timestamp>,
    /// Who sees the site nevertheless.
    #[serde(default)]
    pub allow: Vec<IpNet>,
}

/// Another place for a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// As [`RateRule::path`]; what `:name` stands for and what `*` covers can be used in `to`.
    pub from: String,
    /// A path of the host, or for redirects also an absolute `http` or `https` URL. `:name` and `:splat` (for `*`) are put
    /// in, escaped. The request's query is kept unless there is one here.
    pub to: String,
    /// 301, 302, 303, 307 or 308; 200 answers with what is at `to`, without telling.
    #[serde(default = "moved")]
    pub status: u16,
}

/// Asks for a name and a password (RFC 7617).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// As [`RateRule::path`].
    #[serde(default = "everything")]
    pub path: String,
    /// What browsers show when they ask.
    pub realm: String,
    /// Hashes of passwords by user: Argon2 in PHC form (`$argon2id$…`).
    pub users: BTreeMap<String, String>,
}

impl std::fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BasicAuth")
            .field("path", &self.path)
            .field("realm", &self.realm)
            .field("users", &self.users.len())
            .finish()
    }
}

/// Changes the header of answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// As [`RateRule::path`].
    #[serde(default = "everything")]
    pub path: String,
    /// Fields that are removed first.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Fields that take the place of others of their name.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Fields that come beside others of their name.
    #[serde(default)]
    pub append: Vec<(String, String)>,
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// For how long, in seconds; 0 takes it back.
    pub max_age: u64,
    /// Also for all names below.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Consent to the lists that browsers are built with.
    #[serde(default)]
    pub preload: bool,
}

fn everything() -> String {
    "/*".to_owned()
}

fn moved() -> u16 {
    301
}
