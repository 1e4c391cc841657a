//! Certificates of a real pebble that finds every challenge met, and of none.

use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_certificates_contract::{HostCertificate, Waiting};
use mpanel_client_acme::pebble::{HMAC, KID, Pebble, Running};
use mpanel_jobs::{PassReport, Reconciler as _};
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Tx as _;

use crate::authz::ROLES;
use crate::obtain::Obtain;
use crate::service::{NewExternal, NewIssuer};
use crate::store::issuers::StoredIssuer;
use crate::tests::support::{World, belongs};
use mpanel_http::testing;

/// Records that were put into zones, and challenges and records that still stand.
const SHOWN: &str = "select count(*) from spine.outbox where topic = 'dns.zone' and value is not null";
pub(super) const STANDING: &str = "select count(*) from (
    select distinct on (key) value from spine.outbox where topic in ('edge.challenge', 'dns.zone') order by key, id desc
) newest where value is not null";

const HOST: &str = "shop.example.com";

pub(super) fn pebble() -> Running {
    Pebble {
        believes_all: true,
        ..Pebble::default()
    }
    .start()
}

pub(super) fn issuer_at(name: &str, pebble: &Running) -> NewIssuer {
    NewIssuer {
        name: name.to_owned(),
        directory_url: Some(pebble.directory.url.clone()),
        contact: vec!["ops@example.com".to_owned()],
        agree_terms: true,
        external: None,
        root_pem: pebble.directory.root_pem.clone(),
        preference: None,
    }
}

impl World {
    fn staff(&self) -> mpanel_authz::OpCx {
        let tenant = (self.platform, mpanel_authz::TenantKind::Platform);
        let parts = testing::person(tenant, Role::Owner, ROLES, self.clock.clone());
        mpanel_authz::OpCx::new(parts)
    }

    pub(super) async fn issuer(&self, new: &NewIssuer) -> StoredIssuer {
        self.store.create_issuer(&self.staff(), new).await.unwrap()
    }

    async fn issuers(&self) -> Vec<StoredIssuer> {
        self.store
            .list_issuers(&self.staff(), PageRequest::default())
            .await
            .unwrap()
            .items
    }

    pub(super) async fn obtain(&self) -> PassReport {
        Obtain::new(self.store.clone()).pass().await.unwrap()
    }

    async fn waits(&self, host: &str) -> Option<Waiting> {
        match self.status(host).await {
            Some(HostCertificate::Valid { waits, .. }) => waits,
            other => panic!("{other:?}"),
        }
    }
}

