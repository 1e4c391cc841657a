use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use crate::Cli;
use crate::cli::Commands;
use crate::cli::connection::Global;
use crate::cli::find::{self, pick};
use crate::cli::plan::{amount, limit};
use crate::cli::profiles::{Profile, Profiles};
use crate::cli::site::releases::release_to_activate;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn what_the_documentation_shows_is_understood() {
    let lines = [
        "login",
        "login https://panel.example.com --email ada@example.com --password-stdin --ca-fingerprint AB:CD",
        "logout",
        "claim --email ada@example.com --name Ada --password-stdin --data data --create-token --json",
        "claim --url https://panel.example.com --claim-token-stdin --email a@example.com --name A --password-stdin",
        "activate https://panel.example.com/activate#act_1 --name Ada --password-stdin --create-token",
        "activate - --url https://panel.example.com --ca-fingerprint AB:CD --password-stdin --totp 123456 --json",
        "totp setup --password-stdin --json",
        "totp setup --url https://panel.example.com --email ada@example.com --password-stdin",
        "totp confirm 123456",
        "totp disable --password-stdin --json",
        "me --json",
        "tenant list --limit 10 --json",
        "tenant create Acme --kind reseller --plan starter --owner-email a@example.com --owner-name Ada",
        "tenant subscribe acme starter --limit sites=unlimited --limit disk_bytes=20G",
        "tenant member add acme b@example.com --name Bob --role viewer",
        "tenant member role acme b@example.com admin",
        "password --password-stdin --json",
        "password reset ada@example.com --url https://panel.example.com --json",
        "password accept https://panel.example.com/reset#reset_1 --password-stdin --totp 123456",
        "password accept - --password-stdin --ca-fingerprint AB:CD",
        "email change ada@example.com --password-stdin",
        "email confirm https://panel.example.com/confirm-email#email_1 --json",
        "invitation list --tenant acme --json",
        "invitation resend ada@example.com",
        "invitation revoke usr_1 --tenant acme",
        "mail test --json",
        "tenant member add acme b@example.com --name Bob --role Bookkeeper",
        "role list --all",
        "role create Bookkeeper --description books --allow tenancy.plan:list --allow tenancy.tenant:list --below",
        "role update Bookkeeper --allow tenancy.tenant:read --forbid tenancy.plan:list --below off --json",
        "role show Bookkeeper",
        "role permissions --json",
        "role delete Bookkeeper",
        "assume acme --reason broken --minutes 30 --json",
        "support list --of acme --all",
        "support list",
        "support agree asm_1",
        "support end asm_1 --of acme",
        "support consent on",
        "support consent --json",
        "plan create starter --sites 10 --domains 20 --disk 10G --traffic 1TB",
        "plan version starter --limit sites=20",
        "site create handbook --domain handbook.example.com --tenant acme",
        "--help-is-not-here",
        "site deploy handbook website.zip --note first --no-activate --json",
        "site rollback handbook --to 3",
        "site traffic handbook --days 7 --json",
        "site releases handbook --all",
        "site delete handbook --yes",
        "site update handbook --name Handbook --spa-fallback on --not-found-page errors/404.html --json",
        "site update handbook --https-redirect off --keep-releases 5",
        "site purge handbook --everything --soft",
        "site purge handbook --address https://a.example/b --prefix https://a.example/c/ --tag news --host a.example",
        "site delivery handbook",
        "site delivery handbook --redirect /old/* /new/:splat --redirect /a /b --hsts 300 --cache wordpress",
        "site delivery handbook --server app.example.com:443 --server-tls --no-maintenance",
        "site delivery handbook --file -",
        "site release show handbook 3 --json",
        "site release activate handbook rel_1 --no-wait",
        "site release delete handbook 2",
        "site upload show handbook upl_1 --json",
        "site upload delete handbook upl_1",
        "site domain add handbook old.example.com --kind redirect --target https://example.com --status 308",
        "zone create example.com",
        "record add example.com @ MX 10 mail.example.com. --ttl 300",
        "record add example.com www TXT --ttl 300 -- -flag",
        "record update example.com rec_1 --value 192.0.2.2",
        "token create ci --scope sites.site:read --scope sites.release:create --expires-at 2027-01-01T00:00:00Z",
        "token list --everybody --tenant acme --json",
        "session list",
        "audit list --subject site_1 --actor usr_1 --action sites.site.created",
        "audit list --since 2d --until 2026-11-23 --kind site --refused --text zone --below --json",
        "audit show aud_1",
        "audit export --format csv --output log.csv --since 4w --after aud_1",
        "audit retention --days 400 --hold lawsuit",
        "audit erase anna@example.org --yes",
        "operation watch op_1",
        "node list",
        "certificate authority",
        "trust --data data --json",
        "trust --remove --ca-fingerprint AB:CD",
        "config print --json --data data",
        "config check --json",
        "keys export --json --data data",
        "selftest isolation --json",
        "completion zsh",
        "edge --data data --process edge --rootless",
        "edge serve --config edge.toml",
        "dns run --data data --process dns-2",
        "dns serve --listen 127.0.0.1:8053 --zone-file example.com=example.zone --zone-file example.net=other.zone",
        "dns check-zone example.com example.zone",
    ];
    for line in lines {
        let parsed = Cli::try_parse_from(std::iter::once("mpanel").chain(line.split(' ')));
        assert_eq!(parsed.is_ok(), !line.starts_with("--"), "{line}: {:?}", parsed.err());
    }
}

