use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mpanel_authz::{OpCx, Step};
use mpanel_events::Spine;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{OperationId, RequestId, TenantId};
use mpanel_pg::Tx;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::operation::lease::{ACTOR, Starter};
use crate::operation::status::{OperationState, Progress, changed, changed_data};
use crate::{Error, Kind, StepError};

/// What a step works with.
#[derive(Clone)]
pub struct StepCx {
    pub(crate) operation: OperationId,
    pub(crate) tenant: TenantId,
    pub(crate) kind: &'static Kind,
    /// The step at work.
    pub(crate) step: String,
    pub(crate) starter: Starter,
    pub(crate) subject: String,
    pub(crate) input: Value,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) spine: Spine,
    pub(crate) clock: SharedClock,
    pub(crate) live: Arc<Live>,
}

/// What passes between a step at work and its runner.
pub(crate) struct Live {
    progress: Mutex<(Option<Progress>, bool)>,
    pub(crate) cancel: watch::Sender<bool>,
}

impl Live {
    pub(crate) fn new(cancel: bool) -> Arc<Self> {
        Arc::new(Self {
            progress: Mutex::default(),
            cancel: watch::channel(cancel).0,
        })
    }

    /// The progress since the last call, if there was any.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut progress.1).then(|| progress.0.clone()).flatten()
    }
}

impl StepCx {
    /// A context of no running operation, to call a step by hand; nobody cancels it and its
    /// progress goes nowhere.
    #[must_use]
    pub fn detached(
        spine: Spine,
        clock: SharedClock,
        tenant: TenantId,
        kind: &'static Kind,
        subject: impl ToString,
        input: Value,
    ) -> Self {
        Self {
            operation: OperationId::generate(),
            tenant,
            kind,
            step: String::new(),
            starter: Starter {
                actor: format!("system:{}", kind.name),
                assumed_from: None,
                assumption: None,
                request: RequestId::generate(),
            },
            subject: subject.to_string(),
            input,
            outputs: BTreeMap::new(),
            spine,
            clock,
            live: Live::new(false),
        }
    }

    /// The same, as if `step` had returned `output`.
    #[must_use]
    pub fn with_output(mut self, step: &str, output: Value) -> Self {
        self.outputs.insert(step.to_owned(), output);
        self
    }

    #[must_use]
    pub fn operation_id(&self) -> OperationId {
        self.operation
    }

    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What the operation changes, by wire id.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What the operation was started with.
    ///
    /// # Errors
    /// [`StepError::Failed`] when it was written by a version that this one does not understand.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        T::deserialize(&self.input).map_err(|error| {
            tracing::error!(operation = %self.operation, %error, "input of an operation is not understood");
            StepError::failed(
                "jobs.operation.input",
                "this version cannot read what the operation was started with",
            )
        })
    }

    /// What an earlier step returned; `None` when it has not run, as can be the case in undo.
    ///
    /// # Errors
    /// As [`StepCx::input`].
    pub fn output<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>, StepError> {
        let Some(output) = self.outputs.get(step) else {
            return Ok(None);
        };
        T::deserialize(output).map(Some).map_err(|error| {
            tracing::error!(operation = %self.operation, step, %error, "output of a step is not understood");
            StepError::failed(
                "jobs.operation.output",
                "this version cannot read what an earlier step left",
            )
        })
    }

    /// The platform acting for the operation's tenant, and for whoever started it.
    #[must_use]
    pub fn op_cx(&self) -> OpCx {
        let step = Step {
            operation: self.operation,
            kind: self.kind.name,
            key: self.step.clone(),
            starter: self.starter.actor.clone(),
        };
        let starter = &self.starter;
        OpCx::step(
            step,
            self.tenant,
            (starter.assumed_from, starter.assumption.clone()),
            starter.request,
            self.clock.clone(),
        )
    }

    #[must_use]
    pub fn spine(&self) -> &Spine {
        &self.spine
    }

    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Says how far it is: cheap, to be called as often as one likes; it is shown a few times a second.
    pub fn progress(&self, done: u64, total: Option<u64>, unit: &str) {
        let mut progress = self.live.progress.lock().unwrap_or_else(PoisonError::into_inner);
        *progress = (
            Some(Progress {
                done,
                total,
                unit: unit.to_owned(),
            }),
            true,
        );
    }

    /// Says that what follows cannot be taken back, which a step does before the first thing it removes for good: from
    /// here on the operation refuses to be cancelled, and nothing undoes it. Whatever fails is tried again, later and
    /// later, and shows as stuck once it would have been given up. Idempotent.
    ///
    /// # Errors
    /// Whoever cancelled was faster, and the step is to end with this error; or the database is away.
    pub async fn no_way_back(&self) -> Result<(), StepError> {
        let mut tx = self.spine.db().spine().await.map_err(Error::from)?;
        let goes_on = sqlx::query_scalar!(
            "update jobs.operations set irrevocable = not cancel_requested
             where tenant_id = $1 and id = $2 and not irrevocable returning irrevocable",
            self.tenant.uuid(),
            self.operation.uuid(),
        )
        .fetch_optional(tx.conn())
        .await
        .map_err(Error::from)?;
        if goes_on == Some(true) {
            // Whoever watches no longer offers to cancel it.
            let data = changed_data(
                self.kind.name,
                &self.subject,
                OperationState::Running,
                Some(&self.step),
                None,
            );
            let (tenant, request, now) = (self.tenant, self.starter.request, self.clock.now());
            changed(&mut tx, tenant, self.operation, &ACTOR, request, &data, now).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        // One that said so before has nothing to change, and a context of no running operation has no row.
        if goes_on.unwrap_or(true) {
            return Ok(());
        }
        self.live.cancel.send_replace(true);
        Err(StepError::retry("cancelled"))
    }

    /// Whether the operation is to be cancelled. It is undone once the step returns; a long step
    /// may break off early, with any error.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.live.cancel.borrow()
    }

    /// Returns when the operation is to be cancelled, for `select!`.
    pub async fn cancelled(&self) {
        let mut cancel = self.live.cancel.subscribe();
        if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
            // Nobody is left to cancel.
            std::future::pending::<()>().await;
        }
    }
}
