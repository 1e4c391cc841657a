use serde_json::Value;

use super::api::dig;
use super::person::Person;
use crate::harness::accounts::PASSWORD;
use crate::harness::{System, eventually, website};

/// The provider: owns the installation, sells a plan, and hands a link to a customer.
fn provider(system: &System) -> (Person, String) {
    let provider = Person::new(system, "provider");
    let data = system.data().display().to_string();
    let claim = [
        "claim",
        "--data",
        &data,
        "--email",
        "olga@provider.example",
        "--name",
        "Olga",
    ];
    let claim = [&claim[..], &["--password-stdin"]].concat();
    let password = format!("{PASSWORD}\n");
    provider.tells(&claim, &password);
    let (code, _) = provider.fails(&claim, &password);
    assert_eq!(code, 5, "it was claimed twice");
    let url = format!("http://{}", system.address("panel"));
    let login = ["login", &url, "--email", "olga@provider.example", "--password-stdin"];
    provider.tells(&login, &password);

    let limits = ["--sites", "5", "--domains", "10", "--disk", "2G", "--traffic", "1T"];
    provider.json(&[&["plan", "create", "Starter"], &limits[..]].concat());
    let owner = ["--owner-email", "carl@bakery.example", "--owner-name", "Carl"];
    let tenant = ["tenant", "create", "Corner Bakery", "--plan", "Starter"];
    let (_, _, told) = provider.run(&[&tenant[..], &owner[..]].concat(), "");
    // People are told the whole link, ready to be handed over.
    let link = told.split_whitespace().find(|word| word.starts_with("http"));
    let link = link.unwrap_or_else(|| panic!("no link in {told}")).to_owned();
    (provider, link)
}

#[tokio::test]
async fn the_command_line_does_the_same() {
    let system = System::start().await;
    let (provider, link) = provider(&system);
    let customer = Person::new(&system, "customer");
    let activate = ["activate", &link, "--password-stdin", "--create-token"];
    let told = customer.tells(&activate, &format!("{PASSWORD}\n"));
    assert!(told.contains("carl@bakery.example"), "{told}");
    let (code, _) = customer.fails(&activate, &format!("{PASSWORD}\n"));
    assert_eq!(code, 9, "the link worked twice");

    publishes(&system, &customer).await;
    answers_names(&system, &customer).await;
    lends_a_token(&system, &customer);
    looks_back(&provider, &customer);
    let site = customer.json(&["site", "show", "Bakery"]);
    let (code, _) = customer.fails(&["site", "show", "site_00000000000000000000000000"], "");
    assert_eq!(code, 5);
    customer.tells(&["site", "delete", "Bakery", "--yes"], "");
    assert!(!system.data().join("sites").join(site["id"].as_str().unwrap()).exists());
    customer.tells(&["logout"], "");
    let (code, _) = customer.fails(&["site", "list"], "");
    assert_eq!(code, 3);
}

/// A real website, then a folder, then the first again.
async fn publishes(system: &System, customer: &Person) {
    customer.json(&["site", "create", "Bakery", "--domain", "www.bakery.example"]);
    let archive = system.scratch().join("manual.zip");
    std::fs::write(&archive, website::zip(&website::manual())).unwrap();
    let archive = archive.display().to_string();
    let release = customer.json(&["site", "deploy", "Bakery", &archive]);
    assert_eq!(release["state"], "active", "{release}");
    let authority = customer.tells(&["certificate", "authority"], "");
    let browser = system.browser_trusting(authority.as_bytes(), &["www.bakery.example"]);
    let index = std::fs::read(website::manual().join("index.html")).unwrap();
    assert_eq!(
        browser.shows("www.bakery.example", "/", "PostgreSQL").await.bytes,
        index
    );

    let folder = system.scratch().join("folder");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "<h1>from a folder</h1>").unwrap();
    customer.json(&["site", "deploy", "Bakery", &folder.display().to_string()]);
    browser.shows("www.bakery.example", "/", "from a folder").await;
    customer.json(&["site", "rollback", "Bakery"]);
    browser.shows("www.bakery.example", "/", "PostgreSQL").await;
}

/// The site's name is answered by itself in the zone that came with it, another name by a record.
async fn answers_names(system: &System, customer: &Person) {
    let zones = customer.json(&["zone", "list"]);
    assert!(items(&zones).any(|zone| zone["apex"] == "bakery.example"), "{zones}");
    customer.json(&["zone", "create", "flour.example"]);
    let record = [
        "record",
        "add",
        "bakery.example",
        "shop",
        "A",
        "192.0.2.7",
        "--ttl",
        "60",
    ];
    customer.json(&record);
    eventually("DNS answers the record", async || {
        (dig(system, "shop.bakery.example", "A") == "192.0.2.7").then_some(())
    })
    .await;
    eventually("DNS answers the site's address", async || {
        (dig(system, "www.bakery.example", "A") == "127.0.0.1").then_some(())
    })
    .await;
    let records = customer.json(&["record", "list", "bakery.example"]);
    let names: Vec<&str> = items(&records).filter_map(|item| item["name"].as_str()).collect();
    assert!(names.contains(&"shop.bakery.example"), "{records}");
}

/// A token for somebody else's program: it works there until it is revoked.
fn lends_a_token(system: &System, customer: &Person) {
    let made = customer.json(&["token", "create", "ci", "--scope", "sites.site:list"]);
    let token = made["token"].as_str().unwrap();
    let program = Person::new(system, "program");
    let url = format!("http://{}", system.address("panel"));
    let with_token = |words: &[&'static str]| [words, &["--url", url.as_str(), "--token", token]].concat();
    let sites = program.json(&with_token(&["site", "list"]));
    assert_eq!(items(&sites).count(), 1, "{sites}");
    let (code, _) = program.fails(&with_token(&["zone", "list"]), "");
    assert_eq!(code, 4, "it may do more than its scope");
    let tokens = customer.json(&["token", "list"]);
    assert!(items(&tokens).any(|item| item["name"] == "ci"), "{tokens}");
    assert!(!tokens.to_string().contains(token), "a list shows tokens");
    customer.tells(&["token", "revoke", "ci"], "");
    let (code, _) = program.fails(&with_token(&["site", "list"]), "");
    assert_eq!(code, 3, "a revoked token works");
}

/// What was done can be looked up, by the customer and by the provider.
fn looks_back(provider: &Person, customer: &Person) {
    let operations = customer.json(&["operation", "list"]);
    let deployed = items(&operations).find(|item| item["kind"] == "sites.release.deploy");
    let id = deployed.unwrap_or_else(|| panic!("{operations}"))["id"]
        .as_str()
        .unwrap();
    let operation = customer.json(&["operation", "show", id]);
    assert_eq!(operation["state"], "succeeded", "{operation}");
    assert!(operation["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
    for (who, action) in [
        (customer, "sites.site.created"),
        (customer, "identity.api_token.revoked"),
        (provider, "tenancy.tenant.created"),
    ] {
        let audit = who.json(&["audit", "list", "--action", action]);
        assert!(items(&audit).count() > 0, "{action}: {audit}");
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter()
}
