//! Takes the edge's connections, as many and with as much memory each as was counted on.

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mpanel_telemetry::spawn_named;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;

/// Open at once, streams of events among them; further ones wait until the edge gives them up.
const CONNECTIONS: usize = 4096;
/// What one may hold of a request that is being read, or twice that; also the longest head, many times what a browser sends.
/// Five hundred bodies on their way held 60 MiB in buffers of four times this.
const BUFFER: usize = 16 * 1024;
/// After an accept that failed, as it does when there are no files left to open.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves until `stop` ends; requests at work are finished then.
pub(super) async fn serve(listener: UnixListener, app: Router, stop: impl Future<Output = ()>) {
    serve_at_most(CONNECTIONS, listener, app, stop).await;
}

async fn serve_at_most(most: usize, listener: UnixListener, app: Router, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER);
    let places = Arc::new(Semaphore::new(most));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "cannot take a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(app.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        spawn_named("http.connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    open.shutdown().await;
}
