//! A harness that finds nothing proves nothing: it is given work that is not idempotent, does not
//! listen or hangs, and says so.

mod careless;
mod hanging;
mod irrevocable;
mod support;

use crate::interrupt::{interrupted, waits};

/// Waits so often, and then is done.
async fn waiting(times: usize) -> usize {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
    times
}

#[tokio::test]
async fn what_waits_more_often_is_broken_off_and_what_does_not_is_done() {
    assert_eq!(interrupted(waiting(3), 2).await, None);
    assert_eq!(interrupted(waiting(3), 3).await, Some(3));
    assert_eq!(interrupted(waiting(0), 0).await, Some(0));
}

#[test]
fn places_to_break_off_at_grow_apart() {
    let waits: Vec<usize> = waits().collect();
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert_eq!(waits[..7], [0, 1, 2, 3, 4, 5, 6]);
}
