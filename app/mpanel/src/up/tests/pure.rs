use std::net::{IpAddr, SocketAddr};

use crate::up::announce::url;
use crate::up::orphans::Orphans;
use crate::up::{accounts, holder, logs, state};

#[test]
fn the_panels_url_is_plain_http_on_loopback_only() {
    let url = |address: &str, outward: Option<&str>| {
        let outward: Option<IpAddr> = outward.map(|ip| ip.parse().unwrap());
        url(address.parse::<SocketAddr>().unwrap(), |_| outward)
    };
    assert_eq!(url("127.0.0.1:7080", None), "http://127.0.0.1:7080/");
    assert_eq!(url("[::1]:7080", None), "http://[::1]:7080/");
    assert_eq!(url("192.0.2.7:443", None), "https://192.0.2.7:443/");
    assert_eq!(url("0.0.0.0:7080", Some("192.0.2.7")), "https://192.0.2.7:7080/");
    assert_eq!(url("[::]:7080", Some("2001:db8::1")), "https://[2001:db8::1]:7080/");
}

#[test]
fn a_ports_sockets_are_found_in_the_kernels_table() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n\
        1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4243 1\n\
        2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1\n";
    assert_eq!(holder::inodes(table, 8080, true), [4242]);
    assert_eq!(holder::inodes(table, 8080, false), [4242, 4243]);
    assert_eq!(holder::inodes(table, 81, true), [] as [u64; 0]);
    assert_eq!(holder::inodes("garbage\n:\n", 81, true), [] as [u64; 0]);
}

#[test]
fn a_user_joins_the_group_of_its_name_when_there_is_one() {
    let without = accounts::arguments("mpanel", false);
    assert!(without.contains(&"--user-group") && without.last() == Some(&"mpanel"));
    let with = accounts::arguments("mpanel", true);
    assert!(with.windows(2).any(|pair| pair == ["--gid", "mpanel"]) && !with.contains(&"--user-group"));
}

#[test]
fn a_large_log_is_turned_over_while_its_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    let mut writer = logs::open(folder.path(), "edge").unwrap();
    let line = |writer: &mut std::fs::File, text: &str| std::io::Write::write_all(writer, text.as_bytes()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name)).unwrap_or_default();
    for round in ["first", "second", "third", "fourth"] {
        line(&mut writer, round);
        logs::rotate_larger_than(folder.path(), 3);
        assert_eq!(read("edge.log"), "");
        assert_eq!(read("edge.log.1"), round);
    }
    assert_eq!(
        (read("edge.log.2"), read("edge.log.3")),
        ("third".into(), "second".into())
    );
    assert_eq!(read("edge.log.4"), "");
    line(&mut writer, "x");
    logs::rotate_larger_than(folder.path(), 3);
    assert_eq!(read("edge.log"), "x");
}

#[test]
fn a_missing_or_broken_record_adopts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(state::load(folder.path()), state::State::default());
    let child = state::Child {
        name: "edge".into(),
        pid: 7,
        start: 9,
        fingerprint: u64::MAX,
        listeners: vec!["panel".into()],
    };
    let written = state::State {
        children: vec![child],
        ..state::State::default()
    };
    state::save(folder.path(), &written).unwrap();
    assert_eq!(state::load(folder.path()), written);
    std::fs::write(folder.path().join("state.json"), "{ cut").unwrap();
    assert_eq!(state::load(folder.path()), state::State::default());
}

#[test]
#[expect(clippy::zombie_processes, reason = "that it is one is what the test is about")]
fn an_ended_process_that_nobody_waits_for_is_taken_out_of_the_kernels_table() {
    let child = std::process::Command::new("true").spawn().unwrap();
    let ended = || mpanel_process::procfs::stat(child.id()).is_some_and(|stat| !stat.is_alive());
    while !ended() {
        std::thread::yield_now();
    }
    let mut orphans = Orphans::default();
    orphans.look(std::process::id() + 1);
    orphans.look(std::process::id() + 1);
    assert!(ended(), "it is another's");
    orphans.look(std::process::id());
    assert!(ended(), "somebody may be about to wait for it");
    orphans.look(std::process::id());
    assert!(mpanel_process::procfs::stat(child.id()).is_none());
}
