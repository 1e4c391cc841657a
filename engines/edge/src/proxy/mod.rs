//! The panel behind its Unix socket.
//!
//! Bodies stream both ways with back-pressure and without a limit on size or total time, because uploads and event
//! streams are both. The server behind believes what the edge says about the client, so everything a client could have
//! said about itself is removed first.

mod headers;
mod stream;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::body::Payload;
use crate::edge::Shared;
use crate::options::EdgeOptions;
use crate::pages;
use crate::server::{ConnInfo, OpenRequest};
pub(crate) use headers::Client;
use stream::{Progress, RequestBody};

type Sender = http1::SendRequest<RequestBody>;

/// Connections of one thread to the panel's server.
pub(crate) struct Upstream {
    socket: PathBuf,
    connect_timeout: Duration,
    response_timeout: Duration,
    keep: usize,
    idle: Rc<RefCell<Vec<Sender>>>,
}

/// Why there is no answer. What was not sent may be sent again.
enum Failure {
    Unreachable(io::Error),
    Broken(hyper::Error),
    Slow,
}

impl Upstream {
    pub(crate) fn new(options: &EdgeOptions) -> Self {
        Self {
            socket: options.panel_socket.clone(),
            connect_timeout: options.proxy.connect_timeout,
            response_timeout: options.proxy.response_timeout,
            keep: options.proxy.idle_connections,
            idle: Rc::default(),
        }
    }

    /// Lets go of connections that the server has closed.
    pub(crate) fn sweep(&self) {
        self.idle.borrow_mut().retain(|sender| !sender.is_closed());
    }

    /// Passes a request on and its answer back.
    pub(crate) async fn forward(
        &self,
        shared: &Shared,
        conn: &ConnInfo,
        authority: &str,
        mut parts: Parts,
        body: Incoming,
        open: &OpenRequest,
    ) -> Response<Payload> {
        let json = parts.uri.path().starts_with("/api/") || wants_json(&parts.headers);
        let client = Client {
            address: conn.peer.ip().to_canonical(),
            tls: conn.tls.is_some(),
            authority,
        };
        if headers::for_upstream(&mut parts.headers, &client).is_err() {
            return pages::refuse(http::StatusCode::BAD_REQUEST, "invalid host\n");
        }
        let progress = Rc::new(Progress::default());
        let body = RequestBody::new(body, open.watch(), Rc::clone(&progress));
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = origin_form(&parts.uri);
        *request.headers_mut() = parts.headers;
        match self.exchange(request, &progress).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                headers::for_client(&mut parts.headers);
                parts.version = http::Version::default();
                Response::from_parts(parts, Payload::Upstream(body))
            }
            Err(failure) => {
                match failure {
                    Failure::Unreachable(error) => tracing::warn!(%error, "panel server is not reachable"),
                    Failure::Broken(error) => tracing::warn!(%error, "panel server broke off"),
                    Failure::Slow => tracing::warn!("panel server does not answer"),
                }
                pages::unavailable(
                    json,
                    shared.options.provider.as_deref(),
                    "Just a moment",
                    "The panel is starting or being updated. Websites are not affected. Please try again shortly.",
                    "edge.panel_unavailable",
                )
            }
        }
    }

    async fn exchange(
        &self,
        mut request: Request<RequestBody>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        loop {
            let (mut sender, reused) = match self.take() {
                Some(sender) => (sender, true),
                None => (self.connect().await.map_err(Failure::Unreachable)?, false),
            };
            let answer = {
                let mut answer = std::pin::pin!(sender.try_send_request(request));
                loop {
                    tokio::select! {
                        answer = &mut answer => break answer,
                        () = sleep_until(progress.deadline(self.response_timeout)) => {
                            // While the client still owes body bytes, its own time limits apply.
                            if progress.deadline(self.response_timeout) <= Instant::now() {
                                return Err(Failure::Slow);
                            }
                        }
                    }
                }
            };
            match answer {
                Ok(response) => {
                    self.give_back(sender);
                    return Ok(response);
                }
                // The server closed an idle connection at the moment it was taken: nothing was sent.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(Failure::Broken(error.into_error())),
                },
            }
        }
    }

    fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(Sender::is_ready)
    }

    /// Keeps the connection once the answer has been read to its end.
    fn give_back(&self, mut sender: Sender) {
        let (idle, keep) = (Rc::clone(&self.idle), self.keep);
        tokio::task::spawn_local(async move {
            if sender.ready().await.is_ok() && idle.borrow().len() < keep {
                idle.borrow_mut().push(sender);
            }
        });
    }

    async fn connect(&self) -> io::Result<Sender> {
        let stream = timeout(self.connect_timeout, UnixStream::connect(&self.socket)).await??;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the panel server ended");
            }
        });
        sender.ready().await.map_err(io::Error::other)?;
        Ok(sender)
    }
}

/// Only path and query: the server behind must not see a scheme or authority to interpret.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query()
        .map(|path| Uri::from(path.clone()))
        .unwrap_or_default()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let has = |value: &HeaderValue, what| value.to_str().is_ok_and(|text| text.contains(what));
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| has(accept, "json") && !has(accept, "text/html"))
}
