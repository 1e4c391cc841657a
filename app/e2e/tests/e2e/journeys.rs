//! The browser journeys of web/e2e, against a running installation.

use std::path::Path;
use std::process::Command;

use crate::harness::{System, website};

#[tokio::test]
async fn the_browser_journeys() {
    let system = System::start().await;
    let url = format!("http://{}", system.address("panel"));
    let claim = format!("{url}/claim#{}", system.claim_token().await);
    let authority = system.scratch().join("ca.pem");
    std::fs::write(&authority, system.authority().await).unwrap();
    let archive = system.scratch().join("manual.zip");
    std::fs::write(&archive, website::zip(&website::manual())).unwrap();
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    assert!(
        web.join("node_modules").exists(),
        "the journeys need the packages of web/: run `make web` first"
    );
    for journey in ["1-first-run", "2-customer", "3-access", "every-page", "4-day-to-day"] {
        let shots = std::env::var_os("MPANEL_SHOTS");
        let mut node = Command::new("node");
        node.current_dir(&web)
            .arg(format!("e2e/{journey}.mjs"))
            .env("MPANEL_URL", &url)
            .env("MPANEL_CLAIM", &claim)
            .env("MPANEL_CA", &authority)
            .env("MPANEL_ARCHIVE", &archive)
            .env("MPANEL_MAIL", system.data().join("mail"))
            .env("MPANEL_STATE", system.scratch().join("journeys.json"))
            .env("MPANEL_DOMAIN", "bakery.example")
            .env("MPANEL_HOSTS", "MAP *.example 127.0.0.1");
        if let Some(shots) = shots {
            node.env("MPANEL_SHOTS", shots);
        }
        let output = node.output().expect("Node.js runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{journey} ended with {}:\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}
