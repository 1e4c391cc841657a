use std::collections::BTreeMap;

use mpanel_authz::{OpCx, actions};
use mpanel_engine_edge::Upstream;
use mpanel_events::Record;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::SiteId;
use mpanel_sites_contract::events;
use serde_json::json;

use crate::domain::Delivery;
use crate::error::Error;
use crate::store::delivery::Stored;
use crate::{Sites, authz, store};

/// Passwords that one request may set: each costs tens of milliseconds.
const MOST_AT_ONCE: usize = 50;
/// Characters of a password.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;

/// How a site is to be delivered.
pub struct SetDelivery {
    /// Its users have no hashes yet.
    pub document: Delivery,
    /// New passwords by the number of the area and the user; who has none keeps the one from before.
    pub passwords: BTreeMap<(usize, String), String>,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

impl Sites {
    /// How a site is delivered.
    pub async fn delivery(&self, cx: &OpCx, id: SiteId) -> Result<Stored, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        store::sites::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Site, _>(actions::Read)?;
        let stored = store::delivery::get(&mut tx, id).await?.unwrap_or_default();
        tx.end_read();
        Ok(stored)
    }

    /// Replaces all of it.
    pub async fn set_delivery(&self, cx: &OpCx, id: SiteId, wanted: SetDelivery) -> Result<Stored, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        store::sites::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Site, _>(actions::Modify)?;
        tx.end_read();
        // Before anything is locked.
        let hashes = self.hashed(wanted.passwords).await?;
        let mut change = self.spine.begin(cx).await?;
        let site = store::sites::lock(change.tx(), id).await?;
        let allowed = cx.authorize::<authz::Site, _>(actions::Modify)?;
        let site = site.active()?;
        let before = store::delivery::get(change.tx(), id).await?.unwrap_or_default();
        if wanted.seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::Stale);
        }
        let mut document = wanted.document;
        keep_passwords(&mut document, hashes, &before.document)?;
        if let Some(servers) = &mut document.servers {
            servers.pool.public_only = !self.provider_allows(&servers.pool);
        }
        document.check()?;
        store::delivery::set(change.tx(), &allowed, id, &document, self.clock.now()).await?;
        self.publish(change.tx(), id, &[]).await?;
        let after = store::delivery::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let data = json!({"slug": site.slug, "version": after.version});
        let record = Record::new(events::DELIVERY_CHANGED, id, data)
            .before(before.document.facts()?)
            .after(after.document.facts()?);
        change.record(record).await?;
        change.commit().await?;
        Ok(after)
    }

    async fn hashed(
        &self,
        passwords: BTreeMap<(usize, String), String>,
    ) -> Result<BTreeMap<(usize, String), String>, Error> {
        if passwords.len() > MOST_AT_ONCE {
            return Err(Error::field(
                "/areas",
                "sites.delivery.too_many_passwords",
                format!("one change sets at most {MOST_AT_ONCE} passwords"),
            ));
        }
        let wrong = passwords
            .iter()
            .filter(|(_, password)| !PASSWORD.contains(&password.chars().count()))
            .map(|((area, user), _)| {
                let message = format!("a password has {} to {} characters", PASSWORD.start(), PASSWORD.end());
                FieldError::new(pointer(*area, user), "sites.delivery.bad_password", message)
            });
        let wrong: Vec<FieldError> = wrong.collect();
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let mut hashes = BTreeMap::new();
        for (whose, password) in passwords {
            hashes.insert(whose, self.passwords.hash(&password).await?);
        }
        Ok(hashes)
    }

    /// Whether all servers are at addresses that the provider has opened to outbound requests.
    fn provider_allows(&self, pool: &Upstream) -> bool {
        pool.servers.iter().all(|server| {
            let address = server.address.parse::<std::net::SocketAddr>();
            address.is_ok_and(|address| {
                self.settings
                    .outbound_allow
                    .iter()
                    .any(|open| open.contains(&address.ip()))
            })
        })
    }
}

/// Gives each user a hash: a new one, or the one that the user had in an area for the same path.
fn keep_passwords(
    document: &mut Delivery,
    mut hashes: BTreeMap<(usize, String), String>,
    before: &Delivery,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (index, area) in document.policy.auth.iter_mut().enumerate() {
        let former = before.policy.auth.iter().find(|former| former.path == area.path);
        for (user, hash) in &mut area.users {
            let kept = || former.and_then(|former| former.users.get(user)).cloned();
            match hashes.remove(&(index, user.clone())).or_else(kept) {
                Some(found) => *hash = found,
                None => missing.push(FieldError::new(
                    pointer(index, user),
                    "sites.delivery.password_missing",
                    "a new user needs a password",
                )),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Invalid(missing)),
    }
}

fn pointer(area: usize, user: &str) -> String {
    format!("/areas/{area}/users/{}", user.replace('~', "~0").replace('/', "~1"))
}
