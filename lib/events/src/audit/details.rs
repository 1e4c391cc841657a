use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mpanel_authz::{Actor, OpCx};
use mpanel_crypto::{Error as CryptoError, Place, Sealer};
use mpanel_kernel::ids::{AuditId, UserId};
use mpanel_pg::TenantTx;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuditEntry, Written};
use crate::{Error, Record, Vault};

/// The most characters of what a program says of itself that are kept.
const USER_AGENT_CHARS: usize = 200;

/// From where something was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub address: Option<IpAddr>,
    /// As the browser or program names itself: one line, not long.
    pub user_agent: Option<String>,
    /// The session (`ses_…`) or API token (`tok_…`) that was shown.
    pub credential: Option<String>,
}

impl Origin {
    fn of(cx: &OpCx) -> Self {
        let device = cx.device();
        Self {
            address: cx.address(),
            user_agent: device.map(|device| one_line(&device.user_agent)),
            credential: device
                .and_then(|device| device.credential.clone())
                .or_else(|| cx.actor().token().map(|token| token.to_string())),
        }
    }

    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What a stranger wrote must not look like another line where it is shown (ASVS 16.4.1).
fn one_line(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(USER_AGENT_CHARS)
        .collect()
}

/// What was sealed under a person's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened<T> {
    Known(T),
    /// The person is erased: the key is gone, and nobody ever knows again.
    Erased,
}

/// What a line of the log tells of people beside their ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditDetails {
    /// From where the actor did it.
    pub origin: Option<Opened<Origin>>,
    /// Whom it was about, and what was sealed of them, such as the address that was invited.
    pub facts: Option<(UserId, Opened<Value>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Origin,
    Facts,
}

impl What {
    fn place(self, id: AuditId) -> Place {
        let column = match self {
            Self::Origin => "origin",
            Self::Facts => "facts",
        };
        Place::new("spine.audit", column, id)
    }
}

/// A sealed part of an entry.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    what: What,
    of: UserId,
    /// Base64 of the sealed JSON.
    value: String,
}

/// Seals what is known of the actor's whereabouts, and the record's personal facts.
pub(super) async fn seal(
    tx: &mut TenantTx,
    vault: &Vault,
    cx: &OpCx,
    record: &Record,
    id: AuditId,
) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let origin = Origin::of(cx);
    if let Some(actor) = whose(cx.actor())
        && !origin.is_unknown()
    {
        let sealer = vault.person(tx, actor).await?;
        parts.push(Part::seal(&sealer, What::Origin, (actor, id), &origin)?);
    }
    if let Some((person, facts)) = &record.personal {
        let sealer = vault.person(tx, *person).await?;
        parts.push(Part::seal(&sealer, What::Facts, (*person, id), facts)?);
    }
    Ok(parts)
}

/// Under whose keys the origin goes. A service account is no person, but its tokens are used from somewhere too.
fn whose(actor: &Actor) -> Option<UserId> {
    match actor {
        Actor::Service { account, .. } => Some(UserId::from_uuid(account.uuid())),
        Actor::User(_) | Actor::Token { .. } | Actor::System(_) | Actor::Step(_) => actor.user(),
    }
}

impl Part {
    fn seal(sealer: &Sealer, what: What, (of, id): (UserId, AuditId), plain: &impl Serialize) -> Result<Self, Error> {
        let value = STANDARD.encode(sealer.seal(&what.place(id), &serde_json::to_vec(plain)?));
        Ok(Self { what, of, value })
    }

    async fn open<T: DeserializeOwned>(
        &self,
        tx: &mut TenantTx,
        vault: &Vault,
        id: AuditId,
    ) -> Result<Opened<T>, Error> {
        let Some(sealer) = vault.known_person(tx, self.of).await? else {
            return Ok(Opened::Erased);
        };
        let malformed = CryptoError::Malformed("sealed part of an audit entry");
        let sealed = STANDARD.decode(&self.value).map_err(|_| malformed)?;
        match sealer.open(&self.what.place(id), &sealed) {
            Ok(plain) => Ok(Opened::Known(serde_json::from_slice(&plain)?)),
            // The key of then is gone; the one there is now was made later.
            Err(CryptoError::UnknownKey(_)) => Ok(Opened::Erased),
            Err(error) => Err(error.into()),
        }
    }
}

impl AuditEntry {
    /// Opens what the line tells of people beside their ids; `tx` acts for the tenant in whose log it stands.
    ///
    /// # Errors
    /// When the database is away, or the row was altered.
    pub async fn details(&self, tx: &mut TenantTx, vault: &Vault) -> Result<AuditDetails, Error> {
        let Written { sealed, .. } = serde_json::from_slice(&self.bytes)?;
        let mut details = AuditDetails::default();
        for part in &sealed {
            match part.what {
                What::Origin => details.origin = Some(part.open(tx, vault, self.id).await?),
                What::Facts => details.facts = Some((part.of, part.open(tx, vault, self.id).await?)),
            }
        }
        Ok(details)
    }
}
