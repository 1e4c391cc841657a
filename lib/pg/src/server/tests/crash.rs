use std::time::Duration;

use mpanel_process::{Process, Signal, Spawn, procfs};

use super::{Folder, connect, server_account, stop};
use crate::server::{self, Limits, Server};

async fn kill_postmaster(mut server: Server) {
    let process = Process::adopt(server.pid(), procfs::stat(server.pid()).unwrap().start)
        .unwrap()
        .unwrap();
    process.signal(Signal::KILL).unwrap();
    server.wait().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_recovers_although_a_busy_backend_outlives_it() {
    let folder = Folder::new();
    let mut options = folder.options();
    options.tuning.durable = true;
    let server = server::start(&options).await.unwrap();
    let mut connection = connect(&server).await;
    sqlx::raw_sql("create schema s; create table s.kept (n int); insert into s.kept values (7)")
        .execute(&mut connection)
        .await
        .unwrap();
    let (orphan,): (i32,) = sqlx::query_as("select pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    // A loop without a wait never looks whether its postmaster still lives.
    let busy = async {
        sqlx::raw_sql("do $$ begin loop end loop; end $$")
            .execute(&mut connection)
            .await
    };
    let mut observer = connect(&server).await;
    let kill_while_busy = async {
        let is_looping =
            "select exists (select from pg_stat_activity where pid = $1 and state = 'active' and query like 'do %')";
        loop {
            let looping: (bool,) = sqlx::query_as(is_looping)
                .bind(orphan)
                .fetch_one(&mut observer)
                .await
                .unwrap();
            if looping.0 {
                return kill_postmaster(server).await;
            }
        }
    };
    tokio::select! {
        _ = busy => panic!("the loop ended"),
        () = kill_while_busy => {}
    }
    assert!(procfs::stat(orphan as u32).unwrap().is_alive());

    let server = server::start(&options).await.unwrap();
    assert!(!procfs::stat(orphan as u32).is_some_and(|stat| stat.is_alive()));
    let kept: (i32,) = sqlx::query_as("select n from s.kept")
        .fetch_one(&mut connect(&server).await)
        .await
        .unwrap();
    assert_eq!(kept.0, 7);
    stop(server).await;
}

#[tokio::test]
async fn a_stale_pid_that_belongs_to_an_innocent_process_now_harms_neither() {
    let folder = Folder::new();
    let options = folder.options();
    kill_postmaster(server::start(&options).await.unwrap()).await;
    let mut innocent = Spawn::new("/bin/sleep")
        .arg("600")
        .run_as(server_account().as_ref())
        .start()
        .unwrap();
    let path = folder.path().join("postgres/postmaster.pid");
    let text = std::fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&path, format!("{}\n{rest}", innocent.pid())).unwrap();

    let server = server::start(&options)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", folder.log()));
    assert_ne!(server.pid(), innocent.pid());
    assert!(innocent.wait_for(Duration::ZERO).await.unwrap().is_none());
    stop(server).await;
    innocent.signal(Signal::KILL).unwrap();
    innocent.wait().await.unwrap();
}

#[tokio::test]
async fn a_living_server_is_adopted_and_can_be_stopped() {
    let folder = Folder::new();
    let options = folder.options();
    let first = server::start(&options).await.unwrap();
    let adopted = server::start(&options).await.unwrap();
    assert_eq!(adopted.pid(), first.pid());
    assert!(adopted.is_adopted());
    stop(adopted).await;
    assert!(!procfs::stat(first.pid()).is_some_and(|stat| stat.is_alive()));
    assert!(folder.log().contains("database system is shut down"));
    server::stop(&options, Limits::default()).await.unwrap();
}

#[tokio::test]
async fn a_session_that_ignores_everything_does_not_keep_the_server_from_stopping() {
    let folder = Folder::new();
    let options = folder.options();
    let server = server::start(&options).await.unwrap();
    let mut connection = connect(&server).await;
    let busy = async {
        sqlx::raw_sql("do $$ begin loop end loop; end $$")
            .execute(&mut connection)
            .await
    };
    let limits = Limits {
        fast: Duration::from_secs(5),
        immediate: Duration::from_secs(8),
    };
    let (ended, stopped) = tokio::join!(busy, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop(limits).await
    });
    assert!(ended.is_err());
    stopped.unwrap();
}

#[tokio::test]
async fn a_start_cut_short_leaves_nothing_behind() {
    let folder = Folder::new();
    let options = folder.options();
    stop(server::start(&options).await.unwrap()).await;
    for milliseconds in [0, 5, 10, 20, 40, 80] {
        let _cut = tokio::time::timeout(Duration::from_millis(milliseconds), server::start(&options))
            .await
            .map(|server| server.unwrap());
        server::stop(&options, Limits::default()).await.unwrap();
        // Before the server notes its pid only its ending by itself tells.
        let gone = async {
            while folder.has_server() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .expect("the server is left running");
    }
    stop(server::start(&options).await.unwrap()).await;
}
