//! The parts of the document. What is left out of one has the value that its description names.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::Timestamp;
use mpanel_engine_edge::{
    AccessRule, Balance, BasicAuth, CachePolicy, Check, ClientAuth, HeaderRule, Hsts, Maintenance, Mode, RateRule,
    RateScope, Rule, Server, TlsRules, TlsVersion, Upstream, UpstreamTls,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Servers;

/// By which a visitor stays with one server.
const STICKY: &str = "mpanel_server";

/// Between two checks, and for one.
const CHECK_MS: u32 = 5_000;

fn everything() -> String {
    "/*".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

const fn moved() -> u16 {
    301
}

const fn one() -> u16 {
    1
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryRedirect)]
pub struct RedirectDto {
    #[schema(example = "/blog/:year/*")]
    from: String,
    /// A path, or an `https` address; `:name` and `:splat` (for `*`) stand for what matched.
    #[schema(example = "/articles/:splat?year=:year")]
    to: String,
    /// 301, 302, 303, 307 or 308; 200 answers with what is at `to`, without telling. 301 when absent.
    #[serde(default = "moved")]
    status: u16,
}

impl From<Rule> for RedirectDto {
    fn from(Rule { from, to, status }: Rule) -> Self {
        Self { from, to, status }
    }
}

impl From<RedirectDto> for Rule {
    fn from(RedirectDto { from, to, status }: RedirectDto) -> Self {
        Self { from, to, status }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryHeaders)]
pub struct HeadersDto {
    /// `/*` when absent.
    #[serde(default = "everything")]
    path: String,
    /// Fields that are removed first.
    #[serde(default)]
    remove: Vec<String>,
    /// Fields that take the place of others of their name.
    #[serde(default)]
    set: BTreeMap<String, String>,
}

impl From<HeaderRule> for HeadersDto {
    fn from(rule: HeaderRule) -> Self {
        Self {
            path: rule.path,
            remove: rule.remove,
            set: rule.set,
        }
    }
}

impl From<HeadersDto> for HeaderRule {
    fn from(rule: HeadersDto) -> Self {
        Self {
            path: rule.path,
            remove: rule.remove,
            set: rule.set,
            append: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryAccess)]
pub struct AccessDto {
    /// `/*` when absent.
    #[serde(default = "everything")]
    path: String,
    /// Only these networks may come, when there are any.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    allow: Vec<IpNet>,
    /// These may not.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    deny: Vec<IpNet>,
}

impl From<AccessRule> for AccessDto {
    fn from(AccessRule { path, allow, deny }: AccessRule) -> Self {
        Self { path, allow, deny }
    }
}

impl From<AccessDto> for AccessRule {
    fn from(AccessDto { path, allow, deny }: AccessDto) -> Self {
        Self { path, allow, deny }
    }
}

mpanel_http::words!(
    /// Whose requests are counted together.
    ScopeWord as "sites.DeliveryRateScope" = ["client", "host"]
);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryRate)]
pub struct RateDto {
    /// `/*` when absent.
    #[serde(default = "everything")]
    path: String,
    /// `client`, an IPv4 address or IPv6 /64, or `host`, everybody; `client` when absent.
    #[serde(default)]
    #[schema(value_type = ScopeWord)]
    per: RateScope,
    /// So many at once, and so many in each `seconds` after that; 1 to 1000000.
    requests: u32,
    /// 1 to 86400.
    seconds: u32,
}

impl From<RateRule> for RateDto {
    fn from(rule: RateRule) -> Self {
        Self {
            path: rule.path,
            per: rule.per,
            requests: rule.requests,
            seconds: rule.seconds,
        }
    }
}

impl From<RateDto> for RateRule {
    fn from(rule: RateDto) -> Self {
        Self {
            path: rule.path,
            per: rule.per,
            requests: rule.requests,
            seconds: rule.seconds,
        }
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryArea)]
pub struct AreaDto {
    /// `/*` when absent.
    #[serde(default = "everything")]
    path: String,
    /// What browsers show when they ask.
    realm: String,
    /// Passwords by user, 8 to 128 characters. `null` for the one that there is: what is stored is never shown.
    pub(super) users: BTreeMap<String, Option<String>>,
}

