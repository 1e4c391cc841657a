use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Record, Served, State};
use mpanel_feed::frame::Role;
use mpanel_feed::topics::EDGE_PURGE;
use mpanel_kernel::ids::SiteId;
use mpanel_sites_contract::events;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::domain::PurgeWanted;
use crate::error::Error;
use crate::{Sites, authz, store};

/// How far a purge has come.
pub struct Purged {
    /// Its number in the log of the site.
    pub seq: i64,
    pub served: Served,
    /// Milliseconds from its commit until it was known.
    pub took_ms: u64,
}

impl Sites {
    /// Has every edge forget kept answers of a site, and waits until all have, or for a while. Asked again with the same
    /// idempotency key, it tells how far the same purge has come.
    pub async fn purge(&self, cx: &OpCx, id: SiteId, wanted: &PurgeWanted, soft: bool) -> Result<Purged, Error> {
        let mut change = match self.spine.begin_once(cx, "sites_purge").await? {
            Begin::Run(change) => change,
            Begin::Replay(seq) => {
                cx.authorize::<authz::Site, _>(actions::Operate)?;
                return self.applied(id, seq).await;
            }
        };
        let site = store::sites::lock(change.tx(), id).await?;
        let allowed = cx.authorize::<authz::Site, _>(actions::Operate)?;
        let site = site.active()?;
        let what = wanted.of(&site)?;
        let what: Vec<Value> = what.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let now = self.clock.now();
        let seq = store::purges::add(change.tx(), &allowed, id, soft, &what, now).await?;
        let log = store::purges::log(change.tx(), id).await?;
        let state = State::upsert(EDGE_PURGE, id.to_string(), seq, &log)?;
        let tenant = cx.tenant();
        mpanel_events::publish(change.tx(), Some(tenant), &state, now).await?;
        let facts = json!({"soft": soft, "what": what});
        let record = Record::new(events::CACHE_PURGED, id, json!({"slug": site.slug, "seq": seq})).after(facts);
        change.record(record).await?;
        change.commit_with(&seq).await?;
        self.applied(id, seq).await
    }

    async fn applied(&self, id: SiteId, seq: i64) -> Result<Purged, Error> {
        let begin = Instant::now();
        let key = id.to_string();
        let (board, db) = (&self.ports.board, self.spine.db());
        let object = (EDGE_PURGE, key.as_str(), seq);
        let served = board.wait(db, &self.ports.tail, Role::Edge, object, self.settings.served_within);
        Ok(Purged {
            seq,
            served: served.await?,
            took_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}
