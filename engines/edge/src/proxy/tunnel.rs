//! After a switch of protocols (RFC 9110 §7.8): bytes both ways, and nothing is understood any more.

use std::io;
use std::pin::pin;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Version, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

use crate::server::OpenRequest;
use crate::upstream::InFlight;

/// Between two looks whether anything moves.
const LOOK: Duration = Duration::from_secs(1);

/// What goes on when the HTTP of a connection has ended.
pub(crate) struct Tunnel {
    pub(super) server: hyper::upgrade::OnUpgrade,
    pub(super) patience: Duration,
    /// The connection is busy, and so is the server, until the tunnel ends.
    pub(super) open: OpenRequest,
    pub(super) _in_flight: InFlight,
}

impl Tunnel {
    /// Passes bytes until both sides have ended, or neither has said anything for too long.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, mut client: S) -> io::Result<()> {
        let watch = self.open.watch();
        if !watch.is_quiet() {
            // It spoke before it knew that it may: what it said went to the HTTP before.
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "bytes before the switch of protocols",
            ));
        }
        watch.begin_tunnel();
        let mut server = TokioIo::new(self.server.await.map_err(io::Error::other)?);
        let mut passing = pin!(copy_bidirectional(&mut client, &mut server));
        loop {
            tokio::select! {
                ended = &mut passing => return ended.map(drop),
                () = tokio::time::sleep(LOOK.min(self.patience)) => if watch.still_for() > self.patience {
                    return Err(io::ErrorKind::TimedOut.into());
                },
            }
        }
    }
}

/// The protocol that a request asks to switch to.
pub(super) fn asked(version: Version, headers: &HeaderMap) -> Option<HeaderValue> {
    let is_upgrade = |value: &HeaderValue| {
        let tokens = value.to_str().unwrap_or_default().split(',');
        tokens
            .into_iter()
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    };
    let named = headers.get_all(header::CONNECTION).iter().any(is_upgrade);
    let mut protocols = headers.get_all(header::UPGRADE).iter();
    let protocol = protocols.next().filter(|_| version == Version::HTTP_11 && named)?;
    // HTTP itself is spoken by the edge alone: `h2c` would lead past it.
    let is_http = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or("http").to_ascii_lowercase();
        value.contains("h2c") || value.contains("http") || value.contains("tls")
    };
    (protocols.next().is_none() && !is_http(protocol)).then(|| protocol.clone())
}
