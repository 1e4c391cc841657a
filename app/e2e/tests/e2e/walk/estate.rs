//! A tenant with one of everything that a path can name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::calls::{Body, Call, new_issuer};
use crate::harness::accounts::{assume, unique};
use crate::harness::spec::Operation;
use crate::harness::{Account, Answer, Api, eventually, queue, website};

/// What a tenant owns, by the names that paths use.
pub struct Estate {
    pub owner: Account,
    ids: BTreeMap<String, String>,
}

impl Estate {
    /// Fills the tenant of `owner`. `node` is the machine's id, which belongs to the platform alone.
    pub async fn of(owner: Account, kind: &str, node: &str, plan: &str) -> Self {
        let api = &owner.api;
        let mut ids = BTreeMap::from([
            ("tenant_id".to_owned(), owner.tenant.clone()),
            ("node_id".to_owned(), node.to_owned()),
            ("bought_plan".to_owned(), plan.to_owned()),
        ]);
        let mut keep = |name: &str, id: String| {
            ids.insert(name.to_owned(), id);
        };
        let domain = format!("estate{}.example", unique());
        let site = owner.site(&domain).await;
        let (operation, active) = owner.release(&site, "site.zip", &website::page("one")).await;
        owner.succeeded(&operation).await;
        let (second, release) = owner.release(&site, "site.zip", &website::page("two")).await;
        owner.succeeded(&second).await;
        // The first one is active again, so that the other may be activated and deleted.
        let back = api
            .request("POST", &format!("/sites/{site}/releases/{active}/activate"))
            .send()
            .await
            .expect(202);
        owner.succeeded(&back.text("/operation_id")).await;
        let finished = owner.upload(&site, "site.zip", &website::page("three")).await;
        let body = json!({"filename": "site.zip", "size": 2});
        keep(
            "upload_id",
            api.post(&format!("/sites/{site}/uploads"), body).await.expect(201).id(),
        );
        let zone = api
            .post("/zones", json!({"apex": format!("zone{}.example", unique())}))
            .await
            .expect(201)
            .id();
        let body = json!({"name": "www", "type": "A", "ttl": 300, "data": "192.0.2.1"});
        keep(
            "record_id",
            api.post(&format!("/zones/{zone}/records"), body).await.expect(201).id(),
        );
        let alias = format!("alias{}.example", unique());
        let body = json!({"name": alias, "kind": "alias"});
        api.post(&format!("/sites/{site}/domains"), body).await.expect(201);
        keep("name", alias);
        let certificate = eventually("each name of the site has a certificate", async || {
            let site = api.get(&format!("/sites/{site}")).await.expect(200);
            let host = reqwest::Url::parse(&site.text("/preview_url")).unwrap();
            let domains = site.body["domains"].as_array().unwrap().iter();
            let mut names: Vec<Value> = domains.map(|domain| domain["name"].clone()).collect();
            names.push(json!(host.host_str().unwrap()));
            let list = api.list("/certificates").await;
            let of = |name: &Value| {
                let mut certificates = list.iter();
                certificates.find(|item| item["names"].as_array().is_some_and(|names| names.contains(name)))
            };
            let all = names.iter().all(|name| of(name).is_some());
            all.then(|| of(&names[0]).unwrap()["id"].as_str().unwrap().to_owned())
        });
        keep("certificate_id", certificate.await);
        let body = json!({"name": "estate", "scopes": ["*"]});
        keep("token_id", api.post("/api-tokens", body).await.expect(201).id());
        let body = json!({"name": format!("estate {}", unique()), "role": "viewer"});
        let program = api.post("/service-accounts", body).await.expect(201).id();
        let body = json!({"name": "estate", "scopes": ["sites.site:read"]});
        let path = format!("/service-accounts/{program}/tokens");
        keep("service_token_id", api.post(&path, body).await.expect(201).id());
        keep("service_account_id", program);
        let realm = match kind {
            "platform" => api.list("/realms").await[0]["id"].as_str().unwrap().to_owned(),
            // Others have none, and are told of none.
            _ => "realm_01h2xcejqtf2nbrexx3vqjhp41".to_owned(),
        };
        keep("realm_id", realm);
        let issuer = match kind {
            "platform" => api.post("/certificate-issuers", new_issuer()).await.expect(201).id(),
            _ => "issuer_01h2xcejqtf2nbrexx3vqjhp41".to_owned(),
        };
        keep("issuer_id", issuer);
        let sessions = api.get("/sessions").await.expect(200);
        keep("session_id", sessions.text("/items/0/id"));
        keep("user_id", owner.member("viewer").await.user);
        keep("job_id", queue::dead_job(api, &owner.tenant).await);
        keep("event_id", queue::dead_event(api, &owner.tenant).await);
        keep("reconciler", "sites.edge".to_owned());
        keep("consumer", "tenancy.subtree".to_owned());
        let log = api.get("/audit?limit=1").await.expect(200);
        keep("audit_id", log.text("/items/0/id"));
        let body = json!({"email": format!("invited{}@member.example", unique()), "name": "Ida", "role": "viewer"});
        let invited = api
            .post(&format!("/tenants/{}/members", owner.tenant), body)
            .await
            .expect(201);
        keep("invitation_id", invited.text("/member/user_id"));
        let body = json!({"name": format!("Estate {}", unique()), "permissions": ["tenancy.tenant:read"]});
        keep("role_id", api.post("/roles", body).await.expect(201).id());
        let exports = format!("/tenants/{}/exports", owner.tenant);
        // An estate that the same tenant had before has filled its place for archives.
        for one in api.list(&exports).await.iter().filter(|one| one["state"] == "ready") {
            let path = format!("{exports}/{}", one["id"].as_str().unwrap());
            api.delete(&path).await.expect(204);
        }
        let export = api.post(&exports, json!({})).await.expect(202).id();
        owner.succeeded(&export).await;
        keep("export_id", export);
        // Nobody stands above the platform.
        if let Some(above) = &owner.above {
            keep("assumption_id", assume(above, &owner.tenant).await.id());
        }
        if kind != "customer" {
            keep("plan_id", owner.plan(None).await);
        }
        for (name, id) in [
            ("site_id", site),
            ("release_id", release),
            ("operation_id", operation),
            ("zone_id", zone),
        ] {
            keep(name, id);
        }
        keep("finished_upload", finished);
        Self { owner, ids }
    }

