use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::{Belongings as _, Memberships as _};

use super::store::memberships::audited;
use super::support::{HOST, OWNER, PASSWORD, World, activate, code, presence, sign_in};
use crate::domain::{NewRealm, Presence, Realm, RealmPatch};
use crate::service::ChangePassword;
use crate::{Error, Presented};

const BRAND: &str = "panel.brand.example";

struct Branded {
    world: World,
    platform: OpCx,
    /// The tenant with the brand, and one below it.
    brand: TenantId,
    customer: TenantId,
}

impl Branded {
    /// A reseller with a customer, before it has a brand.
    async fn new() -> Self {
        let world = World::claimed().await;
        let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account;
        let platform = world.platform_cx(owner.id);
        let brand = world.child(world.platform(), TenantKind::Reseller).await;
        let customer = world.child(brand, TenantKind::Customer).await;
        Self {
            world,
            platform,
            brand,
            customer,
        }
    }

    async fn realm(&self, of: TenantId, hosts: &[&str]) -> Result<Realm, Error> {
        let new = NewRealm {
            name: "Brand".to_owned(),
            brand: of,
            hosts: hosts.iter().map(ToString::to_string).collect(),
        };
        self.world.identity.create_realm(&self.platform, new, HOST).await
    }

    async fn sign_in(&self, host: &str, email: &str) -> Result<crate::service::SignedIn, Error> {
        self.world
            .identity
            .sign_in(&at(host), sign_in(email, PASSWORD, None))
            .await
    }
}

fn at(host: &str) -> Presence {
    Presence {
        host: host.to_owned(),
        ..presence()
    }
}

