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

/// The code of all tests called `faults`, of all crates, without comments and spaces. The harness is called there with the name of
/// what it is to try, and makes sure that this is what it was given.
fn tried() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<PathBuf> = ["lib", "clients", "contexts", "app"].map(|tier| root.join(tier)).into();
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_faults = path.iter().any(|part| part == "faults" || part == "faults.rs");
            if path.is_dir() {
                folders.push(path);
            } else if is_faults && path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&bare(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    code
}

/// Code without comments and spaces.
fn bare(code: &str) -> String {
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

/// Whether the harness is called with it; `by` is how.
fn is_tried(code: &str, by: &str, name: &str) -> bool {
    code.contains(&format!("{by}(\"{name}\","))
}

#[test]
fn what_stands_in_a_comment_alone_is_not_tried() {
    let code = bare(
        "/// `a.b`: try_job(\"a.b\", &world)\nfn x() {\n    try_job(\n        \"c.d\",\n        &world,\n    ) // \"e.f\"\n}",
    );
    assert!(is_tried(&code, "try_job", "c.d"));
    for name in ["a.b", "e.f", "c"] {
        assert!(!is_tried(&code, "try_job", name), "{name} in {code}");
    }
    assert!(!is_tried(&code, "try_reconciler", "c.d"), "as something else");
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
    let operations: Vec<&str> = runtime
        .operations
        .iter()
        .map(|operation| operation.kind().name)
        .collect();
    assert!(operations.len() >= 4, "{operations:?}");
    let untried = |by: &str, names: Vec<&'static str>| -> Vec<&'static str> {
        let missing = names.into_iter().filter(|name| !is_tried(&tried, by, name));
        missing.collect()
    };
    let missing = untried("try_operation", operations);
    assert!(
        missing.is_empty(),
        "tell src/tests/faults of their context how to start these operations and what must hold when they ended: {missing:?}"
    );
    let reconcilers = runtime.reconcilers.iter().map(|reconciler| reconciler.name());
    let jobs = runtime.jobs.iter().map(|job| job.kind());
    let mut missing = untried("try_reconciler", reconcilers.collect());
    missing.extend(untried("try_job", jobs.collect()));
    assert!(
        missing.is_empty(),
        "tell the tests called faults of their crate what disturbs them: {missing:?}"
    );
}
