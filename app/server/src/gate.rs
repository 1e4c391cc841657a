//! The gate: who makes a request, and for which tenant. Every answer is looked up anew, so that what
//! is revoked ends with the next request; nothing is cached.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, Method, Uri};
use mpanel_authz::{Actor, Device, OpCx, OpCxParts, Permissions, Role, Scopes, TenantKind};
use mpanel_config::Rate;
use mpanel_http::{Admission, Gate, Policy, Problem, Quota};
use mpanel_identity::{Authenticated, Circumstances, Identity, Presented, is_same_site_for_sure};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::{FieldError, Kind};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Db, Look};
use mpanel_tenancy_contract::{Acting, Memberships};

use crate::openapi::PREFIX;
use crate::refusals::{Asked, Refusals};

mod step_up;

pub use step_up::StepUp;

const TENANT_HEADER: &str = "mpanel-tenant";
const CSRF_HEADER: &str = "mpanel-csrf";

/// Admits requests with a session's cookie or an API token.
pub struct SessionGate {
    db: Db,
    identity: Identity,
    memberships: Arc<dyn Memberships>,
    permissions: Arc<Permissions>,
    clock: SharedClock,
    /// By the hash of what is presented, so that a flood costs no look-up.
    requests: Policy<[u8; 32]>,
    step_up: StepUp,
    refusals: Arc<Refusals>,
}

impl SessionGate {
    #[must_use]
    pub fn new(
        db: Db,
        identity: Identity,
        memberships: Arc<dyn Memberships>,
        permissions: Arc<Permissions>,
        clock: SharedClock,
        (rate, step_up, refusals): (&Rate, StepUp, Arc<Refusals>),
    ) -> Self {
        let quota = Quota::with_burst(rate.requests_per_second, rate.requests_burst);
        Self {
            db,
            requests: Policy::new("credential", "of this credential", quota, clock.clone()),
            identity,
            memberships,
            permissions,
            clock,
            step_up,
            refusals,
        }
    }

    /// For whom somebody known may act now, and by what right.
    async fn admit_known(
        &self,
        mut look: Look,
        who: &Authenticated,
        admission: &Admission<'_>,
        named: Option<TenantId>,
    ) -> Result<(TenantId, Acting), Problem> {
        let acting = self.acting(&mut look, who, named).await?;
        // Nobody is refused because that cannot be written down: on a full disk, say, everything can still be read.
        if let Err(error) = self.identity.saw(&mut look, who, admission.caller.address).await {
            tracing::warn!(%error, "cannot mark a credential as seen");
        }
        drop(look);
        let (tenant, acting) = match acting {
            Some(acting) => acting,
            None => self.elsewhere(who.user).await?,
        };
        self.demand_totp(admission, who, (tenant, &acting)).await?;
        let asked = (admission.method, admission.route);
        self.step_up.check(asked, who, self.clock.now())?;
        if acting.suspended && changes_more_than_the_account(admission) {
            return Err(suspended());
        }
        Ok((tenant, acting))
    }

    /// Writes down in the log of somebody's home that they tried another's tenant, or a change that they may not make
    /// (ASVS 16.3.2). What only asks for a step that is missing, such as a proof, is no attempt.
    async fn refused(
        &self,
        who: &Authenticated,
        device: Device,
        admission: &Admission<'_>,
        (named, problem): (Option<TenantId>, &Problem),
    ) {
        let prompts = ["identity.step_up.required", "identity.totp.setup_required"];
        let matters = match problem.kind() {
            Kind::NotFound => named.is_some(),
            Kind::Forbidden => !admission.method.is_safe() && !prompts.contains(&problem.code()),
            _ => false,
        };
        if !matters {
            return;
        }
        let cx = OpCx::new(OpCxParts {
            actor: who.actor.clone(),
            tenant: who.tenant,
            tenant_kind: TenantKind::Customer,
            role: Role::Viewer.into(),
            scopes: None,
            assumed_from: None,
            assumption: None,
            request_id: admission.caller.request_id,
            address: admission.caller.address,
            idempotency: None,
            clock: self.clock.clone(),
            permissions: self.permissions.clone(),
        });
        let asked = Asked {
            method: admission.method,
            path: admission.uri.path(),
            tenant: named,
        };
        self.refusals.note(&cx.by_device(device), asked, problem.code()).await;
    }

