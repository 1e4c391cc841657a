//! Limits and progress of one unpacking.

use std::io;
use std::time::{Duration, Instant};

use super::OnProgress;
use crate::protocol::{ArchiveFault, BLOCK, Progress, UnpackLimits, charge};

/// Time between two progress frames, at least.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// Bytes that are not counted for the ratio: a page of blanks is no attack.
const FREE_OF_RATIO: u64 = 1 << 20;

pub(super) struct Meter<'a> {
    pub(super) limits: UnpackLimits,
    entries: u64,
    /// Bytes of all entries so far as stated, those left out included.
    stated: u64,
    /// What is charged for the files and folders so far.
    charged: u64,
    progress: Progress,
    reported: Instant,
    report: OnProgress<'a>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(limits: UnpackLimits, size: u64, report: OnProgress<'a>) -> Self {
        Self {
            limits,
            entries: 0,
            stated: 0,
            charged: 0,
            progress: Progress {
                size,
                ..Progress::default()
            },
            reported: Instant::now(),
            report,
        }
    }

    /// Counts entries of the archive, or folders made for them.
    pub(super) fn count(&mut self, entries: u64) -> Result<(), ArchiveFault> {
        self.entries += entries;
        let limit = u64::from(self.limits.max_files);
        if self.entries > limit {
            Err(ArchiveFault::TooManyEntries { limit })
        } else {
            Ok(())
        }
    }

    /// Counts an entry's stated size before anything of it is written.
    pub(super) fn state(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        self.stated = self.stated.saturating_add(bytes);
        let limit = self.limits.max_bytes;
        if self.stated > limit {
            Err(ArchiveFault::TooManyBytes { limit })
        } else {
            Ok(())
        }
    }

    /// Charges a file of this size before anything of it is written.
    pub(super) fn charge_file(&mut self, size: u64) -> Result<(), ArchiveFault> {
        self.charge(charge(size))
    }

    pub(super) fn charge_directories(&mut self, directories: u64) -> Result<(), ArchiveFault> {
        self.charge(directories.saturating_mul(BLOCK))
    }

    fn charge(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        self.charged = self.charged.saturating_add(bytes);
        let limit = self.limits.max_bytes;
        if self.charged > limit {
            Err(ArchiveFault::TooManyBytes { limit })
        } else {
            Ok(())
        }
    }

    pub(super) const fn charged(&self) -> u64 {
        self.charged
    }

    /// Judges how far something unpacks.
    pub(super) fn ratio(&self, packed: u64, unpacked: u64) -> Result<(), ArchiveFault> {
        let limit = u64::from(self.limits.max_ratio);
        if unpacked.saturating_sub(FREE_OF_RATIO) > packed.saturating_mul(limit) {
            return Err(ArchiveFault::CompressionBomb { limit });
        }
        Ok(())
    }

    pub(super) fn wrote(&mut self, bytes: usize, read: u64) -> io::Result<()> {
        self.progress.bytes += bytes as u64;
        self.progress.read = read.min(self.progress.size);
        if self.reported.elapsed() < PROGRESS_EVERY {
            return Ok(());
        }
        self.reported = Instant::now();
        (self.report)(self.progress)
    }

    pub(super) const fn file_done(&mut self) {
        self.progress.files += 1;
    }
}
