//! Operations that are not idempotent, and one that is.

use std::sync::Arc;

use async_trait::async_trait;
use mpanel_jobs::{Kind, Operation, Step, StepCx, StepError};
use serde_json::Value;

use super::support::{Shared, World, said};
use crate::try_operation;

static COUNT: Kind = Kind {
    name: "test.count",
    steps: &[Step {
        key: "count",
        title: "Count",
    }],
};

#[derive(Debug, Default)]
struct Facts {
    counted: i32,
}

/// Counts up, and in undoing down again; a careful one does each once.
struct Counting {
    facts: Shared<Facts>,
    careful: bool,
}

#[async_trait]
impl Operation for Counting {
    fn kind(&self) -> &'static Kind {
        &COUNT
    }

    async fn run(&self, _step: &str, _cx: &StepCx) -> Result<Value, StepError> {
        let mut facts = self.facts.lock().unwrap();
        facts.counted = if self.careful { 1 } else { facts.counted + 1 };
        Ok(Value::Null)
    }

    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        let mut facts = self.facts.lock().unwrap();
        facts.counted = if self.careful { 0 } else { facts.counted - 1 };
        Ok(())
    }
}

async fn world(make: fn(Shared<Facts>) -> Arc<dyn Operation>) -> World<Facts> {
    World::new(make, |facts, succeeded| facts.counted == i32::from(succeeded)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_may_happen_twice_stands_everything() {
    let careful = async || world(|facts| Arc::new(Counting { facts, careful: true })).await;
    try_operation("test.count", careful).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_may_not_happen_twice_is_found_out_and_every_place_named() {
    let careless = async || world(|facts| Arc::new(Counting { facts, careful: false })).await;
    let said = said(try_operation("test.count", careless)).await;
    for place in [
        "Twice in Run count: Facts { counted: 2 }",
        "Kill(After) in Run count: Facts { counted: 2 }",
        "Retry(After) in Run count: Facts { counted: 2 }",
        "Fail(Before) in Run count: Facts { counted: -1 }",
        "then Twice in Undo count: Facts { counted: -1 }",
        "then Kill(After) in Undo count: Facts { counted: -1 }",
    ] {
        assert!(said.contains(place), "{place} is not among\n{said}");
    }
    assert!(
        !said.contains("nothing goes wrong") && !said.contains("in Finished"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_called_otherwise_is_not_tried() {
    let other = async || world(|facts| Arc::new(Counting { facts, careful: true })).await;
    let said = said(try_operation("test.other", other)).await;
    assert!(said.contains("another operation is tried than is said"), "{said}");
}
