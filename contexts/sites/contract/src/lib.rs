//! Events that sites emit.
#![forbid(unsafe_code)]

pub mod events {
    /// With the domain that it begins with, if there is one: that has no event of its own.
    pub const SITE_CREATED: &str = "sites.site.created.v1";
    pub const SITE_CHANGED: &str = "sites.site.changed.v1";
    /// Edges forget what they keep of a site's answers, or a part of it.
    pub const CACHE_PURGED: &str = "sites.cache.purged.v1";
    /// The rules before it, the servers behind it, or what is kept of their answers.
    pub const DELIVERY_CHANGED: &str = "sites.delivery.changed.v1";
    /// What is known of how a site does; it has no entry in the audit log.
    pub const SITE_STATUS_CHANGED: &str = "sites.site.status_changed.v1";
    /// A calm page is shown in place of the site, because its traffic is used up.
    pub const SITE_PAUSED: &str = "sites.site.paused.v1";
    /// A calm page is shown in place of the site, because the provider has suspended its tenant or one above it.
    pub const SITE_SUSPENDED: &str = "sites.site.suspended.v1";
    /// The site is shown again.
    pub const SITE_RESUMED: &str = "sites.site.resumed.v1";
    /// A site is withdrawn and its files are being removed. Its domains go with it, without events of their own; its line in
    /// the log has them.
    pub const SITE_DELETING: &str = "sites.site.deleting.v1";
    /// Its removal was cancelled in time: the site is as it was.
    pub const SITE_KEPT: &str = "sites.site.kept.v1";
    pub const SITE_DELETED: &str = "sites.site.deleted.v1";
    /// A site that was there before has a domain more.
    pub const DOMAIN_ADDED: &str = "sites.domain.added.v1";
    /// A site that stays has a domain less.
    pub const DOMAIN_REMOVED: &str = "sites.domain.removed.v1";
    pub const RELEASE_CREATED: &str = "sites.release.created.v1";
    /// Its files are complete; it can be activated.
    pub const RELEASE_UNPACKED: &str = "sites.release.unpacked.v1";
    /// An operation is to activate it.
    pub const RELEASE_ACTIVATING: &str = "sites.release.activating.v1";
    pub const RELEASE_ACTIVATED: &str = "sites.release.activated.v1";
    /// The release before it is active again.
    pub const RELEASE_WITHDRAWN: &str = "sites.release.withdrawn.v1";
    pub const RELEASE_FAILED: &str = "sites.release.failed.v1";
    pub const RELEASE_DELETING: &str = "sites.release.deleting.v1";
    /// Its removal was cancelled in time: the release is as it was.
    pub const RELEASE_KEPT: &str = "sites.release.kept.v1";
    pub const RELEASE_DELETED: &str = "sites.release.deleted.v1";
    pub const UPLOAD_STARTED: &str = "sites.upload.started.v1";
    pub const UPLOAD_FINISHED: &str = "sites.upload.finished.v1";
    pub const UPLOAD_DELETED: &str = "sites.upload.deleted.v1";
}
