//! Homes, lost factors and what is kept for a while.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;

use super::super::homes::{BRAND, hang};
use super::super::store::memberships::{audited, number};
use super::super::support::{HOST, OWNER, PASSWORD, World, presence, sign_in};
use super::super::totp::enrol;
use crate::domain::{NewRealm, Presence};
use crate::give_up_sealed;
use crate::homes::Homes;
use crate::lost_factors::LostFactors;
use crate::reconcile::Retention;
use crate::service::SignedIn;

const ADA: &str = "ada@example.com";

/// `identity.homes`: a customer that moves below a brand and back again, with somebody who is signed in.
struct Moving {
    world: World,
    customer: TenantId,
    brand: TenantId,
    below_brand: Mutex<bool>,
}

impl Moving {
    async fn signs_in(&self, host: &str) -> bool {
        let there = Presence {
            host: host.to_owned(),
            ..presence()
        };
        let signed_in = self.world.identity.sign_in(&there, sign_in(ADA, PASSWORD, None));
        signed_in.await.is_ok()
    }
}

#[async_trait]
impl ReconcilerWorld for Moving {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Homes(self.world.identity.clone()))
    }

    async fn disturb(&self) {
        let below_brand = {
            let mut below = self.below_brand.lock().unwrap();
            *below = !*below;
            *below
        };
        let parent = if below_brand { self.brand } else { self.world.platform() };
        hang(&self.world, self.customer, parent).await;
    }

    async fn check(&self) -> Result<(), String> {
        let below_brand = *self.below_brand.lock().unwrap();
        let at = [self.signs_in(HOST).await, self.signs_in(BRAND).await];
        if at != [!below_brand, below_brand] {
            return Err(format!(
                "below the brand: {below_brand}; at the panel and the brand: {at:?}"
            ));
        }
        let open = "select count(*) from identity.sessions s join identity.users u on u.id = s.user_id
                    where s.ended_at is null and s.realm_id <> u.realm_id";
        match number(&self.world.db, open).await {
            0 => Ok(()),
            open => Err(format!("{open} sessions of the realm before are open")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn following_moves_stands_being_broken_off_anywhere() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account;
    let brand = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.customer().await;
    let new = NewRealm {
        name: "Brand".to_owned(),
        brand,
        hosts: vec![BRAND.to_owned()],
    };
    let cx = world.platform_cx(owner.id);
    world.identity.create_realm(&cx, new, HOST).await.unwrap();
    world.member(ADA, customer, Role::Owner).await;
    let moving = Moving {
        world,
        customer,
        brand,
        below_brand: Mutex::new(false),
    };
    try_reconciler("identity.homes", &moving).await;
}

/// `identity.lost_factors`: somebody whose second factor is lost again and again.
struct Losing {
    world: World,
    ada: SignedIn,
    lost: Mutex<i64>,
    told: Mutex<i64>,
}

#[async_trait]
impl ReconcilerWorld for Losing {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(LostFactors(self.world.identity.clone()))
    }

    async fn disturb(&self) {
        let world = &self.world;
        // Each proof is an attempt, and the attempts of one account are counted.
        world.clock.advance(SignedDuration::from_hours(1));
        enrol(world, &self.ada, self.ada.me.home.tenant.id).await;
        world.mails().await;
        let mut tx = world.db.platform(Reason::Lifecycle("test")).await.unwrap();
        give_up_sealed(&mut tx, &*world.clock).await.unwrap();
        tx.commit().await.unwrap();
        *self.lost.lock().unwrap() += 1;
    }

    /// She is told each time, once, and the log says so.
    async fn check(&self) -> Result<(), String> {
        let mails = self.world.mails().await;
        let about = mails
            .iter()
            .filter(|mail| mail.text.contains("A key of the installation was lost"));
        let told = {
            let mut told = self.told.lock().unwrap();
            *told += about.count() as i64;
            *told
        };
        let lost = *self.lost.lock().unwrap();
        let logged = audited(&self.world.db, "identity.totp.lost").await;
        match (told, logged) == (lost, lost) {
            true => Ok(()),
            false => Err(format!(
                "lost {lost} times, told {told} times and logged {logged} times"
            )),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn telling_of_lost_factors_stands_being_broken_off_anywhere() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world.member(ADA, customer, Role::Owner).await;
    world.mails().await;
    let losing = Losing {
        world,
        ada,
        lost: Mutex::default(),
        told: Mutex::default(),
    };
    try_reconciler("identity.lost_factors", &losing).await;
}

/// `identity.retention`: somebody who signs in twice a year.
struct Returning(World);

#[async_trait]
impl ReconcilerWorld for Returning {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Retention(self.0.identity.clone()))
    }

    async fn disturb(&self) {
        self.0.sign_in(OWNER, PASSWORD, None).await.unwrap();
        self.0.clock.advance(SignedDuration::from_hours(24 * 180));
        self.0.sign_in(OWNER, PASSWORD, None).await.unwrap();
    }

    async fn check(&self) -> Result<(), String> {
        let left = [
            number(&self.0.db, "select count(*) from identity.sessions").await,
            number(&self.0.db, "select count(*) from identity.sign_ins").await,
        ];
        match left {
            [1, 1] => Ok(()),
            left => Err(format!("sessions and sign-ins are {left:?}, not the one of today")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_stands_being_broken_off_anywhere() {
    try_reconciler("identity.retention", &Returning(World::claimed().await)).await;
}
