use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Tail, Vault};
use mpanel_jobs::{DeadFilter, Job, Reach, Runtime, Tuning, list_dead};
use mpanel_kernel::clock::{ManualClock, SharedClock};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Db, Reason};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::database::migrated;
use tokio::sync::Notify;

use super::support::{letter, now};
use crate::{Brand, Letter, Mail, MailError, Mailer, Post};

/// Answers as it is told, and keeps what it was given.
#[derive(Default)]
struct Told {
    answers: Mutex<VecDeque<MailError>>,
    given: Mutex<Vec<Mail>>,
    sent: Notify,
}

#[async_trait]
impl Mailer for Told {
    fn transport(&self) -> &'static str {
        "told"
    }

    fn delivers(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        self.given.lock().unwrap().push(mail.clone());
        match self.answers.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => {
                self.sent.notify_one();
                Ok("ok".to_owned())
            }
        }
    }
}

struct World {
    db: Db,
    clock: Arc<ManualClock>,
    told: Arc<Told>,
    post: Post,
    spine: Spine,
    _folder: tempfile::TempDir,
}

/// The job without its pauses: they are the clock's matter, which no test waits for.
struct Impatient(Arc<dyn Job>);

#[async_trait]
impl Job for Impatient {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    async fn run(&self, payload: &serde_json::Value, cx: &mpanel_jobs::JobCx) -> Result<(), mpanel_jobs::JobError> {
        self.0.run(payload, cx).await
    }

    fn max_attempts(&self) -> u32 {
        self.0.max_attempts()
    }

    fn backoff(&self, _attempt: u32) -> Duration {
        Duration::ZERO
    }
}

impl World {
    async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
        ];
        let db = Db::connect(migrated(&modules).await.panel, 6).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        let spine = Spine::new(db.clone(), Arc::new(Vault::new(master)));
        let clock = Arc::new(ManualClock::new(now()));
        let told = Arc::new(Told::default());
        let shared: SharedClock = clock.clone();
        let post = Post::new(&spine, shared, told.clone(), Brand::own("https://panel.example.com"));
        Self {
            db,
            clock,
            told,
            post,
            spine,
            _folder: folder,
        }
    }

    async fn enqueue(&self, tenant: TenantId, letter: &Letter) {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        self.post
            .enqueue(&mut tx, &"ada@example.com".parse().unwrap(), letter)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    fn run(&self) {
        let runtime = Runtime {
            spine: self.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: Vec::new(),
            reconcilers: Vec::new(),
            jobs: vec![Arc::new(Impatient(self.post.job()))],
            tuning: Tuning::default(),
        };
        spawn_named("test.runtime", runtime.run());
    }

    async fn dead(&self) -> Vec<String> {
        loop {
            let mut tx = self.db.platform(Reason::Administer("test")).await.unwrap();
            let page = list_dead(&mut tx, Reach::Everyone, &DeadFilter::default(), PageRequest::default())
                .await
                .unwrap();
            if !page.items.is_empty() {
                return page
                    .items
                    .into_iter()
                    .map(|job| format!("{}: {}", job.payload, job.error))
                    .collect();
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_letter_waits_sealed_and_goes_once_its_change_is_committed() {
    let world = World::new().await;
    let tenant = TenantId::generate();
    let mut undone = world.db.tenant(tenant).await.unwrap();
    world
        .post
        .enqueue(&mut undone, &"eve@example.com".parse().unwrap(), &letter())
        .await
        .unwrap();
    drop(undone);
    world.enqueue(tenant, &letter()).await;
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    world
        .post
        .enqueue_as_platform(&mut tx, &"bob@example.com".parse().unwrap(), &letter())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.run();
    world.told.sent.notified().await;
    while world.told.given.lock().unwrap().len() < 2 {
        world.told.sent.notified().await;
    }
    let given = world.told.given.lock().unwrap().clone();
    let mut to: Vec<&str> = given.iter().map(|mail| mail.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["ada@example.com", "bob@example.com"]);
    assert!(given[0].text.contains("/reset#reset_abc"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_is_final_is_a_dead_letter() {
    let world = World::new().await;
    let tenant = TenantId::generate();
    world.told.answers.lock().unwrap().extend([
        MailError::Temporary("greylisted".to_owned()),
        MailError::Temporary("greylisted".to_owned()),
        MailError::Permanent("550 nobody here".to_owned()),
    ]);
    world.enqueue(tenant, &letter()).await;
    world.run();
    let dead = world.dead().await;
    let given = world.told.given.lock().unwrap().clone();
    assert_eq!((dead.len(), given.len()), (1, 3));
    assert!(
        given.iter().all(|mail| mail.id == given[0].id),
        "one mail, however often it is tried"
    );
    assert!(dead[0].contains("550 nobody here"), "{}", dead[0]);
    for secret in ["reset_abc", "ada@example.com", "Set a new password"] {
        assert!(!dead[0].contains(secret), "{secret} in {}", dead[0]);
    }
}

#[tokio::test]
async fn a_letter_that_comes_too_late_is_not_sent() {
    let world = World::new().await;
    let until = now() + SignedDuration::from_mins(30);
    world.enqueue(TenantId::generate(), &letter().until(until)).await;
    world.clock.advance(SignedDuration::from_mins(30));
    world.run();
    assert!(world.dead().await[0].contains("expired"));
    assert!(world.told.given.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pauses_grow_to_ten_minutes_and_last_for_hours() {
    let world = World::new().await;
    let job = world.post.job();
    let pauses: Vec<u64> = (1..job.max_attempts()).map(|n| job.backoff(n).as_secs()).collect();
    assert_eq!(pauses[..7], [10, 20, 40, 80, 160, 320, 600]);
    assert!(pauses.iter().sum::<u64>() >= 4 * 3600);
}
