use std::time::Duration;

use mpanel_process::procfs;

use super::{TestPostgres, cluster, folders};

#[tokio::test]
async fn databases_are_separate_and_clones_are_equal() {
    let postgres = TestPostgres::shared();
    let (first, second) = tokio::join!(postgres.create_database("one"), postgres.create_database("two"));
    assert_ne!(first.name, second.name);
    mpanel_pg::migrate(&first.panel, &[mpanel_pg::FOUNDATION])
        .await
        .unwrap();
    let copy = postgres.clone_template(&first).await;
    // The copy holds what the template held: migrating finds nothing to do.
    mpanel_pg::migrate(&copy.panel, &[mpanel_pg::FOUNDATION]).await.unwrap();
    let db = mpanel_pg::Db::connect(copy.panel, 2).await.unwrap();
    assert!(db.is_up().await);
    db.close().await;
    postgres.drop_database(second).await;
}

#[test]
fn the_server_is_shared_and_found_without_a_runtime() {
    let pointer: *const TestPostgres = TestPostgres::shared();
    assert_eq!(pointer, TestPostgres::shared() as *const _);
}

#[tokio::test]
async fn what_a_dead_test_process_left_is_swept_away() {
    let base = folders::base().unwrap();
    // A pid above the kernel's largest: no process has it.
    let left = base.join("4194999-1");
    std::fs::create_dir_all(left.join("data")).unwrap();
    folders::sweep(&base).await;
    assert!(!left.exists());
    let own = base.join(format!(
        "{}-{}",
        std::process::id(),
        procfs::stat(std::process::id()).unwrap().start
    ));
    TestPostgres::shared();
    folders::sweep(&base).await;
    assert!(own.exists());
}

#[test]
fn the_server_ends_with_the_thread_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let options = cluster::options(dir.path()).unwrap();
    let pid = cluster::on_a_thread(async move {
        Ok(mpanel_pg::server::start(&options)
            .await
            .map_err(|error| error.to_string())?
            .pid())
    })
    .unwrap();
    let start = std::time::Instant::now();
    while procfs::stat(pid).is_some_and(|stat| stat.is_alive()) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the server outlived its thread"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
