//! Pure types and decisions.

mod conditions;
mod delivery;
mod hosts;
mod names;
mod pause;
mod purge;
mod release;
mod site;
mod traffic;
mod upload;

pub use conditions::{Condition, Observation, Truth, assess, keep_times, misses_files};
pub use delivery::{Delivery, Servers};
pub(crate) use hosts::hex;
pub use hosts::{Content, Published, digest, published};
pub use names::{archive_format, redirect_target};
pub use pause::{Pause, Paused};
pub use purge::PurgeWanted;
pub use release::{Release, ReleaseState};
pub use site::{Address, Domain, DomainKind, Site, SiteSettings, SiteState, SiteSummary, SiteUrl};
pub use traffic::{Day, KEPT_DAYS, Report, Traffic, series, today};
pub use upload::{Upload, UploadState};
