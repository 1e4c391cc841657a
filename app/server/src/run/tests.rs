//! What is registered to work in the background, and whether anybody has tried it with what can go wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpanel_config::{Config, Sources};
use mpanel_events::{ServedBoard, Tail};
use mpanel_http::testing;
use mpanel_kernel::clock::{SharedClock, SystemClock};

use super::background;
use crate::MIGRATIONS;
use crate::contexts::Contexts;

/// The text of all tests called `faults`, of all crates: each names what it tries.
fn tried() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<PathBuf> = ["lib", "clients", "contexts", "app"].map(|tier| root.join(tier)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_faults = path.iter().any(|part| part == "faults" || part == "faults.rs");
            if path.is_dir() {
                folders.push(path);
            } else if is_faults && path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

#[tokio::test]
async fn everything_that_works_in_the_background_is_tried_with_everything_that_can_go_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::load(&Sources::default()).unwrap();
    config.data = folder.path().to_owned();
    let spine = testing::spine(&MIGRATIONS).await;
    let clock: SharedClock = Arc::new(SystemClock);
    let (board, tail) = (ServedBoard::default(), Tail::default());
    let contexts = Contexts::open(&config, true, &spine, &clock, (&board, &tail))
        .await
        .unwrap();
    let modules = contexts.modules(&config, &clock);
    let runtime = background(&contexts, &modules, &spine, &tail, &clock);

    let tried = tried();
    let untried = |name: &str| !tried.contains(&format!("`{name}`"));
    let operations: Vec<&str> = runtime
        .operations
        .iter()
        .map(|operation| operation.kind().name)
        .collect();
    assert!(operations.len() >= 4, "{operations:?}");
    let missing: Vec<&&str> = operations.iter().filter(|name| untried(name)).collect();
    assert!(
        missing.is_empty(),
        "tell src/tests/faults of their context how to start these operations and what must hold when they ended: {missing:?}"
    );
    let reconcilers = runtime.reconcilers.iter().map(|reconciler| reconciler.name());
    let jobs = runtime.jobs.iter().map(|job| job.kind());
    let missing: Vec<&str> = reconcilers.chain(jobs).filter(|name| untried(name)).collect();
    assert!(
        missing.is_empty(),
        "tell the tests called faults of their crate what disturbs them: {missing:?}"
    );
}
