//! The way out: `instant-acme`'s requests over `lib/netguard`, with what it drops of the answers kept for whoever asked.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LINK, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use jiff::SignedDuration;
use mpanel_kernel::clock::{Clock as _, SystemClock};

/// What the newest answer said beside what the library reads of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Heard {
    pub(crate) retry_after: Option<Duration>,
    /// Where a list goes on.
    pub(crate) next: Option<String>,
    pub(crate) body: Bytes,
}

tokio::task_local! {
    static HEARD: RefCell<Heard>;
}

/// Runs a request, or several one after the other, and returns what the last answer said.
pub(crate) async fn listening<T>(request: impl Future<Output = T>) -> (T, Heard) {
    HEARD
        .scope(RefCell::default(), async {
            let answer = request.await;
            (answer, HEARD.with(RefCell::take))
        })
        .await
}

pub(crate) struct Transport(pub(crate) mpanel_netguard::Client);

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            // The guard says who is asking (RFC 8555 §6.1).
            parts.headers.remove(USER_AGENT);
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let sent = client.send(Request::from_parts(parts, body)).await;
            let answer = sent.map_err(|error| instant_acme::Error::Other(error.into()))?;
            if answer.truncated {
                return Err(instant_acme::Error::Str("its answer is too long"));
            }
            // Nobody listens when an account is opened.
            let _ = HEARD.try_with(|heard| {
                *heard.borrow_mut() = Heard {
                    retry_after: retry_after(&answer.headers),
                    next: next(&answer.headers),
                    body: answer.body.clone(),
                };
            });
            let mut response = Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(BytesResponse::from(response))
        })
    }
}

/// RFC 8288: `<URL>;rel="next"`, each in a field of its own as RFC 8555 §7.1.2.1 shows it, or behind commas.
fn next(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(",")).find_map(|link| {
        let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = parameters.split(';').map(|parameter| parameter.trim().replace('"', ""));
        parameters
            .any(|parameter| parameter == "rel=next")
            .then(|| url.to_owned())
    })
}

/// RFC 9110 §10.2.3: seconds, or a date. A day at most: who says more is asked again all the same.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(24 * 3600);
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since(SystemClock.now()).max(SignedDuration::ZERO)).ok()?
        }
    };
    Some(wait.min(LONGEST))
}
