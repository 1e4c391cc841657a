//! The access log's socket: the engine calls it once a request, and what happens to the record is the caller's.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Receives one record for each finished request. Called on a worker thread, so it must not block: hand over to a
/// channel or a buffer.
pub trait AccessLog: Send + Sync + 'static {
    /// One request is over; its body was sent or its connection is gone.
    fn record(&self, record: &AccessRecord);
}

/// What happened to one request.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// When its head had arrived.
    pub at: SystemTime,
    /// The client.
    pub peer: IpAddr,
    /// Key of the host entry that answered, or empty.
    pub entry: String,
    /// Site label of that entry, or empty.
    pub site: String,
    /// The host named by the request.
    pub host: String,
    /// Method.
    pub method: http::Method,
    /// Raw path and query.
    pub path: String,
    /// HTTP version.
    pub version: http::Version,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Answered status.
    pub status: http::StatusCode,
    /// Body bytes handed to the connection.
    pub bytes: u64,
    /// From the request's head to the answer's head.
    pub latency: Duration,
    /// From the request's head to the end of the answer.
    pub took: Duration,
    /// `User-Agent`, lossily decoded.
    pub user_agent: Option<String>,
    /// `Referer`, lossily decoded.
    pub referer: Option<String>,
}
