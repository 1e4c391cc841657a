//! Carries out what [`super::decide`] finds missing, through the API.

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::accounts::Accounts;
use super::content;
use super::decide::{Step, find, missing_records, next_release, text};
use super::report::{Shown, print, progress, table};
use super::world::{self, Plan, Site, Tenant, Zone};
use crate::cli::api::{self, Answer, Api, Server, Trust};
use crate::cli::failure::Failure;

const SESSION_COOKIE: &str = "__Host-mpanel_session=";
const GB: u64 = 1_000_000_000;
/// How long an operation, or a site's certificate, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// `serve` writes the claim token while it starts.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);

/// Seeds what is missing and prints the table.
///
/// # Errors
/// A text for the operator. What was made stays; the next start continues.
pub async fn run(data: &Path, shown: &Shown) -> anyhow::Result<()> {
    let api = Api::new(&Server::Socket(api::socket(data)), &Trust::System).map_err(said)?;
    let setup = api.get(&["setup"]).await.map_err(said)?;
    let claimed = setup.value.get("claimed").and_then(Value::as_bool).unwrap_or(true);
    let (answer, accounts) = match (claimed, Accounts::load(data)?) {
        (true, None) => {
            refuse("somebody else owns this installation already");
            return Ok(());
        }
        (true, Some(accounts)) if accounts.finished => {
            print(&table(shown, &accounts, false));
            return Ok(());
        }
        (true, Some(accounts)) => match sign_in(&api, &accounts).await {
            Ok(answer) => (answer, accounts),
            Err(failure) if failure.status() == Some(401) => {
                refuse("the demo's owner has another password now");
                return Ok(());
            }
            Err(failure) => return Err(said(failure)),
        },
        // Whatever an earlier installation in this folder had is gone.
        (false, _) => {
            let accounts = Accounts::draw(data);
            accounts.save()?;
            (claim(&api, data, &accounts).await?, accounts)
        }
    };
    let mut seed = Seed {
        signed_in: signed_in(&api, &answer)?,
        stranger: api,
        accounts,
        assumed: Vec::new(),
    };
    let result = seed.everything(answer.text("/home_tenant/id")).await;
    // Also after a failure: nobody else will end these.
    seed.leave().await;
    let _ended = seed.signed_in.delete(&["sessions", "current"]).await;
    let kept = Accounts::path(data);
    result.map_err(|failure| {
        anyhow!(
            "the demo is not complete: {failure}\n  The next start continues. Its owner can sign in already: {}",
            kept.display()
        )
    })?;
    let first = !seed.accounts.shown;
    seed.accounts.finished = true;
    seed.accounts.shown = true;
    seed.accounts.save()?;
    print(&table(shown, &seed.accounts, first));
    Ok(())
}

fn refuse(why: &str) {
    progress(&format!(
        "{why}: nothing is added. For a demo, start with another data folder (DATA=dir, --data DIR)."
    ));
}

fn said(failure: Failure) -> anyhow::Error {
    anyhow!("{failure}")
}

async fn sign_in(api: &Api, accounts: &Accounts) -> Result<Answer, Failure> {
    let owner = accounts.owner();
    api.post(
        &["sessions"],
        &json!({"email": owner.email, "password": owner.password}),
    )
    .await
}

async fn claim(api: &Api, data: &Path, accounts: &Accounts) -> anyhow::Result<Answer> {
    let (path, begin) = (data.join("run/claim"), Instant::now());
    let token = loop {
        match std::fs::read_to_string(&path) {
            Ok(token) => break token,
            Err(_) if begin.elapsed() < CLAIM_PATIENCE => sleep(LOOK_AGAIN).await,
            Err(error) => return Err(anyhow!("reading the claim token {}: {error}", path.display())),
        }
    };
    let owner = accounts.owner();
    let body =
        json!({"token": token.trim(), "email": owner.email, "name": world::OWNER.name, "password": owner.password});
    let answer = api.post(&["claim"], &body).await.map_err(said)?;
    progress(&format!("claimed the installation as {}", owner.email));
    Ok(answer)
}

/// A client with the session that an answer hands over.
fn signed_in(api: &Api, answer: &Answer) -> anyhow::Result<Api> {
    let cookies = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let cookie = cookies
        .filter_map(|cookie| cookie.split(';').next())
        .find(|cookie| cookie.starts_with(SESSION_COOKIE))
        .ok_or_else(|| anyhow!("the panel gave no session"))?;
    let mut api = api.clone();
    api.set_header("cookie", cookie).map_err(said)?;
    // What browsers send, and scripts in them cannot: nobody else's page makes these requests.
    api.set_header("mpanel-csrf", "1").map_err(said)?;
    api.set_header("sec-fetch-site", "same-origin").map_err(said)?;
    Ok(api)
}

struct Seed {
    signed_in: Api,
    stranger: Api,
    accounts: Accounts,
    /// For which tenants below the owner has said why it acts, with the ids of that.
    assumed: Vec<(String, String)>,
}

