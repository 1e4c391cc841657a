use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_jobs::{Kind, Operation, Outcome, StepCx, StepError};
use serde_json::Value;
use tokio::sync::watch;

use crate::interrupt::interrupted;
use crate::scenario::{Fault, Moment, Part, Wrong};

/// An operation with faults in it, each of which happens once.
pub(crate) struct Faulty {
    inner: Arc<dyn Operation>,
    faults: Mutex<Vec<Fault>>,
    /// Counts the workers that are to die now.
    dying: watch::Sender<u32>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Operation>, faults: Vec<Fault>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::new(faults),
            dying: watch::channel(0).0,
        })
    }

    pub(crate) fn dying(&self) -> watch::Receiver<u32> {
        self.dying.subscribe()
    }

    /// Faults that never happened.
    pub(crate) fn left(&self) -> Vec<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, part: Part, step: &str) -> Option<Wrong> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let place = faults
            .iter()
            .position(|fault| fault.part == part && fault.step == step)?;
        Some(faults.remove(place).wrong)
    }

    /// The worker is dropped here.
    async fn die<T>(&self) -> T {
        self.dying.send_modify(|n| *n += 1);
        std::future::pending().await
    }

    /// Does `work`, which can be begun again, with what goes wrong at this place.
    async fn with_fault<T, F: Future<Output = Result<T, StepError>>>(
        &self,
        (part, step): (Part, &str),
        cx: &StepCx,
        work: impl Fn() -> F,
    ) -> Result<T, StepError> {
        let Some(wrong) = self.take(part, step) else {
            return work().await;
        };
        let (moment, then) = match wrong {
            Wrong::Twice => {
                work().await?;
                return work().await;
            }
            Wrong::KillInside(waits) => {
                return match interrupted(work(), waits).await {
                    Some(result) => result,
                    None => self.die().await,
                };
            }
            Wrong::Cancel(Moment::Before) => {
                cancel(cx).await?;
                return work().await;
            }
            Wrong::Cancel(Moment::After) => {
                let result = work().await;
                cancel(cx).await?;
                return result;
            }
            Wrong::Retry(moment) => (moment, Then::Err(again())),
            Wrong::Fail(moment) => (
                moment,
                Then::Err(StepError::failed("fault.injected", "it was told to fail")),
            ),
            Wrong::Panic(moment) => (moment, Then::Panic),
            Wrong::Kill(moment) => (moment, Then::Die),
        };
        if moment == Moment::After {
            work().await?;
        }
        match then {
            Then::Err(error) => Err(error),
            Then::Panic => panic!("it was told to panic"),
            Then::Die => self.die().await,
        }
    }
}

enum Then {
    Err(StepError),
    Panic,
    Die,
}

fn again() -> StepError {
    StepError::Retry {
        message: "it was told to fail for now".into(),
        after: Duration::ZERO,
    }
}

/// Whoever comes too late is told so, and nothing else happens.
async fn cancel(cx: &StepCx) -> Result<(), StepError> {
    let mut tx = cx
        .spine()
        .db()
        .tenant(cx.tenant())
        .await
        .map_err(mpanel_jobs::Error::from)?;
    match mpanel_jobs::request_cancel(&mut tx, cx.operation_id()).await {
        Err(mpanel_jobs::Error::Irrevocable) => return Ok(()),
        result => result?,
    }
    Ok(tx.commit().await.map_err(mpanel_jobs::Error::from)?)
}

#[async_trait]
impl Operation for Faulty {
    fn kind(&self) -> &'static Kind {
        self.inner.kind()
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        self.with_fault((Part::Run, step), cx, || self.inner.run(step, cx))
            .await
    }

    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError> {
        self.with_fault((Part::Undo, step), cx, || self.inner.undo(step, cx))
            .await
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        self.with_fault((Part::Finished, ""), cx, || self.inner.finished(cx, outcome))
            .await
    }

    fn max_attempts(&self) -> u32 {
        self.inner.max_attempts()
    }
}
