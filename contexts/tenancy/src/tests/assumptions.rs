//! Acting for a tenant below: with a reason, for a while, seen by the tenant, and with its leave where it wants that.

use jiff::SignedDuration;
use mpanel_authz::{Actor, OpCx, OpCxParts, Role, Scopes, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{ApiTokenId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::{Acting, Memberships as _};
use serde_json::json;

use crate::domain::{AssumptionState, Tenant, TenantState};
use crate::error::Error;
use crate::service::{AddMember, Assume, Shown, TenantPatch};
use crate::tests::support::World;

mod consent;
mod several;

fn because(reason: &str, minutes: i32) -> Assume {
    Assume {
        reason: reason.to_owned(),
        minutes,
    }
}

/// A reseller with a member, and a customer below it with an owner.
struct Scene {
    world: World,
    reseller: Tenant,
    customer: Tenant,
    /// Of the reseller.
    helper: UserId,
    /// Of the customer.
    ada: UserId,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let reseller = world.reseller("Shop").await;
        let customer = world
            .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
            .await;
        let helper = join(&world, reseller.id, "helper@example.com", Role::Admin).await;
        let ada = join(&world, customer.id, "ada@example.com", Role::Owner).await;
        Self {
            world,
            reseller,
            customer,
            helper,
            ada,
        }
    }

    fn cx(&self, tenant: &Tenant, user: UserId, role: Role) -> OpCx {
        OpCx::new(OpCxParts {
            actor: Actor::User(user),
            ..self.world.parts(tenant.id, tenant.kind, role)
        })
    }

    fn helper(&self) -> OpCx {
        self.cx(&self.reseller, self.helper, Role::Admin)
    }

    fn ada(&self) -> OpCx {
        self.cx(&self.customer, self.ada, Role::Owner)
    }

    /// What the gate makes of what is open.
    async fn acting(&self) -> Acting {
        self.world.acting(self.helper, self.customer.id).await.unwrap()
    }

    async fn inside(&self) -> OpCx {
        let acting = self.acting().await;
        OpCx::new(OpCxParts {
            actor: Actor::User(self.helper),
            assumed_from: acting.assumed_from,
            assumption: acting.assumption,
            ..self.world.parts(self.customer.id, TenantKind::Customer, Role::Admin)
        })
    }

    async fn assume(&self, reason: &str, minutes: i32) -> Result<Shown, Error> {
        let asked = because(reason, minutes);
        self.world.service.assume(&self.helper(), self.customer.id, asked).await
    }

    async fn demand(&self, consent: bool) {
        let ada = self.ada();
        let set = self
            .world
            .service
            .set_support_settings(&ada, self.customer.id, consent, None);
        assert_eq!(set.await.unwrap().0, consent);
    }

    fn state(&self, shown: &Shown) -> AssumptionState {
        shown.assumption.state(self.world.now())
    }
}

async fn join(world: &World, tenant: TenantId, email: &str, role: Role) -> UserId {
    let user = world.accounts.activate(email);
    let mut tx = world.tenant_tx(tenant).await;
    world
        .tenancy
        .join(&mut tx, user, role.into(), world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    user
}

#[tokio::test]
async fn leave_lasts_as_long_as_was_said_and_no_longer() {
    let scene = Scene::new().await;
    assert_eq!(scene.acting().await.assumption, None);
    let shown = scene.assume("  ticket 4711: page is old ", 30).await.unwrap();
    assert_eq!(scene.state(&shown), AssumptionState::Open);
    assert_eq!(shown.assumption.reason, "ticket 4711: page is old");
    let open = scene.acting().await.assumption.unwrap();
    assert_eq!(
        (open.id, &*open.reason),
        (shown.assumption.id, "ticket 4711: page is old")
    );
    scene.world.clock.advance(SignedDuration::from_mins(29));
    assert!(scene.acting().await.assumption.is_some());
    scene.world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.acting().await.assumption, None);
    // It is the person's, for this tenant.
    scene.assume("again", 30).await.unwrap();
    let other = join(&scene.world, scene.reseller.id, "other@example.com", Role::Admin).await;
    assert_eq!(
        scene.world.acting(other, scene.customer.id).await.unwrap().assumption,
        None
    );
    let own = scene.world.acting(scene.ada, scene.customer.id).await.unwrap();
    assert_eq!((own.assumed_from, own.assumption), (None, None));
}

#[tokio::test]
async fn the_tenant_sees_who_came_from_where_why_and_what_was_done() {
    let scene = Scene::new().await;
    let id = scene.assume("ticket 4711", 30).await.unwrap().assumption.id;
    let inside = scene.inside().await;
    let patch = TenantPatch {
        name: Some("Corrected".to_owned()),
        state: None,
        seen: None,
    };
    scene
        .world
        .service
        .update_tenant(&inside, scene.customer.id, patch)
        .await
        .unwrap();
    let log = scene.world.audit(scene.customer.id).await;
    let entry = log
        .iter()
        .find(|entry| entry.action == "tenancy.tenant.changed")
        .unwrap();
    assert_eq!(entry.actor, scene.helper.to_string());
    assert_eq!(entry.assumed_from, Some(scene.reseller.id));
    let assumption = entry.assumption.as_ref().unwrap();
    assert_eq!((assumption.id, assumption.reason.as_str()), (id, "ticket 4711"));
    let opened = log
        .iter()
        .find(|entry| entry.action == "tenancy.assumption.opened")
        .unwrap();
    assert_eq!(opened.after.as_ref().unwrap()["reason"], "ticket 4711");

    let page = PageRequest::default();
    let list = scene
        .world
        .service
        .list_assumptions(&scene.ada(), scene.customer.id, page)
        .await
        .unwrap();
    let [shown] = &list.items[..] else { panic!("one") };
    assert_eq!(shown.user.as_ref().unwrap().email.as_str(), "helper@example.com");
    assert_eq!(
        (shown.assumption.from, shown.assumption.from_name.as_str()),
        (scene.reseller.id, "Shop")
    );
    // No word of it where it is none of anybody's business.
    let events = scene.world.events().await;
    let told: Vec<_> = events
        .iter()
        .filter(|(_, event)| event["type"] == "tenancy.assumption.opened.v1")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Some(scene.customer.id));
    assert_eq!(
        told[0].1["data"].get("reason"),
        None,
        "free text stays out of the stream"
    );
}

