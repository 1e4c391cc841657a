//! Accepting connections.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mpanel_agent_protocol::protocol::{Failure, Response, write_frame};
use rustix::process::geteuid;

use crate::agent::Agent;
use crate::args::Options;
use crate::audit;
use crate::connection;
use crate::listen;
use crate::site_dirs::SiteDirs;

/// Connections, and thereby helpers, at one time.
const MAX_CONNECTIONS: usize = 32;
/// A connection's thread reads frames and starts helpers; it needs little.
const STACK: usize = 256 << 10;

/// Serves until it fails.
///
/// # Errors
/// What makes it impossible to start, in words for the administrator.
pub(crate) fn serve(options: &Options) -> io::Result<Infallible> {
    let listener = match &options.socket {
        Some(path) => listen::bind(path)?,
        None => listen::inherited()?,
    };
    let root = geteuid().is_root();
    if root == options.rootless {
        let text = if root {
            "--rootless is refused as root"
        } else {
            "not root: give --rootless"
        };
        return Err(io::Error::other(text));
    }
    let edge_gid = match (root, options.edge_gid) {
        (true, None | Some(0)) => return Err(io::Error::other("--edge-gid is needed as root, and not 0")),
        (true, gid) => gid,
        (false, _) => None,
    };
    let dirs = SiteDirs::open(&options.data, edge_gid)?;
    let agent = Arc::new(Agent {
        allowed: options.allowed.clone(),
        rootless: options.rootless,
        dirs,
        connections: AtomicUsize::new(0),
    });
    audit::line(
        "info",
        "agent is ready",
        &[
            ("rootless", options.rootless.into()),
            ("version", crate::VERSION.into()),
        ],
    );
    loop {
        match listener.accept() {
            Ok((stream, _)) => admit(&agent, stream),
            Err(error) => {
                // Out of descriptors or memory: the connection waits in the queue meanwhile.
                audit::line(
                    "error",
                    "cannot accept a connection",
                    &[("error", error.to_string().into())],
                );
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn admit(agent: &Arc<Agent>, mut stream: UnixStream) {
    if agent.connections.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
        agent.connections.fetch_sub(1, Ordering::AcqRel);
        // The peer may not read; its buffer takes this little.
        let _ = stream.set_write_timeout(Some(Duration::from_millis(10)));
        let _ = write_frame(&mut stream, &Response::Failed(Failure::Overloaded {}));
        return;
    }
    let shared = Arc::clone(agent);
    let spawned = thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let place = Place(&shared);
            connection::serve(&shared, &stream);
            drop(place);
        });
    if let Err(error) = spawned {
        agent.connections.fetch_sub(1, Ordering::AcqRel);
        audit::line("error", "cannot start a thread", &[("error", error.to_string().into())]);
    }
}

/// Gives the connection's place back, also when its thread panics.
struct Place<'a>(&'a Agent);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}
