//! How many bytes of answers wait for whoever asked to read them.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use mpanel_authz::OpCx;

use crate::body::{Pool, SHORT, Share};

/// Two thousand clients that ask for the longest page, and read none of it, must not fill the memory.
static UNREAD: Pool = Pool::of(32 * 1024 * 1024);

/// The layer around operations: bounds what long answers hold until they are read. One to a change is always given, since
/// the change is made; streams have no length, and hold only their next part.
pub async fn limit_answers(request: Request, next: Next) -> Response {
    let is_read = request.method().is_safe();
    let tenant = request.extensions().get::<OpCx>().map(OpCx::tenant);
    let response = next.run(request).await;
    if is_read {
        held(response, Share::of(&UNREAD, tenant))
    } else {
        response
    }
}

pub(crate) fn held(response: Response, mut share: Share<'static>) -> Response {
    let length = response
        .body()
        .size_hint()
        .exact()
        .and_then(|length| usize::try_from(length).ok());
    // Shorter ones fit into what a connection takes anyway.
    let Some(length) = length.filter(|length| *length > SHORT) else {
        return response;
    };
    if let Err(problem) = share.grow(length) {
        return problem.into_response();
    }
    let share = Arc::new(share);
    let owned = move |bytes: Bytes| {
        Bytes::from_owner(Held {
            bytes,
            _share: Arc::clone(&share),
        })
    };
    response.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&owned))))
}

/// The body is gone as soon as it is handed to the connection; its bytes are when they are sent.
struct Held {
    bytes: Bytes,
    _share: Arc<Share<'static>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
