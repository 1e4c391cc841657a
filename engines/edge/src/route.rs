//! From a request to the thing that answers it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};

use crate::access::AccessRecord;
use crate::body::{EdgeBody, Logged, Payload};
use crate::cache;
use crate::edge::{Shared, Snapshot};
use crate::fastcgi::Asked;
use crate::files::Context;
use crate::host::{self, Authority};
use crate::proxy::ProxyRoute;
use crate::server::{ConnInfo, OpenRequest, Role, Worker};
use crate::table::{Entry, Notice, Route};
use crate::upstream::Pool;
use crate::{pages, proxy};

/// Answers one request; what goes wrong becomes an answer too.
pub(crate) async fn handle(worker: &Rc<Worker>, conn: &ConnInfo, request: Request<Incoming>) -> Response<EdgeBody> {
    let started = Instant::now();
    let shared = &*worker.shared;
    let is_http2 = request.version() >= Version::HTTP_2;
    let open = conn.watch.open_request(is_http2, !request.body().is_end_stream());
    let (mut parts, body) = request.into_parts();

    let (entry, verdict) = admit(shared, conn, &parts);
    let verdict = verdict.map(drop);
    open.charge(&entry.counters);
    let mut logged = logged(shared, conn, &parts, &entry, started);
    let guarded = entry.guard.as_ref().map(|guard| {
        let client = proxy::identify(conn, &parts.headers, &shared.options.trusted_proxies);
        (guard, client, guard.path_for_answer(&parts.uri))
    });
    let verdict = match (verdict, &guarded) {
        (Ok(()), Some((guard, client, _))) => guard.enter(client.address, &mut parts, &shared.passwords).await,
        (verdict, _) => verdict,
    };
    // Rules may have changed the path, and what answers is found by what it is now.
    let led = verdict.and_then(|()| {
        let tls = conn.tls.is_some();
        let led = entry.lead(parts.uri.path(), &parts.headers, tls);
        led.ok_or_else(|| {
            Box::new(pages::refuse(
                StatusCode::BAD_REQUEST,
                "this path can be read in several ways\n",
            ))
        })
    });
    let mut answering = &entry;
    let mut response = match led {
        Err(response) => *response,
        Ok((led, cookie)) => {
            answering = led;
            if let Some(logged) = &mut logged {
                logged.record.site = led.site.to_string();
            }
            open.charge(&answering.counters);
            let now = || shared.options.clock.now();
            let cx = Context {
                started,
                now: &now,
                provider: shared.options.provider.as_deref(),
            };
            let mut response = match &answering.route {
                Route::Site(site) => match shared.files.try_respond(site, &parts, &cx) {
                    Some(response) => response,
                    None => shared.files.respond(site, &parts, &cx).await,
                },
                Route::Redirect { to, status, keep_path } => redirect(to, *status, *keep_path, &parts),
                Route::Placeholder(notice) => placeholder(notice, &parts.method),
                Route::Php(_) | Route::Proxy(_) => match &answering.cache {
                    Some(rules) => cache::answer(worker, conn, answering, rules, &open, parts, body, &cx).await,
                    None => Box::pin(behind(worker, conn, answering, &open, parts, Some(body), &cx)).await,
                },
                Route::Unknown | Route::Split(_) => pages::not_found(cx.provider),
                Route::Panel => {
                    let pool = Arc::clone(&shared.panel_pool);
                    pass(worker, conn, &pool, None, &open, parts, Some(body)).await
                }
            };
            if let Some(cookie) = cookie {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
    };
    if let Some((guard, client, path)) = guarded {
        guard.leave(response.headers_mut(), path.as_deref(), client.tls);
    }
    // HTTP/2 says so to the connection, and knows no such field.
    if worker.is_leaving() && !is_http2 {
        response.headers_mut().insert(header::CONNECTION, pages::CLOSE);
    }
    finish(response, answering, logged, started, open)
}

async fn pass(
    worker: &Rc<Worker>,
    conn: &ConnInfo,
    pool: &Arc<Pool>,
    route: Option<&ProxyRoute>,
    open: &OpenRequest,
    parts: Parts,
    body: Option<Incoming>,
) -> Response<Payload> {
    let asked = proxy::Asked {
        worker,
        conn,
        pool,
        route,
        authority: &understood(&parts).to_url(),
        open,
    };
    Box::pin(asked.forward(parts, body)).await
}

/// Asks the servers or programs of an entry.
pub(crate) async fn behind(
    worker: &Rc<Worker>,
    conn: &ConnInfo,
    entry: &Entry,
    open: &OpenRequest,
    parts: Parts,
    body: Option<Incoming>,
    cx: &Context<'_>,
) -> Response<Payload> {
    match &entry.route {
        Route::Php(route) => {
            let authority = understood(&parts);
            let asked = Asked {
                worker,
                conn,
                route,
                authority: &authority,
                parts: &parts,
                open,
            };
            asked.answer(body, cx).await
        }
        Route::Proxy(route) => match worker.shared.pool(&route.upstream) {
            Some(pool) => pass(worker, conn, &pool, Some(route), open, parts, body).await,
            None => pages::unavailable(
                false,
                cx.provider,
                "Just a moment",
                "The servers behind this site are not known yet. Please try again shortly.",
                "edge.upstream_unknown",
            ),
        },
        _ => pages::not_found(cx.provider),
    }
}

/// The authority of a request that was admitted. It is read once more since rules may change the path meanwhile, and files
/// need none.
pub(crate) fn understood(parts: &Parts) -> Authority<'_> {
    host::request_authority(parts.version, &parts.uri, &parts.headers).unwrap_or(Authority {
        host: "".into(),
        port: None,
    })
}

fn finish(
    response: Response<Payload>,
    entry: &Arc<Entry>,
    mut logged: Option<Box<Logged>>,
    started: Instant,
    open: OpenRequest,
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
    if parts.version < Version::HTTP_2 && has_unclear_framing(parts, conn) {
        return refuse(&shared.unknown, bad("it is not clear where this request ends\n"));
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
    let demands = entry.guard.as_ref().and_then(|guard| guard.handshakes());
    if let Some(secured) = &conn.tls
        && (!may_share(&snapshot, secured.name.as_deref(), &authority.host, &entry.route)
            || demands.is_some_and(|rules| !secured.satisfies(rules)))
    {
        let text = "this connection was opened for another name\n";
        return refuse(entry, pages::text(StatusCode::MISDIRECTED_REQUEST, text));
    }
    if plain
        && matches!(parts.method, Method::GET | Method::HEAD)
        && let Some(answer) = snapshot.challenges.file(&authority.host, parts.uri.path())
    {
        return refuse(entry, pages::plain(answer));
    }
    if plain {
        let covered = snapshot.certs.find(&authority.host).is_some();
        let by_certificate = demands.is_some_and(|rules| rules.asks_for_certificate);
        match &entry.route {
            _ if by_certificate && covered => return refuse(entry, to_https(shared, &authority, parts)),
            _ if by_certificate => {
                let text = "this is not served over plain http\n";
                return refuse(entry, pages::refuse(StatusCode::FORBIDDEN, text));
            }
            Route::Panel if !covered => {
                let text = "the panel is not reachable over plain http: use https\n";
                return refuse(entry, pages::refuse(StatusCode::FORBIDDEN, text));
            }
            Route::Panel => return refuse(entry, to_https(shared, &authority, parts)),
            route if covered && route.https_redirect() => return refuse(entry, to_https(shared, &authority, parts)),
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
fn has_unclear_framing(parts: &Parts, conn: &ConnInfo) -> bool {
    let length = parts.headers.contains_key(header::CONTENT_LENGTH);
    let chunked = parts.headers.contains_key(header::TRANSFER_ENCODING);
    match (length, chunked) {
        (false, false) => false,
        (true, true) => true,
        _ => !conn.watch.framing_is_clear(parts.method.as_str()),
    }
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
        peer: conn.client(),
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
