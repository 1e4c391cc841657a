//! What is left of a request's body when it was answered without being read to its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use mpanel_telemetry::spawn_named;

/// So many bytes are read, and thrown away, for so long at most.
const MOST: usize = 16 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(30);

/// The layer, outermost, that reads on when a request was answered before its body was read: a caller that is in the
/// middle of sending would otherwise see a broken connection instead of the answer.
pub async fn read_leftover(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::new(Leftover(Some(body))))).await
}

/// A body that is read to its end even when nobody wants it; empty when it has been.
struct Leftover(Option<Body>);

impl HttpBody for Leftover {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ended = || SizeHint::with_exact(0);
        self.0.as_ref().map_or_else(ended, HttpBody::size_hint)
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let left = self.0.take().filter(|body| !body.is_end_stream());
        // Without a runtime the connection is gone as well.
        if let (Some(body), Ok(_)) = (left, tokio::runtime::Handle::try_current()) {
            spawn_named("http.leftover", async {
                tokio::time::timeout(LONGEST, discard(body)).await.ok();
            });
        }
    }
}

async fn discard(mut body: Body) {
    let mut read = 0;
    while read < MOST
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}
