use std::sync::Arc;

use mpanel_authz::OpCx;
use mpanel_kernel::ids::UserId;
use mpanel_pg::{Db, TenantTx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::idempotency::{self, Claim};
use crate::{Error, Outcome, State, Vault, audit, outbox};

/// What every context needs to make changes.
#[derive(Clone)]
pub struct Spine {
    db: Db,
    vault: Arc<Vault>,
}

impl Spine {
    #[must_use]
    pub fn new(db: Db, vault: Arc<Vault>) -> Self {
        Self { db, vault }
    }

    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// Begins a change that is idempotent by its nature: an update or a removal.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self, cx: &OpCx) -> Result<Change, Error> {
        Ok(Change {
            tx: self.db.tenant(cx.tenant()).await?,
            cx: cx.clone(),
            recorded: false,
            claim: None,
            vault: self.vault.clone(),
        })
    }

    /// Begins a change that must happen once for one `Idempotency-Key`; a second request with the
    /// key gets the first one's answer.
    ///
    /// # Errors
    /// [`Error::StillRunning`] while the first is at work, [`Error::KeyReused`] when the key came
    /// with another request.
    pub async fn begin_once<T: DeserializeOwned>(&self, cx: &OpCx, operation: &'static str) -> Result<Begin<T>, Error> {
        let mut change = self.begin(cx).await?;
        let Some(key) = cx.idempotency() else {
            return Ok(Begin::Run(change));
        };
        match idempotency::claim(&mut change.tx, cx, key, operation, &self.vault).await? {
            Claim::New(claim) => {
                change.claim = Some(claim);
                Ok(Begin::Run(change))
            }
            Claim::Done(response) => Ok(Begin::Replay(serde_json::from_slice(&response)?)),
        }
    }

    /// Writes down that the actor was refused what `record` says, and why; no event tells anybody, and nothing else is
    /// changed.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn record_refusal(&self, cx: &OpCx, record: &Record) -> Result<(), Error> {
        let mut tx = self.db.tenant(cx.tenant()).await?;
        let now = cx.clock().now();
        audit::append(&mut tx, cx, record, Outcome::Refused, now, &self.vault).await?;
        Ok(tx.commit().await?)
    }

    /// Whether some request with this one's `Idempotency-Key` has been answered, so that nothing has to be got ready for
    /// this one: [`Spine::begin_once`] compares the two and answers.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_answered(&self, cx: &OpCx) -> Result<bool, Error> {
        let Some(key) = cx.idempotency() else {
            return Ok(false);
        };
        let mut tx = self.db.tenant(cx.tenant()).await?;
        let answered = idempotency::is_answered(&mut tx, cx, key).await?;
        tx.end_read();
        Ok(answered)
    }
}

/// How a change that happens once begins.
pub enum Begin<T> {
    /// It has not happened yet.
    Run(Change),
    /// It has, and this was the answer, without the secrets that were shown once.
    Replay(T),
}

/// What happened, for the event stream and the audit log alike.
#[derive(Debug, Clone)]
pub struct Record {
    /// The event's type with its version: `sites.site.created.v1`. Without the version it is the audit log's action.
    pub event: &'static str,
    /// The object, by its wire id.
    pub subject: String,
    /// Ids and plain facts for consumers of the event.
    pub data: Value,
    /// The object before, for changes and removals.
    pub before: Option<Value>,
    /// The object after, for creations and changes.
    pub after: Option<Value>,
    /// Whom it tells more of than an id, and what: sealed in the audit log, and nowhere else.
    pub personal: Option<(UserId, Value)>,
}

impl Record {
    #[must_use]
    pub fn new(event: &'static str, subject: impl ToString, data: Value) -> Self {
        Self {
            event,
            subject: subject.to_string(),
            data,
            before: None,
            after: None,
            personal: None,
        }
    }

    #[must_use]
    pub fn before(mut self, value: Value) -> Self {
        self.before = Some(value);
        self
    }

    #[must_use]
    pub fn after(mut self, value: Value) -> Self {
        self.after = Some(value);
        self
    }

    /// Personal data of `person` that belongs to what happened, such as the address that was invited. The audit log
    /// keeps it sealed under that person's key ([`Vault::person`]); neither the event nor `before` and `after` may
    /// hold any.
    #[must_use]
    pub fn personal(mut self, person: UserId, facts: Value) -> Self {
        self.personal = Some((person, facts));
        self
    }
}

/// A change on its way: one transaction, which [`Change::commit`] ends. Dropped, it undoes itself.
pub struct Change {
    tx: TenantTx,
    cx: OpCx,
    recorded: bool,
    claim: Option<idempotency::NewClaim>,
    vault: Arc<Vault>,
}

impl Change {
    /// For store functions, and for ports that take part in the transaction.
    pub fn tx(&mut self) -> &mut TenantTx {
        &mut self.tx
    }

    /// Who makes the change, and for whom.
    #[must_use]
    pub fn cx(&self) -> &OpCx {
        &self.cx
    }

    /// Writes the event and the audit entry.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn record(&mut self, record: Record) -> Result<(), Error> {
        let cx = self.cx.clone();
        self.write(&cx, record).await
    }

    /// Writes both in the log of another tenant that the change concerns as well, as the actor in `there` acts for it:
    /// one of those below the acting tenant, or the one directly above.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn record_for(&mut self, there: &OpCx, record: Record) -> Result<(), Error> {
        self.tx.switch(there.tenant()).await?;
        self.write(there, record).await?;
        Ok(self.tx.switch(self.cx.tenant()).await?)
    }

    /// Writes both in the logs of many tenants that the change concerns alike, as the actor acts for each; nobody waits for more than
    /// one round trip. From where it was done stands in the entry of the acting tenant, of the same request, and in none of these;
    /// nothing personal does.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn record_each(&mut self, all: &[(OpCx, Record)]) -> Result<(), Error> {
        let now = self.cx.clock().now();
        audit::append_each(&mut self.tx, all, now).await
    }

    async fn write(&mut self, cx: &OpCx, record: Record) -> Result<(), Error> {
        let now = cx.clock().now();
        outbox::event(
            &mut self.tx,
            Some(cx.tenant()),
            record.event,
            &record.subject,
            cx.actor(),
            cx.request_id(),
            &record.data,
            now,
        )
        .await?;
        audit::append(&mut self.tx, cx, &record, Outcome::Done, now, &self.vault).await?;
        self.recorded = true;
        Ok(())
    }

    /// Tells data planes the new state of an object.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn publish(&mut self, state: &State) -> Result<(), Error> {
        outbox::publish(&mut self.tx, Some(self.cx.tenant()), state, self.cx.clock().now()).await
    }

    /// Commits. A change that recorded nothing is a bug and does not commit.
    ///
    /// # Errors
    /// [`Error::Unrecorded`], or when the database refuses or is away; nothing is changed then.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_with(&()).await
    }

    /// Commits and keeps `response` for replays of the same `Idempotency-Key`; leave secrets out of it.
    ///
    /// # Errors
    /// As [`Change::commit`].
    pub async fn commit_with(mut self, response: &impl Serialize) -> Result<(), Error> {
        if !self.recorded {
            return Err(Error::Unrecorded);
        }
        if let Some(claim) = self.claim.take() {
            claim
                .complete(&mut self.tx, &self.cx, &serde_json::to_vec(response)?, &self.vault)
                .await?;
        }
        Ok(self.tx.commit().await?)
    }
}
