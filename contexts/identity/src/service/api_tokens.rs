use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Action, OpCx, Scopes, actions};
use mpanel_crypto::{Token, TokenKind};
use mpanel_events::{Begin, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{ApiTokenId, UserId};
use mpanel_kernel::names::Title;
use mpanel_kernel::paging::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::after;
use crate::Identity;
use crate::authz;
use crate::domain::{ApiToken, Networks, NewApiToken, TokenFacts};
use crate::error::Error;
use crate::store::api_tokens::{self, Holder};
use crate::store::users;

pub(super) const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A year, also a leap year, from any hour of the day.
pub(super) const MAX_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Valid ones of a person for one tenant, or of a service account; more are rather a program that forgets what it has.
pub(super) const MOST_TOKENS: i64 = 50;
const MAX_SCOPES: usize = 100;
/// `mpk_` and eight characters: enough to recognise, 216 bits too few to use.
const SHOWN_CHARS: usize = 12;

#[derive(Debug)]
pub struct CreatedApiToken {
    pub token: Owned,
    /// Shown once: a replay of the request has none.
    pub secret: Option<Token>,
}

/// Whose tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokensOf {
    Myself,
    User(UserId),
    Everybody,
}

/// A token and the name of whose it is.
pub type Owned = (ApiToken, Option<String>);

/// What a replay of the creation tells.
#[derive(Serialize, Deserialize)]
struct Created {
    id: ApiTokenId,
}

impl Identity {
    /// Tokens for the acting tenant: the actor's own, or those of others for who manages access there.
    pub async fn list_api_tokens(&self, cx: &OpCx, of: TokensOf, page: PageRequest) -> Result<Page<Owned>, Error> {
        cx.authorize::<authz::ApiToken, _>(actions::List)?;
        let me = person(cx)?;
        let user = match of {
            TokensOf::Myself => Some(me),
            TokensOf::User(user) => Some(user),
            TokensOf::Everybody => None,
        };
        if user != Some(me) {
            cx.authorize::<authz::ApiToken, _>(actions::ManageAccess)?;
        }
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let rows = api_tokens::list(&mut tx, user, page).await?;
        tx.end_read();
        let page = Page::cut(page, rows, |token| token.facts.id.uuid());
        let items = self.with_names(page.items).await?;
        Ok(Page {
            items,
            next_cursor: page.next_cursor,
        })
    }

    async fn with_names(&self, tokens: Vec<ApiToken>) -> Result<Vec<Owned>, Error> {
        let people: Vec<UserId> = tokens.iter().map(|token| token.user).collect();
        let mut tx = self.0.spine.db().spine().await?;
        let profiles = users::profiles(&mut tx, &people).await?;
        tx.end_read();
        let name = |user: &UserId| profiles.get(user).map(|profile| profile.name.clone());
        let owned = tokens.into_iter().map(|token| {
            let name = name(&token.user);
            (token, name)
        });
        Ok(owned.collect())
    }

    async fn created(&self, token: ApiToken, secret: Option<Token>) -> Result<CreatedApiToken, Error> {
        let mut owned = self.with_names(vec![token]).await?;
        let token = owned.pop().ok_or(Error::NotFound)?;
        Ok(CreatedApiToken { token, secret })
    }

    /// A new token of the actor for the acting tenant.
    pub async fn create_api_token(&self, cx: &OpCx, new: NewApiToken) -> Result<CreatedApiToken, Error> {
        let allowed = cx.authorize::<authz::ApiToken, _>(actions::Create)?;
        let user = person(cx)?;
        // Their leave ends, or is taken back, and a token's does not (ADR 0016).
        if cx.assumed_from().is_some() {
            return Err(Error::ApiTokenFromAbove);
        }
        let now = self.0.clock.now();
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let networks = Networks::parse(&new.allowed_networks).map_err(Error::Invalid)?;
        let scopes = checked_scopes(cx, new.scopes)?;
        let bounds = self.bounds(cx, now).await?;
        let expires_at = bounds.expiry(new.expires_at, now)?;
        bounds.hold(&[&networks])?;
        let mut change = match self.0.spine.begin_once(cx, "identity_tokens_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(Created { id }) => {
                let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
                let token = api_tokens::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
                tx.end_read();
                return self.created(token, None).await;
            }
        };
        if api_tokens::valid(change.tx(), Holder::Person(user), now).await? >= MOST_TOKENS {
            return Err(Error::TooManyTokens);
        }
        let (secret, facts) = new_token((name.into(), scopes, networks), now, expires_at);
        self.0.guesses.gave(&secret);
        let token = ApiToken { user, facts };
        api_tokens::create(change.tx(), &allowed, &token, &secret.hash()).await?;
        let id = token.facts.id;
        let facts = json!({
            "user": user,
            "scopes": token.facts.scopes,
            "allowed_networks": token.facts.networks.texts(),
            "expires_at": expires_at,
        });
        change
            .record(Record::new(events::API_TOKEN_CREATED, id, facts.clone()).after(facts))
            .await?;
        change.commit_with(&Created { id }).await?;
        self.created(token, Some(secret)).await
    }

    /// Revokes a token of the actor, or anybody's for who manages access.
    pub async fn delete_api_token(&self, cx: &OpCx, id: ApiTokenId) -> Result<(), Error> {
        let me = person(cx)?;
        let mut change = self.0.spine.begin(cx).await?;
        let token = api_tokens::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let user = token.user;
        if user != me && cx.authorize::<authz::ApiToken, _>(actions::ManageAccess).is_err() {
            return Err(Error::NotFound);
        }
        let allowed = cx.authorize::<authz::ApiToken, _>(actions::Delete)?;
        if !api_tokens::delete(change.tx(), &allowed, id).await? {
            return Err(Error::NotFound);
        }
        let before = json!({"user": user, "scopes": token.facts.scopes, "expires_at": token.facts.expires_at});
        change
            .record(Record::new(events::API_TOKEN_REVOKED, id, json!({"user": user})).before(before))
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// How far the credential that asks goes itself.
    pub(super) async fn bounds(&self, cx: &OpCx, now: Timestamp) -> Result<Bounds, Error> {
        let latest = after(now, MAX_LIFE);
        let Some(token) = cx.actor().token() else {
            return Ok(Bounds {
                latest,
                networks: Default::default(),
            });
        };
        let mut tx = self.0.spine.db().spine().await?;
        let (ends, networks) = api_tokens::limits(&mut tx, token).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(Bounds {
            latest: latest.min(ends),
            networks,
        })
    }
}

