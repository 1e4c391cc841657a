//! One address, several accounts: nobody has proven that an address is theirs.

use mpanel_authz::{Role, TenantKind};
use mpanel_identity_contract::Accounts as _;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_tenancy_contract::Memberships as _;

use super::store::memberships::{audited, number};
use super::support::{PASSWORD, World, activate, code, presence};
use crate::Error;
use crate::service::{Activate, SignedIn};

const ADA: &str = "ada@example.com";
const SQUATTERS: &str = "a password of the squatter";

impl World {
    async fn accept(&self, tenant: TenantId, role: Role, password: &str) -> Result<SignedIn, Error> {
        let token = self.invite(ADA, tenant, role).await.activation.unwrap().token;
        let given = Activate {
            password,
            ..activate(token.reveal())
        };
        self.identity.activate(&presence(), given).await
    }
}

fn tenants(signed_in: &SignedIn) -> Vec<TenantId> {
    let mut tenants: Vec<_> = signed_in.me.memberships.iter().map(|m| m.tenant.id).collect();
    tenants.sort_unstable();
    tenants
}

/// Somebody's administrator invites a stranger's address, and keeps the link.
#[tokio::test]
async fn whoever_takes_an_address_first_neither_blocks_nor_becomes_its_owner() {
    let world = World::claimed().await;
    let (mallorys, adas) = (world.customer().await, world.customer().await);
    let squatter = world.accept(mallorys, Role::Owner, SQUATTERS).await.unwrap();

    let invited = world.invite(ADA, adas, Role::Owner).await;
    assert_ne!(invited.user, squatter.me.account.id, "hers is an account of its own");
    let token = invited.activation.expect("which waits for her").token;
    let ada = world
        .identity
        .activate(&presence(), activate(token.reveal()))
        .await
        .unwrap();
    assert_eq!(tenants(&ada), [adas]);

    // Each comes to the own account by the own password.
    let signed_in = world.sign_in(ADA, PASSWORD, None).await.unwrap();
    assert_eq!(
        (signed_in.me.account.id, tenants(&signed_in)),
        (invited.user, vec![adas])
    );
    let signed_in = world.sign_in(ADA, SQUATTERS, None).await.unwrap();
    assert_eq!(tenants(&signed_in), [mallorys]);
    assert_eq!(
        code(world.sign_in(ADA, "neither of the two", None).await),
        "identity.session.invalid_credentials"
    );
}

/// A person with an account joins another tenant with it by showing its password; the role is the invitation's.
#[tokio::test]
async fn who_has_an_account_joins_with_it_by_its_password() {
    let world = World::claimed().await;
    let (one, two) = (world.customer().await, world.customer().await);
    let ada = world.accept(one, Role::Owner, PASSWORD).await.unwrap();
    let joined = world.accept(two, Role::Viewer, PASSWORD).await.unwrap();
    assert_eq!(joined.me.account.id, ada.me.account.id);
    let mut both = vec![one, two];
    both.sort_unstable();
    assert_eq!(tenants(&joined), both);
    let role = joined.me.memberships.iter().find(|m| m.tenant.id == two).unwrap().role;
    assert_eq!((role, joined.me.home.tenant.id), (Role::Viewer.into(), one));
    assert!(world.authenticate(&joined.token).await.is_ok());
    assert_eq!(audited(&world.db, "identity.invitation.accepted").await, 1);
    let waiting = "select count(*) from identity.users where password_hash is null";
    assert_eq!(number(&world.db, waiting).await, 0, "what was made for it is gone");
    assert_eq!(number(&world.db, "select count(*) from identity.activations").await, 0);

    // She is a member now: to ask again finds her.
    let again = world.invite(ADA, two, Role::Viewer).await;
    assert_eq!(again.user, ada.me.account.id);
    assert!(again.activation.is_none());
}

#[tokio::test]
async fn joining_takes_the_second_factor_of_the_account() {
    let world = World::claimed().await;
    let (one, two) = (world.customer().await, world.customer().await);
    let ada = world.accept(one, Role::Owner, PASSWORD).await.unwrap();
    let codes = super::totp::enrol(&world, &ada, one).await;
    let token = world.invite(ADA, two, Role::Owner).await.activation.unwrap().token;
    let attempt = async |totp: Option<&str>| {
        let given = Activate {
            totp,
            ..activate(token.reveal())
        };
        code(world.identity.activate(&presence(), given).await)
    };
    assert_eq!(attempt(None).await, "identity.session.totp_required");
    assert_eq!(
        attempt(Some("wrong-code")).await,
        "identity.session.invalid_credentials"
    );
    let members = "select count(*) from tenancy.members";
    let before = number(&world.db, members).await;
    assert_eq!(attempt(Some(&codes[0])).await, "ok");
    assert_eq!(number(&world.db, members).await, before, "one membership changed hands");
    assert_eq!(attempt(Some(&codes[1])).await, "identity.activation.gone");
}

#[tokio::test]
async fn people_of_a_tenant_above_are_invited_like_anybody_and_join_with_their_account() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let (below, beside) = (
        world.child(reseller, TenantKind::Customer).await,
        world.customer().await,
    );
    let ada = world.member(ADA, reseller, Role::Admin).await.me.account.id;
    // Whether somebody above has an account with the address shows nowhere, and nobody is made a member unasked.
    for tenant in [below, beside] {
        let invited = world.invite(ADA, tenant, Role::Viewer).await;
        assert!(invited.user != ada && invited.activation.is_some());
        let profiles = world.identity.profiles(&[invited.user]).await.unwrap();
        assert_eq!(profiles[&invited.user].name, "Ada", "as whoever invites calls them");
    }
    assert_eq!(world.memberships.of_user(ada).await.unwrap().len(), 1);
    let joined = world.accept(below, Role::Viewer, PASSWORD).await.unwrap();
    assert_eq!((joined.me.account.id, joined.me.memberships.len()), (ada, 2));
    // What somebody below gave for an address is no account of those above.
    let bob: UserId = world.member("bob@example.com", below, Role::Owner).await.me.account.id;
    let above = world.invite("bob@example.com", reseller, Role::Admin).await;
    assert!(above.user != bob && above.activation.is_some());
}
