use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::accounts::PASSWORD;
use crate::harness::{System, accounts, binaries, website};

/// The command-line client of one person, with a home of its own.
struct Cli {
    home: PathBuf,
    url: String,
}

impl Cli {
    fn new(system: &System, name: &str) -> Self {
        let home = system.scratch().join(name);
        std::fs::create_dir_all(&home).unwrap();
        Self {
            home,
            url: format!("http://{}", system.address("panel")),
        }
    }

    /// Exit code and what it printed.
    fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = Command::new(binaries::mpanel())
            .args(arguments)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// The JSON document that a command that has to succeed prints.
    fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let (code, out, err) = self.run(&arguments, "");
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }
}

#[tokio::test]
async fn the_command_line_does_the_same() {
    let system = System::start().await;
    let provider = Cli::new(&system, "provider");
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
    let claim = [&claim[..], &["--password-stdin", "--create-token"]].concat();
    let (code, out, err) = provider.run(&claim, &format!("{PASSWORD}\n"));
    assert_eq!(code, 0, "{out}{err}");
    let (code, _, err) = provider.run(&claim, &format!("{PASSWORD}\n"));
    assert_ne!(code, 0, "it was claimed twice");
    assert!(!err.is_empty());

    provider.json(&[
        "plan",
        "create",
        "Starter",
        "--sites",
        "5",
        "--domains",
        "10",
        "--disk",
        "2G",
        "--traffic",
        "1T",
    ]);
    let tenant = ["tenant", "create", "Corner Bakery", "--plan", "Starter"];
    let created = provider.json(
        &[
            &tenant[..],
            &["--owner-email", "carl@bakery.example", "--owner-name", "Carl"],
        ]
        .concat(),
    );
    let link = created["activation"]["url_path"].as_str().unwrap().to_owned();
    accounts::activate(&system.api(), &link, "carl@bakery.example").await;

    let customer = Cli::new(&system, "customer");
    let login = [
        "login",
        &customer.url,
        "--email",
        "carl@bakery.example",
        "--password-stdin",
    ];
    let (code, out, err) = customer.run(&login, &format!("{PASSWORD}\n"));
    assert_eq!(code, 0, "{out}{err}");
    let site = customer.json(&["site", "create", "Bakery", "--domain", "bakery.example"]);
    let archive = system.scratch().join("manual.zip");
    std::fs::write(&archive, website::zip(&website::manual())).unwrap();
    let archive = archive.display().to_string();
    customer.json(&["site", "deploy", "Bakery", &archive]);
    let browser = system.browser(&["bakery.example"]).await;
    let index = std::fs::read(website::manual().join("index.html")).unwrap();
    assert_eq!(browser.shows("bakery.example", "/", "PostgreSQL").await.bytes, index);

    // A folder is packed on the way; then back to the release before.
    let folder = system.scratch().join("folder");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "<h1>from a folder</h1>").unwrap();
    customer.json(&["site", "deploy", "Bakery", &folder.display().to_string()]);
    browser.shows("bakery.example", "/", "from a folder").await;
    customer.json(&["site", "rollback", "Bakery"]);
    browser.shows("bakery.example", "/", "PostgreSQL").await;

    let audit = provider.json(&["audit", "list"]);
    assert!(
        audit["items"].as_array().is_some_and(|items| !items.is_empty()),
        "{audit}"
    );
    let (code, _, err) = customer.run(&["site", "show", "site_00000000000000000000000000"], "");
    assert!(code > 0 && !err.is_empty());
    let (code, out, err) = customer.run(&["site", "delete", "Bakery", "--yes"], "");
    assert_eq!(code, 0, "{out}{err}");
    assert!(!system.data().join("sites").join(site["id"].as_str().unwrap()).exists());
}
