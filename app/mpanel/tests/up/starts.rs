use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mpanel_process::account::{self, Account};
use mpanel_process::procfs;
use mpanel_testkit::root;

use crate::folder::{Folder, eventually};

#[test]
fn a_first_start_serves_everything_and_a_signal_stops_everything() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let panel = folder.address("panel");
    assert!(
        up.output().contains(&format!("is ready: http://{panel}/")),
        "{}",
        up.output()
    );
    assert_eq!(up.output().contains("Started without root"), !account::is_root());
    let children = folder.children();
    assert_eq!(
        children.keys().collect::<Vec<_>>(),
        ["agent", "dns-1", "dns-2", "edge", "serve"]
    );
    for setting in ["panel", "edge_http", "edge_https"] {
        assert_eq!(folder.ask_tcp(setting), format!("edge {}", children["edge"]));
    }
    assert!(folder.ask_tcp("dns").starts_with("dns-") && folder.ask_udp().starts_with("dns-"));
    assert!(folder.postmaster().is_some());

    let postmaster = folder.postmaster().unwrap();
    let (code, output) = up.stop();
    assert_eq!(code, Some(0), "{output}");
    for pid in children.into_values().chain([postmaster]) {
        assert!(!procfs::stat(pid).is_some_and(|stat| stat.is_alive()), "{output}");
    }
    let stopped = ["serve", "agent", "edge", "dns-1", "postgres"].map(|name| {
        output
            .find(&format!("\"process stopped\",\"process\":\"{name}\""))
            .unwrap_or_else(|| panic!("{name}: {output}"))
    });
    assert!(stopped.is_sorted(), "{output}");

    // The tenth start is like the first.
    let up = folder.start_ready();
    assert_eq!(up.stop().0, Some(0));
}

#[test]
fn the_claim_link_is_printed_when_it_appears_and_when_it_changes() {
    let mut folder = Folder::new();
    folder
        .options
        .extend(["--database-url".into(), "postgres://u:hidden@127.0.0.1:1/db".into()]);
    let up = folder.start_ready();
    assert!(!up.output().contains("claim"));
    std::fs::write(folder.run("ca-fingerprint"), "AB:CD\n").unwrap();
    std::fs::write(folder.run("claim"), "first-token\n").unwrap();
    let panel = folder.address("panel");
    up.wait_for_output(&format!("http://{panel}/claim#first-token"));
    up.wait_for_output("AB:CD");
    std::fs::write(folder.run("claim"), "second-token\n").unwrap();
    up.wait_for_output("claim#second-token");
    // What is no token does not reach the terminal.
    std::fs::write(folder.run("claim"), "\u{1b}[31mred\n").unwrap();
    std::fs::write(folder.run("ca-fingerprint"), "EF:01\n").unwrap();
    up.wait_for_output("EF:01");
    assert!(!up.output().contains("red"));
    assert_eq!(folder.postmaster(), None);
    // The operator's database is for the panel only.
    let environment = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{}/environ", folder.children()[name])).unwrap())
            .into_owned()
    };
    assert!(environment("serve").contains("MPANEL_DATABASE_URL=postgres://u:hidden@"));
    for name in ["edge", "dns-1", "agent"] {
        assert!(!environment(name).contains("hidden"), "{name}");
    }
    up.stop();
}

#[test]
fn settings_come_from_the_file_and_reach_the_children() {
    let mut folder = Folder::new();
    std::fs::create_dir(folder.data()).unwrap();
    std::fs::write(
        folder.data().join("config.toml"),
        "hosts = [\"panel.example.org\"]\ndns = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let up = folder.start_ready();
    assert_ne!(folder.address("dns").port(), 1, "the command line wins");
    let environment = std::fs::read(format!("/proc/{}/environ", folder.children()["edge"])).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    let variables: Vec<&str> = environment.split('\0').collect();
    assert!(variables.contains(&"MPANEL_HOSTS=panel.example.org"), "{variables:?}");
    assert!(
        variables.contains(&"LISTEN_FDNAMES=edge-http:edge-https:panel"),
        "{variables:?}"
    );
    assert!(
        variables.contains(&format!("MPANEL_DNS={}", folder.address("dns")).as_str()),
        "{variables:?}"
    );
    up.stop();
}

#[test]
fn as_root_every_process_has_its_own_user_and_reaches_only_what_is_its_own() {
    if !root::here_or_excused("without root there is one user for all") {
        return;
    }
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let children = folder.children();
    let uid = |pid: u32| std::fs::metadata(format!("/proc/{pid}")).unwrap().uid();
    let account = |name: &str| Account::by_name(name).unwrap().unwrap();
    for (child, name) in [
        ("serve", "mpanel"),
        ("edge", "mpanel-edge"),
        ("dns-1", "mpanel-dns"),
        ("dns-2", "mpanel-dns"),
        ("agent", "root"),
    ] {
        assert_eq!(uid(children[child]), account(name).uid, "{child}");
    }
    assert_eq!(uid(folder.postmaster().unwrap()), account("mpanel-pg").uid);

    let (panel, edge, dns) = (account("mpanel"), account("mpanel-edge"), account("mpanel-dns"));
    let site = Account {
        name: "a site".into(),
        uid: 200_000,
        gid: 200_000,
    };
    let may = |who: &Account, socket: &str| connects(who, &folder.run(socket));
    for (socket, allowed) in [
        ("serve.sock", vec![&panel, &edge]),
        ("feed.sock", vec![&edge, &dns]),
        ("agent.sock", vec![&panel]),
        ("pg/.s.PGSQL.5432", vec![&panel]),
    ] {
        for who in [&panel, &edge, &dns, &site] {
            assert_eq!(may(who, socket), allowed.contains(&who), "{} on {socket}", who.name);
        }
    }
    let owner = |path: &str| {
        std::fs::metadata(folder.data().join(path))
            .map(|metadata| (metadata.uid(), metadata.mode() & 0o7777))
            .unwrap()
    };
    assert_eq!(owner("keys"), (panel.uid, 0o700));
    assert_eq!(owner("blobs/uploads"), (panel.uid, 0o700));
    assert_eq!(owner("edge"), (edge.uid, 0o700));
    assert_eq!(owner("dns"), (dns.uid, 0o700));
    assert_eq!(owner("sites"), (0, 0o711));
    assert_eq!(owner("run"), (0, 0o1771));
    assert_eq!(owner("postgres").0, account("mpanel-pg").uid);
    assert_eq!(owner("state.json"), (0, 0o600));
    up.stop();
}

/// Whether this account can connect to the socket; asked of Debian's Perl, which is always there.
fn connects(who: &Account, socket: &Path) -> bool {
    use std::os::unix::process::CommandExt;
    let program =
        "use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; exit(connect($s, sockaddr_un($ARGV[0])) ? 0 : 7)";
    let mut command = std::process::Command::new("perl");
    let status = command
        .arg("-e")
        .arg(program)
        .arg(socket)
        .current_dir("/")
        .uid(who.uid)
        .gid(who.gid)
        .status()
        .unwrap();
    assert!(matches!(status.code(), Some(0 | 7)), "{status}");
    status.success()
}

#[test]
fn logs_are_kept_per_process() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    for name in ["serve", "edge", "dns-1", "dns-2", "agent", "postgres"] {
        let log = folder.data().join("logs").join(format!("{name}.log"));
        eventually(name, || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.contains("start"))
        });
    }
    up.stop();
}
