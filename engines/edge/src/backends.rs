//! What the engine is told about programs and servers behind it. Times are milliseconds.

use serde::{Deserialize, Serialize};

use crate::Target;

/// A tree of files of which some are programs, run by a FastCGI server such as PHP-FPM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Php {
    /// As in [`Target::Site`](Target::Site).
    #[serde(default)]
    pub site: String,
    /// Document root relative to `EdgeOptions::sites_dir`.
    pub root: String,
    /// Where the FastCGI server listens: `unix:/run/php/site.sock` or `127.0.0.1:9000`.
    pub socket: String,
    /// The document root as that server sees it, an absolute path; by default the real path of `root`.
    #[serde(default)]
    pub script_root: Option<String>,
    /// Names that answer for a directory, in this order.
    #[serde(default = "index")]
    pub index: Vec<String>,
    /// Program (relative to the root) that answers every path that leads to nothing; such as `index.php`.
    #[serde(default)]
    pub front_controller: Option<String>,
    /// Endings of the names of programs, whatever their case.
    #[serde(default = "suffixes")]
    pub suffixes: Vec<String>,
    /// As in [`Target::Site`](Target::Site).
    #[serde(default)]
    pub not_found: Option<String>,
    /// As in [`Target::Site`](Target::Site).
    #[serde(default)]
    pub https_redirect: bool,
    /// Idle connections each thread keeps for two seconds. Each holds one of the server's processes, so all threads
    /// together must keep fewer than it has (`pm.max_children`).
    #[serde(default)]
    pub keep_connections: u16,
    /// Requests at a time over all threads; more wait for `connect_timeout_ms`. 0: no limit.
    #[serde(default)]
    pub max_connections: u32,
    /// Bytes of a request's body; 0: no limit but that for bodies that come without a length.
    #[serde(default)]
    pub max_body: u64,
    /// To get a connection.
    #[serde(default = "connect_timeout")]
    pub connect_timeout_ms: u32,
    /// Without a byte moving to or from the program, before and within its answer.
    #[serde(default = "response_timeout")]
    pub response_timeout_ms: u32,
}

impl Php {
    /// The defaults for a document root and a socket.
    pub fn new(root: impl Into<String>, socket: impl Into<String>) -> Self {
        Self {
            site: String::new(),
            root: root.into(),
            socket: socket.into(),
            script_root: None,
            index: index(),
            front_controller: None,
            suffixes: suffixes(),
            not_found: None,
            https_redirect: false,
            keep_connections: 0,
            max_connections: 0,
            max_body: 0,
            connect_timeout_ms: connect_timeout(),
            response_timeout_ms: response_timeout(),
        }
    }
}

fn index() -> Vec<String> {
    ["index.php", "index.html"].map(str::to_owned).to_vec()
}

fn suffixes() -> Vec<String> {
    vec![".php".to_owned()]
}

fn connect_timeout() -> u32 {
    5_000
}

fn response_timeout() -> u32 {
    60_000
}

/// A pool of servers that answer alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Where they are; at least one.
    pub servers: Vec<Server>,
    /// Who gets a request that is bound to none.
    #[serde(default)]
    pub balance: Balance,
    /// Name of a cookie by which a visitor stays with one server.
    #[serde(default)]
    pub sticky_cookie: Option<String>,
    /// Asks each server regularly whether it is well.
    #[serde(default)]
    pub check: Option<Check>,
    /// Failures in a row after which a server gets no requests for a while; 0: never.
    #[serde(default = "failures")]
    pub failures: u32,
    /// That while.
    #[serde(default = "eject")]
    pub eject_ms: u32,
    /// To connect, with the TLS handshake.
    #[serde(default = "connect_timeout")]
    pub connect_timeout_ms: u32,
    /// From the last byte of the request to the head of the answer.
    #[serde(default = "response_timeout")]
    pub response_timeout_ms: u32,
    /// Between two pieces of an answer's body.
    #[serde(default = "response_timeout")]
    pub idle_timeout_ms: u32,
    /// Without a byte in either direction after a switch of protocols (WebSocket).
    #[serde(default = "tunnel_timeout")]
    pub tunnel_timeout_ms: u32,
    /// All tries together; no try begins after it.
    #[serde(default = "response_timeout")]
    pub tries_timeout_ms: u32,
    /// Further tries of a request that failed and may be repeated.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Idle connections each thread keeps to each server.
    #[serde(default = "keep")]
    pub keep_connections: u16,
    /// Speaks TLS to the servers.
    #[serde(default)]
    pub tls: Option<UpstreamTls>,
    /// Refuses servers whose address is not on the public internet or is this machine's own, whatever their name says.
    #[serde(default)]
    pub public_only: bool,
    /// Pools of one owner share [`ProxyOptions::owner_requests`](crate::ProxyOptions::owner_requests); one that says none
    /// has it alone.
    #[serde(default)]
    pub owner: String,
}

