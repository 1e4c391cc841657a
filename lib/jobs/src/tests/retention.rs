use std::sync::Arc;

use jiff::SignedDuration;
use mpanel_kernel::clock::{Clock as _, ManualClock, SystemClock};
use mpanel_kernel::paging::PageRequest;

use super::support::{Fixture, SINGLE, Script, THREE, server};
use crate::{OperationFilter, Reconciler as _, Retention, list};

#[tokio::test]
async fn operations_are_kept_for_a_season_after_they_ended_and_unfinished_ones_for_ever() {
    let fixture = Fixture::new().await;
    let running = server(fixture.operating([Script::smooth(&SINGLE)]));
    let ended = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    fixture.ended(ended).await;
    drop(running);
    let unfinished = fixture.start(&THREE, fixture.tenant, "site_2").await;
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let retention = Retention {
        db: fixture.db().clone(),
        clock: clock.clone(),
    };
    assert_eq!(retention.pass().await.unwrap().deleted, 0);
    clock.advance(SignedDuration::from_hours(91 * 24));
    assert_eq!(retention.pass().await.unwrap().deleted, 1);
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let left = list(&mut tx, &OperationFilter::default(), PageRequest::default())
        .await
        .unwrap();
    let left: Vec<_> = left.items.iter().map(|operation| operation.id).collect();
    assert_eq!(left, [unfinished]);
}
