//! What comes of a request.

use mpanel_agent_protocol::protocol::{Failure, LIST_CHUNK, Response};

/// Why there is no answer.
pub(crate) enum Stop {
    Failed(Failure),
    /// The peer closed the connection: nobody waits for one.
    Gone,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A list as frames, at least one.
pub(crate) fn chunks<T: Clone>(items: Vec<T>, frame: impl Fn(Vec<T>, bool) -> Response) -> Vec<Response> {
    if items.is_empty() {
        return vec![frame(items, true)];
    }
    let count = items.len().div_ceil(LIST_CHUNK);
    items
        .chunks(LIST_CHUNK)
        .enumerate()
        .map(|(at, chunk)| frame(chunk.to_vec(), at + 1 == count))
        .collect()
}
