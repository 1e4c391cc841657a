//! Pure types and decisions.

mod conditions;
mod hosts;
mod names;
mod pause;
mod release;
mod site;
mod traffic;
mod upload;

pub use conditions::{Condition, Observation, Truth, assess, keep_times, misses_files};
pub(crate) use hosts::hex;
pub use hosts::{Content, Host, digest, hosts};
pub use names::{archive_format, redirect_target, title};
pub use pause::{Pause, Paused};
pub use release::{Release, ReleaseState};
pub use site::{Address, Domain, DomainKind, Site, SiteSettings, SiteState, SiteSummary};
pub use traffic::{Day, KEPT_DAYS, Report, Traffic, series, today};
pub use upload::{Upload, UploadState};