#[tokio::test]
async fn whoever_has_it_and_the_tenant_end_it_at_once() {
    let scene = Scene::new().await;
    let service = &scene.world.service;
    let customer = scene.customer.id;
    for by_tenant in [false, true] {
        let id = scene.assume("look into it", 30).await.unwrap().assumption.id;
        let cx = if by_tenant { scene.ada() } else { scene.helper() };
        service.end_assumption(&cx, customer, id).await.unwrap();
        assert_eq!(scene.acting().await.assumption, None);
        service
            .end_assumption(&cx, customer, id)
            .await
            .expect("what is over stays over");
    }
    let log = scene.world.audit(customer).await;
    let ended = log.iter().filter(|entry| entry.action == "tenancy.assumption.ended");
    assert_eq!(ended.count(), 2);
    // From within, too: the banner's button acts for the tenant.
    let id = scene.assume("look into it", 30).await.unwrap().assumption.id;
    service
        .end_assumption(&scene.inside().await, customer, id)
        .await
        .unwrap();
    // Others of either side need the right to.
    let id = scene.assume("look into it", 30).await.unwrap().assumption.id;
    let dev = join(&scene.world, customer, "dev@example.com", Role::Developer).await;
    let dev = scene.cx(&scene.customer, dev, Role::Developer);
    let refused = service.end_assumption(&dev, customer, id).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::Forbidden);
    let stranger = scene.world.customer("Stranger").await;
    let refused = service
        .end_assumption(&scene.world.owner(&stranger), customer, id)
        .await;
    assert!(matches!(refused, Err(Error::NotFound)));
    let refused = service
        .end_assumption(&scene.world.owner(&stranger), stranger.id, id)
        .await;
    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(scene.acting().await.assumption.is_some());
}

