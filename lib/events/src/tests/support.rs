//! A database of a test's own, and what a server runs beside it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mpanel_authz::{Actor, IdempotencyKey, OpCx, OpCxParts, Role, TenantKind};
use mpanel_crypto::MasterKey;
use mpanel_kernel::clock::{Clock as _, ManualClock};
use mpanel_kernel::ids::{ApiTokenId, RequestId, TenantId, UserId};
use mpanel_pg::{Db, PgConnectOptions, Tx};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::postgres::{TestDatabase, TestPostgres};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use crate::{Record, Spine, State, Tail, Vault, event, move_committed, publish, run_leader};

pub(crate) const TOPIC: &str = "edge.host";

pub(crate) struct Fixture {
    pub(crate) spine: Spine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tail: Tail,
    pub(crate) tenant: TenantId,
    pub(crate) admin: PgConnectOptions,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        static TEMPLATE: OnceCell<TestDatabase> = OnceCell::const_new();
        let postgres = TestPostgres::shared();
        let template = TEMPLATE
            .get_or_init(|| async {
                let template = postgres.create_database("events").await;
                mpanel_pg::migrate(&template.panel, &[mpanel_pg::FOUNDATION, crate::MIGRATIONS])
                    .await
                    .unwrap();
                template
            })
            .await;
        let database = postgres.clone_template(template).await;
        let db = Db::connect(database.panel, 12).await.unwrap();
        Self {
            spine: Spine::new(db, Arc::new(Vault::new(master_key()))),
            clock: Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap())),
            tail: Tail::default(),
            tenant: TenantId::generate(),
            admin: database.admin,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.spine.db()
    }

    /// A person of the fixture's tenant, always the same within a test that keeps the context.
    pub(crate) fn cx(&self) -> OpCx {
        self.cx_with(None)
    }

    pub(crate) fn cx_with(&self, idempotency: Option<IdempotencyKey>) -> OpCx {
        self.cx_of(UserId::from_uuid(self.tenant.uuid()), idempotency)
    }

    pub(crate) fn cx_of(&self, user: UserId, idempotency: Option<IdempotencyKey>) -> OpCx {
        OpCx::new(self.parts(user, idempotency))
    }

    fn parts(&self, user: UserId, idempotency: Option<IdempotencyKey>) -> OpCxParts {
        OpCxParts {
            actor: Actor::User(user),
            tenant: self.tenant,
            tenant_kind: TenantKind::Customer,
            role: Role::Owner.into(),
            scopes: None,
            assumed_from: None,
            assumption: None,
            request_id: RequestId::generate(),
            address: None,
            idempotency,
            clock: self.clock.clone(),
            permissions: Arc::default(),
        }
    }

    /// The same person at an address.
    pub(crate) fn cx_at(&self, address: IpAddr) -> OpCx {
        let user = UserId::from_uuid(self.tenant.uuid());
        OpCx::new(OpCxParts {
            address: Some(address),
            ..self.parts(user, None)
        })
    }

    /// The same person by a token.
    pub(crate) fn cx_by_token(&self) -> OpCx {
        let user = UserId::from_uuid(self.tenant.uuid());
        let token = ApiTokenId::generate();
        OpCx::new(OpCxParts {
            actor: Actor::Token { token, user },
            ..self.parts(user, None)
        })
    }

    /// Publishes states in one transaction; `None` deletes.
    pub(crate) async fn publish(&self, states: &[(&str, i64, Option<&str>)]) {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        for (key, generation, value) in states {
            let state = State {
                topic: TOPIC,
                key: (*key).to_owned(),
                generation: *generation,
                value: value.map(|value| json!(value)),
            };
            publish(&mut tx, Some(self.tenant), &state, self.clock.now())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    pub(crate) async fn emit(&self, tenant: TenantId, kind: &str, subject: &str) {
        let mut tx = self.db().tenant(tenant).await.unwrap();
        let actor = Actor::System("test");
        let request = RequestId::generate();
        event(
            &mut tx,
            Some(tenant),
            kind,
            subject,
            &actor,
            request,
            &json!({}),
            self.clock.now(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// Everything committed is in the feed when this returns.
    pub(crate) async fn settle(&self) {
        while move_committed(self.db()).await.unwrap() > 0 {}
    }

    /// Runs the leader and the tail, as a server does.
    pub(crate) async fn live(&self) -> [AbortOnDropHandle<()>; 2] {
        let (db, tail) = (self.db().clone(), self.tail.clone());
        let tasks = [
            AbortOnDropHandle::new(spawn_named("leader", run_leader(self.db().clone()))),
            AbortOnDropHandle::new(spawn_named("tail", async move { tail.run(db).await })),
        ];
        until(|| async { (*self.tail.last().borrow() >= 0).then_some(()) }).await;
        tasks
    }

    /// As after a restore.
    pub(crate) async fn new_epoch(&self) -> uuid::Uuid {
        let mut tx = self.db().spine().await.unwrap();
        let epoch = crate::epoch::renew(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        epoch
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut tx = self.db().spine().await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }
}

pub(crate) fn master_key() -> MasterKey {
    let folder = tempfile::tempdir().unwrap();
    MasterKey::load_or_create(&folder.path().join("master.key")).unwrap().0
}

pub(crate) fn created(subject: &str) -> Record {
    Record::new("test.thing.created.v1", subject, json!({})).after(json!({"name": "a"}))
}

/// Asks again and again until there is an answer; a test that waits for ever would only say less.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect("it comes about within half a minute")
}

/// For values that only need to differ.
pub(crate) fn key(text: &str, body: &Value) -> IdempotencyKey {
    let mut request_hash = [0; 32];
    let bytes = body.to_string();
    for (slot, byte) in request_hash.iter_mut().zip(bytes.bytes()) {
        *slot = byte;
    }
    IdempotencyKey {
        key: text.to_owned(),
        request_hash,
    }
}
