//! The outermost layer: where a request comes from, its id, and what every answer carries.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use mpanel_http::{Caller, Problem, ProblemDocument};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::RequestId;
use mpanel_telemetry::metrics::{self, Counter, Family, Histogram, exponential_buckets};
use tracing::Instrument;

use crate::openapi::PREFIX;

/// A year (RFC 6797 §6.1); a browser heeds it only where it trusts the certificate.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// Label values are constants and route patterns: nothing a stranger sends makes a new series.
type ByOperation = [(&'static str, String); 3];

struct Metrics {
    requests: Family<ByOperation, Counter>,
    seconds: Family<[(&'static str, String); 2], Histogram>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    requests: metrics::register("http_requests", "Requests answered", Family::default()),
    seconds: metrics::register(
        "http_request_seconds",
        "Time from a request's head to its answer's head",
        Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14))),
    ),
});

/// Says who calls, and completes, counts and logs the answer.
pub async fn identify(State(clock): State<SharedClock>, mut request: Request, next: Next) -> Response {
    let started = clock.now();
    let caller = Caller::of(request.headers_mut());
    let matched = request.extensions().get::<MatchedPath>();
    // The rest are pages, which come from the router's fallback.
    let api = matched.is_some() || request.uri().path().starts_with(PREFIX);
    let operation = Operation {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        route: matched.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned()),
    };
    request.extensions_mut().insert(caller.clone());
    // Browsers apply it to all ports of a name, and what else runs on this machine may speak plain HTTP.
    let lasting = caller.secure && !is_loopback_name(&mpanel_identity::host(request.headers()));
    let span = tracing::info_span!("request", id = %caller.request_id);
    let response = next.run(request).instrument(span).await;
    let mut response = complete(response, api, caller.request_id);
    secure(response.headers_mut(), api);
    if lasting {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    operation.report(&caller, response.status(), clock.now(), started);
    // An id that an outer proxy chose would not be found in our log.
    let id = HeaderValue::try_from(caller.request_id.to_string()).expect("an id is letters, digits and an underscore");
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// What a request's fields say about its sender. The edge is the only one who can reach us from
/// outside, and it overwrites them all.
trait Of {
    fn of(headers: &mut HeaderMap) -> Self;
}

impl Of for Caller {
    fn of(headers: &mut HeaderMap) -> Self {
        let request_id = RequestId::generate();
        let user_agent = one(headers, header::USER_AGENT.as_str()).unwrap_or_default().to_owned();
        let forwarded = [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST]
            .iter()
            .any(|name| headers.contains_key(*name));
        if !forwarded {
            // A process of this machine that may open our socket: the command line, a health check.
            return Self {
                address: None,
                secure: false,
                loopback: true,
                user_agent,
                request_id,
            };
        }
        // What is missing, doubled or unreadable says nothing good about the sender.
        let address = one(headers, FORWARDED_FOR)
            .and_then(|text| text.parse::<IpAddr>().ok())
            .map(|address| address.to_canonical());
        let secure = one(headers, FORWARDED_PROTO) == Some("https");
        let host = one(headers, FORWARDED_HOST).and_then(|host| HeaderValue::try_from(host).ok());
        match host {
            Some(host) => headers.insert(header::HOST, host),
            None => headers.remove(header::HOST),
        };
        // A page of another site that had its name point to 127.0.0.1 comes from loopback as well,
        // and so does a proxy that somebody put in front of us: their requests have another name.
        let loopback =
            address.is_some_and(|address| address.is_loopback()) && is_loopback_name(&mpanel_identity::host(headers));
        Self {
            address,
            secure,
            loopback,
            user_agent,
            request_id,
        }
    }
}

/// The value of a field that stands once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Gives problems the request's id, and refusals without words, such as the router's own, the form of problems.
fn complete(response: Response, api: bool, id: RequestId) -> Response {
    if let Some(problem) = response.extensions().get::<Arc<Problem>>().cloned() {
        let (status, document) = problem.document(Some(id));
        return replace(response, status, &document);
    }
    let status = response.status();
    let (code, title, detail) = match status {
        StatusCode::NOT_FOUND => ("request.not_found", "Not found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => (
            "request.method_not_allowed",
            "Method not allowed",
            "this address does not take this method",
        ),
        StatusCode::RANGE_NOT_SATISFIABLE => (
            "request.range",
            "Nothing in that range",
            "it ends before the first byte that was asked for; Content-Range says how long it is",
        ),
        _ => return response,
    };
    if !api || response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let document = ProblemDocument {
        kind: "about:blank".to_owned(),
        title: title.to_owned(),
        status: status.as_u16(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        request_id: Some(id.to_string()),
        errors: Vec::new(),
    };
    replace(response, status, &document)
}

fn replace(response: Response, status: StatusCode, document: &ProblemDocument) -> Response {
    let (mut parts, _) = response.into_parts();
    let (written, body) = axum::Json(document).into_response().into_parts();
    parts.status = status;
    parts.headers.remove(header::CONTENT_LENGTH);
    if written.status.is_success() {
        let kind = HeaderValue::from_static("application/problem+json");
        parts.headers.insert(header::CONTENT_TYPE, kind);
    }
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 §15.5.2 asks for it; browsers ignore the scheme.
        let challenge = HeaderValue::from_static("Bearer realm=\"mpanel\"");
        parts.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    Response::from_parts(parts, Body::new(body))
}

/// Fields of every answer; pages have set their own policy already.
fn secure(headers: &mut HeaderMap, api: bool) {
    const EVERYWHERE: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    const API: [(HeaderName, &str); 2] = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    let fields = EVERYWHERE.into_iter().chain(API.into_iter().filter(|_| api));
    for (name, value) in fields {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// A request, as it is counted and logged.
struct Operation {
    method: http::Method,
    /// Without its query, which may hold what a log should not.
    path: String,
    /// The pattern that matched.
    route: String,
}

impl Operation {
    fn report(&self, caller: &Caller, status: StatusCode, now: Timestamp, started: Timestamp) {
        // A clock that was set back must not make a duration negative.
        let seconds = now.duration_since(started).as_secs_f64().max(0.0);
        let method = match self.method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        let (method, route) = (("method", method.to_owned()), ("route", self.route.clone()));
        METRICS
            .requests
            .get_or_create(&[method.clone(), route.clone(), ("status", status.as_u16().to_string())])
            .inc();
        METRICS.seconds.get_or_create(&[method, route]).observe(seconds);
        tracing::info!(
            request = %caller.request_id,
            method = %self.method,
            path = self.path,
            status = status.as_u16(),
            ms = (seconds * 1000.0).round(),
            address = caller.address.map(tracing::field::display),
            "request"
        );
    }
}

#[cfg(test)]
mod tests;