impl std::fmt::Debug for AreaDto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AreaDto")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl From<BasicAuth> for AreaDto {
    fn from(area: BasicAuth) -> Self {
        Self {
            path: area.path,
            realm: area.realm,
            users: area.users.into_keys().map(|user| (user, None)).collect(),
        }
    }
}

impl From<AreaDto> for BasicAuth {
    /// Without hashes.
    fn from(area: AreaDto) -> Self {
        Self {
            path: area.path,
            realm: area.realm,
            users: area.users.into_keys().map(|user| (user, String::new())).collect(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryMaintenance)]
pub struct MaintenanceDto {
    title: String,
    text: String,
    /// When it is over.
    #[serde(default)]
    retry_at: Option<Timestamp>,
    /// Networks that see the site nevertheless.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    allow: Vec<IpNet>,
}

impl From<Maintenance> for MaintenanceDto {
    fn from(closed: Maintenance) -> Self {
        Self {
            title: closed.title,
            text: closed.text,
            retry_at: closed.retry_at,
            allow: closed.allow,
        }
    }
}

impl From<MaintenanceDto> for Maintenance {
    fn from(closed: MaintenanceDto) -> Self {
        Self {
            title: closed.title,
            text: closed.text,
            retry_at: closed.retry_at,
            allow: closed.allow,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryHsts)]
pub struct HstsDto {
    /// Seconds; 0 takes it back.
    max_age: u64,
    /// Also for all names below.
    #[serde(default)]
    include_subdomains: bool,
    /// Consent to the lists that browsers are built with.
    #[serde(default)]
    preload: bool,
}

impl From<Hsts> for HstsDto {
    fn from(hsts: Hsts) -> Self {
        Self {
            max_age: hsts.max_age,
            include_subdomains: hsts.include_subdomains,
            preload: hsts.preload,
        }
    }
}

impl From<HstsDto> for Hsts {
    fn from(hsts: HstsDto) -> Self {
        Self {
            max_age: hsts.max_age,
            include_subdomains: hsts.include_subdomains,
            preload: hsts.preload,
        }
    }
}

mpanel_http::words!(
    /// A version of TLS.
    TlsWord as "sites.DeliveryTlsVersion" = ["1.2", "1.3"]
);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryTls)]
pub struct TlsDto {
    /// The oldest that is spoken.
    #[schema(value_type = TlsWord)]
    min_version: TlsVersion,
    /// Certificates of authorities, PEM: clients show a certificate of one of them. The site is not served over plain HTTP then.
    #[serde(default)]
    client_authorities_pem: Option<String>,
    /// Whether clients without one are served too.
    #[serde(default)]
    client_optional: bool,
}

impl From<TlsRules> for TlsDto {
    fn from(tls: TlsRules) -> Self {
        let (pem, optional) = match tls.client_auth {
            Some(auth) => (Some(auth.authorities_pem), auth.optional),
            None => (None, false),
        };
        Self {
            min_version: tls.min_version,
            client_authorities_pem: pem,
            client_optional: optional,
        }
    }
}

impl From<TlsDto> for TlsRules {
    fn from(tls: TlsDto) -> Self {
        Self {
            min_version: tls.min_version,
            client_auth: tls.client_authorities_pem.map(|authorities_pem| ClientAuth {
                authorities_pem,
                optional: tls.client_optional,
            }),
        }
    }
}

mpanel_http::words!(
    /// Who gets a request.
    BalanceWord as "sites.DeliveryBalance" = ["round_robin", "least_connections", "client_hash"]
);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryServer)]
pub struct ServerDto {
    /// A name or an address on the public internet, with a port.
    #[schema(example = "app.example.com:443")]
    address: String,
    /// Its share of the requests; 1 when absent.
    #[serde(default = "one")]
    weight: u16,
    /// Whether it only gets what the others cannot take.
    #[serde(default)]
    backup: bool,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryServers)]
