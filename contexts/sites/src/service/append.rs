//! Takes bytes of an upload in. They go to the file as they come, and so does their hash; only what is certainly
//! on disk is counted, and what has arrived when a connection breaks is kept.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use mpanel_authz::{OpCx, actions};
use mpanel_events::Record;
use mpanel_kernel::ids::{SiteId, UploadId};
use mpanel_sites_contract::events;
use mpanel_telemetry::spawn_named;
use serde_json::json;

use crate::blobs::{Hashing, Writer};
use crate::domain::{Upload, UploadState};
use crate::error::Error;
use crate::{Sites, authz, store};

/// Bytes after which is noted how far it is, so that a crash costs no more than them.
const NOTE_EVERY: u64 = 64 << 20;
/// A sender that is silent for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(60);

impl Sites {
    /// Appends `body` to an upload that has `offset` bytes. `length` is what the sender announced.
    ///
    /// Goes on to its end even if the caller is dropped, so that what has arrived is kept.
    ///
    /// # Errors
    /// [`Error::UploadOffset`] when the upload has more or fewer bytes, [`Error::UploadTooLarge`],
    /// [`Error::UploadInterrupted`], [`Error::UploadLost`] and [`Error::NoSpace`].
    pub async fn append<S, E>(
        &self,
        cx: &OpCx,
        (site, id): (SiteId, UploadId),
        offset: i64,
        length: Option<u64>,
        mut body: S,
    ) -> Result<Upload, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
        E: Send + 'static,
    {
        let upload = self.upload(cx, site, id).await?;
        cx.authorize::<authz::Upload, _>(actions::Modify)?;
        check(&upload, offset)?;
        if upload.state == UploadState::Finished {
            return Ok(upload);
        }
        let room = u64::try_from(upload.size - offset).unwrap_or_default();
        if length.is_some_and(|length| length > room) {
            return Err(Error::UploadTooLarge { size: upload.size });
        }
        let (sites, cx) = (self.clone(), cx.clone());
        let appending = async move {
            let (site, id) = (upload.site, upload.id);
            let taken = sites.take_in(&cx, upload, &mut body).await;
            if matches!(taken, Err(Error::UploadLost)) {
                // Of no use to anybody; whoever sends it begins a new one.
                sites.drop_upload(&cx, site, id).await?;
            }
            taken
        };
        match spawn_named("sites.upload", appending).await {
            Ok(result) => result,
            Err(error) => Err(Error::Io(std::io::Error::other(error))),
        }
    }

    async fn take_in<S, E>(&self, cx: &OpCx, upload: Upload, body: &mut S) -> Result<Upload, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let (site, id) = (upload.site, upload.id);
        let new = upload.received == 0;
        let claimed = self.blobs.claim(id, new).await?;
        // Somebody else may have had the file meanwhile.
        let upload = match self.upload(cx, site, id).await {
            Ok(now) => {
                check(&now, upload.received)?;
                now
            }
            Err(Error::NotFound) => {
                // Opening the file may have made it again.
                self.blobs.remove(id).await?;
                return Err(Error::NotFound);
            }
            // Nobody says that it is gone: what has arrived is kept.
            Err(error) => return Err(error),
        };
        let hashing = match &upload.hashing {
            Some(state) => Hashing::resume(state).ok_or(Error::UploadLost)?,
            None => Hashing::default(),
        };
        let mut writer = claimed.writer(u64::try_from(upload.received).unwrap_or_default(), hashing)?;
        let received = self.receive(cx, &upload, &mut writer, body).await;
        if matches!(received, Err(Error::UploadTooLarge { .. })) {
            // The bytes are not what was announced: none of them is believed.
            return Err(Error::UploadTooLarge { size: upload.size });
        }
        let (at, hashing) = writer.sync().await?;
        if i64::try_from(at).ok() == Some(upload.size) {
            self.complete(cx, &upload, &hashing.finish()).await?;
        } else {
            self.note(cx, &upload, at, &hashing).await?;
            received?;
        }
        self.upload(cx, site, id).await
    }

    async fn receive<S, E>(&self, cx: &OpCx, upload: &Upload, writer: &mut Writer, body: &mut S) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let size = u64::try_from(upload.size).unwrap_or_default();
        let mut noted = writer.position();
        loop {
            let bytes = match tokio::time::timeout(SILENCE, body.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(bytes))) => bytes,
                Ok(Some(Err(_))) | Err(_) => return Err(Error::UploadInterrupted),
            };
            if writer.position() + bytes.len() as u64 > size {
                return Err(Error::UploadTooLarge { size: upload.size });
            }
            writer.push(&bytes).await?;
            if writer.position() - noted >= NOTE_EVERY && writer.position() < size {
                let (at, hashing) = writer.sync().await?;
                self.note(cx, upload, at, &hashing).await?;
                noted = at;
            }
        }
    }

    /// Notes how many bytes are certainly on disk, and where their hash stands.
    async fn note(&self, cx: &OpCx, upload: &Upload, at: u64, hashing: &Hashing) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Upload, _>(actions::Modify)?;
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let open = store::uploads::advance(&mut tx, &allowed, upload, at, &hashing.state(), self.expiry()).await?;
        tx.commit().await?;
        if open { Ok(()) } else { Err(Error::NotFound) }
    }

    /// All bytes are there.
    async fn complete(&self, cx: &OpCx, upload: &Upload, sha256: &str) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Upload, _>(actions::Modify)?;
        let mut change = self.spine.begin(cx).await?;
        if store::uploads::finish(change.tx(), &allowed, upload, sha256, self.expiry()).await? {
            let facts = json!({"site": upload.site, "sha256": sha256});
            let record = Record::new(events::UPLOAD_FINISHED, upload.id, facts.clone()).after(facts);
            change.record(record).await?;
            change.commit().await?;
        }
        Ok(())
    }
}

/// SHA-256 of a body that is kept nowhere, in hexadecimal.
///
/// # Errors
/// [`Error::UploadInterrupted`] when it has fewer bytes than the `size` that was announced, [`Error::UploadTooLarge`].
pub(super) async fn hash<S, E>(size: i64, body: &mut S) -> Result<String, Error>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let (mut hashing, mut left) = (Hashing::default(), u64::try_from(size).unwrap_or_default());
    loop {
        match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(None) if left == 0 => return Ok(hashing.finish()),
            Ok(Some(Ok(bytes))) => {
                left = left
                    .checked_sub(bytes.len() as u64)
                    .ok_or(Error::UploadTooLarge { size })?;
                hashing.update(&bytes);
            }
            Ok(None | Some(Err(_))) | Err(_) => return Err(Error::UploadInterrupted),
        }
    }
}

/// Whether the upload takes bytes at `offset`.
fn check(upload: &Upload, offset: i64) -> Result<(), Error> {
    match upload.state {
        UploadState::Used => Err(Error::UploadUsed),
        UploadState::Deleting => Err(Error::NotFound),
        UploadState::Open | UploadState::Finished if offset != upload.received => Err(Error::UploadOffset {
            current: upload.received,
        }),
        UploadState::Open | UploadState::Finished => Ok(()),
    }
}