#[tokio::test]
async fn people_of_a_brand_sign_in_at_its_names_and_nowhere_else() {
    let shop = Branded::new().await;
    let world = &shop.world;
    let realm = shop.realm(shop.brand, &[BRAND]).await.unwrap();
    assert_eq!((realm.brand, realm.hosts), (Some(shop.brand), vec![BRAND.to_owned()]));
    let invited = world.invite("ada@example.com", shop.customer, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    let elsewhere = world.identity.activate(&at(HOST), activate(token.reveal())).await;
    assert_eq!(code(elsewhere), "identity.session.other_realm");
    world
        .identity
        .activate(&at(BRAND), activate(token.reveal()))
        .await
        .unwrap();
    assert_eq!(code(shop.sign_in(BRAND, "ada@example.com").await), "ok");
    assert_eq!(
        code(shop.sign_in(HOST, "ada@example.com").await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        code(shop.sign_in(BRAND, OWNER).await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(code(shop.sign_in(HOST, OWNER).await), "ok");
    assert_eq!(audited(&world.db, "identity.realm.created").await, 1);
}

#[tokio::test]
async fn a_session_of_one_realms_host_is_none_at_anothers() {
    let shop = Branded::new().await;
    shop.realm(shop.brand, &[BRAND, "other.brand.example"]).await.unwrap();
    let invited = shop.world.invite("ada@example.com", shop.brand, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    let ada = shop
        .world
        .identity
        .activate(&at(BRAND), activate(token.reveal()))
        .await
        .unwrap();
    let presented = Presented::Session(ada.token);
    let look_up = async |host: &str| code(shop.world.look_up_at(&presented, host, None, false).await);
    assert_eq!(look_up(BRAND).await, "ok");
    for host in [HOST, "other.brand.example", "localhost", ""] {
        assert_eq!(look_up(host).await, "identity.credential.invalid", "{host}");
    }
    // The name goes to nobody: from then on it is everybody else's, and the session's realm is not.
    let realm = shop
        .world
        .identity
        .list_realms(&shop.platform, PageRequest::default())
        .await
        .unwrap();
    let realm = realm.items.into_iter().find(|realm| realm.brand.is_some()).unwrap();
    let patch = RealmPatch {
        hosts: Some(vec!["other.brand.example".to_owned()]),
        ..RealmPatch::default()
    };
    shop.world
        .identity
        .update_realm(&shop.platform, realm.id, patch, HOST)
        .await
        .unwrap();
    assert_eq!(look_up(BRAND).await, "identity.credential.invalid");
}

#[tokio::test]
async fn one_address_has_an_account_in_each_realm() {
    let shop = Branded::new().await;
    shop.realm(shop.brand, &[BRAND]).await.unwrap();
    let ours = shop.world.customer().await;
    let here = shop.world.member("ada@example.com", ours, Role::Owner).await;
    let invited = shop.world.invite("ada@example.com", shop.customer, Role::Owner).await;
    assert_ne!(invited.user, here.me.account.id);
    let token = invited.activation.unwrap().token;
    let there = shop
        .world
        .identity
        .activate(&at(BRAND), activate(token.reveal()))
        .await
        .unwrap();
    assert_eq!(
        shop.sign_in(HOST, "ada@example.com").await.unwrap().me.account.id,
        here.me.account.id
    );
    assert_eq!(
        shop.sign_in(BRAND, "ada@example.com").await.unwrap().me.account.id,
        there.me.account.id
    );
}

#[tokio::test]
async fn who_is_there_already_moves_with_the_brand_and_signs_in_again() {
    let shop = Branded::new().await;
    let world = &shop.world;
    let ada = world.member("ada@example.com", shop.customer, Role::Owner).await;
    let inner = world.child(shop.brand, TenantKind::Reseller).await;
    world.member("ida@example.com", inner, Role::Owner).await;
    shop.realm(inner, &["inner.example"]).await.unwrap();
    shop.realm(shop.brand, &[BRAND]).await.unwrap();
    assert_eq!(
        code(world.authenticate(&ada.token).await),
        "identity.credential.invalid"
    );
    assert_eq!(
        code(shop.sign_in(HOST, "ada@example.com").await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(code(shop.sign_in(BRAND, "ada@example.com").await), "ok");
    assert_eq!(
        code(shop.sign_in("inner.example", "ida@example.com").await),
        "ok",
        "down to the next brand"
    );
    assert_eq!(
        code(shop.sign_in(BRAND, "ida@example.com").await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(code(shop.sign_in(HOST, OWNER).await), "ok");
}

#[tokio::test]
async fn realms_are_the_platforms_and_take_nothing_from_each_other() {
    let shop = Branded::new().await;
    shop.realm(shop.brand, &[BRAND]).await.unwrap();
    assert_eq!(
        code(shop.realm(shop.brand, &["x.example"]).await),
        "identity.realm.exists"
    );
    let other = shop.world.child(shop.world.platform(), TenantKind::Reseller).await;
    assert_eq!(code(shop.realm(other, &[BRAND]).await), "identity.realm.host_taken");
    assert_eq!(code(shop.realm(other, &[HOST]).await), "identity.realm.own_host");
    assert_eq!(
        code(shop.realm(other, &["not a name"]).await),
        "identity.realm.bad_host"
    );
    assert_eq!(
        code(shop.realm(shop.world.platform(), &["y.example"]).await),
        "identity.realm.bad_tenant"
    );
    assert_eq!(
        code(shop.realm(TenantId::generate(), &["y.example"]).await),
        "identity.realm.bad_tenant"
    );
    let rita = shop
        .world
        .invite("rita@example.com", shop.brand, Role::Owner)
        .await
        .user;
    let rita = shop.world.owner_cx(rita, shop.brand);
    let refused = shop.world.identity.list_realms(&rita, PageRequest::default()).await;
    assert_eq!(code(refused), "request.forbidden");
    let list = shop
        .world
        .identity
        .list_realms(&shop.platform, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(list.items.len(), 2, "the brand's and everybody else's");
}

/// Nobody of a brand's realm signs in at another name, and links that are mailed lead to its own.
#[tokio::test]
async fn links_for_people_of_a_brand_lead_to_its_own_name() {
    let branded = Branded::new().await;
    let world = &branded.world;
    branded.realm(branded.brand, &[BRAND]).await.unwrap();
    world.mails().await;
    let token = world.invite("ada@example.com", branded.customer, Role::Owner).await;
    let start = format!("https://{BRAND}/");
    assert!(world.mail().await.text.contains(&format!("{start}activate#")));
    let token = token.activation.unwrap().token;
    world
        .identity
        .activate(&at(BRAND), activate(token.reveal()))
        .await
        .unwrap();
    let ask = async |host: &str| {
        let email = "ada@example.com".parse().unwrap();
        world.identity.request_reset(&at(host), email).await.unwrap();
        world.mails().await
    };
    assert!(ask(BRAND).await[0].text.contains(&format!("{start}reset#")));
    assert!(
        ask("evil.example").await.is_empty(),
        "whatever else a request says of its host leads nowhere"
    );
}

/// The same address and the same password, at the provider's host: not by that link.
#[tokio::test]
async fn an_invitation_of_a_brand_is_accepted_by_no_account_of_another_realm() {
    let shop = Branded::new().await;
    let world = &shop.world;
    shop.realm(shop.brand, &[BRAND]).await.unwrap();
    let elsewhere = world.customer().await;
    let ada = world.member("ada@example.com", elsewhere, Role::Owner).await;
    let invited = world.invite("ada@example.com", shop.customer, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    let joined = world.identity.activate(&at(HOST), activate(token.reveal())).await;
    assert_eq!(code(joined), "identity.session.other_realm");
    let memberships = world.memberships.of_user(ada.me.account.id).await.unwrap();
    assert_eq!(memberships.len(), 1, "{memberships:?}");
    let joined = world.identity.activate(&at(BRAND), activate(token.reveal())).await;
    assert_eq!(joined.unwrap().me.account.id, invited.user);
}

#[tokio::test]
async fn people_of_a_brand_are_told_at_its_address_what_was_done_to_their_accounts() {
    let shop = Branded::new().await;
    let world = &shop.world;
    shop.realm(shop.brand, &[BRAND]).await.unwrap();
    let invited = world.invite("ada@example.com", shop.customer, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    let ada = world.identity.activate(&at(BRAND), activate(token.reveal())).await;
    let ada = ada.unwrap().me.account;
    world.mails().await;
    let given = ChangePassword {
        current: PASSWORD,
        new: "another battery for the horse",
    };
    let cx = world.cx(ada.id, shop.customer);
    world.identity.change_password(&cx, given, None).await.unwrap();
    let mail = world.mail().await;
    assert!(mail.text.contains("https://panel.brand.example"), "{}", mail.text);
    assert!(!mail.text.contains("https://panel.example.com"), "{}", mail.text);
}

#[tokio::test]
async fn a_sign_in_page_keeps_its_tenant_from_becoming_one_with_another() {
    let scene = Branded::new().await;
    let own = async |tenant: TenantId| {
        let mut tx = scene.world.db.tenant(tenant).await.unwrap();
        let found = scene.world.identity.of(&mut tx).await.unwrap();
        found.iter().map(|one| (one.code, one.count)).collect::<Vec<_>>()
    };
    assert_eq!(own(scene.brand).await, []);
    scene.realm(scene.brand, &[BRAND]).await.unwrap();
    assert_eq!(own(scene.brand).await, [("identity.realm.own", 1)]);
    assert_eq!(own(scene.customer).await, [], "it is not the page of those below");
}
