//! A database whose answers get lost: what it has done counts, not what was heard of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream;
use mpanel_jobs::OperationState;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::PgConnectOptions;
use mpanel_telemetry::spawn_named;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::store::used;
use super::support::{World, archive, charged};
use crate::domain::ReleaseState;
use crate::service::NewUpload;

/// Stands between a process and PostgreSQL. The commit of a transaction in which `marked` was sent arrives there, and
/// its answer is cut off with the connection.
struct Cutter {
    cut: Arc<AtomicBool>,
    socket: PathBuf,
}

impl Cutter {
    fn new(folder: &Path, server: &PgConnectOptions, marked: &'static str) -> Self {
        let cut = Arc::new(AtomicBool::new(false));
        let flag = cut.clone();
        stand_between(folder, server, move |client, server| {
            pass_on(client, server, marked, flag.clone())
        });
        Self {
            cut,
            socket: folder.to_owned(),
        }
    }
}

/// Listens in `folder` as the server would, and has `pass_on` see to each connection, with one to the server.
pub(super) fn stand_between<F>(
    folder: &Path,
    server: &PgConnectOptions,
    pass_on: impl Fn(UnixStream, UnixStream) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let name = format!(".s.PGSQL.{}", server.get_port());
    let behind = server
        .get_socket()
        .cloned()
        .unwrap_or_else(|| server.get_host().into())
        .join(&name);
    let listener = UnixListener::bind(folder.join(&name)).unwrap();
    drop(spawn_named("between", async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&behind).await.unwrap();
            drop(spawn_named("between.connection", pass_on(client, server)));
        }
    }));
}

async fn pass_on(client: UnixStream, server: UnixStream, marked: &'static str, cut: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let (mut has_mark, mut commits) = (false, false);
    loop {
        tokio::select! {
            read = from_client.read(&mut request) => {
                let Ok(len @ 1..) = read else { return };
                let says = |word: &str| request[..len].windows(word.len()).any(|bytes| bytes == word.as_bytes());
                has_mark |= says(marked);
                commits = has_mark && says("COMMIT");
                to_server.write_all(&request[..len]).await.unwrap();
            }
            read = from_server.read(&mut answer) => {
                let Ok(len @ 1..) = read else { return };
                if commits && !cut.swap(true, Ordering::SeqCst) {
                    // The server has answered: it is committed. Nobody hears of it.
                    return;
                }
                to_client.write_all(&answer[..len]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_deployment_whose_commit_goes_unanswered_keeps_its_archive_and_goes_on() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let bytes = archive(&[("index.html", "hello")]);
    let cutter = Cutter::new(world.folder.path(), &world.options, "insert into jobs.operations");
    let sites = world.through(&cutter.socket).await;
    let new = NewUpload {
        filename: "site.tar.gz".into(),
        size: bytes.len() as i64,
    };
    let body = stream::iter([Ok::<_, ()>(bytes.clone().into())]);
    let begun = sites
        .create_release_of(&world.owner(), site, new, (true, None), body)
        .await;
    assert!(cutter.cut.load(Ordering::SeqCst), "nothing was cut off");
    begun.expect_err("whoever asked does not know");
    assert_eq!(world.blobs().len(), 1, "its archive is needed");

    let _server = world.serve();
    let page = PageRequest::default();
    let releases = world.sites.list_releases(&world.owner(), site, page).await.unwrap();
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    let operations = mpanel_jobs::list(&mut tx, &Default::default(), page).await.unwrap();
    tx.commit().await.unwrap();
    let ended = world.ended(operations.items[0].id).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
    assert_eq!(
        world.release(site, releases.items[0].id).await.state,
        ReleaseState::Active
    );
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], charged(1));
}
