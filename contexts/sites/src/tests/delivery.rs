//! The rules before a site, the servers behind it and its cache: as edges are told.

use std::collections::BTreeMap;

use mpanel_engine_edge::{BasicAuth, CachePolicy, HeaderRule, Hsts, Policy, Rule, TlsRules, TlsVersion, Upstream};
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::SiteId;
use mpanel_pg::Db;
use serde_json::{Value, json};

use super::store::{audited, rows};
use super::support::World;
use crate::Error;
use crate::domain::{Delivery, DomainKind, Servers};
use crate::service::{AddDomain, SetDelivery};
use crate::store::delivery::Stored;

async fn set(world: &World, site: SiteId, document: Delivery, passwords: &[(&str, &str)]) -> Result<Stored, Error> {
    let passwords = passwords
        .iter()
        .map(|(user, password)| ((0, (*user).to_owned()), (*password).to_owned()));
    let wanted = SetDelivery {
        document,
        passwords: passwords.collect(),
        seen: None,
    };
    world.sites.set_delivery(&world.owner(), site, wanted).await
}

/// What edges have under a key; `None` when it was never told or is gone.
async fn told(db: &Db, topic: &str, key: &str) -> Option<Value> {
    while mpanel_events::move_committed(db).await.unwrap() > 0 {}
    let mut tx = db.spine().await.unwrap();
    let value: Option<Option<Value>> =
        sqlx::query_scalar("select value from spine.feed_state where topic = $1 and key = $2")
            .bind(topic)
            .bind(key)
            .fetch_optional(mpanel_pg::Tx::conn(&mut tx))
            .await
            .unwrap();
    value.flatten()
}

fn servers(path: &str, addresses: &[&str]) -> Delivery {
    Delivery {
        servers: Some(Servers {
            path: path.to_owned(),
            own_name: false,
            pool: Upstream::new(addresses.iter().copied()),
        }),
        cache: Some(CachePolicy::default()),
        ..Delivery::default()
    }
}

fn rules() -> Delivery {
    let rule = Rule {
        from: "/old/*".to_owned(),
        to: "/new/:splat".to_owned(),
        status: 301,
    };
    let policy = Policy {
        rules: vec![rule],
        hsts: Some(Hsts {
            max_age: 300,
            include_subdomains: false,
            preload: false,
        }),
        tls: Some(TlsRules {
            min_version: TlsVersion::V1_3,
            client_auth: None,
        }),
        ..Policy::default()
    };
    Delivery {
        policy,
        ..Delivery::default()
    }
}

fn area(users: &[&str]) -> Delivery {
    let area = BasicAuth {
        path: "/admin/*".to_owned(),
        realm: "Staff".to_owned(),
        users: users.iter().map(|user| ((*user).to_owned(), String::new())).collect(),
    };
    let policy = Policy {
        auth: vec![area],
        ..Policy::default()
    };
    Delivery {
        policy,
        ..Delivery::default()
    }
}

fn pointers(error: &Error) -> Vec<String> {
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    error.fields().iter().map(|field| field.pointer.to_string()).collect()
}

#[tokio::test]
async fn rules_stand_before_every_name_and_what_is_said_of_handshakes_before_redirects_too() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await;
    let old = AddDomain {
        name: "old.example.com".parse().unwrap(),
        kind: DomainKind::Redirect,
        target: None,
        status: None,
    };
    world.sites.add_domain(&world.owner(), site.id, old).await.unwrap();
    let stored = set(&world, site.id, rules(), &[]).await.unwrap();
    assert_eq!((stored.version, stored.document), (1, rules()));
    for host in ["example.com", "shop.preview.test"] {
        let host = told(&world.db, "edge.host", host).await.unwrap();
        assert_eq!(host["policy"]["rules"][0]["to"], "/new/:splat");
        assert_eq!(host["policy"]["hsts"]["max_age"], 300);
        assert!(host.get("cache").is_none() && host.get("routes").is_none());
    }
    let redirect = told(&world.db, "edge.host", "old.example.com").await.unwrap();
    assert_eq!(redirect["policy"]["rules"], json!([]));
    assert_eq!(redirect["policy"]["tls"]["min_version"], "1.3");
    assert_eq!(told(&world.db, "edge.upstream", &site.id.to_string()).await, None);

    let none = set(&world, site.id, Delivery::default(), &[]).await.unwrap();
    assert_eq!(none.version, 2);
    let host = told(&world.db, "edge.host", "example.com").await.unwrap();
    assert!(host.get("policy").is_none(), "{host}");
    let log = audited(&world.db, world.tenant).await;
    assert_eq!(
        log.iter().filter(|action| *action == "sites.delivery.changed").count(),
        2
    );
}

