//! The values of the feed, topic by topic. Fields are only added, with defaults: a data plane of
//! the previous version reads what this one writes, and the other way round.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Key: a host name in lower-case A-label form, or `*.` and a suffix. Value: [`EdgeHost`].
pub const EDGE_HOST: &str = "edge.host";
/// Key: the id of the site whose servers they are. Value: [`EdgeUpstream`].
pub const EDGE_UPSTREAM: &str = "edge.upstream";
/// Key: the id of the site whose kept answers are forgotten. Value: [`EdgePurges`].
pub const EDGE_PURGE: &str = "edge.purge";
/// Key: the certificate's id. Value: [`EdgeCertificate`].
pub const EDGE_CERTIFICATE: &str = "edge.certificate";
/// Key: the challenge's id. Value: [`EdgeChallenge`].
pub const EDGE_CHALLENGE: &str = "edge.challenge";
/// Key: the zone's apex. Value: [`DnsZone`].
pub const DNS_ZONE: &str = "dns.zone";

/// What the edge does with requests for one host name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeHost {
    pub target: EdgeTarget,
    /// What answers for parts of its paths; the longest that matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<EdgeRoute>,
    /// What stands before all of it, in the words of the edge (`[host.policy]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// How answers of servers are kept, in the words of the edge (`cache`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Value>,
}

impl From<EdgeTarget> for EdgeHost {
    /// With nothing before it.
    fn from(target: EdgeTarget) -> Self {
        Self {
            target,
            routes: Vec::new(),
            policy: None,
            cache: None,
        }
    }
}

/// A path, with all below it, that has a target of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeRoute {
    pub path: String,
    pub target: EdgeTarget,
}

/// What of a site's kept answers is to be forgotten: the last of a log with numbers that only grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgePurges {
    pub tenant: String,
    /// What was before is no longer in the log: whoever has not come so far forgets everything of the site.
    pub floor: i64,
    /// In their order.
    pub log: Vec<EdgePurge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgePurge {
    pub seq: i64,
    /// Whether the answers may still be served as stale ones are.
    #[serde(default)]
    pub soft: bool,
    /// In the words of the edge.
    pub what: Vec<Value>,
}

/// A pool of servers, in the words of the edge (`[upstream.NAME]`).
pub type EdgeUpstream = Value;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EdgeTarget {
    /// Serve files of a release.
    Site {
        site: String,
        tenant: String,
        /// Below the sites folder: `site_…/releases/rel_…`.
        root: String,
        #[serde(default)]
        spa_fallback: bool,
        /// Page for what is not found, below `root`.
        #[serde(default)]
        not_found: Option<String>,
        #[serde(default = "yes")]
        https_redirect: bool,
    },
    Redirect {
        /// Whose traffic it is; empty when nobody's.
        #[serde(default)]
        site: String,
        #[serde(default)]
        tenant: String,
        /// `https://host`, without a path.
        to: String,
        /// 301, 302, 307 or 308.
        status: u16,
        #[serde(default = "yes")]
        keep_path: bool,
    },
    /// Pass requests on.
    Proxy {
        site: String,
        tenant: String,
        /// Key of the [`EDGE_UPSTREAM`].
        upstream: String,
        /// Whether servers are asked for their own name, and not for the one that the visitor asked for.
        #[serde(default)]
        own_name: bool,
        #[serde(default = "yes")]
        https_redirect: bool,
    },
    /// The control panel.
    Panel,
    /// A site without a release yet, or one that is not to be shown.
    Placeholder {
        /// Whose traffic it is; empty when nobody's.
        #[serde(default)]
        site: String,
        #[serde(default)]
        tenant: String,
        title: String,
        text: String,
        /// 200, or an error's status: the answer to every method then.
        #[serde(default = "ok")]
        status: u16,
        /// RFC 3339: when it is worth asking again.
        #[serde(default)]
        retry_at: Option<String>,
        /// An `https://` or `mailto:` address for a link below the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<String>,
    },
}

fn yes() -> bool {
    true
}

fn ok() -> u16 {
    200
}

/// A certificate and its key, the key readable only by the nodes it is sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeCertificate {
    /// Exact names and `*.` suffixes.
    pub names: Vec<String>,
    /// Leaf first.
    pub chain_pem: String,
    /// Private key (PKCS#8 PEM), sealed by HPKE; base64 by node id.
    pub sealed_key: BTreeMap<String, String>,
    /// RFC 3339.
    pub not_after: String,
}

/// HPKE `info` for keys in [`EdgeCertificate::sealed_key`]; the certificate's id is the AAD.
pub const EDGE_CERTIFICATE_HPKE_INFO: &[u8] = b"mpanel edge.certificate v1";

/// What a certificate authority is answered that tries whether a name leads here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeChallenge {
    /// One exact name.
    pub host: String,
    #[serde(flatten)]
    pub proof: EdgeProof,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EdgeProof {
    /// RFC 8555 §8.3.
    Http { token: String, key_authorization: String },
    /// RFC 8737.
    TlsAlpn { key_authorization: String },
}

/// A zone as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsZone {
    pub apex: String,
    pub serial: u32,
    pub soa: DnsSoa,
    pub records: Vec<DnsRecord>,
}

/// RFC 1035 §3.3.13; times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsSoa {
    pub mname: String,
    pub rname: String,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
    pub ttl: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Absolute, lower-case, without the final dot.
    pub name: String,
    /// Such as `MX`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Seconds.
    pub ttl: u32,
    /// Presentation format, such as `10 mail.example.com.`.
    pub data: String,
}
