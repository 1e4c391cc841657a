//! The master key's file and the keys in the database, which belong together: opening, rotating and giving up.

use std::path::{Path, PathBuf};

use mpanel_crypto::{KeyId, MasterKey, Scope, WrappedKey};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Db, PlatformTx, Reason, Tx};
use uuid::Uuid;

use crate::Error;

/// Why the master key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}")]
    File(#[from] mpanel_crypto::Error),
    #[error("the keys in the database cannot be read: {0}")]
    Database(#[from] Error),
    #[error(
        "the master key is lost: {}, and the database holds values sealed under key {}. If you have a copy of that key, put it back: \
         `mpanel keys import FILE`. If there is none, `mpanel restore --keys-lost` says what is lost with it and, once you agree, \
         makes new keys (both with `--data` of this installation, while it is stopped)",
        instead(.path, .found.as_ref()), list(.wanted)
    )]
    Lost {
        path: PathBuf,
        wanted: Vec<KeyId>,
        /// The key that is there instead.
        found: Option<KeyId>,
    },
}

fn instead(path: &Path, key: Option<&KeyId>) -> String {
    match key {
        Some(key) => format!("{} holds key {key}", path.display()),
        None => format!("there is no {}", path.display()),
    }
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" and ")
}

/// Where a rotation keeps the new key until the database has it.
#[must_use]
pub fn next_path(path: &Path) -> PathBuf {
    path.with_extension("key.next")
}

/// The master key for this database; the flag says whether it was made now, which happens only while nothing is sealed. A
/// rotation that was cut short is completed or forgotten, whichever the database says.
///
/// # Errors
/// [`KeyError::Lost`] when the database's keys are another master key's.
pub async fn open_master(db: &Db, path: &Path) -> Result<(MasterKey, bool), KeyError> {
    let wanted = masters(db).await?;
    let exists = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let fits = |key: &MasterKey| wanted.iter().all(|id| *id == key.id());
    if wanted.is_empty() {
        return Ok(MasterKey::load_or_create(path)?);
    }
    let current = if exists(path) {
        Some(MasterKey::load(path)?)
    } else {
        None
    };
    let next = next_path(path);
    if let Some(key) = current.as_ref().filter(|key| fits(key)) {
        tracing::debug!(key = %key.id(), "the master key is the database's");
        return Ok((MasterKey::load(path)?, false));
    }
    if exists(&next) {
        let key = MasterKey::load(&next)?;
        if fits(&key) {
            std::fs::rename(&next, path).map_err(|error| mpanel_crypto::Error::KeyFile {
                path: next.clone(),
                reason: error.to_string(),
            })?;
            tracing::warn!(key = %key.id(), "completed a rotation of the master key that was cut short");
            return Ok((key, false));
        }
    }
    Err(KeyError::Lost {
        path: path.to_owned(),
        wanted,
        found: current.map(|key| key.id()),
    })
}

/// The master keys under which the database's keys are wrapped: one, or none when nothing was ever sealed.
///
/// # Errors
/// When the database is away.
pub async fn masters(db: &Db) -> Result<Vec<KeyId>, Error> {
    let mut tx = db.platform(Reason::Lifecycle("events.keys")).await?;
    let rows = sqlx::query_scalar!("select distinct on (substring(wrapped from 2 for 8)) wrapped from spine.data_keys")
        .fetch_all(tx.conn())
        .await?;
    tx.commit().await?;
    let ids = rows.into_iter().filter_map(|row| WrappedKey::from(row).master());
    Ok(ids.collect())
}

/// Wraps every key by `new` instead of `old`; what they sealed stays as it is. Returns how many there were.
///
/// # Errors
/// When a key is not `old`'s, or the database is away.
pub async fn rewrap_keys(tx: &mut PlatformTx, old: &MasterKey, new: &MasterKey) -> Result<u64, Error> {
    let rows = sqlx::query!("select tenant_id, id, wrapped from spine.data_keys for update")
        .fetch_all(tx.conn())
        .await?;
    let mut keys = Rewrapped::default();
    for row in rows {
        let scope = match row.tenant_id.is_nil() {
            true => Scope::Platform,
            false => Scope::tenant(TenantId::from_uuid(row.tenant_id)),
        };
        keys.add(
            row.tenant_id,
            row.id,
            new.rewrap(old, &scope, &WrappedKey::from(row.wrapped))?,
        );
    }
    sqlx::query!(
        "update spine.data_keys k set wrapped = n.wrapped
         from unnest($1::uuid[], $2::bigint[], $3::bytea[]) n (tenant_id, id, wrapped)
         where k.tenant_id = n.tenant_id and k.id = n.id",
        &keys.tenants,
        &keys.ids,
        &keys.wrapped,
    )
    .execute(tx.conn())
    .await?;
    let rows = sqlx::query!("select tenant_id, person, id, wrapped from spine.person_keys for update")
        .fetch_all(tx.conn())
        .await?;
    let mut people = Rewrapped::default();
    for row in rows {
        let key = WrappedKey::from(row.wrapped);
        // Of a master key that was lost before: it opens nothing under this one either.
        if !old.wrapped(&key) {
            continue;
        }
        let scope = Scope::person(TenantId::from_uuid(row.tenant_id), UserId::from_uuid(row.person));
        people.add(row.tenant_id, row.id, new.rewrap(old, &scope, &key)?);
    }
    sqlx::query!(
        "update spine.person_keys k set wrapped = n.wrapped
         from unnest($1::uuid[], $2::bigint[], $3::bytea[]) n (tenant_id, id, wrapped)
         where k.tenant_id = n.tenant_id and k.id = n.id",
        &people.tenants,
        &people.ids,
        &people.wrapped,
    )
    .execute(tx.conn())
    .await?;
    Ok((keys.ids.len() + people.ids.len()) as u64)
}

#[derive(Default)]
struct Rewrapped {
    tenants: Vec<Uuid>,
    ids: Vec<i64>,
    wrapped: Vec<Vec<u8>>,
}

impl Rewrapped {
    fn add(&mut self, tenant: Uuid, id: i64, key: WrappedKey) {
        self.tenants.push(tenant);
        self.ids.push(id);
        self.wrapped.push(key.as_bytes().to_vec());
    }
}

/// Removes the keys, and what this crate sealed under them: the master key is gone, and nobody opens any of it again.
///
/// # Errors
/// When the database is away.
pub async fn forget_keys(tx: &mut PlatformTx) -> Result<(), Error> {
    sqlx::query!("delete from spine.data_keys").execute(tx.conn()).await?;
    sqlx::query!("delete from spine.person_keys").execute(tx.conn()).await?;
    sqlx::query!("delete from spine.idempotency").execute(tx.conn()).await?;
    Ok(())
}
