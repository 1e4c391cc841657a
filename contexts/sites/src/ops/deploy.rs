use async_trait::async_trait;
use mpanel_client_agent::{Progress, TenantGid, UnpackLimits, UnpackRelease, Unpacked};
use mpanel_events::Record;
use mpanel_jobs::{Kind, Operation, Outcome, Step, StepCx, StepError};
use mpanel_kernel::ids::{ReleaseId, SiteId, UploadId};
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::EntitlementKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Published, Waited, refusal, showing, wait_served};
use crate::domain::{Release, ReleaseState, UploadState, archive_format};
use crate::error::Error;
use crate::{Sites, store};

pub static DEPLOY: Kind = Kind {
    name: "sites.release.deploy",
    steps: &[
        Step {
            key: "check",
            title: "Check the archive and the plan's limits",
        },
        Step {
            key: "unpack",
            title: "Unpack the files",
        },
        Step {
            key: "account",
            title: "Count the disk space",
        },
        Step {
            key: "activate",
            title: "Put the release in place",
        },
        Step {
            key: "served",
            title: "Wait until the edge serves it",
        },
        Step {
            key: "tidy",
            title: "Remove what is no longer needed",
        },
    ],
};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct DeployInput {
    pub site: SiteId,
    pub release: ReleaseId,
    pub upload: UploadId,
    /// Whether it becomes the active release.
    pub activate: bool,
    /// Whether the upload is of no use when this fails.
    pub own_upload: bool,
}

/// Makes a release of an upload.
pub struct Deploy(pub Sites);

