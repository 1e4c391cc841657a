//! Answering those who have forgotten their password.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_crypto::{Token, TokenKind};
use mpanel_events::Spine;
use mpanel_faultkit::{JobWorld, try_job};
use mpanel_jobs::Job;
use mpanel_kernel::clock::{Clock as _, SharedClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};
use serde_json::Value;

use super::super::mailbox::links;
use super::super::support::{World, presence};
use crate::service::AnswerResets;
use crate::store::resets;

const ADA: &str = "ada@example.com";

/// `identity.password_reset.answer`
struct Answering(World);

#[async_trait]
impl JobWorld for Answering {
    fn spine(&self) -> Spine {
        self.0.identity.0.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn job(&self) -> Arc<dyn Job> {
        Arc::new(AnswerResets(self.0.identity.clone()))
    }

    async fn payload(&self) -> (Option<TenantId>, Value) {
        let world = &self.0;
        // Links are asked for a few times an hour.
        world.clock.advance(SignedDuration::from_hours(1));
        world
            .identity
            .request_reset(&presence(), ADA.parse().unwrap())
            .await
            .unwrap();
        let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
        let payload = sqlx::query_scalar("delete from jobs.jobs where kind = $1 returning payload")
            .bind(self.job().kind())
            .fetch_one(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (None, payload)
    }

    /// There may be several letters; they are for her alone, and one of their links works.
    async fn check(&self, _payload: &Value) -> Result<(), String> {
        let world = &self.0;
        let mails = world.mails().await;
        if let Some(other) = mails.iter().find(|mail| mail.to.as_str() != ADA) {
            return Err(format!("{} got a letter", other.to));
        }
        let mut good = 0;
        for token in mails.iter().flat_map(|mail| links(mail, "reset")) {
            let hash = Token::parse(TokenKind::Reset, &token).unwrap().hash();
            let mut tx = self.spine().db().spine().await.unwrap();
            good += usize::from(resets::find(&mut tx, &hash, world.clock.now()).await.unwrap().is_some());
            tx.end_read();
        }
        match good {
            1 => Ok(()),
            good => Err(format!("of {} letters {good} links work", mails.len())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answering_stands_being_broken_off_anywhere_and_whatever_it_is_given() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    world.member(ADA, customer, Role::Owner).await;
    world.mails().await;
    try_job("identity.password_reset.answer", &Answering(world)).await;
}
