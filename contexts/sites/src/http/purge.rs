use axum::http::StatusCode;
use axum::response::IntoResponse;
use mpanel_events::Served;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::PurgeWanted;
use crate::service::Purged;

/// What is to be forgotten of a site's kept answers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::Purge)]
pub struct PurgeDto {
    /// All of them.
    #[serde(default)]
    everything: bool,
    /// Whole addresses with their query, at most 100.
    #[serde(default)]
    #[schema(example = json!(["https://www.example.com/news?page=1"]))]
    urls: Vec<String>,
    /// Beginnings of addresses, at most 100.
    #[serde(default)]
    prefixes: Vec<String>,
    /// Host names of the site, at most 100.
    #[serde(default)]
    hosts: Vec<String>,
    /// What the servers wrote in `Cache-Tag` or `Surrogate-Key`, at most 100.
    #[serde(default)]
    tags: Vec<String>,
    /// Whether they may still be served as stale ones are, until they are fetched anew.
    #[serde(default)]
    soft: bool,
}

mpanel_http::words!(
    /// How far a purge has come.
    PurgeState as "sites.PurgeState" = ["everywhere", "nobody_connected", "lagging", "refused", "not_published"]
);

/// How far a purge has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Purged)]
pub struct PurgedDto {
    /// Its number in the log of the site.
    seq: i64,
    /// `everywhere`: no edge serves what was meant any more.
    #[schema(value_type = PurgeState)]
    state: &'static str,
    /// Edges that have not said so in time.
    waiting_for: Vec<String>,
    /// Milliseconds until it was known.
    took_ms: u64,
}

impl From<Purged> for PurgedDto {
    fn from(purged: Purged) -> Self {
        let (state, waiting_for) = match purged.served {
            Served::Everywhere => ("everywhere", Vec::new()),
            Served::NobodyConnected => ("nobody_connected", Vec::new()),
            Served::Lagging(who) => ("lagging", who),
            Served::Refused(_) => ("refused", Vec::new()),
            Served::NotPublished => ("not_published", Vec::new()),
        };
        Self {
            seq: purged.seq,
            state,
            waiting_for,
            took_ms: purged.took_ms,
        }
    }
}

/// Has the edges forget kept answers of a site.
///
/// 200 when every edge has: no visitor gets what was meant any more. 202 when some have not said so within ten seconds; they do as
/// soon as they hear of it, and whoever asks again with the same `Idempotency-Key` is told how far it has come.
#[utoipa::path(post, path = "/sites/{site_id}/cache/purge", operation_id = "sites_purge", tag = "sites",
    params(("site_id" = String, Path)), request_body = PurgeDto,
    responses((status = 200, body = PurgedDto), (status = 202, body = PurgedDto), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn purge(
    sites: State,
    Cx(cx): Cx,
    Ids(site): Ids<SiteId>,
    Json(body): Json<PurgeDto>,
) -> Result<impl IntoResponse + use<>> {
    let wanted = PurgeWanted {
        everything: body.everything,
        urls: body.urls,
        prefixes: body.prefixes,
        hosts: body.hosts,
        tags: body.tags,
    };
    let purged = PurgedDto::from(sites.purge(&cx, site, &wanted, body.soft).await?);
    let status = match purged.state {
        "everywhere" => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(purged)))
}
