use jiff::Timestamp;
use mpanel_authz::{OpCx, Role, RoleRef, actions};
use mpanel_events::{Begin, Record};
use mpanel_identity_contract::Profile;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::{EmailAddress, Title};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::events;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Service, grants};
use crate::authz;
use crate::error::Error;
use crate::store;

/// Where a new account's owner sets a password; shown once.
pub struct Activation {
    /// Path and fragment on the panel: `/activate#…`.
    pub url_path: String,
    pub expires_at: Timestamp,
}

impl From<mpanel_identity_contract::Activation> for Activation {
    fn from(activation: mpanel_identity_contract::Activation) -> Self {
        Self {
            url_path: format!("/activate#{}", activation.token.reveal()),
            expires_at: activation.expires_at,
        }
    }
}

pub struct AddMember {
    pub email: EmailAddress,
    pub name: String,
    pub role: RoleRef,
}

pub struct Member {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: RoleRef,
    /// What a role of the tenant's own is called.
    pub role_name: Option<String>,
    /// Whether they have set a password.
    pub active: bool,
    pub created_at: Timestamp,
}

pub struct AddedMember {
    pub member: Member,
    pub activation: Option<Activation>,
}

#[derive(Serialize, Deserialize)]
struct Added {
    user: UserId,
}

impl Service {
    pub async fn list_members(&self, cx: &OpCx, tenant: TenantId) -> Result<Vec<Member>, Error> {
        self.reach::<authz::Member, _>(cx, tenant, actions::List).await?;
        self.all_members(tenant).await
    }

    async fn all_members(&self, tenant: TenantId) -> Result<Vec<Member>, Error> {
        let mut tx = self.tenancy.spine.db().tenant(tenant).await?;
        let rows = store::members::list(&mut tx).await?;
        tx.end_read();
        let users: Vec<UserId> = rows.iter().map(|row| row.user).collect();
        let mut profiles = self.accounts.profiles(&users).await?;
        let members = rows.into_iter().filter_map(|row| {
            let profile = profiles.remove(&row.user)?;
            Some(Member {
                user: row.user,
                email: profile.email.to_string(),
                name: profile.name,
                role: row.role,
                role_name: row.role_name,
                active: profile.active,
                created_at: row.created_at,
            })
        });
        Ok(members.collect())
    }

