//! The installation that is killed, and its one customer.

use std::path::PathBuf;

use serde_json::json;

use crate::harness::accounts::claim;
use crate::harness::website::Browser;
use crate::harness::{Account, System, website};

pub const DOMAIN: &str = "www.killed.example";

pub struct World {
    pub system: System,
    pub customer: Account,
    /// The site that stays, and what it shows.
    pub site: String,
    pub shown: String,
    browser: Browser,
    releases: u32,
}

impl World {
    /// A customer with a zone, and with a site in it that shows something.
    pub async fn new() -> Self {
        let system = System::start().await;
        let owner = claim(&system).await;
        let plan = owner.plan(None).await;
        let customer = owner.tenant_below("customer", &plan).await;
        let api = &customer.api;
        api.post("/zones", json!({"apex": "killed.example"})).await.expect(201);
        let site = customer.site(DOMAIN).await;
        customer.publish(&site, &website::page("release 000")).await;
        let browser = system.browser(&[DOMAIN]).await;
        browser.shows(DOMAIN, "/", "release 000").await;
        Self {
            system,
            customer,
            site,
            shown: "release 000".to_owned(),
            browser,
            releases: 0,
        }
    }

    /// A text that no release has shown yet, and an archive that shows it.
    pub fn next_release(&mut self) -> (String, Vec<u8>) {
        self.releases += 1;
        let text = format!("release {:03}", self.releases);
        (text.clone(), website::page(&text))
    }

    /// A folder of files that takes a while to unpack.
    pub fn large_folder(&mut self) -> (String, PathBuf) {
        let (text, _) = self.next_release();
        let folder = self.system.scratch().join(&text);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("index.html"), &text).unwrap();
        for number in 0..1000 {
            std::fs::write(folder.join(format!("{number}.txt")), vec![b'x'; 1024]).unwrap();
        }
        (text, folder)
    }

    /// `kill -9` of all of these; gives what they were, for [`World::back`].
    pub async fn kill<'a>(&mut self, processes: &[&'a str]) -> Vec<(&'a str, u32)> {
        let mut killed = Vec::new();
        for process in processes {
            let pid = match *process {
                "up" => {
                    self.system.kill_supervisor().await;
                    0
                }
                _ => self.system.kill(process).await,
            };
            killed.push((*process, pid));
        }
        killed
    }

    /// Waits until what was killed runs again. The supervisor brings the others back, and we the supervisor.
    pub async fn back(&mut self, killed: &[(&str, u32)]) {
        for (process, before) in killed {
            match *process {
                "up" => self.system.up().await,
                _ => self.system.wait_restarted(process, *before).await,
            }
        }
    }

    /// What a visitor of the site gets now: one of these texts, whatever was killed.
    pub async fn visit(&self, texts: &[&str]) {
        let answer = self.browser.get(DOMAIN, "/").await;
        let answer = answer.unwrap_or_else(|error| panic!("the site is away: {error}\n{}", self.system.logs()));
        let page = String::from_utf8_lossy(&answer.bytes).into_owned();
        let shows = texts.iter().any(|text| page.contains(text));
        assert!(answer.status == 200 && shows, "{answer}\nis none of {texts:?}");
    }

    /// Waits until the site shows what it should.
    pub async fn shows(&self) {
        self.browser.shows(DOMAIN, "/", &self.shown).await;
    }

    /// Whether a visitor gets nothing any more.
    pub async fn is_gone(&self) -> bool {
        !self
            .browser
            .get(DOMAIN, "/")
            .await
            .is_ok_and(|answer| answer.status == 200)
    }
}
