//! What each context has of tenants, for whoever ends, exports, merges or looks through them. Which lists a context is in is
//! tried by a test: one that is forgotten loses nothing today, and somebody's things later.

use std::sync::Arc;

use mpanel_tenancy_contract::{Belongings, Eraser, Exporter, Resources};

use super::Contexts;
use crate::belongings::Operations;
use crate::http::audit::Log;

/// The schema of a context, and what of it the list is about.
pub type Part<T> = (&'static str, fn(&Contexts) -> Arc<T>);

const SITES: &str = mpanel_sites::CONTEXT.migrations.schema;
const DNS: &str = mpanel_dns::CONTEXT.migrations.schema;
const CERTIFICATES: &str = mpanel_certificates::CONTEXT.migrations.schema;
const IDENTITY: &str = mpanel_identity::CONTEXT.migrations.schema;

/// What goes when a tenant ends, in this order: what is served first, and the names and certificates that it needs after it;
/// people last.
pub const ERASERS: &[Part<dyn Eraser>] = &[
    (SITES, |all| Arc::new(all.sites.clone())),
    (DNS, |all| Arc::new(all.dns.clone())),
    (CERTIFICATES, |all| Arc::new(all.certificates.clone())),
    (IDENTITY, |all| Arc::new(all.identity.clone())),
];

/// What is in a tenant's archive beside what tenancy has.
pub const EXPORTERS: &[Part<dyn Exporter>] = &[
    (SITES, |all| Arc::new(all.sites.clone())),
    (DNS, |all| Arc::new(all.dns.clone())),
    (CERTIFICATES, |all| Arc::new(all.certificates.clone())),
    (mpanel_events::MIGRATIONS.schema, |all| Arc::new(Log(all.spine.clone()))),
];

/// What stands in the way when two tenants become one.
pub const BELONGINGS: &[Part<dyn Belongings>] = &[
    (SITES, |all| Arc::new(all.sites.clone())),
    (DNS, |all| Arc::new(all.dns.clone())),
    (CERTIFICATES, |all| Arc::new(all.certificates.clone())),
    (IDENTITY, |all| Arc::new(all.identity.clone())),
    (mpanel_jobs::MIGRATIONS.schema, |_| Arc::new(Operations)),
];

/// What those above find by its name.
pub const RESOURCES: &[Part<dyn Resources>] = &[
    (SITES, |all| Arc::new(all.sites.clone())),
    (DNS, |all| Arc::new(all.dns.clone())),
];
