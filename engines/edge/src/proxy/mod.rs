//! Requests passed on to servers: the panel behind its Unix socket, and what customers have behind pools.
//!
//! Bodies stream both ways with back-pressure and without a limit on size or total time, because uploads and event
//! streams are both. The servers believe what the edge says about the client, so everything a client could have said
//! about itself is removed first.

mod answer;
mod headers;
mod kept;
mod stream;
mod trust;
mod tunnel;

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::header;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

use crate::backends::HostHeader;
use crate::body::Payload;
use crate::pages;
use crate::server::{ConnInfo, OpenRequest, Worker};
use crate::upstream::{InFlight, Member, Pool};
pub(crate) use answer::AnswerBody;
pub(crate) use headers::{Client, is_claim, is_hop_by_hop, nominated, remove_nominated};
pub(crate) use kept::Connections;
use stream::Progress;
pub(crate) use stream::RequestBody;
pub(crate) use trust::{Identity, identify};
pub(crate) use tunnel::Tunnel;

/// A `proxy` target made ready to answer.
#[derive(Debug)]
pub(crate) struct ProxyRoute {
    pub(crate) upstream: Box<str>,
    pub(crate) host: HostHeader,
    pub(crate) strip: Option<Box<str>>,
    pub(crate) https_redirect: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("all servers are busy")]
    Full,
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    #[error("broke off: {0}")]
    Broken(hyper::Error),
    #[error("no answer in time")]
    Slow,
}

/// A request for a pool.
pub(crate) struct Asked<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) conn: &'a ConnInfo,
    pub(crate) pool: &'a Arc<Pool>,
    /// `None` for the panel.
    pub(crate) route: Option<&'a ProxyRoute>,
    pub(crate) authority: &'a str,
    pub(crate) open: &'a OpenRequest,
}

struct Answered {
    response: Response<Incoming>,
    in_flight: InFlight,
    /// The server of the answer, when a cookie has to say so.
    bind: Option<Arc<Member>>,
}

