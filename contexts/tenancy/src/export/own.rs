use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use mpanel_authz::TenantKind;
use mpanel_identity_contract::Accounts;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::paging::{MAX_LIMIT, PageRequest};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};
use serde_json::{Value, json};

use crate::domain::{Plan, Role, Selling, Tenant};
use crate::error::Error;
use crate::{Tenancy, store};

const TENANT: &str = "tenant.json";
const MEMBERS: &str = "members.json";
const ROLES: &str = "roles.json";
const PLANS: &str = "plans.json";
const USAGE: &str = "usage.json";
const SELLING: &str = "selling.json";

/// What tenancy itself has of a tenant.
pub struct Own {
    pub tenancy: Tenancy,
    pub accounts: Arc<dyn Accounts>,
}

impl Own {
    /// The tenant; a tombstone has nothing to give.
    async fn tenant(&self, tx: &mut TenantTx) -> Result<Option<Tenant>, Error> {
        let id = tx.tenant();
        store::tenants::get(tx, id).await
    }

    /// Who they are is looked up when the connection has gone back: that takes one of its own.
    async fn members(&self, mut tx: TenantTx) -> Result<Value, Error> {
        let rows = store::members::list(&mut tx).await?;
        tx.end_read();
        let users: Vec<UserId> = rows.iter().map(|row| row.user).collect();
        let profiles = self.accounts.profiles(&users).await?;
        let members = rows.iter().map(|row| {
            let profile = profiles.get(&row.user);
            json!({
                "user_id": row.user, "role": row.role, "role_name": row.role_name, "created_at": row.created_at,
                "email": profile.map(|profile| profile.email.to_string()),
                "name": profile.map(|profile| &profile.name), "active": profile.map(|profile| profile.active),
            })
        });
        Ok(members.collect())
    }

    async fn roles(&self, tx: &mut TenantTx) -> Result<Value, Error> {
        let (mut roles, mut page) = (Vec::new(), first());
        loop {
            let rows = store::roles::list(tx, page).await?;
            roles.extend(rows.iter().take(MAX_LIMIT as usize).map(role));
            match next(&rows, |role| role.id.uuid()) {
                Some(after) => page.after = Some(after),
                None => return Ok(roles.into()),
            }
        }
    }

    /// What the tenant sells; nobody below it stands in there by name.
    async fn plans(&self, tx: &mut TenantTx) -> Result<Value, Error> {
        let (mut plans, mut page) = (Vec::new(), first());
        loop {
            let rows = store::plans::list(tx, page).await?;
            plans.extend(rows.iter().take(MAX_LIMIT as usize).map(plan));
            match next(&rows, |plan| plan.id.uuid()) {
                Some(after) => page.after = Some(after),
                None => return Ok(plans.into()),
            }
        }
    }

    /// How a seller treats those below it: what visitors read in place of their sites, and how long they can be restored.
    async fn selling(&self, tx: &mut TenantTx) -> Result<Value, Error> {
        let (Selling { page, grace_days }, _) = store::selling::get(tx).await?;
        Ok(json!({"page": page, "grace_days": grace_days}))
    }

    /// What is used now, and what was measured in each month.
    async fn usage(&self, tx: &mut TenantTx) -> Result<Value, Error> {
        let id = tx.tenant();
        let now = store::entitlements::usage(tx, id).await?;
        let now = now
            .iter()
            .map(|(key, used, limit)| json!({"key": key.as_str(), "used": used, "limit": limit}));
        let months = store::metering::months(tx).await?;
        let months = months
            .iter()
            .map(|(key, month, used)| json!({"key": key, "month": month, "used": used}));
        Ok(json!({"now": now.collect::<Vec<_>>(), "months": months.collect::<Vec<_>>()}))
    }
}

fn first() -> PageRequest {
    PageRequest {
        limit: MAX_LIMIT,
        after: None,
    }
}

/// Behind which the next page begins: one more than the page comes when there is another one.
fn next<T, I>(rows: &[T], id: impl Fn(&T) -> I) -> Option<I> {
    let limit = MAX_LIMIT as usize;
    (rows.len() > limit).then(|| id(&rows[limit - 1]))
}

fn about(tenant: &Tenant) -> Value {
    let plan = tenant.plan.as_ref();
    let subscription = plan.map(|plan| json!({"plan_id": plan.id, "plan": plan.name, "version": plan.version}));
    json!({
        "id": tenant.id, "kind": tenant.kind.as_str(), "name": tenant.name, "slug": tenant.slug,
        "state": tenant.state.as_str(), "ends_at": tenant.ends_at, "created_at": tenant.created_at,
        "subscription": subscription,
    })
}

fn role(role: &Role) -> Value {
    json!({
        "id": role.id, "name": role.name, "description": role.description, "permissions": role.permissions,
        "reaches_descendants": role.reaches_descendants, "members": role.members, "created_at": role.created_at,
    })
}

fn plan(plan: &Plan) -> Value {
    json!({
        "id": plan.id, "name": plan.name, "archived": plan.archived, "version": plan.latest.number,
        "entitlements": plan.latest.entitlements.to_json(), "oversell": plan.latest.oversell,
        "subscribers": plan.subscribers, "created_at": plan.created_at,
    })
}

#[async_trait]
impl Exporter for Own {
    fn name(&self) -> &'static str {
        "tenancy"
    }

    async fn list(&self, tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        let tx = self.tenancy.spine.db().tenant(tenant).await;
        let mut tx = tx.map_err(ExportError::other)?;
        let found = self.tenant(&mut tx).await.map_err(ExportError::other)?;
        tx.end_read();
        let Some(found) = found else { return Ok(Vec::new()) };
        let sells = TenantKind::SELLERS.contains(&found.kind);
        let paths = [TENANT, MEMBERS, ROLES, PLANS, USAGE]
            .into_iter()
            .chain(sells.then_some(SELLING));
        Ok(paths.map(str::to_owned).collect())
    }

    async fn write(&self, tenant: TenantId, path: &str, into: File, _most: u64) -> Result<(), ExportError> {
        let tx = self.tenancy.spine.db().tenant(tenant).await;
        let mut tx = tx.map_err(ExportError::other)?;
        if path == MEMBERS {
            let members = self.members(tx).await.map_err(ExportError::other)?;
            return put(into, &members);
        }
        let value = match path {
            TENANT => self.tenant(&mut tx).await.map(|tenant| tenant.as_ref().map(about)),
            ROLES => self.roles(&mut tx).await.map(Some),
            PLANS => self.plans(&mut tx).await.map(Some),
            USAGE => self.usage(&mut tx).await.map(Some),
            SELLING => self.selling(&mut tx).await.map(Some),
            _ => Ok(None),
        };
        tx.end_read();
        put(into, &value.map_err(ExportError::other)?.ok_or(ExportError::Gone)?)
    }
}

fn put(mut into: File, value: &Value) -> Result<(), ExportError> {
    Ok(into.write_all(format!("{value:#}\n").as_bytes())?)
}
