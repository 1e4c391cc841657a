use std::net::{TcpListener, UdpSocket};

use crate::folder::Folder;

#[test]
fn a_second_supervisor_names_the_first() {
    let mut folder = Folder::new();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let first = folder.start_ready();
    let (code, output) = folder.start().end();
    assert_eq!(code, Some(1));
    assert!(
        output.contains("already running") && output.contains(&format!("pid {}", first.process.pid())),
        "{output}"
    );
    assert!(first.is_alive());
    first.stop();
}

#[test]
fn a_taken_port_is_named_with_its_holder_and_the_setting() {
    let mut folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    folder.options.extend(["--edge-https".into(), address.clone()]);
    folder.options.drain(4..6);
    let (code, output) = folder.start().end();
    assert_eq!(code, Some(1));
    for part in [
        &address,
        "--edge-https",
        "MPANEL_EDGE_HTTPS",
        &format!("pid {}", std::process::id()),
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert!(folder.children().is_empty());
}

#[test]
fn a_dns_port_is_not_shared_with_a_stranger_even_if_he_would() {
    let mut folder = Folder::new();
    let stranger = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    stranger.set_reuse_port(true).unwrap();
    stranger
        .bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into())
        .unwrap();
    let stranger = UdpSocket::from(stranger);
    folder.options.drain(6..8);
    folder
        .options
        .extend(["--dns".into(), stranger.local_addr().unwrap().to_string()]);
    let (code, output) = folder.start().end();
    assert_eq!(code, Some(1));
    assert!(output.contains("UDP port") && output.contains("MPANEL_DNS"), "{output}");
}

#[test]
fn wrong_settings_are_named_before_anything_is_made() {
    let mut folder = Folder::new();
    folder
        .environment
        .insert("MPANEL_EDGE_HTPP".into(), "127.0.0.1:1".into());
    let (code, output) = folder.start().end();
    assert_eq!(code, Some(1));
    assert!(output.contains("MPANEL_EDGE_HTPP"), "{output}");
    assert!(!folder.data().exists());
}
