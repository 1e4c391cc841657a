//! The answer of a `php` target to one request.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::exchange::{Exchange, Failure};
use super::head::{self, Head};
use super::params::{self, Told};
use super::record::put_begin;
use super::script::{Resolved, Script};
use super::spool::{self, Refused, Source};
use super::{PhpRoute, ProgramBody};
use crate::body::Payload;
use crate::edge::Shared;
use crate::files::Context;
use crate::host::Authority;
use crate::net::{Address, Stream};
use crate::pages;
use crate::path::{self, SitePath};
use crate::proxy::{self, Client, RequestBody};
use crate::server::{ConnInfo, OpenRequest, Worker};

/// Between tries to connect to a socket whose queue is full, or which is not there for a moment.
const PAUSE: Duration = Duration::from_millis(20);
/// So often a socket that refuses is tried: a service that restarts is gone for a moment.
const REFUSALS: u32 = 5;
/// Fields of a program's answer that stay when the edge sends a file in its place.
const OF_FILE: [header::HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CACHE_CONTROL,
    header::EXPIRES,
    header::SET_COOKIE,
];

/// A request for a `php` target.
pub(crate) struct Asked<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) conn: &'a ConnInfo,
    pub(crate) route: &'a Arc<PhpRoute>,
    pub(crate) authority: &'a Authority<'a>,
    pub(crate) parts: &'a Parts,
    pub(crate) open: &'a OpenRequest,
}

impl Asked<'_> {
    /// Answers; what goes wrong becomes an answer too.
    pub(crate) async fn answer(self, body: Option<Incoming>, cx: &Context<'_>) -> Response<Payload> {
        let shared = &*self.worker.shared;
        let Ok(path) = path::normalise(self.parts.uri.path()) else {
            let page = pages::page("Bad request", "This address cannot be read.", cx.provider);
            return pages::html(StatusCode::BAD_REQUEST, page);
        };
        let files = &self.route.files;
        if path.hidden {
            return shared.files.respond_at(files, &path, self.parts, cx).await;
        }
        let sites = &shared.options.sites_dir;
        let resolved = shared.scripts.resolve(sites, self.route, &path, cx.started).await;
        match resolved.as_deref() {
            Ok(Resolved::Script(script)) => match self.run(script, body).await {
                Ok((head, body)) => self.response(head, body, cx).await,
                Err(failure) => self.failed(&failure, shared),
            },
            Ok(Resolved::File(file)) => self.file(&at(file), cx).await,
            Ok(Resolved::AddSlash) => crate::files::add_slash(&path, self.parts),
            // Never what is at the path: it may be a program's text.
            Ok(Resolved::Nothing) => shared.files.missing(files, self.parts, cx).await,
            Err(error) => {
                tracing::warn!(root = &*files.root, %error, "site cannot be read");
                pages::unreadable(cx.provider)
            }
        }
    }

    async fn file(&self, path: &SitePath<'_>, cx: &Context<'_>) -> Response<Payload> {
        if self.parts.method != Method::GET && self.parts.method != Method::HEAD {
            return pages::method_not_allowed();
        }
        let files = &self.worker.shared.files;
        files.respond_at(&self.route.files, path, self.parts, cx).await
    }

    async fn run(&self, script: &Script, body: Option<Incoming>) -> Result<(Head, ProgramBody), Failure> {
        let shared = &*self.worker.shared;
        let announced = body.as_ref().map_or(Some(0), |body| body.size_hint().exact());
        if let (Some(limit), Some(length)) = (self.route.max_body, announced)
            && length > limit
        {
            return Err(Failure::Body(Refused::TooLarge));
        }
        let body = RequestBody::new(body, self.open.watch(), Rc::default());
        let (mut body, length) = match announced {
            Some(0) => (Source::Done, 0),
            Some(length) => (Source::Client(body), length),
            None => {
                let spool = &shared.options.spool;
                let limit = self
                    .route
                    .max_body
                    .map_or(spool.body_bytes, |limit| limit.min(spool.body_bytes));
                spool::hold(body, &spool.folder, limit, &shared.spooled, spool.all_bytes)
                    .await
                    .map_err(Failure::Body)?
            }
        };
        let has_body = announced != Some(0) || self.parts.headers.contains_key(header::CONTENT_LENGTH);
        let identity = proxy::identify(self.conn, &self.parts.headers, &shared.options.trusted_proxies);
        let authority = self.authority.to_url();
        let client = Client {
            address: identity.address,
            tls: identity.tls,
            authority: &authority,
        };
        let told = Told {
            client: &client,
            authority: self.authority,
            local: self.conn.local,
            peer: self.conn.peer,
            root: &self.route.root,
            script,
            length: has_body.then_some(length),
        };
        let params = params::params(self.parts, &told);
        let mut begin = BytesMut::with_capacity(params.len() + 64);
        put_begin(&mut begin, &params, self.route.keep > 0);

        let until = Instant::now() + self.route.connect_timeout;
        let mut place = self.place(until).await?;
        loop {
            let kept = self.worker.idle.take(self.route);
            let reused = kept.is_some();
            // Nothing ran when the connection was closed under an idle program; only what may run twice is sent again.
            let again = reused && self.parts.method.is_idempotent() && matches!(body, Source::Done);
            let stream = match kept {
                Some(stream) => stream,
                None => connect(&self.route.address, until).await?,
            };
            let mut exchange = Exchange::new(
                stream,
                Rc::clone(&self.worker.idle),
                Arc::clone(self.route),
                place.take(),
                if again {
                    begin.clone()
                } else {
                    std::mem::take(&mut begin)
                },
                std::mem::replace(&mut body, Source::Done),
            );
            match read_head(&mut exchange).await {
                Ok((head, first)) => {
                    let body = ProgramBody::new(first, exchange, head.length);
                    return Ok((head, body));
                }
                Err(Failure::Broken(_)) if again && !exchange.answered => place = exchange.place.take(),
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn place(&self, until: Instant) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let Some(places) = &self.route.places else {
            return Ok(None);
        };
        let place = timeout_at(until, Arc::clone(places).acquire_owned()).await;
        // The semaphore is never closed.
        place.map_err(|_| Failure::Full).map(Result::ok)
    }

    async fn response(&self, mut head: Head, body: ProgramBody, cx: &Context<'_>) -> Response<Payload> {
        let redirect = head.fields.remove("x-accel-redirect");
        let own: Vec<_> = head
            .fields
            .keys()
            .filter(|name| name.as_str().starts_with("x-accel-"))
            .cloned()
            .collect();
        for name in own {
            head.fields.remove(name);
        }
        if let Some(target) = redirect {
            body.finish();
            return self
                .send_file(target.to_str().unwrap_or_default(), &head.fields, cx)
                .await;
        }
        let bodiless = head.length == Some(0)
            || self.parts.method == Method::HEAD
            || head.status == StatusCode::NO_CONTENT
            || head.status == StatusCode::NOT_MODIFIED;
        if let Some(length) = head.length
            && head.status != StatusCode::NO_CONTENT
        {
            pages::set_length(&mut head.fields, length);
        }
        let payload = if bodiless {
            body.finish();
            Payload::Empty
        } else {
            Payload::Program(Box::new(body))
        };
        let mut response = Response::new(payload);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.fields;
        response
    }

    /// `X-Accel-Redirect`: a file of the same tree, also one that nobody may ask for by its name.
    async fn send_file(&self, target: &str, fields: &HeaderMap, cx: &Context<'_>) -> Response<Payload> {
        let target = target.split('?').next().unwrap_or_default();
        let path = path::normalise(target);
        let Some(path) = path
            .ok()
            .filter(|path| !path.is_directory() && !self.is_program(&path.relative))
        else {
            tracing::warn!(
                root = &*self.route.files.root,
                target,
                "a program redirects to what is no file of its site"
            );
            return pages::not_found(cx.provider);
        };
        let files = &self.worker.shared.files;
        let mut response = files
            .respond_at(&self.route.files, &at(&path.relative), self.parts, cx)
            .await;
        for name in OF_FILE {
            if fields.contains_key(&name) {
                response.headers_mut().remove(&name);
            }
            for value in fields.get_all(&name) {
                response.headers_mut().append(&name, value.clone());
            }
        }
        response
    }

    fn is_program(&self, path: &str) -> bool {
        self.route.is_script(path) || super::script::is_source(path)
    }

    fn failed(&self, failure: &Failure, shared: &Shared) -> Response<Payload> {
        let root = &*self.route.files.root;
        let (status, title, text) = match failure {
            Failure::Body(Refused::TooLarge) => {
                return pages::refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n");
            }
            Failure::Body(Refused::Client(_)) => {
                return pages::refuse(StatusCode::BAD_REQUEST, "the request's body broke off\n");
            }
            Failure::Slow => (
                StatusCode::GATEWAY_TIMEOUT,
                "No answer in time",
                "The program behind this site took too long. Please try again shortly.",
            ),
            Failure::Full | Failure::Overloaded | Failure::Body(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Very busy",
                "This site has more visitors than it can serve right now. Please try again shortly.",
            ),
            Failure::Unreachable(_) | Failure::Broken(_) => (
                StatusCode::BAD_GATEWAY,
                "No answer",
                "The program behind this site did not answer. Please try again shortly.",
            ),
        };
        tracing::warn!(root, %failure, "program does not answer");
        let json = proxy::wants_json(&self.parts.headers);
        pages::failure(
            status,
            json,
            shared.options.provider.as_deref(),
            title,
            text,
            "edge.program_failed",
        )
    }
}

fn at(file: &str) -> SitePath<'_> {
    SitePath {
        relative: file.into(),
        hidden: false,
    }
}