    /// # Panics
    /// When nothing has that name: a new kind of object belongs into [`Estate::of`].
    pub fn id(&self, name: &str) -> String {
        let id = self.ids.get(name);
        id.unwrap_or_else(|| panic!("tell walk/estate.rs how a tenant comes to a {name}"))
            .clone()
    }

    /// Whether the tenant has such a thing; customers sell no plans.
    pub fn has(&self, name: &str) -> bool {
        self.ids.contains_key(name)
    }

    /// Replaces what a name stands for.
    pub fn set(&mut self, name: &str, id: String) {
        self.ids.insert(name.to_owned(), id);
    }

    /// What is retried is no longer dead: another takes its place.
    pub async fn renew_dead(&mut self, operation: &str) {
        let (api, tenant) = (self.owner.api.clone(), self.owner.tenant.clone());
        match operation {
            "dead_jobs_retry" => self.set("job_id", queue::dead_job(&api, &tenant).await),
            "dead_events_retry" => self.set("event_id", queue::dead_event(&api, &tenant).await),
            _ => {}
        }
    }

    /// A plan to name in a body: one that it sells, or the one it is on.
    pub fn any_plan(&self) -> String {
        self.ids
            .get("plan_id")
            .cloned()
            .unwrap_or_else(|| self.id("bought_plan"))
    }

    /// Everything that belongs to this tenant alone.
    pub fn own_ids(&self) -> impl Iterator<Item = &String> {
        let shared = [
            "node_id",
            "issuer_id",
            "reconciler",
            "consumer",
            "bought_plan",
            "realm_id",
        ];
        self.ids
            .iter()
            .filter(move |(name, _)| !shared.contains(&name.as_str()))
            .map(|(_, id)| id)
    }
}

/// Calls an operation at `path` with the body that `call` makes.
pub async fn call(api: &Api, operation: &Operation, call: &Call, path: &str, estate: &Estate) -> Answer {
    let mut request = api.request(&operation.method, path);
    match &call.body {
        Body::None => {}
        Body::Json(make) => request = request.json(&make(estate)),
        Body::Raw(kind, bytes, headers) => {
            request = request.body(kind, *bytes);
            for (name, value) in *headers {
                request = request.header(name, value);
            }
        }
    }
    request.send().await
}

/// The id of this machine.
pub async fn node(platform: &Account) -> String {
    let nodes: Vec<Value> = platform.api.list("/nodes").await;
    nodes[0]["id"].as_str().unwrap().to_owned()
}
