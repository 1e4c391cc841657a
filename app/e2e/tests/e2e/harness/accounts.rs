//! People of the tests: owners of the platform, of resellers and of customers.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::client::Credential;
use super::{Answer, Api, System};

pub const PASSWORD: &str = "lantern copper rainfall 7";

/// Somebody signed in, and the tenant they belong to.
#[derive(Debug, Clone)]
pub struct Account {
    pub api: Api,
    pub email: String,
    pub tenant: String,
    pub user: String,
    /// Whoever made the tenant, from above.
    pub above: Option<Api>,
}

/// The platform's owner.
pub type Owner = Account;

/// A number that no other test of this process has.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Claims a fresh installation.
pub async fn claim(system: &System) -> Owner {
    let api = system.api();
    let token = system.claim_token().await;
    let email = "olga@provider.example".to_owned();
    let body = json!({"token": token, "email": email, "name": "Olga Owner", "password": PASSWORD});
    let answer = api.post("/claim", body).await.expect(201);
    let me = answer.body.clone();
    Account {
        api: api.with(Credential::Session(answer.cookie())),
        email,
        tenant: home(&me),
        user: me["user"]["id"].as_str().unwrap().to_owned(),
        above: None,
    }
}

/// The tenant that `/me` names as home.
pub fn home(me: &Value) -> String {
    let home = &me["home_tenant"];
    let id = home.as_str().or_else(|| home["id"].as_str());
    id.unwrap_or_else(|| panic!("no home tenant in {me}")).to_owned()
}

impl Account {
    /// A plan that allows plenty, or what `entitlements` says.
    pub async fn plan(&self, entitlements: Option<Value>) -> String {
        let plenty =
            json!({"sites": 100, "domains": 100, "disk_bytes": 20_000_000_000u64, "traffic_bytes_month": null});
        let body = json!({"name": format!("plan {}", unique()), "entitlements": entitlements.unwrap_or(plenty)});
        self.api.post("/plans", body).await.expect(201).id()
    }

    /// A tenant below this one, with an owner who has activated the account.
    pub async fn tenant_below(&self, kind: &str, plan: &str) -> Account {
        let number = unique();
        let email = format!("owner{number}@tenant.example");
        let body = json!({
            "kind": kind, "name": format!("Tenant {number}"), "plan_id": plan,
            "owner": {"email": email, "name": "Tina Tenant"},
        });
        let created = self.api.post("/tenants", body).await.expect(201);
        let link = created.text("/activation/url_path");
        let mut account = activate(&self.api, &link, &email).await;
        account.tenant = created.text("/tenant/id");
        account.above = Some(self.api.clone());
        account
    }

    /// A new member of this tenant.
    pub async fn member(&self, role: &str) -> Account {
        let email = format!("{role}{}@member.example", unique());
        let path = format!("/tenants/{}/members", self.tenant);
        let body = json!({"email": email, "name": "Max Member", "role": role});
        let added = self.api.post(&path, body).await.expect(201);
        let mut account = activate(&self.api, &added.text("/activation/url_path"), &email).await;
        account.tenant = self.tenant.clone();
        account.above = self.above.clone();
        account
    }

    /// The same person acting for a tenant below, after saying why.
    pub async fn acting_below(&self, tenant: &str) -> Api {
        assume(&self.api, tenant).await;
        self.api.acting_for(tenant)
    }

    /// A token of this account with everything it may do.
    pub async fn token(&self) -> Api {
        let body = json!({"name": format!("token {}", unique()), "scopes": ["*"]});
        let answer = self.api.post("/api-tokens", body).await.expect(201);
        self.api.with(Credential::Token(answer.text("/token")))
    }
}

/// Says why one acts for a tenant below; answers with what came of it.
pub async fn assume(api: &Api, tenant: &str) -> Answer {
    let body = json!({"reason": "a test looks into it", "minutes": 60});
    let path = format!("/tenants/{tenant}/assumptions");
    api.post(&path, body).await.expect(201)
}

/// Follows an activation link: `/activate#…`.
pub async fn activate(api: &Api, link: &str, email: &str) -> Account {
    let (_, token) = link.split_once('#').unwrap();
    let api = api.with(Credential::None);
    let answer = api
        .post("/activations", json!({"token": token, "password": PASSWORD}))
        .await
        .expect(201);
    Account {
        api: api.with(Credential::Session(answer.cookie())),
        email: email.to_owned(),
        tenant: home(&answer.body),
        user: answer.text("/user/id"),
        above: None,
    }
}
