use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use tempfile::TempDir;

use super::{Check, Demands, Machine, State, machine, ports, software, told, worst};
use crate::up::holder::{self, Holder};

/// A machine with these files.
fn with(files: &[(&str, &str)]) -> (TempDir, Machine) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    let machine = Machine::at(folder.path());
    (folder, machine)
}

fn state(check: &Check) -> State {
    assert_eq!(
        check.fix.is_some(),
        check.state != State::Ok,
        "what is wrong has a fix: {check:?}"
    );
    check.state
}

#[test]
fn supported_distributions_are_known_with_their_oldest_version() {
    let of = |id: &str, version: &str| {
        let text = format!("PRETTY_NAME=\"{id} {version}\"\nID={id}\nVERSION_ID=\"{version}\"\n");
        let (_folder, machine) = with(&[("etc/os-release", &text)]);
        state(&machine::distribution(&machine))
    };
    assert_eq!(of("debian", "12"), State::Ok);
    assert_eq!(of("debian", ""), State::Ok, "testing has no number");
    assert_eq!(of("debian", "11"), State::Failure);
    assert_eq!(of("ubuntu", "24.04"), State::Ok);
    assert_eq!(of("ubuntu", "22.04"), State::Failure);
    assert_eq!(of("fedora", "43"), State::Warning);
    let (_folder, nothing) = with(&[]);
    assert_eq!(state(&machine::distribution(&nothing)), State::Warning);
}

#[test]
fn a_kernel_that_is_too_old_is_refused() {
    let of = |release: &str| {
        let (_folder, machine) = with(&[("proc/sys/kernel/osrelease", release)]);
        state(&machine::kernel(&machine))
    };
    assert_eq!(of("6.1.0-28-amd64\n"), State::Ok);
    assert_eq!(of("5.6.0\n"), State::Ok);
    assert_eq!(of("5.4.0-150-generic\n"), State::Failure);
    assert_eq!(of("unknown\n"), State::Warning);
}

#[test]
fn what_separates_programs_is_missed_by_name_but_not_demanded() {
    let (_folder, bare) = with(&[("proc/sys/user/max_user_namespaces", "0\n")]);
    let check = machine::sandbox(&bare);
    assert_eq!(state(&check), State::Warning);
    assert!(
        check.detail.contains("user namespaces") && check.detail.contains("cgroup v2"),
        "{check:?}"
    );
    let (_folder, full) = with(&[
        ("proc/sys/user/max_user_namespaces", "31231\n"),
        ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("sys/kernel/security/lsm", "lockdown,landlock,apparmor\n"),
    ]);
    assert_eq!(state(&machine::sandbox(&full)), State::Ok);
}

#[test]
fn memory_is_judged_by_what_the_machine_has() {
    let of = |mib: u64| {
        let (_folder, machine) = with(&[(
            "proc/meminfo",
            &format!("MemTotal:  {} kB\nMemFree: 1 kB\n", mib * 1024),
        )]);
        state(&machine::memory(&machine))
    };
    assert_eq!(
        (of(512), of(1000), of(1960)),
        (State::Failure, State::Warning, State::Ok)
    );
    let (_folder, nothing) = with(&[]);
    assert_eq!(state(&machine::memory(&nothing)), State::Warning);
}

#[test]
fn disk_is_judged_by_room_and_by_files() {
    let of = |mib, files| state(&machine::free(mib, files, Path::new("/var/lib/mpanel")));
    assert_eq!(of(1000, 1_000_000), State::Failure);
    assert_eq!(of(5000, 1_000_000), State::Warning);
    assert_eq!(of(50_000, 1_000_000), State::Ok);
    assert_eq!(of(50_000, 1000), State::Warning);
    assert_eq!(of(50_000, 0), State::Ok, "a file system that counts none");
    let (_folder, machine) = with(&[]);
    let check = machine::disk(&machine, Path::new("/not/there/yet"));
    assert!(
        check.detail.contains("/not/there/yet"),
        "the folder above is asked: {check:?}"
    );
}

#[test]
fn the_clock_of_a_container_is_its_hosts() {
    let (_folder, container) = with(&[("run/systemd/container", "nspawn")]);
    assert_eq!(state(&machine::clock(&container)), State::Ok);
}

