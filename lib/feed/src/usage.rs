use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::frame::{self, ClientFrame};

/// How often it is asked whether there is something to report.
const EVERY: Duration = Duration::from_secs(1);
/// After which a report is made again that could not be kept.
const AGAIN: Duration = Duration::from_secs(10);

/// What was counted in one window, upwards.
///
/// Figures are cumulative within `(node, boot, window)`: a later report says everything that an earlier one said and
/// more, so one that comes twice, late or after the next changes nothing. A site that has not changed since its figures
/// were taken is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Names this report in the answer.
    pub seq: u64,
    /// A UUID of the counting: whoever begins at zero takes a new one.
    pub boot: String,
    /// The day (UTC) on which it was counted: `2026-11-23`.
    pub window: String,
    pub sites: Vec<SiteUsage>,
}

/// What one site has used in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteUsage {
    pub tenant: String,
    pub site: String,
    pub requests: u64,
    /// Bytes that visitors sent, heads included.
    pub bytes_in: u64,
    /// Bytes that were sent to visitors, heads included.
    pub bytes_out: u64,
    /// Requests by the class of the answer's status, 1xx to 5xx; an older data plane tells only their sum.
    #[serde(default)]
    pub status: [u64; 5],
}

/// Where a data plane keeps what it has to report until the control plane has it.
pub trait Reports {
    /// The next report, if there is one. Asked again after each answer and, while there is none, every second. A report
    /// that a connection has taken along is not asked for again before it was answered or the connection has ended:
    /// a control plane that is slow has one to keep and not the same figures once more.
    fn next(&mut self) -> Option<Usage>;
    /// The control plane has this report for good.
    fn taken(&mut self, seq: u64);
}

/// Nothing to report.
impl Reports for () {
    fn next(&mut self) -> Option<Usage> {
        None
    }

    fn taken(&mut self, _seq: u64) {}
}

/// The reports of one connection: one is on its way at a time.
pub(crate) struct Reporting<'a, R> {
    reports: &'a mut R,
    /// None while an answer is awaited, and on a connection that takes no reports.
    due: Option<Instant>,
}

impl<'a, R: Reports> Reporting<'a, R> {
    /// `wanted` says whether the other side takes reports.
    pub(crate) fn new(reports: &'a mut R, wanted: bool) -> Self {
        let due = wanted.then(Instant::now);
        Self { reports, due }
    }

    /// When [`Reporting::report`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Makes the next report when it is time.
    pub(crate) async fn report<W: AsyncWrite + Unpin>(&mut self, to: &mut W) -> io::Result<()> {
        let now = Instant::now();
        if self.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let Some(usage) = self.reports.next() else {
            self.due = Some(now + EVERY);
            return Ok(());
        };
        self.due = None;
        frame::write(to, &ClientFrame::Usage(usage)).await
    }

    pub(crate) fn taken(&mut self, seq: u64) {
        self.reports.taken(seq);
        self.due = Some(Instant::now());
    }

    pub(crate) fn not_kept(&mut self) {
        self.due = Some(Instant::now() + AGAIN);
    }
}