impl Deploy {
    /// Counts, before anything is unpacked, as much as the archive has; `account` corrects it.
    async fn check(&self, cx: &StepCx, input: DeployInput) -> Result<Value, StepError> {
        let sites = &self.0;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        store::sites::lock_active(&mut tx, input.site).await?;
        let release = store::releases::get(&mut tx, input.site, input.release).await?;
        let release = release.ok_or(Error::NotFound)?;
        if release.reserved == 0 {
            let entitlements = &sites.ports.entitlements;
            entitlements
                .reserve(&mut tx, EntitlementKey::DiskBytes, release.size)
                .await?;
            store::releases::set_reserved(&mut tx, input.site, input.release, release.size).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        self.verify(cx, input, &release).await?;
        Ok(Value::Null)
    }

    /// The archive on disk is the one that arrived: the hash in the release's history is the hash of what is unpacked.
    async fn verify(&self, cx: &StepCx, input: DeployInput, release: &Release) -> Result<(), StepError> {
        let blobs = &self.0.blobs;
        let (file, size) = match blobs.open(input.upload).await {
            Ok((file, size)) if i64::try_from(size) == Ok(release.size) => (file, size),
            _ => {
                return Err(StepError::failed(
                    "sites.release.upload_lost",
                    "the uploaded archive is no longer there; upload it again",
                ));
            }
        };
        let seen = |at| cx.progress(at, Some(size), "bytes");
        let sha256 = tokio::select! {
            sha256 = blobs.hash(&file, size, seen) => sha256?,
            () = cx.cancelled() => return Err(StepError::retry("cancelled")),
        };
        if release.sha256.as_ref() != Some(&sha256) {
            return Err(StepError::failed(
                "sites.release.upload_damaged",
                "the uploaded archive is no longer what arrived; upload it again",
            ));
        }
        Ok(())
    }

    async fn unpack(&self, cx: &StepCx, input: DeployInput) -> Result<Value, StepError> {
        let sites = &self.0;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        let site = store::sites::get(&mut tx, input.site).await?.ok_or(Error::NotFound)?;
        let release = store::releases::get(&mut tx, input.site, input.release).await?;
        let release = release.ok_or(Error::NotFound)?;
        let gid = store::sites::group(&mut tx).await?;
        let entitlements = &sites.ports.entitlements;
        let headroom = entitlements.headroom(&mut tx, EntitlementKey::DiskBytes).await?;
        tx.commit().await.map_err(Error::from)?;

        let most = sites.settings.max_release_bytes;
        let room = headroom.map(|room| u64::try_from(room.saturating_add(release.reserved)).unwrap_or_default());
        let limit = room.map_or(most, |room| room.min(most)).max(1);
        let gid = u32::try_from(gid).ok().and_then(|gid| TenantGid::new(gid).ok());
        let request = UnpackRelease {
            site: input.site,
            release: input.release,
            uid: site.uid()?,
            gid: gid.ok_or_else(|| Error::Stored("gid".to_owned()))?,
            format: archive_format("/filename", &release.filename).map_err(Error::from)?,
            limits: UnpackLimits {
                max_bytes: limit,
                max_files: sites.settings.max_release_files,
                ..UnpackLimits::default()
            },
        };
        let (blob, _) = sites.blobs.open(input.upload).await?;
        let progress = |now: Progress| cx.progress(now.read, Some(now.size), "bytes");
        let unpacked = tokio::select! {
            unpacked = sites.ports.agent.unpack_release(request, blob, &progress) => unpacked,
            // Dropping the call has the agent remove what it began.
            () = cx.cancelled() => return Err(StepError::retry("cancelled")),
        };
        let unpacked = unpacked.map_err(|error| refusal::of(error, (limit, limit < most)))?;
        serde_json::to_value(unpacked).map_err(|error| Error::from(error).into())
    }

    async fn account(&self, cx: &StepCx, input: DeployInput) -> Result<Value, StepError> {
        let sites = &self.0;
        let unpacked: Unpacked = cx
            .output("unpack")?
            .ok_or_else(|| StepError::failed("sites.internal", "the release was not unpacked"))?;
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (files, bytes) = (count(unpacked.files), count(unpacked.charged_bytes));
        let mut change = sites.spine.begin(&cx.op_cx()).await?;
        store::sites::lock_active(change.tx(), input.site).await?;
        let release = store::releases::get(change.tx(), input.site, input.release).await?;
        let release = release.ok_or(Error::NotFound)?;
        let entitlements = &sites.ports.entitlements;
        let more = bytes - release.reserved;
        entitlements
            .reserve(change.tx(), EntitlementKey::DiskBytes, more)
            .await?;
        store::releases::set_reserved(change.tx(), input.site, input.release, bytes).await?;
        let facts = (files, bytes, unpacked.has_404);
        store::releases::set_unpacked(change.tx(), input.site, input.release, facts).await?;
        store::sites::count_bytes(change.tx(), input.site).await?;
        let data = json!({"site": input.site, "files": files, "bytes": bytes});
        let record = Record::new(events::RELEASE_UNPACKED, input.release, data.clone()).after(data);
        change.record(record).await?;
        change.commit().await?;
        Ok(Value::Null)
    }

    async fn activate(&self, cx: &StepCx, input: DeployInput) -> Result<Value, StepError> {
        let sites = &self.0;
        let mut published = Published::default();
        if input.activate {
            published = sites.switch_to(&cx.op_cx(), input.site, input.release).await?;
        } else {
            let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
            store::sites::lock_active(&mut tx, input.site).await?;
            // Run again, this must not take back what somebody did with the release since.
            let release = store::releases::get(&mut tx, input.site, input.release).await?;
            if release.is_some_and(|release| release.state == ReleaseState::Unpacking) {
                store::releases::set_state(&mut tx, input.site, input.release, ReleaseState::Ready).await?;
            }
            tx.commit().await.map_err(Error::from)?;
        }
        published.output()
    }

    /// Failing here would take a release back that is served already, so what cannot be removed now is left to the
    /// reconciler.
    async fn tidy(&self, cx: &StepCx, input: DeployInput) -> Result<Value, StepError> {
        let sites = &self.0;
        let op_cx = cx.op_cx();
        // The release that a cancellation would go back to may be among those that go.
        cx.no_way_back().await?;
        if let Err(error) = sites.drop_upload(&op_cx, input.site, input.upload).await {
            tracing::warn!(upload = %input.upload, %error, "used upload is left to the reconciler");
        }
        let waited: Waited = cx.output("served")?.unwrap_or_default();
        let refused = sites.refused(cx.tenant(), input.site).await?;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        let site = store::sites::lock(&mut tx, input.site).await?;
        // A host that is refused goes on with an older release, nobody knows with which: all of them stay until a
        // deployment finds every host up to date.
        let shows = showing(&site)?;
        if waited.older || refused.iter().any(|host| shows.contains(host)) {
            tracing::warn!(site = %site.id, "old releases stay while the edge refuses what the site is now");
            return Ok(json!({"removed": []}));
        }
        let keep = site.settings.keep_releases;
        let buried = store::releases::bury_oldest(&mut tx, input.site, keep).await?;
        tx.commit().await.map_err(Error::from)?;
        for release in &buried {
            if let Err(error) = sites.remove_release(&op_cx, input.site, *release).await {
                tracing::warn!(%release, %error, "old release is left to the reconciler");
                sites.look_soon(cx.tenant(), input.site).await?;
            }
        }
        Ok(json!({"removed": buried}))
    }

    /// Gives back what was counted for the release.
    async fn uncount(&self, cx: &StepCx, input: DeployInput) -> Result<(), StepError> {
        let sites = &self.0;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        store::sites::lock(&mut tx, input.site).await?;
        let release = store::releases::get(&mut tx, input.site, input.release).await?;
        if let Some(release) = release.filter(|release| release.reserved > 0) {
            let entitlements = &sites.ports.entitlements;
            entitlements
                .reserve(&mut tx, EntitlementKey::DiskBytes, -release.reserved)
                .await?;
            store::releases::set_reserved(&mut tx, input.site, input.release, 0).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn failed(&self, cx: &StepCx, input: DeployInput, code: &str, problem: &str) -> Result<(), StepError> {
        let sites = &self.0;
        let op_cx = cx.op_cx();
        let mut change = sites.spine.begin(&op_cx).await?;
        let site = match store::sites::lock(change.tx(), input.site).await {
            Err(Error::NotFound) => return Ok(()),
            site => site?,
        };
        let release = store::releases::get(change.tx(), site.id, input.release).await?;
        if release.is_some_and(|release| release.state != ReleaseState::Failed) {
            store::releases::fail(change.tx(), site.id, input.release, problem).await?;
            store::sites::count_bytes(change.tx(), site.id).await?;
            let data = json!({"site": site.id, "code": code});
            let record = Record::new(events::RELEASE_FAILED, input.release, data.clone()).after(data);
            change.record(record).await?;
            change.commit().await?;
        }
        // A sound archive need not be sent again.
        if input.own_upload || refusal::lies_in_the_upload(code) {
            return Ok(sites.drop_upload(&op_cx, input.site, input.upload).await?);
        }
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        let upload = store::uploads::get(&mut tx, input.site, input.upload).await?;
        if upload.is_some_and(|upload| upload.state == UploadState::Used) {
            let at = (input.site, input.upload);
            store::uploads::set_state(&mut tx, at, UploadState::Finished, sites.expiry()).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }
}

#[async_trait]
impl Operation for Deploy {
    fn kind(&self) -> &'static Kind {
        &DEPLOY
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        let input = cx.input()?;
        match step {
            "check" => self.check(cx, input).await,
            "unpack" => self.unpack(cx, input).await,
            "account" => self.account(cx, input).await,
            "activate" => self.activate(cx, input).await,
            "served" => wait_served(&self.0, cx, "activate").await,
            _ => self.tidy(cx, input).await,
        }
    }

    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError> {
        let input: DeployInput = cx.input()?;
        match step {
            "check" => self.uncount(cx, input).await,
            "unpack" => Ok(self.0.delete_files(cx.tenant(), input.site, input.release).await?),
            "activate" => match self.0.switch_back(&cx.op_cx(), input.site, input.release).await {
                Err(Error::NotFound) => Ok(()),
                result => Ok(result?),
            },
            // `account` is undone with `check`; `tidy` removed what nobody wanted.
            _ => Ok(()),
        }
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        let input = cx.input()?;
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed(failure) => self.failed(cx, input, &failure.code, &failure.message).await,
            Outcome::Cancelled => {
                let code = "sites.release.cancelled";
                self.failed(cx, input, code, "the deployment was cancelled").await
            }
        }
    }
}
