//! The three kinds of transaction. Each takes on its role, and a tenant's transaction its tenant,
//! in the same round trip that begins it, and only until it ends: nothing is ever left on a pooled
//! connection.

use std::fmt::Write as _;

use mpanel_kernel::ids::TenantId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use crate::Error;
use crate::begin::begin;
use crate::one::Held;

const SPINE: &str = "a transaction of the spine";

/// Why a transaction looks across tenants. It is counted (`platform_transactions`), and no more than that: what is done
/// because somebody asked for it has its audit entry in the change that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A reconciler compares desired and actual state of all tenants.
    Reconcile(&'static str),
    /// A consumer of the feed keeps a projection.
    Project(&'static str),
    /// A data plane is told what it serves.
    Publish(&'static str),
    /// An administrator's request reaches beyond one tenant; its own change, in the tenant's transaction, records it.
    Administer(&'static str),
    /// Start-up and shut-down of the installation itself.
    Lifecycle(&'static str),
}

impl Reason {
    /// Which of them it is, without the name.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Reconcile(_) => "reconcile",
            Self::Project(_) => "project",
            Self::Publish(_) => "publish",
            Self::Administer(_) => "administer",
            Self::Lifecycle(_) => "lifecycle",
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconcile(name)
            | Self::Project(name)
            | Self::Publish(name)
            | Self::Administer(name)
            | Self::Lifecycle(name) => name,
        }
    }
}

/// What all three have in common.
pub trait Tx: Send {
    /// For the queries of a store module.
    fn conn(&mut self) -> &mut PgConnection;
}

/// Sees and changes one tenant's rows.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    _held: Held,
    tenant: TenantId,
}

impl TenantTx {
    pub(crate) async fn begin(pool: &PgPool, tenant: TenantId) -> Result<Self, Error> {
        let mut statement = String::from("begin; set local role mpanel_app; set local mpanel.tenant = '");
        // A uuid's digits and hyphens cannot end the quotation.
        write!(statement, "{}'", tenant.uuid()).expect("writing to a String does not fail");
        let (tx, _held) = begin(pool, "a tenant's transaction", AssertSqlSafe(statement)).await?;
        Ok(Self { tx, _held, tenant })
    }

    /// The tenant it acts for.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Acts for another tenant from here on, for a change that several tenants' logs tell of, or by which one tenant gets what
    /// another has. Whoever calls it has made sure that the change reaches there; queries never do.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn switch(&mut self, tenant: TenantId) -> Result<(), Error> {
        sqlx::query("select set_config('mpanel.tenant', $1, true)")
            .bind(tenant.uuid().to_string())
            .execute(self.conn())
            .await?;
        self.tenant = tenant;
        Ok(())
    }

    /// # Errors
    /// When the database refuses, and nothing is changed; [`Error::Unknown`] when it goes away before it has answered.
    pub async fn commit(self) -> Result<(), Error> {
        self.tx.commit().await.map_err(Error::of_commit)
    }

    /// Ends a transaction that has only read. Nobody waits for that: it travels with the connection's return.
    pub fn end_read(self) {}
}

impl Tx for TenantTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// Sees and changes all tenants' rows; its reason is counted.
#[derive(Debug)]
pub struct PlatformTx {
    tx: Transaction<'static, Postgres>,
    _held: Held,
}

impl PlatformTx {
    pub(crate) async fn begin(pool: &PgPool, reason: Reason) -> Result<Self, Error> {
        crate::metrics::platform_transaction(reason);
        let (tx, _held) = begin(pool, reason.name(), "begin; set local role mpanel_platform").await?;
        Ok(Self { tx, _held })
    }

    /// # Errors
    /// When the database refuses, and nothing is changed; [`Error::Unknown`] when it goes away before it has answered.
    pub async fn commit(self) -> Result<(), Error> {
        self.tx.commit().await.map_err(Error::of_commit)
    }

    /// Ends a transaction that has only read. Nobody waits for that: it travels with the connection's return.
    pub fn end_read(self) {}
}

impl Tx for PlatformTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// Works on the queue, the outbox and identity look-ups. Only for `lib/events`, `lib/jobs` and
/// `contexts/identity`.
#[derive(Debug)]
pub struct SpineTx {
    tx: Transaction<'static, Postgres>,
    _held: Held,
}

impl SpineTx {
    pub(crate) async fn begin(pool: &PgPool) -> Result<Self, Error> {
        let (tx, _held) = begin(pool, SPINE, "begin; set local role mpanel_spine").await?;
        Ok(Self { tx, _held })
    }

    pub(crate) async fn begin_in_order(pool: &PgPool) -> Result<Self, Error> {
        let statement =
            "begin; set local role mpanel_spine; set local enable_sort = off; set local enable_bitmapscan = off";
        let (tx, _held) = begin(pool, SPINE, statement).await?;
        Ok(Self { tx, _held })
    }

    /// # Errors
    /// When the database refuses, and nothing is changed; [`Error::Unknown`] when it goes away before it has answered.
    pub async fn commit(self) -> Result<(), Error> {
        self.tx.commit().await.map_err(Error::of_commit)
    }

    /// Ends a transaction that has only read. Nobody waits for that: it travels with the connection's return.
    pub fn end_read(self) {}
}

impl Tx for SpineTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
