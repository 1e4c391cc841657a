//! `mpanel up --demo`: what a first look at mPanel finds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Certificate;
use reqwest::tls::TlsInfo;

use crate::harness::{System, client, eventually};

/// The sites of the demo by their names, each with the headline of its newest start page, as the sources have them.
fn expected() -> Vec<(String, String)> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mpanel/demo");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let sites = entries(&demo).into_iter().filter(|path| path.is_dir());
    sites
        .map(|site| {
            let pages = entries(&site)
                .into_iter()
                .rev()
                .map(|release| release.join("index.html"));
            let page = pages.filter(|page| page.exists()).map(std::fs::read_to_string).next();
            let page = page.expect("a start page").unwrap();
            let title = page.lines().find_map(|line| line.strip_prefix("title: ")).unwrap();
            (site.file_name().unwrap().to_str().unwrap().to_owned(), title.to_owned())
        })
        .collect()
}

/// The names in a certificate.
fn names(der: &[u8]) -> String {
    let mut openssl = Command::new("openssl")
        .args(["x509", "-inform", "DER", "-noout", "-ext", "subjectAltName"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("OpenSSL comes with ca-certificates");
    openssl.stdin.take().unwrap().write_all(der).unwrap();
    let output = openssl.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().last().unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_demo_ends_ready_and_each_of_its_sites_is_live_under_its_own_certificate() {
    let mut system = System::prepare(&[]);
    system.flag("--demo");
    system.up().await;
    eventually("the demo is ready", async || {
        let output = system.output();
        assert!(!output.contains("the demo is not complete"), "{output}");
        output.contains("The demo provider is ready.").then_some(())
    })
    .await;
    let output = system.output();
    let address = system.address("edge_https");
    let authority = system.authority().await;
    let sites = expected();
    assert!(sites.len() >= 5, "{sites:?}");
    for (site, title) in &sites {
        let host = format!("{site}.localhost");
        let url = format!("https://{host}:{}/", address.port());
        assert!(output.contains(&url), "{url} is not in the table:\n{output}");
        let http = client::builder()
            .tls_certs_only(Certificate::from_pem_bundle(&authority).unwrap())
            .tls_info(true)
            .resolve(&host, address)
            .build()
            .unwrap();
        let answer = http
            .get(&url)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert_eq!(answer.status(), 200, "{url}");
        let tls: &TlsInfo = answer.extensions().get().unwrap();
        assert_eq!(names(tls.peer_certificate().unwrap()), format!("DNS:{host}"), "{url}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(title.as_str()), "{url} does not say {title:?}:\n{page}");
        for (_, other) in sites.iter().filter(|(other, _)| other != site) {
            assert!(!page.contains(&format!("<title>{other}")), "{url} is another's");
        }
    }
    let kept = std::fs::read_to_string(system.data().join("run/demo-credentials")).unwrap();
    assert!(kept.contains("finished = true"), "the next start would go on");
}
