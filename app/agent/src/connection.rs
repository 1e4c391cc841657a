//! One connection: who calls, what for, and the answer.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mpanel_agent_protocol::protocol::{
    Failure, FrameError, Hello, PROTOCOL, PackRelease, Request, Response, SiteUid, UnpackRelease, Usage, write_frame,
};
use mpanel_kernel::ids::SiteId;
use rustix::net::sockopt::socket_peercred;
use serde_json::Value;

use crate::agent::Agent;
use crate::answer::{Stop, chunks};
use crate::audit;
use crate::blob::{self, Received, Use};
use crate::helper::{Identity, Task};
use crate::spawn::{self, Errand};

/// For a frame that has begun, and for a peer to take an answer.
const PEER_PATIENCE: Duration = Duration::from_secs(30);

struct Peer {
    uid: u32,
    pid: i32,
}

/// Answers until the peer is done, breaks the protocol or goes away.
pub(crate) fn serve(agent: &Agent, stream: &UnixStream) {
    let peer = match socket_peercred(stream) {
        Ok(cred) => Peer {
            uid: cred.uid.as_raw(),
            pid: cred.pid.as_raw_nonzero().get(),
        },
        Err(error) => {
            audit::line("error", "peer is unknown", &[("error", error.to_string().into())]);
            return;
        }
    };
    let timeouts = stream
        .set_read_timeout(Some(PEER_PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PEER_PATIENCE)));
    if timeouts.is_err() {
        return;
    }
    if !agent.allowed.contains(&peer.uid) {
        audit::line(
            "warn",
            "peer refused",
            &[("peer_uid", peer.uid.into()), ("peer_pid", peer.pid.into())],
        );
        let _ = answer(stream, &Response::Failed(Failure::Denied { uid: peer.uid }));
        return;
    }
    if let Err(failure) = greet(agent, stream) {
        audit::line(
            "warn",
            "handshake failed",
            &[("peer_pid", peer.pid.into()), ("error", failure.to_string().into())],
        );
        let _ = answer(stream, &Response::Failed(failure));
        return;
    }
    loop {
        match blob::receive::<Request>(stream) {
            Ok(Some(received)) => {
                if !handle(agent, stream, &peer, received) {
                    return;
                }
            }
            Ok(None) | Err(FrameError::Io(_)) => return,
            Err(error) => {
                audit::line(
                    "warn",
                    "bad request",
                    &[("peer_pid", peer.pid.into()), ("error", error.to_string().into())],
                );
                let _ = answer(
                    stream,
                    &Response::Failed(Failure::BadRequest {
                        detail: error.to_string(),
                    }),
                );
                return;
            }
        }
    }
}

fn greet(agent: &Agent, stream: &UnixStream) -> Result<(), Failure> {
    let bad = |detail: String| Failure::BadRequest { detail };
    let hello = blob::receive::<Hello>(stream).map_err(|error| bad(error.to_string()))?;
    let Some(Received { value, blob: None }) = hello else {
        return Err(bad("no greeting".to_owned()));
    };
    if value.protocol != PROTOCOL {
        return Err(Failure::UnsupportedProtocol { protocol: PROTOCOL });
    }
    answer(stream, &Response::Welcome(agent.info())).map_err(|error| bad(error.to_string()))
}

fn answer(mut stream: &UnixStream, response: &Response) -> Result<(), FrameError> {
    write_frame(&mut stream, response)
}

/// Does and logs one request. False when the connection is of no more use.
fn handle(agent: &Agent, stream: &UnixStream, peer: &Peer, received: Received<Request>) -> bool {
    let Received { value: request, blob } = received;
    let started = Instant::now();
    let outcome = perform(agent, stream, &request, blob);
    let mut fields: Vec<(&str, Value)> = vec![
        ("verb", request.verb().into()),
        ("peer_uid", peer.uid.into()),
        ("peer_pid", peer.pid.into()),
        (
            "ms",
            u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).into(),
        ),
    ];
    if let Ok(parameters) = serde_json::to_value(&request) {
        fields.push(("request", parameters));
    }
    match &outcome {
        Ok(responses) => {
            let amount = match responses.last() {
                Some(Response::Unpacked(unpacked)) => Some((unpacked.files, unpacked.bytes)),
                Some(Response::Packed(packed)) => Some((packed.files, packed.bytes)),
                _ => None,
            };
            if let Some((files, bytes)) = amount {
                fields.push(("files", files.into()));
                fields.push(("bytes", bytes.into()));
            }
            audit::line("info", "request done", &fields);
        }
        Err(Stop::Gone) => {
            audit::line("warn", "request cancelled", &fields);
            return false;
        }
        Err(Stop::Failed(failure)) => {
            fields.push(("failure", serde_json::to_value(failure).unwrap_or_default()));
            audit::line("warn", "request failed", &fields);
        }
    }
    let responses = outcome.unwrap_or_else(|stop| match stop {
        Stop::Failed(failure) => vec![Response::Failed(failure)],
        Stop::Gone => Vec::new(),
    });
    responses.iter().all(|response| answer(stream, response).is_ok())
}

