use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Polls a future until it has waited `waits` times and drops it when it is about to wait once more, as a process that dies
/// there would; `None` then. What it returns when it is done before.
pub async fn interrupted<F: Future>(future: F, waits: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = waits;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// After how many waits something is broken off: each of the first, then fewer and fewer.
pub(crate) fn waits() -> impl Iterator<Item = usize> {
    (0..6)
        .chain((6..).step_by(3).take(8))
        .chain((32..).step_by(16).take(20))
}
