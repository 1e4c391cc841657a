use mpanel_authz::{Action, OpCx, Role, actions};
use mpanel_events::{Begin, Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{ServiceAccountId, UserId};
use mpanel_kernel::names::Title;
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::TenantTx;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Identity;
use crate::authz;
use crate::domain::{Networks, NewServiceAccount, ServiceAccount, ServiceAccountPatch};
use crate::error::Error;
use crate::store::service_accounts;

/// What a replay of the creation tells.
#[derive(Serialize, Deserialize)]
struct Created {
    id: ServiceAccountId,
}

/// As memberships know a service account: its id, which is nobody else's.
pub fn member(account: ServiceAccountId) -> UserId {
    UserId::from_uuid(account.uuid())
}

impl Identity {
    pub async fn list_service_accounts(&self, cx: &OpCx, page: PageRequest) -> Result<Page<ServiceAccount>, Error> {
        cx.authorize::<authz::ServiceAccount, _>(actions::List)?;
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let rows = service_accounts::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |account| account.id.uuid()))
    }

    pub async fn get_service_account(&self, cx: &OpCx, id: ServiceAccountId) -> Result<ServiceAccount, Error> {
        cx.authorize::<authz::ServiceAccount, _>(actions::Read)?;
        self.service_account(cx, id).await
    }

    async fn service_account(&self, cx: &OpCx, id: ServiceAccountId) -> Result<ServiceAccount, Error> {
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let account = service_accounts::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(account)
    }

    /// Makes an account for programs in the acting tenant, which may do no more than who makes it.
    pub async fn create_service_account(&self, cx: &OpCx, new: NewServiceAccount) -> Result<ServiceAccount, Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::Create)?;
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let networks = Networks::parse(&new.allowed_networks).map_err(Error::Invalid)?;
        check_role(cx, new.role)?;
        let mut change = match self.0.spine.begin_once(cx, "identity_service_accounts_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(Created { id }) => return self.service_account(cx, id).await,
        };
        let account = ServiceAccount {
            id: ServiceAccountId::generate(),
            name: name.into(),
            role: new.role,
            networks,
            created_at: self.0.clock.now(),
            created_by: cx.actor().reference(),
            disabled_at: None,
            last_used_at: None,
        };
        if !service_accounts::create(change.tx(), &allowed, &account).await? {
            return Err(Error::ServiceAccountTaken);
        }
        self.enlist(&mut change, &account).await?;
        let record = Record::new(events::SERVICE_ACCOUNT_CREATED, account.id, json!({}));
        change.record(record.after(facts(&account))).await?;
        change.commit_with(&Created { id: account.id }).await?;
        Ok(account)
    }

    /// Changes an account; who gives it another role must have that much.
    pub async fn update_service_account(
        &self,
        cx: &OpCx,
        id: ServiceAccountId,
        patch: ServiceAccountPatch,
    ) -> Result<ServiceAccount, Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::Modify)?;
        let bounds = match patch.allowed_networks {
            Some(_) => Some(self.bounds(cx, self.0.clock.now()).await?),
            None => None,
        };
        let mut change = self.0.spine.begin(cx).await?;
        let before = self.within_reach(cx, change.tx(), id).await?;
        let mut account = before.clone();
        if let Some(name) = patch.name {
            account.name = Title::parse(&name)
                .map_err(|error| Error::Invalid(vec![error.at("/name")]))?
                .into();
        }
        if let Some(texts) = patch.allowed_networks {
            account.networks = Networks::parse(&texts).map_err(Error::Invalid)?;
            let wider = !account.networks.are_within(&before.networks);
            if let Some(bounds) = bounds.filter(|_| wider) {
                bounds.hold(&[&account.networks])?;
            }
        }
        if let Some(role) = patch.role {
            check_role(cx, role)?;
            account.role = role;
        }
        account.disabled_at = match patch.disabled {
            Some(true) => before.disabled_at.or(Some(self.0.clock.now())),
            Some(false) => None,
            None => before.disabled_at,
        };
        if !service_accounts::update(change.tx(), &allowed, &account).await? {
            return Err(Error::ServiceAccountTaken);
        }
        if account.role != before.role {
            self.0.memberships.leave(change.tx(), member(id)).await?;
            self.enlist(&mut change, &account).await?;
        }
        let record = Record::new(events::SERVICE_ACCOUNT_CHANGED, id, json!({}));
        change
            .record(record.before(facts(&before)).after(facts(&account)))
            .await?;
        change.commit().await?;
        Ok(account)
    }

    /// Removes an account; its tokens go with it.
    pub async fn delete_service_account(&self, cx: &OpCx, id: ServiceAccountId) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::Delete)?;
        let mut change = self.0.spine.begin(cx).await?;
        let before = service_accounts::lock(change.tx(), id).await?.ok_or(Error::NotFound)?;
        service_accounts::delete(change.tx(), &allowed, id).await?;
        self.0.memberships.leave(change.tx(), member(id)).await?;
        let record = Record::new(events::SERVICE_ACCOUNT_DELETED, id, json!({}));
        change.record(record.before(facts(&before))).await?;
        change.commit().await?;
        Ok(())
    }

    /// An account, held as it is. Refuses whose role gives less than the account's to make that one mightier by a token, or by
    /// letting it work again. What a token of theirs may do narrows the new token as well, not the account.
    pub(super) async fn within_reach(
        &self,
        cx: &OpCx,
        tx: &mut TenantTx,
        id: ServiceAccountId,
    ) -> Result<ServiceAccount, Error> {
        let account = service_accounts::lock(tx, id).await?.ok_or(Error::NotFound)?;
        check_inside(cx)?;
        // By what right it acts its membership says.
        let roles = self.0.roster.roles(tx).await?;
        let membership = roles.into_iter().find(|(program, _)| *program == member(id));
        let role = membership.map_or(account.role.into(), |(_, role)| role);
        let permissions = cx.permissions();
        let may = |resource: &str, action| permissions.permits(cx.rights(), cx.tenant_kind(), resource, action);
        match role.built_in() {
            Some(role) if !exceeds(cx, role, may) => Ok(account),
            // Programs have no roles of a tenant's own.
            _ => Err(Error::ServiceAccountAbove),
        }
    }

    /// Makes the account a member of its tenant: by what right it acts is then asked as for anybody.
    async fn enlist(&self, change: &mut Change, account: &ServiceAccount) -> Result<(), Error> {
        let now = self.0.clock.now();
        let memberships = &self.0.memberships;
        Ok(memberships
            .join(change.tx(), member(account.id), account.role.into(), now)
            .await?)
    }
}