async fn read_head(exchange: &mut Exchange) -> Result<(Head, bytes::Bytes), Failure> {
    let (mut held, mut seen) = (BytesMut::new(), 0);
    while let Some(piece) = poll_fn(|cx| exchange.poll(cx)).await {
        held.extend_from_slice(&piece?);
        let head = head::parse(&held, seen).map_err(|error| Failure::Broken(io::Error::other(error)))?;
        if let Some(head) = head {
            let first = held.split_off(head.end).freeze();
            return Ok((head, first));
        }
        seen = held.len();
    }
    Err(Failure::Broken(io::Error::other("the program ended without an answer")))
}

/// Connects until a moment. A full queue answers at once on a Unix socket, so it is asked again.
async fn connect(address: &Address, until: Instant) -> Result<Stream, Failure> {
    let mut refused = 0;
    loop {
        let attempt = async {
            match address {
                Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
                Address::Ip(address) => Stream::tcp(*address).await.map(Stream::Tcp),
                Address::Name(..) => Err(io::ErrorKind::AddrNotAvailable.into()),
            }
        };
        match timeout_at(until, attempt).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() + PAUSE < until => {}
            Err(_) => return Err(Failure::Full),
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Err(Failure::Full),
            Ok(Err(error)) => {
                refused += 1;
                let may_return = matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound);
                if !may_return || refused == REFUSALS {
                    return Err(Failure::Unreachable(error));
                }
            }
        }
        sleep(PAUSE).await;
    }
}
