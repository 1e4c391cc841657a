//! The edge web engine: static sites over HTTP and HTTPS, redirects, and the panel behind a Unix socket.
//!
//! The engine knows no tenants and no database. It is given an [`EdgeConfig`] (hosts and certificates) and then
//! [`Delta`]s; each change is visible to the next request, and no request in flight notices. Everything it needs to
//! serve is in memory and on the local disk, so it keeps serving whatever else has died.
//!
//! ```no_run
//! use mpanel_engine_edge::{Edge, EdgeConfig, EdgeOptions, Listener, Role};
//!
//! let (edge, _rejected) = Edge::new(EdgeOptions::new("data/sites", "data/run/serve.sock"), EdgeConfig::default());
//! let http = std::net::TcpListener::bind("127.0.0.1:8080")?;
//! let running = edge.start(vec![Listener::new(Role::EdgeHttp, http)])?;
//! // … edge.apply(deltas) …
//! running.stop(std::time::Duration::from_secs(10));
//! # Ok::<(), std::io::Error>(())
//! ```

mod access;
pub mod alone;
mod backends;
mod body;
mod cache;
mod certs;
mod challenge;
mod clock;
mod config;
mod counters;
mod edge;
pub mod fastcgi;
mod files;
pub mod host;
mod net;
mod options;
mod pages;
pub mod path;
mod policy;
mod proxy;
mod route;
mod server;
mod split;
mod table;
#[cfg(test)]
mod tests;
mod upstream;

pub use access::{AccessLog, AccessRecord};
pub use backends::{Balance, Check, HostHeader, Part, PathRoute, Php, Proxy, Server, Split, Upstream, UpstreamTls};
pub use cache::{CacheCounters, CacheOptions, CachePolicy, Mode, Purge, PurgeWhat, Query, SetCookie};
pub use clock::{Clock, SystemClock};
pub use config::{Certificate, Challenge, Delta, EdgeConfig, Host, PrivateKeyPem, Proof, Rejected, Target};
pub use counters::{HostCounters, LATENCY_BUCKETS_MICROS, SiteTraffic, Traffic};
pub use edge::{Edge, Status};
pub use options::{EdgeOptions, FileOptions, Limits, ProxyOptions, SpoolOptions};
pub use policy::{
    AccessRule, BasicAuth, ClientAuth, HeaderRule, Hsts, Maintenance, Policy, RateRule, RateScope, Rule, TlsRules,
    TlsVersion,
};
pub use server::{Listener, Role, Running, Stopped};
