use jiff::SignedDuration;
use mpanel_authz::{OpCx, actions};
use mpanel_crypto::Token;
use mpanel_events::{Begin, Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{ApiTokenId, ServiceAccountId};
use mpanel_kernel::names::Title;
use mpanel_kernel::paging::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::after;
use super::api_tokens::{MAX_LIFE, MOST_TOKENS, checked_scopes, new_token};
use crate::Identity;
use crate::authz;
use crate::domain::{Networks, NewApiToken, TokenFacts};
use crate::error::Error;
use crate::store::api_tokens::{self, Holder};
use crate::store::service_accounts;

/// How long a token goes on beside the one that takes its place, unless asked otherwise.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
const MOST_OVERLAP: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug)]
pub struct CreatedServiceToken {
    pub token: TokenFacts,
    /// Shown once: a replay of the request has none.
    pub secret: Option<Token>,
}

/// What a replay of the creation tells.
#[derive(Serialize, Deserialize)]
struct Created {
    id: ApiTokenId,
}

impl Identity {
    pub async fn list_service_tokens(
        &self,
        cx: &OpCx,
        account: ServiceAccountId,
        page: PageRequest,
    ) -> Result<Page<TokenFacts>, Error> {
        cx.authorize::<authz::ServiceAccount, _>(actions::Read)?;
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        service_accounts::get(&mut tx, account).await?.ok_or(Error::NotFound)?;
        let rows = api_tokens::list_of_service(&mut tx, account, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |token| token.id.uuid()))
    }

    /// A new token of a service account of the acting tenant.
    pub async fn create_service_token(
        &self,
        cx: &OpCx,
        account: ServiceAccountId,
        new: NewApiToken,
    ) -> Result<CreatedServiceToken, Error> {
        cx.authorize::<authz::ServiceAccount, _>(actions::ManageAccess)?;
        let now = self.0.clock.now();
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let networks = Networks::parse(&new.allowed_networks).map_err(Error::Invalid)?;
        let scopes = checked_scopes(cx, new.scopes)?;
        let bounds = self.bounds(cx, now).await?;
        let expires_at = bounds.expiry(new.expires_at, now)?;
        let mut change = match self.0.spine.begin_once(cx, "identity_service_tokens_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(created) => return self.made(cx, account, created).await,
        };
        let holder = self.within_reach(cx, change.tx(), account).await?;
        bounds.hold(&[&networks, &holder.networks])?;
        let (secret, token) = new_token((name.into(), scopes, networks), now, expires_at);
        self.add_service_token(cx, change, account, (secret, token)).await
    }

    /// Makes a token in the place of another, with the same name, scopes, networks and life. The old one goes on for
    /// `overlap` (a day when absent), so that programs can change over without a gap.
    pub async fn rotate_service_token(
        &self,
        cx: &OpCx,
        (account, old): (ServiceAccountId, ApiTokenId),
        overlap: Option<SignedDuration>,
    ) -> Result<CreatedServiceToken, Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::ManageAccess)?;
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap.is_negative() || overlap > MOST_OVERLAP {
            return Err(Error::field(
                "/overlap_seconds",
                "identity.api_token.bad_overlap",
                "both tokens work for at most seven days",
            ));
        }
        let now = self.0.clock.now();
        let bounds = self.bounds(cx, now).await?;
        let mut change = match self.0.spine.begin_once(cx, "identity_service_tokens_rotate").await? {
            Begin::Run(change) => change,
            Begin::Replay(created) => return self.made(cx, account, created).await,
        };
        let holder = self.within_reach(cx, change.tx(), account).await?;
        let known = api_tokens::get_of_service(change.tx(), account, old)
            .await?
            .ok_or(Error::NotFound)?;
        let life = known.expires_at.duration_since(known.created_at).min(MAX_LIFE);
        let scopes = checked_scopes(cx, known.scopes)?;
        bounds.hold(&[&known.networks, &holder.networks])?;
        let expires_at = after(now, life).min(bounds.latest);
        api_tokens::shorten(change.tx(), &allowed, (account, old), after(now, overlap)).await?;
        let (secret, token) = new_token((known.name, scopes, known.networks), now, expires_at);
        let facts = json!({"service_account": account, "replaced_by": token.id});
        change
            .record(Record::new(events::API_TOKEN_ROTATED, old, facts.clone()).after(facts))
            .await?;
        self.add_service_token(cx, change, account, (secret, token)).await
    }

    /// Revokes a token of a service account at once.
    pub async fn delete_service_token(
        &self,
        cx: &OpCx,
        account: ServiceAccountId,
        id: ApiTokenId,
    ) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::ManageAccess)?;
        let mut change = self.0.spine.begin(cx).await?;
        let known = api_tokens::get_of_service(change.tx(), account, id).await?;
        let known = known.ok_or(Error::NotFound)?;
        api_tokens::delete_of_service(change.tx(), &allowed, (account, id)).await?;
        let before = json!({"service_account": account, "scopes": known.scopes, "expires_at": known.expires_at});
        let record = Record::new(events::API_TOKEN_REVOKED, id, json!({"service_account": account}));
        change.record(record.before(before)).await?;
        change.commit().await?;
        Ok(())
    }

    async fn add_service_token(
        &self,
        cx: &OpCx,
        mut change: Change,
        account: ServiceAccountId,
        (secret, token): (Token, TokenFacts),
    ) -> Result<CreatedServiceToken, Error> {
        let allowed = cx.authorize::<authz::ServiceAccount, _>(actions::ManageAccess)?;
        let holder = Holder::Service(account);
        if api_tokens::valid(change.tx(), holder, token.created_at).await? >= MOST_TOKENS {
            return Err(Error::TooManyTokens);
        }
        api_tokens::create_for_service(change.tx(), &allowed, account, &token, &secret.hash()).await?;
        let facts = json!({
            "service_account": account,
            "scopes": token.scopes,
            "allowed_networks": token.networks.texts(),
            "expires_at": token.expires_at,
        });
        change
            .record(Record::new(events::API_TOKEN_CREATED, token.id, facts.clone()).after(facts))
            .await?;
        change.commit_with(&Created { id: token.id }).await?;
        self.0.guesses.gave(&secret);
        let secret = Some(secret);
        Ok(CreatedServiceToken { token, secret })
    }

    async fn made(
        &self,
        cx: &OpCx,
        account: ServiceAccountId,
        Created { id }: Created,
    ) -> Result<CreatedServiceToken, Error> {
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let token = api_tokens::get_of_service(&mut tx, account, id).await?;
        tx.end_read();
        Ok(CreatedServiceToken {
            token: token.ok_or(Error::NotFound)?,
            secret: None,
        })
    }
}