#[test]
fn a_host_name_has_to_lead_here() {
    let local = ["192.0.2.7".parse().unwrap()];
    let of = |hosts: &[&str], found: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        machine::named("box", &hosts, &local, |_| {
            found.iter().map(|ip| ip.parse().unwrap()).collect()
        })
    };
    assert_eq!(state(&of(&["panel.example"], &["192.0.2.7"])), State::Ok);
    assert!(of(&["panel.example"], &[]).detail.contains("does not resolve"));
    assert!(
        of(&["panel.example"], &["127.0.1.1"])
            .detail
            .contains("every machine's own")
    );
    assert!(
        of(&["panel.example"], &["198.51.100.1"])
            .detail
            .contains("no address of this machine")
    );
    assert!(of(&[], &[]).detail.contains("box"));
}

#[test]
fn the_machines_addresses_are_read_from_the_kernels_tables() {
    let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 192.0.2.7\n        /32 host LOCAL\n\
        Local:\n     |-- 192.0.2.7\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
    let inet6 = "20010db8000000000000000000000001 02 40 00 80     eth0\n";
    let found = machine::addresses_in(trie, inet6);
    assert_eq!(
        found,
        [
            "192.0.2.7".parse::<std::net::IpAddr>().unwrap(),
            "2001:db8::1".parse().unwrap()
        ]
    );
}

#[test]
fn a_port_that_somebody_holds_is_refused_with_the_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_folder, machine) = with(&[]);
    let check = |address: SocketAddr| {
        let demands = Demands {
            data: Path::new("/var/lib/mpanel"),
            addresses: vec![("edge_http", address, false)],
            hosts: &[],
            external_database: false,
        };
        ports::all(&machine, &demands).remove(0)
    };
    let held = listener.local_addr().unwrap();
    let taken = check(held);
    assert_eq!(state(&taken), State::Failure);
    assert!(
        taken.detail.contains(&format!("pid {}", std::process::id())),
        "{taken:?}"
    );
    assert!(taken.fix.unwrap().contains("--edge-http"));
    drop(listener);
    assert_eq!(state(&check(held)), State::Ok);
    assert_eq!(
        state(&check("192.0.2.7:8080".parse().unwrap())),
        State::Failure,
        "no address of this machine"
    );
}

#[test]
fn the_resolver_of_systemd_is_told_to_leave_the_name_servers_port() {
    let (_folder, machine) = with(&[]);
    let holder = Holder {
        pid: 1,
        name: "systemd-resolve".to_owned(),
    };
    let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 53);
    let fix = ports::taken(&machine, "dns", address, "UDP", Some(holder)).fix.unwrap();
    assert!(fix.contains("DNSStubListener=no") && fix.contains("--dns"), "{fix}");
}

#[test]
fn a_holders_service_is_the_last_one_of_its_control_group() {
    assert_eq!(
        holder::unit("0::/system.slice/nginx.service\n").as_deref(),
        Some("nginx.service")
    );
    assert_eq!(
        holder::unit("0::/user.slice/user@0.service/app.slice/web.service\n").as_deref(),
        Some("web.service")
    );
    assert_eq!(holder::unit("0::/\n"), None);
}

#[test]
fn another_panel_is_no_neighbour() {
    let (_folder, machine) = with(&[("usr/local/psa/version", "18")]);
    let check = software::panels(&machine);
    assert_eq!(state(&check), State::Failure);
    assert!(check.detail.contains("Plesk"));
    let (_folder, alone) = with(&[]);
    assert_eq!(state(&software::panels(&alone)), State::Ok);
}

#[test]
fn postgresql_is_needed_unless_another_server_was_named() {
    assert_eq!(state(&software::postgresql(true)), State::Ok);
    assert_eq!(state(&software::postgresql(false)), State::Ok, "the tests need it too");
}

#[test]
fn the_worst_answer_counts_and_each_fix_stands_below_its_check() {
    let checks = [
        Check::ok("memory", "memory", "4000 MiB"),
        Check::failure("port.dns", "address of the name server", "taken", "stop it"),
    ];
    assert_eq!(worst(&checks), State::Failure);
    assert_eq!(worst(&[]), State::Ok);
    let text = told(&checks);
    assert!(
        text.contains("FAILURE  address of the name server: taken\n           stop it (port.dns)\n"),
        "{text}"
    );
}
