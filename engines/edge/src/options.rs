//! How the engine runs, as opposed to what it serves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::{AccessLog, CacheOptions, Clock, SystemClock};

/// Settings fixed for the life of an [`crate::Edge`].
#[derive(Clone)]
pub struct EdgeOptions {
    /// Directory below which every site root lies.
    pub sites_dir: PathBuf,
    /// Unix socket of the panel's server.
    pub panel_socket: PathBuf,
    /// Port that browsers use for HTTPS; 443 is left out of redirects.
    pub https_port: u16,
    /// Name shown at the foot of built-in pages.
    pub provider: Option<String>,
    /// Worker threads; 0 means one a core.
    pub threads: usize,
    /// Protection against greedy and slow clients.
    pub limits: Limits,
    /// Static files.
    pub files: FileOptions,
    /// The panel's proxy.
    pub proxy: ProxyOptions,
    /// Answers kept of proxies and PHP.
    pub cache: CacheOptions,
    /// Bodies that are held until their end.
    pub spool: SpoolOptions,
    /// Networks of proxies in front of the edge: what they say about a client is believed, what others say is not.
    pub trusted_proxies: Vec<IpNet>,
    /// Receives one record a request; off when `None`.
    pub access_log: Option<Arc<dyn AccessLog>>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
}

impl EdgeOptions {
    /// Defaults for production around the two paths that have none.
    pub fn new(sites_dir: impl Into<PathBuf>, panel_socket: impl Into<PathBuf>) -> Self {
        Self {
            sites_dir: sites_dir.into(),
            panel_socket: panel_socket.into(),
            https_port: 443,
            provider: None,
            threads: 0,
            limits: Limits::default(),
            files: FileOptions::default(),
            proxy: ProxyOptions::default(),
            cache: CacheOptions::default(),
            spool: SpoolOptions::default(),
            trusted_proxies: Vec::new(),
            access_log: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Limits on clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections over all listeners; further ones are closed at once.
    pub connections: usize,
    /// Open connections of one IPv4 address or IPv6 /64.
    pub connections_per_address: usize,
    /// Bytes of one request head; more answers 431.
    pub head_bytes: usize,
    /// From connecting to the end of the TLS handshake, and again to the end of the first request head; also from the
    /// first byte of a later head to its end.
    pub head_timeout: Duration,
    /// Between requests on a kept-alive connection.
    pub idle_timeout: Duration,
    /// Without a byte moving while the client owes body bytes or does not take response bytes.
    pub stall_timeout: Duration,
    /// Concurrent HTTP/2 streams of one connection.
    pub h2_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_address: 1_024,
            head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(60),
            h2_streams: 128,
        }
    }
}

/// Static file behaviour.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// Bytes of small files (and of knowledge about large ones) kept in memory.
    pub cache_bytes: u64,
    /// Bytes of responses compressed on the fly kept in memory.
    pub compressed_cache_bytes: u64,
    /// Files up to this size are read whole and kept in memory; larger ones are streamed.
    pub small_file_bytes: u64,
    /// Text up to this size is compressed on the fly.
    pub compress_max_bytes: u64,
    /// How long a cached file may be served without looking at the disk again. Release trees never change, so this
    /// only matters for folders edited in place.
    pub revalidate: Duration,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 24 * 1024 * 1024,
            compressed_cache_bytes: 12 * 1024 * 1024,
            small_file_bytes: 256 * 1024,
            compress_max_bytes: 1024 * 1024,
            revalidate: Duration::from_secs(2),
        }
    }
}

/// Proxy behaviour. There is no limit on a body's size nor on the time a whole exchange takes.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// To connect to the socket.
    pub connect_timeout: Duration,
    /// From the last byte of the request's body to the head of the answer.
    pub response_timeout: Duration,
    /// Idle connections each thread keeps.
    pub idle_connections: usize,
    /// Requests at a time that all pools of one owner have open, tunnels included; more are answered with 503.
    pub owner_requests: usize,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(30),
            idle_connections: 32,
            owner_requests: 4_096,
        }
    }
}

/// Bodies that come without a length and have to be passed on with one. Above 64 KiB they are held in files without a
/// name.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// Where the files are.
    pub folder: PathBuf,
    /// Bytes of one body; more answers 413.
    pub body_bytes: u64,
    /// Bytes of all of them; more answers 503.
    pub all_bytes: u64,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            folder: std::env::temp_dir(),
            body_bytes: 256 * 1024 * 1024,
            all_bytes: 2 * 1024 * 1024 * 1024,
        }
    }
}
