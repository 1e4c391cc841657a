//! From a request to the thing that answers it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;

use crate::access::AccessRecord;
use crate::body::{EdgeBody, Logged, Payload};
use crate::edge::{Shared, Snapshot};
use crate::files::Context;
use crate::host::{self, Authority};
use crate::pages;
use crate::server::{ConnInfo, Role, Worker};
use crate::table::{Entry, Notice, Route};

/// Answers one request; what goes wrong becomes an answer too.
pub(crate) async fn handle(worker: &Rc<Worker>, conn: &ConnInfo, request: Request<Incoming>) -> Response<EdgeBody> {
    let started = Instant::now();
    let shared = &*worker.shared;
    let is_http2 = request.version() >= Version::HTTP_2;
    let open = conn.watch.open_request(is_http2);
    let (parts, body) = request.into_parts();

    let (entry, verdict) = admit(shared, conn, &parts);
    open.charge(&entry.counters);
    let logged = logged(shared, conn, &parts, &entry, started);
    let mut response = match verdict {
        Err(response) => *response,
        Ok(authority) => {
            let now = || shared.options.clock.now();
            let cx = Context {
                started,
                now: &now,
                provider: shared.options.provider.as_deref(),
            };
            match &entry.route {
                Route::Site(site) => match shared.files.try_respond(site, &parts, &cx) {
                    Some(response) => response,
                    None => shared.files.respond(site, &parts, &cx).await,
                },
                Route::Redirect { to, status, keep_path } => redirect(to, *status, *keep_path, &parts),
                Route::Placeholder(notice) => placeholder(notice, &parts.method),
                Route::Unknown => pages::not_found(cx.provider),
                Route::Panel => {
                    let authority = authority.to_url();
                    Box::pin(worker.upstream.forward(shared, conn, &authority, parts, body, &open)).await
                }
            }
        }
    };
    // HTTP/2 says so to the connection, and knows no such field.
    if worker.is_leaving() && !is_http2 {
        response.headers_mut().insert(header::CONNECTION, pages::CLOSE);
    }
    finish(response, &entry, logged, started, open)
}

fn finish(
    response: Response<Payload>,
    entry: &Arc<Entry>,
    mut logged: Option<Box<Logged>>,
    started: Instant,
    open: crate::server::OpenRequest,
) -> Response<EdgeBody> {
    let took = started.elapsed();
    entry.counters.answered(response.status(), took);
    if let Some(logged) = &mut logged {
        logged.record.status = response.status();
        logged.record.latency = took;
    }
    response.map(|payload| EdgeBody::new(payload, Arc::clone(&entry.counters), logged, open))
}

type Verdict<'a> = Result<Authority<'a>, Box<Response<Payload>>>;

/// Finds the entry for a request and decides whether it may be asked at all.
fn admit<'a>(shared: &Shared, conn: &ConnInfo, parts: &'a Parts) -> (Arc<Entry>, Verdict<'a>) {
    let refuse = |entry: &Arc<Entry>, response| (Arc::clone(entry), Err(Box::new(response)));
    let bad = |reason| pages::refuse(StatusCode::BAD_REQUEST, reason);
    let Ok(authority) = host::request_authority(parts.version, &parts.uri, &parts.headers) else {
        return refuse(&shared.unknown, bad("invalid host\n"));
    };
    if parts.version < Version::HTTP_2 && has_unclear_framing(&parts.headers, conn) {
        return refuse(&shared.unknown, bad("both content-length and transfer-encoding\n"));
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return refuse(&shared.unknown, pages::method_not_allowed());
    }
    let plain = conn.tls.is_none();
    if conn.role == Role::Panel {
        if plain && !conn.is_loopback() {
            let text = "this panel is not reachable over plain http from another machine: use https\n";
            return refuse(&shared.panel, pages::refuse(StatusCode::FORBIDDEN, text));
        }
        return (Arc::clone(&shared.panel), Ok(authority));
    }
    let snapshot = shared.snapshot.load();
    let entry = snapshot.hosts.find(&authority.host).unwrap_or(&shared.unknown);
    if let Some(sni) = &conn.tls
        && !may_share(&snapshot, sni.as_deref(), &authority.host, &entry.route)
    {
        let text = "this connection was opened for another name\n";
        return refuse(entry, pages::text(StatusCode::MISDIRECTED_REQUEST, text));
    }
    if plain {
        let covered = snapshot.certs.find(&authority.host).is_some();
        match &entry.route {
            Route::Panel if !covered => {
                let text = "the panel is not reachable over plain http: use https\n";
                return refuse(entry, pages::refuse(StatusCode::FORBIDDEN, text));
            }
            Route::Panel => return refuse(entry, to_https(shared, &authority, parts)),
            Route::Site(site) if site.https_redirect && covered => {
                return refuse(entry, to_https(shared, &authority, parts));
            }
            _ => {}
        }
    }
    (Arc::clone(entry), Ok(authority))
}

