//! Nobody fills strangers' mailboxes through us.

use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_identity_contract::{Accounts as _, InviteError};
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};

use super::support::{LIMITS, World};
use crate::letters::harmless;
use crate::reconcile::Retention;

impl World {
    /// Mails an invitation to a tenant as that tenant does.
    async fn writes_to(&self, from: TenantId, home: TenantId, to: &str) -> Result<(), InviteError> {
        let mut tx = self.db.tenant(from).await.unwrap();
        let address = to.parse().unwrap();
        let now = self.clock.now();
        self.identity.invite(&mut tx, home, &address, "Stranger", now).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    fn hours_pass(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }
}

fn retry_after(refused: Result<(), InviteError>) -> u32 {
    let error = refused.expect_err("there is no room");
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::RateLimited, "identity.invitation.too_many")
    );
    error.retry_after().unwrap()
}

const HOUR: u32 = 3600;

#[tokio::test]
async fn one_address_gets_so_many_invitations_a_day_whoever_sends_them() {
    let world = World::claimed().await;
    let platform = world.platform();
    let mut tenants = Vec::new();
    for _ in 0..LIMITS.per_address_day {
        tenants.push(world.customer().await);
    }
    for tenant in &tenants {
        world.writes_to(*tenant, *tenant, "stranger@example.com").await.unwrap();
    }
    world.hours_pass(1);
    for tenant in [tenants[0], platform] {
        let wait = retry_after(world.writes_to(tenant, tenant, "Stranger@example.com").await);
        assert_eq!(wait, 23 * HOUR);
    }
    world
        .writes_to(tenants[0], tenants[0], "another@example.com")
        .await
        .unwrap();
    world.hours_pass(23);
    world
        .writes_to(tenants[0], tenants[0], "stranger@example.com")
        .await
        .unwrap();
}

#[tokio::test]
async fn what_tenants_below_mail_counts_for_those_above_them() {
    let world = World::claimed().await;
    let seller = world.child(world.platform(), TenantKind::Reseller).await;
    let other = world.customer().await;
    let mut made = Vec::new();
    for n in 0..LIMITS.per_tenant_day {
        // Whether the seller invites the owners of its customers, or they invite on their own.
        let customer = world.child(seller, TenantKind::Customer).await;
        let from = if n % 2 == 0 { seller } else { customer };
        let to = format!("stranger{n}@example.com");
        world.writes_to(from, customer, &to).await.unwrap();
        made.push(customer);
    }
    let fresh = world.child(seller, TenantKind::Customer).await;
    for (from, home) in [(seller, seller), (made[1], made[1]), (seller, fresh), (fresh, fresh)] {
        assert_eq!(
            retry_after(world.writes_to(from, home, "more@example.com").await),
            24 * HOUR
        );
    }
    // Neighbours have nothing to do with it, and the platform's mail server is its own.
    world.writes_to(other, other, "more@example.com").await.unwrap();
    for n in 0..=LIMITS.per_tenant_day {
        let home = world.customer().await;
        world
            .writes_to(world.platform(), home, &format!("imported{n}@example.com"))
            .await
            .unwrap();
    }
    world.hours_pass(24);
    world.writes_to(seller, fresh, "more@example.com").await.unwrap();
}

#[tokio::test]
async fn so_many_invitations_of_a_tenant_wait_at_a_time() {
    let world = World::claimed().await;
    let tenant = world.customer().await;
    for n in 0..LIMITS.waiting {
        world
            .writes_to(tenant, tenant, &format!("stranger{n}@example.com"))
            .await
            .unwrap();
    }
    let error = world.writes_to(tenant, tenant, "more@example.com").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Conflict, "identity.invitation.too_many_wait")
    );
    // Asked again, nobody more waits.
    world.writes_to(tenant, tenant, "stranger0@example.com").await.unwrap();
    // Of those that are too old nobody can accept one.
    world.hours_pass(8 * 24);
    world.writes_to(tenant, tenant, "more@example.com").await.unwrap();
}

#[tokio::test]
async fn sending_an_invitation_again_counts_as_well() {
    let world = World::claimed().await;
    let tenant = world.customer().await;
    let owner = world
        .member("owner@example.com", tenant, Role::Owner)
        .await
        .me
        .account
        .id;
    let invited = world.invite("stranger@example.com", tenant, Role::Viewer).await;
    let cx = world.owner_cx(owner, tenant);
    for _ in 1..LIMITS.per_address_day {
        world.identity.resend_invitation(&cx, invited.user).await.unwrap();
    }
    let error = world.identity.resend_invitation(&cx, invited.user).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::RateLimited, "identity.invitation.too_many")
    );
    assert!(error.retry_after().is_some());
    // What was refused has changed nothing: the link of before is the one that works.
    assert_eq!(world.identity.list_invitations(&cx).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_mailed_is_forgotten_after_a_day_and_names_nobody() {
    let world = World::claimed().await;
    let tenant = world.customer().await;
    world.writes_to(tenant, tenant, "stranger@example.com").await.unwrap();
    let rows = async || {
        let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("select recipient from identity.invitation_mails where tenant_id = $1")
                .bind(tenant.uuid())
                .fetch_all(tx.conn())
                .await
                .unwrap();
        rows
    };
    assert_eq!(rows().await[0].len(), 32);
    let retention = Retention(world.identity.clone());
    retention.pass().await.unwrap();
    assert_eq!(rows().await.len(), 1);
    world.hours_pass(25);
    retention.pass().await.unwrap();
    assert!(rows().await.is_empty());
}

#[test]
fn a_name_brings_no_link_and_no_line_into_a_letter_to_a_stranger() {
    for (name, shown) in [
        ("Win http://evil.example/now today", "Win … today"),
        ("WWW.evil.example", "…"),
        ("evil.example/now", "…"),
        ("shop.example", "shop.example"),
        ("A\r\nBcc: all@example.com", "A Bcc: all@example.com"),
        ("Ada\u{2028}Lovelace", "Ada Lovelace"),
    ] {
        assert_eq!(harmless(name), shown);
    }
}
