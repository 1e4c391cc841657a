use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::{OpCx, Role, RoleRef, TenantKind};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Db, Look, Reason, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::{Acting, Membership, Memberships, Roster, TenantSummary};
use sqlx::Row;

/// The port, on the tables that tenancy owns.
pub struct TestMemberships {
    pub db: Db,
    pub platform: TenantId,
}

impl TestMemberships {
    pub async fn plant(db: Db, now: Timestamp) -> Self {
        let platform = TenantId::generate();
        let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
        sqlx::query("insert into tenancy.tenants (tenant_id, kind, name, slug, created_at) values ($1, 'platform', 'Platform', 'platform', $2)")
            .bind(platform.uuid())
            .bind(Ts(now))
            .execute(tx.conn())
            .await
            .unwrap();
        sqlx::query("insert into tenancy.subtree (tenant_id, descendant, depth) values ($1, $1, 0)")
            .bind(platform.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Self { db, platform }
    }

    /// A tenant below `parent`.
    pub async fn child(&self, parent: TenantId, kind: TenantKind, now: Timestamp) -> TenantId {
        let id = TenantId::generate();
        let mut tx = self.db.tenant(parent).await.unwrap();
        sqlx::query("select tenancy.create_child($1, $2, 'Child', 'child', $3)")
            .bind(id.uuid())
            .bind(kind.as_str())
            .bind(Ts(now))
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// The user is no member of the tenant any more.
    pub async fn leave(&self, tenant: TenantId, user: UserId) {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        sqlx::query("delete from tenancy.members where user_id = $1")
            .bind(user.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[async_trait]
impl Memberships for TestMemberships {
    fn platform(&self) -> TenantId {
        self.platform
    }

    async fn acting(
        &self,
        look: &mut Look,
        user: UserId,
        tenant: TenantId,
        _via: Option<TenantId>,
        _now: Timestamp,
    ) -> Result<Option<Acting>, mpanel_pg::Error> {
        let row =
            sqlx::query("select kind, role, holder, suspended from tenancy.acting($1, $2, array['owner', 'admin'])")
                .bind(user.uuid())
                .bind(tenant.uuid())
                .fetch_optional(look.conn())
                .await?;
        Ok(row.map(|row| {
            let holder = TenantId::from_uuid(row.get("holder"));
            Acting {
                kind: row.get::<String, _>("kind").parse().unwrap(),
                role: row.get::<String, _>("role").parse::<Role>().unwrap().into(),
                assumed_from: (holder != tenant).then_some(holder),
                assumption: None,
                demands_consent: false,
                suspended: row.get("suspended"),
                of_platform: holder == self.platform,
            }
        }))
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Membership>, mpanel_pg::Error> {
        let mut tx = self.db.spine().await?;
        let rows = sqlx::query("select id, kind, name, slug, role from tenancy.memberships($1)")
            .bind(user.uuid())
            .fetch_all(tx.conn())
            .await?;
        let memberships = rows.into_iter().map(|row| Membership {
            tenant: TenantSummary {
                id: TenantId::from_uuid(row.get("id")),
                kind: row.get::<String, _>("kind").parse().unwrap(),
                name: row.get("name"),
                slug: row.get("slug"),
            },
            role: row.get::<String, _>("role").parse().unwrap(),
            role_name: None,
        });
        Ok(memberships.collect())
    }

    async fn hand_over(&self, tx: &mut TenantTx, from: UserId, to: UserId) -> Result<(), mpanel_pg::Error> {
        sqlx::query("select tenancy.hand_over_membership($1, $2)")
            .bind(from.uuid())
            .bind(to.uuid())
            .execute(tx.conn())
            .await?;
        Ok(())
    }

    async fn leave(&self, tx: &mut TenantTx, program: UserId) -> Result<(), mpanel_pg::Error> {
        sqlx::query("delete from tenancy.members where tenant_id = mpanel.tenant() and user_id = $1")
            .bind(program.uuid())
            .execute(tx.conn())
            .await?;
        Ok(())
    }

    async fn join(
        &self,
        tx: &mut TenantTx,
        user: UserId,
        role: RoleRef,
        now: Timestamp,
    ) -> Result<(), mpanel_pg::Error> {
        let tenant = tx.tenant();
        sqlx::query("select tenancy.add_member($1, $2, $3, $4)")
            .bind(tenant.uuid())
            .bind(user.uuid())
            .bind(role.to_string())
            .bind(Ts(now))
            .execute(tx.conn())
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Roster for TestMemberships {
    async fn tenant_name(&self, tx: &mut TenantTx, tenant: TenantId) -> Result<Option<String>, mpanel_pg::Error> {
        let name = sqlx::query_scalar("select name from tenancy.tree($1, null, null, 1)")
            .bind(tenant.uuid())
            .fetch_optional(tx.conn())
            .await?;
        Ok(name)
    }

    async fn roles(&self, tx: &mut TenantTx) -> Result<Vec<(UserId, RoleRef)>, mpanel_pg::Error> {
        let rows = sqlx::query("select user_id, role from tenancy.members for update")
            .fetch_all(tx.conn())
            .await?;
        let roles = rows.into_iter().map(|row| {
            let role = row.get::<String, _>("role").parse().unwrap();
            (UserId::from_uuid(row.get("user_id")), role)
        });
        Ok(roles.collect())
    }

    async fn could_give(&self, _tx: &mut TenantTx, cx: &OpCx, role: RoleRef) -> Result<bool, mpanel_pg::Error> {
        let gives = |role| cx.permissions().of(role, cx.tenant_kind());
        let has_all = |role| gives(role).all(|(resource, action)| cx.may(resource, action));
        Ok(role.built_in().is_some_and(has_all))
    }

    async fn has_consent(&self, _tx: &mut TenantTx, _cx: &OpCx) -> Result<bool, mpanel_pg::Error> {
        Ok(true)
    }
}

/// Suspends a tenant, or ends that.
pub async fn suspend(db: &Db, tenant: TenantId, suspended: bool) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query(
        "update tenancy.tenants set state = case when $2 then 'suspended' else 'active' end where tenant_id = $1",
    )
    .bind(tenant.uuid())
    .bind(suspended)
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// One number, asked with the platform's rights.
pub async fn number(db: &Db, query: &'static str) -> i64 {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
}

/// How often the audit log has an action.
pub async fn audited(db: &Db, action: &str) -> i64 {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar("select count(*) from spine.audit where action = $1")
        .bind(action)
        .fetch_one(tx.conn())
        .await
        .unwrap()
}

pub async fn password_hash(db: &Db, user: UserId) -> String {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar("select password_hash from identity.users where id = $1")
        .bind(user.uuid())
        .fetch_one(tx.conn())
        .await
        .unwrap()
}

pub async fn set_password_hash(db: &Db, user: UserId, hash: &str) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query("update identity.users set password_hash = $2 where id = $1")
        .bind(user.uuid())
        .bind(hash)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// The account is erased, with all that belongs to it.
pub async fn erase(db: &Db, user: UserId) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    for query in [
        "delete from identity.sessions where user_id = $1",
        "delete from identity.users where id = $1",
    ] {
        sqlx::query(query).bind(user.uuid()).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// A link to activate the account, whether or not it is active.
pub async fn plant_link(db: &Db, user: UserId, hash: &[u8], until: Timestamp) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query(
        "insert into identity.activations (tenant_id, user_id, token_hash, expires_at)
         select tenant_id, id, $2, $3 from identity.users where id = $1",
    )
    .bind(user.uuid())
    .bind(hash)
    .bind(Ts(until))
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// Everything that identity stores, as text, to search it for what must not be there.
pub async fn everything(db: &Db) -> String {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar(
        "select concat(
            (select string_agg(t::text, '|') from identity.users t), (select string_agg(t::text, '|') from identity.sessions t),
            (select string_agg(t::text, '|') from identity.backup_codes t), (select string_agg(t::text, '|') from identity.api_tokens t),
            (select string_agg(t::text, '|') from identity.activations t), (select string_agg(t::text, '|') from identity.password_resets t),
            (select string_agg(t::text, '|') from identity.email_changes t), (select string_agg(t::text, '|') from jobs.jobs t), (select string_agg(t::text, '|') from identity.realms t),
            (select string_agg(convert_from(t.entry, 'UTF8'), '|') from spine.audit t))",
    )
    .fetch_one(tx.conn())
    .await
    .unwrap()
}