impl Seed {
    async fn everything(&mut self, platform: &str) -> Result<(), Failure> {
        if !self.accounts.owner().active {
            self.activated(world::OWNER.email)?;
        }
        let plans = plans(&self.acting_for(platform)?, world::PLANS).await?;
        for tenant in world::TENANTS {
            let id = self.tenant(platform, &plans, tenant).await?;
            self.assume(&id).await?;
            let sold = plans_of(&self.acting_for(&id)?, tenant).await?;
            for child in tenant.children {
                self.tenant(&id, &sold, child).await?;
            }
        }
        Ok(())
    }

    fn acting_for(&self, tenant: &str) -> Result<Api, Failure> {
        let mut api = self.signed_in.clone();
        api.set_header("mpanel-tenant", tenant)?;
        Ok(api)
    }

    /// Says why the owner acts for a tenant below.
    async fn assume(&mut self, tenant: &str) -> Result<(), Failure> {
        if self.assumed.iter().any(|(assumed, _)| assumed == tenant) {
            return Ok(());
        }
        let body = json!({"reason": "filling the demo", "minutes": 60});
        let answer = self.signed_in.post(&["tenants", tenant, "assumptions"], &body).await?;
        self.assumed.push((tenant.to_owned(), answer.text("/id").to_owned()));
        Ok(())
    }

    async fn leave(&mut self) {
        for (tenant, id) in self.assumed.drain(..) {
            // They end by themselves soon; nothing that was made depends on it.
            let _ended = self.signed_in.delete(&["tenants", &tenant, "assumptions", &id]).await;
        }
    }

    fn activated(&mut self, email: &str) -> Result<(), Failure> {
        self.accounts.activated(email);
        Ok(self.accounts.save()?)
    }

    /// Makes a tenant and all that it has. `plans` are the seller's. Answers with its id.
    async fn tenant(&mut self, seller: &str, plans: &Value, wanted: &Tenant) -> Result<String, Failure> {
        let api = self.acting_for(seller)?;
        let there = api
            .get_with(&["tenants"], &[("limit", "200"), ("filter[parent]", seller)])
            .await?;
        let id = match find(&there.value, "slug", wanted.slug) {
            Some(tenant) => text(tenant, "id").to_owned(),
            None => {
                progress(&format!("{} {}", wanted.kind, wanted.name));
                let plan = find(plans, "name", wanted.plan).map(|plan| text(plan, "id"));
                let owner = json!({"email": wanted.owner.email, "name": wanted.owner.name});
                let body = json!({"kind": wanted.kind, "name": wanted.name, "slug": wanted.slug, "plan_id": plan, "owner": owner});
                let created = api.post(&["tenants"], &body).await?;
                self.activate(wanted.owner.email, created.text("/activation/url_path"))
                    .await?;
                created.text("/tenant/id").to_owned()
            }
        };
        self.assume(&id).await?;
        let api = self.acting_for(&id)?;
        for zone in wanted.zones {
            add_zone(&api, zone).await?;
        }
        for site in wanted.sites {
            add_site(&api, site).await?;
        }
        Ok(id)
    }

    /// Sets the password of an owner by the link that was made for them.
    async fn activate(&mut self, email: &str, link: &str) -> Result<(), Failure> {
        let (Some(account), Some((_, token))) = (self.accounts.of(email), link.split_once('#')) else {
            return Ok(());
        };
        let body = json!({"token": token, "password": account.password});
        let answer = self.stranger.post(&["activations"], &body).await?;
        self.activated(email)?;
        // It signs in as well, which is nobody's intention here.
        signed_in(&self.stranger, &answer)?
            .delete(&["sessions", "current"])
            .await?;
        Ok(())
    }
}

async fn plans_of(api: &Api, tenant: &Tenant) -> Result<Value, Failure> {
    match tenant.sells {
        [] => Ok(Value::Null),
        sells => plans(api, sells).await,
    }
}

