//! Everything that can go wrong with sending, on the way to a server that knows the rules.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Tail, Vault};
use mpanel_faultkit::{JobWorld, try_job};
use mpanel_jobs::{Job, JobCx, JobError, Runtime, Tuning};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Db;
use mpanel_telemetry::spawn_named;
use mpanel_testkit::database::migrated;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::support::{letter, pair};
use crate::fake::Peer;
use crate::{Brand, Encryption, Post, SEND};

/// Stands in for the job, and passes on what it was to do.
struct Caught(mpsc::UnboundedSender<(Option<TenantId>, Value)>);

#[async_trait]
impl Job for Caught {
    fn kind(&self) -> &'static str {
        SEND
    }

    async fn run(&self, payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        self.0.send((cx.tenant, payload.clone())).unwrap();
        Ok(())
    }
}

/// `mail.send`
struct Sending {
    spine: Spine,
    clock: SharedClock,
    post: Post,
    peer: Peer,
    tenant: TenantId,
    /// Letters so far; each goes to an address of its own.
    letters: Mutex<usize>,
    /// Mails that were caught.
    seen: Mutex<HashSet<String>>,
    _folder: tempfile::TempDir,
}

fn address(n: usize) -> String {
    format!("ada{n}@example.com")
}

#[async_trait]
impl JobWorld for Sending {
    fn spine(&self) -> Spine {
        self.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.clock.clone()
    }

    fn job(&self) -> Arc<dyn Job> {
        self.post.job()
    }

    async fn payload(&self) -> (Option<TenantId>, Value) {
        let n = {
            let mut letters = self.letters.lock().unwrap();
            *letters += 1;
            *letters
        };
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        let to = address(n).parse().unwrap();
        self.post.enqueue(&mut tx, &to, &letter()).await.unwrap();
        tx.commit().await.unwrap();
        let (catch, mut caught) = mpsc::unbounded_channel();
        let runtime = Runtime {
            spine: self.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: Vec::new(),
            reconcilers: Vec::new(),
            jobs: vec![Arc::new(Caught(catch))],
            tuning: Tuning::default(),
        };
        let _running = AbortOnDropHandle::new(spawn_named("test.runtime", runtime.run()));
        // One of before comes again when its end was not written down.
        loop {
            let (tenant, payload) = caught.recv().await.unwrap();
            if self.seen.lock().unwrap().insert(payload["mail"].to_string()) {
                return (tenant, payload);
            }
        }
    }

    /// A letter may come several times, when nobody knows that it came; its id is the same then.
    async fn check(&self, _payload: &Value) -> Result<(), String> {
        let to = address(*self.letters.lock().unwrap());
        let received = self.peer.received();
        let own = received.iter().filter(|mail| mail.to.contains(&to));
        let mut ids: Vec<&str> = own
            .filter_map(|mail| mail.data.lines().find(|line| line.starts_with("Message-ID:")))
            .collect();
        ids.dedup();
        match (ids.len(), self.peer.offences()) {
            (1, offences) if offences.is_empty() => Ok(()),
            (_, offences) => Err(format!("{to} has letters {ids:?}; against the rules was {offences:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_stands_being_broken_off_anywhere_and_whatever_it_is_given() {
    let modules = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let db = Db::connect(migrated(&modules).await.panel, 6).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
    let spine = Spine::new(db, Arc::new(Vault::new(master)));
    let clock: SharedClock = Arc::new(SystemClock);
    let (peer, mailer) = pair(Encryption::StartTls, Some("secret")).await;
    let brand = Brand::own("https://panel.example.com");
    let sending = Sending {
        post: Post::new(&spine, clock.clone(), Arc::new(mailer), brand),
        spine,
        clock,
        peer,
        tenant: TenantId::generate(),
        letters: Mutex::default(),
        seen: Mutex::default(),
        _folder: folder,
    };
    try_job("mail.send", &sending).await;
}
