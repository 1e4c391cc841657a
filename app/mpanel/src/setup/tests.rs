use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use mpanel_config::Config;

use super::plan::{self, Id};
use super::{CONFIG, Wishes, claim, refused, settings, steps};
use crate::checks::{Check, Machine, State};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    wishes: Wishes,
}

fn wishes(arguments: &[&str]) -> Wishes {
    Line::parse_from(["setup"].iter().chain(arguments)).wishes
}

fn config(arguments: &[&str], outward: &[&str]) -> Config {
    let outward: Vec<_> = outward.iter().map(|ip| ip.parse().unwrap()).collect();
    settings::parse(&settings::written(&wishes(arguments), &outward)).unwrap()
}

#[test]
fn without_wishes_the_sites_are_public_and_the_panel_is_not() {
    let config = config(&[], &["192.0.2.7"]);
    assert!(config.panel.ip().is_loopback());
    assert_eq!(config.edge_http, "0.0.0.0:80".parse().unwrap());
    assert_eq!(config.edge_https, "0.0.0.0:443".parse().unwrap());
    assert_eq!(config.dns, "0.0.0.0:53".parse().unwrap());
    assert_eq!(
        config.public_addresses,
        ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]
    );
}

#[test]
fn a_machine_with_both_families_listens_on_both() {
    let config = config(&[], &["192.0.2.7", "2001:db8::1"]);
    assert_eq!(config.edge_https, "[::]:443".parse().unwrap());
    assert_eq!(config.public_addresses.len(), 2);
}

#[test]
fn a_trial_opens_nothing_to_the_network() {
    let config = config(&["--local"], &["192.0.2.7"]);
    for address in [config.panel, config.edge_http, config.edge_https, config.dns] {
        assert!(address.ip().is_loopback(), "{address}");
    }
    assert!(config.public_addresses.is_empty());
}

#[test]
fn wishes_come_out_as_settings() {
    let config = config(
        &[
            "--host",
            "panel.example",
            "--nameserver",
            "ns1.example",
            "--nameserver",
            "ns2.example",
            "--dns",
            "192.0.2.7:53",
        ],
        &[],
    );
    assert_eq!(config.hosts, ["panel.example"]);
    assert_eq!(config.nameservers, ["ns1.example", "ns2.example"]);
    assert_eq!(config.dns, "192.0.2.7:53".parse().unwrap());
    assert_eq!(claim::panel_url(&config), "https://panel.example/");
}

#[test]
fn wrong_settings_are_named_where_people_know_them() {
    let error = settings::parse("panel = \"nowhere\"\n").unwrap_err().to_string();
    assert!(error.starts_with(CONFIG), "{error}");
}

#[test]
fn settings_that_are_there_are_the_operators() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::at(folder.path());
    let file = machine.path(CONFIG);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "panel = \"127.0.0.1:9\"\n").unwrap();
    assert_eq!(
        settings::text(&machine, &wishes(&[])).unwrap(),
        "panel = \"127.0.0.1:9\"\n"
    );
    let refused = settings::text(&machine, &wishes(&["--host", "panel.example"])).unwrap_err();
    assert!(refused.to_string().contains("--reconfigure"), "{refused}");
    let anew = settings::text(&machine, &wishes(&["--host", "panel.example", "--reconfigure"])).unwrap();
    assert!(anew.contains("panel.example"));
}

#[test]
fn a_plan_says_every_line_and_is_empty_once_it_is_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::at(folder.path());
    let text = settings::written(&wishes(&["--local", "--host", "panel.example"]), &[]);
    let find = |id| {
        plan::steps(&machine, &text)
            .unwrap()
            .into_iter()
            .find(|step| step.id == id)
            .unwrap()
    };
    assert!(find(Id::Settings).changes[0].contains("hosts = [\"panel.example\"]"));
    assert!(
        !machine.path("/etc").exists() && !machine.path("/var").exists(),
        "a plan changes nothing"
    );

    for id in [Id::Data, Id::Settings] {
        assert!(!find(id).done);
        steps::apply(&machine, id, &text).unwrap();
        assert!(find(id).done, "{:?}", find(id));
        steps::apply(&machine, id, &text).unwrap();
    }
    let mode = |path: &str| std::fs::metadata(machine.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(CONFIG), mode("/var/lib/mpanel")), (0o600, 0o711));
    let link = std::fs::read_link(machine.path("/var/lib/mpanel/config.toml")).unwrap();
    assert_eq!(link.to_str(), Some(CONFIG));
}

#[test]
fn a_set_up_that_was_killed_half_way_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::at(folder.path());
    let text = settings::written(&wishes(&["--local"]), &[]);
    steps::apply(&machine, Id::Data, &text).unwrap();
    // Killed while the file was written: the beginning of it lies beside its place.
    let file = machine.path(CONFIG);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file.with_extension("toml.new"), &text[..20]).unwrap();
    assert_eq!(settings::text(&machine, &wishes(&["--local"])).unwrap(), text);
    steps::apply(&machine, Id::Settings, &text).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(
        settings::text(&machine, &wishes(&["--local"])).unwrap(),
        text,
        "the same command again"
    );
    assert!(!file.with_extension("toml.new").exists());
}

#[test]
fn settings_that_are_replaced_are_kept_beside() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::at(folder.path());
    steps::apply(&machine, Id::Data, "").unwrap();
    for text in ["# one\n", "# two\n"] {
        steps::apply(&machine, Id::Settings, text).unwrap();
    }
    let old = machine.path(CONFIG).with_extension("toml.old");
    assert_eq!(std::fs::read_to_string(old).unwrap(), "# one\n");
}

#[test]
fn only_failures_stop_a_set_up_and_each_can_be_overruled_by_name() {
    let check = |id, state| Check {
        id,
        title: "",
        state,
        detail: String::new(),
        fix: None,
    };
    let checks = [
        check("memory", State::Failure),
        check("disk", State::Warning),
        check("port.dns", State::Failure),
    ];
    assert_eq!(refused(&checks, &[]), ["memory", "port.dns"]);
    assert_eq!(refused(&checks, &["memory".to_owned()]), ["port.dns"]);
}
