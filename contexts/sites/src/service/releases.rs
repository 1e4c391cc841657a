use bytes::Bytes;
use futures_util::Stream;
use mpanel_authz::{Allowed, OpCx, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::{OperationId, ReleaseId, SiteId, UploadId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_sites_contract::events;
use mpanel_telemetry::spawn_named;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::NewUpload;
use super::append::hash;
use crate::domain::{Release, ReleaseState, UploadState};
use crate::error::Error;
use crate::ops::{ACTIVATE, DELETE_RELEASE, DEPLOY, DeployInput, Published, ReleaseInput};
use crate::{Sites, authz, store};

/// The operation whose answers are kept.
const RELEASES_CREATE: &str = "releases_create";
/// The most characters of a note.
const NOTE: usize = 500;

pub struct NewRelease {
    pub upload: UploadId,
    /// Whether it becomes the active one when it is ready.
    pub activate: bool,
    pub note: Option<String>,
    /// Whether the upload was made for this release and is of no other use.
    pub own_upload: bool,
}

/// An operation that works on a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploying {
    pub operation: OperationId,
    pub release: ReleaseId,
}

impl Sites {
    /// Begins to make a release of a finished upload.
    pub async fn create_release(&self, cx: &OpCx, site: SiteId, new: NewRelease) -> Result<Deploying, Error> {
        let mut change = match self.spine.begin_once(cx, RELEASES_CREATE).await? {
            Begin::Run(change) => change,
            // What was answered once is not for somebody who may no longer ask for it.
            Begin::Replay(deploying) => return may_create(cx, new.activate).map(|_| deploying),
        };
        let row = store::sites::lock(change.tx(), site).await?;
        let allowed = may_create(cx, new.activate)?;
        row.active()?;
        let note = new.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if note.is_some_and(|note| note.chars().count() > NOTE) {
            return Err(Error::field(
                "/note",
                "sites.release.note_too_long",
                format!("a note has at most {NOTE} characters"),
            ));
        }
        if note.is_some_and(|note| note.chars().any(|c| c.is_control() && c != '\n')) {
            return Err(Error::field(
                "/note",
                "sites.release.note_bad_character",
                "a note is plain text, without control characters",
            ));
        }
        let unknown = || Error::field("/upload_id", "sites.upload.unknown", "the site has no such upload");
        let upload = match store::uploads::lock(change.tx(), site, new.upload).await {
            Err(Error::NotFound) => return Err(unknown()),
            other => other?,
        };
        match upload.state {
            UploadState::Finished => {}
            UploadState::Used => return Err(Error::UploadUsed),
            UploadState::Deleting => return Err(unknown()),
            UploadState::Open => {
                return Err(Error::UploadUnfinished {
                    received: upload.received,
                    size: upload.size,
                });
            }
        }
        store::uploads::set_state(change.tx(), (site, upload.id), UploadState::Used, self.expiry()).await?;
        let id = ReleaseId::generate();
        let created_by = cx.actor().reference();
        let row = store::releases::NewRelease {
            id,
            number: store::sites::next_release(change.tx(), site).await?,
            upload: &upload,
            note,
            created_by: &created_by,
        };
        store::releases::insert(change.tx(), &allowed, site, &row, cx.clock().now()).await?;
        let input = DeployInput {
            site,
            release: id,
            upload: upload.id,
            activate: new.activate,
            own_upload: new.own_upload,
        };
        let operation = mpanel_jobs::start(change.tx(), cx, &DEPLOY, site, &input).await?;
        let facts = json!({
            "site": site, "number": row.number, "sha256": upload.sha256, "size": upload.size,
            "operation": operation, "activate": new.activate,
        });
        change
            .record(Record::new(events::RELEASE_CREATED, id, facts.clone()).after(facts))
            .await?;
        let deploying = Deploying { operation, release: id };
        change.commit_with(&deploying).await?;
        Ok(deploying)
    }

    /// The same of an archive that comes as the body of one request. An archive that does not arrive
    /// whole leaves nothing.
    pub async fn create_release_of<S, E>(
        &self,
        cx: &OpCx,
        site: SiteId,
        upload: NewUpload,
        (activate, note): (bool, Option<String>),
        body: S,
    ) -> Result<Deploying, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
        E: Send + 'static,
    {
        let length = u64::try_from(upload.size).ok();
        // The key is the release's, not that of its upload.
        let key = cx.idempotency().cloned();
        if self.spine.is_answered(cx).await? {
            return self.answer_again(cx, upload.size, activate, body).await;
        }
        let (sites, cx) = (self.clone(), cx.with_idempotency(None));
        let whole = async move {
            let upload = sites.create_upload(&cx, site, upload).await?;
            let sent = sites.append(&cx, (site, upload.id), 0, length, body).await;
            let result = match sent {
                Ok(now) if now.state == UploadState::Finished => {
                    let new = NewRelease {
                        upload: upload.id,
                        activate,
                        note,
                        own_upload: true,
                    };
                    let sha256 = now.sha256.unwrap_or_default();
                    let cx = cx.with_idempotency(key.map(|key| key.with_content(&sha256)));
                    sites.create_release(&cx, site, new).await
                }
                Ok(_) => Err(Error::UploadInterrupted),
                Err(error) => Err(error),
            };
            // Whether a release is made of it is for the database to say: an answer may have been lost, and a request that
            // came again was answered with the release that it made before.
            if let Err(error) = sites.abandon_upload(&cx, site, upload.id).await {
                tracing::warn!(upload = %upload.id, %error, "upload without a release is left to the reconciler");
            }
            result
        };
        // To its end even if the caller hangs up, so that nothing is left lying.
        match spawn_named("sites.deploy", whole).await {
            Ok(result) => result,
            Err(error) => Err(Error::Io(std::io::Error::other(error))),
        }
    }

    /// Answers a request that comes again with what was answered before. Its archive needs no room: it is only compared.
    async fn answer_again<S, E>(&self, cx: &OpCx, size: i64, activate: bool, mut body: S) -> Result<Deploying, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        may_create(cx, activate)?;
        let sha256 = hash(size, &mut body).await?;
        let key = cx.idempotency().cloned().map(|key| key.with_content(&sha256));
        match self
            .spine
            .begin_once(&cx.with_idempotency(key), RELEASES_CREATE)
            .await?
        {
            Begin::Replay(deploying) => Ok(deploying),
            // The answer's time was over meanwhile; whoever sends it once more begins anew.
            Begin::Run(_) => Err(Error::UploadInterrupted),
        }
    }

    pub async fn get_release(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<Release, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let release = store::releases::get(&mut tx, site, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Release, _>(actions::Read)?;
        tx.end_read();
        Ok(release)
    }

    /// A page, newest first.
    pub async fn list_releases(&self, cx: &OpCx, site: SiteId, page: PageRequest) -> Result<Page<Release>, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        store::sites::get(&mut tx, site).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Release, _>(actions::List)?;
        let rows = store::releases::list(&mut tx, site, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |release| release.id.uuid()))
    }

    /// Begins to make a release the active one, back or forward.
    pub async fn activate_release(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<OperationId, Error> {
        let mut change = match self.spine.begin_once(cx, "releases_activate").await? {
            Begin::Run(change) => change,
            Begin::Replay(operation) => {
                cx.authorize::<authz::Release, _>(actions::Operate)?;
                return Ok(operation);
            }
        };
        let row = store::sites::lock(change.tx(), site).await?;
        let release = store::releases::get(change.tx(), site, id)
            .await?
            .ok_or(Error::NotFound)?;
        cx.authorize::<authz::Release, _>(actions::Operate)?;
        row.active()?;
        if !matches!(release.state, ReleaseState::Ready | ReleaseState::Active) {
            return Err(Error::ReleaseNotReady);
        }
        let input = ReleaseInput { site, release: id };
        let operation = mpanel_jobs::start(change.tx(), cx, &ACTIVATE, site, &input).await?;
        let facts = json!({"site": site, "number": release.number, "operation": operation});
        change
            .record(Record::new(events::RELEASE_ACTIVATING, id, facts))
            .await?;
        change.commit_with(&operation).await?;
        Ok(operation)
    }

    /// Begins to remove a release that is not served.
    pub async fn delete_release(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<OperationId, Error> {
        let mut change = self.spine.begin(cx).await?;
        let row = store::sites::lock(change.tx(), site).await?;
        let release = store::releases::get(change.tx(), site, id)
            .await?
            .ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Release, _>(actions::Delete)?;
        row.active()?;
        match release.state {
            ReleaseState::Ready | ReleaseState::Failed => {}
            ReleaseState::Active => return Err(Error::ReleaseActive),
            ReleaseState::Unpacking | ReleaseState::Deleting => return Err(Error::ReleaseNotReady),
        }
        store::releases::bury(change.tx(), &allowed, site, id).await?;
        let input = ReleaseInput { site, release: id };
        let operation = mpanel_jobs::start(change.tx(), cx, &DELETE_RELEASE, site, &input).await?;
        let data = json!({"site": site, "operation": operation});
        let record = Record::new(events::RELEASE_DELETING, id, data).before(facts(&release));
        change.record(record).await?;
        change.commit().await?;
        Ok(operation)
    }

    /// Makes a release the active one, if it is not; returns what to wait for.
    pub(crate) async fn switch_to(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<Published, Error> {
        let refused = self.refused(cx.tenant(), site).await?;
        let mut change = self.spine.begin(cx).await?;
        let site = store::sites::lock_active(change.tx(), site).await?;
        if site.active_release == Some(id) {
            // Run again after a crash: which hosts were refused before, nobody knows any more.
            return Published::release(&site, site.generation, Vec::new());
        }
        let release = store::releases::get(change.tx(), site.id, id)
            .await?
            .ok_or(Error::NotFound)?;
        let unpacked = release.state == ReleaseState::Unpacking && release.bytes.is_some();
        if release.state != ReleaseState::Ready && !unpacked {
            return Err(Error::ReleaseNotReady);
        }
        let now = self.clock.now();
        if let Some(old) = site.active_release {
            store::releases::set_state(change.tx(), site.id, old, ReleaseState::Ready).await?;
        }
        store::releases::activate(change.tx(), site.id, id, site.active_release, now).await?;
        store::sites::set_active(change.tx(), site.id, Some(id)).await?;
        let generation = self.publish(change.tx(), site.id, &[]).await?;
        let data = json!({"site": site.id, "number": release.number, "replaced": site.active_release});
        let record = Record::new(events::RELEASE_ACTIVATED, id, data)
            .before(json!({"active_release": site.active_release}))
            .after(json!({"active_release": id}));
        change.record(record).await?;
        change.commit().await?;
        Published::release(&site, generation, refused)
    }

    /// Makes the release that `id` replaced the active one again, if `id` is active.
    pub(crate) async fn switch_back(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        let site = store::sites::lock(change.tx(), site).await?;
        if site.active_release != Some(id) {
            return Ok(());
        }
        let release = store::releases::get(change.tx(), site.id, id)
            .await?
            .ok_or(Error::NotFound)?;
        let mut before = None;
        if let Some(old) = release.replaced {
            let old = store::releases::get(change.tx(), site.id, old).await?;
            before = old.filter(|old| old.state == ReleaseState::Ready).map(|old| old.id);
        }
        store::releases::set_state(change.tx(), site.id, id, ReleaseState::Ready).await?;
        if let Some(old) = before {
            store::releases::set_state(change.tx(), site.id, old, ReleaseState::Active).await?;
        }
        store::sites::set_active(change.tx(), site.id, before).await?;
        self.publish(change.tx(), site.id, &[]).await?;
        let data = json!({"site": site.id, "active_release": before});
        let record = Record::new(events::RELEASE_WITHDRAWN, id, data)
            .before(json!({"active_release": id}))
            .after(json!({"active_release": before}));
        change.record(record).await?;
        Ok(change.commit().await?)
    }
}

fn may_create(cx: &OpCx, activate: bool) -> Result<Allowed<authz::Release, actions::Create>, Error> {
    let allowed = cx.authorize::<authz::Release, _>(actions::Create)?;
    if activate {
        cx.authorize::<authz::Release, _>(actions::Operate)?;
    }
    Ok(allowed)
}

fn facts(release: &Release) -> Value {
    json!({"number": release.number, "state": release.state.as_str(), "bytes": release.bytes})
}
