use mpanel_authz::{OpCx, actions};
use mpanel_dns_contract::events;
use mpanel_events::{Begin, Record as Happened};
use mpanel_kernel::ids::{RecordId, ZoneId};
use mpanel_kernel::paging::{Page, PageRequest};
use serde_json::{Value, json};

use crate::domain::{NewRecord, Record};
use crate::error::Error;
use crate::{Dns, authz, store};

/// What is to be changed; an absent field stays.
pub struct RecordPatch {
    pub name: Option<String>,
    pub rtype: Option<String>,
    pub ttl: Option<i64>,
    pub data: Option<String>,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

impl Dns {
    pub async fn create_record(&self, cx: &OpCx, zone: ZoneId, new: &NewRecord) -> Result<Record, Error> {
        let mut change = match self.spine.begin_once(cx, "records_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => {
                cx.authorize::<authz::Record, _>(actions::Create)?;
                return self.stored_record(cx, zone, id).await;
            }
        };
        let apex = store::zones::lock(change.tx(), zone).await?;
        let allowed = cx.authorize::<authz::Record, _>(actions::Create)?;
        let checked = new.check(&apex).map_err(Error::Invalid)?;
        let id = RecordId::generate();
        store::records::insert(change.tx(), &allowed, zone, id, &checked).await?;
        self.publish(change.tx(), zone, cx.clock().now()).await?;
        let record = store::records::get(change.tx(), zone, id)
            .await?
            .ok_or(Error::NotFound)?;
        let happened = Happened::new(events::RECORD_CREATED, id, json!({"zone": zone})).after(facts(&record));
        change.record(happened).await?;
        change.commit_with(&id).await?;
        Ok(record)
    }

    pub async fn get_record(&self, cx: &OpCx, zone: ZoneId, id: RecordId) -> Result<Record, Error> {
        let record = self.stored_record(cx, zone, id).await?;
        cx.authorize::<authz::Record, _>(actions::Read)?;
        Ok(record)
    }

    async fn stored_record(&self, cx: &OpCx, zone: ZoneId, id: RecordId) -> Result<Record, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let record = store::records::get(&mut tx, zone, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(record)
    }

    pub async fn list_records(&self, cx: &OpCx, zone: ZoneId, page: PageRequest) -> Result<Page<Record>, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        store::zones::get(&mut tx, zone).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Record, _>(actions::List)?;
        let rows = store::records::list(&mut tx, zone, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |record| record.id.uuid()))
    }

    pub async fn update_record(
        &self,
        cx: &OpCx,
        zone: ZoneId,
        id: RecordId,
        patch: RecordPatch,
    ) -> Result<Record, Error> {
        let mut change = self.spine.begin(cx).await?;
        let apex = store::zones::lock(change.tx(), zone).await?;
        let before = store::records::get(change.tx(), zone, id)
            .await?
            .ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Record, _>(actions::Modify)?;
        changeable(&before)?;
        if patch.seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::Stale);
        }
        let wanted = NewRecord {
            // A stored name is absolute; the dot says so to the check.
            name: patch.name.unwrap_or_else(|| format!("{}.", before.name)),
            rtype: patch.rtype.unwrap_or_else(|| before.rtype.clone()),
            ttl: patch.ttl.unwrap_or(before.ttl.into()),
            data: patch.data.unwrap_or_else(|| before.data.clone()),
        };
        let checked = wanted.check(&apex).map_err(Error::Invalid)?;
        store::records::update(change.tx(), &allowed, zone, id, &checked).await?;
        self.publish(change.tx(), zone, cx.clock().now()).await?;
        let after = store::records::get(change.tx(), zone, id)
            .await?
            .ok_or(Error::NotFound)?;
        let happened = Happened::new(events::RECORD_CHANGED, id, json!({"zone": zone}));
        change
            .record(happened.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit().await?;
        Ok(after)
    }

    pub async fn delete_record(&self, cx: &OpCx, zone: ZoneId, id: RecordId) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        store::zones::lock(change.tx(), zone).await?;
        let before = store::records::get(change.tx(), zone, id)
            .await?
            .ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Record, _>(actions::Delete)?;
        changeable(&before)?;
        store::records::delete(change.tx(), &allowed, zone, id).await?;
        self.publish(change.tx(), zone, cx.clock().now()).await?;
        let happened = Happened::new(events::RECORD_DELETED, id, json!({"zone": zone})).before(facts(&before));
        change.record(happened).await?;
        change.commit().await?;
        Ok(())
    }
}

/// What the platform keeps is not the tenant's to change.
fn changeable(record: &Record) -> Result<(), Error> {
    if record.is_delegation() {
        return Err(Error::Delegation);
    }
    if record.is_challenge() {
        return Err(Error::Challenge);
    }
    if record.is_kept_address() {
        return Err(Error::Managed);
    }
    Ok(())
}

fn facts(record: &Record) -> Value {
    json!({"name": record.name, "type": record.rtype, "ttl": record.ttl, "data": record.data})
}
