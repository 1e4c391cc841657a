//! Operations that can neither go on nor back stand among what is stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use mpanel_authz::Role;
use mpanel_events::Tail;
use mpanel_jobs::{Kind, Operation, Runtime, Step, StepCx, StepError, Tuning};
use mpanel_kernel::ids::OperationId;
use mpanel_telemetry::spawn_named;
use serde_json::{Value, json};

use super::World;

static BURN: Kind = Kind {
    name: "test.burn",
    steps: &[Step {
        key: "burn",
        title: "Burn the bridge",
    }],
};

/// Fails after what cannot be taken back, until somebody has seen to it.
#[derive(Default)]
struct Burning(AtomicBool);

#[async_trait]
impl Operation for Burning {
    fn kind(&self) -> &'static Kind {
        &BURN
    }

    async fn run(&self, _step: &str, cx: &StepCx) -> Result<Value, StepError> {
        cx.no_way_back().await?;
        match self.0.load(Ordering::SeqCst) {
            true => Ok(Value::Null),
            false => Err(StepError::failed("test.wet", "the bridge is wet")),
        }
    }

    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        panic!("there is no way back")
    }
}

impl World {
    async fn begins(&self, operation: &Arc<Burning>) -> OperationId {
        let cx = self.cx(self.one, Role::Owner);
        let mut tx = self.spine.db().tenant(self.one).await.unwrap();
        let id = mpanel_jobs::start(&mut tx, &cx, &BURN, "bridge", &json!({}))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let runtime = Runtime {
            spine: self.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: vec![operation.clone()],
            reconcilers: Vec::new(),
            jobs: Vec::new(),
            tuning: Tuning::default(),
        };
        spawn_named("runtime", runtime.run());
        id
    }

    /// Asks until so many are stuck.
    async fn stuck(&self, many: usize) -> Vec<Value> {
        let asking = async {
            loop {
                let list = self.listed(self.platform, Role::Owner, "/stuck-objects").await;
                if list.len() == many {
                    return list;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap()
    }
}

#[tokio::test]
async fn an_operation_past_its_point_of_no_return_is_listed_and_tried_now_by_its_tenant() {
    let world = World::new().await;
    let operation = Arc::new(Burning::default());
    let id = world.begins(&operation).await;
    let all = world.stuck(1).await;
    let shown = ["reconciler", "subject", "name", "problem"].map(|key| all[0][key].as_str().unwrap());
    assert_eq!(
        shown,
        ["test.burn", &id.to_string(), "Burn the bridge", "the bridge is wet"]
    );
    assert_eq!(world.listed(world.one, Role::Viewer, "/stuck-objects").await.len(), 1);
    assert!(world.listed(world.two, Role::Owner, "/stuck-objects").await.is_empty());

    let only = json!({"subject": id});
    let retry = async |tenant| {
        let who = (tenant, Role::Owner);
        world.ask(who, Method::POST, "/stuck-objects/retry", only.clone()).await
    };
    assert_eq!(retry(world.two).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    operation.0.store(true, Ordering::SeqCst);
    let (status, answer) = retry(world.one).await;
    assert_eq!((status, &answer["retried"]), (StatusCode::OK, &json!(1)));
    assert!(world.stuck(0).await.is_empty());
}
