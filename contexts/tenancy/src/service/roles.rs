use mpanel_authz::{OpCx, RoleRef, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::RoleId;
use mpanel_kernel::names::Title;
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::{Service, grants};
use crate::authz;
use crate::domain::{Role, description, permissions};
use crate::error::Error;
use crate::store;
use crate::store::roles::Content;

pub struct CreateRole {
    pub name: String,
    pub description: String,
    pub permissions: Vec<String>,
    pub reaches_descendants: bool,
}

#[derive(Default)]
pub struct RolePatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub permissions: Option<Vec<String>>,
    pub reaches_descendants: Option<bool>,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

impl Service {
    pub async fn create_role(&self, cx: &OpCx, new: CreateRole) -> Result<Role, Error> {
        let allowed = cx.authorize::<authz::Role, _>(actions::Create)?;
        let (name, description, permissions) = match (
            role_name(&new.name),
            description(&new.description),
            permissions(cx, new.permissions),
        ) {
            (Ok(name), Ok(description), Ok(permissions)) => (name, description, permissions),
            (name, description, permissions) => {
                let mut errors: Vec<FieldError> = name.err().into_iter().chain(description.err()).collect();
                errors.extend(permissions.err().into_iter().flatten());
                return Err(Error::Invalid(errors));
            }
        };
        grants::has_all(cx, "/permissions", &permissions)?;
        if new.reaches_descendants {
            grants::reaches(cx, "/reaches_descendants")?;
        }
        let mut change = match self.tenancy.spine.begin_once(cx, "roles_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.stored_role(cx, id).await,
        };
        let id = RoleId::generate();
        let content = Content {
            name: &name,
            description: &description,
            permissions: &permissions,
            reaches_descendants: new.reaches_descendants,
        };
        store::roles::create(change.tx(), &allowed, id, &content, cx.clock().now()).await?;
        let role = store::roles::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        change
            .record(Record::new(events::ROLE_CREATED, id, json!({"version": role.version})).after(facts(&role)))
            .await?;
        change.commit_with(&id).await?;
        Ok(role)
    }

    pub async fn get_role(&self, cx: &OpCx, id: RoleId) -> Result<Role, Error> {
        let role = self.stored_role(cx, id).await?;
        cx.authorize::<authz::Role, _>(actions::Read)?;
        Ok(role)
    }

    async fn stored_role(&self, cx: &OpCx, id: RoleId) -> Result<Role, Error> {
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let role = store::roles::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(role)
    }

    pub async fn list_roles(&self, cx: &OpCx, page: PageRequest) -> Result<Page<Role>, Error> {
        cx.authorize::<authz::Role, _>(actions::List)?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let rows = store::roles::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |role| role.id.uuid()))
    }

    /// Changes a role, for all who have it, from their next request on. What is added to it the actor has to have; what
    /// was in it before may stay, or go.
    pub async fn update_role(&self, cx: &OpCx, id: RoleId, patch: RolePatch) -> Result<Role, Error> {
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::roles::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Role, _>(actions::Modify)?;
        // What is judged here is what was there: it must be what the caller has seen, and what is written over.
        if patch.seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::Stale);
        }
        let mut after = before.clone();
        let mut errors = Vec::new();
        if let Some(name) = &patch.name {
            keep(&mut after.name, role_name(name), &mut errors);
        }
        if let Some(text) = &patch.description {
            keep(&mut after.description, description(text), &mut errors);
        }
        match patch.permissions.map(|given| permissions(cx, given)) {
            Some(Ok(permissions)) => after.permissions = permissions,
            Some(Err(strange)) => errors.extend(strange),
            None => {}
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        after.reaches_descendants = patch.reaches_descendants.unwrap_or(before.reaches_descendants);
        may_become(cx, &before, &after)?;
        let content = Content {
            name: &after.name,
            description: &after.description,
            permissions: &after.permissions,
            reaches_descendants: after.reaches_descendants,
        };
        if !store::roles::update(change.tx(), &allowed, (id, before.version), &content).await? {
            return Err(Error::Stale);
        }
        after.version = before.version + 1;
        let record = Record::new(events::ROLE_CHANGED, id, json!({"version": after.version}));
        change
            .record(record.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit().await?;
        Ok(after)
    }

    pub async fn delete_role(&self, cx: &OpCx, id: RoleId) -> Result<(), Error> {
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::roles::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Role, _>(actions::Delete)?;
        store::roles::delete(change.tx(), &allowed, id).await?;
        let record = Record::new(events::ROLE_REMOVED, id, json!({"version": before.version}));
        change.record(record.before(facts(&before))).await?;
        change.commit().await?;
        Ok(())
    }
}

/// Whether the actor may make of a role what it shall be: what is new in it is the actor's own, and where it is to reach
/// down from now on, or does and grows, so does the actor's.
fn may_become(cx: &OpCx, before: &Role, after: &Role) -> Result<(), Error> {
    let reaches_anew = after.reaches_descendants && !before.reaches_descendants;
    let added: Vec<&String> = after
        .permissions
        .iter()
        .filter(|p| !before.permissions.contains(p))
        .collect();
    if reaches_anew {
        grants::has_all(cx, "/permissions", &after.permissions)?;
        grants::reaches(cx, "/reaches_descendants")?;
    }
    if after.reaches_descendants && !added.is_empty() {
        grants::reaches(cx, "/permissions")?;
    }
    grants::has_all(cx, "/permissions", added)
}

fn keep(field: &mut String, read: Result<String, FieldError>, errors: &mut Vec<FieldError>) {
    match read {
        Ok(text) => *field = text,
        Err(error) => errors.push(error),
    }
}

/// A name for people; those of the built-in roles, and what looks like an id, mean something already.
fn role_name(text: &str) -> Result<String, FieldError> {
    let name = Title::parse(text).map_err(|error| error.at("/name"))?;
    if name.as_str().to_lowercase().parse::<RoleRef>().is_ok() || name.as_str().eq_ignore_ascii_case("custom") {
        return Err(FieldError::new(
            "/name",
            "tenancy.role.reserved_name",
            "this is the name of a built-in role; choose another",
        ));
    }
    Ok(name.into())
}

fn facts(role: &Role) -> serde_json::Value {
    json!({
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions,
        "reaches_descendants": role.reaches_descendants,
    })
}