    /// Whom a credential stands for, if it comes neither too often nor from where too many wrong ones come; with the
    /// connection of the look-up, on which the membership is asked for as well.
    async fn authenticate(
        &self,
        presented: &Presented,
        admission: &Admission<'_>,
    ) -> Result<(Look, Authenticated), Problem> {
        let hash = presented.token().hash();
        let key = hash.as_bytes().try_into().unwrap_or_default();
        let (address, guesses) = (admission.caller.address, self.identity.guesses());
        // First: what is made up must not push the rates of others out of memory.
        guesses.may_look_up(address, &key).map_err(|seconds| {
            let text = "too many credentials from your address were not valid; wait a moment and try again";
            Problem::new(Kind::RateLimited, "request.too_many_invalid", text).retry_after(seconds)
        })?;
        self.requests.take(&key, admission.standings)?;
        let how = Circumstances {
            host: &mpanel_identity::host(admission.headers),
            address,
            passive: is_stream(admission.uri),
        };
        let mut look = self.db.look().await?;
        let found = self.identity.authenticate(&mut look, presented, how).await;
        match &found {
            Ok(_) => guesses.succeeded(key),
            Err(mpanel_identity::Error::Credential(_)) => guesses.failed(address, &key),
            Err(_) => {}
        }
        Ok((look, found?))
    }

    /// The tenant that is acted for, and by what right; `None` when the own home is not open any more. One that
    /// the caller may not act for is as good as not there.
    async fn acting(
        &self,
        look: &mut Look,
        who: &Authenticated,
        named: Option<TenantId>,
    ) -> Result<Option<(TenantId, Acting)>, Problem> {
        let tenant = named.unwrap_or(who.tenant);
        let (via, now) = (who.bound.then_some(who.tenant), self.clock.now());
        let acting = self.memberships.acting(look, who.user, tenant, via, now).await?;
        match acting {
            // A token acts where it was made for, and where its owner reaches from there.
            Some(acting) if who.bound && tenant != who.tenant && acting.assumed_from != Some(who.tenant) => {
                Err(no_tenant())
            }
            Some(acting) if !may_act_below(who, &acting) => Err(no_assumption(&acting)),
            Some(acting) => Ok(Some((tenant, acting))),
            None if named.is_none() && !who.bound => Ok(None),
            None => Err(no_tenant()),
        }
    }

    /// Who is no member of the own home any more acts for the first tenant left, as `/me` says.
    async fn elsewhere(&self, user: UserId) -> Result<(TenantId, Acting), Problem> {
        let memberships = self.memberships.of_user(user).await?;
        let tenant = memberships.first().ok_or_else(no_tenant)?.tenant.id;
        let mut look = self.db.look().await?;
        let acting = self
            .memberships
            .acting(&mut look, user, tenant, None, self.clock.now())
            .await?;
        Ok((tenant, acting.ok_or_else(no_tenant)?))
    }

