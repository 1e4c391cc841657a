//! A member of a tenant above acts for one below: says why first, for a while, and is seen there.

use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Change, Record};
use mpanel_identity_contract::Profile;
use mpanel_kernel::ids::{AssumptionId, TenantId, UserId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Service;
use crate::authz;
use crate::domain::{Assumption, AssumptionState, PATIENCE, minutes, reason, until};
use crate::error::Error;
use crate::store;

pub struct Assume {
    pub reason: String,
    pub minutes: i32,
}

/// An assumption with the names of those it is about.
pub struct Shown {
    pub assumption: Assumption,
    pub user: Option<Profile>,
    pub agreed_by: Option<Profile>,
    pub ended_by: Option<Profile>,
}

impl Service {
    /// Opens leave for the actor to act for a tenant below the acting one, or asks that tenant for it. A token does so only
    /// if it was made to act below: any other would give itself what its person has not given it.
    pub async fn assume(&self, cx: &OpCx, id: TenantId, new: Assume) -> Result<Shown, Error> {
        let user = cx.actor().user().ok_or(Error::NotAPerson)?;
        if cx.scopes().is_some_and(|scopes| !scopes.acts_below()) {
            return Err(Error::NotAPerson);
        }
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        let from = store::tenants::get(&mut tx, cx.tenant())
            .await?
            .ok_or(Error::NotFound)?;
        tx.end_read();
        let allowed = cx.authorize::<authz::Assumption, _>(actions::Create)?;
        let (reason, minutes) = match (reason(&new.reason), minutes(new.minutes)) {
            (Ok(reason), Ok(minutes)) => (reason, minutes),
            (reason, minutes) => {
                return Err(Error::Invalid(reason.err().into_iter().chain(minutes.err()).collect()));
            }
        };
        if id == cx.tenant() {
            return Err(Error::NotBelow);
        }
        let there = cx.for_descendant(id, tenant.kind).ok_or(Error::NoReach)?;
        let mut change = match self.tenancy.spine.begin_once(&there, "assumptions_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(assumption) => return self.assumption(&there, assumption).await,
        };
        let now = cx.clock().now();
        let waits = store::assumptions::wants_consent(change.tx()).await?;
        let assumption = Assumption {
            id: AssumptionId::generate(),
            user,
            from: from.id,
            from_name: from.name,
            reason,
            minutes,
            asked_at: now,
            opened_at: (!waits).then_some(now),
            agreed_by: None,
            expires_at: match waits {
                true => now.saturating_add(PATIENCE).unwrap_or(jiff::Timestamp::MAX),
                false => until(now, minutes),
            },
            ended_at: None,
            ended_by: None,
        };
        store::assumptions::create(change.tx(), &allowed, &assumption).await?;
        let event = match waits {
            true => events::ASSUMPTION_ASKED,
            false => events::ASSUMPTION_OPENED,
        };
        let data = json!({"user": user, "from": from.id, "minutes": minutes});
        let facts = json!({"user": user, "from": from.id, "minutes": minutes, "reason": assumption.reason});
        change
            .record(Record::new(event, assumption.id, data).after(facts))
            .await?;
        change.commit_with(&assumption.id).await?;
        self.shown(vec![assumption]).await?.pop().ok_or(Error::NotFound)
    }

    /// Who has acted for a tenant as a member of one above it, or asks to; newest first.
    pub async fn list_assumptions(&self, cx: &OpCx, id: TenantId, page: PageRequest) -> Result<Page<Shown>, Error> {
        let (_, _allowed) = self.reach::<authz::Assumption, _>(cx, id, actions::List).await?;
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        let rows = store::assumptions::list(&mut tx, page).await?;
        tx.end_read();
        let page = Page::cut(page, rows, |assumption| assumption.id.uuid());
        Ok(Page {
            items: self.shown(page.items).await?,
            next_cursor: page.next_cursor,
        })
    }

    /// The tenant lets somebody in who asked.
    pub async fn agree_to_assumption(&self, cx: &OpCx, id: TenantId, wanted: AssumptionId) -> Result<Shown, Error> {
        if id != cx.tenant() {
            self.get_tenant(cx, id).await?;
        }
        // Nobody above agrees in its name: neither from their own side, nor acting for it.
        if id != cx.tenant() || cx.assumed_from().is_some() {
            return Err(Error::OwnConsent);
        }
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::assumptions::get(change.tx(), wanted)
            .await?
            .ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Assumption, _>(actions::ManageAccess)?;
        let (now, by) = (cx.clock().now(), cx.actor().user());
        let expires_at = until(now, before.minutes);
        if !store::assumptions::agree(change.tx(), &allowed, (wanted, by), now, expires_at).await? {
            return Err(Error::NotWaiting);
        }
        let data = json!({"user": before.user, "from": before.from, "minutes": before.minutes});
        let facts =
            json!({"user": before.user, "from": before.from, "minutes": before.minutes, "reason": before.reason});
        change
            .record(Record::new(events::ASSUMPTION_OPENED, wanted, data).after(facts))
            .await?;
        change.commit().await?;
        self.assumption(cx, wanted).await
    }

    /// Ends somebody's leave at once: whoever has it, the tenant, or one above with the right to.
    pub async fn end_assumption(&self, cx: &OpCx, id: TenantId, wanted: AssumptionId) -> Result<(), Error> {
        let there = self.look_below(cx, id).await?;
        let mut change = self.tenancy.spine.begin(&there).await?;
        let before = store::assumptions::get(change.tx(), wanted)
            .await?
            .ok_or(Error::NotFound)?;
        let (now, by) = (cx.clock().now(), cx.actor().user());
        let ended = match by.filter(|user| *user == before.user) {
            Some(user) => store::assumptions::end_own(change.tx(), (wanted, user), now).await?,
            None => {
                let (_, allowed) = self.reach::<authz::Assumption, _>(cx, id, actions::Delete).await?;
                store::assumptions::end(change.tx(), &allowed, (wanted, by), now).await?
            }
        };
        // What is over already stays over.
        if !ended {
            return match before.state(now) {
                AssumptionState::Ended => Ok(()),
                _ => Err(Error::NotFound),
            };
        }
        let facts = json!({"user": before.user, "from": before.from, "state": before.state(now).as_str()});
        let record = Record::new(events::ASSUMPTION_ENDED, wanted, json!({"user": before.user}));
        change.record(record.before(facts)).await?;
        change.commit().await?;
        Ok(())
    }

    /// Ends leave that was taken unasked while nobody could be asked, in a tenant that is no longer suspended and below it.
    pub(super) async fn end_unasked(&self, cx: &OpCx, change: &mut Change, resumed: TenantId) -> Result<(), Error> {
        let now = cx.clock().now();
        for ended in store::assumptions::end_unasked(change.tx(), resumed, now).await? {
            let there = cx.for_descendant(ended.tenant, ended.kind);
            // Whoever resumes need not reach what stands below.
            let there = there.unwrap_or_else(|| OpCx::system("tenancy.resume", ended.tenant, cx.clock().clone()));
            let facts = json!({"user": ended.user, "state": AssumptionState::Open.as_str()});
            let record = Record::new(events::ASSUMPTION_ENDED, ended.id, json!({"user": ended.user}));
            change.record_for(&there, record.before(facts)).await?;
        }
        Ok(())
    }

    /// Whether those above ask before they act for a tenant, and the version of that.
    pub async fn support_settings(&self, cx: &OpCx, id: TenantId) -> Result<(bool, i64), Error> {
        let (_, _allowed) = self.reach::<authz::Assumption, _>(cx, id, actions::List).await?;
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        let settings = store::assumptions::settings(&mut tx).await?;
        tx.end_read();
        Ok(settings)
    }

    pub async fn set_support_settings(
        &self,
        cx: &OpCx,
        id: TenantId,
        consent: bool,
        seen: Option<i64>,
    ) -> Result<(bool, i64), Error> {
        if id != cx.tenant() {
            self.get_tenant(cx, id).await?;
        }
        if id != cx.tenant() || cx.assumed_from().is_some() {
            return Err(Error::OwnConsent);
        }
        let allowed = cx.authorize::<authz::Assumption, _>(actions::ManageAccess)?;
        let mut change = self.tenancy.spine.begin(cx).await?;
        let (before, _) = store::assumptions::settings(change.tx()).await?;
        let version = store::assumptions::set_settings(change.tx(), &allowed, consent, seen).await?;
        let version = version.ok_or(Error::Stale)?;
        let facts = |consent: bool| json!({"consent_required": consent});
        let record = Record::new(events::SUPPORT_CHANGED, id, facts(consent));
        change
            .record(record.before(facts(before)).after(facts(consent)))
            .await?;
        change.commit().await?;
        Ok((consent, version))
    }

    /// The context of the actor for a tenant below without a permission there, for what is the actor's own.
    async fn look_below(&self, cx: &OpCx, id: TenantId) -> Result<OpCx, Error> {
        if id == cx.tenant() {
            return Ok(cx.clone());
        }
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        cx.for_descendant(id, tenant.kind).ok_or(Error::NoReach)
    }

    async fn assumption(&self, there: &OpCx, id: AssumptionId) -> Result<Shown, Error> {
        let mut tx = self.tenancy.spine.db().tenant(there.tenant()).await?;
        let found = store::assumptions::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        self.shown(vec![found]).await?.pop().ok_or(Error::NotFound)
    }

    async fn shown(&self, assumptions: Vec<Assumption>) -> Result<Vec<Shown>, Error> {
        let mut users: Vec<UserId> = Vec::new();
        for assumption in &assumptions {
            users.push(assumption.user);
            users.extend(assumption.agreed_by.into_iter().chain(assumption.ended_by));
        }
        users.sort_unstable();
        users.dedup();
        let profiles = self.accounts.profiles(&users).await?;
        let of = |user: Option<UserId>| user.and_then(|user| profiles.get(&user).cloned());
        let shown = assumptions.into_iter().map(|assumption| Shown {
            user: of(Some(assumption.user)),
            agreed_by: of(assumption.agreed_by),
            ended_by: of(assumption.ended_by),
            assumption,
        });
        Ok(shown.collect())
    }
}