fn facts(account: &ServiceAccount) -> Value {
    json!({
        "name": account.name,
        "role": account.role,
        "allowed_networks": account.networks.texts(),
        "disabled": account.disabled_at.is_some(),
    })
}

/// A program is never an owner, and nobody makes one that may do more than they may themselves.
fn check_role(cx: &OpCx, role: Role) -> Result<(), Error> {
    check_inside(cx)?;
    if role == Role::Owner {
        return Err(Error::field(
            "/role",
            "identity.service_account.no_owner",
            "a service account is an admin, developer or viewer; owners are people",
        ));
    }
    if exceeds(cx, role, |resource, action| cx.may(resource, action)) {
        return Err(Error::field(
            "/role",
            "identity.service_account.wider_role",
            "this role may do more than you may",
        ));
    }
    Ok(())
}

/// Refuses who acts from above: their leave ends, or is taken back, and a program's does not (ADR 0016).
fn check_inside(cx: &OpCx) -> Result<(), Error> {
    match cx.assumed_from() {
        Some(_) => Err(Error::ServiceAccountFromAbove),
        None => Ok(()),
    }
}

/// Whether a role gives anything here that somebody may not do.
fn exceeds(cx: &OpCx, role: Role, may: impl Fn(&str, Action) -> bool) -> bool {
    let permissions = cx.permissions();
    let gives = |resource: &str, action| permissions.allows(role, cx.tenant_kind(), resource, action);
    let more = |resource: &str| {
        let mut actions = Action::ALL.into_iter();
        actions.any(|action| gives(resource, action) && !may(resource, action))
    };
    permissions.resources().any(more) || (role.reaches_descendants() && !cx.rights().reaches_descendants())
}
