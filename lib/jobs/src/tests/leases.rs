use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpanel_kernel::ids::TenantId;
use serde_json::Value;

use super::support::{Fixture, SINGLE, Script, THREE, quick, server, until};
use crate::{OperationState, Runtime, StepState, Tuning};

#[tokio::test]
async fn two_servers_never_run_one_operation_nor_one_subject_at_once() {
    let fixture = Fixture::new().await;
    let at_work: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    let script = Script::new(&THREE, move |_, cx| {
        let at_work = at_work.clone();
        async move {
            let subject = cx.subject().to_owned();
            {
                let mut at_work = at_work.lock().unwrap();
                let n = at_work.entry(subject.clone()).or_default();
                *n += 1;
                assert_eq!(*n, 1, "{subject} is worked on twice");
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
            *at_work.lock().unwrap().get_mut(&subject).unwrap() -= 1;
            Ok(Value::Null)
        }
    });
    let mut all = Vec::new();
    for n in 0..4 {
        let tenant = TenantId::generate();
        for m in 0..6 {
            // Two subjects a tenant, three operations on each.
            all.push((
                tenant,
                fixture.start(&THREE, tenant, &format!("site {n} {}", m % 2)).await,
            ));
        }
    }
    let _servers = [
        server(fixture.operating([script.clone()])),
        server(fixture.operating([script.clone()])),
    ];
    for (tenant, id) in &all {
        let status = fixture.ended_of(*tenant, *id).await;
        assert_eq!(status.state, OperationState::Succeeded, "{:?}", status.error);
    }
    let runs = script.log().iter().filter(|what| what.starts_with("run")).count();
    assert_eq!(runs, all.len() * THREE.steps.len(), "every step ran once");
}

#[tokio::test]
async fn operations_on_one_subject_run_in_the_order_they_were_started() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(fixture.start(&SINGLE, fixture.tenant, "site_1").await);
    }
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let order = seen.clone();
    let script = Script::new(&SINGLE, move |what, cx| {
        if what == "run only" {
            order.lock().unwrap().push(cx.operation_id());
        }
        async { Ok(Value::Null) }
    });
    let _server = server(fixture.operating([script]));
    for id in &ids {
        fixture.ended(*id).await;
    }
    assert_eq!(*seen.lock().unwrap(), ids);
}

/// One that gives no signs of life: a process that was stopped, or lost its machine.
fn silent(runtime: Runtime) -> Runtime {
    let day = Duration::from_secs(86_400);
    let tuning = Tuning {
        lease: Duration::from_millis(300),
        heartbeat: day,
        progress: day,
        ..quick()
    };
    Runtime { tuning, ..runtime }
}

#[tokio::test]
async fn a_lease_that_runs_out_is_taken_over_and_the_late_worker_changes_nothing() {
    let fixture = Fixture::new().await;
    let (open, gate) = tokio::sync::watch::channel(false);
    let late = Script::new(&SINGLE, move |_, _| {
        let mut gate = gate.clone();
        async move {
            gate.wait_for(|open| *open).await.unwrap();
            Ok(serde_json::json!("late"))
        }
    });
    let next = Script::smooth(&SINGLE);
    let alone = Script::smooth(&THREE);
    let mut runtime = silent(fixture.operating([late.clone(), alone]));
    runtime.tuning.operations = 1;
    let _silent = server(runtime);
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    until(|| async { (fixture.get(id).await.steps[0].state == StepState::Running).then_some(()) }).await;
    let _other = server(fixture.operating([next.clone()]));
    let status = fixture.ended(id).await;
    assert_eq!(next.log(), ["run only", "finished succeeded"]);
    open.send_replace(true);
    // Only the late worker knows this kind, and has one place: once this ends, it has let go of the other.
    fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_2").await)
        .await;
    assert_eq!(late.log(), ["run only"]);
    assert_eq!(fixture.get(id).await, status);
}

#[tokio::test]
async fn signs_of_life_keep_a_long_step_from_being_taken_over() {
    let fixture = Fixture::new().await;
    let tuning = Tuning {
        lease: Duration::from_millis(400),
        heartbeat: Duration::from_millis(50),
        ..quick()
    };
    let script = Script::new(&SINGLE, |what, _| async move {
        if what == "run only" {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        Ok(Value::Null)
    });
    let servers = [(); 2].map(|()| {
        let runtime = fixture.operating([script.clone()]);
        server(Runtime {
            tuning: tuning.clone(),
            ..runtime
        })
    });
    let status = fixture
        .ended(fixture.start(&SINGLE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Succeeded);
    assert_eq!(script.log(), ["run only", "finished succeeded"]);
    drop(servers);
}

#[tokio::test]
async fn a_server_that_starts_takes_over_from_a_dead_one_at_once_and_from_a_living_one_not_at_all() {
    let fixture = Fixture::new().await;
    let stuck = Script::new(&SINGLE, |_, _| std::future::pending());
    let dead = server(fixture.operating([stuck.clone()]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    until(|| async { (fixture.get(id).await.steps[0].state == StepState::Running).then_some(()) }).await;
    // A living one keeps what it has, whoever starts.
    let idle = Script::smooth(&SINGLE);
    let other = server(fixture.operating([idle.clone(), Script::smooth(&THREE)]));
    fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_2").await)
        .await;
    drop(other);
    assert!(idle.log().is_empty());
    drop(dead);
    // The lease has most of a minute to go; `ended` waits half of one.
    let heir = Script::smooth(&SINGLE);
    let _server = server(fixture.operating([heir.clone()]));
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
    assert_eq!(heir.log(), ["run only", "finished succeeded"]);
}
