//! Where the cache stands: between a host's entry and the servers or programs behind it.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::Response;
use http::request::Parts;
use http_body::Body as _;
use hyper::body::Incoming;

use super::{Answer, Asked, Origin, Outcome, Rules, respond};
use crate::body::{BodyError, Payload};
use crate::files::Context;
use crate::proxy::identify;
use crate::route;
use crate::server::{ConnInfo, OpenRequest, Worker};
use crate::table::Entry;

/// What is behind an entry, for requests that are nobody's own.
#[derive(Clone)]
struct Behind {
    worker: Rc<Worker>,
    /// As the client's connection, as far as its server is told.
    conn: Rc<ConnInfo>,
    entry: Arc<Entry>,
}

impl Origin for Behind {
    type Body = Payload;
    type Error = BodyError;

    fn fetch(&self, request: Parts) -> impl Future<Output = Response<Payload>> + 'static {
        let behind = self.clone();
        async move {
            let shared = &*behind.worker.shared;
            let now = || shared.options.clock.now();
            let cx = Context {
                started: Instant::now(),
                now: &now,
                provider: shared.options.provider.as_deref(),
            };
            let open = behind.conn.watch.open_request(false, false);
            let (worker, conn, entry) = (&behind.worker, &behind.conn, &behind.entry);
            route::behind(worker, conn, entry, &open, request, None, &cx).await
        }
    }
}

/// Answers a request from what is kept, or from behind the entry.
#[expect(
    clippy::too_many_arguments,
    reason = "what a request consists of, on its way to one place"
)]
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    conn: &ConnInfo,
    entry: &Arc<Entry>,
    rules: &Arc<Rules>,
    open: &OpenRequest,
    parts: Parts,
    body: Incoming,
    cx: &Context<'_>,
) -> Response<Payload> {
    let shared = &*worker.shared;
    let identity = identify(conn, &parts.headers, &shared.options.trusted_proxies);
    let named = route::understood(&parts).to_url();
    let asked = Asked {
        parts: &parts,
        authority: &named,
        https: identity.tls,
        has_body: !body.is_end_stream(),
    };
    let origin = || Behind {
        worker: Rc::clone(worker),
        conn: Rc::new(worker.on_behalf(conn, identity.address, identity.tls)),
        entry: Arc::clone(entry),
    };
    let passing = match respond(&shared.cache, rules, &asked, origin).await {
        Outcome::Answer(response) => return response.map(payload),
        Outcome::Pass(passing) => passing,
    };
    let mut sent = parts.clone();
    let stand_in = passing
        .prepare(rules, &mut sent)
        .then(|| worker.on_behalf(conn, identity.address, identity.tls));
    let conn = stand_in.as_ref().unwrap_or(conn);
    let mut response = Box::pin(route::behind(worker, conn, entry, open, sent, Some(body), cx)).await;
    let status = response.status();
    shared
        .cache
        .passed(rules, &asked, &passing, status, response.headers_mut());
    response
}

fn payload(answer: Answer<Payload>) -> Payload {
    match answer {
        Answer::Empty => Payload::Empty,
        Answer::Full(bytes) => Payload::full(bytes),
        Answer::Cached(body) => Payload::Cached(body),
        Answer::Origin(payload) => payload,
    }
}