#[test]
fn completion_scripts_know_every_command_and_its_options() {
    for shell in [
        clap_complete::Shell::Bash,
        clap_complete::Shell::Zsh,
        clap_complete::Shell::Fish,
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "mpanel", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["rollback", "keep-releases", "no-activate", "domain", "redirect"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn an_argument_is_not_taken_for_the_option_of_its_name() {
    let parse = |line: &str| match Cli::try_parse_from(line.split(' ')).unwrap().command {
        crate::Commands::Client(Commands::Tenant(with)) => with.global,
        crate::Commands::Client(Commands::Token(with)) => with.global,
        crate::Commands::Client(Commands::Record(with)) => with.global,
        other => panic!("{other:?}"),
    };
    assert_eq!(parse("mpanel tenant show acme").tenant, None);
    assert_eq!(parse("mpanel token revoke ci").token, None);
    assert_eq!(
        parse("mpanel tenant --tenant shop show acme").tenant.as_deref(),
        Some("shop")
    );
    assert_eq!(
        parse("mpanel tenant show acme --tenant shop").tenant.as_deref(),
        Some("shop")
    );
}

#[test]
fn a_process_name_cannot_lead_out_of_the_folder() {
    for name in ["../dns-1", "dns/1", "", "Dns"] {
        assert!(
            Cli::try_parse_from(["mpanel", "dns", "run", "--process", name]).is_err(),
            "{name}"
        );
    }
}

#[test]
fn limits_are_counts_sizes_or_unlimited() {
    assert_eq!(amount("10"), Ok(json!(10)));
    assert_eq!(amount("10G"), Ok(json!(10_u64 << 30)));
    assert_eq!(amount("1 TB"), Ok(json!(1_000_000_000_000_u64)));
    assert_eq!(amount("unlimited"), Ok(Value::Null));
    assert_eq!(limit("sites=5"), Ok(("sites".to_owned(), json!(5))));
    for wrong in ["", "ten", "-1", "1.5G", "10X", "99999999999T"] {
        assert!(amount(wrong).is_err(), "{wrong}");
    }
    assert!(limit("sites").is_err());
}

#[test]
fn objects_are_found_by_name_and_an_ambiguous_one_is_not_guessed() {
    let items = [
        json!({"id": "site_a", "slug": "one", "name": "Shop"}),
        json!({"id": "site_b", "slug": "two", "name": "shop"}),
        json!({"id": "site_c", "slug": "shop", "name": "Other"}),
    ];
    assert_eq!(pick(find::SITE, "ONE", &items).unwrap(), "site_a");
    // The short name wins over names that are only alike.
    assert_eq!(pick(find::SITE, "shop", &items).unwrap(), "site_c");
    assert_eq!(pick(find::SITE, "shop", &items[..2]).unwrap_err().exit_code(), 2);
    assert_eq!(pick(find::SITE, "none", &items).unwrap_err().exit_code(), 5);
    let zones = [json!({"id": "zone_a", "apex": "example.com"})];
    assert_eq!(pick(find::ZONE, "example.com.", &zones).unwrap(), "zone_a");
    assert!(find::is_id(find::SITE, "site_01h2xcejqtf2nbrexx3vqjhp41"));
    assert!(!find::is_id(find::SITE, "site_of_ada"));
}

#[test]
fn a_rollback_takes_the_newest_usable_release_before_the_active_one() {
    let release = |number: u64, state: &str| json!({"id": format!("rel_{number}"), "number": number, "state": state});
    let releases = [
        release(5, "ready"),
        release(4, "active"),
        release(3, "failed"),
        release(2, "ready"),
        release(1, "ready"),
    ];
    let chosen = |to| release_to_activate(&releases, to);
    assert_eq!(chosen(None).unwrap(), ("rel_2".to_owned(), 2));
    assert_eq!(chosen(Some("5")).unwrap().1, 5);
    assert_eq!(chosen(Some("#1")).unwrap().1, 1);
    assert_eq!(chosen(Some("rel_3")).unwrap().1, 3);
    assert_eq!(chosen(Some("9")).unwrap_err().exit_code(), 5);
    assert_eq!(release_to_activate(&releases[1..3], None).unwrap_err().exit_code(), 5);
}

fn profile(url: &str) -> Profile {
    Profile {
        url: url.to_owned(),
        token: "mpk_secret".to_owned(),
        token_id: None,
        tenant: None,
        ca: None,
    }
}

#[test]
fn a_token_never_goes_to_another_server_than_its_own() {
    let mut profiles = Profiles::default();
    let target = |global: Global, profiles: &Profiles| global.target(profiles);
    assert_eq!(target(Global::default(), &profiles).unwrap_err().exit_code(), 3);
    profiles
        .all
        .insert("default".to_owned(), profile("https://panel.example.com/"));
    let other = |url: &str| Global {
        url: Some(url.to_owned()),
        ..Global::default()
    };
    let (server, kept) = target(Global::default(), &profiles).unwrap();
    assert_eq!(
        (server.to_string().as_str(), kept.is_some()),
        ("https://panel.example.com/", true)
    );
    assert!(target(other("panel.example.com"), &profiles).unwrap().1.is_some());
    assert!(
        target(other("https://panel.example.com:8443"), &profiles)
            .unwrap()
            .1
            .is_none()
    );
    assert!(
        target(other("http://panel.example.com"), &profiles)
            .unwrap()
            .1
            .is_none()
    );
    for wrong in [
        "ftp://panel.example.com",
        "https://ada:secret@panel.example.com",
        "https://",
    ] {
        assert_eq!(target(other(wrong), &profiles).unwrap_err().exit_code(), 2, "{wrong}");
    }
}

#[test]
fn the_profiles_are_readable_by_their_owner_only() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mpanel/cli.toml");
    let mut profiles = Profiles::load(&file).unwrap();
    profiles
        .all
        .insert("default".to_owned(), profile("https://panel.example.com/"));
    profiles.save(&file).unwrap();
    profiles.save(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(Profiles::load(&file).unwrap(), profiles);
    assert!(!format!("{profiles:?}").contains("mpk_"));

    std::fs::write(&file, "[profile.default]\nurl = \"u\"\ntoken = mpk_secret\n").unwrap();
    let said = Profiles::load(&file).unwrap_err().to_string();
    assert!(said.contains("cli.toml:3") && !said.contains("mpk_secret"), "{said}");
}
