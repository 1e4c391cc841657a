use async_trait::async_trait;
use mpanel_kernel::ids::{SiteId, TenantId, ZoneId};
use mpanel_pg::{Error, PlatformTx};

/// What people look for among all that is below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A website, by its name.
    Site,
    /// A host name at which a website answers.
    Domain,
    /// A DNS zone, by its apex.
    Zone,
}

impl ItemKind {
    pub const ALL: [ItemKind; 3] = [Self::Site, Self::Domain, Self::Zone];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Domain => "domain",
            Self::Zone => "zone",
        }
    }
}

/// The object that something is, or belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Site(SiteId),
    Zone(ZoneId),
}

impl Subject {
    /// Reads an id as events carry it; `None` when it is that of something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let site = text.parse().ok().map(Self::Site);
        site.or_else(|| text.parse().ok().map(Self::Zone))
    }
}

/// Something that can be found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub kind: ItemKind,
    pub name: String,
    /// One word: `active`, `deleting`.
    pub status: &'static str,
}

/// Everything that can be found of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub subject: Subject,
    pub owner: TenantId,
    /// None when it is gone.
    pub items: Vec<Item>,
}

/// A context whose objects can be found across the tree.
#[async_trait]
pub trait Resources: Send + Sync + 'static {
    /// Whether an event of this type may change what can be found of its subject.
    fn changes(&self, event: &str) -> bool;

    /// A subject of the context as it is now; `None` when it is none of this context's.
    ///
    /// # Errors
    /// When the database is away.
    async fn describe(
        &self,
        tx: &mut PlatformTx,
        owner: TenantId,
        subject: Subject,
    ) -> Result<Option<Described>, Error>;

    /// Some hundreds of the context's subjects, by owner and id, from behind `after`; none at the end.
    ///
    /// # Errors
    /// When the database is away.
    async fn page(&self, tx: &mut PlatformTx, after: Option<(TenantId, Subject)>) -> Result<Vec<Described>, Error>;
}
