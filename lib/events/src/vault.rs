use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mpanel_crypto::{MasterKey, Scope, Sealer, WrappedKey};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use uuid::Uuid;

use crate::Error;

/// Hands out the sealer of a tenant or of the platform, making its data key at first use.
pub struct Vault {
    master: MasterKey,
    sealers: Mutex<HashMap<Uuid, Arc<Sealer>>>,
}

/// Sealers kept ready; past it the cache starts anew, which costs a query a tenant.
const CACHED: usize = 4096;

impl Vault {
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self {
            master,
            sealers: Mutex::default(),
        }
    }

    /// The sealer of the transaction's tenant.
    ///
    /// # Errors
    /// When the database is away, or the stored keys do not belong to this master key.
    pub async fn tenant(&self, tx: &mut TenantTx) -> Result<Arc<Sealer>, Error> {
        let tenant = tx.tenant();
        self.sealer(tx, tenant.uuid(), Scope::tenant(tenant)).await
    }

    /// The sealer of any tenant, for reconcilers.
    ///
    /// # Errors
    /// As [`Vault::tenant`].
    pub async fn tenant_as_platform(&self, tx: &mut PlatformTx, tenant: TenantId) -> Result<Arc<Sealer>, Error> {
        self.sealer(tx, tenant.uuid(), Scope::tenant(tenant)).await
    }

    /// The sealer of tables that belong to no tenant.
    ///
    /// # Errors
    /// As [`Vault::tenant`].
    pub async fn platform(&self, tx: &mut PlatformTx) -> Result<Arc<Sealer>, Error> {
        self.sealer(tx, Uuid::nil(), Scope::Platform).await
    }

    /// The sealer of what the transaction's tenant keeps about a person, such as an address in its audit log.
    ///
    /// Its keys are the person's own: destroyed ([`erase_person`](crate::erase_person)), they take what they sealed with
    /// them, out of every table and every copy of it. What is sealed afterwards has a new key.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn person(&self, tx: &mut TenantTx, person: UserId) -> Result<Sealer, Error> {
        if let Some(sealer) = self.known_person(tx, person).await? {
            return Ok(sealer);
        }
        // Two who come at once make two keys, of which both open: neither waits for the other, so no order of people
        // and other rows can make transactions wait in a circle.
        let (tenant, scope) = (tx.tenant(), Scope::person(tx.tenant(), person));
        let key = self.master.new_wrapped_key(&scope);
        sqlx::query!(
            "insert into spine.person_keys (tenant_id, person, wrapped) values ($1, $2, $3)",
            tenant.uuid(),
            person.uuid(),
            key.as_bytes()
        )
        .execute(tx.conn())
        .await?;
        Ok(self.master.sealer(scope, &[key])?)
    }

    /// The same for reading: `None` when nothing was sealed, or the person is erased.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_person(&self, tx: &mut TenantTx, person: UserId) -> Result<Option<Sealer>, Error> {
        let tenant = tx.tenant();
        let rows = sqlx::query_scalar!(
            "select wrapped from spine.person_keys where tenant_id = $1 and person = $2 order by id desc",
            tenant.uuid(),
            person.uuid(),
        )
        .fetch_all(tx.conn())
        .await?;
        let keys = rows.into_iter().map(WrappedKey::from);
        // Under a master key that was lost they open nothing, and must not keep anybody from going on.
        let keys: Vec<WrappedKey> = keys.filter(|key| self.master.wrapped(key)).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.master.sealer(Scope::person(tenant, person), &keys)?))
    }

    async fn sealer(&self, tx: &mut impl Tx, owner: Uuid, scope: Scope) -> Result<Arc<Sealer>, Error> {
        if let Some(sealer) = self.sealers.lock().unwrap_or_else(PoisonError::into_inner).get(&owner) {
            return Ok(sealer.clone());
        }
        let mut wrapped = load(tx, owner).await?;
        let existed = !wrapped.is_empty();
        if !existed {
            // One maker at a time: what a second key sealed would not open with the first one kept here.
            sqlx::query!(
                "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 11))",
                owner
            )
            .execute(tx.conn())
            .await?;
            wrapped = load(tx, owner).await?;
        }
        if wrapped.is_empty() {
            let key = self.master.new_wrapped_key(&scope);
            sqlx::query!(
                "insert into spine.data_keys (tenant_id, wrapped) values ($1, $2)",
                owner,
                key.as_bytes()
            )
            .execute(tx.conn())
            .await?;
            wrapped.push(key);
        }
        let sealer = Arc::new(self.master.sealer(scope, &wrapped)?);
        // A key made here is gone if the transaction rolls back, so only keys found are remembered.
        if existed {
            let mut sealers = self.sealers.lock().unwrap_or_else(PoisonError::into_inner);
            if sealers.len() >= CACHED {
                sealers.clear();
            }
            sealers.insert(owner, sealer.clone());
        }
        Ok(sealer)
    }
}

async fn load(tx: &mut impl Tx, owner: Uuid) -> Result<Vec<WrappedKey>, Error> {
    let rows = sqlx::query_scalar!(
        "select wrapped from spine.data_keys where tenant_id = $1 order by id desc",
        owner
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(WrappedKey::from).collect())
}
