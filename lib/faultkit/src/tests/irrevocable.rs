//! Operations with a point of no return: one that says so is never undone after it; one that does not, or does not listen, is
//! found out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mpanel_jobs::{Kind, Operation, Step, StepCx, StepError};
use serde_json::Value;

use super::support::{Shared, World, said};
use crate::try_operation;

static BURN: Kind = Kind {
    name: "test.burn",
    steps: &[
        Step {
            key: "pack",
            title: "Pack",
        },
        Step {
            key: "burn",
            title: "Burn the bridge",
        },
        Step {
            key: "leave",
            title: "Leave",
        },
    ],
};

/// What is so in the world.
#[derive(Debug, Default)]
struct Facts {
    packed: bool,
    burnt: bool,
    /// Somebody unpacked on the far side of a bridge that is gone.
    stranded: bool,
}

struct Burning {
    facts: Shared<Facts>,
    says_so: bool,
    /// Panics in its last step, once.
    stumbled: Arc<AtomicBool>,
}

#[async_trait]
impl Operation for Burning {
    fn kind(&self) -> &'static Kind {
        &BURN
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        match step {
            "pack" => self.facts.lock().unwrap().packed = true,
            "burn" => {
                if self.says_so {
                    cx.no_way_back().await?;
                }
                self.facts.lock().unwrap().burnt = true;
            }
            _ => assert!(self.stumbled.swap(true, Ordering::SeqCst), "it stumbles"),
        }
        Ok(Value::Null)
    }

    async fn undo(&self, step: &str, _cx: &StepCx) -> Result<(), StepError> {
        let mut facts = self.facts.lock().unwrap();
        if step == "pack" {
            facts.packed = false;
            facts.stranded |= facts.burnt;
        }
        Ok(())
    }
}

impl Burning {
    fn make(facts: Shared<Facts>, says_so: bool) -> Arc<dyn Operation> {
        Arc::new(Self {
            facts,
            says_so,
            stumbled: Arc::new(AtomicBool::new(!says_so)),
        })
    }
}

async fn world(make: fn(Shared<Facts>) -> Arc<dyn Operation>) -> World<Facts> {
    let world = World::new(make, |facts: &Facts, succeeded| {
        (facts.packed, facts.burnt, facts.stranded) == (succeeded, succeeded, false)
    });
    world.await.with_no_way_back("burn")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_there_is_no_way_back_goes_on_whatever_fails_or_panics_after_it() {
    try_operation("test.burn", async || world(|facts| Burning::make(facts, true)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_so_is_found_out() {
    let silent = async || world(|facts| Burning::make(facts, false)).await;
    let said = said(try_operation("test.burn", silent)).await;
    for place in [
        "Fail(After) in Run burn: it ended otherwise",
        "Panic(After) in Run burn: it ended otherwise",
        "Fail(Before) in Run leave: it ended otherwise",
        "Cancel(After) in Run burn: it ended otherwise",
    ] {
        assert!(said.contains(place), "{place} is not among\n{said}");
    }
}

static DEAF: Kind = Kind {
    name: "test.deaf",
    steps: &[
        Step {
            key: "pack",
            title: "Pack",
        },
        Step {
            key: "burn",
            title: "Burn the bridge",
        },
    ],
};

/// Does not listen when it is told that somebody has cancelled it.
struct Deaf(Shared<Facts>);

#[async_trait]
impl Operation for Deaf {
    fn kind(&self) -> &'static Kind {
        &DEAF
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        match step {
            "pack" => self.0.lock().unwrap().packed = true,
            _ => {
                let _ = cx.no_way_back().await;
                self.0.lock().unwrap().burnt = true;
            }
        }
        Ok(Value::Null)
    }

    async fn undo(&self, step: &str, _cx: &StepCx) -> Result<(), StepError> {
        if step == "pack" {
            self.0.lock().unwrap().packed = false;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_although_it_was_cancelled_in_time_is_found_out() {
    let deaf = async || world(|facts| Arc::new(Deaf(facts))).await;
    let said = said(try_operation("test.deaf", deaf)).await;
    assert!(
        said.contains("Cancel(Before) in Run burn: it ended otherwise"),
        "{said}"
    );
    assert!(!said.contains("in Run pack"), "{said}");
}