#[tokio::test]
async fn servers_answer_for_the_site_or_a_part_of_it_and_go_with_it() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await;
    let key = site.id.to_string();
    set(
        &world,
        site.id,
        servers("/", &["192.0.2.1:80", "app.example.net:80"]),
        &[],
    )
    .await
    .unwrap_err();
    set(
        &world,
        site.id,
        servers("/", &["1.1.1.1:80", "app.example.net:80"]),
        &[],
    )
    .await
    .unwrap();
    let host = told(&world.db, "edge.host", "example.com").await.unwrap();
    assert_eq!(host["target"]["kind"], "proxy");
    assert_eq!(host["target"]["upstream"], key);
    assert_eq!(host["cache"]["budget_group"], world.tenant.to_string());
    let pool = told(&world.db, "edge.upstream", &key).await.unwrap();
    assert_eq!(pool["servers"][0]["address"], "1.1.1.1:80");
    assert_eq!(pool["public_only"], true, "customers reach nothing inside");
    // It waits for no release.
    let shown = world.sites.get_site(&world.owner(), site.id).await.unwrap();
    assert!(!shown.conditions.contains("upload an archive"), "{}", shown.conditions);

    set(&world, site.id, servers("/api", &["1.1.1.1:80"]), &[])
        .await
        .unwrap();
    let host = told(&world.db, "edge.host", "example.com").await.unwrap();
    assert_eq!(host["target"]["kind"], "placeholder");
    assert_eq!(host["routes"][0]["path"], "/api");
    set(&world, site.id, rules(), &[]).await.unwrap();
    assert_eq!(told(&world.db, "edge.upstream", &key).await, None);

    set(&world, site.id, servers("/", &["1.1.1.1:80"]), &[]).await.unwrap();
    assert!(told(&world.db, "edge.upstream", &key).await.is_some());
    let operation = world.sites.delete_site(&world.owner(), site.id).await.unwrap();
    world.ended(operation).await;
    assert_eq!(told(&world.db, "edge.upstream", &key).await, None);
    assert_eq!(rows(&world.db, world.tenant).await, 0);
}

#[tokio::test]
async fn servers_inside_are_refused_unless_the_provider_opens_their_network() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    for inside in ["127.0.0.1:80", "unix:/run/x.sock", "[::1]:80", "10.1.2.3:80"] {
        let refused = set(&world, site.id, servers("/", &["1.1.1.1:80", inside]), &[]).await;
        assert_eq!(
            pointers(&refused.unwrap_err()),
            ["/servers/addresses/1/address"],
            "{inside}"
        );
    }
    let open = world.again(|settings| settings.outbound_allow = vec!["10.0.0.0/8".parse().unwrap()]);
    let wanted = |addresses: &[&str]| SetDelivery {
        document: servers("/", addresses),
        passwords: BTreeMap::new(),
        seen: None,
    };
    let stored = open
        .set_delivery(&world.owner(), site.id, wanted(&["10.1.2.3:80"]))
        .await;
    assert!(!stored.unwrap().document.servers.unwrap().pool.public_only);
    // A name may lead anywhere, and another network is not open.
    let named = open
        .set_delivery(&world.owner(), site.id, wanted(&["10.1.2.3:80", "db.internal:80"]))
        .await;
    assert_eq!(pointers(&named.unwrap_err()), ["/servers/addresses/0/address"]);
}

#[tokio::test]
async fn passwords_are_kept_as_hashes_and_shown_to_nobody() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    let missing = set(&world, site.id, area(&["ann"]), &[]).await.unwrap_err();
    assert_eq!(pointers(&missing), ["/areas/0/users/ann"]);
    let short = set(&world, site.id, area(&["ann"]), &[("ann", "short")])
        .await
        .unwrap_err();
    assert_eq!(pointers(&short), ["/areas/0/users/ann"]);
    set(&world, site.id, area(&["ann"]), &[("ann", "correct horse")])
        .await
        .unwrap();
    let hash = |stored: &Stored, user: &str| stored.document.policy.auth[0].users[user].clone();
    // Somebody joins, and who was there keeps the password.
    let before = world.sites.delivery(&world.owner(), site.id).await.unwrap();
    let after = set(&world, site.id, area(&["ann", "bob"]), &[("bob", "battery staple")])
        .await
        .unwrap();
    assert_eq!(hash(&after, "ann"), hash(&before, "ann"));
    assert!(hash(&after, "bob").starts_with("$argon2id$"));
    let entries: Vec<Vec<u8>> = {
        let mut tx = world.db.platform(mpanel_pg::Reason::Lifecycle("test")).await.unwrap();
        sqlx::query_scalar("select entry from spine.audit where action = 'sites.delivery.changed'")
            .fetch_all(mpanel_pg::Tx::conn(&mut tx))
            .await
            .unwrap()
    };
    let log: String = entries.iter().map(|entry| String::from_utf8_lossy(entry)).collect();
    assert!(
        log.contains("ann") && log.contains("bob") && !log.contains("argon2"),
        "{log}"
    );
}

#[tokio::test]
async fn what_the_edge_could_not_use_is_refused_by_field_and_changes_nothing() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    let rule = |from: &str, to: &str| Rule {
        from: from.to_owned(),
        to: to.to_owned(),
        status: 301,
    };
    let mut document = rules();
    document.policy.rules = vec![rule("/a", "/b"), rule("no slash", "/b"), rule("/c", "ftp://x")];
    document.policy.headers = vec![HeaderRule {
        path: "/*".to_owned(),
        remove: vec!["Content-Length".to_owned()],
        set: BTreeMap::new(),
        append: Vec::new(),
    }];
    document.cache = Some(CachePolicy {
        bypass_paths: vec!["cart".to_owned()],
        ..CachePolicy::default()
    });
    let refused = set(&world, site.id, document, &[]).await.unwrap_err();
    let expected = ["/redirects/1", "/redirects/2", "/headers/0", "/cache/bypass_paths"];
    assert_eq!(pointers(&refused), expected);
    assert_eq!(world.sites.delivery(&world.owner(), site.id).await.unwrap().version, 0);

    let mut many = rules();
    many.policy.rules = vec![rule("/a", "/b"); 1001];
    assert_eq!(
        pointers(&set(&world, site.id, many, &[]).await.unwrap_err()),
        ["/redirects"]
    );
    set(&world, site.id, rules(), &[]).await.unwrap();
    let late = SetDelivery {
        document: rules(),
        passwords: BTreeMap::new(),
        seen: Some(0),
    };
    let late = world.sites.set_delivery(&world.owner(), site.id, late).await;
    assert!(matches!(late, Err(Error::Stale)));
}
