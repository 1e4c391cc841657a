use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::clock::SharedClock;

use super::{ExportFiles, metrics};

/// Removes archives whose time is over. When that is, each file's own time says: an archive that somebody restored with
/// the disk goes as well.
pub struct Expiry {
    files: ExportFiles,
    clock: SharedClock,
    kept: SignedDuration,
}

impl Expiry {
    pub fn new(files: ExportFiles, clock: SharedClock, kept: SignedDuration) -> Self {
        Self { files, clock, kept }
    }
}

#[async_trait]
impl Reconciler for Expiry {
    fn name(&self) -> &'static str {
        "tenancy.exports"
    }

    fn wakes_on(&self, _event: &str) -> bool {
        false
    }

    fn every(&self) -> Duration {
        Duration::from_secs(900)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let then = self.clock.now().saturating_sub(self.kept).unwrap_or(Timestamp::MIN);
        let swept = self.files.remove_older(then).await?;
        metrics::KEPT.set(i64::try_from(swept.left_bytes).unwrap_or(i64::MAX));
        Ok(PassReport {
            deleted: swept.removed,
            ..PassReport::default()
        })
    }
}
