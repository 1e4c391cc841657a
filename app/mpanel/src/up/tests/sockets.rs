use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use crate::up::sockets::{Held, Place, Sockets};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn dns(child: &'static str) -> [Held; 2] {
    let (setting, address, shared) = ("dns", ANY, true);
    [
        Held::new(
            child,
            "dns-udp",
            Place::Udp {
                setting,
                address,
                shared,
            },
        ),
        Held::new(
            child,
            "dns-tcp",
            Place::Tcp {
                setting,
                address,
                shared,
            },
        ),
    ]
}

#[test]
fn sockets_of_one_setting_share_the_port_that_the_first_one_got() {
    let mut sockets = Sockets::new(dns("dns-1").into_iter().chain(dns("dns-2")).collect());
    sockets.open(&[]).unwrap();
    assert_ne!(sockets.address("dns").unwrap().port(), 0);
    assert_eq!(sockets.addresses().len(), 1);
    assert_eq!(sockets.names("dns-2"), ["dns-udp", "dns-tcp"]);
    assert_eq!(sockets.for_child("dns-1").unwrap().len(), 2);
}

#[test]
fn a_port_that_is_taken_in_the_other_protocol_is_not_chosen() {
    let sockets = Sockets::new(dns("dns-1").into());
    let [udp, _] = dns("dns-1");
    let taken = TcpListener::bind(ANY).unwrap();
    let Ok(socket) = UdpSocket::bind(taken.local_addr().unwrap()) else {
        return; // Somebody has just got that one: then it is not chosen either.
    };
    let socket = OwnedFd::from(socket);
    assert!(!sockets.suits_all(&udp, &socket));
    drop(taken);
    assert!(sockets.suits_all(&udp, &socket));
}

#[test]
fn what_stays_with_an_adopted_child_is_opened_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let place = Place::Unix {
        path: path.clone(),
        owner: None,
        mode: 0o600,
    };
    let mut sockets = Sockets::new(vec![Held::new("serve", "serve", place)]);
    sockets.open(&["serve"]).unwrap();
    assert!(!path.exists());
    assert_eq!(sockets.for_child("serve").unwrap().len(), 1);
    assert!(path.exists());
}

#[test]
fn a_connection_is_not_mistaken_for_its_listener() {
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let _client = TcpStream::connect(address).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let place = Place::Tcp {
        setting: "panel",
        address,
        shared: false,
    };
    assert!(place.is_of(&OwnedFd::from(listener)));
    assert!(!place.is_of(&OwnedFd::from(accepted)));
    assert!(!place.is_of(&OwnedFd::from(std::fs::File::open("/dev/null").unwrap())));
}

#[test]
fn an_address_of_another_machine_is_explained() {
    let address = "192.0.2.7:80".parse().unwrap();
    let mut sockets = Sockets::new(vec![Held::new(
        "edge",
        "edge-http",
        Place::Tcp {
            setting: "edge_http",
            address,
            shared: false,
        },
    )]);
    let error = sockets.open(&[]).unwrap_err().to_string();
    assert!(
        error.contains("no address 192.0.2.7") && error.contains("--edge-http"),
        "{error}"
    );
}
