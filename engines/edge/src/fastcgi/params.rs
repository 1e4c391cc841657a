//! What a program is told about its request: the CGI/1.1 variables (RFC 3875 §4.1) and those that PHP programs expect
//! beside them.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderName, Version, header};

use super::record::put_param;
use super::script::Script;
use crate::host::Authority;
use crate::proxy::{Client, is_claim, is_hop_by_hop};

/// What belongs to a request besides its head.
pub(super) struct Told<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) authority: &'a Authority<'a>,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// The document root as the program sees it.
    pub(super) root: &'a str,
    pub(super) script: &'a Script,
    pub(super) length: Option<u64>,
}

/// Writes the parameters of a request.
pub(super) fn params(parts: &Parts, told: &Told<'_>) -> Vec<u8> {
    let mut out = Params(Vec::with_capacity(1536));
    let root = told.root;
    let script = &*told.script.file;
    let raw = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let port = told.authority.port.unwrap_or(if told.client.tls { 443 } else { 80 });
    out.pieces("SCRIPT_FILENAME", &[root, "/", script]);
    out.pieces("SCRIPT_NAME", &["/", script]);
    out.pieces("DOCUMENT_URI", &["/", script, &told.script.path_info]);
    if !told.script.path_info.is_empty() {
        out.text("PATH_INFO", &told.script.path_info);
        out.pieces("PATH_TRANSLATED", &[root, &told.script.path_info]);
    }
    out.text("DOCUMENT_ROOT", root);
    out.text("REQUEST_URI", raw);
    out.text("QUERY_STRING", parts.uri.query().unwrap_or_default());
    out.text("REQUEST_METHOD", parts.method.as_str());
    out.text("SERVER_PROTOCOL", protocol(parts.version));
    out.text("REQUEST_SCHEME", if told.client.tls { "https" } else { "http" });
    if told.client.tls {
        out.text("HTTPS", "on");
    }
    out.text("GATEWAY_INTERFACE", "CGI/1.1");
    out.text("SERVER_SOFTWARE", "mPanel");
    out.text("SERVER_NAME", &told.authority.host);
    out.shown("SERVER_PORT", port);
    out.shown("SERVER_ADDR", told.local.ip().to_canonical());
    out.shown("REMOTE_ADDR", told.client.address);
    // The port belongs to the connection; of a client behind a proxy nobody knows it.
    if told.client.address == told.peer.ip().to_canonical() {
        out.shown("REMOTE_PORT", told.peer.port());
    }
    // PHP refuses to run without it when it was built to (`cgi.force_redirect`).
    out.text("REDIRECT_STATUS", "200");
    if let Some(length) = told.length {
        out.shown("CONTENT_LENGTH", length);
    }
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        out.put("CONTENT_TYPE", kind.as_bytes());
    }
    out.put("HTTP_HOST", told.client.authority.as_bytes());
    for name in parts.headers.keys() {
        let Some(variable) = variable(name) else { continue };
        let mut values = parts.headers.get_all(name).iter();
        let first = values.next().map(http::HeaderValue::as_bytes).unwrap_or_default();
        let between: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
        let mut joined = Cow::Borrowed(first);
        for value in values {
            let joined = joined.to_mut();
            joined.extend_from_slice(between);
            joined.extend_from_slice(value.as_bytes());
        }
        out.put(&variable, &joined);
    }
    out.0
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The variable of a header field, unless programs must not see it. A name with anything but letters, digits and dashes
/// is left out: an underscore would pass for a dash. `Proxy` would become a setting of the program's own (httpoxy,
/// CVE-2016-5385), and what a client claims about itself would be believed.
fn variable(name: &HeaderName) -> Option<String> {
    let text = name.as_str();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain || is_hop_by_hop(text) || is_claim(text) {
        return None;
    }
    let has_own = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::EXPECT,
    ];
    if has_own.contains(name) {
        return None;
    }
    let mut variable = String::with_capacity(text.len() + 5);
    variable.push_str("HTTP_");
    variable.extend(text.chars().map(|char| match char {
        '-' => '_',
        char => char.to_ascii_uppercase(),
    }));
    Some(variable)
}

struct Params(Vec<u8>);

impl Params {
    fn put(&mut self, name: &str, value: &[u8]) {
        put_param(&mut self.0, name.as_bytes(), value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.put(name, value.as_bytes());
    }

    fn pieces(&mut self, name: &str, pieces: &[&str]) {
        self.put(name, pieces.concat().as_bytes());
    }

    fn shown(&mut self, name: &str, value: impl std::fmt::Display) {
        // An IPv6 address has at most 39 characters, a length 20.
        let mut buffer = [0; 64];
        let mut rest = &mut buffer[..];
        let written = write!(rest, "{value}");
        let left = rest.len();
        if written.is_ok() {
            self.put(name, &buffer[..buffer.len() - left]);
        }
    }
}
