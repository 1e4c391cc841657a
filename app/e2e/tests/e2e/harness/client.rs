//! A client of the API that believes nothing: every answer is compared with the served `openapi.json`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder};
use serde_json::Value;
use tokio::sync::Mutex;

use super::spec::Spec;

/// Documents by panel: each is fetched once.
static SPECS: LazyLock<Mutex<HashMap<SocketAddr, Arc<Spec>>>> = LazyLock::new(Mutex::default);

/// How requests prove who makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    None,
    Token(String),
    /// The session's cookie, as a browser sends it: with the header and origin of a page of the panel.
    Session(String),
}

/// The API as one caller uses it.
#[derive(Debug, Clone)]
pub struct Api {
    pub panel: SocketAddr,
    http: Client,
    pub credential: Credential,
    /// Acting tenant, when not the credential's own.
    pub tenant: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub request: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// `null` when the body is no JSON.
    pub body: Value,
}

/// One request on its way.
#[derive(Debug)]
pub struct Request<'a> {
    api: &'a Api,
    method: &'a str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<(String, Vec<u8>)>,
}

impl Api {
    pub fn new(panel: SocketAddr) -> Self {
        Self {
            panel,
            http: builder().build().unwrap(),
            credential: Credential::None,
            tenant: None,
        }
    }

    #[must_use]
    pub fn with(&self, credential: Credential) -> Self {
        Self {
            credential,
            tenant: None,
            ..self.clone()
        }
    }

    /// The same caller acting for another tenant.
    #[must_use]
    pub fn acting_for(&self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self.clone()
        }
    }

    /// `path` is below `/api/v1` unless it starts with another absolute path known to the server.
    pub fn request<'a>(&'a self, method: &'a str, path: &str) -> Request<'a> {
        let outside = ["/api/", "/healthz", "/readyz", "/metrics"]
            .iter()
            .any(|known| path.starts_with(known));
        Request {
            api: self,
            method,
            path: if outside {
                path.to_owned()
            } else {
                format!("/api/v1{path}")
            },
            headers: Vec::new(),
            body: None,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(&body).send().await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.request("PUT", path).json(&body).send().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send().await
    }

    /// All items of a list, page by page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{joint}cursor={cursor}")).await,
                None => self.get(path).await,
            };
            let page = page.expect(200).body;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return items;
            }
        }
    }

    /// The served document.
    pub async fn spec(&self) -> Arc<Spec> {
        let mut specs = SPECS.lock().await;
        if let Some(spec) = specs.get(&self.panel) {
            return spec.clone();
        }
        let url = format!("http://{}/api/v1/openapi.json", self.panel);
        let answer = self.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "openapi.json");
        let spec = Arc::new(Spec::new(
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap(),
        ));
        specs.insert(self.panel, spec.clone());
        spec
    }
}

impl Request<'_> {
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        let bytes = serde_json::to_vec(body).unwrap();
        self.body("application/json", bytes)
    }

    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.to_owned(), bytes.into()));
        self
    }

    /// Sends it and holds the answer against the document.
    pub async fn send(self) -> Answer {
        let (method, path, api) = (self.method.to_owned(), self.path.clone(), self.api);
        let answer = self
            .send_unchecked()
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let content_type = answer.header("content-type");
        let spec = api.spec().await;
        let problems = spec.problems(&method, &path, answer.status, &content_type, &answer.bytes);
        assert!(
            problems.is_empty(),
            "{answer}\nis not what openapi.json promises: {}",
            problems.join("; ")
        );
        let request = answer.header("x-request-id");
        spec.note(&method, &path, (answer.status, request), api.tenant.as_ref());
        answer
    }

    /// Sends it, and leaves the body to the caller.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn begin(self) -> Result<reqwest::Response, reqwest::Error> {
        let Self {
            api,
            method,
            path,
            headers,
            body,
        } = self;
        let url = format!("http://{}{path}", api.panel);
        let mut request = api.http.request(method.parse().unwrap(), url);
        let mut all = HeaderMap::new();
        let mut set = |name: &str, value: &str| {
            all.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        };
        match &api.credential {
            Credential::None => {}
            Credential::Token(token) => set("authorization", &format!("Bearer {token}")),
            Credential::Session(cookie) => {
                set("cookie", &format!("__Host-mpanel_session={cookie}"));
                set("mpanel-csrf", "1");
                set("origin", &format!("http://{}", api.panel));
            }
        }
        if let Some(tenant) = &api.tenant {
            set("mpanel-tenant", tenant);
        }
        if let Some((content_type, bytes)) = body {
            set("content-type", &content_type);
            request = request.body(bytes);
        }
        // What a test says itself replaces what is usual.
        for (name, value) in &headers {
            all.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        request.headers(all).send().await
    }

    /// Sends it.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn send_unchecked(self) -> Result<Answer, reqwest::Error> {
        let request = format!("{} {}", self.method, self.path);
        let answer = self.begin().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        // A stream of events has no end.
        let endless = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        let bytes = if endless {
            Vec::new()
        } else {
            answer.bytes().await?.to_vec()
        };
        Ok(Answer {
            request,
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        })
    }
}

impl Answer {
    /// Itself, if it has this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// A text in the body, by JSON pointer.
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no text at {pointer} in {self}"))
            .to_owned()
    }

    pub fn id(&self) -> String {
        self.text("/id")
    }

    /// The session's cookie that it sets.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        let value = cookie
            .strip_prefix("__Host-mpanel_session=")
            .and_then(|rest| rest.split(';').next());
        value.unwrap_or_else(|| panic!("no session in {self}")).to_owned()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let short: String = text.chars().take(2000).collect();
        write!(f, "{} → {} {short}", self.request, self.status)
    }
}

/// No environment's proxy, no redirects, no compression: what is seen is what was sent.
#[expect(clippy::disallowed_methods, reason = "the tests talk to this machine alone")]
pub fn builder() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(super::PATIENCE)
}
