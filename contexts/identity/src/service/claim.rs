use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_crypto::{MIN_OWNER_PASSWORD_CHARS, Token, TokenKind};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::ids::UserId;
use mpanel_kernel::names::{EmailAddress, Title};
use serde_json::json;

use super::{SignedIn, after};
use crate::Identity;
use crate::domain::Presence;
use crate::error::Error;
use crate::store::{realms, users};

const CLAIM_LIFE: SignedDuration = SignedDuration::from_mins(30);

/// What a stranger may know about the installation.
pub struct Setup {
    pub claimed: bool,
    pub rootless: bool,
    /// Whether mail reaches people.
    pub mail: bool,
    pub version: &'static str,
}

pub struct Claim<'a> {
    pub token: &'a str,
    pub email: EmailAddress,
    pub name: String,
    pub password: &'a str,
}

impl Identity {
    pub async fn setup(&self) -> Result<Setup, Error> {
        Ok(Setup {
            claimed: self.is_claimed().await?,
            rootless: self.0.settings.rootless,
            mail: self.0.mail.delivers(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// Whether somebody owns the installation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_claimed(&self) -> Result<bool, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let claimed = realms::is_claimed(&mut tx, self.0.realm).await?;
        tx.end_read();
        Ok(claimed)
    }

    /// While nobody owns the installation: makes a new claim token, which alone works and for 30
    /// minutes, and writes it to `path` (mode 0600; the token and a line feed). Afterwards, and once
    /// somebody claims, the file is removed. Returns whether there is a token.
    ///
    /// # Errors
    /// When the database is away or the file cannot be written.
    pub async fn renew_claim(&self, path: &Path) -> Result<bool, Error> {
        *self.0.claim_file.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_owned());
        let token = Token::generate(TokenKind::Claim);
        let expires_at = after(self.0.clock.now(), CLAIM_LIFE);
        let mut tx = self.0.spine.db().spine().await?;
        let offered = realms::offer_claim(&mut tx, self.0.realm, &token.hash(), expires_at).await?;
        tx.commit().await?;
        if offered {
            write_private(path, token.reveal()).map_err(Error::ClaimFile)?;
        } else {
            remove(path).map_err(Error::ClaimFile)?;
        }
        Ok(offered)
    }

    /// Makes whoever holds the claim token the owner of the platform, and signs them in.
    pub async fn claim(&self, who: &Presence, claim: Claim<'_>) -> Result<SignedIn, Error> {
        self.admit_stranger(who)?;
        let now = self.0.clock.now();
        let token = Token::parse(TokenKind::Claim, claim.token)
            .map_err(|_| Error::ClaimGone)?
            .hash();
        // Asked before anything else: only who holds the token may make us hash, or learn our rules.
        let mut tx = self.0.spine.db().spine().await?;
        let claimable = realms::is_claimable(&mut tx, &token, now).await?;
        tx.end_read();
        if !claimable {
            return Err(Error::ClaimGone);
        }
        let name = Title::parse(&claim.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let typed = ("/password", claim.password);
        self.fit_password(typed, MIN_OWNER_PASSWORD_CHARS, &claim.email, name.as_str())
            .await?;
        let password_hash = self.0.passwords.hash(claim.password).await?;

        let (user, platform) = (UserId::generate(), self.0.memberships.platform());
        let mut change = self.0.spine.begin(&self.arriving_cx(user, platform, who)).await?;
        if !realms::take_claim(change.tx(), &token, now).await? {
            return Err(Error::ClaimGone);
        }
        let row = (&claim.email, name.as_str(), password_hash.as_str());
        users::create(change.tx(), self.0.realm, user, row, now).await?;
        self.0
            .memberships
            .join(change.tx(), user, Role::Owner.into(), now)
            .await?;
        let facts = json!({"user": user, "role": Role::Owner});
        change
            .record(Record::new(events::USER_CLAIMED, user, facts.clone()).after(facts))
            .await?;
        let session = self.start_session(&mut change, user, who).await?;
        change.commit().await?;
        self.forget_claim_file();
        tracing::info!(%user, "installation claimed");
        self.signed_in(session, user, who).await
    }

    fn forget_claim_file(&self) {
        let path: Option<PathBuf> = self.0.claim_file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(path) = path
            && let Err(error) = remove(&path)
        {
            // The token in it is used: an untidiness, no danger.
            tracing::warn!(path = %path.display(), %error, "claim file not removed");
        }
    }
}

/// Replaces the file in one step: nobody reads half a token, and nobody else can read it at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    remove(&temporary)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
