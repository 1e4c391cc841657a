use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::System;
use crate::main_job::person::Person;

/// "Anybody in the network is trusted": panels that listen everywhere until somebody locks them in. Here whoever changes nothing
/// listens on loopback; what the client makes of another certificate authority is in the tests of the command line (`network_*`).
#[tokio::test]
async fn network_without_any_setting_everything_listens_on_loopback_alone() {
    let system = System::prepare(&[]);
    let operator = Person::new(&system, "operator");
    let data = system.data().display().to_string();
    let settings = operator.json(&["config", "print", "--data", &data]);
    let listening: Vec<(&str, SocketAddr)> = settings
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| Some((line["key"].as_str()?, line["value"].as_str()?.parse().ok()?)))
        .collect();
    for key in ["panel", "edge_http", "edge_https", "dns"] {
        assert!(listening.iter().any(|(known, _)| *known == key), "{key}: {settings}");
    }
    for (key, address) in listening {
        assert!(address.ip().is_loopback(), "{key} listens on {address}");
    }
    let from_defaults = |line: &Value| line["key"] == "data" || line["source"] == "default";
    assert!(settings.as_array().unwrap().iter().all(from_defaults), "{settings}");
}
