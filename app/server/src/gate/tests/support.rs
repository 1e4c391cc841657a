use std::sync::Arc;

use axum::body::Body;
use axum::middleware;
use axum::routing::any;
use axum::{Json, Router};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Permissions, Role, TenantKind};
use mpanel_client_mailer::{Brand, FileMailer, Post, Sender};
use mpanel_config::Rate;
use mpanel_events::Spine;
use mpanel_http::{Cx, Gate, testing};
use mpanel_identity::{Identity, Ports, Settings};
use mpanel_kernel::clock::{ManualClock, SharedClock};
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy::Tenancy;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use crate::gate::{SessionGate, StepUp};
use crate::openapi::PREFIX;
use crate::refusals::Refusals;

pub const PASSWORD: &str = "correct horse battery staple";
/// Where requests arrive that do not say otherwise: on the machine itself.
const HOST: &str = "panel.localhost";
pub const REMOTE_HOST: &str = "panel.example.com";
/// Requests a credential may make at once.
pub const BURST: u32 = 40;

/// The contexts of people and tenants behind the server's layers.
pub struct World {
    app: Router,
    tenancy: Tenancy,
    pub clock: Arc<ManualClock>,
    pub spine: Spine,
    folder: tempfile::TempDir,
    identity: Identity,
}

/// A signed-in person: one session a host.
pub struct Person {
    pub user: String,
    cookie: String,
    remote_cookie: String,
}

impl Person {
    /// The session on the machine itself goes on under the cookie of an answer.
    pub fn goes_on(&mut self, answer: &Answer) {
        self.cookie = answer.cookie();
    }
}

async fn probe(Cx(cx): Cx) -> Json<Value> {
    Json(json!({
        "actor": cx.actor().reference(),
        "tenant": cx.tenant(),
        "role": cx.role(),
        "assumed_from": cx.assumed_from(),
        "assumption": cx.assumption().map(|assumption| assumption.id),
    }))
}

