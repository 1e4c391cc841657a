//! What the engine is told to serve. The shapes are those of the feed topics `edge.host`, `edge.certificate` and
//! `edge.challenge`, except that the private key has already been opened. Unknown fields are ignored, so that a newer control plane
//! can talk to an older edge; but not those of rules ([`Policy`]), which would leave open what they protect.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backends::{PathRoute, Php, Proxy, Split, Upstream};
use crate::cache::{CachePolicy, Purge};
use crate::policy::Policy;

/// A whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EdgeConfig {
    /// By host name: a lower-case A-label name, `*.suffix` (one label deep, as in certificates), an IP address, or
    /// `*` for every name that nothing else matches.
    #[serde(default)]
    pub hosts: BTreeMap<String, Host>,
    /// By certificate id.
    #[serde(default)]
    pub certificates: BTreeMap<String, Certificate>,
    /// Pools of servers, by the name that [`Proxy::upstream`] says.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// By challenge id.
    #[serde(default)]
    pub challenges: BTreeMap<String, Challenge>,
}

/// One host name's entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What answers for the name.
    pub target: Target,
    /// What answers for parts of its paths; the longest that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<PathRoute>,
    /// How answers of its `proxy` and `php` targets are kept; those of a `split` are not.
    #[serde(default)]
    pub cache: Option<Box<CachePolicy>>,
    /// What stands before all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
}

impl From<Target> for Host {
    /// With nothing before it.
    fn from(target: Target) -> Self {
        Self {
            target,
            routes: Vec::new(),
            cache: None,
            policy: None,
        }
    }
}

/// What answers for a host name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A tree of static files.
    Site {
        /// Opaque label under which traffic is counted and logged; empty when there is none.
        #[serde(default)]
        site: String,
        /// Directory relative to `EdgeOptions::sites_dir`; an activated release is a new value.
        root: String,
        /// Whether unknown paths that a browser navigates to answer `/index.html` with 200.
        #[serde(default)]
        spa_fallback: bool,
        /// File (relative to the root) shown with status 404.
        #[serde(default)]
        not_found: Option<String>,
        /// Whether plain HTTP is redirected to HTTPS as soon as a certificate covers the name.
        #[serde(default)]
        https_redirect: bool,
    },
    /// Another address answers.
    Redirect {
        /// As in [`Target::Site`].
        #[serde(default)]
        site: String,
        /// Absolute `http` or `https` URL. With `keep_path`, the request's path and query are appended.
        to: String,
        /// 301, 302, 307 or 308.
        status: u16,
        /// Whether the path and query are kept.
        #[serde(default)]
        keep_path: bool,
    },
    /// Programs behind FastCGI, and the files around them.
    Php(Php),
    /// A pool of servers.
    Proxy(Proxy),
    /// Several targets, each with a share of the visitors.
    Split(Split),
    /// The panel, behind `EdgeOptions::panel_socket`.
    Panel,
    /// A calm page with a title and a text, for a site that has no release yet or is not to be shown.
    Placeholder {
        /// As in [`Target::Site`].
        #[serde(default)]
        site: String,
        /// Heading, plain text.
        title: String,
        /// What stands below it, plain text; also on several lines.
        text: String,
        /// 200, or an error's status; then it is the answer to every method.
        #[serde(default = "ok")]
        status: u16,
        /// When it is worth asking again: the `Retry-After` of the answer.
        #[serde(default)]
        retry_at: Option<jiff::Timestamp>,
        /// An `https://` or `mailto:` address for a link below the text.
        #[serde(default)]
        contact: Option<String>,
    },
}

fn ok() -> u16 {
    200
}

/// A certificate with its private key.
#[derive(Clone, Debug, Deserialize)]
pub struct Certificate {
    /// The names it serves: exact, `*.suffix`, or IP addresses.
    pub names: Vec<String>,
    /// Leaf first, PEM.
    pub chain_pem: String,
    /// PKCS#8, SEC1 or PKCS#1, PEM.
    pub key_pem: PrivateKeyPem,
    /// End of validity; among certificates for one name, the one that lasts longest is used.
    #[serde(default)]
    pub not_after: Option<jiff::Timestamp>,
}

/// What a certificate authority is answered that tries whether a name leads here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// One exact name.
    pub host: String,
    /// How it is tried.
    #[serde(flatten)]
    pub proof: Proof,
}

/// How a name is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proof {
    /// HTTP-01: a file over plain HTTP (RFC 8555 §8.3).
    Http {
        /// The file's name, base64url.
        token: String,
        /// Its content.
        key_authorization: String,
    },
    /// TLS-ALPN-01: a certificate (RFC 8737), which the engine makes itself.
    TlsAlpn {
        /// Whose SHA-256 the certificate holds.
        key_authorization: String,
    },
}

/// A private key in PEM. It is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// Takes ownership of a key in PEM form.
    #[must_use]
    pub fn new(pem: String) -> Self {
        Self(pem)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(…)")
    }
}

/// One change. Deleting what is not there is not an error.
#[derive(Clone, Debug)]
pub enum Delta {
    /// Forgets kept answers. Once it has been applied, no request gets one of them.
    Purge {
        /// Its place in the log of purges: what is not above the last one applied is left out.
        seq: u64,
        /// What is forgotten.
        purge: Purge,
    },
    /// Adds or replaces a host.
    UpsertHost {
        /// The key in [`EdgeConfig::hosts`].
        name: String,
        /// Its new entry.
        host: Host,
    },
    /// Removes a host.
    DeleteHost {
        /// The key in [`EdgeConfig::hosts`].
        name: String,
    },
    /// Adds or replaces a certificate.
    UpsertCertificate {
        /// The key in [`EdgeConfig::certificates`].
        id: String,
        /// Its new value.
        certificate: Certificate,
    },
    /// Adds or replaces a pool of servers.
    UpsertUpstream {
        /// The key in [`EdgeConfig::upstreams`].
        name: String,
        /// Its new value.
        upstream: Upstream,
    },
    /// Removes a pool of servers.
    DeleteUpstream {
        /// The key in [`EdgeConfig::upstreams`].
        name: String,
    },
    /// Removes a certificate.
    DeleteCertificate {
        /// The key in [`EdgeConfig::certificates`].
        id: String,
    },
    /// Adds or replaces a challenge.
    UpsertChallenge {
        /// The key in [`EdgeConfig::challenges`].
        id: String,
        /// Its new value.
        challenge: Challenge,
    },
    /// Removes a challenge.
    DeleteChallenge {
        /// The key in [`EdgeConfig::challenges`].
        id: String,
    },
}

/// An entry that could not be used. The rest of the change was applied; an older entry under the same key stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Host name, certificate id, challenge id or name of an upstream.
    pub key: String,
    /// What is wrong with it, for a log.
    pub reason: String,
}
