//! Removes uploads that nobody needs any more.

use jiff::{SignedDuration, Timestamp};
use mpanel_jobs::PassReport;
use mpanel_pg::Reason;

use super::{BATCH, Converge, later};
use crate::domain::UploadState;
use crate::error::Error;
use crate::store;
use crate::store::due::{self, DueUpload};

/// An upload that cannot go now is tried again after this.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// The folder is compared with the rows so often.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);
/// Files without a row that go at a time: more of them are rather a mistake of ours.
const SWEPT: usize = 10;

impl Converge {
    /// Removes uploads that are buried or too old; says whether there are more.
    pub(super) async fn uploads(&self, report: &mut PassReport) -> Result<bool, Error> {
        let now = self.sites.clock.now();
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let uploads = due::uploads(&mut tx, now, BATCH).await?;
        tx.end_read();
        for upload in &uploads {
            match self.remove(*upload, now).await {
                Ok(removed) => report.deleted += u64::from(removed),
                Err(error) => {
                    tracing::warn!(upload = %upload.id, %error, "upload cannot be removed");
                    self.try_later(*upload, now).await?;
                }
            }
        }
        Ok(uploads.len() >= BATCH as usize)
    }

    /// Looks again under lock: since it was found, somebody may have gone on with it or made a release of it.
    async fn remove(&self, upload: DueUpload, now: Timestamp) -> Result<bool, Error> {
        let at = (upload.site, upload.id);
        let mut tx = self.sites.spine.db().tenant(upload.tenant).await?;
        let found = match store::uploads::lock(&mut tx, upload.site, upload.id).await {
            Err(Error::NotFound) => return Ok(false),
            found => found?,
        };
        if found.expires_at > now {
            return Ok(false);
        }
        if found.state == UploadState::Used && self.is_operated_on(&mut tx, upload.site).await? {
            store::uploads::postpone(&mut tx, at, later(now, AGAIN)).await?;
            tx.commit().await?;
            return Ok(false);
        }
        store::uploads::set_state(&mut tx, at, UploadState::Deleting, now).await?;
        tx.commit().await?;
        let cx = self.cx(upload.tenant);
        self.sites.remove_upload(&cx, upload.site, upload.id).await?;
        Ok(true)
    }

    async fn try_later(&self, upload: DueUpload, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.sites.spine.db().tenant(upload.tenant).await?;
        store::uploads::postpone(&mut tx, (upload.site, upload.id), later(now, AGAIN)).await?;
        Ok(tx.commit().await?)
    }

    /// Removes files of uploads that have no row, as a crash or an older backup of the database leaves them. One that
    /// nobody has touched for longer than an upload lives can get none any more.
    pub(super) async fn sweep(&self, report: &mut PassReport) -> Result<(), Error> {
        let now = self.sites.clock.now();
        let last = self.swept.load();
        if last.is_some_and(|last| now < later(last, SWEEP)) {
            return Ok(());
        }
        self.swept.store(now);
        let then = now.saturating_sub(self.sites.settings.upload_lifetime);
        let old = self.sites.blobs.untouched_since(then.unwrap_or(Timestamp::MIN)).await?;
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let unknown = due::unknown_uploads(&mut tx, &old).await?;
        tx.end_read();
        for id in unknown.into_iter().take(SWEPT) {
            tracing::warn!(upload = %id, "file of an upload that nobody knows is removed");
            self.sites.blobs.remove(id).await?;
            report.deleted += 1;
        }
        Ok(())
    }
}