    pub async fn add_member(&self, cx: &OpCx, tenant: TenantId, new: AddMember) -> Result<AddedMember, Error> {
        let (cx, allowed) = &self
            .reach::<authz::Member, _>(cx, tenant, actions::ManageAccess)
            .await?;
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let now = cx.clock().now();
        let mut change = match self.tenancy.spine.begin_once(cx, "members_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(Added { user }) => {
                return Ok(AddedMember {
                    member: self.member(tenant, user).await?,
                    activation: None,
                });
            }
        };
        may_change_people(cx, change.tx()).await?;
        grants::may_give(cx, change.tx(), new.role).await?;
        let invited = self
            .accounts
            .invite(change.tx(), tenant, &new.email, name.as_str(), now)
            .await?;
        let added = store::members::add(change.tx(), allowed, invited.user, new.role, now).await?;
        let rows = store::members::lock(change.tx()).await?;
        let role = role_of(&rows, invited.user).unwrap_or(new.role);
        // One who has never signed in may have lost the link: asking again makes a new one, and changes nothing else.
        // Whoever holds the link becomes what was offered by it, so it is for those who could have offered that.
        let waits = invited.activation.is_some();
        if !(added || waits && grants::could_give(cx, change.tx(), role).await?) {
            return Err(Error::AlreadyMember);
        }
        let facts = json!({"user": invited.user, "role": role, "invited_again": !added});
        let record = Record::new(events::MEMBER_ADDED, invited.user, facts.clone()).after(facts);
        let person = json!({"email": new.email.as_str(), "name": name});
        change.record(record.personal(invited.user, person)).await?;
        change.commit_with(&Added { user: invited.user }).await?;
        Ok(AddedMember {
            member: self.member(tenant, invited.user).await?,
            activation: invited.activation.map(Activation::from),
        })
    }

    /// Gives a member another role. An owner's role is for owners to give and to take, and one owner stays.
    pub async fn update_member(
        &self,
        cx: &OpCx,
        tenant: TenantId,
        user: UserId,
        role: RoleRef,
    ) -> Result<Member, Error> {
        let (cx, allowed) = &self
            .reach::<authz::Member, _>(cx, tenant, actions::ManageAccess)
            .await?;
        let person = self.person(user).await?;
        let mut change = self.tenancy.spine.begin(cx).await?;
        let rows = store::members::lock(change.tx()).await?;
        let before = role_of(&rows, user).ok_or(Error::NotFound)?;
        may_change_people(cx, change.tx()).await?;
        if role != before {
            grants::may_give(cx, change.tx(), role).await?;
        }
        if role == Role::Owner && before != Role::Owner {
            // Whoever invited them holds the link to the account, and would become the owner by it.
            if !person.active {
                return Err(Error::field(
                    "/role",
                    "tenancy.member.not_active",
                    "they have not activated their account yet: remove them, and invite them as an owner",
                ));
            }
        }
        if before == Role::Owner && role != Role::Owner {
            may_lose_owner(cx, &rows)?;
        }
        store::members::set_role(change.tx(), allowed, user, role).await?;
        let facts = |role: RoleRef| json!({"user": user, "role": role});
        let record = Record::new(events::MEMBER_CHANGED, user, facts(role));
        change.record(record.before(facts(before)).after(facts(role))).await?;
        change.commit().await?;
        self.member(tenant, user).await
    }

    /// Who it is. Programs have memberships too, which identity keeps with their accounts: here they are not there.
    async fn person(&self, user: UserId) -> Result<Profile, Error> {
        let mut profiles = self.accounts.profiles(&[user]).await?;
        profiles.remove(&user).ok_or(Error::NotFound)
    }

    /// The answer to whoever has just added or changed them: who may do that need not be one who may list.
    async fn member(&self, tenant: TenantId, user: UserId) -> Result<Member, Error> {
        let members = self.all_members(tenant).await?;
        members
            .into_iter()
            .find(|member| member.user == user)
            .ok_or(Error::NotFound)
    }

    pub async fn remove_member(&self, cx: &OpCx, tenant: TenantId, user: UserId) -> Result<(), Error> {
        let (cx, allowed) = &self.reach::<authz::Member, _>(cx, tenant, actions::Delete).await?;
        self.person(user).await?;
        let mut change = self.tenancy.spine.begin(cx).await?;
        let rows = store::members::lock(change.tx()).await?;
        let role = role_of(&rows, user).ok_or(Error::NotFound)?;
        may_change_people(cx, change.tx()).await?;
        if role == Role::Owner {
            may_lose_owner(cx, &rows)?;
        }
        store::members::remove(change.tx(), allowed, user).await?;
        let facts = json!({"user": user, "role": role});
        change
            .record(Record::new(events::MEMBER_REMOVED, user, json!({"user": user})).before(facts))
            .await?;
        change.commit().await?;
        Ok(())
    }
}

fn role_of(rows: &[(UserId, RoleRef)], user: UserId) -> Option<RoleRef> {
    rows.iter().find(|(member, _)| *member == user).map(|(_, role)| *role)
}

pub(super) async fn may_change_people(cx: &OpCx, tx: &mut TenantTx) -> Result<(), Error> {
    match has_consent(cx, tx).await? {
        true => Ok(()),
        false => Err(Error::ConsentRequired),
    }
}

/// Whether the people of the transaction's tenant may be changed by the actor: from above only where the tenant does not
/// want to be asked first, or has agreed to this; whoever is made a member would not have to ask. Suspending it changes
/// nothing about that: for looking into it one needs no members there.
pub async fn has_consent(cx: &OpCx, tx: &mut TenantTx) -> Result<bool, mpanel_pg::Error> {
    if cx.assumed_from().is_none() || !store::assumptions::settings(tx).await?.0 {
        return Ok(true);
    }
    match cx.assumption() {
        Some(open) => store::assumptions::agreed(tx, open.id).await,
        None => Ok(false),
    }
}

/// Whether one of the owners may become something less, or leave.
fn may_lose_owner(cx: &OpCx, rows: &[(UserId, RoleRef)]) -> Result<(), Error> {
    let owners = rows.iter().filter(|(_, role)| *role == Role::Owner).count();
    if owners > 1 && cx.role() == Role::Owner {
        Ok(())
    } else {
        Err(Error::OwnerStays)
    }
}
