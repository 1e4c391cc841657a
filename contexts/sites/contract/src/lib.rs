//! Events that sites emit.
#![forbid(unsafe_code)]

pub mod events {
    pub const SITE_CREATED: &str = "sites.site.created.v1";
    pub const SITE_CHANGED: &str = "sites.site.changed.v1";
    pub const SITE_DELETED: &str = "sites.site.deleted.v1";
    pub const DOMAIN_ADDED: &str = "sites.domain.added.v1";
    pub const DOMAIN_REMOVED: &str = "sites.domain.removed.v1";
    pub const RELEASE_CREATED: &str = "sites.release.created.v1";
    pub const RELEASE_ACTIVATED: &str = "sites.release.activated.v1";
    pub const RELEASE_DELETED: &str = "sites.release.deleted.v1";
    pub const UPLOAD_STARTED: &str = "sites.upload.started.v1";
    pub const UPLOAD_DELETED: &str = "sites.upload.deleted.v1";
}