#[tokio::test]
async fn one_says_why_and_for_how_long() {
    let scene = Scene::new().await;
    for (reason, minutes, field) in [
        ("", 30, "/reason"),
        ("why?", 30, "/reason"),
        ("two\nlines of it", 30, "/reason"),
        (&"x".repeat(301), 30, "/reason"),
        ("good reason", 0, "/minutes"),
        ("good reason", 481, "/minutes"),
        ("good reason", -1, "/minutes"),
    ] {
        let error = scene.assume(reason, minutes).await.err().unwrap();
        assert_eq!(error.fields()[0].pointer, field, "{reason:?} {minutes}");
    }
    scene.assume("good reason", 480).await.unwrap();
}

#[tokio::test]
async fn only_who_reaches_the_tenant_assumes_it() {
    let scene = Scene::new().await;
    let (service, customer) = (&scene.world.service, scene.customer.id);
    let ask = async |cx: &OpCx, tenant| {
        service
            .assume(cx, tenant, because("good reason", 5))
            .await
            .err()
            .unwrap()
    };
    for role in [Role::Developer, Role::Viewer] {
        let cx = scene.cx(&scene.reseller, scene.helper, role);
        assert_eq!(ask(&cx, customer).await.kind(), Kind::Forbidden, "{role:?}");
    }
    let stranger = scene.world.reseller("Stranger").await;
    assert!(matches!(
        ask(&scene.world.owner(&stranger), customer).await,
        Error::NotFound
    ));
    assert!(
        matches!(ask(&scene.ada(), scene.reseller.id).await, Error::NotFound),
        "nobody reaches up"
    );
    assert!(matches!(ask(&scene.ada(), customer).await, Error::NotBelow));
    let system = OpCx::system("test", scene.reseller.id, scene.world.clock.clone());
    assert!(matches!(ask(&system, customer).await, Error::NotAPerson));
    assert_eq!(scene.acting().await.assumption, None);
}

/// A token that could open it would be one that acts below without having been made for that.
#[tokio::test]
async fn v8_3_1_a_token_that_was_not_made_to_act_below_opens_no_leave() {
    let scene = Scene::new().await;
    let token = |scopes: &[&str]| {
        OpCx::new(OpCxParts {
            actor: Actor::Token {
                token: ApiTokenId::generate(),
                user: scene.helper,
            },
            scopes: Some(Scopes::stored(scopes.iter().map(ToString::to_string).collect())),
            ..scene.world.parts(scene.reseller.id, TenantKind::Reseller, Role::Admin)
        })
    };
    let ask = async |scopes: &[&str]| {
        let asked = because("from the shell", 5);
        scene
            .world
            .service
            .assume(&token(scopes), scene.customer.id, asked)
            .await
    };
    for scopes in [&["*"][..], &["tenancy.assumption:*", "tenancy.tenant:*"]] {
        assert!(matches!(ask(scopes).await, Err(Error::NotAPerson)), "{scopes:?}");
    }
    assert_eq!(scene.acting().await.assumption, None);
    // One that was asks in its person's name, where the tenant wants that.
    ask(&["*", "below"]).await.unwrap();
    assert!(scene.acting().await.assumption.is_some());
}

