use super::rig::{ask, ask_tls};
use crate::{Role, alone};

#[test]
fn a_file_of_hosts_and_certificates_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["www.example.org".to_owned()]).unwrap();
    write("www.crt", &made.cert.pem());
    write("www.key", &made.signing_key.serialize_pem());
    std::fs::create_dir_all(folder.path().join("sites/www")).unwrap();
    write("sites/www/index.html", "hello");
    let toml = r#"
        http = ["127.0.0.1:0"]
        https = ["127.0.0.1:0"]
        sites_dir = "sites"
        https_port = 8443
        threads = 1
        [[host]]
        name = "www.example.org"
        target = { kind = "site", root = "www", https_redirect = true }
        [[certificate]]
        names = ["www.example.org"]
        chain = "www.crt"
        key = "www.key"
    "#;
    write("edge.toml", toml);
    let file = folder.path().join("edge.toml");
    let (edge, running) = alone::serve(&file).unwrap();
    let address = |role| running.addresses().iter().find(|(of, _)| *of == role).unwrap().1;
    let request = "GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n";
    let plain = ask(address(Role::EdgeHttp), request);
    assert_eq!(
        (plain.status, plain.field("location")),
        (301, Some("https://www.example.org:8443/"))
    );
    assert_eq!(
        ask_tls(address(Role::EdgeHttps), "www.example.org", request).text(),
        "hello"
    );

    write(
        "edge.toml",
        &toml.replace("[[host]]\n        name = \"www", "[[host]]\n        name = \"other"),
    );
    alone::reload(&edge, &file).unwrap();
    assert_eq!(ask(address(Role::EdgeHttp), request).status, 404);
}

#[test]
fn mistakes_in_the_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.toml");
    let table = [
        ("http = 5", "invalid type"),
        ("htpp = []", "unknown field"),
        ("[[host]]\nname = \"a..b\"\ntarget = { kind = \"panel\" }", "a..b"),
        (
            "[[certificate]]\nnames = [\"a.example\"]\nchain = \"missing.crt\"\nkey = \"missing.key\"",
            "missing.crt",
        ),
    ];
    for (text, expected) in table {
        std::fs::write(&file, text).unwrap();
        let error = alone::serve(&file).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(
        alone::serve(&file)
            .map(|_| ())
            .unwrap_err()
            .to_string()
            .contains("edge.toml")
    );
}

#[test]
fn programs_pools_shares_and_paths_are_read_from_the_file_as_the_book_shows_them() {
    let book = include_str!("../../../../docs/src/edge.md");
    let mut shown = book
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let (whole, rules) = (shown.next().unwrap(), shown.next().unwrap());
    let ruled = "[[host]]\nname = \"rules.example.org\"\ntarget = { kind = \"site\", root = \"www\" }\n";
    let shown = format!("{whole}{ruled}{rules}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.toml");
    let made = rcgen::generate_simple_self_signed(vec!["www.example.org".to_owned()]).unwrap();
    std::fs::write(folder.path().join("www.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("www.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::create_dir(folder.path().join("sites")).unwrap();
    let text = shown
        .replace("0.0.0.0:8080", "127.0.0.1:0")
        .replace("0.0.0.0:8443", "127.0.0.1:0");
    std::fs::write(&file, text).unwrap();
    let (edge, running) = alone::serve(&file).unwrap();
    assert_eq!((edge.status().hosts, edge.status().certificates), (5, 1));
    assert_eq!(edge.shared.snapshot.load().upstreams.len(), 1);
    assert_eq!(edge.shared.options.trusted_proxies.len(), 1);
    drop(running);
}

#[test]
fn a_change_of_the_file_or_of_a_certificate_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let file = folder.path().join("edge.toml");
    write("a.crt", "1");
    write(
        "edge.toml",
        "[[certificate]]\nnames = [\"a.example\"]\nchain = \"a.crt\"\nkey = \"a.key\"\n",
    );
    let watched = || alone::Watched::new(&file);
    let before = watched();
    assert!(!before.has_changed());
    write("a.crt", "12");
    assert!(before.has_changed());
    let before = watched();
    write("a.key", "1");
    assert!(before.has_changed());
    let before = watched();
    std::fs::remove_file(&file).unwrap();
    assert!(before.has_changed());
    assert!(!watched().has_changed());
}