/// The only certificate that the edges hold for a host.
async fn served(world: &World, host: &str) -> (String, mpanel_feed::topics::EdgeCertificate) {
    let mut held = world.held().await;
    held.retain(|(_, held)| held.names == [host]);
    assert_eq!(held.len(), 1, "one for the host, and no other");
    held.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_our_own_certificate_until_the_public_one_is_there() {
    let (world, pebble) = (World::new().await, pebble());
    world.want(HOST).await;
    world.pass().await.unwrap();
    assert_eq!(
        world.obtain().await,
        PassReport::default(),
        "nobody has agreed to anything"
    );
    assert_eq!(pebble.orders(), 0);
    let (internal, _) = served(&world, HOST).await;

    let made = world.issuer(&issuer_at("pebble", &pebble)).await;
    assert_eq!(made.account_url, None, "nobody was asked yet");
    world.obtain().await;
    let (public, certificate) = served(&world, HOST).await;
    assert_ne!(public, internal);
    let key = world.edge.open(&public, &certificate).unwrap();
    assert!(belongs(&key, &certificate.chain_pem));
    match world.status(HOST).await.unwrap() {
        HostCertificate::Valid {
            issuer, public, waits, ..
        } => {
            assert_eq!((issuer.as_str(), public, waits), ("pebble", true, None));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.obtain().await.changed, 0);
    assert_eq!(
        world.pass().await.unwrap().changed,
        0,
        "ours does not take its place again"
    );
    assert_eq!(pebble.orders(), 1);
    assert_eq!(world.count("select count(*) from certificates.orders").await, 0);
    // The edge was told of what it had to answer, and to forget it.
    let told = "select count(*) from spine.outbox where topic = 'edge.challenge' and value is not null";
    assert_eq!(world.outbox(told).await, 1);
    let told = "select count(*) from spine.outbox where topic = 'edge.challenge' and value is null";
    assert_eq!(world.outbox(told).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_zone_of_the_tenants_the_record_comes_and_goes() {
    let (world, pebble) = (World::new().await, pebble());
    world.records.apexes.lock().unwrap().push("example.com".to_owned());
    world.issuer(&issuer_at("pebble", &pebble)).await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    world.obtain().await;
    assert!(matches!(
        world.status(HOST).await,
        Some(HostCertificate::Valid { public: true, .. })
    ));
    assert_eq!(world.outbox(SHOWN).await, 1);
    assert_eq!(world.outbox(STANDING).await, 0, "taken back");
    let at_edges = "select count(*) from spine.outbox where topic = 'edge.challenge'";
    assert_eq!(world.outbox(at_edges).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_with_a_third_of_its_life_left_and_ours_steps_in_only_when_it_is_over() {
    let (world, pebble) = (World::new().await, pebble());
    world.issuer(&issuer_at("pebble", &pebble)).await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    world.obtain().await;
    let (first, _) = served(&world, HOST).await;
    // Pebble's live for five years from the day of the test.
    world.clock.advance(SignedDuration::from_hours(24 * 365 * 4));
    assert_eq!(world.pass().await.unwrap().changed, 0);
    world.obtain().await;
    let (second, _) = served(&world, HOST).await;
    assert_ne!(first, second);
    assert_eq!(pebble.orders(), 2);
    drop(pebble);
    world.clock.advance(SignedDuration::from_hours(24 * 365 * 3));
    world.obtain().await;
    assert_eq!(world.pass().await.unwrap().changed, 1);
    assert!(matches!(
        world.status(HOST).await,
        Some(HostCertificate::Valid { public: false, .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_exist_only_inside_are_never_ordered() {
    let (world, pebble) = (World::new().await, pebble());
    world.issuer(&issuer_at("pebble", &pebble)).await;
    for host in ["shop.localhost", "shop.test", "printer.internal"] {
        world.want(host).await;
    }
    world.pass().await.unwrap();
    world.obtain().await;
    assert_eq!(pebble.orders(), 0);
    let waits = world.waits("shop.test").await.unwrap();
    assert!(waits.message.contains("this installation's own authority"), "{waits:?}");
    assert_eq!(waits.next_at, None, "nothing but another name helps");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_an_authority_is_away_the_next_is_asked_and_the_first_left_alone() {
    let (world, second) = (World::new().await, pebble());
    let first = pebble();
    let mut preferred = issuer_at("first", &first);
    preferred.preference = Some(1);
    world.issuer(&preferred).await;
    world.issuer(&issuer_at("second", &second)).await;
    world.obtain().await;
    assert!(world.issuers().await.iter().all(|issuer| issuer.account_url.is_some()));
    drop(first);
    for n in 0..3 {
        world.want(&format!("h{n}.example.com")).await;
    }
    world.pass().await.unwrap();
    world.obtain().await;
    world.obtain().await;
    for n in 0..3 {
        match world.status(&format!("h{n}.example.com")).await.unwrap() {
            HostCertificate::Valid {
                issuer, public: true, ..
            } => assert_eq!(issuer, "second"),
            other => panic!("{other:?}"),
        }
    }
    let paused = world
        .issuers()
        .await
        .into_iter()
        .find(|issuer| issuer.name == "first")
        .unwrap();
    assert!(paused.is_paused(world.now()) && !paused.problem.is_empty());
    assert_eq!(paused.failures, 1, "however many orders have noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_authority_finds_wrong_is_told_and_tried_again_later() {
    let world = World::new().await;
    // Nobody listens where this one looks.
    let pebble = Pebble {
        http_port: 1,
        tls_port: 1,
        ..Pebble::default()
    }
    .start();
    world.issuer(&issuer_at("pebble", &pebble)).await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    world.obtain().await;
    let waits = world.waits(HOST).await.unwrap();
    assert!(
        waits
            .message
            .starts_with("pebble has looked for shop.example.com and says:"),
        "{waits:?}"
    );
    let next = waits.next_at.unwrap();
    assert!(next > world.now());
    world.obtain().await;
    assert_eq!(pebble.orders(), 1, "it waits");
    let report = world.obtain().await;
    assert!(report.again.is_some_and(|again| !again.is_zero()));
    world.clock.advance(next.duration_since(world.now()));
    world.obtain().await;
    assert_eq!(pebble.orders(), 2);
    let later = world.waits(HOST).await.unwrap().next_at.unwrap();
    assert!(
        later.duration_since(world.now()) > SignedDuration::from_mins(3),
        "each pause is longer"
    );
    assert_eq!(world.count("select count(*) from certificates.orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_ordered_for_no_more_often_than_its_authority_allows() {
    let (world, pebble) = (World::new().await, pebble());
    let issuer = world.issuer(&issuer_at("pebble", &pebble)).await;
    let mut tx = world.spine.db().tenant(world.platform).await.unwrap();
    sqlx::query("update certificates.issuers set certificates_per_domain_7d = 2 where id = $1")
        .bind(issuer.id.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for host in ["a.example.com", "b.example.com", "c.example.com", "example.org"] {
        world.want(host).await;
    }
    world.pass().await.unwrap();
    world.obtain().await;
    assert_eq!(pebble.orders(), 3);
    let waits = world.waits("c.example.com").await.unwrap();
    assert!(
        waits.message.contains("2 certificates in seven days for example.com"),
        "{waits:?}"
    );
    let week = SignedDuration::from_hours(7 * 24);
    let soon = SignedDuration::from_mins(10);
    let wait = waits.next_at.unwrap().duration_since(world.now());
    assert!(wait >= week && wait <= week + soon, "{wait}");
    world.clock.advance(wait);
    world.obtain().await;
    assert_eq!(world.waits("c.example.com").await, None);
    assert_eq!(pebble.orders(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_wanted_ends_with_its_order() {
    let world = World::new().await;
    let pebble = pebble();
    world.issuer(&issuer_at("pebble", &pebble)).await;
    world.obtain().await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    let obtain = Obtain::new(world.store.clone());
    let all = world.issuers().await;
    obtain.begin(&all).await.unwrap();
    assert_eq!(world.count("select count(*) from certificates.orders").await, 1);
    world.unwant(HOST).await;
    world.pass().await.unwrap();
    obtain.pass().await.unwrap();
    assert_eq!(world.count("select count(*) from certificates.orders").await, 0);
    assert_eq!(pebble.orders(), 0);
    assert!(world.held().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_to_one_elsewhere() {
    let world = World::new().await;
    let pebble = Pebble {
        external: true,
        believes_all: true,
        ..Pebble::default()
    }
    .start();
    let mut new = issuer_at("bound", &pebble);
    world.issuer(&new).await;
    world.obtain().await;
    let without = world.issuers().await.remove(0);
    assert!(
        without.is_paused(world.now()) && without.account_url.is_none(),
        "{}",
        without.problem
    );
    new.name = "bound-2".to_owned();
    new.external = Some(NewExternal {
        kid: KID.to_owned(),
        hmac_key: HMAC.to_owned(),
    });
    world.issuer(&new).await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    world.obtain().await;
    assert!(matches!(
        world.status(HOST).await,
        Some(HostCertificate::Valid { public: true, .. })
    ));
}

#[tokio::test]
async fn an_authority_is_asked_only_once_somebody_has_agreed_to_its_terms() {
    let world = World::new().await;
    let new = NewIssuer {
        name: "letsencrypt".to_owned(),
        directory_url: None,
        contact: vec!["not an address".to_owned()],
        agree_terms: false,
        external: None,
        root_pem: Some("nothing".to_owned()),
        preference: Some(-1),
    };
    let refused = world
        .store
        .create_issuer(&world.staff(), &new)
        .await
        .map(|_| ())
        .unwrap_err();
    let fields = refused.fields();
    let mut pointers: Vec<&str> = fields.iter().map(|field| field.pointer.as_ref()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/agree_terms", "/contact", "/preference", "/root_pem"]);
    let good = NewIssuer {
        contact: Vec::new(),
        agree_terms: true,
        root_pem: None,
        preference: None,
        ..new
    };
    let made = world.issuer(&good).await;
    assert_eq!(made.directory_url, "https://acme-v02.api.letsencrypt.org/directory");
    let again = world
        .store
        .create_issuer(&world.staff(), &good)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(again.code(), "certificates.issuer.exists");
    world.store.delete_issuer(&world.staff(), made.id).await.unwrap();
    assert!(world.issuers().await.is_empty());
}
