use jiff::Timestamp;
use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::{SiteId, UploadId};
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::EntitlementKey;
use serde_json::json;

use crate::domain::{Upload, UploadState, archive_format};
use crate::error::Error;
use crate::{Sites, authz, store};

/// Bytes that uploads leave free on the disk, for everything else that writes to it.
const LEFT_FREE: u64 = 64 << 20;
/// Uploads that take bytes at one time, of a site and of a tenant. Room on the disk is promised to each of them, which
/// nobody else gets until it is written or given up.
const OPEN_OF_SITE: i64 = 4;
const OPEN_OF_TENANT: i64 = 16;

pub struct NewUpload {
    /// Says how to unpack it: `.zip`, `.tar.gz` or `.tgz`.
    pub filename: String,
    /// Bytes.
    pub size: i64,
}

impl Sites {
    /// Makes room for an archive. Its size counts as used disk space until it has become a release
    /// or is gone.
    ///
    /// # Errors
    /// [`Error::UploadsOpen`] when too many take bytes already, [`Error::NoSpace`] and [`Error::Entitlement`].
    pub async fn create_upload(&self, cx: &OpCx, site: SiteId, new: NewUpload) -> Result<Upload, Error> {
        let mut change = match self.spine.begin_once(cx, "uploads_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => {
                cx.authorize::<authz::Upload, _>(actions::Create)?;
                return self.upload(cx, site, id).await;
            }
        };
        let row = store::sites::lock(change.tx(), site).await?;
        let allowed = cx.authorize::<authz::Upload, _>(actions::Create)?;
        row.active()?;
        archive_format("/filename", &new.filename)?;
        let most = self.settings.max_upload_bytes;
        if !u64::try_from(new.size).is_ok_and(|size| (1..=most).contains(&size)) {
            let text = format!("an archive has 1 to {most} bytes");
            return Err(Error::field("/size", "sites.upload.bad_size", text));
        }
        let now = cx.clock().now();
        let upload = Upload {
            site,
            id: UploadId::generate(),
            filename: new.filename,
            size: new.size,
            received: 0,
            hashing: None,
            sha256: None,
            state: UploadState::Open,
            created_at: now,
            expires_at: self.expiry(),
        };
        store::uploads::insert(change.tx(), &allowed, &upload).await?;
        let entitlements = &self.ports.entitlements;
        entitlements
            .reserve(change.tx(), EntitlementKey::DiskBytes, upload.size)
            .await?;
        // Exact, since all uploads of the tenant wait for what was just reserved.
        let (of_site, of_tenant) = store::uploads::open(change.tx(), site).await?;
        for (open, most, of) in [(of_site, OPEN_OF_SITE, "site"), (of_tenant, OPEN_OF_TENANT, "account")] {
            if open > most {
                return Err(Error::UploadsOpen { most, of });
            }
        }
        let facts = json!({"site": site, "filename": upload.filename, "size": upload.size});
        let record = Record::new(events::UPLOAD_STARTED, upload.id, facts.clone()).after(facts);
        change.record(record).await?;
        // The disk is asked before, since it may be slow. What others write from here to the next line counts neither as
        // promised nor as taken; they hold that lock for a commit, in which nobody writes what is left free.
        let free = self.blobs.free().await?;
        // Last, since all others wait for this transaction from here on.
        let promised = store::uploads::unwritten(change.tx()).await?;
        if free < promised.saturating_add(LEFT_FREE) {
            return Err(Error::NoSpace);
        }
        change.commit_with(&upload.id).await?;
        Ok(upload)
    }

    /// When an upload that somebody works on now is given up.
    pub(crate) fn expiry(&self) -> Timestamp {
        let expiry = self.clock.now().saturating_add(self.settings.upload_lifetime);
        expiry.unwrap_or(Timestamp::MAX)
    }

    pub async fn get_upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<Upload, Error> {
        let upload = self.upload(cx, site, id).await?;
        cx.authorize::<authz::Upload, _>(actions::Read)?;
        Ok(upload)
    }

    /// For whoever may read it, or sends it.
    pub(super) async fn upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<Upload, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let upload = store::uploads::get(&mut tx, site, id).await?;
        tx.end_read();
        let upload = upload.filter(|upload| upload.state != UploadState::Deleting);
        upload.ok_or(Error::NotFound)
    }

    pub async fn delete_upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let upload = store::uploads::lock(&mut tx, site, id).await?;
        let allowed = cx.authorize::<authz::Upload, _>(actions::Delete)?;
        match upload.state {
            UploadState::Used => return Err(Error::UploadUsed),
            UploadState::Deleting => return Err(Error::NotFound),
            UploadState::Open | UploadState::Finished => {}
        }
        store::uploads::bury(&mut tx, &allowed, (site, id), self.clock.now()).await?;
        tx.commit().await?;
        self.remove_upload(cx, site, id).await
    }

    /// Removes an upload that has become no release. What the database says counts: somebody whose commit went
    /// unanswered cannot know.
    pub(super) async fn abandon_upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        match store::uploads::lock(&mut tx, site, id).await {
            Ok(upload) if upload.state != UploadState::Used => {}
            Ok(_) | Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        }
        store::uploads::set_state(&mut tx, (site, id), UploadState::Deleting, self.clock.now()).await?;
        tx.commit().await?;
        self.remove_upload(cx, site, id).await
    }

    /// Buries an upload, whatever its state, and removes it. One that is gone is no error.
    pub(crate) async fn drop_upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let known = store::uploads::set_state(&mut tx, (site, id), UploadState::Deleting, self.clock.now()).await?;
        tx.commit().await?;
        if known {
            self.remove_upload(cx, site, id).await
        } else {
            Ok(())
        }
    }

    /// Removes what is left of a buried upload: the file, then the row, and its bytes are free again.
    pub(crate) async fn remove_upload(&self, cx: &OpCx, site: SiteId, id: UploadId) -> Result<(), Error> {
        self.blobs.remove(id).await?;
        let mut change = self.spine.begin(cx).await?;
        let Some(size) = store::uploads::delete(change.tx(), site, id).await? else {
            return Ok(());
        };
        let entitlements = &self.ports.entitlements;
        entitlements
            .reserve(change.tx(), EntitlementKey::DiskBytes, -size)
            .await?;
        let facts = json!({"site": site, "size": size});
        let record = Record::new(events::UPLOAD_DELETED, id, facts.clone()).before(facts);
        change.record(record).await?;
        Ok(change.commit().await?)
    }
}
