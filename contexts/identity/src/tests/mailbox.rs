//! What the context has mailed, read as a person would.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_client_mailer::{Brand, Mail, MailError, Mailer, Post};
use mpanel_events::{Spine, Tail};
use mpanel_jobs::{Runtime, Tuning};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_telemetry::spawn_named;
use mpanel_tenancy_contract::Memberships;

use super::store::memberships::number;
use super::support::World;
use crate::service::AnswerResets;

/// Keeps what is sent.
#[derive(Default)]
pub struct Mailbox(Mutex<Vec<Mail>>);

#[async_trait]
impl Mailer for Mailbox {
    fn transport(&self) -> &'static str {
        "mailbox"
    }

    fn delivers(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        self.0.lock().unwrap().push(mail.clone());
        Ok("taken".to_owned())
    }
}

impl Mailbox {
    pub fn post(self: &Arc<Self>, spine: &Spine, clock: SharedClock) -> Post {
        Post::new(spine, clock, self.clone(), Brand::own("https://panel.example.com"))
    }
}

impl World {
    /// Takes somebody out of a tenant, as tenancy does.
    pub async fn take_out(&self, tenant: TenantId, user: UserId) {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        Memberships::leave(&*self.memberships, &mut tx, user).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Works on what waits until nothing does, and gives out what was mailed since the last time.
    pub async fn mails(&self) -> Vec<Mail> {
        let runtime = Runtime {
            spine: self.identity.0.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: Vec::new(),
            reconcilers: Vec::new(),
            jobs: vec![
                self.identity.0.mail.job(),
                Arc::new(AnswerResets(self.identity.clone())),
            ],
            tuning: Tuning::default(),
        };
        let running = spawn_named("test.runtime", runtime.run());
        while number(&self.db, "select count(*) from jobs.jobs where state <> 'dead'").await > 0 {
            tokio::task::yield_now().await;
        }
        running.abort();
        assert_eq!(
            number(&self.db, "select count(*) from jobs.jobs").await,
            0,
            "a dead letter"
        );
        std::mem::take(&mut *self.mailbox.0.lock().unwrap())
    }

    /// The only mail since the last time.
    pub async fn mail(&self) -> Mail {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0)
    }
}

/// The tokens behind the `#` of the links to a page of the panel.
pub fn links(mail: &Mail, page: &str) -> Vec<String> {
    let start = format!("https://panel.example.com/{page}#");
    mail.text
        .lines()
        .filter_map(|line| line.strip_prefix(&start))
        .map(str::to_owned)
        .collect()
}

/// The token of the only such link.
pub fn link(mail: &Mail, page: &str) -> String {
    let mut links = links(mail, page);
    assert_eq!(links.len(), 1, "{}", mail.text);
    links.remove(0)
}