/// One server of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `unix:/path`, `192.0.2.1:8080`, `[2001:db8::1]:8080` or `name.example:8080`; names are looked up every ten
    /// seconds.
    pub address: String,
    /// Its share of the requests, beside those of the others.
    #[serde(default = "one")]
    pub weight: u16,
    /// Requests at a time over all threads; 0: no limit.
    #[serde(default)]
    pub max_connections: u32,
    /// Whether it only gets what the others cannot take.
    #[serde(default)]
    pub backup: bool,
}

/// How a pool's requests are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// Whoever has the fewest open requests for its weight.
    LeastConnections,
    /// By the client's address: the same server as long as it is there.
    ClientHash,
}

/// How servers are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Path and query of a `GET`.
    pub path: String,
    /// Between two questions.
    #[serde(default = "interval")]
    pub interval_ms: u32,
    /// For one answer.
    #[serde(default = "interval")]
    pub timeout_ms: u32,
    /// Statuses that mean yes; none: all from 200 to 399.
    #[serde(default)]
    pub expect: Vec<u16>,
}

/// TLS to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// The name that their certificate must have, also sent in the handshake; by default the host of their address.
    #[serde(default)]
    pub name: Option<String>,
    /// Authorities in PEM; by default those of the system.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Takes any certificate.
    #[serde(default)]
    pub insecure: bool,
}

/// Requests are passed on to a pool of servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// As in [`Target::Site`](Target::Site).
    #[serde(default)]
    pub site: String,
    /// The key in [`EdgeConfig::upstreams`](crate::EdgeConfig::upstreams).
    pub upstream: String,
    /// Whose name the servers are asked for.
    #[serde(default)]
    pub host_header: HostHeader,
    /// What is taken from the beginning of the path.
    #[serde(default)]
    pub strip_prefix: Option<String>,
    /// As in [`Target::Site`](Target::Site).
    #[serde(default)]
    pub https_redirect: bool,
}

/// What stands in `Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// What the client asked for.
    #[default]
    Keep,
    /// The server's address.
    Upstream,
}

fn failures() -> u32 {
    3
}

fn eject() -> u32 {
    10_000
}

fn tunnel_timeout() -> u32 {
    3_600_000
}

fn retries() -> u32 {
    1
}

fn keep() -> u16 {
    32
}

fn one() -> u16 {
    1
}

fn interval() -> u32 {
    5_000
}

impl Upstream {
    /// The defaults for these addresses.
    pub fn new<A: Into<String>>(addresses: impl IntoIterator<Item = A>) -> Self {
        let server = |address: A| Server {
            address: address.into(),
            weight: one(),
            max_connections: 0,
            backup: false,
        };
        Self {
            servers: addresses.into_iter().map(server).collect(),
            balance: Balance::default(),
            sticky_cookie: None,
            check: None,
            failures: failures(),
            eject_ms: eject(),
            connect_timeout_ms: connect_timeout(),
            response_timeout_ms: response_timeout(),
            idle_timeout_ms: response_timeout(),
            tunnel_timeout_ms: tunnel_timeout(),
            tries_timeout_ms: response_timeout(),
            retries: retries(),
            keep_connections: keep(),
            tls: None,
            public_only: false,
            owner: String::new(),
        }
    }
}

impl Proxy {
    /// The defaults for a pool.
    pub fn new(upstream: impl Into<String>) -> Self {
        Self {
            site: String::new(),
            upstream: upstream.into(),
            host_header: HostHeader::default(),
            strip_prefix: None,
            https_redirect: false,
        }
    }
}

/// Visitors are spread over several targets, each staying with the one it was given: for gradual rollouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// At least one with a weight.
    pub parts: Vec<Part>,
    /// Name of the cookie that says which part a visitor has.
    #[serde(default = "split_cookie")]
    pub cookie: String,
}

/// A part of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What the cookie says: letters, digits, dashes and dots.
    pub name: String,
    /// Its share of new visitors beside those of the others. Nobody gets 0, and who had it gets another.
    pub weight: u16,
    /// What answers; not the panel, nor another split.
    pub target: Target,
}

/// What answers for a part of a host's paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRoute {
    /// Beginning of a normalised path, up to a slash or its end: `/app` stands for `/app` and all below `/app/`.
    pub path: String,
    /// What answers; not the panel.
    pub target: Target,
}

fn split_cookie() -> String {
    "mpanel_split".to_owned()
}
