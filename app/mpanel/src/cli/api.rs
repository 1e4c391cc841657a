//! The one HTTP client of the command line.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use mpanel_crypto::Secret;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde_json::Value;

use super::failure::{Failure, Problem};

const CONNECT: Duration = Duration::from_secs(10);
/// Without a byte of the answer.
const SILENCE: Duration = Duration::from_secs(60);

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    Url(Url),
    /// The panel's own socket on this machine.
    Socket(PathBuf),
}

impl Server {
    /// Reads an address as people write it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("{text:?} is not the address of a panel: {why}"));
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut url = Url::parse(&full).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("it begins with https://, or on this machine with http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it carries a password"));
        }
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self::Url(url))
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.as_str()),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Whom to believe that the server is who it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The machine's store.
    #[default]
    System,
    /// These too, PEM.
    Also(String),
    /// Anybody: only to fetch what is checked by its fingerprint afterwards.
    Anybody,
}

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As it came.
    pub raw: String,
    /// The same, read; null when it is no JSON.
    pub value: Value,
    pub headers: HeaderMap,
}

impl Answer {
    /// The text under a JSON pointer, empty when there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A connection to one server as one caller.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    base: Url,
    shown: String,
    headers: HeaderMap,
}

impl Api {
    /// # Errors
    /// When the authority's certificate is unusable.
    pub fn new(server: &Server, trust: &Trust) -> Result<Self, Failure> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the guard keeps customers from private addresses; here the person at the keyboard says where to connect"
        )]
        let builder = Client::builder()
            .user_agent(concat!("mpanel-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(LocalNames));
        let (builder, base) = match server {
            Server::Url(url) => (builder, url.clone()),
            Server::Socket(path) => {
                let base = Url::parse("http://localhost/").context("a constant")?;
                (builder.unix_socket(path.as_path()), base)
            }
        };
        let builder = match trust {
            // Without TLS the machine's store does not matter, and a machine may have none.
            _ if base.scheme() == "http" => builder.tls_certs_only([]),
            Trust::System => builder,
            Trust::Also(pem) => {
                let certificates = Certificate::from_pem_bundle(pem.as_bytes()).context("certificate authority")?;
                builder.tls_certs_merge(certificates)
            }
            Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
        };
        Ok(Self {
            http: builder.build().context("cannot set up HTTPS")?,
            base,
            shown: server.to_string(),
            headers: HeaderMap::new(),
        })
    }

    /// Sends a field with every request from now on.
    ///
    /// # Errors
    /// When the value cannot be a header's.
    pub fn set_header(&mut self, name: &'static str, value: &str) -> Result<(), Failure> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Failure::Usage(format!("{name}: not a value that can be sent")))?;
        value.set_sensitive(matches!(name, "authorization" | "cookie"));
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(())
    }

    /// Signs requests with an API token.
    ///
    /// # Errors
    /// When it has characters that no token has.
    pub fn set_token(&mut self, token: &Secret<String>) -> Result<(), Failure> {
        self.set_header("authorization", &format!("Bearer {}", token.expose()))
    }

    pub fn remove_header(&mut self, name: &'static str) {
        self.headers.remove(name);
    }

    /// A field that is sent with every request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The server's address, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The address of a page of the panel.
    pub fn page(&self, path: &str) -> String {
        format!("{}{}", self.base, path.trim_start_matches('/'))
    }

    /// # Errors
    /// The server's problem, or that there is no answer.
    pub async fn get(&self, path: &[&str]) -> Result<Answer, Failure> {
        self.get_with(path, &[]).await
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn get_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.send(self.request(Method::GET, path, query)?).await
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(self.request(Method::POST, path, &[])?.json(body)).await
    }

    /// A POST that may be repeated: the server does it once.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post_once(&self, path: &[&str], key: &str, body: &impl Serialize) -> Result<Answer, Failure> {
        let request = self.request(Method::POST, path, &[])?.header("idempotency-key", key);
        self.send(request.json(body)).await
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn patch(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(self.request(Method::PATCH, path, &[])?.json(body)).await
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(self.request(Method::PUT, path, &[])?.json(body)).await
    }

    /// A PUT of what was seen in this version: the server refuses it when somebody has changed that meanwhile.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn put_seen(&self, path: &[&str], version: i64, body: &impl Serialize) -> Result<Answer, Failure> {
        let request = self.request(Method::PUT, path, &[])?;
        self.send(request.header("if-match", format!("\"{version}\"")).json(body))
            .await
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn delete(&self, path: &[&str]) -> Result<Answer, Failure> {
        self.send(self.request(Method::DELETE, path, &[])?).await
    }

    /// A DELETE that has to say more than what.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn delete_with(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(self.request(Method::DELETE, path, &[])?.json(body)).await
    }

    /// Sends a piece of an upload; answers with the offset that the server has then.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn append(&self, path: &[&str], offset: u64, piece: Vec<u8>) -> Result<u64, Failure> {
        let request = self
            .request(Method::PATCH, path, &[])?
            .header("upload-offset", offset)
            .header("content-type", "application/octet-stream")
            .body(piece);
        let answer = self.send(request).await?;
        let offset = answer
            .headers
            .get("upload-offset")
            .and_then(|value| value.to_str().ok());
        offset
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| anyhow::anyhow!("the server does not say how much it has of the upload").into())
    }

    /// Writes an answer of any length to `out` while it comes; says how many bytes it had.
    ///
    /// # Errors
    /// As [`Api::get`]; also when it ends before its end, or cannot be written.
    pub async fn download(&self, path: &[&str], query: &[(&str, &str)], out: &mut impl Write) -> Result<u64, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        if !response.status().is_success() {
            return Err(self.problem(response).await);
        }
        self.write_to(response, out).await
    }

    /// The same behind the first `from` bytes, which came before.
    ///
    /// # Errors
    /// As [`Api::download`].
    pub async fn download_from(&self, path: &[&str], from: u64, out: &mut impl Write) -> Result<u64, Failure> {
        if from == 0 {
            return self.download(path, &[], out).await;
        }
        let request = self.request(Method::GET, path, &[])?;
        let request = request.header("range", format!("bytes={from}-"));
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.write_to(response, out).await,
            // All of it came before.
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(0),
            status if status.is_success() => {
                Err(anyhow::anyhow!("the server begins anew, and not where it ended").into())
            }
            _ => Err(self.problem(response).await),
        }
    }

    async fn write_to(&self, mut response: Response, out: &mut impl Write) -> Result<u64, Failure> {
        let mut bytes = 0;
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            out.write_all(&piece).context("cannot write what comes")?;
            bytes += piece.len() as u64;
        }
        Ok(bytes)
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Usage(format!("{} cannot have paths", self.base)))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.http.request(method, url).headers(self.headers.clone()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        if !response.status().is_success() {
            return Err(self.problem(response).await);
        }
        let headers = response.headers().clone();
        let raw = response.text().await.map_err(|error| self.unreachable(error))?;
        let value = serde_json::from_str(&raw).unwrap_or_default();
        Ok(Answer { raw, value, headers })
    }

    async fn problem(&self, response: Response) -> Failure {
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        match response.text().await {
            Ok(raw) => Failure::Problem(Box::new(Problem::new(status, retry_after, &raw))),
            Err(error) => self.unreachable(error),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.to_string();
        // Where another authority has the name of the known one, it is the signature that does not fit.
        if cause.contains("UnknownIssuer") || cause.contains("BadSignature") {
            return Failure::Unreachable(format!(
                "{}: {cause}\n  its certificate is of no authority that is trusted here. If it is mPanel's own, compare its SHA-256 with what `mpanel up` shows there: `mpanel login --ca-fingerprint SHA256` trusts it, `mpanel trust` adds it to this machine, `--ca FILE` names it",
                self.shown
            ));
        }
        let what = if error.is_timeout() {
            "no answer in time"
        } else {
            &cause
        };
        Failure::Unreachable(format!("cannot reach {}: {what}", self.shown))
    }
}

/// Resolves `localhost` and every name below it to this machine (RFC 6761 §6.3), which the C library does not, and the rest by
/// the system.
struct LocalNames;

impl Resolve for LocalNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            if is_local(name.as_str()) {
                let local =
                    [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].map(|ip| SocketAddr::new(ip, 0));
                return Ok(Box::new(local.into_iter()) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

pub fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The SHA-256 of the certificate in a PEM text, as `mpanel up` shows it: `AB:CD:…`.
///
/// # Errors
/// When there is none in it.
pub fn fingerprint(pem: &str) -> Result<String, Failure> {
    let body: String = pem
        .lines()
        .skip_while(|line| line.trim() != "-----BEGIN CERTIFICATE-----")
        .skip(1)
        .take_while(|line| line.trim() != "-----END CERTIFICATE-----")
        .map(str::trim)
        .collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()
        .filter(|der| !der.is_empty())
        .ok_or_else(|| Failure::Invalid("not a certificate in PEM form".to_owned()))?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(pairs.join(":"))
}

/// The panel's socket below a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("run/serve.sock")
}
