use mpanel_authz::TenantKind;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_tenancy_contract::{ItemKind, Subject};

use super::TenantState;

/// The longest text that is looked for, in characters: a host name has no more.
const LONGEST: usize = 253;

/// Something that a tenant or one below it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Of the row, for paging.
    pub row: Uuid,
    pub kind: ItemKind,
    /// The site or zone that it is, or the site that it belongs to.
    pub subject: Subject,
    pub name: String,
    pub status: String,
    pub owner: TenantId,
    pub owner_name: String,
    pub owner_kind: TenantKind,
    pub owner_state: TenantState,
}

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What names begin with; everything when absent.
    pub stem: Option<String>,
    /// The labels of the name below which others are meant as well, last one first, each with a dot behind it.
    pub turned: Option<String>,
    pub kind: Option<ItemKind>,
}

impl Query {
    /// Looks for what people type: the beginning of a site's name or of a host name, or a domain with all below it.
    #[must_use]
    pub fn of(text: Option<&str>, kind: Option<ItemKind>) -> Self {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        let text: Option<String> = text.map(|text| text.trim_end_matches('.').chars().take(LONGEST).collect());
        Self {
            stem: text.as_deref().map(stem),
            turned: text.as_deref().map(turned),
            kind,
        }
    }
}

/// A name as it is searched for: nobody cares for capitals, or whether `www.` stands before it.
#[must_use]
pub fn stem(name: &str) -> String {
    let name = name.to_lowercase();
    name.strip_prefix("www.").unwrap_or(&name).to_owned()
}

fn turned(name: &str) -> String {
    let name = name.to_lowercase();
    name.rsplit('.').flat_map(|label| [label, "."]).collect()
}