/// Makes the plans that are missing; answers with the list of all.
async fn plans(api: &Api, wanted: &[Plan]) -> Result<Value, Failure> {
    let there = api.get_with(&["plans"], &[("limit", "200")]).await?;
    let missing: Vec<&Plan> = wanted
        .iter()
        .filter(|plan| find(&there.value, "name", plan.name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(there.value);
    }
    for plan in missing {
        progress(&format!("plan {}", plan.name));
        let entitlements = json!({
            "sites": plan.sites,
            "domains": plan.domains,
            "disk_bytes": u64::from(plan.disk_gb) * GB,
            "traffic_bytes_month": u64::from(plan.traffic_gb) * GB,
        });
        api.post(&["plans"], &json!({"name": plan.name, "entitlements": entitlements}))
            .await?;
    }
    Ok(api.get_with(&["plans"], &[("limit", "200")]).await?.value)
}

async fn add_zone(api: &Api, wanted: &Zone) -> Result<(), Failure> {
    let there = api.get_with(&["zones"], &[("limit", "200")]).await?;
    let id = match find(&there.value, "apex", wanted.apex) {
        Some(zone) => text(zone, "id").to_owned(),
        None => {
            progress(&format!("zone {}", wanted.apex));
            api.post(&["zones"], &json!({"apex": wanted.apex}))
                .await?
                .text("/id")
                .to_owned()
        }
    };
    let there = api.get_with(&["zones", &id, "records"], &[("limit", "200")]).await?;
    for record in missing_records(&there.value, wanted) {
        let body = json!({"name": record.name, "type": record.rtype, "data": record.data});
        api.post(&["zones", &id, "records"], &body).await?;
    }
    Ok(())
}

async fn add_site(api: &Api, wanted: &Site) -> Result<(), Failure> {
    let there = api.get_with(&["sites"], &[("limit", "200")]).await?;
    let id = match find(&there.value, "slug", wanted.slug) {
        Some(site) => text(site, "id").to_owned(),
        None => {
            progress(&format!("site {}", wanted.name));
            let body = json!({"name": wanted.name, "slug": wanted.slug});
            api.post(&["sites"], &body).await?.text("/id").to_owned()
        }
    };
    let mut site = api.get(&["sites", &id]).await?.value;
    let fallback = site.pointer("/settings/spa_fallback").and_then(Value::as_bool);
    if fallback != Some(wanted.spa_fallback) {
        site = api
            .patch(
                &["sites", &id],
                &json!({"settings": {"spa_fallback": wanted.spa_fallback}}),
            )
            .await?
            .value;
    }
    if let Some(domain) = wanted.domain
        && !has_domain(&site, domain)
    {
        api.post(&["sites", &id, "domains"], &json!({"name": domain, "kind": "alias"}))
            .await?;
    }
    add_releases(api, &id, wanted, text(&site, "preview_url").trim_end_matches('/')).await?;
    until_served(api, &id, wanted).await
}

fn has_domain(site: &Value, domain: &str) -> bool {
    let domains = site.get("domains").and_then(Value::as_array).into_iter().flatten();
    domains.into_iter().any(|item| text(item, "name") == domain)
}

async fn add_releases(api: &Api, id: &str, wanted: &Site, base: &str) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let there = api.get_with(&["sites", id, "releases"], &[("limit", "200")]).await?;
        match next_release(&there.value, wanted.releases) {
            Step::Done => return Ok(()),
            Step::Deploy(index) => deploy(api, id, wanted, index, base).await?,
            Step::Wait => sleep(LOOK_AGAIN).await,
            Step::Activate(release) => {
                let path = ["sites", id, "releases", &release, "activate"];
                let answer = api.post(&path, &json!({})).await?;
                finished(api, answer.text("/operation_id")).await?;
            }
        }
        patient(begin, &format!("the releases of {}", wanted.name))?;
    }
}

/// Uploads a release as any client does, and waits until it is live.
async fn deploy(api: &Api, id: &str, wanted: &Site, index: usize, base: &str) -> Result<(), Failure> {
    let note = wanted.releases[index];
    progress(&format!("site {}: release \"{note}\"", wanted.name));
    let archive = content::archive(&content::files(wanted.slug, index + 1, base)?)?;
    let body = json!({"filename": format!("{}-{}.tar.gz", wanted.slug, index + 1), "size": archive.len()});
    let upload = api.post(&["sites", id, "uploads"], &body).await?;
    let upload = upload.text("/id");
    api.append(&["sites", id, "uploads", upload], 0, archive).await?;
    let body = json!({"upload_id": upload, "activate": true, "note": note});
    let answer = api.post(&["sites", id, "releases"], &body).await?;
    finished(api, answer.text("/operation_id")).await
}

async fn finished(api: &Api, operation: &str) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let answer = api.get(&["operations", operation]).await?;
        match answer.text("/state") {
            "succeeded" => return Ok(()),
            "failed" | "cancelled" => return Err(Failure::Operation(answer.text("/error/message").to_owned())),
            _ => sleep(LOOK_AGAIN).await,
        }
        patient(begin, &format!("operation {operation}"))?;
    }
}

/// Waits for the certificate and for what else a site needs.
async fn until_served(api: &Api, id: &str, wanted: &Site) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let site = api.get(&["sites", id]).await?;
        if site.value.pointer("/status/ready") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        patient(
            begin,
            &format!("site {} ({})", wanted.name, site.text("/status/summary")),
        )?;
        sleep(LOOK_AGAIN).await;
    }
}

fn patient(begin: Instant, what: &str) -> Result<(), Failure> {
    if begin.elapsed() < PATIENCE {
        return Ok(());
    }
    Err(Failure::Operation(format!(
        "{what} takes longer than {} seconds",
        PATIENCE.as_secs()
    )))
}
