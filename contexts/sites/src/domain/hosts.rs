use aws_lc_rs::digest::{SHA256, digest as sha256};
use mpanel_feed::topics::{EdgeHost, EdgeRoute, EdgeTarget, EdgeUpstream};
use mpanel_kernel::ids::{ReleaseId, TenantId};
use mpanel_tenancy_contract::ProviderPage;

use super::{Address, Delivery, DomainKind, Paused, Site};
use crate::error::Error;

/// A host name and what the edge does with requests for it.
pub type Host = (String, EdgeHost);

/// What edges are told of a site.
#[derive(Debug, Clone)]
pub struct Published {
    pub hosts: Vec<Host>,
    /// The servers that requests are passed on to.
    pub upstream: Option<EdgeUpstream>,
}

/// What the hosts of a site show.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing yet.
    None,
    /// A release, and whether it has a `404.html` of its own.
    Release((ReleaseId, bool)),
    /// A calm page; of one that is suspended perhaps what its seller has written.
    Paused(Paused, Option<ProviderPage>),
}

/// A site as its rows say.
///
/// # Errors
/// When what is stored is not understood, which is a bug.
pub fn published(
    tenant: TenantId,
    site: &Site,
    content: Content,
    delivery: &Delivery,
    address: Address,
) -> Result<Published, Error> {
    let page = |title: &str, text: String, status, retry_at| EdgeTarget::Placeholder {
        site: site.id.to_string(),
        tenant: tenant.to_string(),
        title: title.to_owned(),
        text,
        status,
        retry_at,
        contact: None,
    };
    let suspended = matches!(content, Content::Paused(Paused::Suspended, _));
    // Nothing of the site's own stands before the provider's page.
    let delivery = (!matches!(content, Content::Paused(..))).then_some(delivery);
    let servers = delivery.and_then(|delivery| delivery.servers.as_ref());
    let passed_on = servers.map(|servers| EdgeTarget::Proxy {
        site: site.id.to_string(),
        tenant: tenant.to_string(),
        upstream: site.id.to_string(),
        own_name: servers.own_name,
        https_redirect: site.settings.https_redirect,
    });
    let content = match content {
        Content::Release((release, has_404)) => EdgeTarget::Site {
            site: site.id.to_string(),
            tenant: tenant.to_string(),
            root: format!("{}/releases/{release}", site.id),
            spa_fallback: site.settings.spa_fallback,
            not_found: site
                .settings
                .not_found_page
                .clone()
                .or_else(|| has_404.then(|| "404.html".to_owned())),
            https_redirect: site.settings.https_redirect,
        },
        Content::None => page(&site.name, "this site has no release yet".to_owned(), 200, None),
        // Not 200, or search engines would take this page for the site.
        Content::Paused(Paused::Suspended, Some(written)) => EdgeTarget::Placeholder {
            site: site.id.to_string(),
            tenant: tenant.to_string(),
            title: written.title,
            text: written.text,
            status: 503,
            retry_at: None,
            contact: written.contact,
        },
        Content::Paused(Paused::Suspended, None) => page(
            "This site is not available",
            "It is not shown at the moment. Please come back later.".to_owned(),
            503,
            None,
        ),
        Content::Paused(Paused::UsedUp(until), _) => page(
            "This site is taking a break",
            format!(
                "It has had more visitors this month than its plan allows. It is back on {} at the latest.",
                until.strftime("%-d %B %Y")
            ),
            503,
            Some(until.to_string()),
        ),
    };
    let own = address.of(site.primary_host.as_deref().unwrap_or(&site.preview_host));
    let shown = match (servers, passed_on) {
        (Some(servers), Some(target)) if servers.is_whole() => EdgeHost::from(target),
        (Some(servers), Some(target)) => EdgeHost {
            routes: vec![EdgeRoute {
                path: servers.path.clone(),
                target,
            }],
            ..EdgeHost::from(content.clone())
        },
        _ => EdgeHost::from(content.clone()),
    };
    let shown = EdgeHost {
        policy: delivery.map(Delivery::policy_of_site).transpose()?.flatten(),
        cache: delivery
            .map(|delivery| delivery.cache_of(tenant))
            .transpose()?
            .flatten(),
        ..shown
    };
    let mut hosts = vec![(site.preview_host.clone(), shown.clone())];
    for domain in site.domains()? {
        let host = match domain.kind {
            DomainKind::Primary | DomainKind::Alias => shown.clone(),
            // Whoever is suspended serves nobody elsewhere either.
            DomainKind::Redirect if suspended => EdgeHost::from(content.clone()),
            DomainKind::Redirect => EdgeHost {
                policy: delivery.map(Delivery::policy_of_redirect).transpose()?.flatten(),
                ..EdgeHost::from(EdgeTarget::Redirect {
                    site: site.id.to_string(),
                    tenant: tenant.to_string(),
                    to: domain.target.unwrap_or_else(|| own.clone()),
                    status: domain.status.unwrap_or(301),
                    keep_path: true,
                })
            },
        };
        hosts.push((domain.name.to_string(), host));
    }
    let upstream = servers.map(|servers| serde_json::to_value(&servers.pool)).transpose()?;
    Ok(Published { hosts, upstream })
}

/// Names what is published, to tell whether it still is what should be.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn digest(published: &Published) -> Result<String, Error> {
    let mut bytes = serde_json::to_vec(&published.hosts)?;
    if let Some(upstream) = &published.upstream {
        serde_json::to_writer(&mut bytes, upstream)?;
    }
    Ok(hex(sha256(&SHA256, &bytes).as_ref()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
