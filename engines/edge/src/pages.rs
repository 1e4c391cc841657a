//! Built-in pages and small answers.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::body::Payload;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The pages hold no script and load nothing.
const CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
pub(crate) const CLOSE: HeaderValue = HeaderValue::from_static("close");

const STYLE: &str = "html{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}\
main{max-width:32rem;padding:2rem}h1{font-size:1.5rem;font-weight:600;margin:0 0 .5rem}p{margin:0 0 1rem;opacity:.8;white-space:pre-line;overflow-wrap:anywhere}a{color:inherit}\
footer{margin-top:2rem;font-size:.875rem;opacity:.6}";

/// A whole page around plain text.
pub(crate) fn page(title: &str, text: &str, provider: Option<&str>) -> Bytes {
    notice(title, text, None, provider)
}

/// The same with a link to whom visitors may turn.
pub(crate) fn notice(title: &str, text: &str, contact: Option<&str>, provider: Option<&str>) -> Bytes {
    let (title, text) = (escape(title), escape(text));
    let contact = contact.and_then(link).unwrap_or_default();
    let footer = provider
        .map(|name| format!("<footer>{}</footer>", escape(name)))
        .unwrap_or_default();
    Bytes::from(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p>{text}</p>{contact}{footer}</main></body></html>\n"
    ))
}

/// Only what leads to a page or to a letter becomes a link.
fn link(address: &str) -> Option<String> {
    let shown = address.strip_prefix("https://").or(address.strip_prefix("mailto:"))?;
    let (address, shown) = (escape(address), escape(shown));
    Some(format!("<p><a rel=\"nofollow\" href=\"{address}\">{shown}</a></p>"))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Payload> {
    let mut response = Response::new(Payload::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// A built-in page as an answer.
pub(crate) fn html(status: StatusCode, body: Bytes) -> Response<Payload> {
    let mut response = answer(status, HTML, body);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CSP);
    response
}

/// One line of text.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Payload> {
    answer(status, TEXT, Bytes::from_static(text.as_bytes()))
}

/// What somebody has asked for to be answered, as plain text.
pub(crate) fn plain(body: Bytes) -> Response<Payload> {
    answer(StatusCode::OK, TEXT, body)
}

/// A refusal after which the connection must not be used again.
pub(crate) fn refuse(status: StatusCode, reason: &'static str) -> Response<Payload> {
    let mut response = text(status, reason);
    response.headers_mut().insert(header::CONNECTION, CLOSE);
    response
}

/// 429; there is room again after so many seconds.
pub(crate) fn too_many(seconds: u32) -> Response<Payload> {
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, "too many requests: try again later\n");
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// A moment as a header says it.
pub(crate) fn http_date(at: jiff::Timestamp) -> Result<HeaderValue, String> {
    // What an HTTP date can say ends with the year 9999, and so do timestamps.
    let text = httpdate::fmt_http_date(at.into());
    HeaderValue::try_from(text).map_err(|_| format!("no date: {at}"))
}

/// 405 with the methods that would work.
pub(crate) fn method_not_allowed() -> Response<Payload> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The provider's page for a name or path that is not there.
pub(crate) fn not_found(provider: Option<&str>) -> Response<Payload> {
    html(
        StatusCode::NOT_FOUND,
        page("Not found", "There is nothing at this address.", provider),
    )
}

/// A redirect; `None` when the location cannot be a header value.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response<Payload> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid redirect\n");
    };
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// A failure of something behind the edge: a page for people, problem+json for programs.
pub(crate) fn unavailable(
    json: bool,
    provider: Option<&str>,
    title: &str,
    text: &str,
    code: &str,
) -> Response<Payload> {
    failure(StatusCode::SERVICE_UNAVAILABLE, json, provider, title, text, code)
}

/// The same with any status.
pub(crate) fn failure(
    status: StatusCode,
    json: bool,
    provider: Option<&str>,
    title: &str,
    text: &str,
    code: &str,
) -> Response<Payload> {
    let mut response = if json {
        let mut body = String::new();
        // The three texts are constants without characters that JSON escapes.
        let _ = write!(
            body,
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"code\":\"{code}\",\"detail\":\"{text}\"}}",
            status.as_u16()
        );
        answer(status, PROBLEM, Bytes::from(body))
    } else {
        html(status, page(title, text, provider))
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// A site whose files cannot be read at present.
pub(crate) fn unreadable(provider: Option<&str>) -> Response<Payload> {
    unavailable(
        false,
        provider,
        "Just a moment",
        "This site cannot be read right now. Please try again shortly.",
        "edge.site_unreadable",
    )
}

/// Adds the length that a `HEAD` answer reports and drops the body.
pub(crate) fn without_body(response: Response<Payload>) -> Response<Payload> {
    let (mut parts, payload) = response.into_parts();
    if let Some(length) = payload.exact_length() {
        set_length(&mut parts.headers, length);
    }
    Response::from_parts(parts, Payload::Empty)
}

pub(crate) fn set_length(headers: &mut HeaderMap, length: u64) {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
}