/// How far a credential goes. What it makes goes no further: a token must not prolong itself, nor be used by what it makes
/// from where it may not be used.
pub(super) struct Bounds {
    /// When a token that it makes ends at the latest.
    pub latest: Timestamp,
    /// Its own, and those of the account that it is of.
    networks: [Networks; 2],
}

impl Bounds {
    /// When a new token ends; 90 days when nobody says.
    pub fn expiry(&self, wanted: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Error> {
        match wanted {
            None => Ok(after(now, DEFAULT_LIFE).min(self.latest)),
            Some(at) if at > now && at <= self.latest => Ok(at),
            Some(_) => Err(Error::field(
                "/expires_at",
                "identity.api_token.bad_expiry",
                "a token ends in the future, after at most one year and not after the token that makes it",
            )),
        }
    }

    /// Refuses what could be used from elsewhere, whose user has to be in each of these lists.
    pub fn hold(&self, lists: &[&Networks]) -> Result<(), Error> {
        let held = |bound: &Networks| lists.iter().any(|networks| networks.are_within(bound));
        if self.networks.iter().all(held) {
            return Ok(());
        }
        Err(Error::field(
            "/allowed_networks",
            "identity.api_token.wider_network",
            "a token opens nothing to networks from where it may not be used itself",
        ))
    }
}

/// A secret and what is kept of it.
pub(super) fn new_token(
    (name, scopes, networks): (String, Vec<String>, Networks),
    now: Timestamp,
    expires_at: Timestamp,
) -> (Token, TokenFacts) {
    let secret = Token::generate(TokenKind::Api);
    let facts = TokenFacts {
        id: ApiTokenId::generate(),
        name,
        prefix: secret.reveal().chars().take(SHOWN_CHARS).collect(),
        scopes,
        networks,
        created_at: now,
        expires_at,
        last_used_at: None,
        last_used_address: None,
    };
    (secret, facts)
}

fn person(cx: &OpCx) -> Result<UserId, Error> {
    cx.actor().user().ok_or(Error::NotAPerson)
}

/// The scopes, if each means something and the credential that asks has it itself.
pub(super) fn checked_scopes(cx: &OpCx, mut wanted: Vec<String>) -> Result<Vec<String>, Error> {
    if wanted.is_empty() || wanted.len() > MAX_SCOPES {
        return Err(Error::field(
            "/scopes",
            "identity.api_token.bad_scopes",
            "name 1 to 100 scopes, such as sites.site:read, or * for everything that you may do",
        ));
    }
    let scopes = Scopes::parse(wanted.clone(), cx.permissions())?;
    if let Some(own) = cx.scopes()
        && let Some(at) = scopes.as_slice().iter().position(|scope| !covers(own, scope))
    {
        return Err(Error::Invalid(vec![mpanel_kernel::error::FieldError::new(
            format!("/scopes/{at}"),
            "identity.api_token.wider_scope",
            "a token makes only tokens that may do no more than itself",
        )]));
    }
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}

/// Whether `own` allows all that `scope` allows.
fn covers(own: &Scopes, scope: &str) -> bool {
    let has = |wanted: &str| own.as_slice().iter().any(|scope| scope == wanted);
    // Everything is not everywhere.
    if scope == Scopes::BELOW {
        return own.acts_below();
    }
    if has("*") {
        return true;
    }
    let Some((resource, action)) = scope.split_once(':') else {
        return false;
    };
    match Action::ALL.into_iter().find(|known| known.as_str() == action) {
        Some(action) => own.allows(resource, action),
        None => has(scope) || Action::ALL.into_iter().all(|action| own.allows(resource, action)),
    }
}