#[tokio::test]
async fn a_tenant_that_wants_to_be_asked_is_asked() {
    let scene = Scene::new().await;
    let (service, customer) = (&scene.world.service, scene.customer.id);
    assert!(!scene.acting().await.demands_consent);
    scene.demand(true).await;
    assert!(scene.acting().await.demands_consent);
    let shown = scene.assume("look into it", 60).await.unwrap();
    let id = shown.assumption.id;
    assert_eq!(scene.state(&shown), AssumptionState::Waiting);
    assert_eq!(scene.acting().await.assumption, None);
    // Nobody above answers for it: neither from their side, nor from within.
    for cx in [scene.helper(), scene.inside().await, scene.world.root()] {
        let agreed = service.agree_to_assumption(&cx, customer, id).await;
        assert!(matches!(agreed, Err(Error::OwnConsent)));
        let off = service.set_support_settings(&cx, customer, false, None).await;
        assert!(matches!(off, Err(Error::OwnConsent)));
    }
    let admin = scene.cx(&scene.customer, scene.ada, Role::Admin);
    let agreed = service.agree_to_assumption(&admin, customer, id).await.err().unwrap();
    assert_eq!(agreed.kind(), Kind::Forbidden, "that is for owners");
    // Its hour begins with the answer.
    scene.world.clock.advance(SignedDuration::from_hours(30));
    let agreed = service.agree_to_assumption(&scene.ada(), customer, id).await.unwrap();
    assert_eq!(scene.state(&agreed), AssumptionState::Open);
    assert_eq!(agreed.agreed_by.unwrap().email.as_str(), "ada@example.com");
    scene.world.clock.advance(SignedDuration::from_mins(59));
    assert!(scene.acting().await.assumption.is_some());
    let twice = service.agree_to_assumption(&scene.ada(), customer, id).await;
    assert!(matches!(twice, Err(Error::NotWaiting)));

    // What is refused, and what nobody answers in three days, opens nothing any more.
    let id = scene.assume("once more", 60).await.unwrap().assumption.id;
    service.end_assumption(&scene.ada(), customer, id).await.unwrap();
    assert!(matches!(
        service.agree_to_assumption(&scene.ada(), customer, id).await,
        Err(Error::NotWaiting)
    ));
    let id = scene.assume("once more", 60).await.unwrap().assumption.id;
    scene.world.clock.advance(SignedDuration::from_hours(72));
    assert!(matches!(
        service.agree_to_assumption(&scene.ada(), customer, id).await,
        Err(Error::NotWaiting)
    ));
}

#[tokio::test]
async fn who_wants_to_be_asked_gets_no_members_from_above_unasked() {
    let scene = Scene::new().await;
    let (service, customer) = (&scene.world.service, scene.customer.id);
    scene.demand(true).await;
    let new = || AddMember {
        email: "backdoor@example.com".parse().unwrap(),
        name: "Me again".to_owned(),
        role: Role::Admin.into(),
    };
    let helper = scene.helper();
    let added = service.add_member(&helper, customer, new()).await;
    assert!(matches!(added, Err(Error::ConsentRequired)));
    let changed = service
        .update_member(&helper, customer, scene.ada, Role::Owner.into())
        .await;
    assert!(matches!(changed, Err(Error::ConsentRequired)));
    assert!(matches!(
        service.remove_member(&helper, customer, scene.ada).await,
        Err(Error::ConsentRequired)
    ));
    // With its leave, from within.
    let id = scene.assume("new colleague", 60).await.unwrap().assumption.id;
    service.agree_to_assumption(&scene.ada(), customer, id).await.unwrap();
    service
        .add_member(&scene.inside().await, customer, new())
        .await
        .unwrap();
}

#[tokio::test]
async fn who_is_suspended_is_not_asked_and_suspending_needs_nobodys_leave() {
    let scene = Scene::new().await;
    scene.demand(true).await;
    let suspend = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    scene
        .world
        .service
        .update_tenant(&scene.helper(), scene.customer.id, suspend)
        .await
        .unwrap();
    assert!(!scene.acting().await.demands_consent);
    let shown = scene.assume("spam goes out from here", 60).await.unwrap();
    assert_eq!(scene.state(&shown), AssumptionState::Open);
}

#[tokio::test]
async fn the_choice_has_versions() {
    let scene = Scene::new().await;
    let (service, customer, ada) = (&scene.world.service, scene.customer.id, scene.ada());
    assert_eq!(service.support_settings(&ada, customer).await.unwrap(), (false, 0));
    let set = async |consent, seen| service.set_support_settings(&ada, customer, consent, seen).await;
    assert!(matches!(set(true, Some(1)).await, Err(Error::Stale)));
    assert_eq!(set(true, Some(0)).await.unwrap(), (true, 1));
    assert!(matches!(set(false, Some(0)).await, Err(Error::Stale)));
    assert_eq!(set(false, Some(1)).await.unwrap(), (false, 2));
    assert_eq!(set(true, None).await.unwrap(), (true, 3));
    assert_eq!(
        service.support_settings(&scene.helper(), customer).await.unwrap(),
        (true, 3)
    );
    let entry = scene.world.audit(customer).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.assumption.consent_changed");
    assert_eq!(entry.before.unwrap(), json!({"consent_required": false}));
}
