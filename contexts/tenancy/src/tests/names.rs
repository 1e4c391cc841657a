//! Names that exist once in the installation.

use std::sync::Arc;

use mpanel_authz::TenantKind;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::names::DomainName;
use mpanel_tenancy_contract::{ClaimKind, NameClaims as _, NameError};
use tokio::task::JoinSet;

use crate::Tenancy;
use crate::tests::support::World;

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

impl World {
    async fn claim(&self, tenant: TenantId, text: &str, kind: ClaimKind) -> Result<(), NameError> {
        let mut tx = self.tenant_tx(tenant).await;
        self.tenancy.claim(&mut tx, &name(text), kind).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    async fn release(&self, tenant: TenantId, text: &str, kind: ClaimKind) {
        let mut tx = self.tenant_tx(tenant).await;
        self.tenancy.release(&mut tx, &name(text), kind).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_is_held_by_one_tenant_and_so_is_what_stands_below() {
    let world = World::new().await;
    let (one, two) = (world.customer("One").await.id, world.customer("Two").await.id);
    world.claim(one, "example.com", ClaimKind::Site).await.unwrap();
    world
        .claim(one, "example.com", ClaimKind::Site)
        .await
        .expect("again is no change");
    world
        .claim(one, "example.com", ClaimKind::Zone)
        .await
        .expect("a zone and a site at once");
    world
        .claim(one, "shop.example.com", ClaimKind::Site)
        .await
        .expect("below one's own");
    assert_eq!(world.count("select count(*) from tenancy.claims").await, 3);

    for kind in [ClaimKind::Site, ClaimKind::Zone] {
        let taken = world.claim(two, "example.com", kind).await.unwrap_err();
        assert!(matches!(taken, NameError::Taken(_)), "{taken:?}");
        let below = world.claim(two, "a.b.example.com", kind).await.unwrap_err();
        assert!(matches!(below, NameError::BelowAnothers(_)), "{below:?}");
        // Neither text tells who holds what.
        assert_eq!((taken.kind(), taken.code()), (Kind::Conflict, below.code()));
        assert_eq!(
            taken.public_text().replace("example.com", "x"),
            below.public_text().replace("a.b.example.com", "x")
        );
    }
    // Neighbours whose text only looks alike.
    world.claim(two, "badexample.com", ClaimKind::Site).await.unwrap();
    world.claim(two, "example.com.au", ClaimKind::Site).await.unwrap();
    world.claim(two, "example.co", ClaimKind::Site).await.unwrap();
}

/// Whoever serves some name below a domain does not keep its owner from it; see also the zones below.
#[tokio::test]
async fn what_stands_above_anothers_name_is_free() {
    let world = World::new().await;
    let (one, two) = (world.customer("One").await.id, world.customer("Two").await.id);
    world.claim(one, "a.b.example.org", ClaimKind::Site).await.unwrap();
    for kind in [ClaimKind::Site, ClaimKind::Zone] {
        world.claim(two, "example.org", kind).await.unwrap();
    }
    // What is claimed already stays, and nothing more is claimed below.
    let taken = world.claim(two, "a.b.example.org", ClaimKind::Site).await.unwrap_err();
    assert!(matches!(taken, NameError::Taken(_)), "{taken:?}");
    world
        .claim(one, "a.b.example.org", ClaimKind::Site)
        .await
        .expect("again is no change");
    let below = world.claim(one, "c.example.org", ClaimKind::Site).await.unwrap_err();
    assert!(matches!(below, NameError::BelowAnothers(_)), "{below:?}");

    world.release(one, "example.org", ClaimKind::Zone).await;
    assert!(
        world.claim(one, "example.org", ClaimKind::Zone).await.is_err(),
        "only the holder releases"
    );
    world.release(two, "example.org", ClaimKind::Site).await;
    assert!(
        world.claim(one, "example.org", ClaimKind::Site).await.is_err(),
        "only the kind that is held"
    );
    world.release(two, "example.org", ClaimKind::Zone).await;
    world.claim(one, "example.org", ClaimKind::Zone).await.unwrap();
}

/// Our servers would answer them both, and the inner one for names of the outer one's owner.
#[tokio::test]
async fn zones_of_two_tenants_never_stand_in_each_other() {
    let world = World::new().await;
    let (one, two) = (world.customer("One").await.id, world.customer("Two").await.id);
    world.claim(one, "lab.example.org", ClaimKind::Zone).await.unwrap();
    let above = world.claim(two, "example.org", ClaimKind::Zone).await.unwrap_err();
    assert!(matches!(above, NameError::Taken(_)), "{above:?}");
    world.claim(one, "example.org", ClaimKind::Zone).await.unwrap();
    let below = world
        .claim(two, "x.lab.example.org", ClaimKind::Zone)
        .await
        .unwrap_err();
    assert!(matches!(below, NameError::BelowAnothers(_)), "{below:?}");
}

#[tokio::test]
async fn the_platforms_names_and_what_stands_below_and_above_are_reserved() {
    let world = World::with_reserved(&["panel.provider.net", "preview.provider.net"]).await;
    let customer = world.customer("C").await.id;
    for text in [
        "panel.provider.net",
        "x.panel.provider.net",
        "preview.provider.net",
        "a.preview.provider.net",
    ] {
        let error = world.claim(customer, text, ClaimKind::Site).await.unwrap_err();
        assert!(matches!(error, NameError::Reserved(_)), "{text}: {error:?}");
        assert_eq!(error.code(), "tenancy.name.taken");
    }
    // A zone above would answer for the panel.
    for kind in [ClaimKind::Zone, ClaimKind::Site] {
        let error = world.claim(customer, "provider.net", kind).await.unwrap_err();
        assert!(matches!(error, NameError::Reserved(_)), "{error:?}");
    }
    world
        .claim(customer, "www.provider.net", ClaimKind::Site)
        .await
        .expect("beside them is free");
    world.release(customer, "www.provider.net", ClaimKind::Site).await;
    world
        .claim(world.tenancy.platform(), "provider.net", ClaimKind::Zone)
        .await
        .expect("the platform's own zone");
    // Previews are what the reserved domain is for, each once.
    world
        .claim(customer, "shop.preview.provider.net", ClaimKind::Preview)
        .await
        .unwrap();
    let other = world.customer("D").await.id;
    assert!(
        world
            .claim(other, "shop.preview.provider.net", ClaimKind::Preview)
            .await
            .is_err()
    );
    world
        .claim(other, "shop2.preview.provider.net", ClaimKind::Preview)
        .await
        .unwrap();

    // The next start may have other names.
    let renamed = [name("cp.other.net")];
    Tenancy::open(world.spine.clone(), &*world.clock, &renamed)
        .await
        .unwrap();
    world
        .claim(customer, "panel2.other.net", ClaimKind::Site)
        .await
        .unwrap();
    assert!(world.claim(customer, "cp.other.net", ClaimKind::Site).await.is_err());
    assert_eq!(world.count("select count(*) from tenancy.reserved_names").await, 1);
}

#[tokio::test]
async fn a_public_suffix_is_nobodys() {
    let world = World::new().await;
    let customer = world.customer("C").await.id;
    for suffix in ["co.uk", "github.io"] {
        let error = world.claim(customer, suffix, ClaimKind::Zone).await.unwrap_err();
        assert!(matches!(error, NameError::PublicSuffix(_)), "{suffix}");
        assert_eq!(error.kind(), Kind::Invalid);
    }
    world.claim(customer, "mine.co.uk", ClaimKind::Zone).await.unwrap();
    world.claim(customer, "shop.localhost", ClaimKind::Site).await.unwrap();
    let other = world.customer("D").await.id;
    world
        .claim(other, "shop2.localhost", ClaimKind::Site)
        .await
        .expect("nobody holds localhost");
}

#[tokio::test]
async fn a_refusal_leaves_the_transaction_usable() {
    let world = World::new().await;
    let (one, two) = (world.customer("One").await.id, world.customer("Two").await.id);
    world.claim(one, "example.com", ClaimKind::Site).await.unwrap();
    let mut tx = world.tenant_tx(two).await;
    assert!(
        world
            .tenancy
            .claim(&mut tx, &name("example.com"), ClaimKind::Site)
            .await
            .is_err()
    );
    world
        .tenancy
        .claim(&mut tx, &name("example.net"), ClaimKind::Site)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("select count(*) from tenancy.claims").await, 2);
}

/// Tenants race for zones above and below each other, round after round; in each, one has it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_who_claim_zones_above_and_below_each_other_at_once_one_wins() {
    let world = Arc::new(World::new().await);
    let mut tenants = Vec::new();
    for n in 0..4 {
        tenants.push(
            world
                .child(&world.root(), TenantKind::Customer, &format!("T{n}"), None)
                .await
                .id,
        );
    }
    for round in 0..15 {
        let mut racers = JoinSet::new();
        for (n, tenant) in tenants.clone().into_iter().enumerate() {
            let world = world.clone();
            let prefix = ["", "www.", "a.b.", "b."][n];
            let text = format!("{prefix}race{round}.co.uk");
            racers.spawn(async move {
                world
                    .claim(tenant, &text, ClaimKind::Zone)
                    .await
                    .is_ok()
                    .then_some((tenant, text))
            });
        }
        let winners: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
        assert!(!winners.is_empty(), "round {round}");
        for (tenant, text) in &winners {
            for (other, theirs) in &winners {
                let related = name(text).is_within(theirs) || name(theirs).is_within(text);
                assert!(
                    tenant == other || !related,
                    "round {round}: {text} and {theirs} have two holders"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_who_want_the_same_preview_at_once_one_has_it() {
    let world = Arc::new(World::with_reserved(&["preview.provider.net"]).await);
    let mut tenants = Vec::new();
    for n in 0..4 {
        tenants.push(world.customer(&format!("T{n}")).await.id);
    }
    for round in 0..10 {
        let mut racers = JoinSet::new();
        for tenant in tenants.clone() {
            let world = world.clone();
            let text = format!("shop{round}.preview.provider.net");
            racers.spawn(async move { world.claim(tenant, &text, ClaimKind::Preview).await.is_ok() });
        }
        let won = racers.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(won, 1, "round {round}");
    }
}