    /// Refuses everything but setting up a second factor to those who run the platform and have none, and to everybody who had one
    /// that was lost.
    async fn demand_totp(
        &self,
        admission: &Admission<'_>,
        who: &Authenticated,
        (tenant, acting): (TenantId, &Acting),
    ) -> Result<(), Problem> {
        if who.totp_enabled || is_account_path(admission.uri) {
            return Ok(());
        }
        if who.totp_lost {
            return Err(Problem::new(
                Kind::Forbidden,
                "identity.totp.setup_required",
                "set up a second factor first: yours was lost with the key of this installation",
            ));
        }
        // Programs have no second factor; nor have they a role by which anybody runs the platform.
        if admission.caller.loopback || matches!(who.actor, Actor::Service { .. }) {
            return Ok(());
        }
        let platform = self.memberships.platform();
        let runs_it = if tenant == platform {
            mpanel_identity::runs(&acting.role)
        } else {
            acting.of_platform && self.identity.runs_platform(who.user).await?
        };
        if runs_it {
            return Err(Problem::new(
                Kind::Forbidden,
                "identity.totp.setup_required",
                "set up a second factor first: whoever runs the platform needs one to work over the network",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Gate for SessionGate {
    async fn admit(&self, admission: Admission<'_>) -> Result<OpCx, Problem> {
        let presented = Presented::read(admission.headers)?.ok_or_else(|| {
            Problem::new(
                Kind::Unauthenticated,
                "identity.credential.missing",
                "sign in, or send an API token as Authorization: Bearer mpk_…",
            )
        })?;
        if matches!(presented, Presented::Session(_)) {
            check_origin(admission.method, admission.headers)?;
        }
        let named = named_tenant(&admission)?;
        let (look, who) = self.authenticate(&presented, &admission).await?;
        let device = Device {
            user_agent: admission.caller.user_agent.clone(),
            credential: who.session.map(|session| session.to_string()),
        };
        let (tenant, acting) = match self.admit_known(look, &who, &admission, named).await {
            Ok(admitted) => admitted,
            Err(problem) => {
                self.refused(&who, device, &admission, (named, &problem)).await;
                return Err(problem);
            }
        };
        let cx = OpCx::new(OpCxParts {
            actor: who.actor,
            tenant,
            tenant_kind: acting.kind,
            role: acting.role,
            scopes: who.scopes,
            assumed_from: acting.assumed_from,
            assumption: acting.assumption,
            request_id: admission.caller.request_id,
            address: admission.caller.address,
            idempotency: None,
            clock: self.clock.clone(),
            permissions: self.permissions.clone(),
        });
        Ok(cx.by_device(device))
    }
}

/// A browser adds the cookie to whatever any page makes it send. What changes something must come
/// from a page of our own (ASVS 3.5.1): it carries a field that no form can set, and the browser
/// says where it comes from. Tokens need none of this, since nothing adds them by itself.
fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    if headers.get(CSRF_HEADER).is_some_and(|value| value == "1") && is_same_site_for_sure(headers) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Forbidden,
        "identity.session.cross_site",
        "the request does not come from a page of this panel",
    ))
}

/// `Mpanel-Tenant`, or `?tenant=` where a header cannot be sent: event streams and downloads.
fn named_tenant(admission: &Admission<'_>) -> Result<Option<TenantId>, Problem> {
    let mut values = admission.headers.get_all(TENANT_HEADER).iter();
    let header = values.next().map(|value| value.to_str().unwrap_or_default());
    let in_query = if admission.method == Method::GET {
        query_tenant(admission.uri)
    } else {
        None
    };
    let text = match (header, in_query, values.next()) {
        (None, None, _) => return Ok(None),
        (Some(text), None, None) | (None, Some(text), _) => text,
        (Some(a), Some(b), None) if a == b => a,
        _ => {
            return Err(Problem::new(
                Kind::Malformed,
                "request.tenant_ambiguous",
                "name the acting tenant once",
            ));
        }
    };
    match text.parse() {
        Ok(tenant) => Ok(Some(tenant)),
        Err(_) if header.is_some() => Err(Problem::field(FieldError::new(
            "#Mpanel-Tenant",
            "request.bad_tenant",
            "the header holds a tenant's id, as in tnt_01h2xcejqtf2nbrexx3vqjhp41",
        ))),
        Err(_) => Err(no_tenant()),
    }
}

/// Ids are letters, digits and an underscore: nothing in them is ever percent-encoded.
fn query_tenant(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("tenant="))
}

fn no_tenant() -> Problem {
    Problem::new(
        Kind::NotFound,
        "request.tenant_not_found",
        "there is no such tenant, or you may not act for it",
    )
}

/// Whether nothing but a membership is asked for, or what else has to be is there: a person says why first, by opening
/// an assumption; a program is made for it, and goes in only where nobody has to be asked.
fn may_act_below(who: &Authenticated, acting: &Acting) -> bool {
    let made_for_it = || who.scopes.as_ref().is_some_and(Scopes::acts_below) && !acting.demands_consent;
    acting.assumed_from.is_none() || acting.assumption.is_some() || made_for_it()
}

/// Whoever is told this sees the tenant in a list of those below the own one.
fn no_assumption(acting: &Acting) -> Problem {
    let (code, text) = match acting.demands_consent {
        true => (
            "tenancy.assumption.consent_required",
            "this account wants to be asked: say why you want to act for it, and wait for its answer",
        ),
        false => (
            "tenancy.assumption.required",
            "this account is below yours: say why you act for it first, or use a token that may act below",
        ),
    };
    Problem::new(Kind::Forbidden, code, text)
}

fn operation_path(uri: &Uri) -> &str {
    let path = uri.path();
    path.strip_prefix(PREFIX).unwrap_or(path)
}

/// What a person does to the own account: open to those who still have to set up a second factor.
fn is_account_path(uri: &Uri) -> bool {
    let path = operation_path(uri);
    matches!(
        path,
        "/me" | "/me/password" | "/me/email" | "/me/email/confirm" | "/me/totp" | "/me/totp/confirm" | "/sessions"
    ) || path.starts_with("/sessions/")
}

/// Whether a request changes what belongs to the tenant. Who is suspended still ends sessions, revokes tokens and
/// sets another password: what has leaked must not stay good for that long. And who looks at everything may also take it
/// away: for a tenant that ends, that is what its last days are for.
fn changes_more_than_the_account(admission: &Admission<'_>) -> bool {
    let path = operation_path(admission.uri);
    let revokes = admission.method == Method::DELETE && path.starts_with("/api-tokens/");
    let takes_away = path.starts_with("/tenants/") && path.split('/').nth(3) == Some("exports");
    !(admission.method.is_safe() || revokes || takes_away || is_account_path(admission.uri))
}

fn suspended() -> Problem {
    Problem::new(
        Kind::Forbidden,
        "tenancy.tenant.suspended",
        "the account is suspended by the provider; you can look at everything, and change it when it is resumed",
    )
}

/// A stream lives as long as its page is open, whether anybody looks at it or not.
fn is_stream(uri: &Uri) -> bool {
    operation_path(uri) == "/events"
}

#[cfg(test)]
mod tests;