/// A connection without a name in its handshake got the default certificate, which is the panel's: clients that open
/// the panel by address send none.
fn may_share(snapshot: &Snapshot, sni: Option<&str>, host: &str, route: &Route) -> bool {
    let sni = sni.map(|sni| sni.strip_suffix('.').unwrap_or(sni));
    (sni.is_none() && matches!(route, Route::Panel)) || snapshot.certs.may_share(sni, host)
}

/// Two ways to say where a request ends are how one request becomes two (RFC 9112 §6.1).
fn has_unclear_framing(headers: &HeaderMap, conn: &ConnInfo) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        && (headers.contains_key(header::CONTENT_LENGTH) || !conn.watch.framing_is_clear())
}

fn path_and_query(parts: &Parts) -> &str {
    parts
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str)
        .filter(|path| path.starts_with('/'))
        .unwrap_or("/")
}

fn to_https(shared: &Shared, authority: &Authority<'_>, parts: &Parts) -> Response<Payload> {
    let port = (shared.options.https_port != 443).then_some(shared.options.https_port);
    let host = Authority {
        host: authority.host.clone(),
        port,
    }
    .to_url();
    let get = parts.method == Method::GET || parts.method == Method::HEAD;
    let status = if get {
        StatusCode::MOVED_PERMANENTLY
    } else {
        StatusCode::PERMANENT_REDIRECT
    };
    pages::redirect(status, &format!("https://{host}{}", path_and_query(parts)))
}

fn redirect(to: &str, status: StatusCode, keep_path: bool, parts: &Parts) -> Response<Payload> {
    if keep_path {
        pages::redirect(status, &format!("{to}{}", path_and_query(parts)))
    } else {
        pages::redirect(status, to)
    }
}

fn placeholder(notice: &Notice, method: &Method) -> Response<Payload> {
    // Who may not see the site may not change it either: an error is the answer to all.
    if notice.status.is_success() && *method != Method::GET && *method != Method::HEAD {
        return pages::method_not_allowed();
    }
    let mut response = pages::html(notice.status, notice.page.clone());
    if let Some(retry_after) = &notice.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after.clone());
    }
    if *method == Method::HEAD {
        pages::without_body(response)
    } else {
        response
    }
}

fn logged(shared: &Shared, conn: &ConnInfo, parts: &Parts, entry: &Entry, started: Instant) -> Option<Box<Logged>> {
    let log = shared.options.access_log.as_ref()?;
    let text = |name| {
        parts
            .headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned())
        .or_else(|| text(header::HOST));
    let record = AccessRecord {
        at: shared.options.clock.now(),
        peer: conn.peer.ip().to_canonical(),
        entry: entry.name.to_string(),
        site: entry.site.to_string(),
        host: host.unwrap_or_default(),
        method: parts.method.clone(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        version: parts.version,
        tls: conn.tls.is_some(),
        status: StatusCode::OK,
        bytes: 0,
        latency: started.elapsed(),
        took: started.elapsed(),
        user_agent: text(header::USER_AGENT),
        referer: text(header::REFERER),
    };
    Some(Box::new(Logged {
        log: Arc::clone(log),
        record,
        started,
    }))
}
