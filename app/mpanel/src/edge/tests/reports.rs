//! What the process reports upwards: all of it, once, whoever dies meanwhile.

use std::collections::BTreeMap;

use mpanel_feed::frame::{self, ClientFrame, ServerFrame};
use mpanel_feed::{SiteUsage, Usage};
use tokio::net::UnixStream;

use super::process::{Node, get, welcomed_with};
use super::{HOST, host, leave_snapshot, site};

/// A control plane's tables: the highest figures by boot.
#[derive(Default)]
struct Books(BTreeMap<String, SiteUsage>);

impl Books {
    fn keep(&mut self, usage: &Usage) {
        for site in &usage.sites {
            let known = self.0.entry(usage.boot.clone()).or_insert_with(|| site.clone());
            assert!(
                known.bytes_out <= site.bytes_out,
                "what was reported is never taken back"
            );
            *known = site.clone();
        }
    }

    fn total(&self) -> (u64, u64) {
        let all = self.0.values();
        all.fold((0, 0), |sum, site| (sum.0 + site.requests, sum.1 + site.bytes_out))
    }
}

/// The next report on a connection.
async fn report(stream: &mut UnixStream) -> Usage {
    loop {
        if let ClientFrame::Usage(usage) = frame::read(stream).await.unwrap() {
            return usage;
        }
    }
}

#[tokio::test]
async fn visits_are_reported_once_over_restarts_of_both_sides() {
    let node = Node::new();
    leave_snapshot(&node.snapshot(), vec![host(2, HOST, Some(site("one")))]);
    let mut books = Books::default();
    let mut sent = (0, 0);
    let mut visit = async |http| {
        let answer = get(http).await;
        assert!(answer.contains("200 OK"));
        sent = (sent.0 + 1, sent.1 + answer.len() as u64);
        sent
    };

    // Nobody takes reports; then the process is killed, some time after the last visit.
    node.run(async |http, _| {
        let mut last = (0, 0);
        for _ in 0..5 {
            last = visit(http).await;
        }
        let spool = node.snapshot().with_file_name("usage");
        let spooled = || {
            let file = std::fs::read_dir(&spool)
                .ok()?
                .flatten()
                .find(|e| e.path().extension().is_some())?;
            let usage: Usage = serde_json::from_slice(&std::fs::read(file.path()).ok()?).ok()?;
            Some((usage.sites[0].requests, usage.sites[0].bytes_out))
        };
        while spooled() != Some(last) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;

    let listener = node.feed();
    node.run(async |http, _| {
        // A report that was kept, and whose answer never comes.
        let (mut stream, _) = welcomed_with(&listener, true).await;
        let usage = report(&mut stream).await;
        assert_eq!(
            (usage.sites[0].tenant.as_str(), usage.sites[0].site.as_str()),
            ("tnt_1", "site_1")
        );
        books.keep(&usage);
        drop(stream);

        let (mut stream, _) = welcomed_with(&listener, true).await;
        let mut last = (0, 0);
        for _ in 0..3 {
            last = visit(http).await;
        }
        while books.total() != last {
            let usage = report(&mut stream).await;
            books.keep(&usage);
            assert!(books.total() <= last, "never more than what was sent");
            frame::write(&mut stream, &ServerFrame::UsageTaken { seq: usage.seq })
                .await
                .unwrap();
        }
    })
    .await;
    // Both processes have counted for themselves.
    assert_eq!(books.0.len(), 2);
}

#[tokio::test]
async fn an_older_control_plane_is_not_bothered() {
    let node = Node::new();
    leave_snapshot(&node.snapshot(), vec![host(2, HOST, Some(site("one")))]);
    let listener = node.feed();
    node.run(async |http, _| {
        let (mut stream, _) = welcomed_with(&listener, false).await;
        get(http).await;
        let said = tokio::time::timeout(std::time::Duration::from_millis(2500), report(&mut stream)).await;
        assert!(said.is_err(), "{said:?}");
    })
    .await;
}
