//! The port and its adapter over the agent's Unix socket.

mod connection;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_kernel::ids::{ReleaseId, SiteId};

use crate::protocol::{
    AgentInfo, Failure, PackRelease, Packed, Progress, ReleaseEntry, Request, Response, SiteEntry, SiteUid,
    UnpackRelease, Unpacked, Usage,
};
use connection::Connection;

/// Told how far an unpacking is, at most every 100 ms. Must not block.
pub type ProgressFn<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// For callers that do not show progress.
pub const fn no_progress(_: Progress) {}

/// What the control plane asks of a node's agent. All calls are idempotent; dropping the future of one cancels
/// it on the agent, which then removes what it began.
#[async_trait]
pub trait Agent: Send + Sync {
    async fn version(&self) -> Result<AgentInfo, Error>;

    /// Makes a release of the archive in `blob`, a regular file open for reading. A release that is finished
    /// already is answered as such, whatever the blob. A refused archive is [`Failure::Archive`].
    async fn unpack_release(
        &self,
        request: UnpackRelease,
        blob: File,
        progress: ProgressFn<'_>,
    ) -> Result<Unpacked, Error>;

    /// Writes the files of a finished release into `blob`, an empty regular file open for writing, as a `.tar.gz` that
    /// [`Agent::unpack_release`] takes. Links are in it as links, which that refuses. An archive that would be too large is
    /// [`Failure::NoSpace`], a release that is not there [`Failure::NoRelease`]; what was written until then stays.
    async fn pack_release(&self, request: PackRelease, blob: File) -> Result<Packed, Error>;

    async fn delete_release(&self, site: SiteId, release: ReleaseId, uid: SiteUid) -> Result<(), Error>;

    async fn delete_site(&self, site: SiteId, uid: SiteUid) -> Result<(), Error>;

    /// A site that is not there takes nothing.
    async fn measure_site(&self, site: SiteId, uid: SiteUid) -> Result<Usage, Error>;

    /// In order of release id and state.
    async fn list_releases(&self, site: SiteId, uid: SiteUid) -> Result<Vec<ReleaseEntry>, Error>;

    /// In order of site id.
    async fn list_sites(&self) -> Result<Vec<SiteEntry>, Error>;
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent answered that it did not do it.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// No connection, or it broke.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] io::Error),
    /// No frame came in time.
    #[error("the agent did not answer within {0:?}")]
    TimedOut(Duration),
    /// The other side is no agent of ours.
    #[error("the agent broke the protocol: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) => true,
            Self::Protocol(_) => false,
            Self::Failed(failure) => matches!(
                failure,
                Failure::Busy {}
                    | Failure::Overloaded {}
                    | Failure::Deadline { .. }
                    | Failure::HelperDied { .. }
                    | Failure::Internal { .. }
            ),
        }
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection and its handshake; tried again until then, so that a restart of the agent goes unnoticed.
    pub connect: Duration,
    /// For an answer that needs no work in a site's files.
    pub answer: Duration,
    /// Between two frames of a call that does.
    pub work: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            work: Duration::from_secs(900),
        }
    }
}

/// The agent behind a Unix socket. Each call has a connection of its own: cheap here, and what makes
/// cancellation and a restarted agent simple.
#[derive(Debug, Clone)]
pub struct UnixAgent {
    socket: PathBuf,
    timeouts: Timeouts,
}

impl UnixAgent {
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self::with_timeouts(socket, Timeouts::default())
    }

    #[must_use]
    pub fn with_timeouts(socket: impl Into<PathBuf>, timeouts: Timeouts) -> Self {
        Self {
            socket: socket.into(),
            timeouts,
        }
    }

    async fn open(&self, request: &Request, blob: Option<&File>) -> Result<Connection, Error> {
        let mut connection = Connection::open(&self.socket, self.timeouts.connect).await?;
        connection.send(request, blob, self.timeouts.answer).await?;
        Ok(connection)
    }

    async fn single(&self, request: &Request, wait: Duration) -> Result<Response, Error> {
        self.open(request, None).await?.receive(wait).await
    }
}

fn unexpected(response: &Response) -> Error {
    Error::Protocol(format!("unexpected answer {response:?}"))
}

#[async_trait]
impl Agent for UnixAgent {
    async fn version(&self) -> Result<AgentInfo, Error> {
        match self.single(&Request::Version {}, self.timeouts.answer).await? {
            Response::Version(info) => Ok(info),
            other => Err(unexpected(&other)),
        }
    }

    async fn unpack_release(
        &self,
        request: UnpackRelease,
        blob: File,
        progress: ProgressFn<'_>,
    ) -> Result<Unpacked, Error> {
        let mut connection = self.open(&Request::UnpackRelease(request), Some(&blob)).await?;
        loop {
            match connection.receive(self.timeouts.work).await? {
                Response::Progress(now) => progress(now),
                Response::Unpacked(unpacked) => return Ok(unpacked),
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn pack_release(&self, request: PackRelease, blob: File) -> Result<Packed, Error> {
        let mut connection = self.open(&Request::PackRelease(request), Some(&blob)).await?;
        loop {
            match connection.receive(self.timeouts.work).await? {
                Response::Progress(_) => {}
                Response::Packed(packed) => return Ok(packed),
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn delete_release(&self, site: SiteId, release: ReleaseId, uid: SiteUid) -> Result<(), Error> {
        match self
            .single(&Request::DeleteRelease { site, release, uid }, self.timeouts.work)
            .await?
        {
            Response::Deleted {} => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn delete_site(&self, site: SiteId, uid: SiteUid) -> Result<(), Error> {
        match self
            .single(&Request::DeleteSite { site, uid }, self.timeouts.work)
            .await?
        {
            Response::Deleted {} => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn measure_site(&self, site: SiteId, uid: SiteUid) -> Result<Usage, Error> {
        match self
            .single(&Request::MeasureSite { site, uid }, self.timeouts.work)
            .await?
        {
            Response::Usage(usage) => Ok(usage),
            other => Err(unexpected(&other)),
        }
    }

    async fn list_releases(&self, site: SiteId, uid: SiteUid) -> Result<Vec<ReleaseEntry>, Error> {
        let mut connection = self.open(&Request::ListReleases { site, uid }, None).await?;
        let mut all = Vec::new();
        loop {
            match connection.receive(self.timeouts.work).await? {
                Response::Releases { releases, last } => {
                    all.extend(releases);
                    if last {
                        return Ok(all);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn list_sites(&self) -> Result<Vec<SiteEntry>, Error> {
        let mut connection = self.open(&Request::ListSites {}, None).await?;
        let mut all = Vec::new();
        loop {
            match connection.receive(self.timeouts.answer).await? {
                Response::Sites { sites, last } => {
                    all.extend(sites);
                    if last {
                        return Ok(all);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }
}
