use async_trait::async_trait;
use mpanel_pg::{Error, TenantTx};

/// Things of one kind that a tenant has and that cannot become another tenant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    /// Machine-readable: `sites.site.own`.
    pub code: &'static str,
    /// What they are, after a number: `websites`.
    pub what: &'static str,
    pub count: i64,
    /// Names of some of them, for people.
    pub some: Vec<String>,
    /// What to do about them: `delete them, and make them anew in the other tenant`.
    pub remedy: &'static str,
}

/// A context with things that belong to a tenant by more than a row: files of a uid, keys sealed for it, tokens.
#[async_trait]
pub trait Belongings: Send + Sync + 'static {
    /// What the transaction's tenant has of this context that keeps it from becoming one with another tenant; also what
    /// is on its way out. Nothing of those below it.
    ///
    /// # Errors
    /// When the database is away.
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, Error>;
}
