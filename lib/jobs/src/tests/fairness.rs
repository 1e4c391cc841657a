use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mpanel_kernel::ids::TenantId;
use serde_json::Value;

use super::support::{Fixture, SINGLE, Script, server, until};
use crate::{Runtime, StepState, Tuning};

fn one_at_a_time(runtime: Runtime) -> Runtime {
    Runtime {
        tuning: Tuning {
            operations: 1,
            ..runtime.tuning
        },
        ..runtime
    }
}

#[tokio::test]
async fn tenants_take_turns_however_much_one_has_to_do() {
    let fixture = Fixture::new().await;
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    let mut all = Vec::new();
    for n in 0..5 {
        all.push((busy, fixture.start(&SINGLE, busy, &format!("busy {n}")).await));
    }
    for n in 0..2 {
        all.push((calm, fixture.start(&SINGLE, calm, &format!("calm {n}")).await));
    }
    let script = Script::smooth(&SINGLE);
    let _server = server(one_at_a_time(fixture.operating([script.clone()])));
    for (tenant, id) in all {
        fixture.ended_of(tenant, id).await;
    }
    let mut order = script.subjects();
    order.dedup();
    assert_eq!(
        order,
        ["busy 0", "calm 0", "busy 1", "calm 1", "busy 2", "busy 3", "busy 4"]
    );
}

#[tokio::test]
async fn one_tenant_does_not_fill_all_places() {
    let fixture = Fixture::new().await;
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let script = Script::new(&SINGLE, move |_, cx| {
        let gate = gate.clone();
        async move {
            while cx.subject().starts_with("busy") && !gate.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(Value::Null)
        }
    });
    let mut waiting = Vec::new();
    for n in 0..6 {
        waiting.push(fixture.start(&SINGLE, busy, &format!("busy {n}")).await);
    }
    let _server = server(fixture.operating([script]));
    until(|| async { (fixture.get_of(busy, waiting[1]).await.steps[0].state == StepState::Running).then_some(()) })
        .await;
    // Four places, two of them taken for good: the other tenant's work comes and goes.
    for n in 0..3 {
        let id = fixture.start(&SINGLE, calm, &format!("calm {n}")).await;
        fixture.ended_of(calm, id).await;
    }
    assert_eq!(
        fixture.get_of(busy, waiting[2]).await.steps[0].state,
        StepState::Pending
    );
    open.store(true, Ordering::SeqCst);
    for id in waiting {
        fixture.ended_of(busy, id).await;
    }
}