impl World {
    pub async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
            mpanel_tenancy::MIGRATIONS,
            mpanel_identity::MIGRATIONS,
        ];
        let folder = tempfile::tempdir().unwrap();
        let spine = testing::spine(&modules).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let shared: SharedClock = clock.clone();
        let tenancy = Tenancy::open(spine.clone(), &*clock, &[]).await.unwrap();
        let settings = Settings {
            rootless: true,
            logins_per_minute_address: 1000,
            logins_per_minute_account: 1000,
            guesses_burst: BURST,
            step_up: SignedDuration::from_mins(10),
            history_days: 90,
            invitations: mpanel_identity::InvitationLimits {
                per_tenant_day: 1000,
                per_address_day: 1000,
                waiting: 1000,
            },
            breached_passwords_file: None,
        };
        let from = Sender::parse("panel@example.com").unwrap();
        let mailer = Arc::new(FileMailer::new(folder.path().join("mail"), from));
        let ports = Ports {
            memberships: Arc::new(tenancy.clone()),
            roster: Arc::new(tenancy.clone()),
            mail: Post::new(&spine, shared.clone(), mailer, Brand::own("https://panel.example.com")),
        };
        let identity = Identity::open(spine.clone(), shared.clone(), ports, settings)
            .await
            .unwrap();
        let roles = [mpanel_tenancy::CONTEXT.roles, mpanel_identity::CONTEXT.roles].concat();
        let described = [mpanel_tenancy::CONTEXT.resources, mpanel_identity::CONTEXT.resources].concat();
        let rate = Rate {
            logins_per_minute_address: 1000,
            logins_per_minute_account: 1000,
            requests_per_second: 10,
            requests_burst: BURST,
            changes_per_second: 1000,
            costly_per_minute: 1000,
            tenant_requests_per_second: 1000,
            address_requests_per_second: 1000,
            streams_per_credential: 1,
            streams_per_address: 1,
            uploads_per_credential: 1,
        };
        let gate: Arc<dyn Gate> = Arc::new(SessionGate::new(
            spine.db().clone(),
            identity.clone(),
            Arc::new(tenancy.clone()),
            Arc::new(Permissions::new(roles).unwrap().described(described)),
            shared.clone(),
            (
                &rate,
                StepUp::of(&crate::openapi::document(), SignedDuration::from_mins(10)),
                Arc::new(Refusals::new(spine.clone(), &shared)),
            ),
        ));
        let modules = [
            mpanel_tenancy::module(
                tenancy.clone(),
                shared.clone(),
                mpanel_tenancy::Ports {
                    accounts: Arc::new(identity.clone()),
                    erasers: Vec::new(),
                    exporters: Vec::new(),
                    belongings: Vec::new(),
                },
                mpanel_tenancy::Settings {
                    grace_days: 30,
                    exports: folder.path().join("exports"),
                    export_limits: mpanel_tenancy::ExportLimits {
                        kept: SignedDuration::from_hours(168),
                        max_bytes: 1 << 20,
                    },
                    installation: "panel.example".to_owned(),
                },
            ),
            mpanel_identity::module(identity.clone()),
        ];
        let (mut routes, mut public) = (OpenApiRouter::new(), OpenApiRouter::new());
        for module in modules {
            routes = routes.merge(module.routes);
            public = public.merge(module.public_routes);
        }
        let nest = |routes| OpenApiRouter::new().nest(PREFIX, routes).split_for_parts().0;
        let app = nest(routes.route("/probe", any(probe)))
            .layer(middleware::from_fn_with_state(gate, mpanel_http::admit))
            .merge(nest(public))
            .layer(middleware::from_fn_with_state(shared, crate::caller::identify));
        Self {
            app,
            tenancy,
            clock,
            spine,
            folder,
            identity,
        }
    }

    pub fn platform(&self) -> TenantId {
        self.tenancy.platform()
    }

    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            world: self,
            request: Request::builder().method(method).uri(format!("{PREFIX}{path}")),
            from: ("127.0.0.1".into(), "http".into(), HOST.into()),
            person: None,
            body: None,
        }
    }

    /// The owner of the platform, who claims it.
    pub async fn owner(&self) -> Person {
        let token = self.claim_token().await;
        let answer = self.claim(&token).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        self.sign_in_owner().await
    }

    /// What each start leaves for the one who shall own the platform.
    pub async fn claim_token(&self) -> String {
        let path = self.folder.path().join("claim");
        assert!(self.identity.renew_claim(&path).await.unwrap());
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    pub async fn claim(&self, token: &str) -> Answer {
        let body = json!({"token": token, "email": "olga@example.com", "name": "Olga", "password": PASSWORD});
        self.request(Method::POST, "/claim").json(body).send().await
    }

    pub async fn sign_in_owner(&self) -> Person {
        self.sign_in("olga@example.com").await
    }

    async fn sign_in(&self, email: &str) -> Person {
        let body = json!({"email": email, "password": PASSWORD});
        let here = self.request(Method::POST, "/sessions").json(body.clone()).send().await;
        assert_eq!(here.status, StatusCode::CREATED, "{}", here.body);
        let there = self
            .request(Method::POST, "/sessions")
            .json(body)
            .from("203.0.113.7", "https");
        let there = there.send().await;
        Person {
            user: here.body["user"]["id"].as_str().unwrap().to_owned(),
            cookie: here.cookie(),
            remote_cookie: there.cookie(),
        }
    }

    pub async fn customer(&self, owner: &Person, name: &str) -> TenantId {
        self.tenant(owner, None, TenantKind::Customer, name).await
    }

    /// A tenant below `parent`, or below the platform.
    pub async fn tenant(&self, owner: &Person, parent: Option<TenantId>, kind: TenantKind, name: &str) -> TenantId {
        if let Some(parent) = parent {
            self.assume(owner, parent).await;
        }
        let parent = parent.unwrap_or(self.platform()).to_string();
        let request = self.request(Method::POST, "/tenants").session(owner).same_origin();
        let answer = request
            .tenant(&parent)
            .json(json!({"kind": kind, "name": name}))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["tenant"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Says why somebody acts for a tenant below the own one; answers with the id of that.
    pub async fn assume(&self, person: &Person, tenant: TenantId) -> String {
        let path = format!("/tenants/{tenant}/assumptions");
        let request = self.request(Method::POST, &path).session(person).same_origin();
        let answer = request
            .json(json!({"reason": "for a test", "minutes": 60}))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Somebody who was invited and has activated the account.
    pub async fn member(&self, owner: &Person, tenant: TenantId, email: &str, role: Role) -> Person {
        let path = format!("/tenants/{tenant}/members");
        let request = self.request(Method::POST, &path).session(owner).same_origin();
        let answer = request
            .json(json!({"email": email, "name": "Somebody", "role": role}))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let link = answer.body["activation"]["url_path"].as_str().unwrap();
        let token = link.strip_prefix("/activate#").unwrap();
        let body = json!({"token": token, "password": PASSWORD});
        let answer = self.request(Method::POST, "/activations").json(body).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        self.sign_in(email).await
    }

    pub async fn api_token(&self, person: &Person, tenant: Option<TenantId>, scopes: &[&str]) -> String {
        let mut request = self.request(Method::POST, "/api-tokens").session(person).same_origin();
        if let Some(tenant) = tenant {
            request = request.tenant(&tenant.to_string());
        }
        let answer = request.json(json!({"name": "test", "scopes": scopes})).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }
}

/// A request on its way.
pub struct Call<'a> {
    world: &'a World,
    request: http::request::Builder,
    /// Address, scheme and host, as the edge says.
    from: (String, String, String),
    person: Option<&'a Person>,
    body: Option<Value>,
}

impl<'a> Call<'a> {
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn fields(self, fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(self, |call, (name, value)| call.field(name, value))
    }

    pub fn session(mut self, person: &'a Person) -> Self {
        self.person = Some(person);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.field("authorization", &format!("Bearer {token}"))
    }

    pub fn tenant(self, tenant: &str) -> Self {
        self.field("mpanel-tenant", tenant)
    }

    pub fn same_origin(self) -> Self {
        self.fields(&[("mpanel-csrf", "1"), ("sec-fetch-site", "same-origin")])
    }

    /// From elsewhere, at the panel's public name.
    pub fn from(self, address: &str, scheme: &str) -> Self {
        self.forwarded(address, scheme, REMOTE_HOST)
    }

    pub fn forwarded(mut self, address: &str, scheme: &str, host: &str) -> Self {
        self.from = (address.into(), scheme.into(), host.into());
        self
    }

    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub async fn send(self) -> Answer {
        let (address, scheme, host) = &self.from;
        let mut request = self
            .request
            .header("x-forwarded-for", address)
            .header("x-forwarded-proto", scheme)
            .header("x-forwarded-host", host);
        if let Some(person) = self.person {
            let remote = host == REMOTE_HOST;
            request = request.header("cookie", if remote { &person.remote_cookie } else { &person.cookie });
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self
            .world
            .app
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> String {
        self.body["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    fn cookie(&self) -> String {
        self.header("set-cookie")
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}