pub struct ServersDto {
    /// `/` for the whole site, or the beginning of paths; `/` when absent.
    #[serde(default = "root")]
    path: String,
    /// 1 to 20.
    addresses: Vec<ServerDto>,
    /// `round_robin` when absent.
    #[serde(default)]
    #[schema(value_type = BalanceWord)]
    balance: Balance,
    /// Whether a cookie keeps a visitor with one server.
    #[serde(default)]
    sticky: bool,
    /// Asked for every five seconds: a server that does not answer 200 to 399 gets no requests.
    #[serde(default)]
    check_path: Option<String>,
    /// Whether they are spoken to over TLS. Their certificates are checked.
    #[serde(default)]
    tls: bool,
    /// Whether they are asked for their own name, and not for the one that the visitor asked for.
    #[serde(default)]
    own_name: bool,
}

impl From<Servers> for ServersDto {
    fn from(servers: Servers) -> Self {
        let pool = servers.pool;
        let addresses = pool.servers.into_iter().map(|server| ServerDto {
            address: server.address,
            weight: server.weight,
            backup: server.backup,
        });
        Self {
            path: servers.path,
            addresses: addresses.collect(),
            balance: pool.balance,
            sticky: pool.sticky_cookie.is_some(),
            check_path: pool.check.map(|check| check.path),
            tls: pool.tls.is_some(),
            own_name: servers.own_name,
        }
    }
}

impl From<ServersDto> for Servers {
    fn from(servers: ServersDto) -> Self {
        let addresses = servers.addresses.into_iter().map(|server| Server {
            address: server.address,
            weight: server.weight,
            max_connections: 0,
            backup: server.backup,
        });
        Self {
            path: servers.path,
            own_name: servers.own_name,
            pool: Upstream {
                balance: servers.balance,
                sticky_cookie: servers.sticky.then(|| STICKY.to_owned()),
                check: servers.check_path.map(|path| Check {
                    path,
                    interval_ms: CHECK_MS,
                    timeout_ms: CHECK_MS,
                    expect: Vec::new(),
                }),
                tls: servers.tls.then(UpstreamTls::default),
                public_only: true,
                servers: addresses.collect(),
                ..Upstream::new([""; 0])
            },
        }
    }
}

mpanel_http::words!(
    /// What is kept.
    ModeWord as "sites.DeliveryCacheMode" = ["off", "standard", "wordpress"]
);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::DeliveryCache)]
pub struct CacheDto {
    /// `off`: nothing; `standard`: what the servers allow; `wordpress`: pages for ten minutes, but for who has logged in, commented
    /// or put something into a cart.
    #[schema(value_type = ModeWord)]
    mode: Mode,
    /// Seconds for which an answer is fresh that does not say itself; `null` for not at all.
    #[serde(default)]
    default_ttl: Option<u32>,
    /// Seconds at most, whatever an answer says.
    #[serde(default)]
    max_ttl: Option<u32>,
    /// Seconds for which a stale answer is served while it is fetched anew.
    #[serde(default)]
    stale_while_revalidate: u32,
    /// Seconds for which a stale answer stands in for servers that fail.
    #[serde(default)]
    stale_if_error: u32,
    /// Parameters of queries that tell no answers apart, `name` or `name*`.
    #[serde(default)]
    ignore_query: Vec<String>,
    /// Requests with one of these cookies (`name` or `name*`) go to the servers.
    #[serde(default)]
    bypass_cookies: Vec<String>,
    /// Requests for these paths and what lies below them go to the servers.
    #[serde(default)]
    bypass_paths: Vec<String>,
}

impl From<CachePolicy> for CacheDto {
    fn from(cache: CachePolicy) -> Self {
        Self {
            mode: cache.mode,
            default_ttl: cache.default_ttl,
            max_ttl: cache.max_ttl,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
            ignore_query: cache.ignore_query,
            bypass_cookies: cache.bypass_cookies,
            bypass_paths: cache.bypass_paths,
        }
    }
}

impl From<CacheDto> for CachePolicy {
    fn from(cache: CacheDto) -> Self {
        Self {
            mode: cache.mode,
            default_ttl: cache.default_ttl,
            max_ttl: cache.max_ttl,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
            ignore_query: cache.ignore_query,
            bypass_cookies: cache.bypass_cookies,
            bypass_paths: cache.bypass_paths,
            ..Self::default()
        }
    }
}