impl Asked<'_> {
    /// Passes the request on and its answer back; what goes wrong becomes an answer too.
    pub(crate) async fn forward(&self, mut parts: Parts, body: Option<Incoming>) -> Response<Payload> {
        let json = parts.uri.path().starts_with("/api/") || wants_json(&parts.headers);
        let trusted = &self.worker.shared.options.trusted_proxies;
        let identity = match self.route {
            Some(_) => identify(self.conn, &parts.headers, trusted),
            None => identify(self.conn, &parts.headers, &[]),
        };
        let client = Client {
            address: identity.address,
            tls: identity.tls,
            authority: self.authority,
        };
        let switch = self
            .route
            .and_then(|_| tunnel::asked(parts.version, &parts.headers))
            .filter(|_| body.as_ref().is_none_or(Incoming::is_end_stream) && self.conn.watch.is_quiet());
        if self.route.is_some() && headers::goes_round(&parts.headers) {
            return pages::text(StatusCode::LOOP_DETECTED, "this request goes round in circles\n");
        }
        let passed = match self.route {
            Some(_) => headers::for_site(&mut parts.headers, &client, identity, self.conn.peer.ip()),
            None => headers::for_panel(&mut parts.headers, &client),
        };
        if passed.is_err() {
            return pages::refuse(StatusCode::BAD_REQUEST, "invalid host\n");
        }
        if let Some(protocol) = &switch {
            parts
                .headers
                .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(header::UPGRADE, protocol.clone());
        }
        if body.as_ref().is_some_and(|body| body.size_hint().exact().is_none()) {
            parts
                .headers
                .insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        parts.uri = self.uri(&parts.uri);
        parts.version = http::Version::HTTP_11;
        match self.exchange(parts, body, identity.address).await {
            Ok(answered) => self.answer(answered, switch.is_some(), identity),
            Err(failure) => self.failed(&failure, json),
        }
    }

    /// Only path and query: the server behind must not see a scheme or authority to interpret.
    fn uri(&self, uri: &Uri) -> Uri {
        let Some(path) = uri.path_and_query() else {
            return Uri::default();
        };
        let strip = self.route.and_then(|route| route.strip.as_deref());
        let stripped = strip.and_then(|prefix| path.as_str().strip_prefix(prefix));
        match stripped {
            Some(rest) if rest.starts_with('/') => rest.parse().unwrap_or_default(),
            Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}").parse().unwrap_or_default(),
            _ => Uri::from(path.clone()),
        }
    }

    async fn exchange(&self, parts: Parts, body: Option<Incoming>, client: IpAddr) -> Result<Answered, Failure> {
        let pool = self.pool;
        let until = Instant::now() + pool.tries_timeout;
        let again = body.as_ref().is_none_or(Incoming::is_end_stream) && parts.method.is_idempotent();
        let progress = Rc::new(Progress::default());
        let body = RequestBody::new(body, self.open.watch(), Rc::clone(&progress));
        let label = pool.sticky.as_deref().and_then(|name| cookie(&parts.headers, name));
        let bound = label.and_then(|label| pool.bound(label)).cloned();
        let place = pool.place().ok_or(Failure::Full)?;
        let mut request = Request::from_parts(parts, body);
        let mut tried = Vec::new();
        let mut chosen = bound.clone();
        loop {
            let member = match chosen.take() {
                Some(member) => member,
                None => Arc::clone(pool.choose(client, &tried).ok_or(Failure::Full)?),
            };
            let in_flight = member.enter(&place);
            let (failure, unsent) = match self.once(&member, request, again, &progress).await {
                Ok(response) => {
                    pool.worked(&member);
                    let is_new = pool.sticky.is_some() && bound.as_ref().is_none_or(|bound| bound.id != member.id);
                    return Ok(Answered {
                        response,
                        in_flight,
                        bind: is_new.then_some(member),
                    });
                }
                Err(failed) => *failed,
            };
            pool.failed(&member);
            tried.push(member.id);
            let spent = tried.len() > usize::try_from(pool.retries).unwrap_or(usize::MAX) || Instant::now() >= until;
            let Some(unsent) = unsent.filter(|_| !spent && !matches!(failure, Failure::Slow)) else {
                return Err(failure);
            };
            tracing::debug!(server = %member.address, %failure, "the request goes to another server");
            if pool.choose(client, &tried).is_none() {
                return Err(failure);
            }
            request = unsent;
        }
    }

    /// Asks one server. With a failure comes the request when it may be sent once more: nothing of it was sent, or
    /// whoever has got it may get it twice.
    async fn once(
        &self,
        member: &Arc<Member>,
        mut request: Request<RequestBody>,
        again: bool,
        progress: &Rc<Progress>,
    ) -> Result<Response<Incoming>, Box<(Failure, Option<Request<RequestBody>>)>> {
        let connections = &self.worker.connections;
        if self.route.is_some_and(|route| route.host == HostHeader::Upstream) {
            request.headers_mut().insert(header::HOST, member.host.clone());
        }
        loop {
            let (mut sender, reused) = match connections.take(member) {
                Some(sender) => (sender, true),
                None => match Connections::connect(self.pool, member).await {
                    Ok(sender) => (sender, false),
                    Err(error) => return Err(Box::new((Failure::Unreachable(error), Some(request)))),
                },
            };
            let copy = again.then(|| copy(&request));
            let answer = {
                let mut answer = std::pin::pin!(sender.try_send_request(request));
                loop {
                    let deadline = progress.deadline(self.pool.response_timeout);
                    tokio::select! {
                        answer = &mut answer => break answer,
                        () = sleep_until(deadline) => {
                            // While the client still owes body bytes, its own time limits apply.
                            if progress.deadline(self.pool.response_timeout) <= Instant::now() {
                                return Err(Box::new((Failure::Slow, None)));
                            }
                        }
                    }
                }
            };
            match answer {
                Ok(response) => {
                    connections.give_back(self.pool, member, sender);
                    return Ok(response);
                }
                Err(mut error) => {
                    let unsent = error.take_message();
                    let error = error.into_error();
                    // What was answered in a way that makes no sense was executed.
                    let copy = copy.filter(|_| !error.is_parse());
                    match unsent.or(copy) {
                        // The server closed an idle connection at the moment it was taken.
                        Some(unsent) if reused => request = unsent,
                        unsent => return Err(Box::new((Failure::Broken(error), unsent))),
                    }
                }
            }
        }
    }

    fn answer(&self, answered: Answered, switch: bool, identity: Identity) -> Response<Payload> {
        let Answered {
            mut response,
            in_flight,
            bind,
        } = answered;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(response, in_flight, switch);
        }
        if self.route.is_some() {
            headers::for_client(response.headers_mut());
        } else {
            headers::from_panel(response.headers_mut());
        }
        if let (Some(member), Some(name)) = (bind, self.pool.sticky.as_deref()) {
            let cookie = set_cookie(name, self.pool.label(&member), identity.tls);
            response
                .headers_mut()
                .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        }
        *response.version_mut() = http::Version::default();
        let patience = self.pool.idle_timeout;
        response.map(|body| Payload::Upstream(AnswerBody::new(body, in_flight, patience)))
    }

    /// The head of the answer goes out as HTTP; what comes after it is the tunnel's.
    fn switch(&self, mut response: Response<Incoming>, in_flight: InFlight, asked: bool) -> Response<Payload> {
        let protocol = response.headers().get(header::UPGRADE).cloned();
        let Some(protocol) = protocol.filter(|_| asked) else {
            tracing::warn!("a server switches protocols unasked");
            return pages::text(StatusCode::BAD_GATEWAY, "the server switched protocols unasked\n");
        };
        let tunnel = Tunnel {
            server: hyper::upgrade::on(&mut response),
            patience: self.pool.tunnel_timeout,
            open: self.conn.watch.open_tunnel(),
            _in_flight: in_flight,
        };
        self.conn.tunnel.replace(Some(tunnel));
        let (mut parts, _) = response.into_parts();
        headers::for_client(&mut parts.headers);
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
        parts.version = http::Version::default();
        parts.extensions.clear();
        Response::from_parts(parts, Payload::Empty)
    }

    fn failed(&self, failure: &Failure, json: bool) -> Response<Payload> {
        let provider = self.worker.shared.options.provider.as_deref();
        let Some(route) = self.route else {
            tracing::warn!(%failure, "panel server does not answer");
            return pages::unavailable(
                json,
                provider,
                "Just a moment",
                "The panel is starting or being updated. Websites are not affected. Please try again shortly.",
                "edge.panel_unavailable",
            );
        };
        tracing::warn!(upstream = &*route.upstream, %failure, "upstream does not answer");
        let (status, title, text) = match failure {
            Failure::Full => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Very busy",
                "This site has more visitors than it can serve right now. Please try again shortly.",
            ),
            Failure::Slow => (
                StatusCode::GATEWAY_TIMEOUT,
                "No answer in time",
                "The server behind this site took too long. Please try again shortly.",
            ),
            Failure::Unreachable(_) | Failure::Broken(_) => (
                StatusCode::BAD_GATEWAY,
                "No answer",
                "The server behind this site did not answer. Please try again shortly.",
            ),
        };
        pages::failure(status, json, provider, title, text, "edge.upstream_failed")
    }
}

/// A request without a body once more.
fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::none(request.body()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The value of a cookie that a request carries (RFC 6265 §4.2).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = pairs
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// A cookie of the edge's own: for the whole site, and no script's business.
pub(crate) fn set_cookie(name: &str, value: &str, tls: bool) -> Option<HeaderValue> {
    let secure = if tls { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()
}

pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let has = |value: &HeaderValue, what| value.to_str().is_ok_and(|text| text.contains(what));
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| has(accept, "json") && !has(accept, "text/html"))
}
