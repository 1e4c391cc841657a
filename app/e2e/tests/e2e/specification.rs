//! The served description of the API, tried by Schemathesis: what it promises is kept, whatever is sent.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::System;
use crate::harness::accounts::claim;
use crate::harness::website;

/// Requests for each operation beyond those that its description suggests. `make fuzz-api` makes more.
const EXAMPLES: &str = "3";

/// What would end the test's own credential, or never ends.
const LEFT_OUT: [&str; 4] = ["events_stream", "api_tokens_delete", "members_delete", "members_update"];

/// Where Schemathesis is, which is fetched when it is not there yet.
fn program() -> std::path::PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(Into::into);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/schemathesis");
    let output = Command::new(script)
        .arg(cache.expect("HOME is set").join("mpanel"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Path::new(String::from_utf8(output.stdout).unwrap().trim()).join("st")
}

#[tokio::test]
async fn nothing_that_is_sent_breaks_a_promise_of_the_description() {
    let st = program();
    let system = System::start().await;
    let owner = claim(&system).await;
    // Something to read and to change.
    let site = owner.site("www.described.example").await;
    owner.publish(&site, &website::page("described")).await;
    owner.plan(None).await;
    let body = json!({"name": "description", "scopes": ["*"]});
    let token = owner.api.post("/api-tokens", body).await.expect(201).text("/token");

    let mut document = owner.api.spec().await.document.clone();
    // A request with two credentials is refused, whatever else is in it.
    document["components"]["securitySchemes"]
        .as_object_mut()
        .unwrap()
        .remove("session");
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            if operation["security"].is_array() {
                operation["security"] = json!([{"token": []}]);
            }
        }
    }
    let scratch = system.scratch();
    let file = scratch.join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");

    let mut command = Command::new(st);
    command.arg("--config-file").arg(config).arg("run").arg(&file).args([
        "--url",
        &format!("http://{}", system.address("panel")),
        "--header",
        &format!("Authorization: Bearer {token}"),
        "--max-examples",
        &std::env::var("MPANEL_API_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned()),
        "--seed",
        &std::env::var("MPANEL_API_SEED").unwrap_or_else(|_| "1".to_owned()),
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--checks",
        "all",
        // Tried with fields that are wrong as well, and whoever looks at those first is right too.
        "--exclude-checks",
        "unsupported_method",
        "--continue-on-failure",
        "--no-color",
    ]);
    for operation in LEFT_OUT {
        command.args(["--exclude-operation-id", operation]);
    }
    let output = command.current_dir(&scratch).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Only signing in takes no credential that could be made up; if more were refused, nothing was tried.
    assert!(
        !told.contains("Authentication failed") || told.contains("Authentication failed: 1 operation"),
        "{told}"
    );
}
