//! One use case a function: authorise, load, decide, save, record, publish, commit.

mod append;
mod create_site;
mod delivery;
mod domains;
mod publish;
mod purge;
mod releases;
mod sites;
mod traffic;
mod uploads;

pub use create_site::CreateSite;
pub use delivery::SetDelivery;
pub use domains::AddDomain;
pub(crate) use domains::name_error;
pub use purge::Purged;
pub use releases::{Deploying, NewRelease};
pub(crate) use sites::facts as site_facts;
pub use sites::{SettingsPatch, SitePatch};
pub use traffic::SiteTraffic;
pub use uploads::NewUpload;
