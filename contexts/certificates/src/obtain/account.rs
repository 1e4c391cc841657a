//! Accounts with authorities.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use mpanel_certificates_contract::events;
use mpanel_client_acme::{Account, AccountKey, Credentials, Directory, Error as AcmeError, ExternalAccount};
use mpanel_crypto::Place;
use mpanel_events::Record;
use serde_json::json;

use super::Obtain;
use crate::error::Error;
use crate::store::issuers::{self, StoredIssuer};
use crate::{IssuerId, domain};

pub fn account_place(id: IssuerId) -> Place {
    Place::new("certificates.issuers", "sealed_account_key", id)
}

pub fn external_place(id: IssuerId) -> Place {
    Place::new("certificates.issuers", "sealed_external_key", id)
}

fn directory(issuer: &StoredIssuer) -> Directory {
    Directory {
        url: issuer.directory_url.clone(),
        root_pem: issuer.root_pem.clone(),
    }
}

impl Obtain {
    /// Makes an account where there is none yet; whether it did. Its key is older than the question, so one that was killed
    /// asks for the same account again.
    pub(super) async fn register(&self, issuer: &StoredIssuer) -> Result<bool, Error> {
        let now = self.certificates.clock.now();
        if issuer.account_url.is_some() || issuer.is_paused(now) {
            return Ok(false);
        }
        let (key, external) = self.keys(issuer).await?;
        let contact: Vec<String> = issuer
            .contact
            .iter()
            .map(|address| format!("mailto:{address}"))
            .collect();
        let (acme, directory) = (&self.certificates.ports.acme, directory(issuer));
        match acme.new_account(&directory, &key, &contact, external.as_ref()).await {
            Ok(made) => {
                let mut change = self.certificates.spine.begin(&self.cx(issuer.tenant)).await?;
                let sealer = self.certificates.spine.vault().tenant(change.tx()).await?;
                let sealed = sealer.seal(&account_place(issuer.id), made.key.as_bytes());
                issuers::registered(change.tx(), issuer.id, &sealed, &made.url).await?;
                let facts = json!({"account_url": made.url});
                change
                    .record(Record::new(events::ISSUER_REGISTERED, issuer.id, facts.clone()).after(facts))
                    .await?;
                change.commit().await?;
                Ok(true)
            }
            Err(error) => {
                self.leave_alone(issuer, &error).await?;
                Ok(false)
            }
        }
    }

    async fn keys(&self, issuer: &StoredIssuer) -> Result<(AccountKey, Option<ExternalAccount>), Error> {
        let mut tx = self.certificates.spine.db().tenant(issuer.tenant).await?;
        let sealer = self.certificates.spine.vault().tenant(&mut tx).await?;
        // A key that was made just now is kept.
        tx.commit().await?;
        let key = sealer.open(&account_place(issuer.id), &issuer.sealed_account_key)?;
        let external = match (&issuer.external_kid, &issuer.sealed_external_key) {
            (Some(kid), Some(sealed)) => Some(ExternalAccount {
                kid: kid.clone(),
                hmac: sealer.open(&external_place(issuer.id), sealed)?.to_vec(),
            }),
            _ => None,
        };
        Ok((AccountKey::new(key.to_vec()), external))
    }

    /// The account, open; `None` while there is none.
    pub(super) async fn account(&self, issuer: &StoredIssuer) -> Result<Option<Arc<dyn Account>>, Error> {
        let Some(url) = &issuer.account_url else {
            return Ok(None);
        };
        let known = {
            let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            accounts
                .get(&issuer.id)
                .filter(|(of, _)| of == url)
                .map(|(_, account)| Arc::clone(account))
        };
        if let Some(account) = known {
            return Ok(Some(account));
        }
        let (key, _) = self.keys(issuer).await?;
        let credentials = Credentials { url: url.clone(), key };
        let account = self
            .certificates
            .ports
            .acme
            .account(&directory(issuer), &credentials)
            .await?;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(issuer.id, (url.clone(), Arc::clone(&account)));
        Ok(Some(account))
    }

    /// Asks an authority in trouble nothing for a while; others are asked meanwhile.
    pub(super) async fn leave_alone(&self, issuer: &StoredIssuer, error: &AcmeError) -> Result<(), Error> {
        let now = self.certificates.clock.now();
        let asked = match error {
            AcmeError::Problem(problem) => problem.retry_after,
            _ => None,
        };
        let asked = asked.and_then(|wait: Duration| SignedDuration::try_from(wait).ok());
        let until = domain::later(now, asked.unwrap_or_default().max(domain::rest(issuer.failures)));
        tracing::warn!(issuer = issuer.name, %error, %until, "a certificate authority is left alone");
        let mut tx = self.certificates.spine.db().tenant(issuer.tenant).await?;
        issuers::pause(&mut tx, issuer.id, &error.to_string(), (now, until)).await?;
        tx.commit().await?;
        Ok(())
    }
}
