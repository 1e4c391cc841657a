use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use mpanel_client_agent::SiteUid;
use mpanel_kernel::ids::{NodeId, ReleaseId, SiteId};
use mpanel_kernel::names::DomainName;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteState {
    Active,
    /// A tombstone: an operation removes what is left.
    Deleting,
}

impl SiteState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleting => "deleting",
        }
    }

    /// # Errors
    /// [`Error::Stored`] for a state of a later version: what it means is not guessed.
    pub fn stored(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Self::Active),
            "deleting" => Ok(Self::Deleting),
            _ => Err(Error::Stored(text.to_owned())),
        }
    }
}

/// What a domain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainKind {
    /// Serves the site, and is its address.
    Primary,
    /// Serves the site as well.
    Alias,
    /// Sends visitors elsewhere.
    Redirect,
}

impl DomainKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Alias => "alias",
            Self::Redirect => "redirect",
        }
    }
}

/// A host name at which a site answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Domain {
    pub name: DomainName,
    pub kind: DomainKind,
    /// Of a redirect: `https://host`; the site's own address when absent.
    pub target: Option<String>,
    /// Of a redirect: 301, 302, 307 or 308.
    pub status: Option<u16>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSettings {
    /// What is not found is answered with `/index.html`.
    pub spa_fallback: bool,
    /// Page for what is not found; a release's `404.html` when absent.
    pub not_found_page: Option<String>,
    pub https_redirect: bool,
    /// 1 to 100, the active one included.
    pub keep_releases: i32,
}

/// A site as its row says. Texts that go over the wire as they are stored stay texts: lists are long.
#[derive(Debug, Clone)]
pub struct Site {
    pub id: SiteId,
    pub name: String,
    pub slug: String,
    pub preview_host: String,
    pub primary_host: Option<String>,
    pub state: SiteState,
    pub uid: i32,
    pub node: NodeId,
    pub settings: SiteSettings,
    pub active_release: Option<ReleaseId>,
    pub generation: i64,
    pub observed_generation: i64,
    pub ready: bool,
    pub summary: String,
    /// JSON list of [`super::Condition`]s.
    pub conditions: String,
    pub disk_bytes: i64,
    /// JSON list of [`Domain`]s.
    pub domain_list: String,
    pub version: i64,
    pub created_at: Timestamp,
}

/// What a list shows of a site. Texts that go over the wire as they are stored stay texts: lists are long.
#[derive(Debug, Clone)]
pub struct SiteSummary {
    pub id: SiteId,
    pub name: String,
    pub slug: String,
    pub preview_host: String,
    pub primary_host: Option<String>,
    pub state: SiteState,
    pub active_release: Option<ReleaseId>,
    pub ready: bool,
    /// JSON list of the types of conditions that are false: it waits for somebody, not for time.
    pub blocked_by: String,
    pub summary: String,
    pub disk_bytes: i64,
    /// JSON list of [`Domain`]s.
    pub domain_list: String,
    pub created_at: Timestamp,
}

impl Site {
    /// The site, for changes that one which is being deleted no longer takes.
    ///
    /// # Errors
    /// [`Error::Deleting`].
    pub fn active(self) -> Result<Self, Error> {
        match self.state {
            SiteState::Active => Ok(self),
            SiteState::Deleting => Err(Error::Deleting),
        }
    }

    /// The site's domains, the primary first.
    ///
    /// # Errors
    /// When what is stored is not understood, which is a bug.
    pub fn domains(&self) -> Result<Vec<Domain>, Error> {
        Ok(serde_json::from_str(&self.domain_list)?)
    }

    /// Every host name of the site, the preview's first.
    ///
    /// # Errors
    /// When what is stored is not understood, which is a bug.
    pub fn host_names(&self) -> Result<Vec<DomainName>, Error> {
        let mut names = vec![self.preview()?];
        names.extend(self.domains()?.into_iter().map(|domain| domain.name));
        Ok(names)
    }

    /// # Errors
    /// When what is stored is no host name, which is a bug.
    pub fn preview(&self) -> Result<DomainName, Error> {
        DomainName::parse(&self.preview_host).map_err(|_| Error::Stored(self.preview_host.clone()))
    }

    /// # Errors
    /// When what is stored is no site's uid, which is a bug.
    pub fn uid(&self) -> Result<SiteUid, Error> {
        u32::try_from(self.uid)
            .ok()
            .and_then(|uid| SiteUid::new(uid).ok())
            .ok_or_else(|| Error::Stored(self.uid.to_string()))
    }
}

/// How addresses are written: with the port unless browsers know it.
#[derive(Debug, Clone, Copy)]
pub struct Address(pub u16);

impl Address {
    #[must_use]
    pub fn of(self, host: &str) -> String {
        self.url(host).to_string()
    }

    /// As [`Address::of`], written when it is asked for: lists are long.
    #[must_use]
    pub fn url<Host>(self, host: Host) -> SiteUrl<Host> {
        SiteUrl { address: self, host }
    }
}

/// Where a site is reached.
#[derive(Debug)]
pub struct SiteUrl<Host> {
    address: Address,
    host: Host,
}

impl<Host: Display> Display for SiteUrl<Host> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.address.0 {
            443 => write!(f, "https://{}", self.host),
            port => write!(f, "https://{}:{port}", self.host),
        }
    }
}

impl<Host: Display> Serialize for SiteUrl<Host> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
