//! Public authorities, as the platform's staff set them up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mpanel_authz::{OpCx, actions};
use mpanel_certificates_contract::events;
use mpanel_client_acme::AccountKey;
use mpanel_events::{Begin, Record};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::paging::{Page, PageRequest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::domain::PRESETS;
use crate::error::Error;
use crate::obtain::{account_place, external_place};
use crate::store::issuers::{self, StoredIssuer};
use crate::{CertificateStore, IssuerId, authz};

/// What Let's Encrypt allows (https://letsencrypt.org/docs/rate-limits), and others at least.
const ORDERS_PER_3H: i32 = 300;
const CERTIFICATES_PER_DOMAIN_7D: i32 = 50;
const MOST_PREFERENCE: i32 = 1000;

/// An authority as somebody wants it.
pub struct NewIssuer {
    pub name: String,
    pub directory_url: Option<String>,
    pub contact: Vec<String>,
    pub agree_terms: bool,
    pub external: Option<NewExternal>,
    pub root_pem: Option<String>,
    pub preference: Option<i32>,
}

pub struct NewExternal {
    pub kid: String,
    /// base64url, as authorities hand it out.
    pub hmac_key: String,
}

/// 1 to 500 visible characters of ASCII.
fn is_line(text: &str) -> bool {
    (1..=500).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

struct Checked {
    directory_url: String,
    external: Option<(String, Vec<u8>)>,
}

impl NewIssuer {
    fn check(&self) -> Result<Checked, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut say = |pointer: &'static str, code: &'static str, text: &str| {
            wrong.push(FieldError::new(pointer, code, text));
        };
        let preset = PRESETS.iter().find(|preset| preset.name == self.name);
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(is_name) {
            say("/name", "certificates.issuer.name", "write 1 to 40 of a-z, 0-9 and -");
        }
        let directory_url = self
            .directory_url
            .clone()
            .or_else(|| preset.map(|preset| preset.directory_url.to_owned()));
        let directory_url = directory_url.unwrap_or_default();
        if directory_url.is_empty() {
            let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            let text = format!(
                "say where its directory is, or take one that is known by name: {}",
                known.join(", ")
            );
            say("/directory_url", "certificates.issuer.directory", &text);
        } else if !directory_url.starts_with("https://") || !is_line(&directory_url) {
            say(
                "/directory_url",
                "certificates.issuer.directory",
                "it begins with https://, and has at most 500 visible characters",
            );
        }
        if self.contact.len() > 5 {
            say("/contact", "certificates.issuer.contact", "at most five addresses");
        }
        for address in &self.contact {
            let parts = address
                .split_once('@')
                .is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
            if !parts
                || address.len() > 254
                || !address.bytes().all(|byte| byte.is_ascii_graphic())
                || address.contains([',', ':', '?'])
            {
                say(
                    "/contact",
                    "certificates.issuer.contact",
                    "write addresses such as ops@example.com",
                );
            }
        }
        if !self.agree_terms {
            let text = "the authority asks for agreement to its terms: read them, and say that you agree";
            say("/agree_terms", "certificates.issuer.terms", text);
        }
        if let Some(preset) = preset
            && preset.external
            && self.external.is_none()
        {
            let text = format!(
                "{} wants an account that you have there: its key id and MAC key",
                preset.name
            );
            say("/external_account", "certificates.issuer.external", &text);
        }
        let external = self.external.as_ref().map(|external| {
            let key = URL_SAFE_NO_PAD
                .decode(external.hmac_key.trim_end_matches('='))
                .unwrap_or_default();
            if !is_line(&external.kid) {
                say(
                    "/external_account/kid",
                    "certificates.issuer.external",
                    "1 to 500 visible characters",
                );
            }
            if key.is_empty() {
                say(
                    "/external_account/hmac_key",
                    "certificates.issuer.external",
                    "it is base64url",
                );
            }
            (external.kid.clone(), key)
        });
        if let Some(pem) = &self.root_pem
            && (pem.len() > 64 * 1024 || CertificateDer::from_pem_slice(pem.as_bytes()).is_err())
        {
            say("/root_pem", "certificates.issuer.root", "it is no certificate in PEM");
        }
        if self
            .preference
            .is_some_and(|preference| !(0..=MOST_PREFERENCE).contains(&preference))
        {
            say(
                "/preference",
                "certificates.issuer.preference",
                "0 to 1000; the lowest is asked first",
            );
        }
        match wrong.is_empty() {
            true => Ok(Checked {
                directory_url,
                external,
            }),
            false => Err(wrong),
        }
    }
}

impl CertificateStore {
    /// Sets an authority up. An account is made with it afterwards, by the reconciler.
    pub async fn create_issuer(&self, cx: &OpCx, new: &NewIssuer) -> Result<StoredIssuer, Error> {
        let allowed = cx.authorize::<authz::Issuer, _>(actions::Create)?;
        let checked = new.check().map_err(Error::Invalid)?;
        let mut change = match self.spine.begin_once(cx, "certificate_issuers_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.stored_issuer(cx, id).await,
        };
        let (id, now) = (IssuerId::generate(), cx.clock().now());
        let sealer = self.spine.vault().tenant(change.tx()).await?;
        let key = AccountKey::generate()?;
        let (external_kid, external_key) = checked.external.unzip();
        let issuer = StoredIssuer {
            tenant: cx.tenant(),
            id,
            name: new.name.clone(),
            directory_url: checked.directory_url,
            contact: new.contact.clone(),
            root_pem: new.root_pem.clone(),
            external_kid,
            sealed_external_key: external_key.map(|key| sealer.seal(&external_place(id), &key)),
            sealed_account_key: sealer.seal(&account_place(id), key.as_bytes()),
            account_url: None,
            agreed_at: now,
            agreed_by: cx.actor().reference(),
            preference: new.preference.unwrap_or(100),
            orders_per_3h: ORDERS_PER_3H,
            certificates_per_domain_7d: CERTIFICATES_PER_DOMAIN_7D,
            failures: 0,
            problem: String::new(),
            paused_until: None,
            created_at: now,
        };
        issuers::insert(change.tx(), &allowed, &issuer).await?;
        let record = Record::new(events::ISSUER_CREATED, id, json!({"name": issuer.name})).after(facts(&issuer));
        change.record(record).await?;
        change.commit_with(&id).await?;
        Ok(issuer)
    }

    pub async fn get_issuer(&self, cx: &OpCx, id: IssuerId) -> Result<StoredIssuer, Error> {
        // Whoever is not of the platform is told so, whatever the id.
        cx.authorize::<authz::Issuer, _>(actions::Read)?;
        self.stored_issuer(cx, id).await
    }

    async fn stored_issuer(&self, cx: &OpCx, id: IssuerId) -> Result<StoredIssuer, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let issuer = issuers::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(issuer)
    }

    pub async fn list_issuers(&self, cx: &OpCx, page: PageRequest) -> Result<Page<StoredIssuer>, Error> {
        cx.authorize::<authz::Issuer, _>(actions::List)?;
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let rows = issuers::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |issuer| issuer.id.uuid()))
    }

    /// Asks an authority no longer; certificates of it stay until they are renewed by another one.
    pub async fn delete_issuer(&self, cx: &OpCx, id: IssuerId) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Issuer, _>(actions::Delete)?;
        let mut change = self.spine.begin(cx).await?;
        let issuer = issuers::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        issuers::delete(change.tx(), &allowed, id).await?;
        let record = Record::new(events::ISSUER_DELETED, id, json!({"name": issuer.name})).before(facts(&issuer));
        change.record(record).await?;
        Ok(change.commit().await?)
    }
}

fn facts(issuer: &StoredIssuer) -> Value {
    json!({
        "name": issuer.name,
        "directory_url": issuer.directory_url,
        "external_kid": issuer.external_kid,
        "preference": issuer.preference,
    })
}
