use axum::routing::{get, post};
use mpanel_telemetry::spawn_named;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: panel\r\n\r\n";

struct Served {
    folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Served {
    fn new(most: usize, app: Router) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = spawn_named("test.server", async move {
            let stop = async { drop(stopped.await) };
            serve_at_most(most, listener, app, stop).await;
        });
        Self { folder, stop, ended }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("socket")).await.unwrap()
    }
}

async fn answer(stream: &mut UnixStream) -> String {
    let mut bytes = [0; 1024];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test]
async fn what_is_beyond_the_places_waits_for_one() {
    let served = Served::new(1, Router::new().route("/", get(|| async { "well" })));
    let mut first = served.connect().await;
    first.write_all(GET).await.unwrap();
    assert!(answer(&mut first).await.ends_with("well"));
    let mut second = served.connect().await;
    second.write_all(GET).await.unwrap();
    let mut byte = [0];
    assert!(futures_util::poll!(std::pin::pin!(second.read(&mut byte))).is_pending());
    first.write_all(GET).await.unwrap();
    assert!(
        answer(&mut first).await.ends_with("well"),
        "the one that has it goes on"
    );
    drop(first);
    assert!(answer(&mut second).await.ends_with("well"));
}

#[tokio::test]
async fn what_is_at_work_is_finished_when_it_stops() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let work = {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        move || {
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            async move {
                begun.notify_one();
                go.notified().await;
                "done"
            }
        }
    };
    let served = Served::new(8, Router::new().route("/", get(work)));
    let (mut idle, mut busy) = (served.connect().await, served.connect().await);
    busy.write_all(GET).await.unwrap();
    begun.notified().await;
    served.stop.send(()).unwrap();
    assert_eq!(answer(&mut idle).await, "", "one that asks for nothing is closed");
    go.notify_one();
    assert!(answer(&mut busy).await.ends_with("done"));
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_head_beyond_what_is_kept_for_it_is_refused() {
    let served = Served::new(8, Router::new().route("/", post(|| async { "taken" })));
    let mut stream = served.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nhost: panel\r\nx-long: {}\r\n\r\n",
        "a".repeat(4 * BUFFER)
    );
    // It may be closed before all was sent.
    let _sent = stream.write_all(head.as_bytes()).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 431 "));
}
