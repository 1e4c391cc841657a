//! Reports of usage on their way from a data plane to whoever keeps them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_feed::frame::{self, ClientFrame, Hello, PROTOCOL, Role, ServerFrame};
use mpanel_feed::{SiteUsage, Usage};
use tokio::net::UnixStream;

use super::server::serve_with;
use super::support::Fixture;
use crate::UsageSink;

/// Keeps all reports but those with an even number.
#[derive(Default)]
struct Kept(Mutex<Vec<(String, Usage)>>);

#[async_trait]
impl UsageSink for Kept {
    async fn keep(&self, node: &str, usage: &Usage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if usage.seq.is_multiple_of(2) {
            return Err("the database is away".into());
        }
        self.0.lock().unwrap().push((node.to_owned(), usage.clone()));
        Ok(())
    }
}

async fn connect(folder: &Path) -> (UnixStream, bool) {
    let mut stream = UnixStream::connect(folder.join("feed.sock")).await.unwrap();
    let hello = Hello {
        protocol: PROTOCOL,
        role: Role::Edge,
        process: "edge".to_owned(),
        version: "0".to_owned(),
        position: None,
        topics: Vec::new(),
        public_key: None,
    };
    frame::write(&mut stream, &ClientFrame::Hello(hello)).await.unwrap();
    match frame::read(&mut stream).await.unwrap() {
        ServerFrame::Welcome { usage, .. } => (stream, usage),
        other => panic!("{other:?}"),
    }
}

fn usage(seq: u64) -> Usage {
    let site = SiteUsage {
        tenant: "tnt_1".to_owned(),
        site: "site_1".to_owned(),
        requests: 1,
        bytes_in: 2,
        bytes_out: 3,
        status: [0, 1, 0, 0, 0],
    };
    Usage {
        seq,
        boot: "b".to_owned(),
        window: "2026-11-23".to_owned(),
        sites: vec![site],
    }
}

/// The next answer to a report, and whether it is kept; `None` when the connection ends before.
async fn answer(stream: &mut UnixStream) -> Option<(u64, bool)> {
    loop {
        match frame::read(stream).await {
            Ok(ServerFrame::UsageTaken { seq }) => return Some((seq, true)),
            Ok(ServerFrame::UsageNotKept { seq }) => return Some((seq, false)),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

#[tokio::test]
async fn a_report_is_answered_once_it_is_kept_or_cannot_be() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let kept = Arc::new(Kept::default());
    let _serving = serve_with(&fixture, folder.path(), Some(kept.clone())).await;
    let (mut stream, wanted) = connect(folder.path()).await;
    assert!(wanted);
    frame::write(&mut stream, &ClientFrame::Usage(usage(1))).await.unwrap();
    assert_eq!(answer(&mut stream).await, Some((1, true)));
    // The connection goes on all the same.
    frame::write(&mut stream, &ClientFrame::Usage(usage(2))).await.unwrap();
    assert_eq!(answer(&mut stream).await, Some((2, false)));
    frame::write(&mut stream, &ClientFrame::Usage(usage(3))).await.unwrap();
    assert_eq!(answer(&mut stream).await, Some((3, true)));
    let node = || "node_1".to_owned();
    assert_eq!(*kept.0.lock().unwrap(), [(node(), usage(1)), (node(), usage(3))]);
}

#[tokio::test]
async fn who_takes_no_reports_says_so_and_cuts_off_who_makes_them() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let _serving = serve_with(&fixture, folder.path(), None).await;
    let (mut stream, wanted) = connect(folder.path()).await;
    assert!(!wanted);
    frame::write(&mut stream, &ClientFrame::Usage(usage(1))).await.unwrap();
    assert_eq!(answer(&mut stream).await, None);
}
