//! A provider with a customer, a site and a zone, and the operator's commands on its data folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::accounts::{PASSWORD, claim, unique};
use crate::harness::{Account, Api, System, binaries, eventually, website};
use crate::main_job::api::dig;

pub const TEXT: &str = "still here after the fire";

/// An installation in which something is to lose.
pub struct World {
    pub system: System,
    pub owner: Account,
    pub customer: Account,
    pub site: String,
    pub domain: String,
}

impl World {
    pub async fn new() -> Self {
        Self::on(System::start().await).await
    }

    /// The same in an installation that runs already.
    pub async fn on(system: System) -> Self {
        let owner = claim(&system).await;
        let plan = owner.plan(None).await;
        let customer = owner.tenant_below("customer", &plan).await;
        let domain = format!("www.kept{}.example", unique());
        let apex = domain.trim_start_matches("www.").to_owned();
        customer.api.post("/zones", json!({"apex": apex})).await.expect(201);
        let site = customer.site(&domain).await;
        customer.publish(&site, &website::page(TEXT)).await;
        system.browser(&[&domain]).await.shows(&domain, "/", TEXT).await;
        Self {
            system,
            owner,
            customer,
            site,
            domain,
        }
    }

    /// An archive beside the data folder.
    pub fn backup(&self, name: &str, options: &[&str]) -> (PathBuf, Value) {
        let file = self.system.scratch().join(name);
        let answer = backed_up(&self.system, &file, options);
        (file, answer)
    }

    /// The site, the zone and the people of this world are in another installation.
    pub async fn assert_in(&self, system: &System) {
        let browser = system.browser(&[&self.domain]).await;
        browser.shows(&self.domain, "/", TEXT).await;
        eventually("DNS answers", async || {
            (dig(system, &self.domain, "A") == "127.0.0.1").then_some(())
        })
        .await;
        let customer = sign_in(system, &self.customer.email).await;
        let site = customer.get(&format!("/sites/{}", self.site)).await.expect(200);
        assert_eq!(
            site.body["primary_domain"].as_str().unwrap_or(&self.domain),
            self.domain,
            "{site}"
        );
        eventually("the site is ready", async || {
            let site = customer.get(&format!("/sites/{}", self.site)).await.expect(200);
            (site.body["status"]["ready"] == true).then_some(())
        })
        .await;
    }
}

/// Somebody signed in anew.
pub async fn sign_in(system: &System, email: &str) -> Api {
    let api = system.api();
    let answer = api
        .post("/sessions", json!({"email": email, "password": PASSWORD}))
        .await
        .expect(201);
    api.with(crate::harness::client::Credential::Session(answer.cookie()))
}

/// `mpanel` with these arguments, as the operator starts it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::mpanel());
    command
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit code, standard output and standard error.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = command(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// The JSON document of a command that has to succeed.
pub fn told(arguments: &[&str]) -> Value {
    let (code, out, err) = run(&[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// The message of a command that has to fail.
pub fn refused(arguments: &[&str]) -> String {
    let (code, out, err) = run(arguments);
    assert!(code > 0, "{arguments:?} went well: {out}{err}");
    err
}

pub fn backed_up(system: &System, file: &Path, options: &[&str]) -> Value {
    let (data, file) = (text(&system.data()), text(file));
    told(&[&["backup", "self", "--data", &data, "--to", &file], options].concat())
}

/// Restores into the folder of a system that was only prepared, and starts it.
pub async fn restored(file: &Path, options: &[&str]) -> System {
    let mut system = System::prepare(&[]);
    let (file, data) = (text(file), text(&system.data()));
    told(&[&["restore", &file, "--data", &data, "--yes"], options].concat());
    system.up().await;
    system
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A command that can be killed; its output goes nowhere.
pub fn started(arguments: &[&str]) -> Child {
    command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
