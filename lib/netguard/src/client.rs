//! The client: builds guarded requests and reads bounded answers.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use ipnet::IpNet;
use reqwest::redirect::Policy;

use crate::Error;
use crate::address::Rules;
use crate::resolver::{Guarded, Lookup, System};

const PORTS: [u16; 3] = [443, 80, 8443];
const MAX_BODY: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// Settings of a client; the defaults are the strictest useful ones.
#[must_use]
pub struct Builder {
    allow: Vec<IpNet>,
    ports: Vec<u16>,
    redirects: usize,
    max_body: usize,
    timeout: Duration,
    root_pem: Option<String>,
    lookup: Arc<dyn Lookup>,
}

impl Builder {
    /// Networks to reach although they are not public. For the operator's configuration, never for a customer's.
    pub fn allow(mut self, networks: Vec<IpNet>) -> Self {
        self.allow = networks;
        self
    }

    /// Ports that URLs may name, instead of 443, 80 and 8443.
    pub fn ports(mut self, ports: Vec<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Follows up to this many redirects, each checked like the first URL. Default: none, the redirect is the answer.
    pub fn redirects(mut self, most: usize) -> Self {
        self.redirects = most;
        self
    }

    /// Bytes of the body to keep, instead of 64 KiB; the rest is discarded.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Time for the whole exchange, instead of 15 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Believes servers with certificates of this authority (PEM) as well as of the machine's. For the operator's own.
    pub fn root_pem(mut self, pem: Option<String>) -> Self {
        self.root_pem = pem;
        self
    }

    #[cfg(test)]
    pub(crate) fn lookup(mut self, lookup: impl Lookup) -> Self {
        self.lookup = Arc::new(lookup);
        self
    }

    /// Fails when the machine's certificate authorities cannot be read, or the one that was added.
    pub fn build(self) -> Result<Client, Error> {
        let failed = |error: reqwest::Error| Error::Failed(error.to_string());
        let roots = match &self.root_pem {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed)?,
            None => Vec::new(),
        };
        let rules = Arc::new(Rules {
            allow: self.allow,
            ports: self.ports,
        });
        let resolver = Guarded {
            lookup: self.lookup,
            rules: Arc::clone(&rules),
        };
        #[expect(clippy::disallowed_methods, reason = "this is the guard that other code is sent to")]
        let http = reqwest::Client::builder()
            .dns_resolver(resolver)
            .redirect(policy(self.redirects, Arc::clone(&rules)))
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout)
            .user_agent(concat!("mPanel/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(roots)
            .build()
            .map_err(failed)?;
        Ok(Client {
            http,
            rules,
            max_body: self.max_body,
        })
    }
}

fn policy(most: usize, rules: Arc<Rules>) -> Policy {
    if most == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        // `previous` begins with the first URL.
        if attempt.previous().len() > most {
            return attempt.error(Error::Redirects);
        }
        match rules.check(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(error) => attempt.error(error),
        }
    })
}

/// A guarded HTTP client; cheap to clone, keeps connections open between requests.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    rules: Arc<Rules>,
    max_body: usize,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// At most the client's limit, not decompressed.
    pub body: Bytes,
    /// Whether the body was longer.
    pub truncated: bool,
}

impl Client {
    /// The defaults: public addresses, ports 443, 80 and 8443, no redirects, 64 KiB, 15 s.
    pub fn builder() -> Builder {
        Builder {
            allow: Vec::new(),
            ports: PORTS.to_vec(),
            redirects: 0,
            max_body: MAX_BODY,
            timeout: TIMEOUT,
            root_pem: None,
            lookup: Arc::new(System),
        }
    }

    /// Sends a request whose URI is absolute. Any status is an answer, not an error.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response, Error> {
        let request = reqwest::Request::try_from(request).map_err(|_| Error::Url("it is not an absolute URL"))?;
        self.rules.check(request.url())?;
        let mut response = self.http.execute(request).await.map_err(explain)?;
        let mut body = BytesMut::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            let room = self.max_body - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                // Dropping the response closes its connection.
                truncated = true;
                break;
            }
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Response {
            status: response.status(),
            headers,
            body: body.freeze(),
            truncated,
        })
    }
}

/// Finds our own refusal inside reqwest's error, else describes it without the URL, which may hold secrets.
fn explain(error: reqwest::Error) -> Error {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(own) = inner.downcast_ref::<Error>() {
            return own.clone();
        }
        source = inner.source();
    }
    if error.is_timeout() {
        return Error::Timeout;
    }
    let connect = error.is_connect();
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    let text = innermost.to_string();
    if connect {
        Error::Connect(text)
    } else {
        Error::Failed(text)
    }
}