fn perform(
    agent: &Agent,
    stream: &UnixStream,
    request: &Request,
    blob: Option<OwnedFd>,
) -> Result<Vec<Response>, Stop> {
    if request.takes_blob() != blob.is_some() {
        let detail = if blob.is_some() {
            "unexpected descriptor"
        } else {
            "descriptor is missing"
        };
        return Err(Failure::BadRequest {
            detail: detail.to_owned(),
        }
        .into());
    }
    match request {
        Request::Version {} => Ok(vec![Response::Version(agent.info())]),
        Request::ListSites {} => Ok(chunks(agent.dirs.list()?, |sites, last| Response::Sites {
            sites,
            last,
        })),
        Request::UnpackRelease(unpack) => unpack_release(agent, stream, unpack, blob),
        Request::PackRelease(pack) => pack_release(agent, stream, *pack, blob),
        Request::DeleteRelease { site, release, uid } => {
            let task = Task::DeleteRelease { release: *release };
            Ok(in_site(agent, stream, *site, *uid, task)?.unwrap_or_else(|| vec![Response::Deleted {}]))
        }
        Request::DeleteSite { site, uid } => {
            in_site(agent, stream, *site, *uid, Task::EmptySite {})?;
            agent.dirs.remove(*site)?;
            Ok(vec![Response::Deleted {}])
        }
        Request::MeasureSite { site, uid } => {
            let nothing = || vec![Response::Usage(Usage::default())];
            Ok(in_site(agent, stream, *site, *uid, Task::Measure {})?.unwrap_or_else(nothing))
        }
        Request::ListReleases { site, uid } => {
            let nothing = || {
                vec![Response::Releases {
                    releases: Vec::new(),
                    last: true,
                }]
            };
            Ok(in_site(agent, stream, *site, *uid, Task::ListReleases {})?.unwrap_or_else(nothing))
        }
    }
}

fn unpack_release(
    agent: &Agent,
    stream: &UnixStream,
    unpack: &UnpackRelease,
    blob: Option<OwnedFd>,
) -> Result<Vec<Response>, Stop> {
    let UnpackRelease {
        site,
        release,
        uid,
        gid,
        format,
        limits,
    } = *unpack;
    let bad = |detail: String| Failure::BadRequest { detail };
    limits.check().map_err(|error| bad(error.to_string()))?;
    if let Some(blob) = &blob {
        blob::check(blob, Use::Read).map_err(|detail| bad(detail.to_owned()))?;
    }
    let dir = agent.dirs.ensure(site, uid)?;
    let identity = identity(agent, uid, Some(gid.get()));
    let errand = Errand {
        dir: dir.as_fd(),
        identity,
        task: Task::Unpack {
            release,
            format,
            limits,
        },
        blob,
    };
    let outcome = spawn::run(errand, stream, |response| answer(stream, response).is_ok());
    // A helper that ended itself has cleaned up; one that was ended has not.
    if matches!(
        outcome,
        Err(Stop::Gone | Stop::Failed(Failure::HelperDied { .. } | Failure::Deadline { .. }))
    ) {
        let errand = Errand {
            dir: dir.as_fd(),
            identity,
            task: Task::Discard { release },
            blob: None,
        };
        if let Err(Stop::Failed(failure)) = spawn::run_detached(errand) {
            audit::line(
                "error",
                "partial release is left",
                &[("site", site.to_string().into()), ("error", failure.to_string().into())],
            );
        }
    }
    outcome
}

fn pack_release(
    agent: &Agent,
    stream: &UnixStream,
    pack: PackRelease,
    blob: Option<OwnedFd>,
) -> Result<Vec<Response>, Stop> {
    let PackRelease {
        site,
        release,
        uid,
        max_bytes,
    } = pack;
    if let Some(blob) = &blob {
        blob::check(blob, Use::Write).map_err(|detail| Failure::BadRequest {
            detail: detail.to_owned(),
        })?;
    }
    let Some(dir) = agent.dirs.existing(site, uid)? else {
        return Err(Failure::NoRelease {}.into());
    };
    let errand = Errand {
        dir: dir.as_fd(),
        identity: identity(agent, uid, None),
        task: Task::Pack { release, max_bytes },
        blob,
    };
    spawn::run(errand, stream, |response| answer(stream, response).is_ok())
}

/// Runs a task in the site's folder; `None` when there is no such folder.
fn in_site(
    agent: &Agent,
    stream: &UnixStream,
    site: SiteId,
    uid: SiteUid,
    task: Task,
) -> Result<Option<Vec<Response>>, Stop> {
    let Some(dir) = agent.dirs.existing(site, uid)? else {
        return Ok(None);
    };
    let errand = Errand {
        dir: dir.as_fd(),
        identity: identity(agent, uid, None),
        task,
        blob: None,
    };
    spawn::run(errand, stream, |_| true).map(Some)
}

fn identity(agent: &Agent, uid: SiteUid, gid: Option<u32>) -> Option<Identity> {
    // Where the tenant's group is not known it is not needed: the owner's rights do.
    const NOGROUP: u32 = 65_534;
    (!agent.rootless).then(|| Identity {
        uid,
        gid: gid.unwrap_or(NOGROUP),
    })
}
